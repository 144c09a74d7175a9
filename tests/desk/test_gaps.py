"""Needs and gaps at the desk: seen, written down, called out, filled; coverage and weak spots."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import make_transient

from bot.replies import Replies
from desk.csv import harmless, written
from desk.gaps import public_rows
from desk.weakness import weakest
from store import contacts
from store.database import Database
from store.demand import Turns, Wish
from store.desk_tables import Gap
from store.tables import Audit, Contact, Conversation, Delivery, Record, Ticket, Turn, now
from tests.desk.conftest import House, Seat


@pytest.fixture
def amina(house: House) -> Seat:
    return house.seat("Amina")


@pytest.fixture
def shelf(house: House, catalogue: Database) -> House:
    """The house with the starter catalogue in its tables."""
    with catalogue.read() as there, house.database.write() as here:
        for record in there.scalars(select(Record)):
            make_transient(record)
            here.add(record)
    return house


def asks(house: House, who: str, *topics: str, question: dict[str, Any] | None = None, **more: Any) -> int:
    """Somebody asks in vain, in words that are their own."""
    asked = {"topics": dict.fromkeys(topics or ("python",), 1.0), "language": "en"} | (question or {})
    changes = {key: more.pop(key) for key in ("wants_news", "outcome", "state", "opened_at", "rating") if key in more}
    number = house.ticket(address=who, need={"words": f"the words of {who}", "question": asked}, **more)
    with house.database.write() as session:
        if changes:
            session.execute(update(Ticket).where(Ticket.id == number).values(changes))
    return number


def open_gap(seat: Seat, **cell: str) -> int:
    """Write a gap down; gives its number."""
    answer = seat.browser.post("/desk/gaps", data=cell, follow_redirects=False)
    assert answer.status_code == 303, answer.text
    return int(answer.headers["location"].rpartition("/")[2])


def told(house: House) -> list[tuple[int, str, str]]:
    """To whom what was said, in which language."""
    with house.database.read() as session:
        query = select(Delivery.conversation_id, Delivery.language, Delivery.text).order_by(Delivery.id)
        return [tuple(row) for row in session.execute(query)]


def person(house: House, who: str) -> int:
    with house.database.read() as session:
        found = contacts.find(session, house.vault, "console", who)
        assert found is not None
        return session.scalars(select(Conversation.id).where(Conversation.contact_id == found.id)).one()


def contact(house: House, who: str, **values: Any) -> None:
    with house.database.write() as session:
        found = contacts.find(session, house.vault, "console", who)
        assert found is not None
        session.execute(update(Contact).where(Contact.id == found.id).values(values))


def audited(house: House) -> list[tuple[str, str]]:
    with house.database.read() as session:
        return [tuple(row) for row in session.execute(select(Audit.action, Audit.subject).order_by(Audit.id))]


def sheet(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def cell(page: str, row: str, table: str) -> list[str]:
    """What stands in a row of a table, as words."""
    body = re.search(rf'<table[^>]*id="{table}".*?</table>', page, re.DOTALL)
    assert body, f"there is no table {table}"
    for line in re.findall(r"<tr>.*?</tr>", body[0], re.DOTALL):
        words = [
            re.sub(r"<[^>]+>", "", part).strip() for part in re.findall(r"<t[hd][^>]*>.*?</t[hd]>", line, re.DOTALL)
        ]
        if words[0] == row:
            return words[1:]
    raise AssertionError(f"there is no row {row}")


# --- what people ask for in vain --------------------------------------------------------------


def test_the_page_counts_people_by_topic(house: House, amina: Seat) -> None:
    asks(house, "ama", "python")
    asks(house, "kofi", "python", "cloud")
    asks(house, "esi", "python", state="closed", outcome="matched")
    page = amina.get("/gaps")
    assert cell(page, "Python programming", "topics") == ["2", "1"]
    assert cell(page, "cloud computing: AWS, Azure", "topics") == ["1", "0"]


def test_filters_narrow_what_is_counted(house: House, amina: Seat) -> None:
    asks(house, "ama", "python", country="KE")
    asks(house, "kofi", "python")
    assert cell(amina.get("/gaps?country=KE"), "Python programming", "topics") == ["1", "0"]
    assert "Nobody has asked for this in vain." in amina.get("/gaps?country=SN")


def test_nobodys_words_are_on_the_page(house: House, amina: Seat) -> None:
    number = asks(house, "ama", "python")
    gap = open_gap(amina, topic="python", country="GH")
    for path in ("/gaps", f"/gaps/{gap}"):
        assert "the words of ama" not in amina.get(path)
    assert f'href="/desk/chats/{number}"' in amina.get(f"/gaps/{gap}")


@pytest.mark.parametrize(
    "query",
    [
        "days=7",
        "days=x",
        "country=%3Cscript%3E",
        "topic=no-such",
        "need=" + "x" * 500,
        "days=0&language=%22%3E",
        "days=",
    ],
)
def test_an_address_that_makes_no_sense_still_gives_a_page(house: House, amina: Seat, query: str) -> None:
    asks(house, "ama")
    page = amina.get(f"/gaps?{query}")
    assert "<script>" not in page
    assert '">"' not in page


@pytest.mark.parametrize("path", ["/gaps", "/coverage", "/weakness"])
@pytest.mark.parametrize("language", ["ar", "fr", "zh"])
def test_the_pages_come_in_the_officers_language(shelf: House, path: str, language: str) -> None:
    asks(shelf, "ama")
    page = shelf.seat("Leila", language=language).get(path)
    assert f'<html lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}">' in page


# --- files ------------------------------------------------------------------------------------


def test_the_file_has_a_row_of_tags_and_every_cell(house: House, amina: Seat) -> None:
    asks(house, "ama", "python", country="KE", question={"audiences": ["youth"]})
    heads, tags, *rows = sheet(amina.get("/gaps.csv"))
    assert tags[:4] == ["#date+month", "#sector+code", "#sector+name", "#country+code"]
    assert all(tag.startswith("#") for tag in tags)
    assert len(heads) == len(tags)
    month = f"{now():%Y-%m}"
    assert rows == [[month, "python", "Python programming", "KE", "Kenya", "en", "youth", "nothing-fits", "1", "0"]]
    assert ("gaps.export", "inside") in audited(house)


def test_the_file_keeps_to_the_filters(house: House, amina: Seat) -> None:
    asks(house, "ama", "python", country="KE")
    asks(house, "kofi", "cloud")
    assert [row[1] for row in sheet(amina.get("/gaps.csv?country=KE"))[2:]] == ["python"]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", " =1+1", "＝1+1"])
def test_no_cell_runs_in_a_spreadsheet(text: str) -> None:
    assert str(harmless(text)).startswith("'")
    assert sheet(written((("Name", "#name"),), [[text]]))[2][0].startswith("'")


def test_plain_cells_and_numbers_stay_as_they_are() -> None:
    assert [harmless(value) for value in ("Kenya", "", -1, None, 0.5)] == ["Kenya", "", -1, None, 0.5]


def test_what_a_person_wrote_cannot_run_in_the_file(house: House, amina: Seat) -> None:
    asks(house, "ama", "=HYPERLINK(1)", country=None)
    assert sheet(amina.get("/gaps.csv"))[2][1] == "'=HYPERLINK(1)"


def wish(number: int, topic: str, country: str, day: date) -> Wish:
    return Wish(
        number,
        number,
        day,
        (topic,),
        country,
        ("en",),
        ("",),
        ("nothing-fits",),
        "en",
        met=False,
        is_open=True,
        gap=None,
    )


def test_the_public_file_has_no_number_under_five_and_no_quarter_that_runs() -> None:
    spring, summer = date(2026, 5, 1), date(2026, 8, 1)
    many = [wish(n, "python", "GH", spring) for n in range(1, 8)]
    few = [wish(n, "cloud", "KE", spring) for n in range(11, 14)]
    late = [wish(n, "python", "GH", summer) for n in range(21, 30)]
    rows = list(public_rows([*many, *few, *late], today=date(2026, 9, 1)))
    assert {row[0] for row in rows} == {"2026-Q2"}
    assert all(isinstance(row[-1], int) and row[-1] >= 5 for row in rows)
    shown = {(row[1], row[3]): row[-1] for row in rows}
    # Ten in all and seven on Python would say that three asked for something else.
    assert not {("*", "*"), ("python", "*")} <= set(shown)


def test_the_public_file_takes_no_filters(house: House, amina: Seat) -> None:
    past = datetime(2025, 2, 1, tzinfo=UTC)
    for number in range(6):
        asks(house, f"person-{number}", "python", country="GH", opened_at=past)
    plain = amina.get("/gaps/public.csv")
    assert ["2025-Q1", "python", "Python programming", "GH", "Ghana", "6"] in sheet(plain)
    assert amina.get("/gaps/public.csv?country=KE&topic=cloud") == plain
    assert ("gaps.export", "public") in audited(house)


# --- a gap ------------------------------------------------------------------------------------


def test_a_gap_takes_all_who_ask_for_the_same(house: House, amina: Seat) -> None:
    same = [asks(house, "ama"), asks(house, "kofi", state="closed", outcome="gap")]
    other = [asks(house, "esi", country="KE"), asks(house, "yaw", state="closed", outcome="matched")]
    gap = open_gap(amina, topic="python", country="GH")
    assert [house.row(Ticket, number).gap_id for number in same] == [gap, gap]
    assert [house.row(Ticket, number).gap_id for number in other] == [None, None]
    assert ("gap.open", f"{gap} python") in audited(house)


def test_a_gap_comes_from_a_ticket(house: House, amina: Seat) -> None:
    number = asks(house, "ama", "cloud", country="KE", question={"audiences": ["youth"], "taught_in": ["sw"]})
    made = house.row(Gap, open_gap(amina, ticket=str(number)))
    assert (made.topic, made.country, made.language, made.audience) == ("cloud", "KE", "sw", "youth")
    assert house.row(Ticket, number).gap_id == made.id


def test_the_same_gap_is_written_down_once(house: House, amina: Seat) -> None:
    first = open_gap(amina, topic="python", country="GH")
    assert open_gap(amina, topic="python", country="GH") == first
    assert open_gap(amina, topic="python") != first


@pytest.mark.parametrize(
    "cell",
    [
        {"topic": "no-such"},
        {"topic": "youth"},
        {},
        {"topic": "python", "country": "XX"},
        {"topic": "python", "language": "qq"},
        {"topic": "python", "audience": "python"},
        {"ticket": "99"},
        {"ticket": "-1"},
        {"ticket": "9" * 30},
    ],
)
def test_what_there_is_not_makes_no_gap(house: House, amina: Seat, cell: dict[str, str]) -> None:
    assert amina.post("/gaps", **cell) == 422
    with house.database.read() as session:
        assert session.scalars(select(Gap)).all() == []


def test_those_who_ask_later_stand_behind_an_open_gap_too(house: House, amina: Seat) -> None:
    gap = open_gap(amina, topic="python", country="GH")
    number = asks(house, "ama")
    assert f'href="/desk/chats/{number}"' in amina.get(f"/gaps/{gap}")


def test_a_gap_is_given_to_an_officer(house: House, amina: Seat) -> None:
    gap, brian = open_gap(amina, topic="python"), house.seat("Brian")
    assert amina.post(f"/gaps/{gap}/assign", officer=str(brian.id)) == 303
    assert house.row(Gap, gap).officer_id == brian.id
    assert amina.post(f"/gaps/{gap}/assign", officer="999") == 422
    assert amina.post(f"/gaps/{gap}/assign", officer="") == 303
    assert house.row(Gap, gap).officer_id is None


def test_the_call_is_drafted_in_english_and_the_officers_language(house: House) -> None:
    leila = house.seat("Leila", language="fr")
    page = leila.get(f"/gaps/{open_gap(leila, topic='python', country='SN', language='fr')}")
    draft = re.search(r"<textarea.*?>(.*?)</textarea>", page, re.DOTALL)
    assert draft
    assert "Call for providers: Python programming" in draft[1]
    assert Replies("fr").concept("Python programming") in draft[1]
    assert "Senegal" in draft[1]
    assert "Sénégal" in draft[1]


def test_a_call_names_how_many_only_from_five_people_on(house: House, amina: Seat) -> None:
    gap = open_gap(amina, topic="python", country="GH")
    for number in range(4):
        asks(house, f"person-{number}")
    assert "have asked." not in amina.get(f"/gaps/{gap}")
    asks(house, "person-5")
    assert "5 people have asked." in amina.get(f"/gaps/{gap}")


def test_a_call_that_is_out_is_kept(house: House, amina: Seat) -> None:
    gap = open_gap(amina, topic="python")
    assert amina.post(f"/gaps/{gap}/call", text="We seek <b>teachers</b>.") == 303
    kept = house.row(Gap, gap)
    assert (kept.state, kept.call, kept.called_at is not None) == ("called", "We seek <b>teachers</b>.", True)
    assert "We seek &lt;b&gt;teachers&lt;/b&gt;." in amina.get(f"/gaps/{gap}")
    assert amina.post(f"/gaps/{gap}/call", text="  ") == 422


# --- filling it -------------------------------------------------------------------------------


def joinable(house: House) -> str:
    """A record that people everywhere can join, whoever they are."""
    with house.database.read() as session:
        for row in session.scalars(select(Record).order_by(Record.id)):
            rules = row.body["eligibility"]
            anywhere = rules["countries"] in (["GLOBAL"], ["ALL"]) and not rules.get("age")
            if anywhere and "everyone" in (rules.get("groups") or []) and row.status == "active":
                return row.id
    raise AssertionError("the starter catalogue has no such record")


def test_filling_a_gap_tells_those_who_agreed_in_their_language(shelf: House, amina: Seat) -> None:
    record = joinable(shelf)
    french = asks(shelf, "ama", language="fr", wants_news=True)
    asks(shelf, "kofi", wants_news=True)
    asks(shelf, "esi", wants_news=False)
    asks(shelf, "yaw")
    gap = open_gap(amina, topic="python", country="GH")
    seen = shelf.said.count
    assert amina.post(f"/gaps/{gap}/close", record=record) == 303
    assert [(who, language) for who, language, _text in told(shelf)] == [
        (person(shelf, "ama"), "fr"),
        (person(shelf, "kofi"), "en"),
    ]
    english = told(shelf)[1][2]
    assert english.startswith("You asked us for something that we could not find then. Now there is this:\n\n*")
    assert shelf.row(Record, record).body["provider"] in english
    closed = shelf.row(Gap, gap)
    assert (closed.state, closed.record_id) == ("closed", record)
    assert shelf.row(Ticket, french).matched == [record]
    assert ("gap.close", f"{gap} {record} told 2") in audited(shelf)
    assert shelf.said.count > seen


def test_nobody_is_told_twice(shelf: House, amina: Seat) -> None:
    record = joinable(shelf)
    asks(shelf, "ama", "python", "cloud", wants_news=True, state="closed", outcome="gap")
    asks(shelf, "ama", "python", wants_news=True, state="closed", outcome="gap")
    asks(shelf, "ama", "cloud", wants_news=True)
    gap, other = open_gap(amina, topic="python"), open_gap(amina, topic="cloud")
    assert amina.post(f"/gaps/{gap}/close", record=record) == 303
    assert amina.post(f"/gaps/{gap}/close", record=record) == 409
    assert amina.post(f"/gaps/{other}/close", record=record) == 303
    assert len(told(shelf)) == 1


def test_who_stopped_us_is_not_told(shelf: House, amina: Seat) -> None:
    asks(shelf, "ama", wants_news=True)
    contact(shelf, "ama", stopped_at=now())
    gap = open_gap(amina, topic="python")
    assert amina.post(f"/gaps/{gap}/close", record=joinable(shelf)) == 303
    assert told(shelf) == []


def test_who_is_forgotten_is_not_told(shelf: House, amina: Seat) -> None:
    number = asks(shelf, "ama", wants_news=True)
    with shelf.database.write() as session:
        session.execute(update(Ticket).where(Ticket.id == number).values(conversation_id=None))
    gap = open_gap(amina, topic="python")
    assert amina.post(f"/gaps/{gap}/close", record=joinable(shelf)) == 303
    assert told(shelf) == []


def test_who_cannot_join_is_not_told_and_the_officer_sees_it(shelf: House, amina: Seat) -> None:
    record = joinable(shelf)
    with shelf.database.write() as session:
        row = session.get_one(Record, record)
        rules = {**row.body["eligibility"], "countries": ["KE"]}
        row.body = {**row.body, "eligibility": rules}
    asks(shelf, "ama", wants_news=True)
    asks(shelf, "kofi", country="KE", wants_news=True)
    gap = open_gap(amina, topic="python")
    answer = amina.browser.post(f"/desk/gaps/{gap}/close", data={"record": record})
    assert [who for who, _language, _text in told(shelf)] == [person(shelf, "kofi")]
    assert "1 person who had agreed is told." in answer.text
    assert "1 person is not told, because they cannot join it." in answer.text


def test_a_gap_is_not_filled_by_what_cannot_be_offered(shelf: House, amina: Seat) -> None:
    gap, record = open_gap(amina, topic="python"), joinable(shelf)
    with shelf.database.write() as session:
        session.get_one(Record, record).withdrawn_at = now()
    for name in (record, "no-such-record", "", "x" * 500):
        assert amina.post(f"/gaps/{gap}/close", record=name) == 422
    assert shelf.row(Gap, gap).state == "open"


def test_a_filled_gap_stays_as_it_is(shelf: House, amina: Seat) -> None:
    gap = open_gap(amina, topic="python")
    assert amina.post(f"/gaps/{gap}/close", record=joinable(shelf)) == 303
    assert amina.post(f"/gaps/{gap}/call", text="Wanted") == 409
    assert amina.post(f"/gaps/{gap}/assign", officer=str(amina.id)) == 409
    assert amina.post("/gaps/999/assign", officer="") == 409
    assert "Filled by" in amina.get(f"/gaps/{gap}")


@pytest.mark.parametrize("path", ["/gaps", "/gaps/1/assign", "/gaps/1/call", "/gaps/1/close"])
def test_nothing_changes_without_proof_that_it_is_our_page(house: House, amina: Seat, path: str) -> None:
    open_gap(amina, topic="python")
    amina.browser.headers["x-csrf-token"] = "guessed"
    assert amina.post(path, topic="cloud", text="Wanted", record="x") == 403


def test_a_gap_that_is_not_there(amina: Seat) -> None:
    assert amina.browser.get("/desk/gaps/999").status_code == 404


def test_every_view_of_a_gap_is_noted(house: House, amina: Seat) -> None:
    gap = open_gap(amina, topic="python")
    amina.get(f"/gaps/{gap}")
    assert ("gap.view", str(gap)) in audited(house)


def test_what_an_officer_writes_comes_out_as_text(house: House, amina: Seat) -> None:
    gap = open_gap(amina, topic="python", title='"><img src=x onerror=alert(1)>{{7*7}}')
    for path in ("/gaps?days=0", f"/gaps/{gap}"):
        page = amina.get(path)
        assert "<img src=x" not in page
        assert "{{7*7}}" in page


# --- coverage ---------------------------------------------------------------------------------


def record(house: House, name: str, **changes: Any) -> None:
    """Put a record into the catalogue: a copy of one that anybody can join."""
    with house.database.write() as session:
        source = session.get_one(Record, joinable(house))
        rules = {**source.body["eligibility"], **changes.pop("eligibility", {})}
        body = {**source.body, "id": name, "eligibility": rules, **changes}
        facts = {"kind": source.kind, "status": body["status"], "source": "a test", "digest": name}
        session.add(Record(id=name, body=body, **facts))


def only(house: House, *names: str) -> None:
    with house.database.write() as session:
        session.execute(update(Record).where(Record.id.not_in(names)).values(withdrawn_at=now()))


def covered(seat: Seat, query: str) -> dict[tuple[str, str], int]:
    rows = sheet(seat.get(f"/coverage.csv?{query}"))[2:]
    return {(row[1], row[3]): int(row[4]) for row in rows if row[4] != "0"}


def test_coverage_counts_what_people_of_a_country_can_join(shelf: House, amina: Seat) -> None:
    record(shelf, "for-kenya", topics=["python"], languages=["en", "sw"], eligibility={"countries": ["KE"]})
    record(shelf, "for-all", topics=["cloud"], languages=["en"])
    record(shelf, "ended", topics=["iot"], languages=["en"], status="ended")
    only(shelf, "for-kenya", "for-all", "ended")
    assert covered(amina, "country=KE") == {
        ("python", "en"): 1,
        ("python", "sw"): 1,
        ("programming", "en"): 1,  # Python is programming
        ("programming", "sw"): 1,
        ("cloud", "en"): 1,
    }
    assert covered(amina, "country=GH") == {("cloud", "en"): 1}


def test_coverage_may_be_of_one_audience(shelf: House, amina: Seat) -> None:
    record(shelf, "for-officials", topics=["cloud"], languages=["en"], eligibility={"groups": ["civil-servants"]})
    only(shelf, "for-officials")
    assert covered(amina, "country=GH&audience=civil-servants") == {("cloud", "en"): 1}
    assert covered(amina, "country=GH&audience=youth") == {}


def test_an_empty_box_says_so_and_leads_to_a_gap(shelf: House, amina: Seat) -> None:
    only(shelf)
    asks(shelf, "ama", "cloud", country="KE")
    page = amina.get("/coverage?country=KE")
    link = re.search(r'<a href="/desk(/gaps\?[^"]*topic=cloud[^"]*language=sw[^"]*)#new-gap">no offer</a>', page)
    assert link
    assert "Write this down as a gap" in amina.get(link[1].replace("&amp;", "&"))


def test_offers_whose_language_is_not_known_are_told_apart(shelf: House, amina: Seat) -> None:
    record(shelf, "unsaid", topics=["cloud"], languages="unknown")
    only(shelf, "unsaid")
    assert covered(amina, "country=GH") == {}
    row = re.search(r"cloud computing: AWS, Azure</th>(.*?)</tr>", amina.get("/coverage?country=GH"), re.DOTALL)
    assert row
    assert "<td>1</td>" in row[1]


def test_the_whole_catalogue_has_a_page_too(shelf: House, amina: Seat) -> None:
    assert "Coverage" in amina.get("/coverage")
    assert "Coverage" in amina.get("/coverage?country=XX&audience=nobody&area=none")


# --- where the assistant is weak --------------------------------------------------------------


def test_the_page_counts_what_the_assistant_did(house: House, amina: Seat) -> None:
    asks(house, "ama", "python", rating=1)
    conversation = person(house, "ama")
    turns = [("answer", ["a", "b"]), ("answer", ["a"]), ("clarify", []), ("escalate", []), ("refuse", [])]
    with house.database.write() as session:
        for action, shown in turns:
            session.add(Turn(conversation_id=conversation, action=action, language="en", shown=shown))
            session.flush()
    row = re.search(r'<th scope="row">English</th>(.*?)</tr>', amina.get("/weakness"), re.DOTALL)
    assert row
    numbers = [re.sub(r"<[^>]+>", "", part).strip() for part in re.findall(r"<td>.*?</td>", row[1], re.DOTALL)]
    assert numbers == ["1", "1", "1", "1", "33 %", "1", "1", "0"]


def test_the_weakest_topics_come_first() -> None:
    day = date(2026, 5, 1)
    wishes = [wish(n, "cloud", "GH", day) for n in range(4)] + [wish(n, "python", "GH", day) for n in range(10, 13)]
    turns = {"en": Turns(answers=10, first={"a": 1, "b": 9, "gone": 5})}
    spots = weakest(turns, wishes, {"a": "cloud", "b": "python"})
    assert [(spot.topic, spot.escalated, spot.answered) for spot in spots] == [("cloud", 4, 1), ("python", 3, 9)]


def test_a_handful_of_questions_says_nothing() -> None:
    assert weakest({}, [wish(n, "cloud", "GH", date(2026, 5, 1)) for n in range(4)], {}) == []


def test_the_desk_is_closed_to_who_is_not_signed_in(house: House) -> None:
    browser = house.browser()
    for path in ("/gaps", "/gaps.csv", "/gaps/public.csv", "/gaps/1", "/coverage", "/coverage.csv", "/weakness"):
        assert browser.get(f"/desk{path}", follow_redirects=False).status_code in {303, 401}, path
