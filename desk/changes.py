"""What sources and providers have sent: a lead looks at it before people are told; what is there twice is made one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from bot.cards import Cards
from bot.replies import Replies
from bot.submissions import told
from channels.text import clean
from desk.access import Access, Visit, page, proven
from desk.knowledge import LONGEST_REASON
from desk.named import Names
from desk.parts import Parts
from desk.queue import Number
from ingest.load import publish
from locales import translations
from store import catalogue, sources, tickets
from store.source_tables import Duplicate, Revision
from store.tables import Record as Row

PER_PAGE = 25
_SHOWN = (
    "name",
    "provider",
    "kind",
    "url",
    "topics",
    "audiences",
    "languages",
    "regions",
    "cost",
    "modality",
    "certificate",
    "ends",
)
"""The fields that are compared on the page, in this order; summaries and what is taught come besides."""


def routes(parts: Parts, access: Access) -> APIRouter:
    """`/desk/changes` and `/desk/alike`."""
    router = APIRouter()

    @router.get("/changes")
    def waiting(after: Annotated[int, Query(ge=0)] = 0, visit: Visit = Depends(access.lead)) -> Response:  # noqa: B008
        with parts.database.read() as session:
            found = sources.waiting(session, PER_PAGE + 1, after)
            shown = [_shown(each, visit, session) for each in found[:PER_PAGE]]
            total = sources.count_waiting(session)
        further = found[PER_PAGE - 1].id if len(found) > PER_PAGE else None
        values: dict[str, Any] = {"changes": shown, "total": total, "further": further, "longest": LONGEST_REASON}
        return page(parts, visit, "changes.html", **values)

    @router.post("/changes/{number}")
    async def decide(request: Request, number: Number, visit: Visit = Depends(access.lead)) -> Response:  # noqa: B008
        await proven(request, visit)
        form = await request.form()
        decision, reason = str(form.get("decision", "")), clean(str(form.get("reason", "")))[:LONGEST_REASON]
        if decision not in {"approve", "refuse"}:
            raise HTTPException(422)
        await run_in_threadpool(_decide, parts, visit, number, decision == "approve", reason or None)
        return RedirectResponse("/desk/changes", 303)

    _add_alike(router, parts, access)
    return router


def _add_alike(router: APIRouter, parts: Parts, access: Access) -> None:
    @router.get("/alike")
    def pairs(visit: Visit = Depends(access.lead)) -> Response:  # noqa: B008
        with parts.database.read() as session:
            waiting = [_pair(session, each) for each in sources.alike(session)]
            merged = [_pair(session, each) for each in sources.alike(session, "merged")]
        return page(parts, visit, "alike.html", waiting=waiting, merged=merged)

    @router.post("/alike")
    async def settle(request: Request, visit: Visit = Depends(access.lead)) -> Response:  # noqa: B008
        await proven(request, visit)
        form = {key: str(value) for key, value in (await request.form()).items()}
        await run_in_threadpool(_settle, parts, visit, form)
        return RedirectResponse("/desk/alike", 303)


def _shown(revision: Revision, visit: Visit, session: Session) -> dict[str, Any]:
    row = session.get(Row, revision.record_id)
    before: dict[str, Any] = row.body if row is not None and revision.kind != sources.ADDED else {}
    said = _Said(visit)
    fields = [
        {"name": said.field(name), "after": after, "before": said.value(name, before.get(name)) if before else ""}
        for name in _SHOWN
        if (after := said.value(name, revision.body.get(name)))
        and (not before or before.get(name) != revision.body.get(name))
    ]
    return {
        "revision": revision,
        "fields": fields,
        "summary": next(iter(dict(revision.body.get("summaries") or {}).values()), ""),
        "teaches": revision.body.get("teaches", []) if not before else [],
    }


class _Said:
    """Fields of records and their values, in the officer's words."""

    def __init__(self, visit: Visit) -> None:
        self._ = translations(visit.language.code).gettext
        self._names = Names(visit.language.code)
        self._cards = Cards(Replies(visit.language.code))

    def field(self, name: str) -> str:
        """What a field is called."""
        _ = self._
        return {
            "name": _("Name"),
            "provider": _("Who offers it"),
            "kind": _("What it is"),
            "url": _("Link"),
            "topics": _("Topics"),
            "audiences": _("Who can join"),
            "languages": _("Languages"),
            "regions": _("Countries"),
            "cost": _("Cost"),
            "modality": _("How it is given"),
            "certificate": _("Certificate"),
            "ends": _("Ends"),
        }[name]

    def value(self, name: str, value: Any) -> str:
        """A value as text; empty for what is not known."""
        if not value:
            return ""
        names: dict[str, Any] = {
            "topics": self._names.topic,
            "audiences": self._names.audience,
            "languages": self._names.language,
            "regions": self._names.country,
            "cost": self._cards.costs().get,
            "modality": self._cards.modalities().get,
        }
        each: Iterable[Any] = value if isinstance(value, list) else [value]
        called = names.get(name, str)
        return ", ".join(str(called(one) or one) for one in each if one != "everyone")


