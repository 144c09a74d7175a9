"""The inbox: every message is kept once, and one worker at a time has the turn of a conversation."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import JSON, Integer, Select, String, Update, bindparam, func, insert, or_, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.dml import ReturningInsert, ReturningUpdate

from store.database import insert_new
from store.tables import Conversation, Message, Moment, Turn, now

LEASE = timedelta(seconds=60)
"""How long a worker may take for a turn before another may start it anew."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to take the turn of a conversation, until `lease` is replaced."""

    conversation_id: int
    lease: str


def keep(
    session: Session, conversation_id: int, external_id: str, kind: str, text: str, choice: str | None = None
) -> bool:
    """Write a message down; false if it is there already."""
    lock(session, [conversation_id])
    row = {"conversation_id": conversation_id, "external_id": external_id, "kind": kind, "text": text, "choice": choice}
    return bool(keep_all(session, [row]))


def lock(session: Session, conversation_ids: Collection[int]) -> None:
    """Hold conversations: on PostgreSQL that keeps ids in the order of commits, and makes of two repeats one.

    On SQLite whoever writes holds everything.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.connection().execute(_lock(), {"ids": sorted(conversation_ids)})


@cache
def _lock() -> Select[int]:
    held = select(Conversation.id).where(Conversation.id.in_(bindparam("ids", expanding=True)))
    return held.order_by(Conversation.id).with_for_update()


def recent(session: Session, conversation_ids: Collection[int], since: datetime) -> dict[int, int]:
    """How many messages of each conversation came after `since`, if any."""
    rows = session.connection().execute(_recent(), {"ids": sorted(conversation_ids), "since": since})
    return dict(rows.all())


@cache
def _recent() -> Select[int, int]:
    counted = select(Message.conversation_id, func.count()).group_by(Message.conversation_id)
    counted = counted.where(Message.conversation_id.in_(bindparam("ids", expanding=True)))
    return counted.where(Message.received_at > bindparam("since", type_=Moment))


def keep_all(session: Session, messages: Sequence[Mapping[str, Any]]) -> set[tuple[int, str]]:
    """Write messages down, in order; gives conversation and provider's id of those that were not there already."""
    statement = insert_new(session, Message, "conversation_id", "external_id")
    return {(talk, external_id) for talk, external_id in session.connection().execute(statement, messages)}


def claim(session: Session, most: int = 1) -> list[Claim]:
    """Take the conversations whose unread messages have waited longest, as far as they are free, up to `most`.

    The try counts as failed until `release` says otherwise: also where it kills the process.
    """
    moment, token = now(), secrets.token_hex(16)
    told = {"moment": moment, "until": moment + LEASE, "token": token, "most": most}
    taken = session.scalars(_claim(), told).all()
    return [Claim(conversation_id, token) for conversation_id in taken]


@cache
def _claim() -> ReturningUpdate[int]:
    """The statement, built once: building it takes longer than running it."""
    free = or_(Conversation.leased_until.is_(None), Conversation.leased_until < bindparam("moment", type_=Moment))
    oldest = (
        select(Conversation.id)
        .join(Message, Message.conversation_id == Conversation.id)
        .where(Message.turn_id.is_(None), free)
        .order_by(Message.id)
        .limit(bindparam("most", type_=Integer))
        .with_for_update(of=Conversation, skip_locked=True)
        .cte("oldest")  # as a plain subquery PostgreSQL may run it again for each row
    )
    return (
        update(Conversation)
        .where(Conversation.id.in_(select(oldest.c.id)))
        .values(
            lease=bindparam("token", type_=String),
            leased_until=bindparam("until", type_=Moment),
            failures=Conversation.failures + 1,
        )
        .execution_options(synchronize_session=False)
        .returning(Conversation.id)
    )


def unread(session: Session, conversation_id: int) -> list[Message]:
    """The messages that no turn has taken up, in order."""
    return list(session.scalars(_unread(), {"talk": conversation_id}))


@cache
def _unread() -> Select[Message]:
    query = select(Message).where(Message.conversation_id == bindparam("talk"), Message.turn_id.is_(None))
    return query.order_by(Message.id)


def note(session: Session, turn: Mapping[str, Any]) -> int:
    """Write a turn down; gives its id."""
    turn_id: int = session.connection().execute(_note(), turn).scalar_one()
    return turn_id


@cache
def _note() -> ReturningInsert[int]:
    return insert(Turn).returning(Turn.id)


def take_up(session: Session, message_ids: Collection[int], turn_id: int) -> None:
    """A turn has taken these messages up."""
    session.connection().execute(_take_up(), {"ids": list(message_ids), "turn": turn_id})


@cache
def _take_up() -> Update:
    return (
        update(Message)
        .where(Message.id.in_(bindparam("ids", expanding=True)))
        .values(turn_id=bindparam("turn", type_=Integer))
    )


def waiting(session: Session) -> int:
    """How many messages no turn has taken up."""
    return session.scalar(select(func.count()).select_from(Message).where(Message.turn_id.is_(None))) or 0


def holds(session: Session, claim: Claim) -> Conversation | None:
    """The conversation, locked, if `claim` still holds (fencing); else none."""
    query = select(Conversation).where(Conversation.id == claim.conversation_id, Conversation.lease == claim.lease)
    return session.scalars(query.with_for_update()).first()


def finish(session: Session, claim: Claim, context: dict[str, Any]) -> bool:
    """End a turn well: the conversation is free, and knows `context`. False if the claim no longer holds (fencing)."""
    told = {"talk": claim.conversation_id, "held": claim.lease, "new": context}
    return session.connection().execute(_finish(), told).first() is not None


@cache
def _finish() -> ReturningUpdate[int]:
    mine = (Conversation.id == bindparam("talk"), Conversation.lease == bindparam("held"))
    values = {"context": bindparam("new", type_=JSON), "lease": None, "leased_until": None, "failures": 0}
    return update(Conversation).where(*mine).values(values).returning(Conversation.id)


def release(conversation: Conversation, *, failed: bool = False) -> None:
    """Give the turn back; after a failure the next try waits, longer each time."""
    conversation.lease = None
    conversation.failures = conversation.failures if failed else 0
    delay = timedelta(seconds=2**conversation.failures)
    conversation.leased_until = now() + delay if failed else None


def release_all(session: Session) -> None:
    """Free every turn: at the start of the only process, whoever had one is gone."""
    session.execute(update(Conversation).where(Conversation.lease.is_not(None)).values(lease=None, leased_until=None))
