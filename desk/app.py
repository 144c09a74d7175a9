"""Everything under `/desk`."""

from __future__ import annotations

from importlib import import_module

from fastapi import APIRouter, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import Match, Mount
from starlette.types import Scope

from desk.access import Access
from desk.parts import Parts
from desk.refusals import Refusals

ROOMS = (
    "sign_in",
    "queue",
    "live",
    "chat",
    "canned",
    "gaps",
    "coverage",
    "weakness",
    "referrals",
    "knowledge",
    "changes",
    "telegram",
    "officers",
    "profile",
    "audit",
)
"""The modules with pages, each with `routes(parts, access)`; the first that has a path answers for it."""


def add_to(app: FastAPI, parts: Parts) -> None:
    """Let `app` answer for the desk. What goes wrong below `/desk` is told there, in the officer's language."""
    access = Access(parts)
    refusals = Refusals(parts, access)
    kinds: tuple[type[Exception], ...] = (StarletteHTTPException, RequestValidationError)
    guarded = ExceptionMiddleware(routes(parts, access), dict.fromkeys(kinds, refusals.answer))
    app.router.routes.append(_Desk("", guarded, name="desk"))


class _Desk(Mount):
    """Hands on what is at or below `/desk`, with its path as it is: pages have the same address inside and outside."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request is for the desk."""
        path = scope["path"]
        if path == "/desk" or path.startswith("/desk/"):
            return super().matches(scope)
        return Match.NONE, {}


def routes(parts: Parts, access: Access) -> APIRouter:
    """All pages of the desk."""
    router = APIRouter()
    for name in ROOMS:  # imported here, so that a Dalil without visitors at the desk starts as fast as before
        router.include_router(import_module(f"desk.{name}").routes(parts, access), prefix="/desk")
    _add_files(router, parts)
    return router


def _add_files(router: APIRouter, parts: Parts) -> None:
    files = {asset.path: asset for asset in parts.pages.assets.values()}

    @router.get("/desk/static/{digest}/{name}")
    async def file(request: Request) -> Response:
        asset = files.get(request.url.path)
        if asset is None:
            raise HTTPException(404)
        kept = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(asset.body, media_type=asset.media_type, headers=kept)
