"""What officers do with tickets: for the desk and the command line. Every act is in the audit log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlalchemy import or_, update
from sqlalchemy.orm import Session

from bot.replies import Replies
from bot.say import Limits, say
from bot.signals import Signal
from channels.contract import Outgoing
from channels.text import clean
from store import tickets
from store.database import Database
from store.desk_tables import Note, Officer
from store.tables import Conversation, Ticket, now

LEADS = frozenset({"lead", "administrator"})
STEPS = ("new", "clarifying", "matched", "referred", "accepted", "delivered", "closed")


class NoTicket(Exception):
    """There is no open ticket with that number, or its person is gone."""


class Taken(Exception):
    """Somebody else has the ticket; `by` is their name."""

    def __init__(self, by: str) -> None:
        super().__init__(by)
        self.by = by


class Escalation:
    """The acts. `officer` is who acts; the command line acts without one, under the name of the terminal's user."""

    def __init__(self, database: Database, said: Signal, limits: Limits | None = None) -> None:
        """`limits`: the channels' longest texts."""
        self._limits = limits or {}
        self._database = database
        self._said = said

    def claim(self, number: int, officer: Officer) -> None:
        """Take a ticket: of two who do so at once exactly one gets it. Raises `Taken` for the other, `NoTicket`.

        The person is told who has their request.
        """
        with self._database.write() as session:
            free = or_(Ticket.officer_id.is_(None), Ticket.officer_id == officer.id)
            open_ = (Ticket.id == number, Ticket.state == "open")
            mine = {"officer_id": officer.id, "claimed_at": now(), "move_at": None, "changed_at": now()}
            before = session.get(Ticket, number)
            had = before.officer_id if before else None
            taken = session.execute(update(Ticket).where(*open_, free).values(mine).returning(Ticket.id)).first()
            ticket = session.get(Ticket, number, populate_existing=True)
            if ticket is None or ticket.state != "open":
                raise NoTicket(number)
            if taken is None:
                raise Taken(self._name(session, ticket.officer_id))
            if had == officer.id:
                return
            tickets.note(session, officer.login, "ticket.claim", str(number))
            self._tell(session, ticket, Replies(ticket.language).taken(officer.name, number))
        self._said.set(ticket.conversation_id)

    def release(self, number: int, officer: Officer) -> None:
        """Give a ticket back into the queue. Raises `NoTicket`, `Taken`."""
        with self._held(number, officer, "ticket.release") as (_, ticket):
            ticket.officer_id = ticket.claimed_at = None
            ticket.move_at = now()

    def transfer(self, number: int, officer: Officer, to: int, text: str) -> None:
        """Hand a ticket to another officer, with a note for them. Raises `NoTicket`, `Taken`, `ValueError`.

        A lead may hand over anybody's: of who is away or has too many.
        """
        holder = None if officer.role in LEADS else officer
        with self._held(number, holder, "ticket.transfer", str(to), officer.login) as (session, ticket):
            other = session.get(Officer, to)
            if other is None or not other.active:
                raise ValueError("there is no such officer")
            ticket.officer_id, ticket.claimed_at, ticket.snoozed_until = other.id, now(), None
            if text := clean(text):
                session.add(Note(ticket_id=number, officer_id=officer.id, text=text))
            self._tell(session, ticket, Replies(ticket.language).taken(other.name, number))

    def note(self, number: int, officer: Officer, text: str) -> None:
        """Write a note that only officers see; none on somebody forgotten. Raises `NoTicket`, `ValueError`."""
        text = clean(text)
        if not text:
            raise ValueError("the note is empty")
        with self._database.write() as session:
            ticket = session.get(Ticket, number, with_for_update=True)
            if ticket is None or ticket.conversation_id is None:
                raise NoTicket(number)
            session.add(Note(ticket_id=number, officer_id=officer.id, text=text))
            ticket.changed_at = now()
            tickets.note(session, officer.login, "ticket.note", str(number))
        self._said.set(ticket.conversation_id)

    def snooze(self, number: int, officer: Officer, until: datetime | None) -> None:
        """Put a ticket aside until a time, or until the person writes. Raises `NoTicket`, `Taken`."""
        with self._held(number, officer, "ticket.snooze") as (_, ticket):
            ticket.snoozed_until = until

    def set_step(self, number: int, officer: Officer, step: str) -> None:
        """Say how far a request has come. Raises `NoTicket`, `Taken`, `ValueError`."""
        if step not in STEPS[:-1]:
            raise ValueError(f"the step is one of {', '.join(STEPS[:-1])}")
        with self._held(number, officer, "ticket.step", step) as (_, ticket):
            ticket.step = step

    def edit_need(self, number: int, officer: Officer, question: dict[str, Any], country: str | None) -> None:
        """Correct what was understood of the need. Raises `NoTicket`, `Taken`."""
        with self._held(number, officer, "ticket.need") as (_, ticket):
            ticket.need = {**ticket.need, "question": {**ticket.need.get("question", {}), **question}}
            ticket.country = country

    def reply(self, number: int, text: str, actor: str, officer: Officer | None = None) -> None:
        """Put an officer's answer on its way to the person. Raises `NoTicket`, `Taken`, `ValueError` if it is empty."""
        text = clean(text)
        if not text:
            raise ValueError("the answer is empty")
        with self._held(number, officer, "ticket.reply", actor=actor) as (session, ticket):
            if ticket.conversation_id is None:
                raise NoTicket(number)
            self._tell(session, ticket, Outgoing(text), author="officer")
            ticket.answered_at, ticket.handed_back_at, ticket.snoozed_until = now(), None, None
            ticket.promised_at = ticket.move_at = None
            ticket.step = "clarifying" if ticket.step == "new" else ticket.step

    def share(self, number: int, officer: Officer, record_id: str, card: Outgoing) -> None:
        """Show the person a record of the catalogue, as the assistant would. Raises `NoTicket`, `Taken`."""
        with self._held(number, officer, "ticket.share", record_id) as (session, ticket):
            self._tell(session, ticket, Outgoing(card.text), author="officer")
            ticket.matched = list(dict.fromkeys([*ticket.matched, record_id]))
            ticket.answered_at, ticket.step = now(), "matched"
            ticket.promised_at = ticket.move_at = ticket.handed_back_at = None

    def close(
        self, number: int, outcome: str, actor: str, officer: Officer | None = None, matched: Sequence[str] = ()
    ) -> None:
        """Close a ticket with one of `store.tickets.OUTCOMES`, tell the person and ask whether it helped.

        The talk goes back to the assistant, which starts anew. Raises `NoTicket`, `Taken`, `ValueError`.
        """
        if outcome not in tickets.OUTCOMES:
            raise ValueError(f"the outcome is one of {', '.join(tickets.OUTCOMES)}")
        with self._held(number, officer, "ticket.close", outcome, actor=actor) as (session, ticket):
            tickets.close(session, number, outcome)
            ticket.matched = list(dict.fromkeys([*ticket.matched, *matched]))
            if ticket.conversation_id is not None:
                self._tell(session, ticket, Replies(ticket.language).closed(number))
                session.get_one(Conversation, ticket.conversation_id).context = {}

    @contextmanager
    def _held(
        self, number: int, officer: Officer | None, action: str, detail: str = "", actor: str | None = None
    ) -> Iterator[tuple[Session, Ticket]]:
        """An open ticket, locked, that `officer` has; the act is written into the audit log."""
        with self._database.write() as session:
            ticket = session.get(Ticket, number, with_for_update=True)
            if ticket is None or ticket.state != "open":
                raise NoTicket(number)
            if officer is not None and ticket.officer_id != officer.id:
                raise Taken(self._name(session, ticket.officer_id))
            yield session, ticket
            ticket.changed_at = now()
            who = actor or (officer.login if officer else "")
            tickets.note(session, who, action, f"{number} {detail}".strip())
        self._said.set(ticket.conversation_id)

    def _name(self, session: Session, officer_id: int | None) -> str:
        officer = session.get(Officer, officer_id) if officer_id else None
        return officer.name if officer else ""

    def _tell(self, session: Session, ticket: Ticket, message: Outgoing, author: str = "assistant") -> None:
        if ticket.conversation_id is None:
            return
        conversation, language = ticket.conversation_id, ticket.language
        say(session, self._limits, conversation, language, message, ticket_id=ticket.id, author=author)
