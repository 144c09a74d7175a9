"""Calendars."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from ingest.load import publish
from ingest.run import run
from ingest.source import Item, Source, Trouble
from retrieval.engine import to_record
from retrieval.records import Kind
from store import catalogue, sources
from store.database import Database
from store.source_tables import Revision
from store.tables import Record as Row
from tests.ingest.web.looking import TODAY, failure, forgetful, look, taken
from tests.ingest.web.test_feed import served
from tests.servers.site import Site


def calendar(*events: str, head: str = "") -> str:
    """A calendar with these events, as calendars write their lines."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//A club//EN", *head.split("\n"), *events, "END:VCALENDAR", ""]
    return "\r\n".join(line for part in lines for line in part.split("\n") if line or part == "")


def event(*lines: str, uid: str = "one@club.example", name: str = "Typing day") -> str:
    """An event."""
    return "\n".join(
        ["BEGIN:VEVENT", f"UID:{uid}", "DTSTAMP:20260101T000000Z", f"SUMMARY:{name}", *lines, "END:VEVENT"]
    )


def day(offset: int) -> str:
    """So many days from now, as calendars write it."""
    return f"{TODAY + timedelta(days=offset):%Y%m%d}"


def events(site: Site, *found: str, head: str = "") -> list[Item]:
    """What is taken of a calendar with these events."""
    return taken("ical", served(site, calendar(*found, head=head), "text/calendar; charset=utf-8"))


def test_an_event_is_taken_with_its_days(site: Site) -> None:
    (item,) = events(
        site,
        event(
            f"DTSTART;VALUE=DATE:{day(10)}",
            f"DTEND;VALUE=DATE:{day(12)}",
            "DESCRIPTION:Learn to type\\, with ten\n  fingers.\\nBring a friend",
            "LOCATION:Library\\, Main Street",
            "URL:https://club.example/day",
            "CATEGORIES:Typing,Office",
            "CATEGORIES:Skills",
            name="Typing\\; for all 🎉",
        ),
    )

    assert item == Item(
        key="one@club.example",
        name="Typing; for all 🎉",
        url="https://club.example/day",
        kind=Kind.RESOURCE,
        text="Learn to type, with ten fingers.\nBring a friend\nLibrary, Main Street",
        tags=("Typing", "Office", "Skills"),
        modality=("in-person",),
        starts=TODAY + timedelta(days=10),
        ends=TODAY + timedelta(days=11),
    )


@pytest.mark.parametrize(
    ("times", "starts", "ends"),
    [
        (["DTSTART:20990301T100000Z", "DTEND:20990301T120000Z"], date(2099, 3, 1), date(2099, 3, 1)),
        (["DTSTART;TZID=Asia/Tokyo:20990301T003000"], date(2099, 3, 1), date(2099, 3, 1)),
        (["DTSTART;TZID=W. Europe Standard Time:20990301T233000", "DURATION:PT1H"], date(2099, 3, 1), date(2099, 3, 2)),
        (["DTSTART;TZID=Nowhere/Land:20990301T100000", "DURATION:P3D"], date(2099, 3, 1), date(2099, 3, 4)),
        (["DTSTART:20990301T100000", "DTEND:20990302T000000"], date(2099, 3, 1), date(2099, 3, 1)),
        (["DTSTART;VALUE=DATE:20990301"], date(2099, 3, 1), date(2099, 3, 1)),
        (["DTSTART:20990301"], date(2099, 3, 1), date(2099, 3, 1)),
        (["DTSTART;VALUE=DATE:20990301", "DTEND;VALUE=DATE:20990227"], date(2099, 3, 1), date(2099, 3, 1)),
        (["DTSTART;VALUE=DATE:20990301", "DTEND:nonsense"], date(2099, 3, 1), date(2099, 3, 1)),
        (["DTSTART;VALUE=DATE:20990301", "DURATION:nonsense"], date(2099, 3, 1), date(2099, 3, 1)),
    ],
)
def test_the_days_are_those_where_the_event_is(site: Site, times: list[str], starts: date, ends: date) -> None:
    (item,) = events(site, event(*times))

    assert (item.starts, item.ends) == (starts, ends)


def test_times_of_utc_are_read_where_the_calendar_is(site: Site) -> None:
    (item,) = events(site, event("DTSTART:20990301T223000Z"), head="X-WR-TIMEZONE:Asia/Tokyo")
    (odd,) = events(site, event("DTSTART:20990301T223000Z"), head="X-WR-TIMEZONE:../../etc/passwd")

    assert (item.starts, odd.starts) == (date(2099, 3, 2), date(2099, 3, 1))


