"""The tables of the officers' desk. Those of conversations and tickets are in `store.tables`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint, false, true
from sqlalchemy.orm import Mapped, mapped_column

from store.tables import Table, now


class Officer(Table):
    """Somebody who signs in at the desk."""

    __tablename__ = "officer"

    id: Mapped[int] = mapped_column(primary_key=True)
    login: Mapped[str] = mapped_column(String(80), unique=True)
    """Lower case."""
    name: Mapped[str] = mapped_column(String(80))
    """As colleagues and people see it."""
    role: Mapped[str] = mapped_column(String(16))
    """`officer`, `lead` or `administrator`; each may do what those before may."""
    active: Mapped[bool] = mapped_column(default=True, server_default=true())
    password_hash: Mapped[str | None] = mapped_column(String(300))
    totp_sealed: Mapped[str | None]
    """The shared secret of the one-time codes, sealed; none until it has been confirmed by a code."""
    totp_used: Mapped[int] = mapped_column(default=0, server_default="0")
    """Time step of the last code that was accepted: none is accepted twice."""
    failures: Mapped[int] = mapped_column(default=0, server_default="0")
    locked_until: Mapped[datetime | None]
    language: Mapped[str] = mapped_column(String(12), default="en", server_default="en")
    """Of the desk's pages."""
    languages: Mapped[list[Any]] = mapped_column(default=list)
    """In which the officer can answer."""
    countries: Mapped[list[Any]] = mapped_column(default=list)
    """That the officer looks after; all if empty."""
    topics: Mapped[list[Any]] = mapped_column(default=list)
    """Ids of concepts that the officer knows well; all if empty."""
    hours: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """`{"zone": "Africa/Nairobi", "days": {"0": ["08:00", "17:00"], …}}`, Monday is 0; always there if empty."""
    capacity: Mapped[int] = mapped_column(default=30, server_default="30")
    """Open chats that the officer takes at most."""
    telegram_digest: Mapped[str | None] = mapped_column(String(64), unique=True)
    """Keyed digest of the Telegram account that may claim for this officer."""
    created_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime | None]


class SignIn(Table):
    """A signed-in browser. The cookie holds a token, the table only its digest."""

    __tablename__ = "sign_in"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    officer_id: Mapped[int] = mapped_column(ForeignKey("officer.id", ondelete="CASCADE"), index=True)
    csrf: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime] = mapped_column(default=now)


class Link(Table):
    """A link that works once: the first administrator, a new officer's password, a provider's confirmation."""

    __tablename__ = "link"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(20), index=True)
    subject: Mapped[str] = mapped_column(String(120))
    """What it is for: an officer's id, a referral's id."""
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Note(Table):
    """What officers write to each other on a ticket. The person never sees it."""

    __tablename__ = "note"

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"), index=True)
    officer_id: Mapped[int | None] = mapped_column(ForeignKey("officer.id", ondelete="SET NULL"))
    text: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=now)


class Presence(Table):
    """Who looks at a ticket now, and whether they are writing; and the draft of their answer."""

    __tablename__ = "presence"
    __table_args__ = (UniqueConstraint("ticket_id", "officer_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"))
    officer_id: Mapped[int] = mapped_column(ForeignKey("officer.id", ondelete="CASCADE"))
    seen_at: Mapped[datetime] = mapped_column(default=now)
    writing_at: Mapped[datetime | None]
    read_message_id: Mapped[int] = mapped_column(default=0, server_default="0")
    """The last message of the person that this officer has seen."""
    draft: Mapped[str] = mapped_column(default="", server_default="")


class Canned(Table):
    """An answer that officers use again and again, in one language."""

    __tablename__ = "canned"

    id: Mapped[int] = mapped_column(primary_key=True)
    language: Mapped[str] = mapped_column(String(12), index=True)
    title: Mapped[str] = mapped_column(String(80))
    text: Mapped[str]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("officer.id", ondelete="SET NULL"))


