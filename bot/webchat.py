"""The chat page and what its script calls: post a message, read the answers, leave."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from bot import metrics
from bot.intake import Intake
from bot.pace import Pace
from bot.pages import render
from bot.settings import Settings
from bot.signals import Signal
from bot.streams import Full, Streams, hand_over, side
from channels import contract
from channels.contract import Channel, Forged, Inbound, Kind, Malformed
from channels.text import LONGEST_INBOUND
from channels.web import COOKIE, LONGEST_BODY, WebChannel, is_token, new_token
from locales import DEFAULT, LANGUAGES, Language, negotiate, translations
from store import contacts, outbox
from store.database import Database
from store.tables import Contact, Conversation, Delivery, Message
from store.vault import Vault

if TYPE_CHECKING:
    from bot.group import Group

LANGUAGE_COOKIE = "dalil-language"
KEPT = 180 * 24 * 3600
"""Seconds that a browser keeps our cookies."""

HISTORY = 50
"""Messages shown when the page is opened again."""

MOST_OF_VISITOR = 20
"""Messages a minute of one visitor."""

MOST_OF_NETWORK = 600
"""Messages a minute of one network address: a school or a whole town may stand behind it, a flood must not."""


@dataclass(frozen=True)
class Parts:
    """What the web app needs of the rest of the house."""

    settings: Settings
    database: Database
    vault: Vault
    intake: Intake
    web: WebChannel
    providers: Mapping[str, Channel]
    """The channels that a provider stands behind, by name."""
    said: Signal
    """Raised when something was put into the outbox."""
    ready: Callable[[], bool]
    """Whether questions can be answered now."""
    group: Group | None = None
    """The officers' group, if there is one."""
    stopping: Signal = field(default_factory=Signal)
    """Raised when the server goes down: event streams end."""


def language_of(request: Request) -> Language:
    """The language that a visitor chose; else the first that their browser asks for and we speak."""
    for code in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if code in LANGUAGES:
            return LANGUAGES[code]
    return negotiate(request.headers.get("accept-language", ""))


def routes(parts: Parts) -> APIRouter:
    """Everything under `/` and `/channels/web` that a visitor's browser calls."""
    router = APIRouter()
    pace, pace_of_network = Pace(MOST_OF_VISITOR), Pace(MOST_OF_NETWORK)
    streams = Streams(parts.database, parts.said, parts.stopping)

    @router.api_route("/", methods=["GET", "HEAD"])
    def chat(request: Request) -> Response:
        return _page(parts, request, "chat.html", words=_words(language_of(request)), longest=LONGEST_INBOUND)

    @router.api_route("/privacy", methods=["GET", "HEAD"])
    def privacy(request: Request) -> Response:
        return _page(parts, request, "privacy.html")

    @router.post("/channels/web")
    async def receive(request: Request) -> Response:
        _ = translations(language_of(request).code).gettext
        token, network = _token(request) or new_token(), _network(request)
        raw = _raw(request, await _body(request, _("This message is too long.")), token)
        try:
            # Until they have written something, people are answered in the language of their page.
            messages = [replace(each, language=language_of(request).code) for each in parts.web.parse(raw)]
            if await run_in_threadpool(_has_picked, parts, request):
                messages = [each for message in messages for each in (_pick(message), message)]
        except Forged:
            raise _refusal("forged", 403, _("This message did not come from this page.")) from None
        except Malformed:
            raise _refusal("malformed", 400, _("This message could not be read.")) from None
        if seconds := pace_of_network.wait(network) or pace.wait(token):
            wait = _("You write very fast. Please wait a moment; your message is sent then.")
            raise _refusal("too fast", 429, wait, seconds)
        origin = parts.vault.digests("network", network)[0]
        await parts.intake.take(messages, parts.web.name, origin)
        response = JSONResponse({}, 202)
        response.set_cookie(COOKIE, token, KEPT, secure=_secure(parts), httponly=True, samesite="strict")
        return response

    @router.get("/channels/web/history")
    def history(request: Request) -> Response:
        return JSONResponse(_history(parts, _token(request)))

    @router.get("/channels/web/stream")
    async def stream(request: Request, after: str = "0") -> Response:
        token = _token(request)
        if token is None:
            return Response(status_code=204)  # tells the browser not to connect again
        last = request.headers.get("last-event-id") or after
        seen = int(last) if last.isascii() and last.isdigit() and len(last) < 19 else 0
        conversation_id = await run_in_threadpool(_conversation, parts, token)
        if conversation_id is None:
            return Response(status_code=204)
        try:
            return streams.open(token, _network(request), conversation_id, seen)
        except Full:
            raise HTTPException(503, headers={"Retry-After": "30"}) from None

    @router.post("/channels/web/leave")
    def leave(request: Request) -> Response:
        try:
            parts.web.verify(_raw(request, b"", ""))
        except Forged:
            _ = translations(language_of(request).code).gettext
            raise HTTPException(403, _("This message did not come from this page.")) from None
        response = Response(status_code=204)
        for cookie in (COOKIE, LANGUAGE_COOKIE):
            response.delete_cookie(cookie, secure=_secure(parts), httponly=True, samesite="strict")
        return response

    return router


