"""Sources and links are looked at by themselves when their time has come, and only where somebody wants that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import select

from bot.schedule import LONGEST_RUN, TRY_AGAIN, Schedule, due
from bot.settings import Settings
from ingest.load import keep
from ingest.source import Source
from retrieval.records import Record
from store.database import Database
from store.source_tables import LinkCheck, Run
from store.tables import now
from tests.ingest.test_links import PLAIN
from tests.servers.site import Site, serving

HOUR, NOON = timedelta(hours=1), datetime.fromisoformat("2026-06-01T12:00:00+00:00")
FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>A feed</title>
<item><guid>1</guid><title>Typing for beginners</title><link>https://typing.example/1</link>
<description>Learn to type with ten fingers.</description></item></channel></rss>"""


def a_source(name: str = "a-feed", every: str | None = "1d") -> Source:
    return Source.model_validate({"name": name, "adapter": "feed", "location": "https://feed.example/", "every": every})


def a_run(ago: timedelta, source: str = "a-feed", *, failure: str | None = None, finished: bool = True) -> Run:
    started = NOON - ago
    return Run(source=source, started_at=started, finished_at=started if finished else None, failure=failure)


def is_due(last: Run | None, every: str | None = "1d") -> bool:
    return bool(due([a_source(every=every)], {"a-feed": last} if last else {}, NOON))


def test_a_source_is_due_when_its_time_has_come() -> None:
    assert is_due(None)
    assert is_due(a_run(24 * HOUR))
    assert not is_due(a_run(23 * HOUR))
    assert is_due(a_run(23 * HOUR), every="6h")


def test_a_source_without_a_rhythm_is_never_due() -> None:
    assert not is_due(None, every=None)
    assert not is_due(a_run(1000 * HOUR), every=None)


def test_a_run_that_is_not_finished_is_running_for_six_hours() -> None:
    assert not is_due(a_run(LONGEST_RUN - HOUR, finished=False), every="1h")
    assert is_due(a_run(LONGEST_RUN, finished=False), every="1w")


def test_a_run_that_failed_is_tried_again_after_an_hour() -> None:
    assert not is_due(a_run(TRY_AGAIN / 2, failure="no connection"))
    assert is_due(a_run(TRY_AGAIN, failure="no connection"))


def test_those_that_waited_longest_come_first() -> None:
    names = ["recent", "never", "long-ago"]
    runs = {"recent": a_run(25 * HOUR, "recent"), "long-ago": a_run(99 * HOUR, "long-ago")}

    assert [source.name for source in due(map(a_source, names), runs, NOON)] == ["never", "long-ago", "recent"]


class House:
    """A home that a test furnishes, and somebody's site."""

    def __init__(self, database: Database, home: Path, site: Site) -> None:
        self.database, self.home, self.site = database, home, site
        self.schedule = self.with_settings()

    def with_settings(self, **settings: Any) -> Schedule:
        made = Settings(_env_file=None, home=self.home, **settings)
        self.schedule = Schedule(made, self.database, private=["127.0.0.1"])
        return self.schedule

    def sets_up(self, text: str | None = None) -> None:
        source = f"sources:\n  - {{name: a-feed, adapter: feed, location: '{self.site.url}/feed', every: 1d}}\n"
        (self.home / "sources.yaml").write_text(text or source, encoding="utf-8")

    def runs(self) -> list[Run]:
        with self.database.read() as session:
            return list(session.scalars(select(Run).order_by(Run.id)))

    def checks(self) -> list[LinkCheck]:
        with self.database.read() as session:
            return list(session.scalars(select(LinkCheck)))

    def has_a_link(self) -> None:
        self.site.routes["/typing"] = (200, {}, "Come in")
        with self.database.write() as session:
            keep(session, Record.model_validate(PLAIN | {"url": f"{self.site.url}/typing"}))


@pytest.fixture
def house(database: Database, tmp_path: Path) -> Iterator[House]:
    home = tmp_path / "home"
    home.mkdir()
    with serving() as site:
        site.routes["/feed"] = (200, {"Content-Type": "application/rss+xml"}, FEED)
        yield House(database, home, site)


def test_a_fresh_dalil_does_not_reach_out(house: House) -> None:
    house.has_a_link()

    assert not house.schedule.wanted
    assert not house.schedule.step(now())
    assert house.site.calls == []


def test_a_source_is_looked_at_once_and_again_when_its_time_comes(house: House) -> None:
    house.sets_up()

    assert house.schedule.wanted
    assert house.schedule.step(now())
    assert not house.schedule.step(now() + timedelta(hours=23))
    assert house.schedule.step(now() + timedelta(hours=25))

    assert [(run.added, run.failure) for run in house.runs()] == [(1, None), (0, None)]


def test_links_are_looked_at_only_if_the_operator_says_so(house: House) -> None:
    house.has_a_link()
    house.sets_up()
    house.schedule.step(now())
    house.schedule.step(now())
    assert house.checks() == []

    house.with_settings(check_links=True).step(now())

    assert house.schedule.wanted
    assert [(check.record_id, check.failures) for check in house.checks()] == [("typing-club", 0)]
    assert not house.schedule.step(now())


def test_a_source_that_throws_is_tried_again_in_an_hour(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def throws(*_: Any, **__: Any) -> Any:
        raise KeyError("amina@example.org")

    house.sets_up()
    monkeypatch.setattr("ingest.run._look", throws)
    with structlog.testing.capture_logs() as logged:
        house.schedule.step(now())

    assert [run.failure for run in house.runs()] == ["KeyError"]
    assert "amina@example.org" not in str(logged)
    assert not house.schedule.step(now() + TRY_AGAIN / 2)
    assert house.schedule.step(now() + TRY_AGAIN + timedelta(seconds=1))


def test_a_file_that_cannot_be_read_is_told_once_and_again_when_it_is_wrong_in_another_way(house: House) -> None:
    with structlog.testing.capture_logs() as logged:
        house.sets_up("sources: [{name: A Feed}]")
        house.schedule.step(now())
        house.schedule.step(now())
        house.sets_up("nothing")
        house.schedule.step(now())
        house.sets_up()
        house.schedule.step(now())
        house.sets_up("nothing")
        house.schedule.step(now())

    assert [entry["event"] for entry in logged].count("sources.unreadable") == 3


def test_the_service_asks_once_a_minute_and_survives_what_breaks(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from bot import service
    from bot.assembly import Assembly

    assembly = Assembly(Settings(_env_file=None, home=house.home, check_links=True))
    tried: list[datetime] = []

    def step(moment: datetime) -> bool:
        tried.append(moment)
        if len(tried) == 2:
            running._stopping.set()
        raise RuntimeError

    monkeypatch.setattr(service, "FETCH_EVERY", 0.01)
    monkeypatch.setattr(assembly.schedule, "step", step)
    running = service.Service(assembly, lambda: (lambda total: None, lambda done: None))
    running._fetch()

    assert len(tried) == 2
