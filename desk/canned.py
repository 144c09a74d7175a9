"""Ready-made answers: leads write them, officers use them in a chat."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Path, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from channels.text import LONGEST_INBOUND, clean
from desk.access import Access, Visit, page, proven
from desk.parts import Parts
from locales import LANGUAGES, translations
from store import chat, tickets
from store.desk_tables import Canned

LONGEST_TITLE = 80
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


def routes(parts: Parts, access: Access) -> APIRouter:
    """`/desk/canned`."""
    router, room = APIRouter(), Room(parts)

    @router.get("/canned")
    def listed(language: str = "", visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        return room.listed(visit, language if language in LANGUAGES else "")

    @router.post("/canned")
    async def add(request: Request, visit: Visit = Depends(access.lead)) -> Response:  # noqa: B008
        await proven(request, visit)
        return await run_in_threadpool(room.save, visit, None, await request.form())

    @router.post("/canned/{number}")
    async def change(request: Request, number: Number, visit: Visit = Depends(access.lead)) -> Response:  # noqa: B008
        await proven(request, visit)
        return await run_in_threadpool(room.save, visit, number, await request.form())

    @router.post("/canned/{number}/delete")
    async def drop(request: Request, number: Number, visit: Visit = Depends(access.lead)) -> Response:  # noqa: B008
        await proven(request, visit)
        return await run_in_threadpool(room.drop, visit, number)

    return router


class Room:
    """What the routes do, in threads."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def listed(self, visit: Visit, language: str) -> Response:
        """All of them, or those in one language."""
        with self._parts.database.read() as session:
            found = chat.canned(session, language or None)
        return page(self._parts, visit, "canned.html", canned=found, chosen=language, longest=LONGEST_INBOUND)

    def save(self, visit: Visit, number: int | None, form: FormData) -> Response:
        """Write a new one, or write one anew."""
        language, title, text = (clean(str(form.get(name, ""))) for name in ("language", "title", "text"))
        _ = translations(visit.language.code).gettext
        if language not in LANGUAGES or not title or not text:
            raise HTTPException(422, _("A ready-made answer needs a language, a title and a text."))
        with self._parts.database.write() as session:
            entry = session.get(Canned, number) if number else Canned(created_by=visit.officer.id)
            if entry is None:
                raise HTTPException(404)
            entry.language, entry.title, entry.text = language, title.replace("\n", " ")[:LONGEST_TITLE], text
            session.add(entry)
            session.flush()
            tickets.note(session, visit.officer.login, "canned.save", str(entry.id))
        return RedirectResponse("/desk/canned", 303)

    def drop(self, visit: Visit, number: int) -> Response:
        """Throw one away."""
        with self._parts.database.write() as session:
            entry = session.get(Canned, number)
            if entry is None:
                raise HTTPException(404)
            session.delete(entry)
            tickets.note(session, visit.officer.login, "canned.delete", str(number))
        return RedirectResponse("/desk/canned", 303)
