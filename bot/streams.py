"""The event streams of open pages: who may have one, and what comes over it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import structlog
from fastapi.responses import StreamingResponse
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from bot.signals import Signal
from locales import speak
from store import outbox
from store.database import Database
from store.tables import Contact, Conversation, Delivery

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

log = structlog.get_logger("streams")

MOST_OF_VISITOR = 3
"""Streams that one visitor has at a time: a fourth page ends the oldest."""
MOST_OF_NETWORK = 40
"""Streams to one network at a time."""
MOST = 500
"""Streams of this process at a time."""

LOOK_EVERY = 2.0
"""Seconds between looks at the outbox, for what other processes put there: one look for all streams."""
LATEST = 1_000
"""Deliveries that such a look compares with the last one. On PostgreSQL ids do not commit in order, so none is “the
last that was seen”."""
HEARTBEAT = 15.0
"""Seconds of silence after which a line is sent, so that proxies keep the stream open."""


class Full(Exception):
    """There are too many streams; try again later."""


@dataclass(eq=False, slots=True)
class Stream:
    """One open stream."""

    visitor: str
    network: str
    conversation_id: int
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    """There may be something to tell."""
    ended: bool = False
    """The visitor has opened others since."""


class Streams:
    """The streams that are open in this process. Only its event loop may use it."""

    def __init__(self, database: Database, said: Signal, stopping: Signal) -> None:
        """`said`: something was put into the outbox; `stopping`: the server goes down."""
        self._database = database
        self._said = said
        self._stopping = stopping
        self._open: list[Stream] = []
        self._watching: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self._open)

    def open(self, visitor: str, network: str, conversation_id: int, after: int) -> EventStream:
        """A response that tells each message of ours after the id `after`. Raises `Full`."""
        own = [stream for stream in self._open if stream.visitor == visitor]
        if len(own) >= MOST_OF_VISITOR:
            self._end(own[0])
        if len(self._open) >= MOST or Counter(stream.network for stream in self._open)[network] >= MOST_OF_NETWORK:
            raise Full
        stream = Stream(visitor, network, conversation_id)
        self._open.append(stream)
        self._said.listen(conversation_id, stream.woken)
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        return EventStream(self._events(stream, after), lambda: self._close(stream))

    def _end(self, stream: Stream) -> None:
        stream.ended = True
        stream.woken.set()
        self._close(stream)

    def _close(self, stream: Stream) -> None:
        if stream in self._open:
            self._open.remove(stream)
            self._said.hush(stream.conversation_id, stream.woken)

    async def _events(self, stream: Stream, after: int) -> AsyncIterator[str]:
        yield "retry: 2000\n\n"
        told: datetime | None = None
        while not (self._stopping.count or stream.ended):
            stream.woken.clear()
            found = await run_in_threadpool(_look, self._database, stream.conversation_id, after)
            if found is None:
                return  # all is erased; whoever writes again begins another conversation
            erased, deliveries = found
            if erased and deliveries and erased != told:
                told = erased
                yield "event: erased\ndata: {}\n\n"  # the page forgets too; what comes now is the last word
            for delivery in deliveries:
                after = delivery.id
                yield f"id: {delivery.id}\ndata: {json.dumps(side(delivery), ensure_ascii=False)}\n\n"
            await run_in_threadpool(hand_over, self._database, deliveries)
            if not deliveries and not await _happens(stream.woken, HEARTBEAT):
                yield ": still here\n\n"
        if stream.ended:
            yield "retry: 30000\n\n"  # or pages that are open at once would push each other out all the time

    async def _watch(self) -> None:
        """While any stream is open, wake those whose conversations have news from another process."""
        before: set[int] = set()
        while self._open and not self._stopping.count:
            try:
                latest = await run_in_threadpool(_latest, self._database)
            except Exception:
                log.exception("watch.failed")
            else:
                fresh = {conversation_id for number, conversation_id in latest.items() if number not in before}
                before = set(latest)
                for stream in self._open:
                    if stream.conversation_id in fresh:
                        stream.woken.set()
            await self._stopping.wait_async(0, LOOK_EVERY)


class EventStream(StreamingResponse):
    """Server-sent events. `close` is called at the end, however it comes."""

    def __init__(self, events: AsyncIterator[str], close: Callable[[], None]) -> None:
        super().__init__(events, media_type="text/event-stream")
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the stream ends or its page goes away."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._close()


async def _happens(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


def side(delivery: Delivery) -> dict[str, object]:
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


def hand_over(database: Database, deliveries: list[Delivery]) -> None:
    """Write down that the page has these now."""
    fresh = [each.id for each in deliveries if each.state not in {"delivered", "read"}]
    if fresh:
        with database.write() as session:
            for delivery_id in fresh:
                outbox.advance(session, delivery_id, "delivered")


def _look(database: Database, conversation_id: int, after: int) -> tuple[datetime | None, list[Delivery]] | None:
    """When the visitor asked to be forgotten, if they did, and what their page has not had; none if they are gone."""
    person = select(Contact.erased_at).join(Conversation, Conversation.contact_id == Contact.id)
    with database.read() as session:
        known = session.execute(person.where(Conversation.id == conversation_id)).first()
        return (known[0], outbox.after(session, conversation_id, after)) if known else None


def _latest(database: Database) -> dict[int, int]:
    """The newest deliveries of all: their numbers and those of their conversations."""
    query = select(Delivery.id, Delivery.conversation_id).order_by(Delivery.id.desc()).limit(LATEST)
    with database.read() as session:
        return {row.id: row.conversation_id for row in session.execute(query)}
