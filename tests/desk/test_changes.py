"""What sources and providers send: a lead looks at it before people are told of it, and makes one of what is twice."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot import submissions
from bot.offering import PROVIDER, read_record
from bot.settings import Settings
from desk.changes import PER_PAGE
from ingest.load import keep
from retrieval.records import Record
from store import contacts, sources
from store.catalogue import GOOD_FOR
from store.database import Database
from store.source_tables import Duplicate, Origin, Revision
from store.tables import Audit, Delivery
from store.tables import Record as Row
from store.vault import Vault
from tests.desk.conftest import House, Seat

GIVEN = {
    "kind": "programme",
    "name": "Asali Weavers",
    "provider": "Asali School",
    "url": "https://asali.example/weavers",
    "summary": "Weaving websites in the evening.",
    "teaches": "HTML and CSS",
    "languages": "sw",
    "countries": "KE",
    "cost": "free",
    "modality": "in-person",
    "certificate": "yes",
}
EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>{{7*7919}}"


class Room(House):
    """The desk, its lead, and what waits there."""

    lead: Seat

    def sends(self, source: str = "", **changed: Any) -> int:
        """A provider (or a source) sends something; gives its number."""
        about, groups = changed.pop("topics", ["web-development"]), changed.pop("groups", ["youth"])
        sender = {key: changed.pop(key) for key in ("conversation_id", "language") if key in changed}
        record = read_record(PROVIDER, {**GIVEN, **changed}, about, "en", groups=groups)
        with self.database.write() as session:
            if not source:
                return submissions.submit(session, record, (), **sender).id
            body = record.model_dump(mode="json") | {"source": source}
            sources.seen(session, source, record.id, record.id, record.digest(), None)
            kind = sources.CHANGED if session.get(Row, record.id) else sources.ADDED
            return sources.propose(session, record.id, kind, source, body).id

    def decide(self, number: int, decision: str, **more: str) -> int:
        return self.lead.post(f"/changes/{number}", decision=decision, **more)

    def record(self, key: str) -> Any:
        return self.row(Row, key)

    def pair(self, first: str, second: str) -> Any:
        return self.row(Duplicate, (first, second))


@pytest.fixture
def room(database: Database, vault: Vault, tmp_path: Path) -> Room:
    room = Room(database, vault, Settings(_env_file=None, home=tmp_path), None)  # type: ignore[call-arg]
    room.lead = room.seat("Lucía", "lead")
    return room


# --- one by one -------------------------------------------------------------------------------


def test_a_lead_sees_all_that_people_would_be_told(room: Room) -> None:
    room.sends()
    page = unescape(room.lead.get("/changes"))
    for shown in (
        "Asali Weavers",
        "Asali School",
        "Weaving websites in the evening.",
        "HTML and CSS",
        "young people",
        "Swahili",
        "Kenya",
        "free",
        "on site",
        "https://asali.example/weavers",
        "provider",
    ):
        assert shown in page, shown


def test_nobody_is_told_of_it_before_it_is_approved(room: Room) -> None:
    number = room.sends()
    assert room.record("asali-weavers") is None
    assert room.decide(number, "approve") == 303
    row = room.record("asali-weavers")
    assert row.checked_by == room.lead.officer.login
    assert row.review_by - row.checked_on == GOOD_FOR
    assert "Nothing waits for you." in room.lead.get("/changes")


def test_what_is_refused_never_comes_into_the_catalogue_and_the_log_holds_no_name(room: Room) -> None:
    number = room.sends()
    assert room.decide(number, "refuse", reason="There is no such school.") == 303
    revision = room.row(Revision, number)
    assert (revision.state, revision.reason, revision.decided_by) == (
        "refused",
        "There is no such school.",
        room.lead.id,
    )
    assert room.record("asali-weavers") is None
    with room.database.read() as session:
        said = [entry for entry in session.scalars(select(Audit)) if entry.action == "change.refuse"]
    assert len(said) == 1
    assert "asali" not in said[0].subject


@pytest.mark.parametrize("decision", ["approve", "refuse"])
def test_it_is_decided_once(room: Room, decision: str) -> None:
    number = room.sends()
    assert room.decide(number, decision) == 303
    assert room.decide(number, "approve") == 409
    assert room.decide(number, "refuse") == 409
    assert room.decide(number, "burn") == 422


@pytest.mark.parametrize(("decision", "said"), [("approve", "ipo kwenye katalogi"), ("refuse", "No such link")])
def test_who_sent_it_by_chat_is_told_in_their_language(room: Room, decision: str, said: str) -> None:
    with room.database.write() as session:
        person = contacts.meet(session, room.vault, "console", "somebody")[1].id
    number = room.sends(conversation_id=person, language="sw")
    room.decide(number, decision, reason="No such link" if decision == "refuse" else "")
    with room.database.read() as session:
        (told,) = session.scalars(select(Delivery)).all()
    assert "Asali Weavers" in told.text
    assert said in told.text or decision == "approve"
    assert "is in the catalogue" not in told.text


def test_of_a_change_only_what_differs_is_shown_before_and_after(room: Room) -> None:
    room.decide(room.sends("dial"), "approve")
    room.sends("dial", cost="paid", languages="sw, en")
    page = unescape(room.lead.get("/changes"))
    assert re.search(r"<del[^>]*>free</del>\s*<span[^>]*>paid<", page)
    assert re.search(r"<del[^>]*>Swahili</del>\s*<span[^>]*>Swahili, English<", page)
    assert "<dt>Who offers it</dt>" not in page
    assert "Changed" in page


def test_an_approved_change_takes_the_place_of_what_was_there(room: Room) -> None:
    room.decide(room.sends("dial"), "approve")
    room.decide(room.sends("dial", cost="paid"), "approve")
    assert room.record("asali-weavers").body["cost"] == ["paid"]


def test_what_has_ended_is_offered_no_more_once_a_lead_agrees(room: Room) -> None:
    room.decide(room.sends("dial"), "approve")
    with room.database.write() as session:
        body = {**session.get_one(Row, "asali-weavers").body, "status": "ended"}
        number = sources.propose(session, "asali-weavers", sources.ENDED, "dial", body).id
    assert "has it ended?" in room.lead.get("/changes")
    room.decide(number, "approve")
    assert room.record("asali-weavers").status == "ended"


def test_what_an_older_dalil_wrote_is_not_approved_blindly(room: Room) -> None:
    number = room.sends()
    with room.database.write() as session:
        session.get_one(Revision, number).body = {"name": "of another time", "url": None}
    room.lead.get("/changes")
    assert room.decide(number, "approve") == 409
    assert room.row(Revision, number).state == "open"


def test_many_are_shown_page_by_page(room: Room) -> None:
    for number in range(PER_PAGE + 1):
        room.sends("dial", name=f"Course {number}", url=f"https://x.example/{number}")
    first = room.lead.get("/changes")
    assert first.count("<article") == PER_PAGE
    link = re.search(r'href="/desk(/changes\?after=\d+)"', first)
    assert link
    assert room.lead.get(link[1]).count("<article") == 1


@pytest.mark.parametrize("name", ["name", "provider", "summary", "teaches", "url"])
def test_markup_is_text_in_every_field_that_somebody_sends(room: Room, name: str) -> None:
    number = room.sends()
    with room.database.write() as session:
        revision = session.get_one(Revision, number)
        values = {"summary": {"summaries": {"en": EVIL}}, "teaches": {"teaches": [EVIL]}}
        evil = values.get(name, {name: f"javascript:alert(1)//{EVIL}" if name == "url" else EVIL})
        revision.body = {**revision.body, **evil}
    for path in ("/changes", "/alike"):
        page = room.lead.get(path)
        assert "<script>alert" not in page
        assert "<img" not in page
        assert ">55433<" not in page
        assert 'href="javascript' not in page
    assert "alert(1)" in room.lead.get("/changes")


# --- what is there twice ----------------------------------------------------------------------


@pytest.fixture
def twice(room: Room) -> Room:
    """Two sources tell of the same."""
    room.decide(room.sends("dial"), "approve")
    room.decide(room.sends("mslearn", name="Asali Weavers!", provider="Asali"), "approve")
    with room.database.write() as session:
        other = Record.model_validate({**session.get_one(Row, "asali-weavers").body, "id": "weavers-of-asali"})
        keep(session, other)
        session.add(Origin(source="mslearn", key="9", record_id=other.id, digest="d"))
        sources.suggest(session, other.id, "asali-weavers", 0.97)
    return room


def settle(room: Room, keeping: str = "") -> int:
    return room.lead.post("/alike", first="asali-weavers", second="weavers-of-asali", keep=keeping)


def test_a_lead_sees_both_beside_each_other(twice: Room) -> None:
    page = unescape(twice.lead.get("/alike"))
    assert page.count("Asali Weavers") >= 2
    assert "mslearn" in page


def test_two_are_made_one_and_the_other_s_source_becomes_the_kept_one_s(twice: Room) -> None:
    assert settle(twice, "asali-weavers") == 303
    assert twice.record("weavers-of-asali").withdrawn_at is not None
    assert twice.record("asali-weavers").withdrawn_at is None
    assert twice.row(Origin, ("mslearn", "9")).record_id == "asali-weavers"
    assert twice.pair("asali-weavers", "weavers-of-asali").decided_by == twice.lead.id


def test_a_merge_is_taken_back_whole(twice: Room) -> None:
    settle(twice, "asali-weavers")
    assert settle(twice) == 303
    assert twice.record("weavers-of-asali").withdrawn_at is None
    assert twice.row(Origin, ("mslearn", "9")).record_id == "weavers-of-asali"
    assert twice.pair("asali-weavers", "weavers-of-asali").state == "separate"


def test_what_a_lead_said_is_two_is_not_asked_again(twice: Room) -> None:
    settle(twice)
    with twice.database.write() as session:
        sources.suggest(session, "asali-weavers", "weavers-of-asali", 0.99)
        assert sources.alike(session) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"first": "asali-weavers", "second": "no-such", "keep": "asali-weavers"},
        {"first": "asali-weavers", "second": "weavers-of-asali", "keep": "a-third"},
        {},
    ],
)
def test_a_pair_that_nobody_has_suggested_is_not_merged(twice: Room, fields: dict[str, str]) -> None:
    assert twice.lead.post("/alike", **fields) == 409
    assert twice.record("weavers-of-asali").withdrawn_at is None
    assert settle(twice, "weavers-of-asali") == 303
    assert settle(twice, "asali-weavers") == 409, "it is merged already"


@pytest.fixture
def waiting(room: Room) -> tuple[Room, int]:
    """One is offered, and what repeats it still waits."""
    room.decide(room.sends("dial"), "approve")
    with room.database.write() as session:
        body = {**session.get_one(Row, "asali-weavers").body, "id": "weavers-of-asali"}
        number = sources.propose(session, "weavers-of-asali", sources.ADDED, "mslearn", body).id
        sources.suggest(session, "weavers-of-asali", "asali-weavers", 0.97)
    return room, number


def test_what_waits_and_is_merged_cannot_be_approved_beside_the_kept_one(waiting: tuple[Room, int]) -> None:
    room, number = waiting
    assert settle(room, "asali-weavers") == 303
    assert room.decide(number, "approve") == 409
    assert room.record("weavers-of-asali") is None

    assert settle(room) == 303, "they are two after all"
    assert room.decide(number, "approve") == 303


def test_what_is_offered_does_not_give_way_to_what_waits(waiting: tuple[Room, int]) -> None:
    room, _ = waiting
    assert settle(room, "weavers-of-asali") == 409
    assert room.record("asali-weavers").withdrawn_at is None
