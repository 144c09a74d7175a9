"""What visitors write and read: cookies, messages, limits, languages."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select, update

from bot import webchat
from bot.pace import Pace
from bot.worker import MOST_FROM_NETWORK
from channels.web import LONGEST_BODY
from store import tickets
from store.tables import Contact, Conversation, Delivery
from tests.bot.web import events, history, rows, say, until
from tests.servers.page import Site


def open_tickets(site: Site) -> None:
    """Everybody who has written gets a ticket."""
    with site.database.write() as session:
        for conversation_id in session.scalars(select(Conversation.id)).all():
            tickets.open_one(session, conversation_id, reason="asked", language="en", country=None, need={})


def test_looking_at_the_page_sets_no_cookie(visit: Callable[..., httpx.Client]) -> None:
    answer = visit().get("/")
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers


def test_the_first_message_sets_a_cookie_that_scripts_cannot_read(visit: Callable[..., httpx.Client]) -> None:
    cookie = say(visit(), "habari").headers["set-cookie"]
    assert re.fullmatch(r"dalil=[\w-]{43}; HttpOnly; Max-Age=15552000; Path=/; SameSite=strict", cookie)


def test_over_https_the_cookie_is_secure_and_the_browser_told_so(tmp_path: Path) -> None:
    site = Site(tmp_path, public_url="https://dalil.example")
    with site.serving(), httpx.Client(base_url=site.url, headers={"Origin": "https://dalil.example"}) as client:
        answer = say(client, "habari")
        assert "; Secure" in answer.headers["set-cookie"]
        assert "max-age" in answer.headers["strict-transport-security"]


def test_a_message_is_acknowledged_only_when_it_is_kept(site: Site, visit: Callable[..., httpx.Client]) -> None:
    answer = say(visit(), "habari")
    assert answer.status_code == 202
    assert [message.text for message in site.messages()] == ["habari"]


def test_a_repeated_message_is_kept_once(site: Site, visit: Callable[..., httpx.Client]) -> None:
    client = visit()
    assert [say(client, "habari", "7").status_code for _ in range(3)] == [202, 202, 202]
    assert len(site.messages()) == 1


def test_a_choice_is_kept_with_its_title(site: Site, visit: Callable[..., httpx.Client]) -> None:
    say(visit(), "Free ones", choice="refine:free")
    assert [(message.kind, message.text, message.choice) for message in site.messages()] == [
        ("choice", "Free ones", "refine:free")
    ]


def test_visitors_do_not_see_each_others_talk(site: Site, visit: Callable[..., httpx.Client]) -> None:
    one, other = visit(), visit()
    say(one, "one")
    say(other, "other")
    assert events(one, 1)[0]["data"]["text"] == "You said: one"
    assert events(other, 1)[0]["data"]["text"] == "You said: other"
    assert history(one) == [("person", "one"), ("assistant", "You said: one")]


def test_the_history_is_bounded_and_in_order(site: Site, visit: Callable[..., httpx.Client]) -> None:
    client = visit()
    say(client, "the first")
    events(client, 1)
    for number in range(60):
        site.say(str(number), tell=False)
    assert [text for _, text in history(client)] == [str(number) for number in range(10, 60)]
    last = client.get("/channels/web/history").json()["last"]
    assert last == max(each for (each,) in rows(site, Delivery.id))


def test_leaving_takes_the_cookies_away_and_keeps_the_conversation(
    site: Site, visit: Callable[..., httpx.Client]
) -> None:
    client = visit()
    client.get("/?lang=sw")
    say(client, "habari")
    assert client.post("/channels/web/leave").status_code == 204
    assert list(client.cookies.jar) == []
    assert history(client) == []
    assert len(rows(site, Conversation.id)) == 1


@pytest.mark.parametrize("path", ["/channels/web", "/channels/web/leave"])
def test_what_another_site_sends_is_refused(site: Site, visit: Callable[..., httpx.Client], path: str) -> None:
    answer = visit(Origin="https://evil.example").post(path, json={"id": "1", "text": "x"})
    assert answer.status_code == 403
    assert answer.json() == {"error": "This message did not come from this page."}
    assert "set-cookie" not in answer.headers
    assert site.messages() == []


@pytest.mark.parametrize(
    ("body", "status"), [(b"", 400), (b"{", 400), (b'{"id": 1}', 400), (b"x" * (LONGEST_BODY + 1), 413)]
)
def test_bad_bodies_are_refused_kindly(
    site: Site, visit: Callable[..., httpx.Client], body: bytes, status: int
) -> None:
    answer = visit().post("/channels/web", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}
    assert site.messages() == []


def test_a_very_long_message_is_taken_and_cut_later(site: Site, visit: Callable[..., httpx.Client]) -> None:
    assert say(visit(), "ሰ" * 20_000).status_code == 202
    assert len(site.messages()[0].text) == 4_000


def test_who_writes_too_fast_is_asked_to_wait(site: Site, visit: Callable[..., httpx.Client]) -> None:
    client = visit()
    answers = [say(client, "x", str(number)) for number in range(22)]
    assert [answer.status_code for answer in answers] == [202] * 20 + [429] * 2
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60
    assert "wait a moment" in answers[-1].json()["error"]
    assert say(visit(), "another visitor is not held up").status_code == 202


def test_one_network_cannot_flood_the_desk_with_ever_new_visitors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webchat, "MOST_OF_NETWORK", 3)
    site = Site(tmp_path)
    with site.serving():
        codes = [
            httpx.post(
                f"{site.url}/channels/web", json={"id": str(number), "text": "hi"}, headers={"Origin": site.url}
            ).status_code
            for number in range(5)
        ]
    assert codes == [202, 202, 202, 429, 429]


def test_the_pace_allows_again_after_a_while() -> None:
    moment = [0.0]
    pace = Pace(2, 60, lambda: moment[0])
    assert [pace.wait("a"), pace.wait("a"), pace.wait("a")] == [0, 0, 60]
    moment[0] = 59
    assert pace.wait("a") == 1
    moment[0] = 60.5
    assert pace.wait("a") == 0


def test_the_pace_forgets_old_visitors() -> None:
    moment = [0.0]
    pace = Pace(2, 60, lambda: moment[0])
    for number in range(10_001):
        pace.wait(str(number))
    moment[0] = 100
    pace.wait("new")
    assert len(pace._sent) == 1


def test_a_language_that_was_picked_goes_before_the_first_message(
    site: Site, visit: Callable[..., httpx.Client]
) -> None:
    client = visit()
    client.get("/?lang=sw")
    say(client, "free python course", "1")
    say(client, "free python course", "1")
    until(lambda: bool(rows(site, Contact.language)[0][0]))
    say(client, "more", "2")

    assert [(each.text, each.choice) for each in site.messages()] == [
        ("Kiswahili", "language:sw"),
        ("free python course", None),
        ("more", None),
    ]


def test_who_was_forgotten_is_still_answered_in_the_language_that_they_picked(
    site: Site, visit: Callable[..., httpx.Client]
) -> None:
    client = visit()
    client.get("/?lang=sw")
    say(client, "free python course", "1")
    with site.database.write() as session:
        session.execute(update(Contact).values(language=None))  # as erasing does
    say(client, "more", "2")

    assert [each.choice for each in site.messages()] == ["language:sw", None, "language:sw", None]


def test_a_language_that_a_browser_just_asks_for_is_not_picked(site: Site, visit: Callable[..., httpx.Client]) -> None:
    say(visit(**{"Accept-Language": "fr"}), "free python course")

    assert [message.choice for message in site.messages()] == [None]


def test_newcomers_are_read_however_many_requests_of_their_network_wait(tmp_path: Path) -> None:
    site = Site(tmp_path, proxies="127.0.0.1")
    with site.serving():
        for _ in range(MOST_FROM_NETWORK + 1):  # a whole mobile network may have one address
            with httpx.Client(base_url=site.url, headers={"Origin": site.url}) as somebody:
                assert say(somebody, "a person please").status_code == 202
        open_tickets(site)

        with httpx.Client(base_url=site.url, headers={"Origin": site.url}) as newcomer:
            assert say(newcomer, "I am in danger").status_code == 202
