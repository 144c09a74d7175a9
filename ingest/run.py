"""One look at a source: fetch, read, check, compare, and publish or keep for review."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest.client import Client, Unreachable
from ingest.duplicates import Alike, Catalogue
from ingest.load import keep
from ingest.normalise import identifier, normalised, plain
from ingest.source import Item, Source, Trouble, adapter, complete
from retrieval.records import Record
from store import sources
from store.database import Database
from store.source_tables import Run
from store.tables import Record as Row
from store.tables import now

Progress = Callable[[int], None]


@contextmanager
def fetching(home: Path, source: Source, address: str | None) -> Iterator[Client]:
    """A client for a source. What an operator typed may lie in a private network, what it leads to may not."""
    host = urlsplit(source.location).hostname
    agent = f"Dalil (+{address})" if address else "Dalil"
    with Client(home / "fetched" / source.name, private=[host] if host else [], agent=agent) as client:
        yield client


_SUSPICIOUS = 10
"""Records from which it is no accident if more than half of a source's are gone: then the source is broken."""


@dataclass(slots=True)
class Outcome:
    """What a look at a source found, against what was known."""

    added: list[tuple[str, Record]] = field(default_factory=list)
    """Keys at the source, and their records."""
    changed: list[tuple[str, Record, dict[str, Any]]] = field(default_factory=list)
    """With the body before."""
    ended: list[tuple[str, str]] = field(default_factory=list)
    """Keys that are gone, and their records."""
    same: list[str] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    rejected: int = 0
    alike: dict[str, list[Alike]] = field(default_factory=dict)
    """Added records that may be there already."""
    failure: str = ""
    """Why it was broken off; then nothing is taken for ended."""

    def summary(self) -> str:
        """The last line that an operator sees."""
        return (
            f"added {len(self.added)}, changed {len(self.changed)}, ended {len(self.ended)}, rejected {self.rejected}"
        )


def run(
    database: Database, source: Source, client: Client, *, dry_run: bool = False, progress: Progress = lambda done: None
) -> Outcome:
    """Look at a source, and unless it is a `dry_run` keep what it says. `progress` is told of each item."""
    if dry_run:
        return _look(database, source, client, progress)
    with database.alone(f"source-{source.name}"):
        with database.write() as session:
            number = sources.begin(session, source.name).id
        outcome = _look(database, source, client, progress)
        with database.write() as session:
            _keep(session, source, outcome)
            run = session.get_one(Run, number)
            run.finished_at, run.failure = now(), outcome.failure or None
            run.added, run.changed = len(outcome.added), len(outcome.changed)
            run.ended, run.rejected = len(outcome.ended), outcome.rejected
    return outcome


def _look(database: Database, source: Source, client: Client, progress: Progress) -> Outcome:
    with database.read() as session:
        known = {key: (o.record_id, o.digest, o.gone_at) for key, o in sources.origins(session, source.name).items()}
        taken = sources.ids_taken(session)
        offered = [Record.model_validate(body) for body in session.scalars(_there())]
        before = sources.bodies(session, (record_id for record_id, _, _ in known.values()))
    catalogue, outcome, met = Catalogue(offered), Outcome(), set[str]()
    try:
        for found in adapter(source.adapter)(source, client):
            progress(1)
            if isinstance(found, Trouble):
                outcome.troubles.append(found)
                outcome.rejected += 1
            elif found.key in met:
                outcome.troubles.append(Trouble(f"{source.name} {found.key}", "it is there twice"))
            else:
                met.add(found.key)
                _compare(found, source, known, taken, before, catalogue, outcome)
    except Unreachable as error:
        outcome.failure = str(error)
    missing = [(key, record) for key, (record, _, gone) in known.items() if key not in met and gone is None]
    if not outcome.failure and complete(source.adapter) and len(missing) > max(_SUSPICIOUS, len(known) / 2):
        outcome.failure = f"{len(missing)} of {len(known)} records are gone: is the source broken? Nothing was ended."
    if not outcome.failure and complete(source.adapter):
        outcome.ended = missing
    return outcome


