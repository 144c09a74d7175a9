"""The chat page and what its script calls: post a message, read the answers, leave."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from ipaddress import IPv6Address, IPv6Network, ip_address
from time import monotonic

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from bot.intake import Intake
from bot.pages import render
from bot.settings import Settings
from bot.signals import Signal
from channels import contract
from channels.contract import Channel, Forged, Malformed
from channels.text import LONGEST_INBOUND
from channels.web import COOKIE, LONGEST_BODY, WebChannel, is_token, new_token
from locales import LANGUAGES, Language, negotiate, speak, translations
from store import contacts, outbox
from store.database import Database
from store.tables import Contact, Conversation, Delivery, Message
from store.vault import Vault

LANGUAGE_COOKIE = "dalil-language"
KEPT = 180 * 24 * 3600
"""Seconds that a browser keeps our cookies."""

HISTORY = 50
"""Messages shown when the page is opened again."""

MOST_OF_VISITOR = 20
"""Messages a minute of one visitor."""

MOST_OF_NETWORK = 600
"""Messages a minute of one network address: a school or a whole town may stand behind it, a flood must not."""

_LOOK = 2.0
"""Seconds between looks at the outbox, for what other processes put there."""

_HEARTBEAT = 15.0
"""Seconds of silence after which a line is sent, so that proxies keep the stream open."""


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
    stopping: Signal = field(default_factory=Signal)
    """Raised when the server goes down: event streams end."""


class Pace:
    """Lets each visitor send at most `most` messages in `seconds`."""

    def __init__(self, most: int, seconds: float = 60.0, clock: Callable[[], float] = monotonic) -> None:
        """`clock` gives seconds."""
        self._most, self._seconds, self._clock = most, seconds, clock
        self._sent: dict[str, list[float]] = {}

    def wait(self, visitor: str) -> int:
        """Count a message of `visitor`; if it is one too many, give the seconds to wait, else 0."""
        moment = self._clock()
        if len(self._sent) > 10_000:
            self._sent = {who: times for who, times in self._sent.items() if times[-1] > moment - self._seconds}
        times = [time for time in self._sent.get(visitor, []) if time > moment - self._seconds]
        if len(times) >= self._most:
            return max(1, round(times[0] + self._seconds - moment))
        self._sent[visitor] = [*times, moment]
        return 0


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

    @router.api_route("/", methods=["GET", "HEAD"])
    def chat(request: Request) -> Response:
        return _page(parts, request, "chat.html", words=_words(language_of(request)), longest=LONGEST_INBOUND)

    @router.api_route("/privacy", methods=["GET", "HEAD"])
    def privacy(request: Request) -> Response:
        return _page(parts, request, "privacy.html")

    @router.post("/channels/web")
    async def receive(request: Request) -> Response:
        _ = translations(language_of(request).code).gettext
        token = _token(request) or new_token()
        raw = _raw(request, await _body(request, _("This message is too long.")), token)
        try:
            # Until they have written something, people are answered in the language of their page.
            messages = [replace(each, language=language_of(request).code) for each in parts.web.parse(raw)]
        except Forged:
            raise HTTPException(403, _("This message did not come from this page.")) from None
        except Malformed:
            raise HTTPException(400, _("This message could not be read.")) from None
        if seconds := pace_of_network.wait(_network(request)) or pace.wait(token):
            wait = _("You write very fast. Please wait a moment; your message is sent then.")
            raise HTTPException(429, wait, {"Retry-After": str(seconds)})
        await run_in_threadpool(parts.intake.receive, messages)
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
        return StreamingResponse(_events(parts, token, seen), media_type="text/event-stream")

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
            raise HTTPException(413, refusal)
    return body


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


def _side(delivery: Delivery) -> dict[str, object]:
    """A message of ours, as the page reads it."""
    return {
        "id": delivery.id,
        "author": delivery.author,
        "text": delivery.text,
        "buttons": delivery.buttons,
        "language": delivery.language,
        "dir": "rtl" if speak(delivery.language).right_to_left else "ltr",
        "at": delivery.created_at.isoformat(),
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


def _history(parts: Parts, token: str | None) -> dict[str, object]:
    """What both sides said last, and the id after which the stream goes on."""
    said: list[Message | Delivery] = []
    if token is not None:
        with parts.database.read() as session:
            known = _known(session, parts, token)
            said = outbox.transcript(session, known[1].id, HISTORY) if known else []
    ours = [each for each in said if isinstance(each, Delivery)]
    _hand_over(parts, ours)
    messages = [_side(each) if isinstance(each, Delivery) else _told(each) for each in said[-HISTORY:]]
    return {"messages": messages, "last": max((each.id for each in ours), default=0), "known": bool(said)}


def _hand_over(parts: Parts, deliveries: list[Delivery]) -> None:
    """Write down that the page has these now."""
    fresh = [each.id for each in deliveries if each.state not in {"delivered", "read"}]
    if fresh:
        with parts.database.write() as session:
            for delivery_id in fresh:
                outbox.advance(session, delivery_id, "delivered")


def _look(parts: Parts, token: str, after: int) -> tuple[datetime | None, list[Delivery]]:
    """When the visitor asked to be forgotten, if they did, and what their page has not had yet."""
    with parts.database.read() as session:
        known = _known(session, parts, token)
        return (known[0].erased_at, outbox.after(session, known[1].id, after)) if known else (None, [])


async def _events(parts: Parts, token: str, after: int) -> AsyncIterator[str]:
    """Server-sent events: each message of ours after the id `after`, until the server stops."""
    yield "retry: 2000\n\n"
    told: datetime | None = None
    silent_since = monotonic()
    while not parts.stopping.count:
        seen = parts.said.count
        erased, deliveries = await run_in_threadpool(_look, parts, token, after)
        if erased and deliveries and erased != told:
            told = erased
            yield "event: erased\ndata: {}\n\n"  # the page forgets too; what comes now is the last word
        for delivery in deliveries:
            after, silent_since = delivery.id, monotonic()
            yield f"id: {delivery.id}\ndata: {json.dumps(_side(delivery), ensure_ascii=False)}\n\n"
        await run_in_threadpool(_hand_over, parts, deliveries)
        if monotonic() - silent_since >= _HEARTBEAT:
            silent_since = monotonic()
            yield ": still here\n\n"
        await parts.said.wait_async(seen, _LOOK)
