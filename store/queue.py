"""What waits at the desk: for anybody, and for one officer."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, SQLColumnExpression, and_, func, literal, or_, select, union_all
from sqlalchemy.orm import Session

from store.chat import PRESENT, WRITING
from store.desk_tables import Officer, Presence, Trust
from store.tables import Contact, Conversation, Delivery, Message, Ticket

Lane = Literal["requests", "outside"]
LANES: tuple[Lane, ...] = ("requests", "outside")
LATEST = 200
"""Messages, and deliveries, that a look for changes goes back."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """An open ticket and what the desk must know of its person."""

    ticket: Ticket
    channel: str | None
    """None once the person is forgotten."""
    seen_at: datetime | None
    """When the person last wrote."""
    trusted: bool
    holder: str | None
    """The name of the officer who has it."""


@dataclass(frozen=True, slots=True)
class Said:
    """The last line of a conversation."""

    author: str
    """`person`, `officer` or `assistant`."""
    text: str
    kind: str
    at: datetime


def lane(ticket: Ticket) -> Lane:
    """Where a ticket waits. Outside our field: another trade was named, and no topic of ours is known by now.

    Somebody in danger is never put there, whatever else they wrote.
    """
    topics = (ticket.need.get("question") or {}).get("topics")
    elsewhere = ticket.reason in {"outside", "elsewhere"} and not topics
    return "outside" if elsewhere and not ticket.urgent else "requests"


def waiting_since(ticket: Ticket) -> datetime:
    """Since when the person has waited for an answer: also if they wrote on, the whole time counts."""
    answered_before = ticket.answered_at is not None or ticket.reopened > 0
    if ticket.heard_at and answered_before and (ticket.answered_at is None or ticket.heard_at > ticket.answered_at):
        return ticket.heard_at
    return ticket.opened_at


def waiting(session: Session, *, held: bool = False, lead: bool = False) -> list[Waiting]:
    """Open tickets that nobody has, or (`held`) all: urgent, then trusted ones, then by promise, then the oldest.

    `lead`: those that a lead looks after stand before the others of their kind.
    """
    query = _open()
    if not held:
        query = query.where(Ticket.officer_id.is_(None))
    found = [Waiting(*row) for row in session.execute(query)]
    return sorted(found, key=lambda each: _rank(each, lead))


def _rank(each: Waiting, lead: bool) -> tuple[object, ...]:
    ticket = each.ticket
    promise = ticket.promised_at.timestamp() if ticket.promised_at else float("inf")
    for_lead = lead and ticket.with_lead
    return not ticket.urgent, not each.trusted, not for_lead, promise, ticket.opened_at, ticket.id


def held_by(session: Session, officer_id: int) -> list[Waiting]:
    """The open tickets of an officer."""
    return [Waiting(*row) for row in session.execute(_open().where(Ticket.officer_id == officer_id))]


def _open() -> Select[Ticket, str | None, datetime | None, bool, str | None]:
    trusted = func.coalesce(Trust.active, False)
    query = select(Ticket, Contact.channel, Contact.seen_at, trusted, Officer.name).where(Ticket.state == "open")
    query = query.outerjoin(Conversation, Conversation.id == Ticket.conversation_id)
    query = query.outerjoin(Contact, Contact.id == Conversation.contact_id)
    query = query.outerjoin(Trust, Trust.contact_id == Contact.id).outerjoin(Officer, Officer.id == Ticket.officer_id)
    return query.order_by(Ticket.id)


def looking(session: Session, numbers: Collection[int], moment: datetime) -> dict[int, list[str]]:
    """Who looks at these tickets now: names by ticket."""
    seen = select(Presence.ticket_id, Officer.name).join(Officer, Officer.id == Presence.officer_id)
    seen = seen.where(Presence.ticket_id.in_(numbers), Presence.seen_at > moment - PRESENT)
    found: dict[int, list[str]] = {}
    for number, name in session.execute(seen.order_by(Officer.name)):
        found.setdefault(number, []).append(name)
    return found


def unread(session: Session, officer_id: int) -> dict[int, int]:
    """How many messages of its person each of an officer's open tickets has that the officer has not seen.

    A chat that the officer never opened counts as one at least; in it, what was said before they had it is no news.
    """
    read = func.coalesce(Presence.read_message_id, 0)
    mine = and_(Presence.ticket_id == Ticket.id, Presence.officer_id == officer_id)
    fresh = and_(
        Message.conversation_id == Ticket.conversation_id,
        Message.id > read,
        or_(read > 0, Ticket.claimed_at.is_(None), Message.received_at > Ticket.claimed_at),
    )
    query = select(Ticket.id, func.max(read), func.count(Message.id)).outerjoin(Presence, mine)
    query = query.outerjoin(Message, fresh).where(Ticket.officer_id == officer_id, Ticket.state == "open")
    counted = session.execute(query.group_by(Ticket.id))
    return {number: max(count, 0 if seen else 1) for number, seen, count in counted}


def last_said(session: Session, conversations: Collection[int]) -> dict[int, Said]:
    """The last line of each conversation, from either side."""
    heard = select(func.max(Message.id)).where(Message.conversation_id.in_(conversations))
    told = select(func.max(Delivery.id)).where(Delivery.conversation_id.in_(conversations))
    found: dict[int, Said] = {}
    ours = select(Delivery).where(Delivery.id.in_(told.group_by(Delivery.conversation_id)))
    for delivery in session.scalars(ours):
        said = Said(delivery.author, delivery.text, "text", delivery.created_at)
        found[delivery.conversation_id] = said
    theirs = select(Message).where(Message.id.in_(heard.group_by(Message.conversation_id)))
    for message in session.scalars(theirs):
        before = found.get(message.conversation_id)
        if before is None or message.received_at >= before.at:
            found[message.conversation_id] = Said("person", message.text, message.kind, message.received_at)
    return found


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing that live pages look at; it is another one once the thing has changed."""

    kind: str
    """`ticket`, `message`, `delivery` or `presence`."""
    ticket_id: int
    number: int
    """Of the message or delivery; of the officer who is there."""
    state: str
    at: datetime | None
    officer_id: int | None = field(compare=False)
    """Who has the ticket."""


