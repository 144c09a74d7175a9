"""Open pages of the desk are told of changes: over real connections, with many officers and chats."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import pytest
import uvicorn

import desk.live
from desk.access import COOKIE
from store.desk_tables import SignIn
from store.tables import Ticket
from tests.desk.conftest import House, Seat

SOON = 1.0
"""Seconds within which an officer is to see a change."""


def wait(for_: object, seconds: float = 5.0) -> None:
    """Wait until `for_()` is true."""
    deadline = time.monotonic() + seconds
    while not for_():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


@dataclass
class Tab:
    """An open page, listening in a thread of its own."""

    seat: Seat
    url: str
    heard: list[tuple[str, str, float]] = field(default_factory=list)
    """Event, data, and when it came."""
    is_open: bool = False
    ended: bool = False

    def listen(self) -> None:
        name = ""
        cookies = {COOKIE: self.seat.browser.cookies[COOKIE]}
        with httpx.stream("GET", f"{self.url}/desk/live", cookies=cookies, timeout=30) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            for line in stream.iter_lines():
                self.is_open = True
                name = line.removeprefix("event: ") if line.startswith("event: ") else name
                if line.startswith("data: "):
                    self.heard.append((name, line.removeprefix("data: "), time.monotonic()))
        self.ended = True

    def after(self, begun: float, name: str, number: int) -> float | None:
        """Seconds from `begun` to an event; none if it has not come."""
        times = [at for event, data, at in self.heard if (event, data) == (name, str(number)) and at >= begun]
        return times[0] - begun if times else None


class Street:
    """A house whose desk is served on a real port."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.listening: list[threading.Thread] = []
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.server = uvicorn.Server(uvicorn.Config(house.app, "127.0.0.1", port, log_level="warning"))
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        wait(lambda: self.server.started)

    def tab(self, seat: Seat) -> Tab:
        """Open a page."""
        tab = Tab(seat, self.url)
        thread = threading.Thread(target=tab.listen, daemon=True)
        thread.start()
        self.listening.append(thread)
        wait(lambda: tab.is_open)
        return tab

    def stop(self) -> None:
        """Stop the server as `bot.web.Server` does."""
        self.house.parts.stopping.set()
        self.server.should_exit = True
        self.thread.join(10)
        assert not self.thread.is_alive(), "open streams kept the server from stopping"
        for thread in self.listening:
            thread.join(5)


@contextmanager
def served(house: House) -> Iterator[Street]:
    street = Street(house)
    try:
        yield street
    finally:
        street.stop()


@pytest.fixture
def street(house: House) -> Iterator[Street]:
    with served(house) as street:
        yield street


@pytest.mark.alone
def test_ten_officers_with_fifty_open_chats_see_each_change_within_a_second(street: Street) -> None:
    house = street.house
    seats = [house.seat(f"Officer{number}") for number in range(10)]
    held = [(house.ticket(address=f"p{number}"), seats[number % 10]) for number in range(50)]
    for number, seat in held:
        house.escalation.claim(number, seat.officer)
    tabs = {seat.id: street.tab(seat) for seat in seats}
    slowest = 0.0
    for number, seat in held[::5]:
        begun = time.monotonic()
        house.says("I have another question", f"p{number - 1}")  # as another process does: no signal is raised
        mine = tabs[seat.id]
        wait(lambda mine=mine, begun=begun, number=number: mine.after(begun, "mine", number), SOON + 1)
        for tab in tabs.values():
            wait(lambda tab=tab, begun=begun, number=number: tab.after(begun, "ticket", number), SOON + 1)
            slowest = max(slowest, tab.after(begun, "ticket", number) or 0)
        slowest = max(slowest, mine.after(begun, "mine", number) or 0)
    print(f"slowest of 10 changes x 10 pages, seen from another process: {slowest:.3f} s")
    assert slowest < SOON


def test_what_happens_in_this_process_is_told_at_once(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.live, "LOOK_EVERY", 30.0)
    amina, number = street.house.seat(), street.house.ticket()
    tab = street.tab(amina)
    begun = time.monotonic()
    street.house.escalation.claim(number, amina.officer)
    for name in ("queue", "mine", "ticket"):
        wait(lambda name=name: tab.after(begun, name, number), SOON)


