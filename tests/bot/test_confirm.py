"""Providers are asked whether what is said of them is still right, seldom; only a button that they press changes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, update
from starlette.testclient import TestClient

from bot import confirm
from bot.confirming import BETWEEN, Confirmations
from bot.mail import Mail
from bot.referrals import digest
from ingest.load import keep
from locales import LANGUAGES, translations
from retrieval.engine import to_record
from retrieval.records import Record
from store import catalogue, sources
from store.database import Database
from store.desk_tables import Link, ReferralAddress
from store.source_tables import Revision
from store.tables import Audit, now
from store.tables import Record as Row
from store.vault import Vault
from tests.ingest.test_links import PLAIN
from tests.servers.smtp import Post

ADDRESS = "desk@provider.example"
DAY = timedelta(days=1)


def today() -> date:
    return datetime.now(UTC).date()


class House:
    """A catalogue, a mail server, and what providers open."""

    def __init__(self, database: Database, vault: Vault, post: Post, url: str) -> None:
        self.database, self.vault, self.post = database, vault, post
        self.confirmations = Confirmations(
            database, vault, Mail(url, "Dalil <dalil@facility.example>"), "https://d.example", "The facility"
        )
        self.parts = type("Parts", (), {"database": database})
        app = FastAPI()
        app.include_router(confirm.routes(self.parts))  # type: ignore[arg-type]
        self.browser = TestClient(app)

    def has(self, record_id: str = "typing-club", *, review_by: date | None = None, confirmed: bool = True) -> None:
        late = (review_by or today() - DAY).isoformat()
        with self.database.write() as session:
            keep(session, Record.model_validate(PLAIN | {"id": record_id, "review_by": late}))
            address = ReferralAddress(record_id=record_id, address_sealed=self.vault.seal(ADDRESS))
            address.confirmed_at = now() if confirmed else None
            session.add(address)

    def asks(self, moment: datetime | None = None) -> int:
        """All mails that are due; gives how many."""
        before = len(self.post.mails)
        while self.confirmations.step(moment):
            pass
        return len(self.post.mails) - before

    def token(self) -> str:
        return re.findall(r"/providers/confirm/(\S+)", self.post.texts[-1])[0]

    def page(self, token: str | None = None, **more: Any) -> Any:
        return self.browser.get(f"/providers/confirm/{token or self.token()}", **more)

    def presses(self, answer: str, token: str | None = None) -> Any:
        return self.browser.post(f"/providers/confirm/{token or self.token()}", data={"answer": answer})

    def row(self) -> Row:
        with self.database.read() as session:
            return session.get_one(Row, "typing-club")

    def proposed(self) -> list[Revision]:
        with self.database.read() as session:
            return list(session.scalars(select(Revision).where(Revision.state == "open")))


@pytest.fixture
def house(database: Database, vault: Vault) -> Iterator[House]:
    post = Post()
    with post.serving() as url:
        yield House(database, vault, post, url)


# The mail


def test_who_is_late_is_asked_once_in_ninety_days(house: House) -> None:
    house.has()

    assert house.asks() == 1
    assert house.asks() == 0
    assert house.asks(now() + BETWEEN - DAY) == 0
    assert house.asks(now() + BETWEEN + DAY) == 1

    to, mail = house.post.mails[0]
    assert (to, mail["Subject"]) == (ADDRESS, "Still right? Typing Club")
    assert "The facility" in house.post.texts[0]
    assert "https://d.example/providers/confirm/" in house.post.texts[0]


def test_nobody_is_asked_before_it_is_time(house: House) -> None:
    house.has(review_by=today())

    assert house.asks() == 0


def test_an_address_that_is_not_confirmed_is_not_written_to(house: House) -> None:
    house.has(confirmed=False)

    assert house.asks() == 0


def test_nobody_is_asked_about_what_is_withdrawn(house: House) -> None:
    house.has()
    with house.database.write() as session:
        catalogue.withdraw(session, "typing-club")

    assert house.asks() == 0


def test_without_a_mail_server_nothing_happens(house: House) -> None:
    house.has()
    confirmations = Confirmations(house.database, house.vault, None, "https://d.example", "The facility")

    assert not confirmations.step(now())
    with house.database.read() as session:
        assert session.scalar(select(func.count()).select_from(Link)) == 0


def test_a_mail_server_that_is_down_is_tried_again_in_an_hour(house: House) -> None:
    house.has()
    house.post.refusals.append("451 later")

    assert house.asks() == 0
    assert house.asks(now() + timedelta(minutes=30)) == 0
    assert house.asks(now() + timedelta(minutes=61)) == 1
    assert house.page().status_code == 200


def test_an_address_that_is_refused_for_good_is_left_alone_for_ninety_days(house: House) -> None:
    house.has()
    house.post.refusals.append("550 nobody here")

    assert house.asks() == 0
    assert house.asks(now() + 2 * DAY) == 0


def test_the_table_holds_only_the_digest_of_the_link(house: House) -> None:
    house.has()
    house.asks()

    with house.database.read() as session:
        link = session.scalars(select(Link)).one()
    assert (link.digest, link.purpose, link.subject) == (digest(house.token()), "confirm", "typing-club")
    assert timedelta(days=59) < link.expires_at - now() <= timedelta(days=60)


# The page


def test_the_page_shows_the_record_and_three_answers(house: House) -> None:
    house.has()
    house.asks()

    text = house.page().text

    for said in ("Typing Club", "Learn to type.", "Yes, still right", "It has ended", "Something changed"):
        assert said in text
    assert 'action="/join"' in text
    assert "<script" not in text


def test_reading_changes_nothing_however_often(house: House) -> None:
    house.has()
    house.asks()
    before = house.row()

    for _ in range(3):
        assert house.page(params={"answer": "yes"}).status_code == 200
    house.browser.head(f"/providers/confirm/{house.token()}")

    after = house.row()
    assert (after.checked_on, after.review_by, after.changed_at) == (None, before.review_by, before.changed_at)
    assert house.proposed() == []


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_page_speaks_every_language(house: House, code: str) -> None:
    house.has()
    house.asks()

    asked, said = house.page(params={"lang": code}), translations(code).gettext

    assert asked.headers["content-language"] == code
    assert said("Yes, still right") in asked.text
    assert f'action="/providers/confirm/{house.token()}?lang={code}"' in asked.text


def test_yes_makes_it_checked_today_and_good_for_half_a_year(house: House) -> None:
    house.has()
    house.asks()

    assert house.presses("yes").status_code == 200

    row = house.row()
    assert (row.checked_on, row.checked_by, row.review_by) == (today(), "provider", today() + 180 * DAY)
    assert (to_record(row).checked, to_record(row).review_by) == (row.checked_on, row.review_by)
    assert house.asks(now() + BETWEEN + DAY) == 0
    with house.database.read() as session:
        assert session.scalars(select(Audit.action)).all() == ["record.confirm"]


def test_ended_is_proposed_and_changes_nothing_yet(house: House) -> None:
    house.has()
    house.asks()

    assert house.presses("ended").status_code == 200

    (revision,) = house.proposed()
    assert (revision.kind, revision.source, revision.record_id) == (sources.ENDED, "provider", "typing-club")
    assert revision.body["status"] == "ended"
    assert (house.row().withdrawn_at, house.row().checked_on) == (None, None)


def test_a_link_takes_one_answer(house: House) -> None:
    house.has()
    house.asks()
    house.presses("yes")

    assert house.presses("ended").status_code == 410
    assert house.page().status_code == 410
    assert house.proposed() == []


def test_an_answer_that_makes_no_sense_leaves_the_link_good(house: House) -> None:
    house.has()
    house.asks()

    assert house.presses("perhaps").status_code == 422
    assert house.page().status_code == 200


@pytest.mark.parametrize("token", ["guessed", "x" * 5000, "%00", "é"])
def test_a_link_that_nobody_got_shows_nothing(house: House, token: str) -> None:
    house.has()
    house.asks()

    for answer in (house.page(token), house.presses("yes", token)):
        assert answer.status_code == 410
        assert "Typing Club" not in answer.text


def test_a_link_that_is_too_old_changes_nothing(house: House) -> None:
    house.has()
    house.asks()
    with house.database.write() as session:
        session.execute(update(Link).values(expires_at=now() - timedelta(seconds=1)))

    assert house.presses("yes").status_code == 410
    assert house.row().checked_on is None


def test_a_link_to_what_was_withdrawn_meanwhile_changes_nothing(house: House) -> None:
    house.has()
    house.asks()
    with house.database.write() as session:
        catalogue.withdraw(session, "typing-club")

    assert house.page().status_code == 410
    assert house.presses("yes").status_code == 410
    assert house.row().checked_on is None


def test_the_link_for_the_address_is_no_link_for_this(house: House) -> None:
    house.has()
    house.asks()
    with house.database.write() as session:
        session.execute(update(Link).values(purpose="address"))

    assert house.presses("yes").status_code == 410