def test_what_is_over_cancelled_or_private_is_left_out(site: Site) -> None:
    found = events(
        site,
        event(f"DTSTART;VALUE=DATE:{day(-3)}", uid="over"),
        event(f"DTSTART;VALUE=DATE:{day(3)}", "STATUS:CANCELLED", uid="cancelled"),
        event(f"DTSTART;VALUE=DATE:{day(3)}", "CLASS:PRIVATE", uid="private"),
        event(f"DTSTART;VALUE=DATE:{day(-3)}", f"DTEND;VALUE=DATE:{day(2)}", uid="going on"),
        event(f"DTSTART;VALUE=DATE:{day(3)}", "STATUS:CONFIRMED", "CLASS:PUBLIC", uid="to come"),
    )

    assert [item.key for item in found] == ["going on", "to come"]


@pytest.mark.parametrize(
    ("lines", "after"),
    [
        (["RRULE:FREQ=WEEKLY"], 4),
        (["RRULE:FREQ=WEEKLY;INTERVAL=2"], 4),
        (["RRULE:FREQ=DAILY;INTERVAL=3"], 2),
        (["RRULE:FREQ=WEEKLY", f"EXDATE;VALUE=DATE:{day(4)}"], 11),
        (["RRULE:FREQ=WEEKLY", f"EXDATE;VALUE=DATE:{day(4)},{day(11)}", f"EXDATE;VALUE=DATE:{day(18)}"], 25),
        (["RRULE:FREQ=WEEKLY", f"RDATE;VALUE=DATE:{day(1)}"], 1),
        (["RRULE:FREQ=WEEKLY;COUNT=3", f"RDATE;VALUE=DATE:{day(60)}"], 4),
        (["RRULE:FREQ=WEEKLY;COUNT=2", f"RDATE;VALUE=DATE:{day(60)},{day(50)}"], 50),
        ([f"RRULE:FREQ=WEEKLY;UNTIL={day(4)}"], 4),
        ([f"RRULE:FREQ=WEEKLY;UNTIL={day(3)}"], None),
        (["RRULE:FREQ=WEEKLY;COUNT=2"], None),
        (["RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"], None),
    ],
)
def test_of_what_repeats_the_next_occurrence_is_taken(site: Site, lines: list[str], after: int | None) -> None:
    found = events(site, event(f"DTSTART;VALUE=DATE:{day(-10)}", *lines))

    assert [item.starts for item in found] == ([] if after is None else [TODAY + timedelta(days=after)])


def test_a_rule_is_that_of_the_zone_in_which_it_is_written(site: Site) -> None:
    monday = TODAY + timedelta(days=-TODAY.weekday() - 7)
    rule = "RRULE:FREQ=WEEKLY;BYDAY=MO"

    (item,) = events(site, event(f"DTSTART:{monday:%Y%m%d}T223000Z", rule), head="X-WR-TIMEZONE:Asia/Tokyo")

    assert item.starts is not None
    assert item.starts.weekday() == 1


@pytest.mark.parametrize(("until", "after"), [("T090000Z", None), ("T080000Z", None), ("T100000Z", 4)])
def test_a_rule_ends_at_its_moment(site: Site, until: str, after: int | None) -> None:
    rule = f"RRULE:FREQ=WEEKLY;UNTIL={day(4)}{until}"

    found = events(site, event(f"DTSTART;TZID=Africa/Nairobi:{day(-10)}T123000", rule))  # half past nine in UTC

    assert [item.starts for item in found] == ([] if after is None else [TODAY + timedelta(days=after)])


def test_occurrences_that_were_moved_or_cancelled_are_heeded(site: Site) -> None:
    weekly = event(f"DTSTART;TZID=Africa/Nairobi:{day(-10)}T100000", "RRULE:FREQ=WEEKLY")
    cancelled = event(
        f"RECURRENCE-ID;TZID=Africa/Nairobi:{day(4)}T100000", f"DTSTART:{day(4)}T070000Z", "STATUS:CANCELLED"
    )
    moved = event(
        f"RECURRENCE-ID;TZID=Africa/Nairobi:{day(11)}T100000", f"DTSTART:{day(12)}T070000Z", name="A day later"
    )

    (item,) = events(site, weekly, cancelled, moved)

    assert (item.starts, item.name) == (TODAY + timedelta(days=12), "A day later")
    (item,) = events(site, weekly, cancelled)
    assert (item.starts, item.name) == (TODAY + timedelta(days=11), "Typing day")


