"""What a provider opens from the mail “Still right?”: the record, and three answers. Reading changes nothing."""

from __future__ import annotations

from fastapi import APIRouter, Form, HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from bot.confirming import CONFIRM, take
from bot.offers import Offer
from bot.pages import render
from bot.public_pages import View
from bot.webchat import Parts, language_of
from locales import LANGUAGES
from retrieval.engine import to_record
from store import officers
from store.tables import Record as Row

ANSWERS = ("yes", "ended")


def routes(parts: Parts) -> APIRouter:
    """`/providers/confirm/…`. The link is the proof; nothing else is asked of providers."""
    router = APIRouter(prefix="/providers/confirm", include_in_schema=False)

    @router.api_route("/{token}", methods=["GET", "HEAD"])
    def read(request: Request, token: str) -> Response:
        with parts.database.read() as session:
            record_id = officers.subject_of(session, CONFIRM, token)
            row = _offered(session, record_id)
        return _page(request, "ask", row) if row is not None else _page(request, "gone", status=410)

    @router.post("/{token}")
    def answer(request: Request, token: str, answer: str = Form()) -> Response:
        if answer not in ANSWERS:
            raise HTTPException(422)
        with parts.database.write() as session:
            row = _offered(session, officers.use_link(session, CONFIRM, token))
            if row is not None:
                take(session, row, answer)
        return _page(request, answer) if row is not None else _page(request, "gone", status=410)

    return router


def _offered(session: Session, record_id: str | None) -> Row | None:
    row = session.get(Row, record_id) if record_id else None
    return row if row is not None and row.withdrawn_at is None else None


def _page(request: Request, state: str, row: Row | None = None, status: int = 200) -> Response:
    """`state`: `ask`, an answer that was taken, or `gone`."""
    language, chosen = language_of(request), request.query_params.get("lang")
    values: dict[str, object] = {"state": state, "path": request.url.path}
    values["query"] = f"?lang={chosen}" if chosen in LANGUAGES else ""
    if row is not None:
        view, offer = View(language), Offer(to_record(row), row.changed_at, frozenset(), "")
        summary, said_in = view.summary(offer)
        values |= {"record": offer.record, "name": offer.record.name_in(language.code), "summary": summary}
        values |= {"said_in": LANGUAGES[said_in], "kind": view.kind(offer.record.kind)}
        values |= {"lines": list(view.lines(offer)), "origin": view.origin(offer)}
    headers = {"Content-Language": language.code, "Vary": "Accept-Language, Cookie"}
    return HTMLResponse(render("confirm.html", language, **values), status, headers)