def _decide(parts: Parts, visit: Visit, number: int, approve: bool, reason: str | None) -> None:
    _ = translations(visit.language.code).gettext
    with parts.database.write() as session:
        revision = sources.decide(session, number, visit.officer.id, approve=approve, reason=reason)
        if revision is None:
            raise HTTPException(409, _("This is decided already, or was never there."))
        if approve:
            _publish(session, visit, revision)
        told(session, parts.limits, revision)
        what = "approve" if approve else "refuse"
        tickets.note(session, visit.officer.login, f"change.{what}", f"{number} {_about(revision)}")
    parts.said.set()


def _about(revision: Revision) -> str:
    """What the log says of it: of what was refused no name, which may tell who sent it in and wants to be forgotten."""
    return revision.record_id if revision.state == "approved" else revision.source


def _publish(session: Session, visit: Visit, revision: Revision) -> None:
    """Put what was approved into the catalogue. That a person looked at it is a check."""
    try:
        publish(session, revision.body, visit.officer.login)
    except ValidationError:  # it was written by an older Dalil
        raise HTTPException(409) from None


def _pair(session: Session, pair: Duplicate) -> dict[str, Any]:
    both = []
    for key in (pair.first, pair.second):
        row, waits = session.get(Row, key), sources.open_of(session, key)
        body = row.body if row else waits[0].body if waits else {"name": key}
        offered = row is not None and row.withdrawn_at is None
        both.append({"id": key, "body": body, "origins": sources.of_record(session, key), "offered": offered})
    return {"pair": pair, "both": both, "some": any(each["offered"] for each in both)}


def _may_stay(session: Session, pair: Duplicate, key: str) -> bool:
    """Whether the other one may go: what is offered does not give way to what still waits for a look."""
    other = pair.second if key == pair.first else pair.first
    among = pair.state == "open" and key in {pair.first, pair.second}
    return among and (catalogue.offers(session, key) or not catalogue.offers(session, other))


def _settle(parts: Parts, visit: Visit, form: dict[str, str]) -> None:
    _ = translations(visit.language.code).gettext
    with parts.database.write() as session:
        pair = session.get(Duplicate, (form.get("first", ""), form.get("second", "")), with_for_update=True)
        keeping = form.get("keep", "")
        if pair is None or (keeping and not _may_stay(session, pair, keeping)):
            raise HTTPException(409, _("This is decided already, or was never there."))
        if keeping:
            sources.merge(session, pair, keeping, visit.officer.id)
        else:
            sources.separate(session, pair, visit.officer.id)
        what = "merge" if keeping else "separate"
        tickets.note(session, visit.officer.login, f"record.{what}", f"{pair.first} {pair.second}"[:120])
