"""How what is kept about people goes: when they ask for it, and by itself when its time is over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import structlog
from sqlalchemy import ColumnElement, String, cast, delete, select
from sqlalchemy.orm import Session

from bot import submissions
from store import demand, sources, traces
from store.database import Database
from store.desk_tables import Trust
from store.tables import Contact, Conversation, Delivery, Message, Ticket, Turn, now

log = structlog.get_logger("privacy")

LAST_WORD = timedelta(hours=1)
"""How long the address is kept of somebody who asked to be forgotten, to tell them that they are."""
AT_A_TIME = 500

_Drop = Callable[[Session, Contact, Conversation], bool]


def forget(session: Session, contact: Contact, conversation: Conversation) -> None:
    """Erase all that a person said and was told, and what officers and providers wrote about them.

    Tickets stay, anonymous, to be counted; the address goes with the last word.
    """
    session.execute(delete(Delivery).where(Delivery.conversation_id == conversation.id))
    # What has just come in and belongs to no turn yet is answered as the first word of a new conversation.
    read = Message.turn_id.is_not(None)
    session.execute(delete(Message).where(Message.conversation_id == conversation.id, read))
    session.execute(delete(Turn).where(Turn.conversation_id == conversation.id))
    theirs = session.scalars(select(Ticket).where(Ticket.conversation_id == conversation.id).order_by(Ticket.id)).all()
    traces.erase(session, [ticket.id for ticket in theirs])
    for ticket in theirs:
        _make_anonymous(ticket)
        if len(theirs) > 1:  # so that they go on to be counted as one person, and no number grows by their going
            ticket.need = {**ticket.need, demand.SAME: theirs[0].id}
        ticket.conversation_id = None
        if ticket.state == "open":
            ticket.state, ticket.step, ticket.outcome, ticket.closed_at = "closed", "closed", "declined", now()
    sources.forget_sender(session, conversation.id)
    session.execute(delete(Trust).where(Trust.contact_id == contact.id))
    conversation.context = {}
    _begin_anew(contact)
    waits = select(Message.id).where(Message.conversation_id == conversation.id)
    contact.erased_at = None if session.scalars(waits).first() else now()


def _begin_anew(contact: Contact) -> None:
    """Whoever writes again is somebody new."""
    contact.language = contact.country = contact.audience = contact.welcomed_at = contact.stopped_at = None
    contact.origin = contact.cautioned_at = contact.invited_at = contact.language_asked_at = None
    contact.language_chosen, contact.created_at = False, now()


def _make_anonymous(ticket: Ticket) -> None:
    question = ticket.need.get("question", {})
    ticket.need = {"question": {key: question[key] for key in ("topics", "language") if key in question}}
    ticket.wordless = True


def expire(database: Database, days: int) -> int:
    """Forget who was silent for `days` and what is older, and drop who asked to be forgotten; gives how many went.

    In small transactions, so that nobody's turn waits; one that fails is tried again at the next time.
    """
    before = now() - timedelta(days=days)
    gone = _each(database, Contact.seen_at < before, partial(_drop_silent, before=before))
    gone += _each(database, Contact.erased_at < now() - LAST_WORD, _drop_erased)
    old = sum(iter(partial(_erase_old, database, before), 0))
    old += sum(iter(partial(_erase_needs, database, before), 0))
    old += sum(iter(partial(_erase_traces, database, before), 0))
    old += sum(iter(partial(_erase_questions, database, before), 0))
    old += sum(iter(partial(_erase_submissions, database, before), 0))
    if old:
        log.info("words.expired", count=old)
    database.checkpoint()  # also of what somebody erased while others were reading
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
    return len(tickets)


def _erase_traces(database: Database, before: datetime) -> int:
    """Erase some of what officers and providers wrote and is past its time; gives how much, 0 at the end."""
    with database.write() as session:
        return traces.expire(session, before, AT_A_TIME)


def _erase_submissions(database: Database, before: datetime) -> int:
    """Forget some of what was sent in and is past its time, and addresses that are no longer needed; gives how many."""
    with database.write() as session:
        old = sources.expire(session, before, submissions.SOURCE, AT_A_TIME)
        return old + submissions.forget_addresses(session)


def _erase_questions(database: Database, before: datetime) -> int:
    """Forget the last question of some who have only talked with officers since; gives how many, 0 at the end."""
    newer = select(Turn.id).where(Turn.conversation_id == Conversation.id, Turn.finished_at >= before)
    asked = cast(Conversation.context, String).contains('"question"')
    old = select(Conversation).where(asked, ~newer.where(Turn.action != "held").exists()).limit(AT_A_TIME)
    with database.write() as session:
        talks = session.scalars(old.with_for_update()).all()
        for talk in talks:
            talk.context = {"offered": talk.context.get("offered", [])}  # these may be the buttons of a follow-up
    return len(talks)
