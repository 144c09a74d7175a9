"""What is known of sources: their runs, where each record comes from, and what waits to be looked at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import String, cast, delete, func, select, update
from sqlalchemy.orm import Session

from store.source_tables import Duplicate, Origin, Revision, Run
from store.tables import Record, now

ADDED, CHANGED, ENDED = "added", "changed", "ended"


def origins(session: Session, source: str) -> dict[str, Origin]:
    """What was found at a source before, by its keys there."""
    return {origin.key: origin for origin in session.scalars(select(Origin).where(Origin.source == source))}


def ids_taken(session: Session) -> set[str]:
    """Every id that a record has, had, or waits to have."""
    taken = set(session.scalars(select(Record.id)))
    return taken | set(session.scalars(select(Origin.record_id))) | set(session.scalars(select(Revision.record_id)))


def bodies(session: Session, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The bodies of records, by id."""
    wanted = list(ids)
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(wanted), 500):
        query = select(Record).where(Record.id.in_(wanted[start : start + 500]))
        found.update({record.id: record.body for record in session.scalars(query)})
    return found


def seen(session: Session, source: str, key: str, record_id: str, digest: str, licence: str | None) -> None:
    """Note that a source has something, and what it says."""
    origin = session.get(Origin, (source, key))
    if origin is None:
        origin = Origin(source=source, key=key)
        session.add(origin)
    origin.record_id, origin.digest, origin.licence = record_id, digest, licence
    origin.seen_at, origin.gone_at = now(), None


def still_there(session: Session, source: str, keys: Sequence[str]) -> None:
    """Note that a source has these as before."""
    for start in range(0, len(keys), 500):
        there = (Origin.source == source, Origin.key.in_(keys[start : start + 500]))
        session.execute(update(Origin).where(*there).values(seen_at=now(), gone_at=None))


def gone(session: Session, source: str, key: str) -> None:
    """Note that a source no longer has something."""
    session.execute(update(Origin).where(Origin.source == source, Origin.key == key).values(gone_at=now()))


def of_record(session: Session, record_id: str) -> list[Origin]:
    """The sources of a record."""
    return list(session.scalars(select(Origin).where(Origin.record_id == record_id).order_by(Origin.source)))


def propose(session: Session, record_id: str, kind: str, source: str, body: dict[str, Any], **sender: Any) -> Revision:
    """Keep a revision for a person to look at; an older open one of the same record and source is replaced."""
    older = (Revision.record_id == record_id, Revision.source == source, Revision.state == "open")
    session.execute(update(Revision).where(*older).values(state="replaced"))
    revision = Revision(record_id=record_id, kind=kind, source=source, body=body, **sender)
    session.add(revision)
    session.flush()
    return revision


def waiting(session: Session, limit: int = 100, after: int = 0) -> Sequence[Revision]:
    """The revisions that nobody has looked at, the oldest first."""
    query = select(Revision).where(Revision.state == "open", Revision.id > after).order_by(Revision.id)
    return session.scalars(query.limit(limit)).all()


def open_of(session: Session, record_id: str) -> list[Revision]:
    """The revisions of a record that nobody has looked at."""
    return list(session.scalars(select(Revision).where(Revision.record_id == record_id, Revision.state == "open")))


def count_waiting(session: Session) -> int:
    """How many revisions wait."""
    return session.scalar(select(func.count()).where(Revision.state == "open")) or 0


def decide(session: Session, number: int, officer_id: int, *, approve: bool, reason: str | None) -> Revision | None:
    """Approve or refuse an open revision; none if it is not open. What becomes of the record is for the caller."""
    revision = session.get(Revision, number, with_for_update=True)
    if revision is None or revision.state != "open":
        return None
    revision.state, revision.decided_by = ("approved" if approve else "refused"), officer_id
    revision.decided_at, revision.reason = now(), reason
    return revision


def of_sender(session: Session, conversation_id: int) -> Sequence[Revision]:
    """What somebody has sent in by chat, the oldest first; of what they changed only the newest."""
    theirs = select(Revision).where(Revision.conversation_id == conversation_id, Revision.state != "replaced")
    return session.scalars(theirs.order_by(Revision.id)).all()


def forget_sender(session: Session, conversation_id: int) -> None:
    """Forget who sent something in. What nobody has approved goes with them: the words are theirs."""
    theirs = select(Revision).where(Revision.conversation_id == conversation_id).with_for_update()
    _forget(session, session.scalars(theirs).all())