def marks(session: Session, since: datetime, moment: datetime) -> set[Mark]:
    """What has changed lately, in one query: what was not there before is news.

    Tickets changed after `since`, the latest messages and deliveries of open tickets, and who is there at `moment`. It
    looks further back than to the last change seen, because changes do not commit in the order of their ids and times.
    """
    nobody, nothing = literal(0), literal("")
    changed = _marks("ticket", nobody, nothing, Ticket.changed_at).where(Ticket.changed_at > since)
    heard = _marks("message", Message.id, nothing, Message.received_at).where(Ticket.state == "open", _latest(Message))
    heard = heard.join(Message, Message.conversation_id == Ticket.conversation_id)
    told = _marks("delivery", Delivery.id, Delivery.state, Delivery.created_at)
    told = told.where(Ticket.state == "open", _latest(Delivery))
    told = told.join(Delivery, Delivery.conversation_id == Ticket.conversation_id)
    here = _marks("presence", Presence.officer_id, nothing, Presence.writing_at)
    here = here.join(Presence, Presence.ticket_id == Ticket.id).where(Presence.seen_at > moment - PRESENT)
    found = session.execute(union_all(changed, heard, told, here))
    return {_settled(Mark(*row), moment) for row in found}


def _marks(
    kind: str, number: SQLColumnExpression[int], state: SQLColumnExpression[str], at: SQLColumnExpression[Any]
) -> Select[Any]:
    what: list[SQLColumnExpression[Any]] = [number.label("number"), state.label("state"), at.label("at")]
    return select(literal(kind), Ticket.id, *what, Ticket.officer_id).select_from(Ticket)


def _latest(table: type[Message | Delivery]) -> ColumnElement[bool]:
    return table.id > select(func.coalesce(func.max(table.id), 0) - LATEST).scalar_subquery()


def _settled(mark: Mark, moment: datetime) -> Mark:
    """Of somebody who is there only the turns from reading to writing and back are changes, not every key."""
    if mark.kind != "presence":
        return mark
    writes = mark.at is not None and mark.at > moment - WRITING
    return replace(mark, state="writing" if writes else "", at=None)
