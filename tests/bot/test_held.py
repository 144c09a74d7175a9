"""While an officer has the talk the assistant is silent; what people decide about their requests is heeded."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from sqlalchemy import select, update

from bot import referrals
from bot.outcome import Manners
from bot.turn import Assistant
from channels.contract import Inbound, Kind
from retrieval.engine import Engine
from store.database import Database
from store.desk_tables import Officer, Referral
from store.tables import Contact, Delivery, Message, Ticket, Turn, now
from store.vault import Vault
from tests.bot.test_worker import House


class Talk(House):
    """Somebody asked for welding, and Amina has the request."""

    def __init__(self, database: Database, vault: Vault, assistant: Assistant) -> None:
        super().__init__(database, vault, assistant)
        self._ids = count(1)
        with database.write() as session:
            self.amina = Officer(login="amina", name="Amina", role="officer", languages=["en"])
            session.add(self.amina)
        self.number = self.asks()
        self.escalation.claim(self.number, self.amina)

    def asks(self, address: str = "somebody") -> int:
        """A person asks for something that nothing fits; gives the number of their request."""
        self.says("where can i learn welding around kumasi", address=address)
        return int(max(ticket.id for ticket in self.rows(Ticket)))

    def says(
        self, text: str = "", *, choice: str | None = None, kind: Kind | None = None, address: str = "somebody"
    ) -> list[str]:
        """The person writes; gives what they are told."""
        return self.say_together([(text, choice, kind)], address)

    def say_together(self, said: list[tuple[str, str | None, Kind | None]], address: str = "somebody") -> list[str]:
        before = len(self.rows(Delivery))
        for text, choice, kind in said:
            of = kind or (Kind.CHOICE if choice else Kind.TEXT)
            self.intake.receive([Inbound("console", address, str(next(self._ids)), of, text, choice)])
        self.work()
        return [delivery.text for delivery in self.rows(Delivery)[before:]]

    def answers(self, text: str = "There is a school.") -> None:
        self.escalation.reply(self.number, text, "amina", self.amina)

    def closes(self) -> None:
        self.escalation.close(self.number, "matched", "amina", self.amina)

    @property
    def ticket(self) -> Ticket:
        return self.row(self.number)

    def row(self, number: int) -> Ticket:
        with self.database.read() as session:
            return session.get_one(Ticket, number)

    def last_action(self) -> str:
        return str(self.rows(Turn)[-1].action)


@pytest.fixture
def talk(database: Database, vault: Vault, engine: Engine) -> Talk:
    return Talk(database, vault, Assistant(engine, Manners("the facility", "https://x.example/privacy", 180)))


# --- silence --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "free python course",
        "yes",
        "no",
        "2",
        "more",
        "thanks",
        "help",
        "new question",
        "start",
        "/help",
        "/person",
        "عربي",
    ],
)
def test_what_is_said_to_the_officer_is_not_answered_by_the_assistant(talk: Talk, text: str) -> None:
    assert talk.says(text) == []
    assert talk.last_action() == "held"
    assert talk.ticket.heard_at is not None


def test_buttons_under_old_results_are_silent_too(talk: Talk) -> None:
    assert talk.says("More", choice="more") == []
    assert talk.says("None of these fits", choice="none") == []
    assert len(talk.rows(Ticket)) == 1


def test_pictures_and_voice_notes_are_noted_for_the_officer(talk: Talk) -> None:
    assert talk.says(kind=Kind.IMAGE) == []
    assert talk.says("a word with it", kind=Kind.AUDIO) == []

    assert talk.ticket.need["sent"] == ["image", "audio"]


def test_before_an_officer_takes_it_the_assistant_goes_on_answering(talk: Talk) -> None:
    talk.asks("another")

    assert "Python" in talk.says("free python course", address="another")[0]


def test_what_a_person_writes_after_an_answer_is_promised_an_answer(talk: Talk) -> None:
    talk.answers()
    assert talk.ticket.promised_at is None

    talk.says("and in Accra?")

    assert talk.ticket.promised_at is not None


def test_a_command_to_the_assistant_promises_no_answer(talk: Talk) -> None:
    talk.answers()
    assert "what I know about you" in talk.says("/me")[0]

    assert talk.ticket.promised_at is None


# --- back to the assistant, and to the officer ----------------------------------------------------


def test_new_hands_the_talk_back_and_the_officers_next_answer_takes_it_up_again(talk: Talk) -> None:
    assert "new question" in talk.says("/new")[0]
    assert "Python" in talk.says("free python course")[0]
    assert talk.ticket.state == "open"

    talk.answers("I have found something.")

    assert talk.says("free python course") == []


def test_what_is_written_together_with_new_is_for_the_assistant(talk: Talk) -> None:
    told = talk.say_together([("/new", None, None), ("free python course", None, None)])

    assert "Python" in told[-1]
    assert talk.ticket.handed_back_at is not None


def test_what_is_said_to_the_assistant_after_new_is_promised_nothing(talk: Talk) -> None:
    talk.answers()
    talk.says("/new")
    talk.says("free python course")

    assert talk.ticket.promised_at is None


def test_a_request_that_is_given_back_leaves_the_talk_to_the_assistant(talk: Talk) -> None:
    talk.escalation.release(talk.number, talk.amina)

    assert "Python" in talk.says("free python course")[0]


# --- stop, erase, danger --------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["stop", "/stop"])
def test_stop_is_obeyed(talk: Talk, text: str) -> None:
    assert "will not write" in talk.says(text)[0]

    (contact,) = talk.rows(Contact)
    assert contact.stopped_at is not None


def test_erase_asks_once_and_erases(talk: Talk) -> None:
    assert "Shall I delete" in talk.says("/erase")[0]
    talk.says("yes")

    assert talk.rows(Message) == []
    assert (talk.ticket.state, talk.ticket.conversation_id) == ("closed", None)
    assert "welding" not in str(talk.ticket.need)


def test_a_yes_to_the_officer_erases_nothing(talk: Talk) -> None:
    talk.says("/erase")
    talk.says("wait, I want to ask you something first")

    assert talk.says("yes") == []
    assert talk.ticket.state == "open"


def test_a_language_can_be_chosen(talk: Talk) -> None:
    talk.says("/language")
    talk.says("Français")

    (contact,) = talk.rows(Contact)
    assert contact.language == "fr"


def test_somebody_in_danger_gets_the_safety_message_and_the_request_is_urgent(talk: Talk) -> None:
    (told,) = talk.says("I want to kill myself")

    assert "emergency number" in told
    assert talk.ticket.urgent
    assert talk.ticket.officer_id == talk.amina.id
    assert "welding" in str(talk.ticket.need["before"])


def test_who_has_stopped_and_is_in_danger_is_heard(talk: Talk) -> None:
    talk.says("stop")

    assert "emergency number" in talk.says("I want to kill myself")[0]


# --- after the end --------------------------------------------------------------------------------


def test_after_the_end_the_assistant_begins_anew(talk: Talk) -> None:
    talk.closes()

    assert "Python" in talk.says("free python course")[0]
    assert talk.ticket.state == "closed"


def test_words_about_a_closed_request_open_it_again_for_its_officer(talk: Talk) -> None:
    talk.answers()
    talk.closes()
    (told,) = talk.says("the link does not work")

    assert str(talk.number) in told
    assert (talk.ticket.state, talk.ticket.officer_id, talk.ticket.reopened) == ("open", talk.amina.id, 1)
    assert talk.ticket.promised_at is not None
    assert talk.says("are you there?") == []


def test_a_day_later_such_words_are_a_question_like_any_other(talk: Talk) -> None:
    talk.closes()
    with talk.database.write() as session:
        session.execute(update(Ticket).values(closed_at=now().replace(year=2025)))
    talk.says("the link does not work")

    assert talk.ticket.state == "closed"


def test_a_request_whose_officer_has_left_is_offered_to_another_when_it_is_opened_again(talk: Talk) -> None:
    talk.closes()
    with talk.database.write() as session:
        session.execute(update(Officer).values(active=False))
        baraka = Officer(login="baraka", name="Baraka", role="officer", languages=["en"])
        session.add(baraka)
    talk.says(choice=f"reopen:{talk.number}")

    assert (talk.ticket.officer_id, talk.ticket.offered_to) == (None, baraka.id)


def test_it_helped_and_they_may_be_asked_later(talk: Talk) -> None:
    talk.closes()
    assert "May we write to you again" in talk.says("It helped", choice=f"rate:{talk.number}.1")[0]
    talk.says("Yes", choice=f"news:{talk.number}.yes")
    talk.says("I have enrolled", choice=f"result:{talk.number}.30.enrolled")

    assert (talk.ticket.rating, talk.ticket.wants_news) == (1, True)
    assert talk.ticket.results == {"30": "enrolled"}


@pytest.mark.parametrize(("said", "rating"), [("It helped", 1), ("it did not help", 0), ("yes", 1), ("No", 0)])
def test_the_rating_may_be_typed(talk: Talk, said: str, rating: int) -> None:
    talk.closes()
    assert "May we write to you again" in talk.says(said)[0]
    talk.says("yes")

    assert (talk.ticket.rating, talk.ticket.wants_news) == (rating, True)
    assert talk.ticket.state == "closed"


@pytest.mark.parametrize(("said", "state"), [("Yes", "queued"), ("no", "refused")])
def test_consent_may_be_typed_also_after_a_question_to_the_officer(talk: Talk, said: str, state: str) -> None:
    with talk.database.write() as session:
        ticket = session.get_one(Ticket, talk.number)
        referrals.ask(session, {}, ticket, talk.amina, "provider-x", "Provider X", "Welding in Kumasi")

    assert talk.says("who are they?") == []
    assert talk.says(said) != []
    with talk.database.read() as session:
        assert session.scalars(select(Referral.state)).one() == state


@pytest.mark.parametrize("answer", ["rate:{}.1", "news:{}.yes", "reopen:{}", "result:{}.30.enrolled"])
def test_a_forged_number_changes_nothing_of_another_persons_request(talk: Talk, answer: str) -> None:
    talk.closes()
    before = _decided(talk.ticket)
    talk.asks("another")

    talk.says(choice=answer.format(talk.number), address="another")

    assert _decided(talk.ticket) == before


@pytest.mark.parametrize(
    "choice",
    ["rate:x.1", "rate:", "rate:1.7", "result:1.31.enrolled", "reopen:99999999999999", "consent:1.yes", "return"],
)
def test_a_forged_button_does_no_harm(talk: Talk, choice: str) -> None:
    talk.answers()
    talk.says(choice=choice)

    assert talk.ticket.rating is None
    assert talk.ticket.results == {}
    assert talk.ticket.handed_back_at is None


def _decided(ticket: Ticket) -> tuple[Any, ...]:
    return (ticket.state, ticket.rating, ticket.wants_news, ticket.results, ticket.reopened)


# --- what is written down -------------------------------------------------------------------------


def test_the_words_of_a_request_are_those_of_the_question_also_when_a_button_opened_it(talk: Talk) -> None:
    talk.says("free python course in Nairobi", address="another")
    talk.says("None of these fits", choice="none", address="another")

    with talk.database.read() as session:
        needs = session.scalars(select(Ticket.need).order_by(Ticket.id.desc())).all()
    assert needs[0]["words"] == "free python course in Nairobi"


def test_a_request_without_a_question_before_has_the_words_that_it_was_asked_in(talk: Talk) -> None:
    talk.says("I want to talk to a human", address="another")

    assert talk.rows(Ticket)[-1].need["words"] == "I want to talk to a human"
