"""Everything under `/desk`."""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request, Response

from desk.access import Access
from desk.parts import Parts


def routes(parts: Parts) -> APIRouter:
    """All pages of the desk."""
    router = APIRouter(prefix="/desk", dependencies=[])
    access = Access(parts)
    for module in _rooms():
        router.include_router(module(parts, access))
    _add_files(router, parts)
    return router


def _rooms():  # type: ignore[no-untyped-def]  # each: `routes(parts, access) -> APIRouter`
    """The parts of the desk, imported here so that a Dalil without visitors at the desk starts as fast as before."""
    return []


def _add_files(router: APIRouter, parts: Parts) -> None:
    @router.get("/static/{digest}/{name}")
    def file(request: Request) -> Response:
        files = {asset.path: asset for asset in parts.pages.assets.values()}
        asset = files.get(request.url.path)
        if asset is None:
            raise HTTPException(404)
        kept = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(asset.body, media_type=asset.media_type, headers=kept)
