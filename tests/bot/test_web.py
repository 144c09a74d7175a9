"""The page and its API over HTTP, without a browser."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from pydantic import ValidationError
from sqlalchemy import delete, event, select, update

from bot import streams, webchat
from bot.pace import Pace
from bot.pages import assets
from bot.settings import Settings
from bot.signals import Signal
from bot.web import LAST
from bot.worker import MOST_FROM_NETWORK
from channels.web import COOKIE, LONGEST_BODY
from store import tickets
from store.tables import Contact, Conversation, Delivery, now
from tests.servers.page import Site

PAGES = ["/", "/privacy", "/healthz", "/readyz", "/nothing-here", "/channels/web/history"]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    with site.serving():
        yield site


@pytest.fixture
def visit(site: Site) -> Iterator[Callable[..., httpx.Client]]:
    opened: list[httpx.Client] = []

    def enter(**headers: str) -> httpx.Client:
        opened.append(httpx.Client(base_url=site.url, headers={"Origin": site.url} | headers, timeout=10))
        return opened[-1]

    yield enter
    for client in opened:
        client.close()


def say(client: httpx.Client, text: str, message_id: str = "1", **more: str) -> httpx.Response:
    return client.post("/channels/web", json={"id": message_id, "text": text} | more)


def events(client: httpx.Client, most: int, path: str = "/channels/web/stream", **headers: str) -> list[dict[str, Any]]:
    """The first `most` events of the stream; an event without a name is a message."""
    found: list[dict[str, Any]] = []
    with client.stream("GET", path, headers=headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        event: dict[str, Any] = {}
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            if name == "data":
                event["data"] = json.loads(value)
            elif line:
                event[name] = value
            elif "data" in event:
                found.append(event)
                event = {}
            if len(found) == most:
                break
    return found


def until(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 8
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def history(client: httpx.Client) -> list[tuple[str, str]]:
    return [(each["author"], each["text"]) for each in client.get("/channels/web/history").json()["messages"]]


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


def test_answers_come_over_the_stream_and_are_marked_delivered(site: Site, visit: Callable[..., httpx.Client]) -> None:
    client = visit()
    say(client, "habari")
    [event] = events(client, 1)
    assert event["data"] | {"at": ""} == {
        "id": int(event["id"]),
        "author": "assistant",
        "text": "You said: habari",
        "buttons": [],
        "language": "en",
        "dir": "ltr",
        "at": "",
    }
    until(lambda: [state for (state,) in _rows(site, Delivery.state)] == ["delivered"])


def test_an_arabic_answer_says_that_it_runs_from_right_to_left(site: Site, visit: Callable[..., httpx.Client]) -> None:
    site.worker.answer = lambda _text: [("ar", "مرحبا", [("نعم", "yes")])]
    client = visit()
    say(client, "سلام")
    data = events(client, 1)[0]["data"]
    assert (data["dir"], data["buttons"]) == ("rtl", [["نعم", "yes"]])


def test_the_stream_goes_on_where_it_was_cut(site: Site, visit: Callable[..., httpx.Client]) -> None:
    client = visit()
    for number in "123":
        say(client, number, number)
    ids = [event["id"] for event in events(client, 3)]
    assert ids == sorted(set(ids), key=int)
    assert [event["id"] for event in events(client, 2, **{"Last-Event-ID": ids[0]})] == ids[1:]
    assert [event["id"] for event in events(client, 1, f"/channels/web/stream?after={ids[1]}")] == ids[2:]


@pytest.mark.parametrize("after", ["", "-1", "x", "1e9", "٣", "9" * 40])
def test_a_senseless_place_to_go_on_from_means_the_beginning(
    site: Site, visit: Callable[..., httpx.Client], after: str
) -> None:
    client = visit()
    say(client, "habari")
    assert len(events(client, 1, f"/channels/web/stream?after={after}")) == 1


def test_what_another_process_says_shows_up_soon(site: Site, visit: Callable[..., httpx.Client]) -> None:
    client = visit()
    say(client, "habari")
    first = events(client, 1)[0]["id"]
    late = threading.Timer(0.5, lambda: site.say("An officer here.", tell=False))
    late.start()
    begin = time.monotonic()
    [event] = events(client, 1, **{"Last-Event-ID": first})
    assert (event["data"]["author"], event["data"]["text"]) == ("officer", "An officer here.")
    assert time.monotonic() - begin < 4


def test_after_an_erasure_the_page_is_told_to_forget(site: Site, visit: Callable[..., httpx.Client]) -> None:
    client = visit()
    say(client, "habari")
    first = events(client, 1)[0]["id"]
    with site.database.write() as session:
        session.query(Contact).one().erased_at = now()
    site.say("It is erased.", author="assistant")
    named = events(client, 2, **{"Last-Event-ID": first})
    assert [event.get("event") for event in named] == ["erased", None]
    assert [event.get("event") for event in events(client, 1, **{"Last-Event-ID": "0"})] == ["erased"]


def test_strangers_get_no_stream_and_no_history(site: Site, visit: Callable[..., httpx.Client]) -> None:
    say(visit(), "something private")
    stranger = visit()
    assert stranger.get("/channels/web/stream").status_code == 204
    assert stranger.get("/channels/web/history").json() == {"messages": [], "last": 0, "known": False}
    stranger.cookies.set(COOKIE, "a" * 43)
    assert history(stranger) == []


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
    assert last == max(each for (each,) in _rows(site, Delivery.id))


def test_leaving_takes_the_cookies_away_and_keeps_the_conversation(
    site: Site, visit: Callable[..., httpx.Client]
) -> None:
    client = visit()
    client.get("/?lang=sw")
    say(client, "habari")
    assert client.post("/channels/web/leave").status_code == 204
    assert list(client.cookies.jar) == []
    assert history(client) == []
    assert len(_rows(site, Conversation.id)) == 1


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


@pytest.mark.parametrize("path", PAGES)
def test_every_response_carries_the_headers_that_keep_pages_safe(visit: Callable[..., httpx.Client], path: str) -> None:
    headers = visit().get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "strict-transport-security" not in headers


@pytest.mark.parametrize("path", ["/", "/privacy", "/nothing-here"])
def test_pages_hold_no_inline_script_or_style_and_nothing_from_elsewhere(
    visit: Callable[..., httpx.Client], path: str
) -> None:
    page = visit().get(path).text
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:", page)
    for script in re.findall(r"<script[^>]*>", page):
        assert 'type="application/json"' in script or 'src="/static/' in script
    assert not re.search(r"""(src|href)=["'](https?:)?//""", page)


