"""What is kept of people goes when its time is over, and only then."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from bot.privacy import LAST_WORD, expire
from store import contacts, inbox, outbox, tickets
from store.database import Database
from store.tables import Contact, Conversation, Delivery, Message, Ticket, Turn, now
from store.vault import Vault

DAYS = 180
LONG_AGO = timedelta(days=DAYS + 1)


class Kept:
    """A person who wrote, was answered and has a request; and the hands of a clock."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self.database = database
        with database.write() as session:
            contact, conversation = contacts.meet(session, vault, "console", "somebody")
            self.contact, self.conversation = contact.id, conversation.id
            self.say(session, "my first words")
            need = {"words": "my first words", "question": {"topics": {"python": 1.0}, "text": "my first words"}}
            reason = {"reason": "nothing-fits", "language": "sw", "country": None}
            self.ticket = tickets.open_one(session, conversation.id, need=need, **reason).id  # type: ignore[arg-type]

    def say(self, session, text: str) -> None:  # type: ignore[no-untyped-def]
        inbox.keep(session, self.conversation, text, "text", text)
        turn = Turn(conversation_id=self.conversation, action="answer", language="sw")
        session.add(turn)
        session.flush()
        session.execute(update(Message).values(turn_id=turn.id))
        outbox.queue(session, self.conversation, "sw", f"You said: {text}", turn_id=turn.id)
        session.execute(update(Delivery).values(state="sent"))

    def age(self, by: timedelta, *, seen: bool) -> None:
        """Let everything that is there have happened earlier; `seen`: the person's last visit too."""
        with self.database.write() as session:
            for column in (Message.received_at, Delivery.created_at, Ticket.opened_at):
                session.execute(update(column.class_).values({column: _earlier(by)}))
            if seen:
                session.execute(update(Contact).values(seen_at=_earlier(by)))

    def count(self, table: type) -> int:
        with self.database.read() as session:
            return session.scalar(select(func.count()).select_from(table)) or 0

    def need(self) -> dict:  # type: ignore[type-arg]
        with self.database.read() as session:
            return session.get_one(Ticket, self.ticket).need


def _earlier(by: timedelta) -> datetime:
    return now() - by


@pytest.fixture
def kept(database: Database, vault: Vault) -> Kept:
    return Kept(database, vault)


def test_who_was_silent_for_the_whole_time_is_forgotten(kept: Kept) -> None:
    kept.age(LONG_AGO, seen=True)

    assert expire(kept.database, DAYS) == 1

    assert [kept.count(table) for table in (Contact, Conversation, Message, Delivery, Turn)] == [0] * 5
    assert kept.need() == {"question": {"topics": {"python": 1.0}}}


def test_what_is_older_than_its_time_goes_even_if_the_person_goes_on_writing(kept: Kept) -> None:
    kept.age(LONG_AGO, seen=False)
    with kept.database.write() as session:
        kept.say(session, "newer words")

    assert expire(kept.database, DAYS) == 0

    assert kept.count(Contact) == 1
    with kept.database.read() as session:
        assert session.scalars(select(Message.text)).all() == ["newer words"]
        assert session.scalars(select(Delivery.text)).all() == ["You said: newer words"]
    assert "first" not in str(kept.need())


def test_what_is_within_its_time_stays(kept: Kept) -> None:
    kept.age(timedelta(days=DAYS - 1), seen=True)

    assert expire(kept.database, DAYS) == 0

    assert [kept.count(table) for table in (Contact, Message, Delivery)] == [1, 1, 1]
    assert kept.need()["words"] == "my first words"


def test_a_message_that_no_turn_has_taken_up_is_never_thrown_away(kept: Kept) -> None:
    with kept.database.write() as session:
        inbox.keep(session, kept.conversation, "2", "text", "not answered yet")
    kept.age(LONG_AGO, seen=False)

    expire(kept.database, DAYS)

    with kept.database.read() as session:
        assert session.scalars(select(Message.text)).all() == ["not answered yet"]


@pytest.mark.parametrize(("state", "stays"), [("sent", 0), ("queued", 1), ("unknown", 1)])
def test_the_address_of_who_asked_to_be_forgotten_goes_after_the_last_word_is_out(
    kept: Kept, state: str, stays: int
) -> None:
    with kept.database.write() as session:
        session.execute(update(Contact).values(erased_at=_earlier(LAST_WORD + timedelta(minutes=1))))
        session.execute(update(Delivery).values(state=state))

    expire(kept.database, DAYS)

    assert kept.count(Contact) == stays
