"""What the sign-in pages need while nobody is signed in yet: cookies, proof that a form is ours, pace."""

from __future__ import annotations

import hmac
import secrets
from ipaddress import IPv6Address, ip_address

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from starlette.datastructures import FormData

from bot.pace import Pace
from desk.access import COOKIE, FORM
from desk.parts import Parts
from desk.refusals import language_of

FORM_COOKIE = "dalil-desk-form"
"""Holds what a form must repeat: another site can have a form sent here, but not read our cookies."""
STEP_COOKIE = "dalil-desk-step"
"""Says that the password was right; the code is still to come."""
STEP_SECONDS = 600
TRIES, TRIES_SECONDS = 20, 600.0
"""How often one network may try."""


class Visitors:
    """Of one desk."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._https = parts.settings.public.startswith("https:")
        self._pace = Pace(TRIES, TRIES_SECONDS)

    def wait(self, request: Request) -> int:
        """Count a try; the seconds to wait if it is one too many, else 0."""
        return self._pace.wait(_network(request))

    def page(self, request: Request, template: str, status: int = 200, /, **values: object) -> HTMLResponse:
        """A page with a form."""
        language = language_of(request)
        token = request.cookies.get(FORM_COOKIE, "")
        token = token if 20 <= len(token) <= 100 else secrets.token_urlsafe(32)
        rendered = self._parts.pages.render(template, language, form_token=token, **values)
        answer = HTMLResponse(rendered, status, headers={"Content-Language": language.code})
        self.set_cookie(answer, FORM_COOKIE, token)
        return answer

    @staticmethod
    def owns(request: Request, form: FormData) -> bool:
        """Whether a form that was sent is from one of our pages in the same browser."""
        kept, told = request.cookies.get(FORM_COOKIE, ""), str(form.get(FORM, ""))
        return len(kept) >= 20 and hmac.compare_digest(kept.encode("utf-8", "replace"), told.encode("utf-8", "replace"))

    def sign_in(self, answer: Response, token: str) -> None:
        """Give the browser its token."""
        self.set_cookie(answer, COOKIE, token)
        answer.delete_cookie(STEP_COOKIE, path="/desk")

    def set_cookie(self, answer: Response, name: str, value: str, seconds: int | None = None) -> None:
        """Set a cookie that no script reads and no other site sends."""
        answer.set_cookie(name, value, seconds, path="/desk", secure=self._https, httponly=True, samesite="strict")


def _network(request: Request) -> str:
    """An address, or the 64 bits of an IPv6 address that name a network."""
    host = request.client.host if request.client else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    return str(int(address) >> 64) if isinstance(address, IPv6Address) else host
