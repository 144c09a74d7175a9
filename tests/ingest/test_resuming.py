"""A look at a source that is cut half-way loses nothing, and the next one goes on where it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from ingest.client import Client
from ingest.run import Outcome, run, told
from ingest.source import Source
from store import sources
from store.database import Database
from store.source_tables import Origin, Revision, Run
from store.tables import now
from tests.ingest.web.looking import POSTS
from tests.ingest.web.test_wordpress import post
from tests.servers.site import CUT, Answer, Call, Site, as_json, serving

PAGES, EACH = 3, 2
DOWN: Answer = (500, {"Retry-After": "0"}, "<b>Fatal error</b>")
KILLED = """
import sys
from pathlib import Path
from ingest.client import Client
from ingest.run import run
from ingest.source import Source
from store.database import Database
url, database, memory = sys.argv[1:]
source = Source(name="portal", adapter="wordpress", location=url)
run(Database(database), source, Client(Path(memory), private=["127.0.0.1"], pause=0))
"""


class Portal:
    """A site of three pages with two courses each, and somebody who looks at it."""

    def __init__(self, database: Database, site: Site, memory: Path) -> None:
        self.database, self.site, self.memory = database, site, memory
        self.courses = [course(number) for number in range(1, PAGES * EACH + 1)]
        self.broken: set[int] = set()
        site.routes[POSTS] = self._page

    def _page(self, call: Call) -> Answer:
        number = int(call.query["page"])
        if number in self.broken:
            return DOWN
        shown = self.courses[(number - 1) * EACH : number * EACH]
        return as_json(shown, X_WP_TotalPages=str(-(-len(self.courses) // EACH)))

    def looks(self, *, trusted: bool = False) -> Outcome:
        source = Source(name="portal", adapter="wordpress", location=self.site.url, trusted=trusted)
        with Client(self.memory, private=["127.0.0.1"], pause=0) as client:
            return run(self.database, source, client)

    def asks(self) -> list[int]:
        """The pages that were asked for since the last time, each once."""
        asked = [int(call.query["page"]) for call in self.site.calls]
        self.site.calls.clear()
        return list(dict.fromkeys(asked))

    def hours_pass(self, hours: float = 2) -> None:
        seconds = hours * 3600
        for page in self.memory.iterdir():
            then = page.stat().st_mtime - seconds
            os.utime(page, (then, then))
        with self.database.write() as session:
            for each in session.scalars(select(Run)):
                each.started_at -= timedelta(seconds=seconds)

    def kept(self) -> list[str]:
        """The keys of what is kept."""
        with self.database.read() as session:
            return sorted(session.scalars(select(Origin.key)), key=int)

    def rows(self, table: Any) -> list[Any]:
        with self.database.read() as session:
            return list(session.scalars(select(table).order_by(table.id)))


def course(number: int) -> dict[str, Any]:
    names = ("Typing", "Spreadsheets", "Python", "E-mail", "Online safety", "Web sites", "Photos", "Maps")
    return post(number, f"{names[number - 1]} for beginners")


@pytest.fixture
def portal(database: Database, tmp_path: Path) -> Iterator[Portal]:
    with serving() as site:
        yield Portal(database, site, tmp_path / "fetched")


def test_only_its_own_looks_tell_where_a_source_was_cut(database: Database) -> None:
    with database.write() as session:
        first = sources.begin(session, "portal").started_at
        sources.begin(session, "another").complete = True
        sources.begin(session, "portal")

    with database.read() as session:
        assert sources.cut_since(session, "portal") == first
        assert sources.cut_since(session, "another") is None


def test_what_the_pages_before_the_cut_have_told_is_kept_and_the_next_look_goes_on_behind_them(portal: Portal) -> None:
    portal.broken = {2}
    cut = portal.looks()
    assert "the server answers 500" in cut.failure
    assert (portal.kept(), portal.asks()) == (["1", "2"], [1, 2])

    portal.hours_pass()
    portal.broken = set()
    rest = portal.looks()

    assert rest.failure == ""
    assert rest.summary() == "added 4, changed 0, ended 0, rejected 0"
    assert (portal.kept(), portal.asks()) == (["1", "2", "3", "4", "5", "6"], [2, 3])
    assert [(each.added, each.complete) for each in portal.rows(Run)] == [(2, False), (4, True)]
    assert any("Went on where an earlier look was cut" in line for line in told(rest))


def test_nothing_is_proposed_twice_by_going_on(portal: Portal) -> None:
    portal.broken = {3}
    portal.looks()
    portal.looks()
    portal.broken = set()
    portal.looks()

    assert len({each.record_id for each in portal.rows(Revision)}) == len(portal.rows(Revision)) == 6


def test_a_connection_that_is_lost_is_a_cut_too(portal: Portal) -> None:
    portal.site.fail(POSTS, as_json(portal.courses[:EACH], X_WP_TotalPages="3"), CUT, CUT, CUT)

    assert "no connection" in portal.looks().failure
    assert portal.kept() == ["1", "2"]
    portal.asks()

    portal.looks()
    assert portal.asks() == [2, 3]


def test_a_process_that_is_killed_has_kept_the_pages_that_it_had(portal: Portal) -> None:
    if not portal.database.embedded:
        pytest.skip("the other process has SQLite's file")
    reached, ended = threading.Event(), threading.Event()

    def hangs(call: Call) -> Answer:
        if call.query["page"] == "2":
            reached.set()
            ended.wait(30)
        return portal._page(call)

    portal.site.routes[POSTS] = hangs
    arguments = [portal.site.url, str(portal.database.engine.url), str(portal.memory)]
    process = subprocess.Popen([sys.executable, "-c", KILLED, *arguments])
    assert reached.wait(60)
    process.send_signal(signal.SIGKILL)
    process.wait(10)
    ended.set()

    assert portal.kept() == ["1", "2"]
    (killed,) = portal.rows(Run)
    assert (killed.added, killed.finished_at, killed.complete) == (2, None, False)

    portal.asks()
    portal.hours_pass(7)
    rest = portal.looks()
    assert (rest.summary(), portal.asks()) == ("added 4, changed 0, ended 0, rejected 0", [2, 3])


def test_what_was_not_met_because_of_the_cut_is_not_taken_for_gone(portal: Portal) -> None:
    portal.looks(trusted=True)
    portal.hours_pass(25)
    portal.broken = {2}

    assert portal.looks().ended == []
    with portal.database.read() as session:
        assert all(each.gone_at is None for each in sources.origins(session, "portal").values())


def test_what_moves_over_the_cut_is_not_taken_for_gone_and_what_is_gone_shows_the_next_time(portal: Portal) -> None:
    portal.looks(trusted=True)
    portal.hours_pass(25)
    portal.broken = {2}
    portal.looks()
    portal.hours_pass()
    portal.broken = set()
    del portal.courses[0]  # the third course now stands on the first page, which is not read again

    assert portal.looks().ended == []

    portal.hours_pass(25)
    assert [key for key, _ in portal.looks().ended] == ["1"]


def test_after_a_look_that_came_to_its_end_all_is_asked_for_again(portal: Portal) -> None:
    portal.looks()
    portal.asks()
    portal.hours_pass()

    again = portal.looks()

    assert portal.asks() == [1, 2, 3]
    assert not again.resumed


def test_pages_of_more_than_a_day_ago_are_asked_for_again(portal: Portal) -> None:
    portal.broken = {3}
    portal.looks()
    portal.asks()
    portal.hours_pass(25)
    portal.looks()

    assert portal.asks() == [1, 2, 3]


def test_a_source_of_which_too_much_is_gone_was_read_to_its_end(portal: Portal) -> None:
    with portal.database.write() as session:
        for number in range(100, 120):
            sources.seen(session, "portal", str(number), f"gone-{number}", "digest", None)

    assert "is the source broken?" in portal.looks().failure
    portal.asks()
    portal.hours_pass()
    portal.looks()

    assert portal.asks() == [1, 2, 3], "the next look may find it whole again"


def test_a_trial_keeps_nothing(portal: Portal) -> None:
    source = Source(name="portal", adapter="wordpress", location=portal.site.url)
    with Client(portal.memory, private=["127.0.0.1"], pause=0) as client:
        run(portal.database, source, client, dry_run=True)

    assert (portal.kept(), portal.rows(Run)) == ([], [])


def test_a_run_of_long_ago_that_was_never_finished_is_gone_on_with_by_a_day_at_most(portal: Portal) -> None:
    portal.looks()
    with portal.database.write() as session:
        session.execute(update(Run).values(complete=False, finished_at=None, started_at=now() - timedelta(days=90)))
    portal.asks()
    portal.hours_pass(25)
    portal.looks()

    assert portal.asks() == [1, 2, 3]
