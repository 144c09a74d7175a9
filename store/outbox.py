"""The outbox: what is on its way to people, and what has reached them."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import Integer, Select, String, Update, bindparam, case, func, or_, select, update
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql.dml import ReturningUpdate

from store.tables import Contact, Conversation, Delivery, Message, Moment, now

SENDING = timedelta(seconds=30)
"""How long a sender may take before the outcome counts as unknown."""

_RANK = {"parked": 0, "queued": 0, "sending": 1, "unknown": 1, "sent": 2, "delivered": 3, "read": 4, "dead": 5}
_OPEN = ("parked", "queued", "sending", "unknown")
"""States in which a message holds up the later ones of its conversation."""


_LATEST = 200
"""More of a person's messages than any provider is asked for."""


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
    locked: bool = False,
) -> Delivery:
    """Put a message into the outbox, in the transaction of whatever caused it.

    `locked`: the transaction has changed the conversation's row already.
    """
    # The lock keeps ids in the order of commits on PostgreSQL: pages read on from the last id that they have seen.
    if not locked:
        session.execute(_hold(), {"talk": conversation_id})
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


@cache
def _hold() -> Select[int]:
    """The statement, built once: building it takes longer than running it."""
    return select(Conversation.id).where(Conversation.id == bindparam("talk")).with_for_update()


def claim(session: Session, channels: Collection[str], most: int = 1) -> list[tuple[Delivery, Contact]]:
    """Take up to `most` messages for `channels` that are due; each conversation's go out one after the other.

    One whose outcome is unknown, or whose sender never came back, is taken when its time has come, in state `unknown`.
    Each gets a new lease: what an earlier sender of it tells from now on is not taken in.
    """
    moment = now()
    told = {"moment": moment, "until": moment + SENDING, "token": secrets.token_hex(16), "most": most}
    taken = session.scalars(_claim(), {**told, "channels": list(channels)}).all()
    if not taken:
        return []
    rows = session.execute(_with_contacts(), {"taken": list(taken)})
    return [(delivery, contact) for delivery, contact in rows]


@cache
def _claim() -> ReturningUpdate[int]:
    """The statement, built once: building it takes longer than running it."""
    moment = bindparam("moment", type_=Moment)
    earlier = aliased(Delivery)
    blocked = (
        select(earlier.id)
        .where(earlier.conversation_id == Delivery.conversation_id, earlier.id < Delivery.id)
        .where(earlier.state.in_(_OPEN))
    )
    due = (
        select(Delivery.id)
        .join(Conversation, Conversation.id == Delivery.conversation_id)
        .join(Contact, Contact.id == Conversation.contact_id)
        .where(Contact.channel.in_(bindparam("channels", expanding=True)))
        .where(Delivery.state.in_(("queued", "sending", "unknown")), Delivery.due_at <= moment, ~blocked.exists())
        .where(or_(Conversation.send_after.is_(None), Conversation.send_after <= moment))
        .order_by(Delivery.due_at, Delivery.id)
        .limit(bindparam("most", type_=Integer))
        .with_for_update(of=Delivery, skip_locked=True)
        .cte("due")  # as a plain subquery PostgreSQL may run it again for each row
    )
    return (
        update(Delivery)
        .where(Delivery.id.in_(select(due.c.id)))
        .values(
            state=case((Delivery.state == "queued", "sending"), else_="unknown"),
            lease=bindparam("token", type_=String),
            attempts=Delivery.attempts + case((Delivery.state == "queued", 1), else_=0),
            unknowns=Delivery.unknowns + case((Delivery.state == "sending", 1), else_=0),
            due_at=bindparam("until", type_=Moment),
        )
        .execution_options(synchronize_session=False)
        .returning(Delivery.id)
    )


@cache
def _with_contacts() -> Select[Delivery, Contact]:
    found = select(Delivery, Contact).join(Conversation, Conversation.id == Delivery.conversation_id)
    found = found.join(Contact, Contact.id == Conversation.contact_id)
    return found.where(Delivery.id.in_(bindparam("taken", expanding=True))).order_by(Delivery.id)


def others(session: Session, delivery: Delivery) -> list[str]:
    """The provider's ids of the latest other messages of a conversation: what it says of them is not of this one."""
    theirs = select(Delivery.external_id).where(Delivery.conversation_id == delivery.conversation_id)
    theirs = theirs.where(Delivery.id != delivery.id, Delivery.external_id.is_not(None))
    return [each for each in session.scalars(theirs.order_by(Delivery.id.desc()).limit(_LATEST)) if each]


def release_all(session: Session) -> None:
    """At the start of the only process: whoever was sending is gone, and the outcome unknown."""
    lost = update(Delivery).where(Delivery.state == "sending")
    session.execute(lost.values(state="unknown", due_at=now(), lease=None, unknowns=Delivery.unknowns + 1))


