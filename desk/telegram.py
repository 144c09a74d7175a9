"""An officer's Telegram account: with it they claim requests in the officers' group."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from desk.access import Access, Visit, page, proven
from desk.parts import Parts
from store import accounts
from store.desk_tables import Officer


def routes(parts: Parts, access: Access) -> APIRouter:
    """`/desk/telegram`."""
    router = APIRouter(prefix="/telegram")

    @router.get("")
    def show(visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        return _page(parts, visit)

    @router.post("/code")
    async def code(request: Request, visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        await proven(request, visit)
        return await run_in_threadpool(_code, parts, visit)

    @router.post("/unlink")
    async def unlink(request: Request, visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        await proven(request, visit)
        await run_in_threadpool(_unlink, parts, visit)
        return RedirectResponse("/desk/telegram", 303)

    return router


def _page(parts: Parts, visit: Visit, code: str = "") -> Response:
    with parts.database.read() as session:
        linked = session.get_one(Officer, visit.officer.id).telegram_digest is not None
    minutes = int(accounts.VALID.total_seconds() // 60)
    is_set_up = parts.settings.telegram_group is not None
    return page(parts, visit, "telegram.html", linked=linked, code=code, minutes=minutes, is_set_up=is_set_up)


def _code(parts: Parts, visit: Visit) -> Response:
    with parts.database.write() as session:
        code = accounts.new_code(session, parts.vault, session.get_one(Officer, visit.officer.id))
    return _page(parts, visit, code)


def _unlink(parts: Parts, visit: Visit) -> None:
    with parts.database.write() as session:
        accounts.unlink(session, session.get_one(Officer, visit.officer.id))
