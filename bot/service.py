"""The background of a serving process: how it starts, keeps up to date, tends what is due, and stops."""

from __future__ import annotations

import asyncio
import fcntl
import gc
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

import structlog

from bot.assembly import Assembly
from bot.delivery import Sender
from bot.privacy import expire
from channels.contract import Channel, SendError
from store import backup, contacts, inbox, outbox
from store.tables import now

if TYPE_CHECKING:
    from retrieval.engine import Engine

log = structlog.get_logger("service")

FOLLOW_EVERY = 2.0
"""Seconds between looks whether the catalogue has changed or another process has published a build."""
LONGEST_BETWEEN = 600.0
"""Seconds between tries to build an index that cannot be built."""
POST_EVERY = 5.0
"""Seconds between looks for requests that are to be mailed."""
FETCH_EVERY = 60.0
"""Seconds between looks for sources and links that are to be looked at."""
EXPIRE_EVERY = 3600.0
"""Seconds between looks for conversations that are to be erased."""


TEND_EVERY = 15.0
"""Seconds between looks for requests that nobody answered in time, and for people to be asked how it went, or whether
what they offered is still right."""


class InUse(Exception):
    """Another process serves from the same data folder."""


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
            threading.Thread(target=self._post, name="post", daemon=True),
            threading.Thread(target=self._tend, name="tender", daemon=True),
            threading.Thread(target=self._fetch, name="fetcher", daemon=True),
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
        if self._assembly.group:
            self._assembly.group.stop()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(10)
        if self._lock:
            self._lock.close()

    def ready(self) -> bool:
        """Whether questions can be answered now."""
        engine: Engine | None = self._assembly.__dict__.get("engine")
        return engine is not None and engine.ready

    def _post(self) -> None:
        """Mail what may be passed on to providers, and outcomes; a server that is slow holds up nothing else."""
        while not self._stopping.wait(POST_EVERY):
            try:
                assembly = self._assembly
                steps = (assembly.referrals.step, assembly.letters.step, assembly.confirmations.step)
                while not self._stopping.is_set() and any(step() for step in steps):
                    pass
            except Exception:
                log.exception("post.failed")

    def _fetch(self) -> None:
        """Look at sources and links when their time has come, if the operator wants that."""
        while not self._stopping.wait(FETCH_EVERY):
            try:
                if self._assembly.schedule.wanted:
                    self._assembly.schedule.step(now())
            except Exception:
                log.exception("fetch.failed")

    def _tend(self) -> None:
        """Move on what nobody answered in time, and ask people what is to be asked."""
        while not self._stopping.wait(TEND_EVERY):
            try:
                self.tend(now())
            except Exception:
                log.exception("tend.failed")

    def tend(self, moment: datetime) -> None:
        """What is due to be moved on or asked at `moment`."""
        from bot import confirming, followup, routing  # they import the vocabulary

        assembly = self._assembly
        windows = {name: channel.window for name, channel in assembly.channels.items()}
        with assembly.database.write() as session:
            moved = routing.move_on(session, moment, assembly.limits, windows)
        with assembly.database.write() as session:
            asked = followup.ask_due(session, moment, assembly.limits)
        with assembly.database.write() as session:
            asked += confirming.ask_due(session, moment, assembly.settings.public, assembly.limits)
        if moved or asked:
            log.info("tended", moved=moved, asked=asked)
            assembly.said.set()

    async def _send(self) -> None:
        """Send what is due; meanwhile tell the providers where to call, and the officers' group what waits."""
        group = self._assembly.group
        others = [_announce(self._assembly, each) for each in self._assembly.providers.values()]
        meanwhile = asyncio.gather(*others, *([group.run()] if group else []))
        await self._sender.run()
        meanwhile.cancel()

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
        settle()
        log.info("index.ready", built=made)

    def _keep(self) -> None:
        """Follow the published build and what changes beside it, build when it is time, erase what is past its time."""
        engine, settings = self._assembly.engine, self._assembly.settings
        expired, tries, next_try = time.monotonic() - EXPIRE_EVERY, 0, 0.0
        while not self._stopping.wait(FOLLOW_EVERY):
            with suppress(Exception):
                if engine.ready and not engine.due():
                    tries = 0
                    if engine.follow():
                        log.info("index.followed")
                    engine.refresh()
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
            backup.tidy(self._assembly.settings.home / "backups", days)
        except Exception:
            log.exception("expire.failed")


def settle() -> None:
    """Keep what is loaded by now from the garbage collector: its walks through all of that stop everything for 0.2 s.

    What became garbage since the last time is freed first.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


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
