"""The tables. Times are UTC; addresses are sealed (see `store.vault`) and found by a keyed digest."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    UniqueConstraint,
    false,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


class Moment(TypeDecorator[datetime]):
    """A moment in UTC. SQLite forgets the zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse times without a zone; store the others in UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a stored time needs a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the time back in UTC, with its zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Table(DeclarativeBase):
    """Base of all tables."""

    type_annotation_map: ClassVar = {datetime: Moment, dict[str, Any]: JSON, list[Any]: JSON}
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


_NEVER_AGAIN = {"sqlite_autoincrement": True}
"""Ids that people or pages have seen are not given to another row after an erasure."""


class Contact(Table):
    """A person's address on a channel, and the little that is remembered of them."""

    __tablename__ = "contact"
    __table_args__ = (UniqueConstraint("channel", "address_digest"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(String(20))
    address_digest: Mapped[str] = mapped_column(String(64))
    address_sealed: Mapped[str]
    language: Mapped[str | None] = mapped_column(String(12))
    """The language last recognised with confidence, or chosen."""
    language_chosen: Mapped[bool] = mapped_column(default=False)
    language_asked_at: Mapped[datetime | None]
    """When they were asked which language they share with us, since theirs is none that we write."""
    country: Mapped[str | None] = mapped_column(String(2))
    audience: Mapped[str | None] = mapped_column(String(40))
    welcomed_at: Mapped[datetime | None]
    stopped_at: Mapped[datetime | None]
    invited_at: Mapped[datetime | None]
    """When they were last asked, outside the channel's window, to write again."""
    cautioned_at: Mapped[datetime | None]
    """When they were last told that they write too fast."""
    origin: Mapped[str | None] = mapped_column(String(64), index=True)
    """On the web: a keyed digest of the network they first wrote from, so that one cannot fill the desk."""
    erased_at: Mapped[datetime | None] = mapped_column(index=True)
    """They asked to be forgotten: the row goes as soon as the last word to them has been delivered."""
    created_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime] = mapped_column(default=now, index=True)


class Conversation(Table):
    """The thread with one contact, and what its next turn must know."""

    __tablename__ = "conversation"

    id: Mapped[int] = mapped_column(primary_key=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contact.id", ondelete="CASCADE"), unique=True)
    context: Mapped[dict[str, Any]] = mapped_column(default=dict)
    lease: Mapped[str | None] = mapped_column(String(32))
    """Token of the worker that has the turn; a commit without it is refused (fencing)."""
    leased_until: Mapped[datetime | None] = mapped_column(index=True)
    failures: Mapped[int] = mapped_column(default=0)
    """Turns in a row that broke off."""
    send_after: Mapped[datetime | None]
    """The channel's pace: nothing more is sent to this person before."""


class Turn(Table):
    """One decision of the assistant: the messages that it took up and what it did with them."""

    __tablename__ = "turn"

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"), index=True)
    action: Mapped[str] = mapped_column(String(20))
    language: Mapped[str] = mapped_column(String(12))
    shown: Mapped[list[Any]] = mapped_column(default=list)
    """Ids of the records shown, best first."""
    finished_at: Mapped[datetime] = mapped_column(default=now)


class Message(Table):
    """The inbox: what came in, written before it is acknowledged."""

    __tablename__ = "message"
    __table_args__ = (
        UniqueConstraint("conversation_id", "external_id"),
        Index("ix_message_waiting", "turn_id", "conversation_id"),
        _NEVER_AGAIN,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"))
    external_id: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(12))
    text: Mapped[str]
    choice: Mapped[str | None] = mapped_column(String(200))
    received_at: Mapped[datetime] = mapped_column(default=now)
    turn_id: Mapped[int | None] = mapped_column(ForeignKey("turn.id", ondelete="CASCADE"))


class Delivery(Table):
    """The outbox: a message on its way to a person."""

    __tablename__ = "delivery"
    __table_args__ = (
        Index("ix_delivery_due", "state", "due_at"),
        Index("ix_delivery_open", "conversation_id", "state", "id"),
        _NEVER_AGAIN,
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversation.id", ondelete="CASCADE"), index=True)
    turn_id: Mapped[int | None] = mapped_column(ForeignKey("turn.id", ondelete="CASCADE"))
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("ticket.id", ondelete="SET NULL"))
    author: Mapped[str] = mapped_column(String(12), default="assistant")
    """`assistant` or `officer`."""
    language: Mapped[str] = mapped_column(String(12))
    text: Mapped[str]
    buttons: Mapped[list[Any]] = mapped_column(default=list)
    """Pairs of title and payload."""
    state: Mapped[str] = mapped_column(String(12), default="queued")
    """`queued` → `sending` → `sent` → `delivered` → `read`; `unknown` after a send whose answer never came, `parked`
    until the person writes again, `dead` when given up."""
    attempts: Mapped[int] = mapped_column(default=0)
    lease: Mapped[str | None] = mapped_column(String(32))
    """Token of the sender that has it; what another one tells of it is not taken in (fencing)."""
    unknowns: Mapped[int] = mapped_column(default=0, server_default="0")
    """Sends whose outcome stayed unknown."""
    due_at: Mapped[datetime] = mapped_column(default=now)
    created_at: Mapped[datetime] = mapped_column(default=now)
    external_id: Mapped[str | None] = mapped_column(String(200), index=True)
    failure: Mapped[str | None]


class Ticket(Table):
    """A request that a person must take up, with the need already written down."""

    __tablename__ = "ticket"
    __table_args__ = _NEVER_AGAIN

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int | None] = mapped_column(ForeignKey("conversation.id", ondelete="SET NULL"), index=True)
    state: Mapped[str] = mapped_column(String(12), default="open", index=True)
    """`open` or `closed`."""
    reason: Mapped[str] = mapped_column(String(20))
    urgent: Mapped[bool] = mapped_column(default=False)
    language: Mapped[str] = mapped_column(String(12))
    country: Mapped[str | None] = mapped_column(String(2))
    need: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """The understood question (`retrieval.question.Question.facts`) and the person's own words."""
    wordless: Mapped[bool] = mapped_column(default=False, server_default=false())
    """The time for which words are kept is over: the need holds topics only."""
    opened_at: Mapped[datetime] = mapped_column(default=now)
    closed_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(20))
    """`matched`, `referred`, `gap` or `declined`."""
    # The desk. Officers and gaps are in `store.desk_tables`; SQLite cannot add a foreign key to a table that is there.
    step: Mapped[str] = mapped_column(String(12), default="new", server_default="new")
    """`new` → `clarifying` → `matched` → `referred` → `accepted` → `delivered` → `closed`."""
    officer_id: Mapped[int | None] = mapped_column(index=True)
    """Who has it."""
    claimed_at: Mapped[datetime | None]
    offered_to: Mapped[int | None]
    """The officer whom it suits, until it moves on."""
    with_lead: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Nobody took it, or answered, in time: a lead looks after it."""
    promised_at: Mapped[datetime | None]
    """By when the person was told that an officer answers."""
    moved: Mapped[int] = mapped_column(default=0, server_default="0")
    """How often it moved on by itself."""
    move_at: Mapped[datetime | None] = mapped_column(index=True)
    """When it moves on next, if nothing happens."""
    heard_at: Mapped[datetime | None]
    """When the person last wrote while it was open."""
    answered_at: Mapped[datetime | None]
    """When an officer last answered."""
    snoozed_until: Mapped[datetime | None]
    handed_back_at: Mapped[datetime | None]
    """The person went back to the assistant; the officer's next answer takes the talk up again."""
    matched: Mapped[list[Any]] = mapped_column(default=list, server_default="[]")
    """Ids of the records that the officer matched it with."""
    rating: Mapped[int | None]
    """1 (it helped) or 0, as the person said."""
    gap_id: Mapped[int | None] = mapped_column(index=True)
    wants_news: Mapped[bool | None]
    """Whether the person agreed to be asked later, and to be told when a gap is filled."""
    asked_days: Mapped[int] = mapped_column(default=0, server_default="0")
    """After how many days the person was last asked what came of it: 0, 30 or 90."""
    results: Mapped[dict[str, Any]] = mapped_column(default=dict, server_default="{}")
    """What they said: days → `enrolled`, `finished`, `using`, `no`."""
    reopened: Mapped[int] = mapped_column(default=0, server_default="0")
    changed_at: Mapped[datetime] = mapped_column(
        default=now, onupdate=now, server_default="1970-01-01 00:00:00", index=True
    )
    """When anything of it changed: live pages look for that."""


