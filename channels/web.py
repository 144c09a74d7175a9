"""The chat page as a channel: what its script posts, and the cookie that stands for its visitor."""

from __future__ import annotations

import json
import re
import secrets
import unicodedata
from typing import Any
from urllib.parse import urlsplit

from channels.contract import Channel, Forged, Inbound, Kind, Malformed, Outgoing, Receipt, Request
from channels.text import LONGEST_INBOUND

COOKIE = "dalil"
"""Name of the cookie that holds the visitor's token, which is their address on this channel."""

LONGEST_BODY = 128 * 1024
"""Bytes. Enough for 20,000 characters, each escaped: text that is too long is cut later, not refused."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
_ID = re.compile(r"[!-~]{1,64}")
_LONGEST_CHOICE = 200


def new_token() -> str:
    """Make an address for a new visitor: 32 random bytes that nobody can guess."""
    return secrets.token_urlsafe(32)


class WebChannel(Channel):
    """Reads what the chat page posts. Answers are not sent: the page fetches them (see `send`)."""

    name = "web"
    text_limit = LONGEST_INBOUND

    def __init__(self, public_url: str | None = None) -> None:
        """`public_url`: where visitors reach the page, if it is not the address that requests name."""
        self._public_origin = _origin(public_url) if public_url else None

    def parse(self, request: Request) -> list[Inbound]:
        """Read `{"id", "text"}` or `{"id", "choice", "text"}`, where `text` is the title of what was chosen."""
        self.verify(request)
        address = request.cookies.get(COOKIE, "")
        if not is_token(address):
            raise Malformed("no visitor token")
        if not request.headers.get("content-type", "").lower().startswith("application/json"):
            raise Malformed("the body must be JSON")
        body = _read(request.body)
        choice = _choice(body)
        return [
            Inbound(
                channel=self.name,
                address=address,
                external_id=_external_id(body),
                kind=Kind.TEXT if choice is None else Kind.CHOICE,
                text=_text(body),
                choice=choice,
            )
        ]

    def verify(self, request: Request) -> None:
        """Make sure that our own page sent the request, not another site's. Raises `Forged`."""
        site = request.headers.get("sec-fetch-site")
        if site is not None and site != "same-origin":
            raise Forged("sent by another site")
        origin = request.headers.get("origin")
        if origin is None:
            if site is None:
                raise Forged("does not say which site sent it")
            return
        # Behind a proxy that ends TLS the request's own scheme is not the visitor's: compare hosts only.
        own_host = urlsplit(request.url).netloc.lower()
        sent_by = _origin(origin)
        if sent_by != self._public_origin and sent_by.partition("://")[2] != own_host:
            raise Forged("sent by another site")

    async def send(self, address: str, message: Outgoing) -> Receipt:
        """Do nothing: the page reads the outbox itself, over its event stream or when it is opened again."""
        return Receipt()


def is_token(text: str) -> bool:
    """Whether `text` has the shape of a visitor's token."""
    return _TOKEN.fullmatch(text) is not None


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:  # "http://[" is no address
        return ""
    return f"{parts.scheme}://{parts.netloc}".lower()


def _read(body: bytes) -> dict[str, Any]:
    if len(body) > LONGEST_BODY:
        raise Malformed("too long")
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise Malformed("not JSON") from None
    if not isinstance(content, dict):
        raise Malformed("not a JSON object")
    return content


def _external_id(body: dict[str, Any]) -> str:
    found = body.get("id")
    if not isinstance(found, str) or not _ID.fullmatch(found):
        raise Malformed("the id must be 1 to 64 plain characters")
    return found


def _text(body: dict[str, Any]) -> str:
    text = body.get("text", "")
    if not isinstance(text, str):
        raise Malformed("the text must be a string")
    return text


def _choice(body: dict[str, Any]) -> str | None:
    choice = body.get("choice")
    if choice is None:
        return None
    if not isinstance(choice, str) or not 0 < len(choice) <= _LONGEST_CHOICE:
        raise Malformed("the choice must be 1 to 200 characters")
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in choice):
        raise Malformed("the choice holds control characters")
    return choice
