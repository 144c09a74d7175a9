"""What is fetched by itself while Dalil serves: sources when their time has come, and links, a few at a time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from bot.settings import Settings
from store import sources as store
from store.database import Database
from store.source_tables import Run

if TYPE_CHECKING:
    from ingest.source import Source

log = structlog.get_logger("schedule")

LONGEST_RUN = timedelta(hours=6)
"""After which a run that is not finished was broken off: its process was killed."""
TRY_AGAIN = timedelta(hours=1)
"""After a failed run, at the earliest."""
MOST_LINKS = 5
"""That are looked at in one step: whoever stops Dalil does not wait for many."""


def due(sources: Iterable[Source], last_runs: Mapping[str, Run], moment: datetime) -> list[Source]:
    """The sources whose time has come, those first that were never looked at or longest ago."""
    waiting = [source for source in sources if _is_due(source, last_runs.get(source.name), moment)]
    runs = {source.name: last_runs.get(source.name) for source in waiting}
    return sorted(waiting, key=lambda source: run.started_at.timestamp() if (run := runs[source.name]) else 0.0)


def _is_due(source: Source, last: Run | None, moment: datetime) -> bool:
    if source.every is None:
        return False
    if last is None:
        return True
    if last.finished_at is None:
        return moment - last.started_at >= LONGEST_RUN
    if last.failure:
        return moment - last.finished_at >= TRY_AGAIN
    return moment - last.started_at >= source.every


class Schedule:
    """Fetches what is due, one thing a step."""

    def __init__(self, settings: Settings, database: Database, private: Iterable[str] = ()) -> None:
        """`private`: hosts of a test, whose links are looked at although they lie in a private network."""
        self._settings, self._database, self._private = settings, database, tuple(private)
        self._path = settings.home / "sources.yaml"
        self._fault = ""

    @property
    def wanted(self) -> bool:
        """Whether the operator wants anything to be fetched: a fresh Dalil does not reach out by itself."""
        return self._settings.check_links or self._path.exists()

    def step(self, moment: datetime) -> bool:
        """Look at one source that is due, else at some links; false if there was nothing to do."""
        with self._database.read() as session:
            last_runs = store.last_runs(session)
        for source in due(self._sources(), last_runs, moment):
            self._look(source)
            return True
        return self._settings.check_links and self._check_links(moment) > 0

    def _sources(self) -> list[Source]:
        """The sources that are set up; what is wrong with the file is said once."""
        from ingest.source import BadSources, configured

        try:
            found, fault = list(configured(self._path).values()), ""
        except BadSources as error:
            found, fault = [], str(error)
        except OSError as error:
            found, fault = [], type(error).__name__
        if fault and fault != self._fault:
            log.error("sources.unreadable", error=fault[:300])
        self._fault = fault
        return found

    def _look(self, source: Source) -> None:
        from ingest.run import fetching, run

        try:
            with fetching(self._settings.home, source, self._settings.public_url) as client:
                outcome = run(self._database, source, client)
        except Exception as error:
            log.exception("source.failed", source=source.name)
            self._break_off(source.name, type(error).__name__)
            return
        # Why it was broken off is kept with the run: it may name addresses, which no log should.
        log.info("source.looked_at", source=source.name, found=outcome.summary(), broken_off=bool(outcome.failure))

    def _break_off(self, name: str, reason: str) -> None:
        """End the run of a source that has thrown: it is tried again in an hour, not taken for running still."""
        from store.tables import now

        with self._database.write() as session:
            last = store.last_runs(session).get(name)
            if last is not None and last.finished_at is None:
                last.finished_at, last.failure = now(), reason

    def _check_links(self, moment: datetime) -> int:
        from ingest.links import check_some, looking

        with looking(self._settings.public_url, self._private) as client:
            looked = check_some(self._database, client, moment, MOST_LINKS)
        if looked:
            log.info("links.looked_at", count=looked)
        return looked
