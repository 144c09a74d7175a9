"""Messages come in here: written down once, then the worker is woken."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from bot.delivery import report
from bot.signals import Signal
from channels.contract import Inbound, Status
from channels.text import clean
from locales import LANGUAGES
from store import contacts, inbox, outbox
from store.database import Database
from store.tables import now
from store.vault import Vault

_MOST_TOGETHER = 200
"""Requests that are written in one transaction."""


@dataclass(slots=True, eq=False)
class _Request:
    """What one request brought, and what became of it."""

    brought: Sequence[Inbound | Status]
    channel: str
    kept: int = 0
    error: Exception | None = None
    done: bool = False


class Intake:
    """Keeps what people write and providers tell. When `receive` returns, it is on disk."""

    def __init__(self, database: Database, vault: Vault, arrived: Signal) -> None:
        """`arrived` is raised after each write."""
        self._database = database
        self._vault = vault
        self._arrived = arrived
        self._waiting: list[_Request] = []
        self._queue, self._writing = threading.Lock(), threading.Lock()

    def receive(self, brought: Iterable[Inbound | Status], channel: str = "") -> int:
        """Write down what a request brought; gives how many messages were new. Blocks on the disk: call it in a thread.

        Requests that come while another is being written share one transaction (group commit): as durable as one each,
        and several times as many. `channel`: whose statuses these are.
        """
        request = _Request(list(brought), channel)
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
        if any(request.kept for request in together):
            self._arrived.set()

    def _commit(self, requests: Sequence[_Request]) -> None:
        with self._database.write() as session:
            for request in requests:
                request.kept = sum(self._keep(session, request.channel, entry) for entry in request.brought)

    def _keep(self, session: Session, channel: str, entry: Inbound | Status) -> bool:
        if isinstance(entry, Status):
            report(session, channel, entry)
            return False
        contact, conversation = contacts.meet(session, self._vault, entry.channel, entry.address)
        text = clean(entry.text)
        if not inbox.keep(session, conversation.id, entry.external_id, entry.kind, text, entry.choice):
            return False
        contact.seen_at, contact.erased_at = now(), None
        contact.language = contact.language or (entry.language if entry.language in LANGUAGES else None)
        outbox.unpark(session, conversation.id)
        return True