def test_files_may_be_kept_for_ever_because_their_address_changes_with_them(
    visit: Callable[..., httpx.Client],
) -> None:
    client = visit()
    pages = "".join(client.get(path).text for path in ("/", "/catalogue", "/join"))
    for asset in assets().values():
        assert asset.path in pages
        answer = client.get(asset.path)
        assert answer.content == asset.body
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert client.get("/static/000000000000/style.css").status_code == 404
    assert client.get("/static/x/../../web.py").status_code == 404


def test_the_page_is_light(visit: Callable[..., httpx.Client]) -> None:
    client = visit()
    client.headers["Accept-Encoding"] = "gzip"
    total = 0
    for path in ["/?lang=am", *(asset.path for asset in assets().values())]:
        answer = client.get(path)
        total += (
            len(gzip.compress(answer.content))
            if "gzip" in answer.headers.get("content-encoding", "")
            else len(answer.content)
        )
    assert total < 25_000


@pytest.mark.parametrize(
    ("path", "headers", "language"),
    [
        ("/", {}, "en"),
        ("/", {"Accept-Language": "sw-KE,sw;q=0.9,en;q=0.8"}, "sw"),
        ("/", {"Accept-Language": "xx, ar;q=0.3"}, "ar"),
        ("/", {"Accept-Language": "ar", "Cookie": "dalil-language=fr"}, "fr"),
        ("/?lang=hi", {"Accept-Language": "ar", "Cookie": "dalil-language=fr"}, "hi"),
        ("/?lang=<script>", {"Cookie": "dalil-language=../../etc"}, "en"),
        ("/privacy", {"Accept-Language": "am"}, "am"),
        ("/nothing-here", {"Accept-Language": "am"}, "am"),
    ],
)
def test_a_page_is_in_the_visitors_language(
    visit: Callable[..., httpx.Client], path: str, headers: dict[str, str], language: str
) -> None:
    page = visit(**headers).get(path).text
    direction = "rtl" if language == "ar" else "ltr"
    assert f'<html lang="{language}" dir="{direction}">' in page


