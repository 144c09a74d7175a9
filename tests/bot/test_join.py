"""The form for providers: what is sent is kept for a person, and can be changed by who has the link."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from httpx import Response
from sqlalchemy import select, update
from starlette.testclient import TestClient

from bot import join, submissions
from bot.intake import Intake
from bot.offering import PROVIDER, read_record
from bot.privacy import expire
from bot.referrals import mail
from bot.settings import Settings
from bot.signals import Signal
from bot.submissions import MOST_ATTEMPTS, Letters
from bot.web import Parts, create_app
from channels.web import WebChannel
from ingest.load import keep
from locales import LANGUAGES
from store import sources
from store.database import Database
from store.desk_tables import Officer
from store.source_tables import Duplicate, Revision
from store.tables import now
from store.vault import Vault
from tests.servers.smtp import Post

HOME = "http://join.test"
SENDER = "Wanjiru@school.example"
OFFER: dict[str, Any] = {
    "kind": "programme",
    "name": "Mashinani Weaving of Websites",
    "provider": "Mashinani School",
    "url": "https://mashinani.example/websites",
    "summary": "An evening course in which beginners build their first website.",
    "teaches": "HTML and CSS\nPutting a website online",
    "topics": ["web-development", "programming"],
    "groups": ["youth", "women-girls"],
    "languages": "Swahili, English",
    "countries": "Kenya; Uganda",
    "cost": "free",
    "modality": "in-person",
    "certificate": "yes",
    "email": "",
}
EVIL = "\"><script>alert(1)</script><img src=x onerror='alert(1)'>{{7*7}}"


class Door:
    """The web app, and a browser that was never there before."""

    def __init__(self, database: Database, vault: Vault, home: Path, **settings: Any) -> None:
        self.database, self.vault = database, vault
        self.settings = Settings(_env_file=None, home=home, public_url=HOME, **settings)
        arrived = Signal()
        intake, web = Intake(database, vault, arrived), WebChannel(HOME)
        parts = Parts(self.settings, database, vault, intake, web, {}, Signal(), lambda: True)
        self.app = create_app(parts)
        self.browser = TestClient(self.app, base_url=HOME, headers={"Origin": HOME, "Accept-Language": "en"})
        self.letters = Letters(database, vault, mail(self.settings), HOME)

    def send(self, path: str = "/join", headers: dict[str, str] | None = None, **changed: Any) -> Response:
        return self.browser.post(path, data={**OFFER, **changed}, headers=headers)

    def sent(self, **changed: Any) -> str:
        """Send the form; gives the path of the link by which it is changed."""
        answer = self.send(**changed)
        assert answer.status_code == 200, answer.text
        return re.search(rf'href="{HOME}(/join/[\w-]{{43}})"', answer.text)[1]  # type: ignore[index]

    def revisions(self) -> list[Revision]:
        with self.database.read() as session:
            return list(session.scalars(select(Revision).order_by(Revision.id)))

    def decide(self, number: int, *, approve: bool = True, reason: str | None = None) -> None:
        with self.database.write() as session:
            officer = session.scalars(select(Officer)).first() or Officer(login="lead", name="Lead", role="lead")
            session.add(officer)
            session.flush()
            revision = sources.decide(session, number, officer.id, approve=approve, reason=reason)
            assert revision
            if approve:
                keep(session, join.Record.model_validate(revision.body))

    def holds(self, **changed: Any) -> None:
        """The catalogue has the offer already."""
        record = read_record(PROVIDER, {**OFFER, **changed}, OFFER["topics"], "en", record_id="there-already")
        with self.database.write() as session:
            keep(session, record)


@pytest.fixture
def door(database: Database, vault: Vault, tmp_path: Path) -> Door:
    return Door(database, vault, tmp_path)


@pytest.fixture
def mailed(database: Database, vault: Vault, tmp_path: Path) -> Iterator[tuple[Door, Post]]:
    post = Post()
    with post.serving() as url:
        yield Door(database, vault, tmp_path, smtp_url=url, mail_from="Dalil <desk@facility.example>"), post


# --- what is sent -----------------------------------------------------------------------------


def test_what_a_provider_sends_waits_for_a_person_as_a_record(door: Door) -> None:
    answer = door.send(headers={"Accept-Language": "sw"})
    assert answer.status_code == 200
    (revision,) = door.revisions()
    assert (revision.kind, revision.source, revision.state, revision.language) == ("added", "provider", "open", "sw")
    assert (revision.email_sealed, revision.conversation_id) == (None, None)
    body = revision.body
    assert body["id"] == revision.record_id == "mashinani-weaving-of-websites"
    assert (body["languages"], body["regions"]) == (["sw", "en"], ["KE", "UG"])
    assert body["audiences"] == body["eligibility"]["groups"] == ["youth", "women-girls"]
    assert (body["cost"], body["certificate"], body["source"]) == (["free"], "yes", "provider")
    assert str(revision.id) in answer.text


def test_what_is_left_empty_is_unknown_and_shuts_nobody_out(door: Door) -> None:
    unknown = dict.fromkeys(("cost", "modality", "certificate"), "unknown")
    door.sent(languages="", countries="", url="", groups=[], **unknown)
    (revision,) = door.revisions()
    body = revision.body
    assert [body[name] for name in ("languages", "cost", "modality", "certificate", "url")] == [None] * 5
    assert body["eligibility"]["countries"] is None
    assert body["audiences"] == ["everyone"]


def test_a_summary_in_another_language_gets_an_english_line(door: Door) -> None:
    said = "Kozi ya jioni ambapo wanaoanza hujenga tovuti yao ya kwanza."
    door.sent(summary=said)
    summaries = door.revisions()[0].body["summaries"]
    assert summaries["sw"] == said
    assert summaries["en"].startswith("Mashinani Weaving of Websites: ")


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_form_is_there_in_every_language_without_a_script(door: Door, code: str) -> None:
    answer = door.browser.get(f"/join?lang={code}")
    assert answer.status_code == 200
    assert f'<html lang="{code}" dir="{"rtl" if code == "ar" else "ltr"}">' in answer.text
    assert "<script" not in answer.text
    assert ("Offer something for the catalogue" in answer.text) == (code == "en")
    wrong = door.send(f"/join?lang={code}", name="", languages="qq")
    assert wrong.status_code == 422
    assert ("Write the name, in at most 160 characters." in wrong.text) == (code == "en")
    assert f'action="/join?lang={code}"' in wrong.text


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"kind": "thing"}, "Choose what it is."),
        ({"name": "!!!"}, "Write the name, in at most 160 characters."),
        ({"provider": ""}, "Write who offers it, in at most 160 characters."),
        ({"url": "javascript:alert(1)"}, "Write the whole link"),
        ({"summary": ""}, "Say what it is in one or two sentences"),
        ({"summary": "s" * 401}, "Say what it is in one or two sentences"),
        ({"teaches": " \n"}, "Write what is taught or offered: phrases"),
        ({"topics": []}, "Choose at least one topic."),
        ({"topics": ["no-such"]}, "Choose at least one topic."),
        ({"groups": ["no-such"]}, "This cannot be kept as it is."),
        ({"languages": "Klingonese"}, "Write languages by their names or codes"),
        ({"countries": "Nowhereland"}, "Write countries by their names or codes"),
        ({"cost": "cheap"}, "Choose what it costs."),
        ({"modality": ""}, "Choose how it is given."),
        ({"certificate": "gold"}, "Choose whether there is a certificate."),
        ({"email": "nobody"}, "This is no e-mail address."),
        ({"email": "a@b.example\nBcc: c@d.example"}, "This is no e-mail address."),
        ({"comment": "buy now"}, "Please leave this field empty."),
    ],
)
def test_what_makes_no_sense_is_told_and_the_form_stays_filled(door: Door, changed: dict[str, Any], told: str) -> None:
    answer = door.send(**changed)
    assert answer.status_code == 422
    assert told in unescape(answer.text)
    shown = unescape(answer.text)
    for name in {"provider", "url", "teaches", "languages"} - set(changed):
        assert OFFER[name] in shown
    if "topics" not in changed:
        assert 'value="web-development" checked' in answer.text
    assert door.revisions() == []


def test_markup_is_text_in_every_field(door: Door) -> None:
    for name in OFFER:
        answer = door.send(**{name: [EVIL] if name in {"topics", "groups"} else EVIL, "cost": "x"})
        assert answer.status_code == 422
        assert "<script" not in answer.text
        assert "<img" not in answer.text
        assert ">49<" not in answer.text


def test_names_that_were_taken_get_another_id(door: Door) -> None:
    door.holds(name="Something else entirely", url="https://else.example/x", provider="Others")
    door.sent(name="There already", url="https://mashinani.example/a")
    door.sent(name="There already!", url="https://mashinani.example/b", summary="Another course of that name.")
    ids = [revision.record_id for revision in door.revisions()]
    assert ids == ["there-already-2", "there-already-3"]


def test_a_button_that_is_pressed_twice_sends_once(door: Door) -> None:
    first, second = door.sent(), door.sent()
    assert [revision.state for revision in door.revisions()] == ["replaced", "open"]
    assert door.browser.get(first).status_code == 404
    assert door.browser.get(second).status_code == 200


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_what_another_site_sends_is_refused(door: Door, headers: dict[str, str]) -> None:
    path = door.sent()
    assert door.send(headers=headers).status_code == 403
    assert door.send(path, headers=headers).status_code == 403
    assert len(door.revisions()) == 1


def test_our_own_pages_tell_browsers_to_say_where_a_form_is_from(door: Door) -> None:
    assert door.browser.get("/join").headers["referrer-policy"] == "same-origin"


def test_what_is_too_long_or_no_form_is_refused(door: Door) -> None:
    assert door.send(summary="s" * join.LONGEST_BODY).status_code == 413
    assert door.browser.post("/join", content=b"\xff\xfe=1").status_code == 400
    assert door.browser.post("/join", content=b"&".join([b"a=1"] * 1000)).status_code == 400
    assert door.revisions() == []


def test_who_sends_too_much_is_asked_to_wait_and_loses_nothing(door: Door) -> None:
    for _ in range(join.MOST_OF_NETWORK):
        door.send(name="")
    answer = door.send()
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert OFFER["summary"] in answer.text
    assert door.revisions() == []


def test_nothing_that_was_sent_is_fetched(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a connection was opened")

    if not door.database.embedded:
        pytest.skip("PostgreSQL is reached by a connection")
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    door.sent(url="http://169.254.169.254/latest/meta-data")
    assert len(door.revisions()) == 1


# --- what is there already --------------------------------------------------------------------


def test_what_exists_already_is_shown_and_a_tick_goes_on(door: Door) -> None:
    door.holds()
    answer = door.send()
    assert answer.status_code == 422
    assert "This exists already:" in answer.text
    assert 'href="/catalogue/there-already"' in answer.text
    assert door.revisions() == []

    assert door.send(another="1").status_code == 200
    (revision,) = door.revisions()
    with door.database.read() as session:
        pair = session.scalars(select(Duplicate)).one()
    assert {pair.first, pair.second} == {revision.record_id, "there-already"}


def test_a_lead_is_told_that_two_wait_for_the_same(door: Door) -> None:
    door.sent()
    door.sent(summary="It was sent by somebody else in other words.")
    with door.database.read() as session:
        assert len(session.scalars(select(Duplicate)).all()) == 1


# --- changing it later ------------------------------------------------------------------------


def test_before_a_decision_the_link_replaces_what_waits(door: Door) -> None:
    path = door.sent()
    page = door.browser.get(path).text
    assert "Number 1 waits for a person to look at it." in page
    assert OFFER["summary"] in page
    assert 'value="KE, UG"' in page

    assert door.send(path, cost="paid").status_code == 200
    old, new = door.revisions()
    assert (old.state, old.token_digest) == ("replaced", None)
    assert (new.state, new.kind, new.record_id, new.body["cost"]) == ("open", "added", old.record_id, ["paid"])
    assert door.browser.get(path).status_code == 200, "the link stays the same"


def test_after_an_approval_a_change_is_looked_at_again_and_keeps_what_no_form_has(door: Door) -> None:
    path = door.sent()
    door.decide(1)
    with door.database.write() as session:
        record = join.Record.model_validate({**door.revisions()[0].body, "also_known_as": ["MWW"]})
        keep(session, record)
    assert "Number 1 is in the catalogue." in door.browser.get(path).text

    assert door.send(path, cost="paid").status_code == 200
    old, new = door.revisions()
    assert (old.state, new.state, new.kind, new.record_id) == ("approved", "open", "changed", old.record_id)
    assert (new.body["also_known_as"], new.body["cost"]) == (["MWW"], ["paid"])


def test_what_was_refused_can_be_sent_again(door: Door) -> None:
    path = door.sent()
    door.decide(1, approve=False)
    assert "Number 1 was not taken into the catalogue." in door.browser.get(path).text
    assert door.send(path, summary="Now it says what it is.").status_code == 200
    assert [(each.state, each.kind) for each in door.revisions()] == [("refused", "added"), ("open", "added")]


def test_a_guessed_link_opens_nothing(door: Door) -> None:
    door.sent()
    for token in ("x", "a" * 43, "%00", "é" * 200):
        assert door.browser.get(f"/join/{token}").status_code == 404
        assert door.send(f"/join/{token}").status_code == 404
    assert len(door.revisions()) == 1


def test_the_link_is_kept_nowhere(door: Door) -> None:
    token = door.sent().rpartition("/")[2]
    (revision,) = door.revisions()
    assert token not in str(vars(revision))
    assert revision.token_digest == submissions.digest(token)


# --- mail -------------------------------------------------------------------------------------


def test_the_link_is_mailed_without_anything_that_was_typed(mailed: tuple[Door, Post]) -> None:
    door, post = mailed
    path = door.sent(email=SENDER)
    ((to, _),) = post.mails
    assert to == SENDER
    assert path in post.texts[0]
    assert "Mashinani" not in post.texts[0]
    assert SENDER not in str(vars(door.revisions()[0])), "it is sealed"


def test_an_address_that_may_be_somebody_else_s_gets_few_mails(mailed: tuple[Door, Post]) -> None:
    door, post = mailed
    for number in range(join.MOST_MAILS + 2):
        door.sent(email=SENDER, name=f"Course {number * 1111}", url=f"https://x.example/{number}")
    assert len(post.mails) == join.MOST_MAILS


def test_without_a_mail_server_the_outcome_is_not_mailed_and_nothing_breaks(door: Door) -> None:
    assert "is mailed to you" not in door.send(email=SENDER).text
    door.decide(1)
    assert not door.letters.step()


@pytest.mark.parametrize(
    ("approve", "told", "untold"),
    [
        (True, "“Mashinani Weaving of Websites” is in the catalogue now.", "not taken"),
        (False, "Number 1 was not taken", "Mashinani"),
    ],
)
def test_the_outcome_is_mailed_once(mailed: tuple[Door, Post], approve: bool, told: str, untold: str) -> None:
    door, post = mailed
    door.sent(email=SENDER)
    assert not door.letters.step(), "nothing is decided yet"
    door.decide(1, approve=approve, reason=None if approve else "There is no page at the link.")
    while door.letters.step():
        pass
    _, (to, _) = post.mails
    text = post.texts[1]
    assert to == SENDER
    assert told in text
    assert untold not in text
    assert ("/catalogue/mashinani-weaving-of-websites" in text) == approve
    assert ("There is no page at the link." in text) == (not approve)
    assert door.revisions()[0].mailed_at
    assert not door.letters.step()


def test_the_outcome_comes_in_the_sender_s_language_with_the_english_below(mailed: tuple[Door, Post]) -> None:
    door, post = mailed
    door.send("/join?lang=fr", email=SENDER)
    door.decide(1)
    assert door.letters.step()
    french, english = post.texts[1].split("— English —")
    assert "« Mashinani Weaving of Websites » figure maintenant au catalogue." in french
    assert "/catalogue/mashinani-weaving-of-websites?lang=fr" in french
    assert "“Mashinani Weaving of Websites” is in the catalogue now." in english


def test_a_mail_server_that_is_down_is_tried_again_until_it_is_given_up(mailed: tuple[Door, Post]) -> None:
    door, post = mailed
    door.sent(email=SENDER)
    door.decide(1)
    post.refusals.extend(["451 later"] * MOST_ATTEMPTS)
    for attempt in range(1, MOST_ATTEMPTS + 1):
        assert door.letters.step()
        assert not door.letters.step(), "not at once"
        assert door.revisions()[0].attempts == attempt
        with door.database.write() as session:
            session.execute(update(Revision).values(due_at=now() - timedelta(seconds=1)))
    assert not door.letters.step()
    (revision,) = door.revisions()
    assert (revision.mailed_at, revision.email_sealed) == (None, None)


def test_a_change_keeps_the_address_and_an_address_is_forgotten_in_time(mailed: tuple[Door, Post]) -> None:
    door, _ = mailed
    path = door.sent(email=SENDER)
    door.send(path, cost="paid")
    old, new = door.revisions()
    assert old.email_sealed is None
    assert door.vault.open(new.email_sealed or "") == SENDER
    door.decide(2)
    with door.database.write() as session:
        session.execute(update(Revision).values(decided_at=now() - timedelta(days=29)))
    expire(door.database, 180)
    assert door.revisions()[1].email_sealed
    with door.database.write() as session:
        session.execute(update(Revision).values(decided_at=now() - timedelta(days=31)))
    expire(door.database, 180)
    assert door.revisions()[1].email_sealed is None


def test_what_nobody_has_approved_for_too_long_is_forgotten(door: Door) -> None:
    path = door.sent(email=SENDER)
    with door.database.write() as session:
        session.execute(update(Revision).values(created_at=now() - timedelta(days=181)))
    expire(door.database, 180)
    (revision,) = door.revisions()
    assert (revision.state, revision.body, revision.email_sealed) == ("refused", {}, None)
    assert "mashinani" not in revision.record_id
    assert door.browser.get(path).status_code == 404
