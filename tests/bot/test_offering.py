"""Offering something in the chat: one message becomes a record that waits for a person."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from bot.intake import Intake
from bot.offer_talk import MOST_TRIES, read_offer
from bot.outcome import Manners
from bot.signals import Signal
from bot.submissions import MOST_OPEN, told
from bot.turn import Assistant
from bot.worker import Worker
from channels.contract import Inbound, Kind
from retrieval.engine import Engine
from retrieval.vocabulary import languages
from store import sources
from store.database import Database
from store.desk_tables import Officer
from store.source_tables import Duplicate, Revision
from store.tables import Conversation, Delivery, Ticket, Turn
from store.vault import Vault

FORM = "https://dalil.example/join"
WISH = "I want to offer a course"
OFFER = """Mashinani Weaving of Websites
https://mashinani.example/websites
Building websites with HTML and CSS
Swahili, English
Kenya and Uganda
free"""


class Talk:
    """Somebody in a chat, with a whole house behind it."""

    def __init__(self, database: Database, vault: Vault, engine: Engine) -> None:
        self.database, self._count = database, 0
        arrived = Signal()
        manners = Manners("the facility", "https://dalil.example/privacy", 180, join=FORM)
        self.intake = Intake(database, vault, arrived)
        self.worker = Worker(database, Assistant(engine, manners), arrived, Signal())

    def says(self, *texts: str, choice: str | None = None) -> str:
        """What is answered to messages that come in together."""
        with self.database.read() as session:
            before = {each.id for each in session.scalars(select(Delivery))}
        for text in texts:
            self._count += 1
            kind = Kind.CHOICE if choice else Kind.TEXT
            self.intake.receive([Inbound("console", "somebody", f"m{self._count}", kind, text, choice)])
        while self.worker.step():
            pass
        new = [each for each in self.rows(Delivery) if each.id not in before]
        return "\n".join(each.text for each in new)

    def rows(self, table: Any) -> list[Any]:
        with self.database.read() as session:
            return list(session.scalars(select(table).order_by(table.id)))

    def revision(self) -> Revision:
        (revision,) = self.rows(Revision)
        assert isinstance(revision, Revision)
        return revision

    def buttons(self) -> list[str]:
        return [payload for _, payload in self.rows(Delivery)[-1].buttons]

    def asked(self) -> str | None:
        found: str | None = self.rows(Conversation)[0].context.get("asked")
        return found


@pytest.fixture
def talk(database: Database, vault: Vault, engine: Engine) -> Talk:
    made = Talk(database, vault, engine)
    made.says("hello")
    return made


# --- the talk ---------------------------------------------------------------------------------


def test_who_wants_to_offer_a_course_gets_the_form_and_may_write_it_here(talk: Talk) -> None:
    answer = talk.says(WISH)
    assert FORM in answer
    assert "the name in the first line" in answer
    assert talk.rows(Ticket) == [], "no person is needed yet"
    assert talk.asked() == "offer"


def test_one_message_becomes_a_record_that_waits_and_the_person_gets_its_number(talk: Talk) -> None:
    talk.says(WISH)
    answer = talk.says(OFFER)
    revision = talk.revision()
    assert f"number {revision.id}" in answer
    assert "The answer will come here." in answer
    assert (revision.kind, revision.source, revision.state, revision.language) == ("added", "provider", "open", "en")
    assert revision.conversation_id == talk.rows(Conversation)[0].id
    body = revision.body
    assert body["name"] == "Mashinani Weaving of Websites"
    assert body["url"] == "https://mashinani.example/websites"
    assert "web-development" in body["topics"]
    assert (set(body["languages"]), set(body["regions"]), body["cost"]) == ({"sw", "en"}, {"KE", "UG"}, ["free"])
    assert body["id"] == revision.record_id == "mashinani-weaving-of-websites"
    assert talk.asked() is None
    assert talk.rows(Ticket) == []


def test_a_link_and_a_topic_may_come_one_after_the_other(talk: Talk) -> None:
    talk.says(WISH)
    answer = talk.says("Mashinani Evenings")
    assert "The link is missing." in answer
    assert "I cannot see what is taught." in answer
    assert "I cannot see what is taught." in talk.says("https://mashinani.example/evenings")
    assert "Thank you." in talk.says("Building websites with HTML")
    assert talk.revision().body["name"] == "Mashinani Evenings"


def test_after_two_tries_a_person_takes_it(talk: Talk) -> None:
    talk.says(WISH)
    for _ in range(MOST_TRIES):
        assert "The link is missing." in talk.says("Mashinani Evenings")
    assert "passed your request on" in talk.says("Mashinani Evenings")
    (ticket,) = talk.rows(Ticket)
    assert (ticket.reason, ticket.need["question"]["needs"]) == ("need", ["offer-training"])
    assert "Mashinani Evenings" in ticket.need["words"]
    assert talk.asked() is None


@pytest.mark.parametrize("out", ["cancel", "Cancel", "no"])
def test_a_word_leaves_it(talk: Talk, out: str) -> None:
    talk.says(WISH)
    assert "nothing was sent" in talk.says(out)
    assert talk.asked() is None
    assert "stop" not in {turn.action for turn in talk.rows(Turn)}, "“cancel” means “stop” elsewhere"
    assert talk.rows(Revision) == []


def test_the_button_leaves_it(talk: Talk) -> None:
    talk.says(WISH)
    assert "offer:cancel" in talk.buttons()
    assert "nothing was sent" in talk.says("Cancel", choice="offer:cancel")


@pytest.mark.parametrize(
    "question",
    ["I want to learn Excel", "Is there a course on cybersecurity in Kenya?", "free python course in Kenya", "/new"],
)
def test_a_new_question_leaves_it_and_is_answered(talk: Talk, question: str) -> None:
    talk.says(WISH)
    assert "missing" not in talk.says(question)
    assert talk.asked() is None
    assert talk.rows(Revision) == []


def test_who_is_in_danger_is_heard_in_the_middle_of_it(talk: Talk) -> None:
    talk.says(WISH)
    talk.says("I want to kill myself")
    assert [ticket.urgent for ticket in talk.rows(Ticket)] == [True]


def test_the_wish_and_another_need_go_to_a_person(talk: Talk) -> None:
    talk.says("I want to offer a course and I need funding for our project")
    assert len(talk.rows(Ticket)) == 1


# --- what is there already --------------------------------------------------------------------


def test_what_exists_already_is_named_and_a_button_goes_on(talk: Talk, engine: Engine) -> None:
    there = next(record for record in engine.records() if record.url and record.topics and record.offered)
    offer = f"{there.name}\n{there.url}\nBuilding websites with HTML"
    talk.says(WISH)
    answer = talk.says(offer)
    assert "This exists already:" in answer
    assert there.name in answer
    assert talk.rows(Revision) == []

    assert "offer:another" in talk.buttons()
    assert "Thank you." in talk.says("It is another one", choice="offer:another")
    revision = talk.revision()
    assert revision.record_id != there.id
    with talk.database.read() as session:
        assert session.get(Duplicate, tuple(sorted((revision.record_id, there.id))))


def test_a_button_of_long_ago_sends_nothing(talk: Talk) -> None:
    assert FORM in talk.says("It is another one", choice="offer:another")
    assert talk.rows(Revision) == []


def test_nobody_can_flood_the_leads(talk: Talk) -> None:
    for number in range(MOST_OPEN + 1):
        talk.says(WISH)
        answer = talk.says(f"Course {1111 * number} of websites\nhttps://x.example/{number}\nBuilding websites")
        if "This exists already" in answer:
            answer = talk.says("It is another one", choice="offer:another")
    assert "A person has to look at what you have sent already." in answer
    assert len([each for each in talk.rows(Revision) if each.state == "open"]) == MOST_OPEN


# --- the outcome ------------------------------------------------------------------------------


@pytest.mark.parametrize(("approve", "said"), [(True, "is in the catalogue now"), (False, "was not taken")])
def test_the_outcome_is_told_in_the_same_chat(talk: Talk, approve: bool, said: str) -> None:
    talk.says(WISH)
    talk.says(OFFER)
    with talk.database.write() as session:
        lead = Officer(login="lead", name="Lead", role="lead")
        session.add(lead)
        session.flush()
        revision = sources.decide(session, talk.revision().id, lead.id, approve=approve, reason=None)
        assert revision
        told(session, {}, revision)
    assert said in talk.rows(Delivery)[-1].text


def test_my_data_shows_what_i_offered_and_an_erasure_takes_it_back(talk: Talk) -> None:
    talk.says(WISH)
    talk.says(OFFER)
    assert "Number 1 waits for a person to look at it. “Mashinani Weaving of Websites”" in talk.says("/export")
    talk.says("/erase")
    talk.says("yes")
    revision = talk.revision()
    assert (revision.conversation_id, revision.state, revision.body) == (None, "refused", {})
    assert "mashinani" not in revision.record_id


# --- reading ----------------------------------------------------------------------------------


def test_an_offer_in_one_line_is_read_too() -> None:
    record = read_offer(
        "Mashinani Evenings, www.mashinani.example/x, we teach python, English, Kenya, 20 USD", "en"
    ).record
    assert record
    assert (record.name, str(record.url)) == ("Mashinani Evenings", "https://www.mashinani.example/x")
    assert (record.languages, record.regions, record.cost) == (("en",), ("KE",), ("paid",))
    assert record.provider == "mashinani.example"


def test_an_offer_in_another_language_has_an_english_line() -> None:
    record = read_offer("Jioni za Mashinani\nhttps://m.example/x\nKutengeneza tovuti kwa Kiswahili, bure", "sw").record
    assert record
    assert set(record.summaries) == {"en", "sw"}
    assert record.cost == ("free",)


@pytest.mark.parametrize(
    "said", ["", "https://x.example", "\n\n", "x" * 4000, "https://" + "x" * 3000, "🙂", "a\n" * 900]
)
def test_whatever_is_written_is_read_or_found_lacking(said: str) -> None:
    for spoken in ("en", None, *languages())[:4]:
        read = read_offer(said, spoken)
        assert read.record or read.lacks_link or read.lacks_topic
