"""Links are looked at politely, only what is surely gone counts, and what is dead is looked at by a person."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.cards import Cards
from bot.replies import Replies
from ingest.client import Client
from ingest.links import check_some
from ingest.load import keep
from locales import LANGUAGES
from retrieval.engine import to_record
from retrieval.question import Question
from retrieval.records import Record
from retrieval.search import _terms
from store import catalogue, sources
from store.database import Database
from store.links import BROKEN, SOURCE
from store.source_tables import LinkCheck, Revision
from store.tables import Record as Row
from store.tables import now
from tests import records
from tests.servers.site import CUT, Site, serving

DAY = timedelta(days=1)
PLAIN: dict[str, Any] = {**records.PLAIN, "languages": ["en"], "url": "unknown"}


class House:
    """A catalogue, somebody's site, and a clock that a test moves."""

    def __init__(self, database: Database, site: Site) -> None:
        self.database, self.site = database, site
        self.moment: datetime = now() - 30 * DAY

    def has(self, record_id: str = "typing-club", path: str | None = "/typing", **more: Any) -> None:
        url = {"url": f"{self.site.url}{path}"} if path else {}
        with self.database.write() as session:
            keep(session, Record.model_validate(PLAIN | {"id": record_id} | url | more))

    def looks(self, most: int = 20) -> int:
        with Client(private=["127.0.0.1"], pause=0, largest=1000, longest=2) as client:
            return check_some(self.database, client, self.moment, most)

    def looks_on_days(self, count: int) -> None:
        for _ in range(count):
            self.looks()
            self.moment += DAY

    def check(self, record_id: str = "typing-club") -> LinkCheck:
        with self.database.read() as session:
            return session.get_one(LinkCheck, record_id)

    def record(self, record_id: str = "typing-club") -> Record:
        with self.database.read() as session:
            return to_record(session.get_one(Row, record_id))

    def proposed(self, state: str = "open") -> Sequence[Revision]:
        with self.database.read() as session:
            return session.scalars(select(Revision).where(Revision.state == state)).all()


@pytest.fixture
def house(database: Database) -> Iterator[House]:
    with serving() as site:
        site.routes["/typing"] = (200, {}, "Come in")
        yield House(database, site)


# Which are looked at


def test_a_link_that_answers_is_looked_at_once_a_week(house: House) -> None:
    house.has()

    assert house.looks() == 1
    house.moment += 7 * DAY - timedelta(minutes=1)
    assert house.looks() == 0
    house.moment += timedelta(minutes=1)
    assert house.looks() == 1
    assert (house.check().failures, house.check().reason) == (0, None)


def test_a_link_that_failed_is_looked_at_again_after_a_day(house: House) -> None:
    house.has(path="/gone")

    house.looks()
    house.moment += DAY - timedelta(minutes=1)
    assert house.looks() == 0
    house.moment += timedelta(minutes=1)
    assert house.looks() == 1
    assert house.check().failures == 2


def test_those_never_looked_at_come_first_then_those_looked_at_longest_ago(house: House) -> None:
    house.has("old", "/old")
    house.looks()
    house.moment += DAY
    house.has("newer", "/newer")
    house.looks(most=1)
    house.moment += 8 * DAY
    house.has("new", "/new")

    house.site.calls.clear()
    house.looks(most=2)

    assert [call.path for call in house.site.calls][0] == "/new"
    assert len(house.site.calls) == 2


def test_what_is_not_offered_or_has_no_link_is_left_alone(house: House) -> None:
    house.has("withdrawn")
    with house.database.write() as session:
        catalogue.withdraw(session, "withdrawn")
    house.has("ended", status="ended")
    house.has("over", ends="2020-01-01")
    house.has("without", path=None)

    assert house.looks() == 0


def test_a_new_address_is_looked_at_at_once_and_begins_anew(house: House) -> None:
    house.has(path="/gone")
    house.looks_on_days(2)
    house.has(path="/typing")

    assert house.looks() == 1
    assert (house.check().failures, house.check().url) == (0, f"{house.site.url}/typing")


# What counts


@pytest.mark.parametrize("status", [404, 410])
def test_a_page_that_is_not_there_counts_as_a_failure(house: House, status: int) -> None:
    house.site.routes["/typing"] = (status, {}, "")
    house.has()
    house.looks()

    assert (house.check().failures, house.check().reason) == (1, f"the server answers {status}")


@pytest.mark.parametrize("answer", [(401, {}, ""), (403, {}, ""), (429, {"Retry-After": "0"}, ""), (500, {}, ""), CUT])
def test_a_host_that_lives_but_does_not_answer_us_is_noted_and_not_counted(house: House, answer: Any) -> None:
    house.site.fail("/typing", *[answer] * 3)
    house.has()
    house.looks()

    assert house.check().failures == 0
    assert house.check().reason


def test_what_is_noted_neither_adds_to_failures_nor_ends_them(house: House) -> None:
    house.has()
    house.site.fail("/typing", (404, {}, ""), (403, {}, ""), (404, {}, ""))

    house.looks_on_days(3)

    assert house.check().failures == 2


