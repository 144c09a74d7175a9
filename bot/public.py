"""The public catalogue: for programs as JSON, CSV, a feed and a map; for people as pages (`bot.public_pages`)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from itertools import islice
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.routing import APIRoute
from pydantic import Field

from bot import feeds, public_pages
from bot.caching import Validators
from bot.csv import lines
from bot.entries import COLUMNS, Entry, Listing, Problem, entry, rows
from bot.offers import Offers, Snapshot, Wanted
from bot.pace import Pace
from bot.webchat import Parts, language_of
from bot.webchat import _network as network_of

MOST = 300
"""Answers a minute for programs of one network."""
MOST_OF_PAGE = 200
LINES_AT_ONCE = 100
"""Lines of the file that are sent together: each alone would be a packet."""

_Body = Callable[[], str | bytes | Iterator[str]]
_REFUSALS: dict[int | str, dict[str, Any]] = {
    404: {"model": Problem, "description": "There is no such entry, or it is offered no more."},
    422: {"model": Problem, "description": "A filter makes no sense."},
    429: {"model": Problem, "description": "Too many requests; `Retry-After` says for how long to wait."},
}
_CSV: dict[str, Any] = {"description": "UTF-8; headings, HXL tags, then a line an entry.", "content": {"text/csv": {}}}


class Paged(Wanted):
    """A page of what is wanted."""

    page: int = Field(1, ge=1)
    per_page: int = Field(50, ge=1, le=MOST_OF_PAGE)


class _Route(APIRoute):
    """Tells programs in JSON what is wrong."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap what FastAPI does with a request."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                said = "; ".join(
                    f"{each['loc'][-1]}: {each['msg'].removeprefix('Value error, ')}" for each in error.errors()
                )
                return JSONResponse({"error": said}, 422)
            except HTTPException as error:
                return JSONResponse({"error": error.detail}, error.status_code, error.headers)

        return answer


class _Machines:
    """What the addresses for programs share."""

    def __init__(self, parts: Parts, offers: Offers) -> None:
        self.settings = parts.settings
        self._offers = offers
        self._pace = Pace(MOST)

    def enter(self, request: Request) -> Snapshot:
        """What is offered. Raises `HTTPException` 429 for whoever asks too often."""
        if seconds := self._pace.wait(network_of(request)):
            raise HTTPException(429, f"Too many requests; wait {seconds} seconds.", {"Retry-After": str(seconds)})
        return self._offers.now()

    def answer(
        self, request: Request, snapshot: Snapshot, body: _Body, media_type: str, *more: str, **headers: str
    ) -> Response:
        """`body`, or a 304 without it. `more`: what it depends on beside the catalogue; `headers` as `Content_Type`."""
        known = Validators.of(snapshot.state, snapshot.changed, self.settings.public, *more)
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        # Nothing here is anybody's own: pages of other sites may read it.
        told |= known.headers() | {"Access-Control-Allow-Origin": "*"}
        if known.same(request):
            return Response(status_code=304, headers=told)
        made = body()
        if isinstance(made, str | bytes):
            return Response(made, media_type=media_type, headers=told)
        return StreamingResponse(made, media_type=media_type, headers=told)


def routes(parts: Parts) -> APIRouter:
    """Everything that is public of the catalogue."""
    offers = Offers(parts.database)
    machines = _Machines(parts, offers)
    router = APIRouter(route_class=_Route)
    documented = _documented(machines)
    router.include_router(documented)
    _add_description(router, machines, documented)
    _add_feeds(router, machines)
    router.include_router(public_pages.routes(parts, offers))  # last: /catalogue/{id} would take /catalogue/x.json
    return router


def _add(router: APIRouter, path: str, **more: Any) -> Callable[[Callable[..., Response]], Callable[..., Response]]:
    """Answer GET, and HEAD, which the description of the API leaves out."""

    def add(endpoint: Callable[..., Response]) -> Callable[..., Response]:
        router.add_api_route(path, endpoint, methods=["GET"], **more)
        router.add_api_route(path, endpoint, methods=["HEAD"], include_in_schema=False)
        return endpoint

    return add


