"""The audit log: who did what, when; on a page and as a file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO
from typing import Any

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse

from desk.access import Access, Visit, page
from desk.csv import harmless
from desk.parts import Parts
from store import officers, tickets
from store.tables import Audit

PAGE = 100
_BATCH = 1000


def routes(parts: Parts, access: Access) -> APIRouter:
    """For administrators."""
    router = APIRouter()

    @router.get("/audit")
    def show(
        actor: str = "",
        action: str = "",
        before: int | None = Query(None, ge=1, lt=2**31),
        visit: Visit = Depends(access.administrator),  # noqa: B008
    ) -> Response:
        with parts.database.write() as session:
            tickets.note(session, visit.officer.login, "audit.view", _subject(actor, action))
        with parts.database.read() as session:
            entries = officers.audited(session, actor, action, before, PAGE + 1)
            actors, actions = officers.audited_names(session)
        chosen: dict[str, Any] = {"actor": actor, "action": action, "before": before}
        offered: dict[str, Any] = {"entries": entries[:PAGE], "actors": actors, "actions": actions}
        older = entries[PAGE - 1].id if len(entries) > PAGE else None
        return page(parts, visit, "audit.html", older=older, **offered, **chosen)

    @router.get("/audit.csv")
    def save(actor: str = "", action: str = "", visit: Visit = Depends(access.administrator)) -> Response:  # noqa: B008
        with parts.database.write() as session:
            tickets.note(session, visit.officer.login, "audit.export", _subject(actor, action))
        kept_as = {"Content-Disposition": 'attachment; filename="audit.csv"'}
        return StreamingResponse(_lines(parts, actor, action), media_type="text/csv; charset=utf-8", headers=kept_as)

    return router


def _subject(actor: str, action: str) -> str:
    return f"{actor} {action}".strip()[:120]


def _lines(parts: Parts, actor: str, action: str) -> Iterator[str]:
    """The whole log, read in pieces."""
    yield _line("number", "time", "actor", "action", "subject")
    before: int | None = None
    while batch := _batch(parts, actor, action, before):
        yield "".join(_line(each.id, each.at.isoformat(), each.actor, each.action, each.subject) for each in batch)
        before = batch[-1].id


def _batch(parts: Parts, actor: str, action: str, before: int | None) -> list[Audit]:
    with parts.database.read() as session:
        return officers.audited(session, actor, action, before, _BATCH)


def _line(*cells: str | int) -> str:
    text = StringIO()
    csv.writer(text).writerow([harmless(cell) for cell in cells])
    return text.getvalue()
