"""The one place that constructs things: everything a running Dalil is made of, and how it starts and stops."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import IO

import structlog

from bot.delivery import Sender
from bot.escalation import Escalation
from bot.intake import Intake
from bot.settings import Settings
from bot.signals import Signal
from channels.contract import Channel
from channels.web import WebChannel
from store import catalogue, contacts, inbox
from store.database import Database
from store.vault import Vault

log = structlog.get_logger("assembly")

FOLLOW_EVERY = 5.0
"""Seconds between looks whether another process has published a build or changed the catalogue."""
EXPIRE_EVERY = 3600.0
"""Seconds between looks for conversations that are to be erased."""

Starting = Callable[[str], None]


class InUse(Exception):
    """Another process serves from the same data folder."""


class Desk:
    """One running Dalil. The parts that import much (retrieval) are made in the background."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.arrived = Signal()
        self.said = Signal()
        self.stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._lock: IO[str] | None = None
        self._sender: Sender | None = None

    @cached_property
    def database(self) -> Database:
        """The database."""
        return Database(self.settings.database)

    @cached_property
    def vault(self) -> Vault:
        """The keys for addresses."""
        return Vault(self.settings.secrets)

    @cached_property
    def web(self) -> WebChannel:
        """The channel behind the page."""
        return WebChannel(self.settings.public)

    @property
    def channels(self) -> dict[str, Channel]:
        """The channels that are set up, by name."""
        return {"web": self.web}

    @cached_property
    def intake(self) -> Intake:
        """Where messages come in."""
        return Intake(self.database, self.vault, self.arrived)

    @cached_property
    def escalation(self) -> Escalation:
        """What officers do."""
        return Escalation(self.database, self.said)

    @cached_property
    def engine(self):  # type: ignore[no-untyped-def]  # importing its type here would import all of retrieval
        """Retrieval."""
        from retrieval.embeddings import SentenceEmbeddings
        from retrieval.engine import Engine
        from retrieval.index import Index

        embeddings = SentenceEmbeddings()
        index = Index(self.database, self.settings.home / "index", self.settings.chroma_url, embeddings)
        return Engine(self.database, index, embeddings)