def _has_picked(parts: Parts, request: Request) -> bool:
    """Whether a language was picked on the page by somebody who has not written yet: their script tells the others."""
    token = _token(request)
    if request.cookies.get(LANGUAGE_COOKIE) not in LANGUAGES:
        return False
    if token is None:
        return True
    with parts.database.read() as session:
        contact = contacts.find(session, parts.vault, parts.web.name, token)
        return contact is None or contact.language is None


def _pick(message: Inbound) -> Inbound:
    """What the list of languages would have sent before a message: the language of their page."""
    code = message.language or DEFAULT
    picked, name = f"language:{code}", LANGUAGES[code].name
    return replace(message, external_id=f"language-{message.external_id}", kind=Kind.CHOICE, text=name, choice=picked)


def _secure(parts: Parts) -> bool:
    return parts.settings.public.startswith("https:")


def _token(request: Request) -> str | None:
    token = request.cookies.get(COOKIE, "")
    return token if is_token(token) else None


def _network(request: Request) -> str:
    """Where a request comes from: an IPv4 address, or the 64 bits of an IPv6 address that name a network."""
    host = request.client.host if request.client else ""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    if mapped:
        return str(mapped)
    return host if address.version == 4 else str(IPv6Network((host, 64), strict=False))


def _raw(request: Request, body: bytes, token: str) -> contract.Request:
    return contract.Request(str(request.url), body, dict(request.headers), {COOKIE: token})


async def _body(request: Request, refusal: str) -> bytes:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_BODY:
            raise _refusal("too long", 413, refusal)
    return body


def _refusal(reason: str, status: int, words: str, seconds: int | None = None) -> HTTPException:
    """Why a message is not taken, and after how many seconds it may be sent again."""
    metrics.refused(WebChannel.name, reason)
    return HTTPException(status, words, {"Retry-After": str(seconds)} if seconds else None)


def _page(parts: Parts, request: Request, name: str, **values: object) -> Response:
    language = language_of(request)
    response = HTMLResponse(
        render(name, language, settings=parts.settings, path=request.url.path, **values),
        headers={"Content-Language": language.code, "Vary": "Accept-Language, Cookie"},
    )
    if request.query_params.get("lang") in LANGUAGES:
        response.set_cookie(
            LANGUAGE_COOKIE, language.code, KEPT, secure=_secure(parts), httponly=True, samesite="strict"
        )
    return response


def _words(language: Language) -> dict[str, str]:
    """What the script says, in the visitor's language."""
    _ = translations(language.code).gettext
    return {
        "you": _("You"),
        "officer": _("Officer"),
        "sending": _("Sending…"),
        "unsent": _("Not sent. Tap to try again."),
        "writing": _("Dalil is writing…"),
        "working": _("Still working on it…"),
        "later": _("This takes longer than usual. Your message is kept; the answer will appear here."),
        "offline": _("No connection. What you write is sent when it is back."),
        "left": _("Characters left: {count}"),
        "over": _("Too long by {count} characters"),
        "replies": _("Suggested replies"),
        "/new": _("New question"),
        "/person": _("Talk to a person"),
        "/erase": _("Erase what was said"),
    }


def _told(message: Message) -> dict[str, object]:
    """A message of the visitor's own, as the page reads it."""
    return {
        "id": message.external_id,
        "author": "person",
        "text": message.text,
        "dir": "auto",
        "at": message.received_at.isoformat(),
    }


def _known(session: Session, parts: Parts, token: str) -> tuple[Contact, Conversation] | None:
    contact = contacts.find(session, parts.vault, parts.web.name, token)
    return (contact, contacts.conversation_of(session, contact.id)) if contact else None


def _conversation(parts: Parts, token: str) -> int | None:
    """The conversation of a visitor who has written before."""
    with parts.database.read() as session:
        known = _known(session, parts, token)
        return known[1].id if known else None


def _history(parts: Parts, token: str | None) -> dict[str, object]:
    """What both sides said last, and the id after which the stream goes on."""
    said: list[Message | Delivery] = []
    if token is not None:
        with parts.database.read() as session:
            known = _known(session, parts, token)
            said = outbox.transcript(session, known[1].id, HISTORY) if known else []
    ours = [each for each in said if isinstance(each, Delivery)]
    hand_over(parts.database, ours)
    messages = [side(each) if isinstance(each, Delivery) else _told(each) for each in said[-HISTORY:]]
    return {"messages": messages, "last": max((each.id for each in ours), default=0), "known": bool(said)}
