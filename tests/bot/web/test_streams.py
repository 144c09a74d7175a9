"""Answers as they come: the event stream of a page."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

import httpx
import pytest
from sqlalchemy import delete, event

from bot import streams
from bot.signals import Signal
from channels.web import COOKIE
from store.tables import Contact, Delivery, now
from tests.bot.web import events, history, rows, say, until
from tests.servers.page import Site


def stream_of(client: httpx.Client, opened: ExitStack) -> httpx.Response:
    return opened.enter_context(client.stream("GET", "/channels/web/stream"))


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
    until(lambda: [state for (state,) in rows(site, Delivery.state)] == ["delivered"])


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
    until(lambda: len(rows(site, Delivery.id)) == 8)
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
