"""Loads catalogue files into SQL: what is new or changed goes in, what is wrong is told, the rest stays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from ingest.files import Problem, catalogue_files, read_records
from retrieval.records import Record
from store import catalogue
from store.database import Database
from store.tables import Record as Row


@dataclass(slots=True)
class Loaded:
    """What loading did."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    problems: list[Problem] = field(default_factory=list)


def load(database: Database, path: Path, *, dry_run: bool = False) -> Loaded:
    """Load a file or a folder of them; a `dry_run` only counts. Raises `FileNotFoundError`.

    What somebody withdrew stays withdrawn until the file says something else of it.
    """
    found = list(read_records(catalogue_files(path)))
    problems = [item for item in found if isinstance(item, Problem)]
    with database.write() as session:
        entries = [_entry(item) for item in found if isinstance(item, Record)]
        changes = catalogue.load(session, entries, revive=False)
        if dry_run:
            session.rollback()
    return Loaded(changes.added, changes.changed, changes.unchanged, problems)


def keep(session: Session, record: Record) -> catalogue.Changes:
    """Put one record into the catalogue, in the transaction of whatever made it."""
    return catalogue.load(session, [_entry(record)])


def publish(session: Session, body: Mapping[str, Any], actor: str) -> Record:
    """Put what a person has looked at into the catalogue: that is a check. Raises `ValidationError`."""
    today = datetime.now(UTC).date()
    record = Record.model_validate({**body, "checked": today, "review_by": today + catalogue.GOOD_FOR})
    keep(session, record)
    session.get_one(Row, record.id).checked_by = actor
    return record


def keep_all(session: Session, records: Sequence[Record]) -> catalogue.Changes:
    """Put records into the catalogue."""
    return catalogue.load(session, [_entry(record) for record in records])


def _entry(record: Record) -> catalogue.Entry:
    return catalogue.Entry(
        id=record.id,
        kind=record.kind,
        status=record.status,
        source=record.source,
        digest=record.digest(),
        body=record.model_dump(mode="json", exclude_none=False),
        checked=record.checked,
        review_by=record.review_by,
    )
