"""Messages come in here: written down once, then the worker is woken."""

from __future__ import annotations

from collections.abc import Iterable

from bot.signals import Signal
from channels.contract import Inbound
from channels.text import clean
from store import contacts, inbox
from store.database import Database
from store.tables import now
from store.vault import Vault


class Intake:
    """Keeps what people write. When `receive` returns, it is on disk."""

    def __init__(self, database: Database, vault: Vault, arrived: Signal) -> None:
        """`arrived` is raised after each write."""
        self._database = database
        self._vault = vault
        self._arrived = arrived

    def receive(self, messages: Iterable[Inbound]) -> int:
        """Write messages down; gives how many were new. Blocks on the disk: call it in a thread."""
        kept = 0
        with self._database.write() as session:
            for message in messages:
                contact, conversation = contacts.meet(session, self._vault, message.channel, message.address)
                contact.seen_at, contact.erased_at = now(), None
                contact.language = contact.language or message.language
                kept += inbox.keep(
                    session, conversation.id, message.external_id, message.kind, clean(message.text), message.choice
                )
        if kept:
            self._arrived.set()
        return kept
