"""Tells open pages of the desk that something changed: one look at the database for all of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from time import monotonic
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, HTTPException, Path, Request, Response
from starlette.concurrency import run_in_threadpool

from bot.signals import Signal
from bot.streams import EventStream
from desk.access import COOKIE, Access, Visit, digest, proven
from desk.parts import Parts
from store import chat
from store.desk_tables import Officer, SignIn
from store.queue import Mark, marks
from store.tables import Ticket, now

log = structlog.get_logger("live")

LOOK_EVERY = 0.75
"""Seconds between looks, for what other processes did."""
PAUSE = 0.2
"""Seconds between two looks at least, however much happens."""
HEARTBEAT = 15.0
"""Seconds of silence after which a line is sent, and after which it is checked that the officer is still signed in."""
MOST = 20
"""Streams that an officer may have open: more tabs than anybody can follow."""
LATE = timedelta(seconds=30)
"""How much later than its time a change may be committed, and clocks may differ."""

Number = Annotated[int, Path(ge=1, le=2**31 - 1)]

Event = tuple[str, int]
"""`queue`, `mine` or `ticket`, and a ticket's number."""


@dataclass(eq=False, slots=True)
class Stream:
    """An open page."""

    officer_id: int
    events: set[Event] = field(default_factory=set)
    """What the page has not been told yet."""
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, events: set[Event]) -> None:
        """Something changed."""
        self.events |= events
        self.woken.set()


class Live:
    """The open streams of this process and what watches for them. Only its event loop may use it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._streams: list[Stream] = []
        self._watching: asyncio.Task[None] | None = None
        self._known: set[Mark] | None = None
        self._holders: dict[int, int | None] = {}
        """Who had each ticket when it last changed: they are told when it is taken from them."""
        self._begun = asyncio.Event()
        """What is there has been looked at, so that what changes from now on is told."""
        self.looked = Signal()
        """Raised when an officer came or began to write."""

    async def open(self, officer_id: int, token: str) -> EventStream:
        """A response that tells an officer's page of changes from now on."""
        if Counter(stream.officer_id for stream in self._streams)[officer_id] >= MOST:
            raise HTTPException(503, headers={"Retry-After": "30"})
        stream = Stream(officer_id)
        self._streams.append(stream)
        if self._watching is None or self._watching.done():
            self._known = None
            self._begun.clear()
            self._watching = asyncio.create_task(self._watch())
        await self._begun.wait()
        return EventStream(self._tell(stream, token), lambda: self._streams.remove(stream))

    async def _tell(self, stream: Stream, token: str) -> AsyncIterator[str]:
        yield "retry: 2000\n\n"
        checked = monotonic()
        while not self._parts.stopping.count:
            if not await _happens(stream.woken, HEARTBEAT):
                yield ": still here\n\n"
            if monotonic() >= checked + HEARTBEAT:
                if not await run_in_threadpool(self._signed_in, token):
                    return
                checked = monotonic()
            stream.woken.clear()
            told, stream.events = sorted(stream.events), set()
            for name, number in told:
                yield f"event: {name}\ndata: {number}\n\n"

    def _signed_in(self, token: str) -> bool:
        """Asked here, not through `Access`: an open page alone keeps nobody signed in."""
        with self._parts.database.read() as session:
            found = session.get(SignIn, digest(token))
            officer = session.get(Officer, found.officer_id) if found else None
            return officer is not None and officer.active

    async def _watch(self) -> None:
        signals = (self._parts.said, self._parts.arrived, self.looked, self._parts.stopping)
        while self._streams and not self._parts.stopping.count:
            seen = [signal.count for signal in signals]
            try:
                self._compare(await run_in_threadpool(self._look))
            except Exception:
                log.exception("look.failed")
            self._begun.set()
            await self._parts.stopping.wait_async(0, PAUSE)
            await _any(signals, seen, LOOK_EVERY - PAUSE)
        self._begun.set()
        for stream in self._streams:
            stream.woken.set()

    def _look(self) -> set[Mark]:
        with self._parts.database.read() as session:
            return marks(session, now() - LATE, now())

    def _compare(self, found: set[Mark]) -> None:
        known, self._known = self._known, found
        holders = self._holders | {mark.ticket_id: mark.officer_id for mark in found}
        if known is None:  # the pages that are open now were made a moment ago and ask once more by themselves
            self._holders = holders
            return
        gone = {mark for mark in known - found if mark.kind == "presence"}
        news = (found - known) | gone
        for stream in self._streams:
            if events := self._events(stream.officer_id, news):
                stream.tell(events)
        self._holders = holders

    def _events(self, officer_id: int, news: set[Mark]) -> set[Event]:
        events: set[Event] = set()
        for mark in news:
            events.add(("ticket", mark.ticket_id))
            if mark.kind in {"ticket", "presence"}:
                events.add(("queue", mark.ticket_id))
            if mark.kind != "presence" and self._concerns(officer_id, mark):
                events.add(("mine", mark.ticket_id))
        return events

    def _concerns(self, officer_id: int, mark: Mark) -> bool:
        """Whether an officer has the ticket, had it before, or (after a start) may have had it."""
        if mark.ticket_id not in self._holders:
            return mark.kind == "ticket" or officer_id == mark.officer_id
        return officer_id in {mark.officer_id, self._holders[mark.ticket_id]}


async def _happens(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


async def _any(signals: tuple[Signal, ...], seen: list[int], seconds: float) -> None:
    """Wait until one of the signals is raised after `seen`."""
    waits = [
        asyncio.create_task(signal.wait_async(count, seconds)) for signal, count in zip(signals, seen, strict=True)
    ]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in waits:
            each.cancel()


def routes(parts: Parts, access: Access) -> APIRouter:
    """The stream of changes, and who looks at a ticket."""
    router = APIRouter()
    live = Live(parts)

    @router.get("/live")
    async def stream(request: Request, visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        return await live.open(visit.officer.id, request.cookies.get(COOKIE, ""))

    @router.post("/tickets/{number}/presence")
    async def presence(request: Request, number: Number, visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        await proven(request, visit)
        writing = (await request.form()).get("writing") == "1"
        if not await run_in_threadpool(_mark, parts, number, visit.officer.id, writing=writing):
            raise HTTPException(404)
        live.looked.set()
        return Response(status_code=204)

    return router


def _mark(parts: Parts, number: int, officer_id: int, *, writing: bool) -> bool:
    """Write down that an officer looks at a ticket; false if there is none."""
    with parts.database.write() as session:
        if session.get(Ticket, number) is None:
            return False
        mine = chat.presence(session, number, officer_id)
        mine.seen_at, mine.writing_at = now(), now() if writing else None
    return True