def expire(session: Session, before: datetime, source: str, most: int) -> int:
    """Forget some of what was sent in so long ago and not approved, by no `source` but this; gives how many."""
    old = select(Revision).where(Revision.source == source, Revision.created_at < before)
    some = old.where(Revision.state != "approved", cast(Revision.body, String) != "{}").limit(most).with_for_update()
    found = session.scalars(some).all()
    _forget(session, found)
    return len(found)


def _forget(session: Session, revisions: Sequence[Revision]) -> None:
    for revision in revisions:
        revision.conversation_id = revision.email_sealed = revision.token_digest = revision.reason = None
        if revision.state == "approved":
            continue
        if revision.state == "open":
            revision.state, revision.decided_at = "refused", now()
        if session.get(Record, revision.record_id) is None:  # an id is made of a name
            pairs = (Duplicate.first == revision.record_id) | (Duplicate.second == revision.record_id)
            session.execute(delete(Duplicate).where(pairs))
            revision.record_id = f"forgotten-{revision.id}"
        revision.body = {}


def begin(session: Session, source: str) -> Run:
    """Note that a source is being looked at."""
    run = Run(source=source)
    session.add(run)
    session.flush()
    return run


def cut_since(session: Session, source: str) -> datetime | None:
    """When the first of those looks at a source began that were cut since one came to its end; none if none was."""
    whole = select(func.max(Run.id)).where(Run.source == source, Run.complete)
    later = Run.id > func.coalesce(whole.scalar_subquery(), 0)
    first = select(Run).where(Run.source == source, later).order_by(Run.id).limit(1)
    run = session.scalars(first).first()
    return run.started_at if run else None


def last_runs(session: Session) -> dict[str, Run]:
    """The last run of each source."""
    newest = select(func.max(Run.id)).group_by(Run.source)
    return {run.source: run for run in session.scalars(select(Run).where(Run.id.in_(newest)))}


def suggest(session: Session, one: str, other: str, score: float) -> None:
    """Note that two records may be one, unless somebody has decided that already."""
    first, second = sorted((one, other))
    known = session.get(Duplicate, (first, second))
    if known is None:
        session.add(Duplicate(first=first, second=second, score=score))
    elif known.state == "open":
        known.score = score


def alike(session: Session, state: str = "open", limit: int = 100) -> Sequence[Duplicate]:
    """Pairs that may be one, the most alike first; or those that somebody has decided."""
    query = select(Duplicate).where(Duplicate.state == state).order_by(Duplicate.score.desc(), Duplicate.first)
    return session.scalars(query.limit(limit)).all()


def merge(session: Session, pair: Duplicate, keep: str, officer_id: int) -> None:
    """Make two records one: the other is withdrawn, and where it came from the kept one comes from."""
    drop = pair.second if keep == pair.first else pair.first
    moved = of_record(session, drop)
    for origin in moved:
        origin.record_id = keep
    row = session.get(Record, drop)
    was_offered = row is not None and row.withdrawn_at is None
    if row is not None and was_offered:
        row.withdrawn_at = row.changed_at = now()
    waiting = open_of(session, drop)
    for revision in waiting:  # approved later, it would be there twice again
        revision.state = "replaced"
    pair.state = "merged"
    pair.undo = {
        "dropped": drop,
        "origins": [[origin.source, origin.key] for origin in moved],
        "waiting": [revision.id for revision in waiting],
        "was_offered": was_offered,
    }
    pair.decided_by, pair.decided_at = officer_id, now()


def separate(session: Session, pair: Duplicate, officer_id: int) -> None:
    """Say that two records are two; what a merge changed is put back."""
    if pair.state == "merged":
        dropped = str(pair.undo["dropped"])
        for source, key in pair.undo["origins"]:
            origin = session.get(Origin, (source, key))
            if origin is not None:
                origin.record_id = dropped
        for number in pair.undo["waiting"]:
            revision = session.get(Revision, number)
            if revision is not None and revision.state == "replaced":
                revision.state = "open"
        row = session.get(Record, dropped)
        if row is not None and pair.undo["was_offered"]:
            row.withdrawn_at, row.changed_at = None, now()
    pair.state, pair.undo = "separate", {}
    pair.decided_by, pair.decided_at = officer_id, now()
