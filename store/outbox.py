"""The outbox: what is on its way to people, and what has reached them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, aliased

from store.tables import Contact, Conversation, Delivery, Message, now

SENDING = timedelta(seconds=60)
"""How long a sender may take before the outcome counts as unknown."""

_RANK = {"queued": 0, "sending": 1, "sent": 2, "delivered": 3, "read": 4, "dead": 5}


def queue(
    session: Session,
    conversation_id: int,
    language: str,
    text: str,
    buttons: Sequence[tuple[str, str]] = (),
    *,
    turn_id: int | None = None,
    ticket_id: int | None = None,
    author: str = "assistant",
) -> Delivery:
    """Put a message into the outbox, in the transaction of whatever caused it."""
    delivery = Delivery(
        conversation_id=conversation_id,
        turn_id=turn_id,
        ticket_id=ticket_id,
        author=author,
        language=language,
        text=text,
        buttons=[list(button) for button in buttons],
    )
    session.add(delivery)
    session.flush()
    return delivery


def claim(session: Session) -> tuple[Delivery, Contact] | None:
    """Take the next message that is due; each conversation's messages go out one after the other."""
    moment = now()
    earlier = aliased(Delivery)
    blocked = (
        select(earlier.id)
        .where(earlier.conversation_id == Delivery.conversation_id, earlier.id < Delivery.id)
        .where(earlier.state.in_(("queued", "sending")))
    )
    due = (
        select(Delivery.id)
        .where(Delivery.state == "queued", Delivery.due_at <= moment, ~blocked.exists())
        .order_by(Delivery.due_at, Delivery.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    taken = session.scalar(
        update(Delivery)
        .where(Delivery.id == due.scalar_subquery())
        .values(state="sending", attempts=Delivery.attempts + 1, due_at=moment + SENDING)
        .returning(Delivery.id)
    )
    if taken is None:
        return None
    found = select(Delivery, Contact).join(Conversation, Conversation.id == Delivery.conversation_id)
    delivery, contact = session.execute(
        found.join(Contact, Contact.id == Conversation.contact_id).where(Delivery.id == taken)
    ).one()
    return delivery, contact


def advance(session: Session, delivery_id: int, state: str, external_id: str | None = None) -> bool:
    """Move a delivery to a later state; earlier ones come late and change nothing."""
    earlier = [name for name, rank in _RANK.items() if rank < _RANK[state] and name != "dead"]
    values = {"state": state} | ({"external_id": external_id} if external_id else {})
    statement = update(Delivery).where(Delivery.id == delivery_id, Delivery.state.in_(earlier)).values(values)
    return bool(session.execute(statement.returning(Delivery.id)).first())


def postpone(session: Session, delivery_id: int, until: datetime, failure: str) -> None:
    """Try again later."""
    values = {"state": "queued", "due_at": until, "failure": failure}
    session.execute(update(Delivery).where(Delivery.id == delivery_id, Delivery.state == "sending").values(values))


def bury(session: Session, delivery_id: int, failure: str) -> None:
    """Give up: the message stays visible as a dead letter."""
    values = {"state": "dead", "failure": failure}
    session.execute(update(Delivery).where(Delivery.id == delivery_id).values(values))


def lost(session: Session) -> list[int]:
    """Deliveries whose sender never came back: their outcome is unknown."""
    query = select(Delivery.id).where(Delivery.state == "sending", Delivery.due_at < now())
    return list(session.scalars(query))


def after(session: Session, conversation_id: int, delivery_id: int, limit: int = 100) -> list[Delivery]:
    """The messages that a conversation's page has not had yet, oldest first."""
    query = select(Delivery).where(Delivery.conversation_id == conversation_id, Delivery.id > delivery_id)
    return list(session.scalars(query.order_by(Delivery.id).limit(limit)))


def transcript(session: Session, conversation_id: int, limit: int = 10_000) -> list[Message | Delivery]:
    """What was said last in a conversation, by both sides, in order of time; at most `limit` of each side."""
    heard = select(Message).where(Message.conversation_id == conversation_id).order_by(Message.id.desc())
    told = select(Delivery).where(Delivery.conversation_id == conversation_id).order_by(Delivery.id.desc())
    said: list[Message | Delivery] = [*session.scalars(heard.limit(limit)), *session.scalars(told.limit(limit))]
    return sorted(said, key=lambda m: (m.received_at if isinstance(m, Message) else m.created_at, m.id))


def counts(session: Session) -> dict[str, int]:
    """How many deliveries are in each state."""
    rows = session.execute(select(Delivery.state, func.count()).group_by(Delivery.state))
    return dict(rows.tuples().all())
