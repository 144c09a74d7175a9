"""What the page of a chat shows beside the ticket itself, and what officers leave on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from store import tickets
from store.desk_tables import Canned, Note, Officer, Presence, Trust
from store.tables import Contact, Conversation, Delivery, Message, Record, Ticket, now

PRESENT = timedelta(seconds=30)
"""How long after a sign of life an officer is taken to look at a ticket."""
WRITING = timedelta(seconds=12)
"""How long after a key an officer is taken to write."""


@dataclass(frozen=True, slots=True)
class Other:
    """Another officer who looks at a ticket now."""

    name: str
    writing: bool


def person(session: Session, ticket: Ticket) -> Contact | None:
    """Whose ticket it is; none once they are forgotten."""
    conversation = session.get(Conversation, ticket.conversation_id) if ticket.conversation_id else None
    contact = session.get(Contact, conversation.contact_id) if conversation else None
    return None if contact is None or contact.erased_at else contact


def presence(session: Session, ticket_id: int, officer_id: int) -> Presence:
    """The officer's mark on a ticket, made at their first look; safe against two looks at once."""
    dialect = session.get_bind().dialect.name
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    first = insert(Presence).values(ticket_id=ticket_id, officer_id=officer_id, seen_at=now())
    session.execute(first.on_conflict_do_nothing(index_elements=["ticket_id", "officer_id"]))
    mine = select(Presence).where(Presence.ticket_id == ticket_id, Presence.officer_id == officer_id)
    return session.scalars(mine.with_for_update()).one()


def look(session: Session, ticket: Ticket, officer_id: int, *, read: bool) -> tuple[int, bool]:
    """The officer has the chat before them. `read`: they see it, and not just their browser.

    Gives the last message of the person that they had read before, and whether there are others.
    """
    mine = presence(session, ticket.id, officer_id)
    before, last = mine.read_message_id, _last_heard(session, ticket)
    mine.seen_at = now()
    if read:
        mine.read_message_id = max(before, last)
    return before, last > before


def _last_heard(session: Session, ticket: Ticket) -> int:
    heard = select(func.max(Message.id)).where(Message.conversation_id == ticket.conversation_id)
    return session.scalar(heard) or 0


def draft_of(session: Session, ticket_id: int, officer_id: int) -> str:
    """What the officer has written and not yet sent."""
    mine = select(Presence.draft).where(Presence.ticket_id == ticket_id, Presence.officer_id == officer_id)
    return session.scalar(mine) or ""


def keep_draft(session: Session, ticket_id: int, officer_id: int, text: str) -> None:
    """Keep what an officer has written so far, and that they are writing."""
    mine = presence(session, ticket_id, officer_id)
    mine.draft, mine.seen_at = text, now()
    mine.writing_at = now() if text else None


def others(session: Session, ticket_id: int, officer_id: int, moment: datetime) -> list[Other]:
    """The other officers who look at a ticket now."""
    seen = select(Officer.name, Presence.writing_at).join(Officer, Officer.id == Presence.officer_id)
    seen = seen.where(
        Presence.ticket_id == ticket_id, Presence.officer_id != officer_id, Presence.seen_at > moment - PRESENT
    )
    found = session.execute(seen.order_by(Officer.name))
    return [Other(name, bool(writing and writing > moment - WRITING)) for name, writing in found]


def notes(session: Session, ticket_id: int) -> list[tuple[Note, str]]:
    """The notes on a ticket and their authors' names, oldest first."""
    written = select(Note, Officer.name).outerjoin(Officer, Officer.id == Note.officer_id)
    found = session.execute(written.where(Note.ticket_id == ticket_id).order_by(Note.id))
    return [(note, name or "") for note, name in found]


def canned(session: Session, language: str | None = None) -> list[Canned]:
    """Ready-made answers, in one language or in all."""
    query = select(Canned).order_by(Canned.language, Canned.title, Canned.id)
    return list(session.scalars(query.where(Canned.language == language) if language else query))


def colleagues(session: Session, officer_id: int) -> list[tuple[Officer, int]]:
    """The other officers and how many open tickets each has, the least loaded first."""
    held = select(Ticket.officer_id, func.count().label("load")).where(Ticket.state == "open")
    loads = held.group_by(Ticket.officer_id).subquery()
    query = select(Officer, func.coalesce(loads.c.load, 0)).outerjoin(loads, loads.c.officer_id == Officer.id)
    query = query.where(Officer.active, Officer.id != officer_id)
    ordered = query.order_by(func.coalesce(loads.c.load, 0), Officer.name)
    return [(officer, load) for officer, load in session.execute(ordered)]


def trust_of(session: Session, contact_id: int) -> Trust | None:
    """The trust that a contact has now."""
    trust = session.get(Trust, contact_id)
    return trust if trust and trust.active else None


def give_trust(session: Session, contact_id: int, officer_id: int, reason: str) -> None:
    """Let a contact's requests go first."""
    session.merge(Trust(contact_id=contact_id, given_by=officer_id, reason=reason, given_at=now(), active=True))


def take_trust(session: Session, contact_id: int) -> bool:
    """Take a contact's trust back; false if they had none."""
    trust = trust_of(session, contact_id)
    if trust:
        trust.active = False
    return trust is not None


def last_told(session: Session, conversation_id: int) -> int:
    """The number of the last message that was put into the outbox for a conversation."""
    told = select(func.max(Delivery.id)).where(Delivery.conversation_id == conversation_id)
    return session.scalar(told) or 0


def told_since(session: Session, conversation_id: int, text: str, delivery_id: int) -> bool:
    """Whether an officer has said exactly this after the message with a number."""
    said = select(Delivery.id).where(Delivery.conversation_id == conversation_id, Delivery.id > delivery_id)
    said = said.where(Delivery.author == "officer", Delivery.text == text)
    return session.scalar(said.limit(1)) is not None


def unknown_records(session: Session, ids: Iterable[str]) -> list[str]:
    """Those of `ids` that no record of the catalogue has."""
    wanted = list(dict.fromkeys(ids))
    known = set(session.scalars(select(Record.id).where(Record.id.in_(wanted), Record.withdrawn_at.is_(None))))
    return [each for each in wanted if each not in known]


def touched(session: Session, ticket_id: int, actor: str, action: str, subject: str) -> None:
    """Write an act into the audit log, and let the live pages see that something changed."""
    if ticket := session.get(Ticket, ticket_id):
        ticket.changed_at = now()
    tickets.note(session, actor, action, subject[:120])
