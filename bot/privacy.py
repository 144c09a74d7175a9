"""What a person can ask about their data: all of it, or that it goes. And what goes by itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from bot.replies import Replies
from store import outbox
from store.database import Database
from store.tables import Contact, Conversation, Delivery, Message, Ticket, Turn, now

log = structlog.get_logger("privacy")

LAST_WORD = timedelta(hours=1)
"""How long the address is kept of somebody who asked to be forgotten, to tell them that they are."""
AT_A_TIME = 500

_Drop = Callable[[Session, Contact, Conversation], bool]

LONGEST_PART = 3_000
"""Characters of one message of an export."""
MOST_PARTS = 8


def export(session: Session, contact: Contact, conversation: Conversation, replies: Replies) -> list[str]:
    """Everything that is kept about a person, as messages; the newest that fit, and how many are left out."""
    facts = replies.facts(contact.channel, contact.language, contact.country, contact.audience)
    facts += replies.seen(contact.created_at.date(), contact.seen_at.date())
    tickets = session.scalars(select(Ticket).where(Ticket.conversation_id == conversation.id))
    facts += [replies.request(t.id, t.opened_at.date(), is_open=t.state == "open") for t in tickets]
    said = [_line(entry, replies) for entry in outbox.transcript(session, conversation.id)]
    kept: list[str] = []
    room = LONGEST_PART * MOST_PARTS
    while said and room > len(said[-1]):
        room -= len(said[-1]) + 1
        kept.insert(0, said.pop())
    lines = [replies.export_title(), *facts, "", *kept, *([replies.export_cut(len(said))] if said else [])]
    return _parts(lines)


def _line(entry: Message | Delivery, replies: Replies) -> str:
    if isinstance(entry, Message):
        return f"{entry.received_at:%Y-%m-%d %H:%M} {replies.said_by('person')}: {entry.text or entry.kind}"
    return f"{entry.created_at:%Y-%m-%d %H:%M} {replies.said_by(entry.author)}: {entry.text}"


def _parts(lines: list[str]) -> list[str]:
    parts = [""]
    for line in lines:
        for piece in [line[i : i + LONGEST_PART] for i in range(0, max(1, len(line)), LONGEST_PART)]:
            if len(parts[-1]) + len(piece) + 1 > LONGEST_PART:
                parts.append("")
            parts[-1] += ("\n" if parts[-1] else "") + piece
    return parts


def forget(session: Session, contact: Contact, conversation: Conversation) -> None:
    """Erase all that a person said and was told. Tickets stay, anonymous; the address goes with the last word."""
    session.execute(delete(Delivery).where(Delivery.conversation_id == conversation.id))
    # What has just come in and belongs to no turn yet is answered as the first word of a new conversation.
    read = Message.turn_id.is_not(None)
    session.execute(delete(Message).where(Message.conversation_id == conversation.id, read))
    session.execute(delete(Turn).where(Turn.conversation_id == conversation.id))
    for ticket in session.scalars(select(Ticket).where(Ticket.conversation_id == conversation.id)):
        _make_anonymous(ticket)
        ticket.conversation_id = None
        if ticket.state == "open":
            ticket.state, ticket.outcome, ticket.closed_at = "closed", "declined", now()
    conversation.context = {}
    contact.language = contact.country = contact.audience = contact.welcomed_at = contact.stopped_at = None
    contact.language_chosen = False
    contact.origin = contact.cautioned_at = None
    contact.erased_at = now()


def _make_anonymous(ticket: Ticket) -> None:
    question = ticket.need.get("question", {})
    ticket.need = {"question": {key: question[key] for key in ("topics", "language") if key in question}}


def expire(database: Database, days: int) -> int:
    """Forget who was silent for `days` and what is older, and drop who asked to be forgotten; gives how many went.

    In small transactions, so that nobody's turn waits; one that fails is tried again at the next time.
    """
    before = now() - timedelta(days=days)
    gone = _each(database, Contact.seen_at < before, partial(_drop_silent, before=before))
    gone += _each(database, Contact.erased_at < now() - LAST_WORD, _drop_erased)
    old = sum(iter(partial(_erase_old, database, before), 0))
    old += sum(iter(partial(_erase_needs, database, before), 0))
    if gone or old:
        database.checkpoint()
    return gone


def _each(database: Database, which: ColumnElement[bool], drop: _Drop) -> int:
    """Drop each of some contacts, if it is still right, in a transaction of its own; gives how many went."""
    with database.read() as session:
        ids = session.scalars(select(Contact.id).where(which).order_by(Contact.id)).all()
    gone = 0
    for contact_id in ids:
        try:
            gone += _locked(database, contact_id, drop)
        except Exception:
            log.exception("expire.failed", contact=contact_id)
    return gone


def _locked(database: Database, contact_id: int, drop: _Drop) -> bool:
    """Act with the conversation locked: neither a turn nor a new message is under way."""
    with database.write() as session:
        locked = select(Conversation).where(Conversation.contact_id == contact_id).with_for_update()
        conversation = session.scalars(locked).first()
        contact = session.get(Contact, contact_id)
        return bool(contact and conversation and drop(session, contact, conversation))


def _drop_silent(session: Session, contact: Contact, conversation: Conversation, before: datetime) -> bool:
    if contact.seen_at >= before:  # they have just written
        return False
    forget(session, contact, conversation)
    session.delete(contact)
    return True


def _drop_erased(session: Session, contact: Contact, conversation: Conversation) -> bool:
    on_way = select(Delivery.id).where(Delivery.conversation_id == conversation.id)
    waits = session.scalars(on_way.where(Delivery.state.in_(("queued", "sending", "unknown")))).first()
    if contact.erased_at is None or waits:
        return False
    session.delete(contact)
    return True


def _erase_old(database: Database, before: datetime) -> int:
    """Erase some of the messages of both sides that are past their time; gives how many, 0 at the end."""
    with database.write() as session:
        heard = select(Message.id).where(Message.received_at < before, Message.turn_id.is_not(None)).limit(AT_A_TIME)
        told = select(Delivery.id).where(Delivery.created_at < before).limit(AT_A_TIME)
        gone = 0
        for table, which in ((Message, heard), (Delivery, told)):
            gone += len(session.scalars(delete(table).where(table.id.in_(which)).returning(table.id)).all())
    return gone


def _erase_needs(database: Database, before: datetime) -> int:
    """Take the words out of some of the requests that are past their time; gives how many, 0 at the end."""
    with database.write() as session:
        old = select(Ticket).where(Ticket.opened_at < before, Ticket.wordless.is_(False))
        tickets = session.scalars(old.limit(AT_A_TIME).with_for_update()).all()
        for ticket in tickets:
            _make_anonymous(ticket)
            ticket.wordless = True
    return len(tickets)
