"""Who may see what: the signed-in officer of a request, their role, and proof that a form is from our own page."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from fastapi import HTTPException, Request
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from desk.parts import Parts
from locales import LANGUAGES, Language
from store.desk_tables import Officer, SignIn
from store.officers import digest
from store.tables import now

__all__ = ["COOKIE", "FORM", "HEADER", "ROLES", "Access", "NotSignedIn", "Visit", "digest", "page", "proven"]

COOKIE = "dalil-desk"
IDLE = timedelta(hours=12)
"""A browser that did nothing for so long is signed out."""
LONGEST = timedelta(days=7)
ROLES = ("officer", "lead", "administrator")
"""Each may do what those before may."""
FORM, HEADER = "csrf", "x-csrf-token"
"""Where a page proves that a request is its own: a field of forms, a header of scripts."""
_SAFE = ("GET", "HEAD", "OPTIONS")
"""What changes nothing."""
_SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of a signed-in officer."""

    officer: Officer
    csrf: str

    @property
    def language(self) -> Language:
        """Of the desk's pages for this officer."""
        return LANGUAGES.get(self.officer.language, LANGUAGES["en"])

    def may(self, role: str) -> bool:
        """Whether the officer has the rights of a role."""
        return ROLES.index(self.officer.role) >= ROLES.index(role)


class NotSignedIn(HTTPException):
    """Answered by a way to the sign-in page."""

    def __init__(self) -> None:
        super().__init__(401)


class Access:
    """Dependencies for routes: `visit: Annotated[Visit, Depends(access.officer)]`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.officer = self._at_least("officer")
        self.lead = self._at_least("lead")
        self.administrator = self._at_least("administrator")

    def _at_least(self, role: str) -> Callable[[Request], Awaitable[Visit]]:
        async def check(request: Request) -> Visit:
            visit = await run_in_threadpool(self.visit, request)
            if visit is None:
                raise NotSignedIn
            if not visit.may(role):
                raise HTTPException(403)
            if request.method not in _SAFE:
                await proven(request, visit)  # here as well, so that no route can forget it
            return visit

        return check

    def visit(self, request: Request) -> Visit | None:
        """Who is signed in, if anybody; blocks on the database."""
        token = request.cookies.get(COOKIE, "")
        if not 20 <= len(token) <= 100:
            return None
        with self._parts.database.read() as session:
            found = session.get(SignIn, digest(token))
            officer = session.get(Officer, found.officer_id) if found else None
        moment = now()
        if found is None or officer is None or not officer.active:
            return None
        if found.seen_at < moment - IDLE or found.created_at < moment - LONGEST:
            return None
        if found.seen_at < moment - _SEEN_EVERY:
            with self._parts.database.write() as session:
                if kept := session.get(SignIn, found.digest):
                    kept.seen_at = moment
                session.get_one(Officer, officer.id).seen_at = moment
        return Visit(officer, found.csrf)


async def proven(request: Request, visit: Visit) -> None:
    """Refuse what changes something unless it comes from our own page. Raises `HTTPException` 403."""
    told = request.headers.get(HEADER, "")
    if not told:
        told = str((await request.form()).get(FORM, ""))
    if not hmac.compare_digest(told.encode("utf-8", "replace"), visit.csrf.encode()):
        raise HTTPException(403)


def page(parts: Parts, visit: Visit, name: str, status: int = 200, **values: object) -> HTMLResponse:
    """A page of the desk in the officer's language."""
    rendered = parts.pages.render(name, visit.language, visit=visit, settings=parts.settings, **values)
    return HTMLResponse(rendered, status, headers={"Content-Language": visit.language.code})
