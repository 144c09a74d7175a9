"""One look at a source: fetch, read, check, compare, and publish or keep for review."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.orm import Session

from ingest.client import Client, Unreachable
from ingest.duplicates import Alike, Catalogue
from ingest.load import keep
from ingest.normalise import identifier, normalised, plain
from ingest.source import Item, Occurrence, Source, Trouble, adapter, complete
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
_STALE = timedelta(days=1)
"""Age from which pages are fetched again, also where a look that was cut had them."""


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
    recurring: dict[str, Record] = field(default_factory=dict)
    """What takes place again and again, by key: with its next days."""
    troubles: list[Trouble] = field(default_factory=list)
    rejected: int = 0
    alike: dict[str, list[Alike]] = field(default_factory=dict)
    """Added records that may be there already."""
    complete: bool = False
    """All was read, to the end."""
    resumed: bool = False
    """Some pages are those of an earlier look that was cut; then nothing is taken for ended: it may have moved to a
    page that was read before."""
    failure: str = ""
    """Why it was broken off; then nothing is taken for ended."""

    def summary(self) -> str:
        """The last line that an operator sees."""
        return (
            f"added {len(self.added)}, changed {len(self.changed)}, ended {len(self.ended)}, rejected {self.rejected}"
        )

    def take_in(self, page: Outcome) -> None:
        """Add what a page has told."""
        self.added += page.added
        self.changed += page.changed
        self.same += page.same
        self.recurring |= page.recurring
        self.troubles += page.troubles
        self.rejected += page.rejected
        self.alike |= page.alike


def run(
    database: Database, source: Source, client: Client, *, dry_run: bool = False, progress: Progress = lambda done: None
) -> Outcome:
    """Look at a source, and unless it is a `dry_run` keep what it says, page by page. `progress` is told of each item.

    A look that was cut, by whatever, is gone on with: what is kept stays, and pages that it had are not fetched again.
    """
    if dry_run:
        return _look(database, source, client, progress)
    with database.alone(f"source-{source.name}"):
        with database.write() as session:
            cut = sources.cut_since(session, source.name)
            number = sources.begin(session, source.name).id
        client.go_on(max(cut, now() - _STALE) if cut else None)
        outcome = _look(database, source, client, progress, number, resumes=cut is not None)
        with database.write() as session:
            _end(session, source, outcome)
            run = session.get_one(Run, number)
            run.finished_at, run.failure, run.complete = now(), outcome.failure or None, outcome.complete
            _count(run, outcome)
    return outcome


def _look(
    database: Database,
    source: Source,
    client: Client,
    progress: Progress,
    number: int | None = None,
    *,
    resumes: bool = False,
) -> Outcome:
    """`number`: of the run with which what is found is kept; nothing is kept without."""
    look = _Look(database, source, number)
    client.before_page = look.keep
    try:
        for found in adapter(source.adapter)(source, client):
            progress(1)
            look.take(found)
    except Unreachable as error:
        look.whole.failure = str(error)
    finally:
        client.before_page = lambda: None
    look.keep()
    look.whole.resumed = resumes and client.remembered > 0
    if not look.whole.failure:
        look.close()
    return look.whole


class _Look:
    """What was found so far; what of it is not kept yet is of the present page."""

    def __init__(self, database: Database, source: Source, number: int | None) -> None:
        self._database, self._source, self._number = database, source, number
        with database.read() as session:
            origins = sources.origins(session, source.name)
            self._known = {key: (o.record_id, o.digest, o.gone_at) for key, o in origins.items()}
            self._ids = {key: o.record_id for key, o in origins.items()}
            """Keys met so far → records: what belongs to a thing and is told of later is linked by the next look."""
            self._taken = sources.ids_taken(session)
            self._catalogue = Catalogue(Record.model_validate(body) for body in session.scalars(_there()))
            self._before = sources.bodies(session, (record_id for record_id, _, _ in self._known.values()))
        self._met = set[str]()
        self._page, self.whole = Outcome(), Outcome()

    def take(self, found: Item | Trouble) -> None:
        """Compare one thing with what is known."""
        if isinstance(found, Trouble):
            self._page.troubles.append(found)
            self._page.rejected += 1
        elif found.key in self._met:
            self._page.troubles.append(Trouble(f"{self._source.name} {found.key}", "it is there twice"))
        else:
            self._met.add(found.key)
            self._compare(found)

    def _compare(self, item: Item) -> None:
        record_id, digest, _ = self._known.get(item.key) or (_new_id(item, self._source, self._taken), "", None)
        related = (self._ids[key] for key in item.related if key in self._ids)
        read, page = normalised(item, self._source, record_id, related), self._page
        page.troubles += read.troubles
        if read.record is None:
            page.rejected += 1
            return
        self._ids[item.key] = record_id
        if isinstance(item, Occurrence):
            page.recurring[item.key] = read.record
        if digest in _digests(read.record, item.key in page.recurring) or self._is_told_by_another(record_id):
            page.same.append(item.key)
        elif item.key in self._known:
            page.changed.append((item.key, read.record, self._before.get(record_id, {})))
        else:
            self._taken.add(record_id)
            if alike := self._catalogue.like(read.record):
                page.alike[record_id] = alike
            self._catalogue.add(read.record)
            page.added.append((item.key, read.record))

    def _is_told_by_another(self, record_id: str) -> bool:
        """Whether the record is told by another source, which this one was found to repeat."""
        body = self._before.get(record_id)
        return body is not None and body.get("source") not in {None, self._source.name}

    def keep(self) -> None:
        """Keep what the pages up to now have told: whatever comes, it need not be told again."""
        page, self._page = self._page, Outcome()
        self.whole.take_in(page)
        if self._number is not None and page != Outcome():
            with self._database.write() as session:
                _keep(session, self._source, page)
                _count(session.get_one(Run, self._number), self.whole)

    def close(self) -> None:
        """All was read: what was not met may have ended."""
        self.whole.complete = True
        missing = [(key, record) for key, (record, _, gone) in self._known.items() if key not in self._met and not gone]
        if self.whole.resumed or not complete(self._source.adapter):
            return
        if len(missing) > max(_SUSPICIOUS, len(self._known) / 2):
            count = f"{len(missing)} of {len(self._known)}"
            self.whole.failure = f"{count} records are gone: is the source broken? Nothing was ended."
        else:
            self.whole.ended = missing


def _there() -> Any:
    return select(Row.body).where(Row.withdrawn_at.is_(None))


def _digests(record: Record, recurs: bool) -> list[str]:
    """Digests of what a record says: of what recurs without its days. An older Dalil kept them with the days."""
    dateless = [record.model_copy(update={"starts": None, "ends": None}).digest()] if recurs else []
    return [*dateless, record.digest()]


def _new_id(item: Item, source: Source, taken: set[str]) -> str:
    named = identifier(plain(item.name))
    if named not in taken:
        return named
    own = f"{named[:39]}-{source.name}"[:80]
    return own if own not in taken else f"{own[:71]}-{identifier('·' + item.key)[-8:]}"


def _keep(session: Session, source: Source, page: Outcome) -> None:
    for key, record in page.added:
        _take(session, source, key, record, sources.ADDED, recurs=key in page.recurring)
    for key, record, _ in page.changed:
        _take(session, source, key, record, sources.CHANGED, recurs=key in page.recurring)
    sources.still_there(session, source.name, page.same)
    for key in page.same:
        if key in page.recurring:
            _move_on(session, source, page.recurring[key])
    for record_id, found in page.alike.items():
        for each in found[:3]:
            sources.suggest(session, record_id, each.record_id, each.score)


def _count(run: Run, outcome: Outcome) -> None:
    run.added, run.changed = len(outcome.added), len(outcome.changed)
    run.ended, run.rejected = len(outcome.ended), outcome.rejected


def _end(session: Session, source: Source, outcome: Outcome) -> None:
    for key, record_id in outcome.ended:
        sources.gone(session, source.name, key)
        row = session.get(Row, record_id)
        if row is not None and row.withdrawn_at is None:
            sources.propose(session, record_id, sources.ENDED, source.name, {**row.body, "status": "ended"})


def _take(session: Session, source: Source, key: str, record: Record, kind: str, *, recurs: bool) -> None:
    if source.trusted:
        keep(session, record)
    else:
        is_there = session.get(Row, record.id) is not None
        sources.propose(
            session, record.id, kind if is_there else sources.ADDED, source.name, record.model_dump(mode="json")
        )
    sources.seen(session, source.name, key, record.id, _digests(record, recurs)[0], record.licence)


def _move_on(session: Session, source: Source, record: Record) -> None:
    """Take over the next days of what recurs, where it is offered or waits: nobody need look at it again for that."""
    days = record.model_dump(mode="json", include={"starts", "ends"})
    for revision in sources.open_of(session, record.id):
        if revision.source == source.name:
            revision.body = {**revision.body, **days}
    row = session.get(Row, record.id)
    if row is None or row.withdrawn_at is not None or row.source != source.name:
        return
    if any(row.body.get(name) != day for name, day in days.items()):
        row.body = {**row.body, **days}
        row.digest, row.changed_at = Record.model_validate(row.body).digest(), now()


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
    if outcome.resumed:
        yield "Went on where an earlier look was cut; what is gone shows at the next one."
    most = max(len(outcome.added), len(outcome.changed), len(outcome.ended), len(outcome.troubles))
    if most > limit:
        yield f"… and more: at most {limit} of each kind are shown"


def _said(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
