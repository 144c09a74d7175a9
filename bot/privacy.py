"""What a person can ask about their data: all of it, or that it goes. And what goes by itself."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from bot.replies import Replies
from store import outbox
from store.tables import Contact, Conversation, Delivery, Message, Ticket, Turn, now

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
        question = ticket.need.get("question", {})
        ticket.need = {"question": {key: question[key] for key in ("topics", "language") if key in question}}
        ticket.conversation_id = None
        if ticket.state == "open":
            ticket.state, ticket.outcome, ticket.closed_at = "closed", "declined", now()
    conversation.context = {}
    contact.language = contact.country = contact.audience = contact.welcomed_at = contact.stopped_at = None
    contact.language_chosen = False
    contact.erased_at = now()


def expire(session: Session, days: int) -> int:
    """Forget who was silent for `days`, and drop who asked to be forgotten; gives how many went."""
    silent = session.scalars(select(Contact).where(Contact.seen_at < now() - timedelta(days=days)))
    gone = 0
    for contact in silent:
        conversation = session.scalars(select(Conversation).where(Conversation.contact_id == contact.id)).one()
        forget(session, contact, conversation)
        session.delete(contact)
        gone += 1
    told = select(Delivery.id).where(
        Delivery.conversation_id == Conversation.id, Delivery.state.in_(("queued", "sending"))
    )
    done = (
        select(Contact.id)
        .join(Conversation, Conversation.contact_id == Contact.id)
        .where(Contact.erased_at < now() - timedelta(hours=1), ~told.exists())
    )
    for contact_id in session.scalars(done).all():
        session.execute(delete(Conversation).where(Conversation.contact_id == contact_id))
        session.execute(delete(Contact).where(Contact.id == contact_id))
        gone += 1
    return gone