def test_a_chosen_language_is_remembered(visit: Callable[..., httpx.Client]) -> None:
    client = visit()
    client.get("/?lang=bn")
    assert '<html lang="bn"' in client.get("/").text


def test_the_privacy_page_says_who_and_how_long(tmp_path: Path) -> None:
    site = Site(tmp_path, operator="Ministry of <Ideas>", retention_days=30)
    with site.serving():
        page = httpx.get(f"{site.url}/privacy").text
    assert "Ministry of &lt;Ideas&gt;" in page
    assert "30 days" in page
    for command in ("/erase", "/export", "/stop", "/person"):
        assert command in page


def test_health_is_told(site: Site, visit: Callable[..., httpx.Client]) -> None:
    client = visit()
    assert client.get("/healthz").status_code == 200
    assert client.head("/healthz").status_code == 200
    assert client.get("/readyz").json() == {"status": "ready"}
    site.is_ready = False
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["reason"]) == (503, "the index is not loaded yet")


def test_without_a_database_it_is_not_ready(site: Site, visit: Callable[..., httpx.Client], monkeypatch: Any) -> None:
    monkeypatch.setattr(type(site.database), "ready", lambda _self: False)
    answer = visit().get("/readyz")
    assert (answer.status_code, answer.json()["reason"]) == (503, "the database does not answer")


def test_what_breaks_is_not_shown(site: Site, visit: Callable[..., httpx.Client], monkeypatch: Any) -> None:
    async def burst(_self: object, *_messages: object) -> int:
        raise RuntimeError("secret of the house")

    monkeypatch.setattr(type(site.parts.intake), "take", burst)
    answer = say(visit(), "habari")
    assert answer.status_code == 500
    assert answer.json() == {"error": "Something went wrong here. Please try again in a moment."}
    assert "set-cookie" not in answer.headers
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing-here", 404), ("PUT", "/", 405), ("GET", "/docs", 404)],
)
def test_wrong_addresses_get_a_plain_page(
    visit: Callable[..., httpx.Client], method: str, path: str, status: int
) -> None:
    answer = visit().request(method, path)
    assert answer.status_code == status
    assert answer.text.startswith("<!doctype html>")


def test_the_server_stops_though_a_page_is_open(tmp_path: Path) -> None:
    site = Site(tmp_path)
    with httpx.Client(base_url=site.url, headers={"Origin": site.url}) as client, site.serving():
        say(client, "habari")
        reader = threading.Thread(target=lambda: events(client, 99), daemon=True)
        reader.start()
        until(lambda: [state for (state,) in _rows(site, Delivery.state)] == ["delivered"])
        begin = time.monotonic()
    assert time.monotonic() - begin < 5
    reader.join(5)
    assert not reader.is_alive()


