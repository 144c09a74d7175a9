"""What routing asks of the database: who could take a request, and which requests have waited too long."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session, aliased

from store.desk_tables import Officer, Trust
from store.tables import Contact, Conversation, Delivery, Ticket


@dataclass(frozen=True, slots=True)
class Standing:
    """An officer, and what they have to do."""

    officer: Officer
    held: int
    """Open requests that they have."""
    offered: int
    """Open requests that wait for them to be taken."""
    claimed_at: datetime | None
    """When they last took one."""


def standings(session: Session) -> list[Standing]:
    """The active officers."""
    is_open = Ticket.state == "open"
    held = select(Ticket.officer_id, func.count()).where(is_open, Ticket.officer_id.is_not(None))
    waits = select(Ticket.offered_to, func.count()).where(is_open, Ticket.officer_id.is_(None))
    last = select(Ticket.officer_id, func.max(Ticket.claimed_at)).where(Ticket.officer_id.is_not(None))
    holding = dict(session.execute(held.group_by(Ticket.officer_id)).all())
    waiting = dict(session.execute(waits.group_by(Ticket.offered_to)).all())
    claimed = dict(session.execute(last.group_by(Ticket.officer_id)).all())
    officers = session.scalars(select(Officer).where(Officer.active).order_by(Officer.id))
    return [Standing(o, holding.get(o.id, 0), waiting.get(o.id, 0), claimed.get(o.id)) for o in officers]


def hours(session: Session) -> list[dict[str, Any]]:
    """The working hours of each active officer."""
    return list(session.scalars(select(Officer.hours).where(Officer.active)))


def is_trusted(session: Session, conversation_id: int) -> bool:
    """Whether a lead has given trust to the person of a conversation."""
    trust = select(Trust.contact_id).join(Conversation, Conversation.contact_id == Trust.contact_id)
    return session.scalar(trust.where(Conversation.id == conversation_id, Trust.active)) is not None


def due(session: Session, moment: datetime, most: int) -> Sequence[Ticket]:
    """Open requests that nobody took, or answered, in time, and those that were never offered to anybody.

    They are locked; those that another process has in hand are left out.
    """
    not_offered = and_(Ticket.offered_to.is_(None), Ticket.move_at.is_(None))
    not_taken = and_(Ticket.officer_id.is_(None), or_(Ticket.move_at <= moment, not_offered))
    not_answered = and_(Ticket.officer_id.is_not(None), Ticket.promised_at <= moment)
    awake = or_(Ticket.snoozed_until.is_(None), Ticket.snoozed_until <= moment)
    found = select(Ticket).where(Ticket.state == "open", or_(not_taken, not_answered), awake)
    oldest = found.order_by(Ticket.urgent.desc(), Ticket.promised_at, Ticket.id).limit(most)
    return session.scalars(oldest.with_for_update(skip_locked=True)).all()


def to_ask(session: Session, days: int, closed_before: datetime, most: int) -> Sequence[Ticket]:
    """Closed requests whose people agreed to be asked, and were not yet asked after `days`: locked as in `due`."""
    agreed = select(Ticket).where(
        Ticket.state == "closed", Ticket.wants_news.is_(True), Ticket.conversation_id.is_not(None)
    )
    other = aliased(Ticket)
    is_open = select(other.id).where(other.conversation_id == Ticket.conversation_id, other.state == "open")
    stopped = select(Conversation.id).join(Contact, Contact.id == Conversation.contact_id)
    stopped = stopped.where(Conversation.id == Ticket.conversation_id, Contact.stopped_at.is_not(None))
    found = agreed.where(Ticket.closed_at <= closed_before, Ticket.asked_days < days, ~is_open.exists())
    found = found.where(~stopped.exists()).order_by(Ticket.id).limit(most)
    return session.scalars(found.with_for_update(of=Ticket, skip_locked=True)).all()


def free(session: Session, conversation_id: int) -> bool:
    """Lock a conversation; false if somebody has it: waiting for them with a request in hand could wait for ever."""
    locked = select(Conversation.id).where(Conversation.id == conversation_id).with_for_update(skip_locked=True)
    return session.scalar(locked) is not None


def was_told(session: Session, conversation_id: int, beginning: str, since: datetime) -> bool:
    """Whether something that begins so was said to a person after `since`."""
    told = select(Delivery.id).where(Delivery.conversation_id == conversation_id, Delivery.created_at > since)
    return session.scalar(told.where(Delivery.text.startswith(beginning, autoescape=True)).limit(1)) is not None
