"""Messages come in here: written down once, then the worker is woken."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, auto

import structlog
from sqlalchemy.orm import Session

from bot import metrics
from bot.delivery import report
from bot.signals import Signal
from channels.contract import Inbound, Kind, Status
from channels.text import clean
from locales import LANGUAGES
from store import contacts, inbox, outbox
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
    fates: list[tuple[Inbound, _Fate]] = field(default_factory=list)
    error: Exception | None = None
    done: bool = False

    @property
    def kept(self) -> int:
        """How many messages were new."""
        return sum(fate is _Fate.KEPT for _, fate in self.fates)


class Intake:
    """Keeps what people write and providers tell. When `receive` returns, it is on disk."""

    def __init__(self, database: Database, vault: Vault, arrived: Signal) -> None:
        """`arrived` is raised after each write."""
        self._database = database
        self._vault = vault
        self._arrived = arrived
        self._waiting: list[_Request] = []
        self._queue, self._writing = threading.Lock(), threading.Lock()

    def receive(self, brought: Iterable[Inbound | Status], channel: str = "", origin: str | None = None) -> int:
        """Write down what a request brought; gives how many messages were new. Blocks on the disk: call it in a thread.

        Requests that come while another is being written share one transaction (group commit): as durable as one each,
        and several times as many. `channel`: whose statuses these are; `origin`: see `Contact.origin`.
        """
        request = _Request(list(brought), channel, origin)
        with self._queue:
            self._waiting.append(request)
        with self._writing:
            while not request.done:
                self._write()
        if request.error is not None:
            raise request.error
        return request.kept

    def _write(self) -> None:
        with self._queue:
            together, self._waiting = self._waiting[:_MOST_TOGETHER], self._waiting[_MOST_TOGETHER:]
        try:
            self._commit(together)
        except Exception:  # one of them is at fault: the others must not suffer for it
            for request in together:
                try:
                    self._commit([request])
                except Exception as error:
                    request.error = error
        for request in together:
            request.done = True
            _count(request.fates)
        if any(request.kept for request in together):
            self._arrived.set()

    def _commit(self, requests: Sequence[_Request]) -> None:
        for request in requests:
            request.fates = []  # what a broken transaction had written is gone
        with self._database.write() as session:
            for request in requests:
                for entry in request.brought:
                    if isinstance(entry, Status):
                        report(session, request.channel, entry)
                    else:
                        request.fates.append((entry, self._keep(session, entry, request.origin)))

    def _keep(self, session: Session, entry: Inbound, origin: str | None) -> _Fate:
        contact, conversation = contacts.meet(session, self._vault, entry.channel, entry.address)
        contact.origin = contact.origin or origin
        text = clean(entry.text)
        in_a_minute = inbox.recent(session, conversation.id, now() - _MINUTE)
        if in_a_minute >= (MOST_SHORT if _is_short(entry, text) else MOST):
            _caution(session, contact, conversation.id, in_a_minute)
            return _Fate.DROPPED
        if not inbox.keep(session, conversation.id, entry.external_id, entry.kind, text, entry.choice):
            return _Fate.REPEATED
        contact.seen_at, contact.erased_at = now(), None
        contact.language = contact.language or (entry.language if entry.language in LANGUAGES else None)
        outbox.unpark(session, conversation.id)
        return _Fate.KEPT


def _is_short(entry: Inbound, text: str) -> bool:
    return entry.kind is Kind.CHOICE or (entry.kind is Kind.TEXT and len(text) <= SHORT)


def _caution(session: Session, contact: Contact, conversation_id: int, in_a_minute: int) -> None:
    """Tell a person, once an episode, that they write too fast; who asked for silence gets it."""
    if contact.stopped_at or (contact.cautioned_at and contact.cautioned_at > now() - EPISODE):
        return
    from bot.replies import Replies  # few need it, and it brings much along

    contact.cautioned_at, language = now(), contact.language or "en"
    outbox.queue(session, conversation_id, language, Replies(language).too_fast())
    log.warning("person.too_fast", conversation=conversation_id, in_a_minute=in_a_minute)


def _count(fates: Sequence[tuple[Inbound, _Fate]]) -> None:
    for entry, fate in fates:
        if fate is _Fate.KEPT:
            metrics.heard(entry.channel, entry.kind)
        elif fate is _Fate.REPEATED:
            metrics.repeated(entry.channel)
        else:
            metrics.dropped(entry.channel)
