"""The tables of what comes in from sources and providers, until it is a record, and of how fresh records are."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, false
from sqlalchemy.orm import Mapped, mapped_column

import store.desk_tables  # noqa: F401 - officers decide about revisions
from store.tables import Table, now


class Run(Table):
    """One look at a source."""

    __tablename__ = "run"

    id: Mapped[int] = mapped_column(primary_key=True)
    source: Mapped[str] = mapped_column(String(40), index=True)
    started_at: Mapped[datetime] = mapped_column(default=now)
    finished_at: Mapped[datetime | None]
    added: Mapped[int] = mapped_column(default=0)
    changed: Mapped[int] = mapped_column(default=0)
    ended: Mapped[int] = mapped_column(default=0)
    rejected: Mapped[int] = mapped_column(default=0)
    failure: Mapped[str | None]
    """Why it was broken off, for an operator."""
    complete: Mapped[bool] = mapped_column(default=False, server_default=false())
    """Whether all of the source was read, to its end: else the next look goes on where this one was cut."""


class Origin(Table):
    """Where a record comes from: a record may have several, a thing at a source has one record."""

    __tablename__ = "origin"

    source: Mapped[str] = mapped_column(String(40), primary_key=True)
    key: Mapped[str] = mapped_column(String(300), primary_key=True)
    record_id: Mapped[str] = mapped_column(String(80), index=True)
    digest: Mapped[str] = mapped_column(String(64))
    """Of the record as this source tells it."""
    licence: Mapped[str | None] = mapped_column(String(160))
    seen_at: Mapped[datetime] = mapped_column(default=now)
    gone_at: Mapped[datetime | None]
    """When the source no longer had it."""


class Revision(Table):
    """A new, changed or vanished record that a person has to look at before people are told."""

    __tablename__ = "revision"

    id: Mapped[int] = mapped_column(primary_key=True)
    record_id: Mapped[str] = mapped_column(String(80), index=True)
    kind: Mapped[str] = mapped_column(String(12))
    """`added`, `changed` or `ended`."""
    source: Mapped[str] = mapped_column(String(40))
    """A source, or `provider` for what a provider has sent in."""
    body: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """The record as it would be."""
    state: Mapped[str] = mapped_column(String(12), default="open", index=True)
    """`open`, `approved`, `refused` or, if a newer one came, `replaced`."""
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("officer.id", ondelete="SET NULL"))
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    conversation_id: Mapped[int | None] = mapped_column(ForeignKey("conversation.id", ondelete="SET NULL"), index=True)
    """Who sent it in by chat, and is told the outcome."""
    email_sealed: Mapped[str | None]
    """Who sent it in by the form, and is told the outcome."""
    mailed_at: Mapped[datetime | None]
    """When they were told by mail."""
    due_at: Mapped[datetime | None]
    """When the mail is tried again."""
    attempts: Mapped[int] = mapped_column(default=0)
    """How often it was tried."""
    language: Mapped[str] = mapped_column(String(12), default="en", server_default="en")
    """Of who sent it in."""
    token_digest: Mapped[str | None] = mapped_column(String(64), unique=True)
    """Of the link by which they change it later."""
    asked_at: Mapped[datetime | None]
    """When they were last asked in the chat whether it is still right."""
    created_at: Mapped[datetime] = mapped_column(default=now)


class Duplicate(Table):
    """Two records that may be one. A lead says so, or that they are two; both can be taken back."""

    __tablename__ = "duplicate"

    first: Mapped[str] = mapped_column(String(80), primary_key=True)
    second: Mapped[str] = mapped_column(String(80), primary_key=True)
    score: Mapped[float]
    """0–1: how alike they are."""
    state: Mapped[str] = mapped_column(String(12), default="open", index=True)
    """`open`, `merged` or `separate`."""
    undo: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """What a merge has changed."""
    decided_by: Mapped[int | None] = mapped_column(ForeignKey("officer.id", ondelete="SET NULL"))
    decided_at: Mapped[datetime | None]


class LinkCheck(Table):
    """Whether the address of a record answers."""

    __tablename__ = "link_check"

    record_id: Mapped[str] = mapped_column(String(80), primary_key=True)
    url: Mapped[str]
    checked_at: Mapped[datetime] = mapped_column(default=now)
    failures: Mapped[int] = mapped_column(default=0)
    """In a row."""
    reason: Mapped[str | None]
    """Why it did not answer the last time."""