def test_a_series_that_is_cancelled_is_left_out_whatever_was_moved(site: Site) -> None:
    series = event(f"DTSTART;VALUE=DATE:{day(-10)}", "RRULE:FREQ=WEEKLY", "STATUS:CANCELLED")
    moved = event(f"RECURRENCE-ID;VALUE=DATE:{day(4)}", f"DTSTART;VALUE=DATE:{day(5)}")

    assert events(site, series, moved) == []


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=SECONDLY", "FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;INTERVAL=-1", "FREQ=SOMETIMES", "nonsense", "INTERVAL=2",
        "RSCALE=CHINESE;FREQ=YEARLY", "FREQ=WEEKLY;BYDAY=XX", "FREQ=WEEKLY;UNTIL=later",
    ],
)  # fmt: skip
def test_a_rule_that_is_not_understood_is_told_and_the_first_day_counts(site: Site, rule: str) -> None:
    address = served(site, calendar(event(f"DTSTART;VALUE=DATE:{day(3)}", f"RRULE:{rule}")), "text/calendar")

    trouble, item = look("ical", address)

    assert isinstance(trouble, Trouble)
    assert "repeats by a rule that is not understood" in trouble.message
    assert isinstance(item, Item)
    assert item.starts == TODAY + timedelta(days=3)


@pytest.mark.parametrize(
    ("lines", "modality"),
    [
        (["LOCATION:Library\\, Main Street"], ("in-person",)),
        (["LOCATION:https://anything.example/room"], ("online-instructor-led",)),
        (["LOCATION:Online"], ("online-instructor-led",)),
        (["LOCATION:Microsoft Teams Meeting"], ("online-instructor-led",)),
        (["LOCATION:En ligne (Zoom)"], ("online-instructor-led",)),
        (["LOCATION:Onlineville Hall"], ("in-person",)),
        (["LOCATION:https://maps.example/maps/library"], ("in-person",)),
        (["URL:https://us02web.zoom.us/j/1"], ("online-instructor-led",)),
        (["DESCRIPTION:Join: https://meet.google.com/abc"], ("online-instructor-led",)),
        (["CONFERENCE;VALUE=URI:https://chat.example/1"], ("online-instructor-led",)),
        (["LOCATION:Library", "X-GOOGLE-CONFERENCE:https://meet.google.com/abc"], ("blended",)),
        (["DESCRIPTION:See https://club.example/zoom.us"], ()),
        ([], ()),
    ],
)
def test_an_event_is_where_its_location_says_or_online(site: Site, lines: list[str], modality: tuple[str, ...]) -> None:
    (item,) = events(site, event(f"DTSTART;VALUE=DATE:{day(3)}", *lines))

    assert item.modality == modality


def test_ugly_events_are_told_and_the_others_taken(site: Site) -> None:
    ugly = calendar(
        event("DTSTART:nonsense", uid="a"),
        event(uid="b"),
        event(f"DTSTART;VALUE=DATE:{day(3)}", uid="c", name=""),
        event("DTSTART;VALUE=DATE:99991231", "DTEND;VALUE=DATE:99991231", "RRULE:FREQ=DAILY", uid="d"),
        event(f"DTSTART;VALUE=DATE:{day(3)}", "this is no line", "EXDATE:nonsense", "CATEGORIES:", uid="e", name="Été"),
        f"BEGIN:VEVENT\nSUMMARY;LANGUAGE=fr:Sans clé\nDTSTART;VALUE=DATE:{day(4)}\nURL:javascript:a\nEND:VEVENT",
        "BEGIN:VTODO\nUID:f\nSUMMARY:Not an event\nEND:VTODO",
    )

    found = list(look("ical", served(site, ugly, "text/calendar")))

    assert [each.where for each in found if isinstance(each, Trouble)] == ["there a", "there b", "there c", "there d"]
    accented, keyless = [each for each in found if isinstance(each, Item)]
    assert (accented.key, accented.name, accented.tags) == ("e", "Été", ())
    assert (len(keyless.key), keyless.url, keyless.languages) == (16, "", ("fr",))


def test_several_calendars_in_one_file_are_all_read(site: Site) -> None:
    both = calendar(event("DTSTART:20990301", uid="a")) + calendar(event("DTSTART:20990302", uid="b"))

    assert [item.key for item in taken("ical", served(site, "\ufeff" + both, "text/calendar"))] == ["a", "b"]


def test_a_calendar_that_is_cut_off_is_not_taken_for_an_empty_one(site: Site) -> None:
    whole = calendar(event("DTSTART:20990301"))

    assert "the calendar is cut off" in failure("ical", served(site, whole[:-20], "text/calendar"))


@pytest.mark.parametrize("body", ["", "<html>Sorry</html>", "not a calendar\r\nEND:VCALENDAR\r\n", b"\x00\xff" * 50])
def test_what_is_no_calendar_is_told(site: Site, body: str | bytes) -> None:
    said = failure("ical", served(site, body, "text/calendar"))

    assert "there is no calendar" in said or "the calendar cannot be read" in said