def advance(session: Session, delivery_id: int, state: str, external_id: str | None = None) -> bool:
    """Move a delivery to a later state; earlier ones come late and change nothing."""
    told = {"number": delivery_id, "given": external_id}
    return session.connection().execute(_advance(state), told).rowcount > 0


def advance_all(session: Session, state: str, reached: Collection[tuple[int, str | None]]) -> None:
    """Move deliveries to a later state, with the provider's ids as far as they are known."""
    if reached:  # in one order everywhere, so that no two transactions wait for each other
        told = [{"number": number, "given": external_id} for number, external_id in sorted(reached)]
        session.connection().execute(_advance(state), told)


@cache
def _advance(state: str) -> Update:
    earlier = [name for name, rank in _RANK.items() if rank < _RANK[state]]
    # Not by IN, whose values cannot be told to many rows at once.
    moved = update(Delivery).where(Delivery.id == bindparam("number"), or_(*(Delivery.state == e for e in earlier)))
    given = func.coalesce(bindparam("given", type_=String), Delivery.external_id)
    return moved.values(state=state, external_id=given)


def of(session: Session, channel: str, reference: str | None, external_id: str) -> Delivery | None:
    """The message that a provider speaks of, by our own reference or by the provider's id."""
    if reference and reference.isascii() and reference.isdigit() and len(reference) < 19:
        told = {"channel": channel, "name": int(reference)}
        if delivery := session.scalars(_of(by_number=True), told).first():
            return delivery
    return session.scalars(_of(by_number=False), {"channel": channel, "name": external_id}).first()


@cache
def _of(*, by_number: bool) -> Select[Delivery]:
    named = (Delivery.id if by_number else Delivery.external_id) == bindparam("name")
    known = select(Delivery).join(Conversation, Conversation.id == Delivery.conversation_id)
    known = known.join(Contact, Contact.id == Conversation.contact_id).where(Contact.channel == bindparam("channel"))
    return known.where(named).with_for_update(of=Delivery)


def postpone(session: Session, delivery: Delivery, until: datetime, failure: str) -> None:
    """Try again later; a message whose outcome is unknown stays so."""
    state = case((Delivery.state == "unknown", "unknown"), else_="queued")
    values = {"state": state, "due_at": until, "failure": failure}
    session.execute(_unfinished(delivery).values(values))


def doubt(session: Session, delivery: Delivery, until: datetime, failure: str) -> None:
    """The outcome of a send is unknown; it is looked into at `until`."""
    values = {"state": "unknown", "due_at": until, "failure": failure, "unknowns": Delivery.unknowns + 1}
    session.execute(_unfinished(delivery).values(values))


def park(session: Session, delivery: Delivery, failure: str) -> None:
    """Keep a message until the person writes again."""
    session.execute(_unfinished(delivery, "sent").values(state="parked", failure=failure, external_id=None))


def unpark(session: Session, conversation_ids: Collection[int]) -> None:
    """These people have written: what waited for that may go."""
    session.connection().execute(_unpark(), {"ids": sorted(conversation_ids), "moment": now()})


@cache
def _unpark() -> Update:
    parked = update(Delivery).where(Delivery.conversation_id.in_(bindparam("ids", expanding=True)))
    return parked.where(Delivery.state == "parked").values(state="queued", due_at=bindparam("moment", type_=Moment))


def bury(session: Session, delivery: Delivery, failure: str) -> None:
    """Give up: the message stays visible as a dead letter."""
    session.execute(_unfinished(delivery, "sent").values(state="dead", failure=failure))


def _unfinished(delivery: Delivery, *also: str) -> Update:
    """The message, unless it is through or another sender has taken it since `delivery` was read (fencing)."""
    held = Delivery.lease.is_not_distinct_from(delivery.lease)
    return update(Delivery).where(Delivery.id == delivery.id, held, Delivery.state.in_((*_OPEN, *also)))


def pace(session: Session, conversation_id: int, until: datetime) -> None:
    """Send nothing more to a person before `until`."""
    session.execute(update(Conversation).where(Conversation.id == conversation_id).values(send_after=until))


def doubts(session: Session) -> int:
    """How many messages were sent again after an outcome that stayed unknown: only these may have arrived twice."""
    return session.scalar(select(func.count()).select_from(Delivery).where(Delivery.unknowns > 0)) or 0


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


def dead(session: Session, limit: int = 10) -> list[tuple[int, str]]:
    """The latest dead letters, and why they were given up."""
    query = select(Delivery.id, Delivery.failure).where(Delivery.state == "dead").order_by(Delivery.id.desc())
    return [(number, failure or "no reason kept") for number, failure in session.execute(query.limit(limit))]


def counts(session: Session) -> dict[str, int]:
    """How many deliveries are in each state."""
    rows = session.execute(select(Delivery.state, func.count()).group_by(Delivery.state))
    return dict(rows.all())