def test_the_server_stops_though_a_request_never_comes_to_its_end(tmp_path: Path) -> None:
    site = Site(tmp_path)
    head = b"POST /channels/web HTTP/1.1\r\nHost: dalil.example\r\nContent-Length: 1000\r\n\r\n"
    with site.serving():
        slow = socket.create_connection((urlsplit(site.url).hostname, site.port))
        slow.sendall(head + b"only the beginning")
        time.sleep(0.2)  # the server has it by now
        begin = time.monotonic()
    assert time.monotonic() - begin < LAST + 3
    slow.close()


def _rows(site: Site, column: Any) -> list[Any]:
    with site.database.read() as session:
        return session.query(column).all()


def test_a_language_that_was_picked_goes_before_the_first_message(
    site: Site, visit: Callable[..., httpx.Client]
) -> None:
    client = visit()
    client.get("/?lang=sw")
    say(client, "free python course", "1")
    say(client, "free python course", "1")
    until(lambda: bool(_rows(site, Contact.language)[0][0]))
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


@pytest.mark.parametrize("language", ["en", "ar", "bn"])
def test_the_page_and_all_it_loads_weigh_less_than_60_kilobytes(
    visit: Callable[..., httpx.Client], language: str
) -> None:
    browser = visit(**{"Accept-Language": language, "Accept-Encoding": "gzip"})
    page = browser.get("/")
    paths = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)) | {"/channels/web/history"}

    weights = {path: browser.get(path).num_bytes_downloaded for path in paths}

    assert len(weights) > 3
    assert page.num_bytes_downloaded + sum(weights.values()) < 60_000


def stream_of(client: httpx.Client, opened: ExitStack) -> httpx.Response:
    return opened.enter_context(client.stream("GET", "/channels/web/stream"))


def test_a_fourth_page_ends_the_oldest_stream_and_asks_it_to_wait(
    site: Site, visit: Callable[..., httpx.Client]
) -> None:
    client = visit()
    say(client, "habari")
    with ExitStack() as opened:
        first, *others = [stream_of(client, opened) for _ in range(4)]
        assert list(first.iter_lines())[-2] == "retry: 30000"
        site.say("An officer here.")
        for other in others:
            assert any("An officer here." in line for line in other.iter_lines())


@pytest.mark.parametrize("limit", ["MOST_OF_NETWORK", "MOST"])
def test_too_many_streams_are_refused_until_one_closes(
    visit: Callable[..., httpx.Client], monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(streams, limit, 2)
    visitors = [visit() for _ in range(3)]
    for visitor in visitors:
        say(visitor, "habari")
    with ExitStack() as opened, ExitStack() as kept:
        stream_of(visitors[0], opened)
        stream_of(visitors[1], kept)
        refused = visitors[2].get("/channels/web/stream")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "30")
        opened.close()
        until(lambda: stream_of(visitors[2], kept).status_code == 200)


def test_who_has_never_written_gets_no_stream_and_who_has_gets_one_at_once(visit: Callable[..., httpx.Client]) -> None:
    client = visit(Cookie=f"{COOKIE}={'a' * 43}")
    assert client.get("/channels/web/stream").status_code == 204
    say(client, "habari")
    assert events(client, 1)[0]["data"]["text"] == "You said: habari"


def test_a_stream_ends_when_its_conversation_is_erased_for_good(site: Site, visit: Callable[..., httpx.Client]) -> None:
    client = visit()
    say(client, "habari")
    events(client, 1)
    with ExitStack() as opened:
        stream = stream_of(client, opened)
        with site.database.write() as session:
            session.execute(delete(Contact))
        site.parts.said.set()
        list(stream.iter_lines())
    assert client.get("/channels/web/stream").status_code == 204


