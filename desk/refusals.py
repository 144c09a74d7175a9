"""What the desk says when it cannot do what was asked: in words, in the officer's language."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote, urlsplit

from fastapi import HTTPException, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from desk.access import Access, NotSignedIn
from desk.parts import Parts
from locales import Language, negotiate, translations

SIGN_IN = "/desk/sign-in"


def inside(path: str | None) -> str:
    """`path` if it is one of the desk's pages, else where the desk begins: a link must not lead elsewhere."""
    path = path or ""
    plain = path.isprintable() and "\\" not in path and len(path) < 500
    begins = path == "/desk" or path.startswith(("/desk/", "/desk?"))
    return path if plain and begins and not path.startswith(SIGN_IN) else "/desk"


def language_of(request: Request) -> Language:
    """Of somebody who is not signed in."""
    return negotiate(request.headers.get("accept-language", ""))


class Refusals:
    """Answers for errors below `/desk`."""

    def __init__(self, parts: Parts, access: Access) -> None:
        self._parts, self._access = parts, access

    async def answer(self, request: Request, error: Exception) -> Response:
        """A way to the sign-in page, or a page that says what is wrong."""
        if isinstance(error, NotSignedIn):
            return _to_sign_in(request)
        status = getattr(error, "status_code", 400)
        visit = await run_in_threadpool(self._access.visit, request)
        language = visit.language if visit else language_of(request)
        told = _words(error, status, language)
        headers = dict(getattr(error, "headers", None) or {})
        if "hx-request" in request.headers:
            return PlainTextResponse(told, status, headers)
        pages = self._parts.pages
        return HTMLResponse(pages.render("desk_error.html", language, message=told), status, headers)


def _words(error: Exception, status: int, language: Language) -> str:
    _ = translations(language.code).gettext
    detail = error.detail if isinstance(error, HTTPException) else None
    if isinstance(detail, str) and detail != HTTPStatus(status).phrase:
        return detail  # our own words
    if status == 403:
        return _("You may not do this, or the page was open for too long. Go back to the desk and try again.")
    if status in {404, 405}:
        return _("There is nothing at this address.")
    return _("This request could not be read.")


def _to_sign_in(request: Request) -> Response:
    """Pages that htmx asks for go into pages that are there: those are to be left for the sign-in page."""
    if "text/event-stream" in request.headers.get("accept", ""):
        return Response(status_code=401)
    if "hx-request" in request.headers:
        shown = urlsplit(request.headers.get("hx-current-url", ""))
        return Response(status_code=401, headers={"HX-Redirect": _address(shown.path)})
    asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(_address(asked if request.method == "GET" else ""), 303)


def _address(then: str) -> str:
    then = inside(then)
    return SIGN_IN if then == "/desk" else f"{SIGN_IN}?next={quote(then, safe='')}"
