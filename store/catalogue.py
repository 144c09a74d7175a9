"""The catalogue's records, as bodies that `retrieval.records` has checked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.tables import Record, now

PROVIDER = "provider"
"""Who has checked a record if its provider has."""
GOOD_FOR = timedelta(days=180)
"""How long a record is taken for right that its provider has confirmed."""


_BATCH = 500
"""Ids that are asked for in one statement."""


@dataclass(slots=True)
class Changes:
    """What loading records did."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """A record to load."""

    id: str
    kind: str
    status: str
    source: str
    digest: str
    body: dict[str, Any]
    checked: date | None
    review_by: date | None


def load(session: Session, entries: Iterable[Entry], *, revive: bool = True) -> Changes:
    """Add new records and replace changed ones; a check made here stays until the record itself changes.

    `revive`: what was withdrawn is offered again though it says the same as then.
    """
    changes, wanted = Changes(), list(entries)
    known: dict[str, Record] = {}
    for start in range(0, len(wanted), _BATCH):
        ids = [entry.id for entry in wanted[start : start + _BATCH]]
        known |= {record.id: record for record in session.scalars(select(Record).where(Record.id.in_(ids)))}
    for entry in wanted:
        record = known.get(entry.id)
        there = record is not None and (record.withdrawn_at is None or not revive)
        if record is not None and there and record.digest == entry.digest:
            changes.unchanged += 1
            continue
        if record is None:
            changes.added += 1
            record = Record(id=entry.id)
            session.add(record)
        else:
            changes.changed += 1
        record.kind, record.status, record.source = entry.kind, entry.status, entry.source
        record.digest, record.body = entry.digest, entry.body
        record.checked_on, record.checked_by, record.review_by = entry.checked, None, entry.review_by
        record.changed_at, record.withdrawn_at = now(), None
    session.flush()
    return changes


def offered(session: Session) -> list[Record]:
    """Every record that is not withdrawn, by id."""
    return list(session.scalars(select(Record).where(Record.withdrawn_at.is_(None)).order_by(Record.id)))


def offers(session: Session, record_id: str) -> bool:
    """Whether there is a record of this id that is not withdrawn."""
    record = session.get(Record, record_id)
    return record is not None and record.withdrawn_at is None


def withdraw(session: Session, record_id: str) -> None:
    """Offer a record no more. It stays, with what it once said."""
    record = session.get(Record, record_id)
    if record is not None and record.withdrawn_at is None:
        record.withdrawn_at = record.changed_at = now()


def fingerprint(session: Session) -> str:
    """A digest of all that is offered: another one means that something changed."""
    query = select(Record.id, Record.digest, Record.checked_on).where(Record.withdrawn_at.is_(None))
    lines = (f"{key}:{digest}:{day}" for key, digest, day in session.execute(query.order_by(Record.id)))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def stamp(session: Session) -> tuple[int, datetime | None]:
    """Another one whenever a record has changed: cheap enough to ask every second."""
    count, newest = session.execute(select(func.count(Record.id), func.max(Record.changed_at))).one()
    return int(count), newest


def marks(session: Session, since: datetime | None = None) -> dict[str, str | None]:
    """What tells whether a record has changed, by id; none for those that are withdrawn. `since`: changed after it."""
    asked = select(Record.id, Record.digest, Record.checked_on, Record.review_by, Record.withdrawn_at)
    if since is not None:
        asked = asked.where(Record.changed_at >= since)
    rows = session.execute(asked)
    return {key: None if gone else f"{digest}:{checked}:{due}" for key, digest, checked, due, gone in rows}


def of_ids(session: Session, ids: Iterable[str]) -> list[Record]:
    """The records of these ids, by id."""
    wanted, found = sorted(ids), list[Record]()
    for start in range(0, len(wanted), _BATCH):
        asked = select(Record).where(Record.id.in_(wanted[start : start + _BATCH])).order_by(Record.id)
        found += session.scalars(asked)
    return found


def mark_checked(session: Session, record_id: str, actor: str, day: date) -> bool:
    """Note that a person confirmed a record; false if there is none."""
    record = session.get(Record, record_id)
    if record is None:
        return False
    record.checked_on, record.checked_by, record.changed_at = day, actor, now()
    return True


def confirm(session: Session, record_id: str, day: date) -> bool:
    """Note that its provider confirmed a record; false if it is offered no more."""
    if not offers(session, record_id) or not mark_checked(session, record_id, PROVIDER, day):
        return False
    session.get_one(Record, record_id).review_by = day + GOOD_FOR
    return True


def unchecked(session: Session) -> list[Record]:
    """Records that nobody has confirmed yet."""
    return [record for record in offered(session) if record.checked_on is None]


def summary(session: Session) -> dict[str, int]:
    """How many records there are of each kind."""
    query = select(Record.kind, func.count()).where(Record.withdrawn_at.is_(None)).group_by(Record.kind)
    return dict(session.execute(query).all())


def names(session: Session) -> dict[str, str]:
    """The names of all records that are not withdrawn, by id."""
    query = select(Record.id, Record.body).where(Record.withdrawn_at.is_(None))
    return {key: str(body.get("name", key)) for key, body in session.execute(query)}