def _there() -> Any:
    return select(Row.body).where(Row.withdrawn_at.is_(None))


def _compare(
    item: Item,
    source: Source,
    known: dict[str, tuple[str, str, Any]],
    taken: set[str],
    before: dict[str, dict[str, Any]],
    catalogue: Catalogue,
    outcome: Outcome,
) -> None:
    record_id, digest, _ = known.get(item.key) or (_new_id(item, source, taken), "", None)
    read = normalised(item, source, record_id)
    outcome.troubles += read.troubles
    if read.record is None:
        outcome.rejected += 1
    elif read.record.digest() == digest or _merged_into_another(before.get(record_id), source):
        outcome.same.append(item.key)
    elif item.key in known:
        outcome.changed.append((item.key, read.record, before.get(record_id, {})))
    else:
        taken.add(record_id)
        if alike := catalogue.like(read.record):
            outcome.alike[record_id] = alike
        catalogue.add(read.record)
        outcome.added.append((item.key, read.record))


def _merged_into_another(body: dict[str, Any] | None, source: Source) -> bool:
    """Whether the record is told by another source, which this one was found to repeat."""
    return body is not None and body.get("source") not in {None, source.name}


def _new_id(item: Item, source: Source, taken: set[str]) -> str:
    named = identifier(plain(item.name))
    if named not in taken:
        return named
    own = f"{named[:39]}-{source.name}"[:80]
    return own if own not in taken else f"{own[:71]}-{identifier('·' + item.key)[-8:]}"


def _keep(session: Session, source: Source, outcome: Outcome) -> None:
    for key, record in outcome.added:
        _take(session, source, key, record, sources.ADDED)
    for key, record, _ in outcome.changed:
        _take(session, source, key, record, sources.CHANGED)
    sources.still_there(session, source.name, outcome.same)
    for key, record_id in outcome.ended:
        sources.gone(session, source.name, key)
        row = session.get(Row, record_id)
        if row is not None and row.withdrawn_at is None:
            sources.propose(session, record_id, sources.ENDED, source.name, {**row.body, "status": "ended"})
    for record_id, found in outcome.alike.items():
        for each in found[:3]:
            sources.suggest(session, record_id, each.record_id, each.score)


def _take(session: Session, source: Source, key: str, record: Record, kind: str) -> None:
    if source.trusted:
        keep(session, record)
    else:
        is_there = session.get(Row, record.id) is not None
        sources.propose(
            session, record.id, kind if is_there else sources.ADDED, source.name, record.model_dump(mode="json")
        )
    sources.seen(session, source.name, key, record.id, record.digest(), record.licence)


def told(outcome: Outcome, limit: int = 200) -> Iterator[str]:
    """What is new, different and gone, a line each, for an operator."""
    for _, record in outcome.added[:limit]:
        alike = "".join(f"  (like {each.record_id}, {each.score:.2f})" for each in outcome.alike.get(record.id, ())[:2])
        yield f"+ {record.id}: {record.name}, {record.provider} [{', '.join(record.topics[:3])}]{alike}"
    for _, record, before in outcome.changed[:limit]:
        after = record.model_dump(mode="json")
        fields = [name for name in after if after[name] != before.get(name)]
        yield f"~ {record.id}: " + "; ".join(f"{n}: {_said(before.get(n))} → {_said(after[n])}" for n in fields)
    for key, record_id in outcome.ended[:limit]:
        yield f"- {record_id}: no longer at the source ({key}); ended?"
    for trouble in outcome.troubles[:limit]:
        yield f"! {trouble}"
    most = max(len(outcome.added), len(outcome.changed), len(outcome.ended), len(outcome.troubles))
    if most > limit:
        yield f"… and more: at most {limit} of each kind are shown"


def _said(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