class ReferralAddress(Table):
    """Where a provider takes requests. Kept apart from the public record, and used only once it is confirmed."""

    __tablename__ = "referral_address"

    record_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    address_sealed: Mapped[str]
    entered_by: Mapped[int | None] = mapped_column(ForeignKey("officer.id", ondelete="SET NULL"))
    asked_at: Mapped[datetime | None]
    confirmed_at: Mapped[datetime | None]


class Referral(Table):
    """A request that was passed on to a provider, with the person's consent and without their address."""

    __tablename__ = "referral"

    id: Mapped[int] = mapped_column(primary_key=True)
    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"), index=True)
    record_id: Mapped[str] = mapped_column(String(80))
    officer_id: Mapped[int | None] = mapped_column(ForeignKey("officer.id", ondelete="SET NULL"))
    text: Mapped[str]
    """What the provider reads."""
    state: Mapped[str] = mapped_column(String(12), default="consent")
    """`consent` (asked of the person; `refused` if they say no) → `queued` → `sent` → `accepted`, `declined` or
    `answered`; `by-hand` where no address is confirmed."""
    answer: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    due_at: Mapped[datetime] = mapped_column(default=now)
    failure: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    sent_at: Mapped[datetime | None]
    answered_at: Mapped[datetime | None]


class Gap(Table):
    """A need that nothing in the catalogue meets: what the facility fills next."""

    __tablename__ = "gap"

    id: Mapped[int] = mapped_column(primary_key=True)
    topic: Mapped[str] = mapped_column(String(60))
    country: Mapped[str | None] = mapped_column(String(2))
    language: Mapped[str | None] = mapped_column(String(12))
    audience: Mapped[str | None] = mapped_column(String(40))
    title: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(12), default="open", index=True)
    """`open`, `called` (a call for providers is out) or `closed`."""
    officer_id: Mapped[int | None] = mapped_column(ForeignKey("officer.id", ondelete="SET NULL"))
    record_id: Mapped[str | None] = mapped_column(String(80))
    """The record that answers it."""
    call: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    called_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]


class Proposal(Table):
    """What an officer learned and proposes to keep: a record, or words for a concept. A lead approves it."""

    __tablename__ = "proposal"

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(12))
    """`record` or `words`."""
    body: Mapped[dict[str, Any]] = mapped_column(default=dict)
    ticket_id: Mapped[int | None] = mapped_column(ForeignKey("ticket.id", ondelete="SET NULL"))
    proposed_by: Mapped[int | None] = mapped_column(ForeignKey("officer.id", ondelete="SET NULL"))
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("officer.id", ondelete="SET NULL"))
    state: Mapped[str] = mapped_column(String(12), default="open", index=True)
    """`open`, `approved`, `refused` or, once it was approved, `withdrawn`."""
    reason: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    decided_at: Mapped[datetime | None]


class Trust(Table):
    """A contact whose requests go first (a ministry, a coordinator): given by a lead, never read from a message."""

    __tablename__ = "trust"

    contact_id: Mapped[int] = mapped_column(ForeignKey("contact.id", ondelete="CASCADE"), primary_key=True)
    given_by: Mapped[int | None] = mapped_column(ForeignKey("officer.id", ondelete="SET NULL"))
    reason: Mapped[str] = mapped_column(String(200))
    given_at: Mapped[datetime] = mapped_column(default=now)
    active: Mapped[bool] = mapped_column(default=True, server_default=true())


class Announced(Table):
    """What has been told in the officers' group, so that it is told once and can be brought up to date."""

    __tablename__ = "announced"

    ticket_id: Mapped[int] = mapped_column(ForeignKey("ticket.id", ondelete="CASCADE"), primary_key=True)
    external_id: Mapped[str | None] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(20), default="")
    """What it says now, so that it is written anew only when that changes."""
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    due_at: Mapped[datetime] = mapped_column(default=now)
    failed: Mapped[bool] = mapped_column(default=False, server_default=false())