def test_hostile_rules_do_not_hold_us_up_for_long(site: Site) -> None:
    never = "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;BYHOUR=0,1,2,3;BYMINUTE=1,2,3;BYSECOND=1,2,3"
    found = events(site, *(event("DTSTART:19000101", never, uid=str(number)) for number in range(3)))

    assert found == []


# What repeats, the whole way


class Club:
    """A calendar with an evening every week, from which its first weeks fall off as time passes."""

    def __init__(self, database: Database, site: Site) -> None:
        self.database, self.site = database, site
        self.source = Source(name="club", adapter="ical", location=site.url + "/feed")

    def looks(self, days_off: int, *lines: str, rule: str = "RRULE:FREQ=WEEKLY") -> str:
        evening = event(f"DTSTART;VALUE=DATE:{day(days_off)}", rule, *lines, name="Typing evening")
        served(self.site, calendar(evening), "text/calendar; charset=utf-8")
        return run(self.database, self.source, forgetful()).summary()

    def waits(self) -> list[Revision]:
        with self.database.read() as session:
            return list(sources.waiting(session))

    def approves(self) -> None:
        with self.database.write() as session:
            (revision,) = sources.waiting(session)
            revision.state = "approved"
            publish(session, revision.body, "lead")

    def row(self) -> Row:
        with self.database.read() as session:
            return session.scalars(select(Row)).one()


@pytest.fixture
def club(database: Database, site: Site) -> Club:
    return Club(database, site)


def test_the_next_day_of_what_repeats_is_taken_over_without_a_look_and_what_was_checked_stays_so(club: Club) -> None:
    assert club.looks(2) == "added 1, changed 0, ended 0, rejected 0"
    club.approves()
    before = club.row()

    assert club.looks(9) == "added 0, changed 0, ended 0, rejected 0"

    after = club.row()
    assert club.waits() == []
    assert (after.body["starts"], after.body["ends"]) == (f"{TODAY + timedelta(days=9)}",) * 2
    assert (after.checked_on, after.checked_by, after.review_by) == (TODAY, "lead", before.review_by)
    assert after.digest != before.digest
    assert after.changed_at > before.changed_at
    assert to_record(after).starts == TODAY + timedelta(days=9)


def test_what_still_waits_for_a_look_moves_on_too(club: Club) -> None:
    club.looks(2)
    club.looks(9)

    (revision,) = club.waits()
    assert revision.body["starts"] == f"{TODAY + timedelta(days=9)}"


def test_nothing_is_written_when_the_day_is_the_same(club: Club) -> None:
    club.looks(2)
    club.approves()
    before = club.row()
    club.looks(2)

    assert club.row().changed_at == before.changed_at


def test_a_real_change_of_what_repeats_is_looked_at(club: Club) -> None:
    club.looks(2)
    club.approves()

    assert club.looks(9, "LOCATION:https://meet.example/typing") == "added 0, changed 1, ended 0, rejected 0"

    (revision,) = club.waits()
    assert (revision.kind, revision.body["modality"]) == ("changed", ["online-instructor-led"])
    assert club.looks(16, "LOCATION:https://meet.example/typing") == "added 0, changed 0, ended 0, rejected 0"


def test_another_day_of_what_takes_place_once_is_looked_at(club: Club) -> None:
    club.looks(2, rule="SEQUENCE:1")
    club.approves()

    assert club.looks(9, rule="SEQUENCE:2") == "added 0, changed 1, ended 0, rejected 0"


def test_days_that_another_source_or_a_provider_tells_stay(club: Club) -> None:
    club.looks(2)
    club.approves()
    own = club.row()
    with club.database.write() as session:
        session.get_one(Row, own.id).source = "another source"
        sources.propose(session, own.id, sources.CHANGED, "provider", own.body)
    club.looks(9)

    (revision,) = club.waits()
    assert revision.body["starts"] == own.body["starts"]
    assert club.row().body["starts"] == own.body["starts"]


def test_what_was_withdrawn_does_not_come_back_by_moving_on(club: Club) -> None:
    club.looks(2)
    club.approves()
    with club.database.write() as session:
        catalogue.withdraw(session, club.row().id)
    club.looks(9)

    assert club.row().withdrawn_at is not None
    assert club.row().body["starts"] == f"{TODAY + timedelta(days=2)}"


def test_a_calendar_that_somebody_has_saved_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "club.ics").write_text(calendar(event(f"DTSTART;VALUE=DATE:{day(10)}")), encoding="utf-8", newline="")

    assert [item.name for item in taken("ical", str(tmp_path / "club.ics"))] == ["Typing day"]
    assert "No such file" in failure("ical", str(tmp_path / "nothing.ics"))