class Record(Table):
    """A provider, programme or resource of the catalogue, as checked by `retrieval.records`."""

    __tablename__ = "record"

    id: Mapped[str] = mapped_column(String(80), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    body: Mapped[dict[str, Any]]
    digest: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(20))
    source: Mapped[str] = mapped_column(String(200))
    checked_on: Mapped[date | None]
    checked_by: Mapped[str | None] = mapped_column(String(80))
    review_by: Mapped[date | None]
    changed_at: Mapped[datetime] = mapped_column(default=now, index=True)
    withdrawn_at: Mapped[datetime | None]


class Vector(Table):
    """An embedding that need not be computed again: by model and digest of the text."""

    __tablename__ = "vector"

    model: Mapped[str] = mapped_column(String(80), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    values: Mapped[bytes] = mapped_column(LargeBinary)
    """Little-endian 32-bit floats."""


class Build(Table):
    """One build of the index. It is written once, checked, published, and never changed."""

    __tablename__ = "build"

    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(String(12), default="building")
    """`building`, `ready`, `failed` or `removed`."""
    digest: Mapped[str] = mapped_column(String(64))
    """Digest of the records and of the embedding model that it was made from."""
    entries: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Pointer(Table):
    """The build that answers questions now: a single row, flipped atomically."""

    __tablename__ = "pointer"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    build_id: Mapped[int] = mapped_column(ForeignKey("build.id"))


class KeyCheck(Table):
    """A known text sealed with the key in use, so that a wrong key is noticed before anything is written."""

    __tablename__ = "key_check"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    sealed: Mapped[str]


class Audit(Table):
    """Who did what, when: every privileged action."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now)
    actor: Mapped[str] = mapped_column(String(80))
    action: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(120))
