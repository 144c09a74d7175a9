"""Messages come in here: written down once, then the worker is woken."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, auto
from typing import Any

import structlog
from sqlalchemy.orm import Session

from bot import metrics
from bot.delivery import report
from bot.signals import Signal
from channels.contract import Inbound, Kind, Status
from channels.text import clean
from locales import LANGUAGES
from store import contacts, inbox, outbox
from store.contacts import Met
from store.database import Database
from store.tables import Contact, now
from store.vault import Vault

log = structlog.get_logger("intake")

MOST = 30
"""Messages a minute that one person is listened to."""
MOST_SHORT = 60
"""The same for short ones, so that “stop” is heard: they come beyond `MOST` too."""
SHORT = 20
"""Characters of a short message."""
EPISODE = timedelta(minutes=10)
"""How long nobody is told again that they write too fast."""
_MINUTE = timedelta(minutes=1)
_MOST_TOGETHER = 200
"""Requests that are written in one transaction."""
_GATHER = 0.005
"""Seconds that are left, after some requests came together, until as many are there again: the disk is written to less
often, and two threads do not fight for the interpreter."""


class _Fate(Enum):
    KEPT = auto()
    REPEATED = auto()
    DROPPED = auto()


@dataclass(slots=True, eq=False)
class _Request:
    """What one request brought, and what became of it."""

    brought: Sequence[Inbound | Status]
    channel: str
    origin: str | None
    over: threading.Event | asyncio.Future[None]
    """Told when it is written, or cannot be: to a thread, or to who waits in an event loop."""
    fates: list[tuple[Inbound, _Fate]] = field(default_factory=list)
    error: Exception | None = field(default_factory=lambda: RuntimeError("it was not written"))
    """None once it is on disk."""

    @property
    def kept(self) -> int:
        """How many messages were new."""
        return sum(fate is _Fate.KEPT for _, fate in self.fates)

    def outcome(self) -> int:
        """How many messages were new, or why it was not written."""
        if self.error is not None:
            raise self.error
        return self.kept


class Intake:
    """Keeps what people write and providers tell. When `receive` returns, it is on disk.

    Requests that come while others are being written share the next transaction (group commit): as durable as one
    each, and many times as many. One thread writes them all.
    """

    def __init__(self, database: Database, vault: Vault, arrived: Signal) -> None:
        """`arrived` is raised after each write."""
        self._database = database
        self._vault = vault
        self._arrived = arrived
        self._waiting: list[_Request] = []
        self._queue, self._writing = threading.Lock(), False
        self._expected, self._enough = 0, threading.Event()
        self._writer = ThreadPoolExecutor(1, "intake")

    def receive(self, brought: Iterable[Inbound | Status], channel: str = "", origin: str | None = None) -> int:
        """Write down what a request brought; gives how many messages were new. Blocks until it is on disk.

        `channel`: whose statuses these are; `origin`: see `Contact.origin`.
        """
        over = threading.Event()
        request = _Request(list(brought), channel, origin, over)
        self._line_up(request)
        over.wait()
        return request.outcome()

    async def take(self, brought: Iterable[Inbound | Status], channel: str = "", origin: str | None = None) -> int:
        """`receive` for an event loop."""
        over = asyncio.get_running_loop().create_future()
        request = _Request(list(brought), channel, origin, over)
        self._line_up(request)
        await over
        return request.outcome()

    def _line_up(self, request: _Request) -> None:
        """Let a request wait to be written."""
        with self._queue:
            self._waiting.append(request)
            if 0 < self._expected <= len(self._waiting):
                self._enough.set()
            written, self._writing = self._writing, True
        if not written:
            self._writer.submit(self._write)

    def _write(self) -> None:
        """Write what waits, and what comes meanwhile, until nothing waits."""
        while together := self._next():
            try:
                self._commit_or_part(together)
                _count([fate for request in together for fate in request.fates])
                if any(request.kept for request in together):
                    self._arrived.set()
            except Exception:  # nothing may end this thread while others wait for it
                log.exception("intake.failed")
            finally:
                _tell(together)

    def _next(self) -> list[_Request]:
        """The requests that are written next; none if nothing waits."""
        if self._expected:
            self._enough.wait(_GATHER)
        with self._queue:
            together, self._waiting = self._waiting[:_MOST_TOGETHER], self._waiting[_MOST_TOGETHER:]
            self._writing = bool(together)
            self._expected = len(together) if len(together) > 1 else 0
            self._enough.clear()
        return together

    def _commit_or_part(self, together: Sequence[_Request]) -> None:
        try:
            self._commit(together)
        except Exception:  # one of them is at fault: the others must not suffer for it
            for request in together:
                try:
                    self._commit([request])
                except Exception as error:
                    request.error, request.fates = error, []

    def _commit(self, requests: Sequence[_Request]) -> None:
        for request in requests:
            request.fates = []  # what a broken transaction had written is gone
        heard = [(each, entry) for each in requests for entry in each.brought if isinstance(entry, Inbound)]
        told = [(each.channel, entry) for each in requests for entry in each.brought if isinstance(entry, Status)]
        with self._database.write() as session:
            for channel, status in sorted(told, key=_number):
                report(session, channel, status)
            if heard:
                self._keep(session, heard)
        for request in requests:
            request.error = None

    def _keep(self, session: Session, heard: Sequence[tuple[_Request, Inbound]]) -> None:
        """Write messages down with a few statements, however many they are."""
        met = contacts.meet_all(session, self._vault, {(entry.channel, entry.address) for _, entry in heard})
        counts = _recent(session, met.values())
        rows = []
        taken: list[tuple[_Request, Inbound, Met]] = []
        for request, entry in heard:
            person, text = met[entry.channel, entry.address], clean(entry.text)
            in_a_minute = counts.get(person.conversation_id, 0)
            if in_a_minute >= (MOST_SHORT if _is_short(entry, text) else MOST):
                _caution(session, person, in_a_minute)
                request.fates.append((entry, _Fate.DROPPED))
                continue
            counts[person.conversation_id] = in_a_minute + 1
            taken.append((request, entry, person))
            rows.append(_row(person, entry, text))
        new = inbox.keep_all(session, rows) if rows else set()
        _learn(session, taken, new)
        for request, entry, person in taken:
            key = (person.conversation_id, entry.external_id)
            request.fates.append((entry, _Fate.KEPT if key in new else _Fate.REPEATED))
            new.discard(key)  # the same once more in the same batch is a repeat


def _tell(together: Sequence[_Request]) -> None:
    """Wake whoever waits for these: each event loop once, however many wait in it."""
    loops = defaultdict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]](list)
    for request in together:
        if isinstance(request.over, threading.Event):
            request.over.set()
        else:
            loops[request.over.get_loop()].append(request.over)
    for loop, waiting in loops.items():
        with suppress(RuntimeError):  # the loop is closed: nobody waits there any more
            loop.call_soon_threadsafe(_set, waiting)


def _set(waiting: Sequence[asyncio.Future[None]]) -> None:
    for over in waiting:
        if not over.done():  # who waited may have gone
            over.set_result(None)


def _number(told: tuple[str, Status]) -> tuple[int, str]:
    """Orders statuses by our number of the message, as the sender does, so that none waits for another in a ring."""
    reference = told[1].reference or ""
    return len(reference), reference


def _recent(session: Session, met: Iterable[Met]) -> dict[int, int]:
    """Hold the conversations; gives how many messages of each came in the last minute."""
    talks = [person.conversation_id for person in met if not person.new]
    if not talks:
        return {}
    inbox.lock(session, talks)
    return inbox.recent(session, talks, now() - _MINUTE)


def _row(person: Met, entry: Inbound, text: str) -> dict[str, Any]:
    row = {"conversation_id": person.conversation_id, "external_id": entry.external_id, "kind": entry.kind}
    return {**row, "text": text, "choice": entry.choice}


def _learn(session: Session, taken: Sequence[tuple[_Request, Inbound, Met]], new: set[tuple[int, str]]) -> None:
    """What follows from people having written."""
    wrote = [each for each in taken if (each[2].conversation_id, each[1].external_id) in new]
    if known := [person for _, _, person in wrote if not person.new]:
        contacts.seen(session, {person.id for person in known}, now())
        outbox.unpark(session, {person.conversation_id for person in known})
    spoken = {p.id: e.language for _, e, p in wrote if not p.language and e.language in LANGUAGES}
    contacts.learn(session, "language", {each: code for each, code in spoken.items() if code})
    contacts.learn(session, "origin", {p.id: r.origin for r, _, p in wrote if r.origin and not p.origin})


def _is_short(entry: Inbound, text: str) -> bool:
    return entry.kind is Kind.CHOICE or (entry.kind is Kind.TEXT and len(text) <= SHORT)


def _caution(session: Session, person: Met, in_a_minute: int) -> None:
    """Tell a person, once an episode, that they write too fast; who asked for silence gets it."""
    contact = session.get_one(Contact, person.id)
    if contact.stopped_at or (contact.cautioned_at and contact.cautioned_at > now() - EPISODE):
        return
    from bot.replies import Replies  # few need it, and it brings much along

    contact.cautioned_at, language = now(), contact.language or "en"
    outbox.queue(session, person.conversation_id, language, Replies(language).too_fast())
    log.warning("person.too_fast", conversation=person.conversation_id, in_a_minute=in_a_minute)


def _count(fates: Sequence[tuple[Inbound, _Fate]]) -> None:
    for (channel, kind, fate), count in Counter((e.channel, e.kind, fate) for e, fate in fates).items():
        if fate is _Fate.KEPT:
            metrics.heard(channel, kind, count)
        elif fate is _Fate.REPEATED:
            metrics.repeated(channel, count)
        else:
            metrics.dropped(channel, count)
