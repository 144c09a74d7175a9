"""Whether the addresses of records answer: which are to be looked at, and what follows from what was found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import Session

from store import sources
from store.catalogue import GOOD_FOR, PROVIDER
from store.source_tables import LinkCheck, Revision
from store.tables import Record, now

SOURCE = "links"
"""What a revision is from that was proposed because a link is dead."""
AGAIN, AGAIN_IF_FAILED = timedelta(days=7), timedelta(days=1)
"""After which a link is looked at again."""
BROKEN = 3
"""Failures in a row from which a link is taken for dead."""


class Answer(StrEnum):
    """What a look at a link says of it."""

    THERE = "there"
    GONE = "gone"
    UNCLEAR = "unclear"
    """The host lives, but does not show us the page, or not now: it is no failure, and no success either."""


@dataclass(frozen=True, slots=True)
class Due:
    """A link that is to be looked at."""

    record_id: str
    url: str


def due(session: Session, moment: datetime, most: int) -> list[Due]:
    """Links of offered records: first those never looked at, then those looked at longest ago."""
    query = _due(moment).order_by(LinkCheck.checked_at.asc().nulls_first(), Record.id).limit(most)
    return [Due(record_id, url) for record_id, url in session.execute(query)]


def count_due(session: Session, moment: datetime) -> int:
    """How many links are to be looked at."""
    return session.scalar(select(func.count()).select_from(_due(moment).subquery())) or 0


def _due(moment: datetime) -> Select[Any]:
    url, ends = Record.body["url"].as_string(), Record.body["ends"].as_string()
    rested = or_(
        LinkCheck.record_id.is_(None),
        LinkCheck.url != url,
        LinkCheck.checked_at <= moment - AGAIN,
        and_(LinkCheck.failures > 0, LinkCheck.checked_at <= moment - AGAIN_IF_FAILED),
    )
    offered = (Record.withdrawn_at.is_(None), Record.status != "ended")
    runs = or_(ends.is_(None), ends >= moment.date().isoformat())
    query = select(Record.id, url).outerjoin(LinkCheck, LinkCheck.record_id == Record.id)
    return query.where(url.is_not(None), *offered, runs, rested)


def note(session: Session, link: Due, answer: Answer, reason: str | None, moment: datetime) -> None:
    """Keep what was found, and let it follow for the record: a dead link makes it one to be checked again."""
    check = session.get(LinkCheck, link.record_id, with_for_update=True)
    if check is None:
        check = LinkCheck(record_id=link.record_id, url=link.url, failures=0)
        session.add(check)
    elif check.url != link.url:
        check.url, check.failures = link.url, 0
    before, check.checked_at, check.reason = check.failures, moment, reason
    if answer is not Answer.UNCLEAR:
        check.failures = before + 1 if answer is Answer.GONE else 0
    row = session.get(Record, link.record_id, with_for_update=True)
    if row is None or row.withdrawn_at is not None:
        return
    if answer is Answer.GONE and check.failures >= BROKEN:
        _broken(session, row, check.failures, moment)
    elif answer is Answer.THERE and before >= BROKEN:
        _back(session, row, moment)


def _broken(session: Session, row: Record, failures: int, moment: datetime) -> None:
    first, past = failures == BROKEN, moment.date() - timedelta(days=1)
    # Whoever has confirmed the record since the link broke knows better; a source that told it anew does not.
    if (first or row.checked_by is None) and (row.review_by is None or row.review_by > past):
        row.review_by, row.changed_at = past, now()
    if first and not _ended(session, row.id):
        sources.propose(session, row.id, sources.ENDED, SOURCE, {**row.body, "status": "ended"})


def _back(session: Session, row: Record, moment: datetime) -> None:
    """The link answers again: nothing need be looked at because of it."""
    for revision in _ended(session, row.id):
        if revision.source == SOURCE:
            revision.state = "replaced"
    if row.review_by is not None and row.review_by < moment.date():
        said = row.body.get("review_by")
        row.review_by, row.changed_at = (date.fromisoformat(said) if said else None), now()
        if row.checked_by == PROVIDER and row.checked_on:
            row.review_by = row.checked_on + GOOD_FOR


def _ended(session: Session, record_id: str) -> Sequence[Revision]:
    """The open proposals to end a record."""
    same = (Revision.record_id == record_id, Revision.kind == sources.ENDED, Revision.state == "open")
    return session.scalars(select(Revision).where(*same)).all()


def answering(session: Session, most: int = 3) -> list[str]:
    """Links that answered the last time, the latest first."""
    query = select(LinkCheck.url).where(LinkCheck.reason.is_(None)).order_by(LinkCheck.checked_at.desc())
    return list(session.scalars(query.limit(most)))


def troubled(session: Session) -> list[tuple[LinkCheck, str]]:
    """The links of offered records that did not answer the last time and the records' names, the worst first."""
    query = select(LinkCheck, Record.body).join(Record, Record.id == LinkCheck.record_id)
    query = query.where(LinkCheck.reason.is_not(None), Record.withdrawn_at.is_(None))
    found = session.execute(query.order_by(LinkCheck.failures.desc(), LinkCheck.record_id)).all()
    return [(check, str(body.get("name", check.record_id))) for check, body in found]
