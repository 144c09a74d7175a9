"""Who agreed to it is asked what came of their request: after a month, after three, and not otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from bot.followup import ask_due
from store import contacts, tickets
from store.database import Database
from store.tables import Contact, Conversation, Delivery, Ticket
from store.vault import Vault

CLOSED = datetime(2026, 6, 1, 9, tzinfo=UTC)


class Past:
    """A person whose request was closed a while ago."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self.database = database
        question = {"topics": {"python": 1.0}}
        with database.write() as session:
            self.conversation = contacts.meet(session, vault, "console", "somebody")[1].id
            self.ticket = self._open(session, {"words": "python", "question": question})
        self.put(state="closed", closed_at=CLOSED, wants_news=True)

    def _open(self, session: Any, need: dict[str, Any]) -> int:
        of = {"reason": "nothing-fits", "language": "en", "country": None}
        return tickets.open_one(session, self.conversation, need=need, **of).id  # type: ignore[arg-type]

    def asks_again(self) -> None:
        with self.database.write() as session:
            self._open(session, {})

    def put(self, **values: Any) -> None:
        with self.database.write() as session:
            session.execute(update(Ticket).where(Ticket.id == self.ticket).values(values))

    def ask(self, days: float) -> int:
        with self.database.write() as session:
            return ask_due(session, CLOSED + timedelta(days=days))

    def asked(self) -> list[Delivery]:
        with self.database.read() as session:
            return list(session.scalars(select(Delivery).order_by(Delivery.id)))


@pytest.fixture
def past(database: Database, vault: Vault) -> Past:
    return Past(database, vault)


def test_people_are_asked_after_thirty_and_after_ninety_days_and_once_each(past: Past) -> None:
    assert [past.ask(days) for days in (29.9, 30, 31, 89.9, 90, 300)] == [0, 1, 0, 0, 1, 0]

    first, second = past.asked()
    assert "programming in Python" in first.text or "Python" in first.text
    assert first.ticket_id == past.ticket
    assert [payload for _, payload in first.buttons] == [
        f"result:{past.ticket}.30.{answer}" for answer in ("enrolled", "finished", "using", "no")
    ]
    assert second.buttons[0][1] == f"result:{past.ticket}.90.enrolled"


def test_the_buttons_fit_a_list_of_whatsapp(past: Past) -> None:
    past.ask(30)

    assert all(len(title) <= 24 for title, _ in past.asked()[0].buttons)


def test_who_was_not_reached_for_three_months_is_asked_once(past: Past) -> None:
    assert [past.ask(120), past.ask(121)] == [1, 0]


@pytest.mark.parametrize("answer", [None, False])
def test_who_did_not_agree_is_not_asked(past: Past, answer: bool | None) -> None:
    past.put(wants_news=answer)

    assert past.ask(30) == 0


def test_who_has_stopped_is_not_asked(past: Past) -> None:
    with past.database.write() as session:
        session.execute(update(Contact).values(stopped_at=CLOSED))

    assert past.ask(30) == 0


def test_who_has_an_open_request_is_not_asked_about_the_old_one_meanwhile(past: Past) -> None:
    past.asks_again()

    assert past.ask(30) == 0


def test_a_request_whose_words_are_erased_is_asked_about_without_them(past: Past) -> None:
    past.put(need={"question": {}})
    past.ask(30)

    assert "you asked us for help" in past.asked()[0].text


def test_people_are_asked_in_the_language_that_they_write_now_and_may_type_the_answer(past: Past) -> None:
    with past.database.write() as session:
        session.execute(update(Contact).values(language="fr"))
    past.ask(30)

    (asked,) = past.asked()
    assert asked.language == "fr"
    with past.database.read() as session:
        assert session.get_one(Conversation, past.conversation).context["offered"] == asked.buttons