def test_pages_that_only_wait_share_one_look_at_the_database(site: Site, visit: Callable[..., httpx.Client]) -> None:
    visitors = [visit() for _ in range(8)]
    for visitor in visitors:
        say(visitor, "habari")
    until(lambda: len(_rows(site, Delivery.id)) == 8)
    site.worker.stop()
    with ExitStack() as opened:
        for visitor in visitors:
            lines = stream_of(visitor, opened).iter_lines()
            assert any("You said" in line for line in lines)
        time.sleep(0.5)
        asked: list[str] = []
        event.listen(site.database.engine, "before_cursor_execute", lambda *heard: asked.append(heard[2]))
        time.sleep(streams.LOOK_EVERY + 0.5)
    assert 1 <= len([statement for statement in asked if "SELECT" in statement]) <= 2


def test_only_those_are_woken_whom_it_concerns() -> None:
    async def wake() -> list[list[bool]]:
        signal, one, other = Signal(), asyncio.Event(), asyncio.Event()
        signal.listen(1, one)
        signal.listen(2, other)
        states = []
        for key in (1, 3, None):
            one.clear(), other.clear()
            signal.set(key)
            await asyncio.sleep(0)
            states.append([one.is_set(), other.is_set()])
        signal.hush(1, one)
        one.clear()
        signal.set(1)
        await asyncio.sleep(0)
        return [*states, [one.is_set(), signal.count == 4]]

    assert asyncio.run(wake()) == [[True, False], [False, False], [True, True], [False, True]]


@pytest.mark.parametrize(
    ("proxies", "codes"),
    [((), [202, 202, 429]), (("10.0.0.0/8",), [202, 202, 429]), (("10.0.0.0/8", "127.0.0.1"), [202, 202, 202])],
)
def test_only_a_proxy_that_is_set_can_say_where_somebody_writes_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxies: tuple[str, ...], codes: list[int]
) -> None:
    monkeypatch.setattr(webchat, "MOST_OF_NETWORK", 2)
    site = Site(tmp_path, proxies=proxies)
    with site.serving():
        answers = [
            httpx.post(
                f"{site.url}/channels/web",
                json={"id": "1", "text": "hi"},
                headers={"Origin": site.url, "X-Forwarded-For": f"198.51.100.{number}"},
            )
            for number in range(3)
        ]
    assert [answer.status_code for answer in answers] == codes


def test_what_a_visitor_puts_before_the_proxys_word_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webchat, "MOST_OF_NETWORK", 2)
    site = Site(tmp_path, proxies="127.0.0.1")
    with site.serving():
        codes = [
            httpx.post(
                f"{site.url}/channels/web",
                json={"id": "1", "text": "hi"},
                headers={"Origin": site.url, "X-Forwarded-For": f"192.0.2.{number}, 198.51.100.1"},
            ).status_code
            for number in range(3)
        ]
    assert codes == [202, 202, 429]


def test_proxies_are_addresses_or_networks() -> None:
    assert Settings(proxies="127.0.0.1, 10.0.0.0/8").proxies == ("127.0.0.1", "10.0.0.0/8")  # type: ignore[arg-type]
    assert Settings().proxies == ()
    for wrong in ("*", "proxy.example", "10.0.0.1/8"):
        with pytest.raises(ValidationError):
            Settings(proxies=wrong)  # type: ignore[arg-type]


def open_tickets(site: Site) -> None:
    """Everybody who has written gets a ticket."""
    with site.database.write() as session:
        for conversation_id in session.scalars(select(Conversation.id)).all():
            tickets.open_one(session, conversation_id, reason="asked", language="en", country=None, need={})


def test_newcomers_are_read_however_many_requests_of_their_network_wait(tmp_path: Path) -> None:
    site = Site(tmp_path, proxies="127.0.0.1")
    with site.serving():
        for _ in range(MOST_FROM_NETWORK + 1):  # a whole mobile network may have one address
            with httpx.Client(base_url=site.url, headers={"Origin": site.url}) as somebody:
                assert say(somebody, "a person please").status_code == 202
        open_tickets(site)

        with httpx.Client(base_url=site.url, headers={"Origin": site.url}) as newcomer:
            assert say(newcomer, "I am in danger").status_code == 202