def test_a_host_whose_name_nobody_knows_counts(house: House) -> None:
    house.has()
    house.looks()
    house.has("gone", None, url="https://nowhere.invalid/")
    house.looks()

    assert house.check("gone").failures == 1
    assert "no such host" in str(house.check("gone").reason)


def test_when_our_own_network_is_down_nothing_is_counted(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.has()
    house.looks()
    house.has("other", None, url="https://living.example/")

    def down(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", down)
    house.looks()

    assert house.check("other").failures == 0


def test_a_page_larger_than_is_read_is_there(house: House) -> None:
    house.site.routes["/typing"] = (200, {}, "x" * 5000)
    house.has()
    house.looks()

    assert (house.check().failures, house.check().reason) == (0, None)


def test_a_redirect_counts_by_where_it_ends(house: House) -> None:
    house.site.routes["/moved"] = (301, {"Location": "/gone"}, "")
    house.has(path="/moved")
    house.looks()

    assert house.check().failures == 1


def test_an_address_in_a_private_network_is_not_fetched_and_not_counted(house: House) -> None:
    house.has()
    with Client(pause=0) as client:
        check_some(house.database, client, house.moment)

    assert house.site.calls == []
    assert house.check().failures == 0


# What follows


def test_after_three_failures_its_end_is_proposed_once(house: House) -> None:
    house.has(path="/gone")

    house.looks_on_days(BROKEN - 1)
    assert house.proposed() == []
    house.looks_on_days(3)

    (revision,) = house.proposed()
    assert (revision.kind, revision.source, revision.record_id) == (sources.ENDED, SOURCE, "typing-club")
    assert revision.body["status"] == "ended"
    assert house.proposed("replaced") == []


def test_it_is_not_proposed_again_after_a_lead_refused(house: House) -> None:
    house.has(path="/gone")
    house.looks_on_days(BROKEN)
    with house.database.write() as session:
        session.get_one(Revision, house.proposed()[0].id).state = "refused"

    house.looks_on_days(3)

    assert house.proposed() == []


def test_nothing_is_proposed_while_its_end_is_open_already(house: House) -> None:
    house.has(path="/gone")
    with house.database.write() as session:
        sources.propose(session, "typing-club", sources.ENDED, "some-feed", {})

    house.looks_on_days(BROKEN)

    assert [revision.source for revision in house.proposed()] == ["some-feed"]


def test_a_record_with_a_dead_link_is_to_be_checked_again_and_ranks_lower(house: House) -> None:
    house.has(path="/gone")
    trust = _terms(house.record(), Question("typing", "en"))["trust"]

    house.looks_on_days(BROKEN)

    assert house.record().overdue
    assert _terms(house.record(), Question("typing", "en"))["trust"] == trust - 1


def test_when_the_link_answers_again_all_is_as_before(house: House) -> None:
    good_until = (date.today() + 90 * DAY).isoformat()
    house.has(review_by=good_until)
    house.site.fail("/typing", *[(404, {}, "")] * BROKEN)

    house.looks_on_days(BROKEN)
    assert house.record().overdue
    house.looks()

    assert str(house.record().review_by) == good_until
    assert house.proposed() == []
    assert house.check().failures == 0


def test_what_its_provider_confirmed_since_the_link_broke_stays_confirmed(house: House) -> None:
    house.has(path="/gone")
    house.looks_on_days(BROKEN)
    with house.database.write() as session:
        assert catalogue.confirm(session, "typing-club", house.moment.date())

    house.looks_on_days(2)

    assert not house.record().overdue


# How it is told


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_card_says_that_it_is_to_be_checked_again(code: str) -> None:
    cards, yesterday = Cards(Replies(code)), (date.today() - DAY).isoformat()
    fresh = Record.model_validate(PLAIN | {"checked": "2026-01-05", "review_by": date.today().isoformat()})
    stale = Record.model_validate(PLAIN | {"checked": "2026-01-05", "review_by": yesterday})
    never = Record.model_validate(PLAIN | {"review_by": yesterday})

    said = cards.checked(never)

    assert cards.checked(stale) == f"{cards.checked(fresh)} · {said}"
    assert said in cards.details(stale).text
    assert (said == "to be checked again") == (code == "en")


def test_the_command_looks_and_prints_those_that_are_broken(tmp_path: Path) -> None:
    database, dead = Database(f"sqlite:///{tmp_path / 'dalil.db'}"), "http://127.0.0.1:9/"
    database.migrate()
    with database.write() as session:
        keep(session, Record.model_validate(PLAIN | {"url": dead}))
        keep(session, Record.model_validate(PLAIN | {"id": "private", "url": dead}))
        session.add(LinkCheck(record_id="typing-club", url=dead, failures=2, reason="gone"))
    database.close()

    command = [sys.executable, "-c", "from bot.cli import main; main(['catalogue', 'links'])"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DALIL_")}
    own = kept | {"DALIL_HOME": str(tmp_path)}
    done = subprocess.run(command, env=own, capture_output=True, text=True, timeout=90, check=True)

    assert f"- typing-club: Typing Club: {dead}: gone (2 times in a row)" in done.stdout
    assert "? private: " in done.stdout
    assert "looked at 1, broken 1" in done.stdout
