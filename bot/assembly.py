"""The one place that constructs things: everything a running Dalil is made of, and how it starts and stops."""

from __future__ import annotations

import asyncio
import fcntl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING

import structlog

from bot.delivery import Sender
from bot.escalation import Escalation
from bot.intake import Intake
from bot.privacy import expire
from bot.settings import Settings
from bot.signals import Signal
from channels.console import ConsoleChannel
from channels.contract import Channel, SendError
from channels.web import WebChannel
from store import contacts, inbox, outbox
from store.database import Database
from store.vault import Vault

if TYPE_CHECKING:
    from bot.outcome import Manners
    from bot.turn import Assistant
    from bot.web import Parts
    from retrieval.engine import Engine

log = structlog.get_logger("assembly")

FOLLOW_EVERY = 5.0
"""Seconds between looks whether another process has published a build or changed the catalogue."""
LONGEST_BETWEEN = 600.0
"""Seconds between tries to build an index that cannot be built."""
EXPIRE_EVERY = 3600.0
"""Seconds between looks for conversations that are to be erased."""


class InUse(Exception):
    """Another process serves from the same data folder."""


class Assembly:
    """One Dalil. Parts are made when they are first asked for; retrieval, which imports much, last."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.arrived = Signal()
        self.said = Signal()

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

    @cached_property
    def channels(self) -> dict[str, Channel]:
        """The channels that are set up, by name."""
        return {channel.name: channel for channel in (self.web, ConsoleChannel())} | self.providers

    @cached_property
    def providers(self) -> dict[str, Channel]:
        """The channels that a provider stands behind, as far as they are set up."""
        made = (_whatsapp(self.settings), _telegram(self.settings))
        return {channel.name: channel for channel in made if channel is not None}

    @cached_property
    def limits(self) -> dict[str, int]:
        """The longest text of each channel."""
        return {name: channel.text_limit for name, channel in self.channels.items()}

    @cached_property
    def intake(self) -> Intake:
        """Where messages come in."""
        return Intake(self.database, self.vault, self.arrived)

    @cached_property
    def escalation(self) -> Escalation:
        """What officers do."""
        return Escalation(self.database, self.said, self.limits)

    @cached_property
    def engine(self) -> Engine:
        """Retrieval."""
        from retrieval.embeddings import SentenceEmbeddings
        from retrieval.engine import Engine
        from retrieval.index import Index

        embeddings = SentenceEmbeddings()
        index = Index(self.database, self.settings.home / "index", self.settings.chroma_url, embeddings)
        return Engine(self.database, index, embeddings)

    @property
    def manners(self) -> Manners:
        """What people are told that the operator has set."""
        from bot.outcome import Manners

        settings = self.settings
        privacy = f"{settings.public}/privacy"
        return Manners(settings.operator, privacy, settings.retention_days, settings.helpline, settings.officer_hours)

    @cached_property
    def assistant(self) -> Assistant:
        """What takes turns."""
        from bot.turn import Assistant

        return Assistant(self.engine, self.manners)

    def prepare(self) -> None:
        """Migrate and check the key. Raises `WrongKey`."""
        self.database.migrate()
        with self.database.write() as session:
            contacts.check_key(session, self.vault)

    def stock(self) -> None:
        """Load the starter catalogue if there are no records at all."""
        from ingest.files import STARTER
        from ingest.load import load
        from store import catalogue

        with self.database.read() as session:
            empty = not catalogue.summary(session)
        if empty:
            load(self.database, STARTER)

    def parts_of_page(self, ready: Callable[[], bool], stopping: Signal) -> Parts:
        """What the web app needs."""
        from bot.web import Parts

        return Parts(
            settings=self.settings,
            database=self.database,
            vault=self.vault,
            intake=self.intake,
            web=self.web,
            providers=self.providers,
            said=self.said,
            ready=ready,
            stopping=stopping,
        )


def _telegram(settings: Settings) -> Channel | None:
    if settings.telegram_token is None:
        return None
    from channels.telegram import TelegramChannel

    secret = settings.telegram_secret.get_secret_value() if settings.telegram_secret else ""
    return TelegramChannel(settings.telegram_token.get_secret_value(), secret, settings.telegram_api_url)


def _whatsapp(settings: Settings) -> Channel | None:
    if not (settings.twilio_account_sid and settings.twilio_auth_token and settings.twilio_from):
        return None
    from channels.whatsapp import WhatsAppChannel

    return WhatsAppChannel(
        settings.twilio_account_sid,
        tuple(token.get_secret_value() for token in settings.twilio_auth_token),
        settings.twilio_from,
        settings.public,
        api_url=settings.twilio_api_url,
        templates=settings.twilio_templates,
    )


class Service:
    """The background of a serving process: retrieval that keeps up to date, the worker, the sender."""

    def __init__(self, assembly: Assembly, build_progress: Callable[[], tuple[Callable[[int], None], ...]]) -> None:
        """`build_progress` gives what to tell of the total and of each entry of a build."""
        self._assembly = assembly
        self._build_progress = build_progress
        self._stopping = threading.Event()
        self._lock: IO[str] | None = None
        self._sender = Sender(assembly.database, assembly.vault, assembly.channels, assembly.said)
        self._threads = [
            threading.Thread(target=self._think, name="worker", daemon=True),
            threading.Thread(target=lambda: asyncio.run(self._send()), name="sender", daemon=True),
        ]
        self._stop_worker: Callable[[], None] = lambda: None
        self._failing = False

    def claim(self) -> None:
        """Make sure that nobody else serves from an embedded database. Raises `InUse`."""
        assembly = self._assembly
        if len(assembly.settings.secrets) > 1:  # only here: other commands must not change what a server relies on
            with assembly.database.write() as session:
                contacts.reseal(session, assembly.vault)
        if assembly.database.embedded:
            self._lock = _lock(assembly.settings.home / "serving")
            with assembly.database.write() as session:
                inbox.release_all(session)
                outbox.release_all(session)

    def start(self) -> None:
        """Start everything and return at once; models load in the background."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Finish the present turn and message, then end."""
        self._stopping.set()
        self._stop_worker()
        self._sender.stop()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(10)
        if self._lock:
            self._lock.close()

    def ready(self) -> bool:
        """Whether questions can be answered now."""
        engine: Engine | None = self._assembly.__dict__.get("engine")
        return engine is not None and engine.ready

    async def _send(self) -> None:
        """Send what is due; meanwhile tell the providers that want to know where to call and what can be said."""
        telling = asyncio.gather(*(_announce(self._assembly, each) for each in self._assembly.providers.values()))
        await self._sender.run()
        telling.cancel()

    def _think(self) -> None:
        """Load retrieval, then take turns; what comes in meanwhile waits in the inbox."""
        from bot.worker import Worker
        from retrieval.understanding import warm_up

        assembly = self._assembly
        reading = threading.Thread(target=warm_up, name="warm-up", daemon=True)
        reading.start()
        self._load()  # if that fails people are told that a person will answer, and the keeper tries on
        reading.join()
        worker = Worker(assembly.database, assembly.assistant, assembly.arrived, assembly.said, assembly.limits)
        self._stop_worker = worker.stop
        keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        keeper.start()
        if not self._stopping.is_set():
            worker.run()
        keeper.join(10)

    def _load(self) -> None:
        expect, progress = self._build_progress()
        try:
            self._assembly.stock()
            made = self._assembly.engine.load(progress, expect)
        except Exception as error:
            log.error("index.failed", error=f"{type(error).__name__}: {error}"[:300], exc_info=not self._failing)  # noqa: TRY400 - the trace once is enough
            self._failing = True
            return
        self._failing = False
        log.info("index.ready", built=made)

    def _keep(self) -> None:
        """Follow the published build, rebuild a damaged one, erase what is past its time."""
        engine, settings = self._assembly.engine, self._assembly.settings
        expired, tries, next_try = time.monotonic() - EXPIRE_EVERY, 0, 0.0
        while not self._stopping.wait(FOLLOW_EVERY):
            with suppress(Exception):
                if engine.ready and not engine.outdated():
                    tries = 0
                    if engine.follow():
                        log.info("index.followed")
                elif time.monotonic() >= next_try:
                    log.warning("index.rebuilding", damaged=not engine.ready)
                    self._load()
                    tries += 1
                    next_try = time.monotonic() + min(FOLLOW_EVERY * 2**tries, LONGEST_BETWEEN)
            if time.monotonic() - expired >= EXPIRE_EVERY:
                expired = time.monotonic()
                self._expire(settings.retention_days)

    def _expire(self, days: int) -> None:
        try:
            if gone := expire(self._assembly.database, days):
                log.info("contacts.expired", count=gone)
        except Exception:
            log.exception("expire.failed")


async def _announce(assembly: Assembly, channel: Channel) -> None:
    from bot.replies import Replies
    from locales import LANGUAGES

    menus = {code: Replies(code).menu() for code in LANGUAGES}
    try:
        await channel.announce(f"{assembly.settings.public}/channels/{channel.name}", menus | {"": menus["en"]})
    except SendError as error:
        log.warning("channel.not_announced", channel=channel.name, error=str(error))


def _lock(path: Path) -> IO[str]:
    """Hold a lock for as long as the process lives, or raise `InUse`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise InUse(path.parent) from None
    return file