def _documented(machines: _Machines) -> APIRouter:
    """What `/openapi.json` describes."""
    router, public = APIRouter(route_class=_Route), machines.settings.public

    @_add(router, "/catalogue.json", response_model=Listing, responses=_but(404))
    def listing(request: Request, wanted: Annotated[Paged, Query()]) -> Response:
        """Entries of the catalogue, by id, a page at a time."""
        snapshot = machines.enter(request)
        return machines.answer(
            request, snapshot, lambda: _listing(snapshot, wanted, public).model_dump_json(), "application/json"
        )

    @_add(router, "/catalogue.csv", response_class=Response, responses=_but(404) | {200: _CSV})
    def table(request: Request, wanted: Annotated[Wanted, Query()]) -> Response:
        """All that is wanted as a table."""
        snapshot = machines.enter(request)
        return machines.answer(
            request,
            snapshot,
            lambda: _together(lines(COLUMNS, rows(wanted.choose(snapshot.offers.values()), public))),
            "text/csv; charset=utf-8",
            Content_Disposition='attachment; filename="catalogue.csv"',
        )

    @_add(router, "/catalogue/{record_id}.json", response_model=Entry, responses=_but(422))
    def one(request: Request, record_id: str) -> Response:
        """One entry."""
        snapshot = machines.enter(request)
        offer = snapshot.offers.get(record_id)
        if offer is None:
            raise HTTPException(404, "There is no such entry, or it is offered no more.")
        return machines.answer(
            request, snapshot, lambda: entry(offer, public, snapshot.offers).model_dump_json(), "application/json"
        )

    return router


def _but(status: int) -> dict[int | str, dict[str, Any]]:
    """All refusals but one."""
    return {key: value for key, value in _REFUSALS.items() if key != status}


def _listing(snapshot: Snapshot, wanted: Paged, public: str) -> Listing:
    chosen = wanted.choose(snapshot.offers.values())
    pages = max(1, -(-len(chosen) // wanted.per_page))
    first = (wanted.page - 1) * wanted.per_page

    def address(page: int) -> str | None:
        if not 1 <= page <= pages or page == wanted.page:
            return None
        return f"{public}/catalogue.json?{urlencode(wanted.said() | {'page': page, 'per_page': wanted.per_page})}"

    return Listing(
        page=wanted.page,
        per_page=wanted.per_page,
        total=len(chosen),
        pages=pages,
        next=address(wanted.page + 1),
        previous=address(min(wanted.page - 1, pages)),
        changed=snapshot.changed,
        entries=[entry(offer, public, snapshot.offers) for offer in chosen[first : first + wanted.per_page]],
    )


def _together(found: Iterator[str]) -> Iterator[str]:
    while some := "".join(islice(found, LINES_AT_ONCE)):
        yield some


def _add_description(router: APIRouter, machines: _Machines, documented: APIRouter) -> None:
    described = get_openapi(
        title="Dalil: the catalogue",
        version="1",
        description="Providers, programmes and resources for digital skills. `null` means: not known.",
        routes=documented.routes,
        servers=[{"url": machines.settings.public}],
    )

    @_add(router, "/openapi.json", include_in_schema=False)
    def description() -> Response:
        return JSONResponse(
            described, headers={"Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*"}
        )


def _add_feeds(router: APIRouter, machines: _Machines) -> None:
    settings = machines.settings

    @_add(router, "/catalogue.atom", include_in_schema=False)
    def changes(request: Request) -> Response:
        snapshot, language = machines.enter(request), language_of(request)
        return machines.answer(
            request,
            snapshot,
            lambda: feeds.atom(snapshot, settings, language),
            "application/atom+xml",
            language.code,
            settings.operator,
            Content_Language=language.code,
            Vary="Accept-Language, Cookie",
        )

    @_add(router, "/sitemap.xml", include_in_schema=False)
    def sitemap(request: Request) -> Response:
        snapshot = machines.enter(request)
        return machines.answer(request, snapshot, lambda: feeds.sitemap(snapshot, settings.public), "application/xml")

    @_add(router, "/robots.txt", include_in_schema=False)
    def robots() -> Response:
        return Response(
            feeds.robots(settings.public), media_type="text/plain", headers={"Cache-Control": "public, max-age=300"}
        )