def test_a_new_ticket_changes_the_queue_of_everybody_but_nobodys_chats(street: Street) -> None:
    amina, omar = street.house.seat(), street.house.seat("Omar")
    mine = street.house.ticket(address="a")
    street.house.escalation.claim(mine, amina.officer)
    tabs = street.tab(amina), street.tab(omar)
    begun = time.monotonic()
    street.house.says("hello", "a")
    wait(lambda: tabs[0].after(begun, "mine", mine), 3)
    new = street.house.ticket(address="b")
    for tab in tabs:
        wait(lambda tab=tab: tab.after(begun, "queue", new), 3)
    assert tabs[1].after(begun, "mine", mine) is None


def test_from_whom_a_chat_is_taken_is_told_as_well(street: Street) -> None:
    amina, omar, number = street.house.seat(), street.house.seat("Omar"), street.house.ticket()
    street.house.escalation.claim(number, amina.officer)
    tabs = street.tab(amina), street.tab(omar)
    begun = time.monotonic()
    street.house.escalation.transfer(number, amina.officer, omar.id, "please")
    for tab in tabs:
        wait(lambda tab=tab: tab.after(begun, "mine", number), 3)


def test_that_a_colleague_comes_and_writes_is_told_but_not_each_of_their_keys(street: Street) -> None:
    house = street.house
    amina, omar, number = house.seat(), house.seat("Omar"), house.ticket()
    tab = street.tab(amina)
    for writing in ("0", "1", "0"):
        begun = time.monotonic()
        omar.post(f"/tickets/{number}/presence", writing=writing)
        wait(lambda begun=begun: tab.after(begun, "ticket", number), 3)
    omar.post(f"/tickets/{number}/presence", writing="0")
    time.sleep(0.6)
    begun = time.monotonic()
    omar.post(f"/tickets/{number}/presence", writing="0")
    time.sleep(1.5)
    assert tab.after(begun, "ticket", number) is None


def test_all_pages_of_a_process_share_one_look_at_the_database(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []
    look = desk.live.marks

    def counted(*args):  # type: ignore[no-untyped-def]
        looks.append(time.monotonic())
        return look(*args)

    monkeypatch.setattr(desk.live, "marks", counted)
    for number in range(10):
        street.tab(street.house.seat(f"Officer{number}"))
    looks.clear()
    time.sleep(3)
    assert 3 <= len(looks) <= 5


def test_a_look_that_fails_ends_no_stream(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    amina, number = street.house.seat(), street.house.ticket()
    tab = street.tab(amina)
    look, fails = desk.live.marks, threading.Event()

    def broken(*args):  # type: ignore[no-untyped-def]
        fails.set()
        raise ConnectionError("the database is away")

    monkeypatch.setattr(desk.live, "marks", broken)
    wait(fails.is_set, 3)
    monkeypatch.setattr(desk.live, "marks", look)
    begun = time.monotonic()
    street.house.escalation.claim(number, amina.officer)
    wait(lambda: tab.after(begun, "mine", number), 3)


def test_who_signs_out_is_told_no_more(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.live, "HEARTBEAT", 0.2)
    amina = street.house.seat()
    tab = street.tab(amina)
    with street.house.database.write() as session:
        session.query(SignIn).delete()
    wait(lambda: tab.ended, 3)


def test_also_while_much_happens(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.live, "HEARTBEAT", 0.5)
    house = street.house
    amina, number = house.seat(), house.ticket()
    tab = street.tab(amina)
    with house.database.write() as session:
        session.query(SignIn).delete()
    for _ in range(20):
        house.says("and another thing")
        house.arrived.set()
        time.sleep(0.2)
        if tab.ended:
            break
    assert tab.ended
    assert house.row(Ticket, number).state == "open"


def test_strangers_get_no_stream(house: House) -> None:
    answer = house.browser().get("/desk/live", headers={"Accept": "text/event-stream"}, follow_redirects=False)
    assert answer.status_code == 401


def test_an_officer_has_so_many_streams_and_no_more(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.live, "MOST", 2)
    amina = street.house.seat()
    street.tab(amina)
    street.tab(amina)
    cookies = {COOKIE: amina.browser.cookies[COOKIE]}
    answer = httpx.get(f"{street.url}/desk/live", cookies=cookies)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")


def test_a_server_that_stops_ends_its_streams(house: House) -> None:
    with served(house) as street:
        tab = street.tab(house.seat())
        street.stop()
    assert tab.ended
