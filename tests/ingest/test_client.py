"""The client: it goes only where it may, takes only so much, waits where it is told to, and remembers."""

from __future__ import annotations

import gzip
import logging
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingest.client import Client, Forbidden, Page, Refused, Unreachable, checked, public, shown
from tests.servers.site import CUT, Answer, Call, Site, as_json, serving

HTML = {"Content-Type": "text/html; charset=utf-8"}
OPEN = "93.184.216.34"
"""An address of the open internet."""


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as running:
        running.routes["/"] = (200, HTML, "Hello")
        yield running


@pytest.fixture
def client() -> Iterator[Client]:
    """It may go to the site."""
    with Client(private=["127.0.0.1"], pause=0) as made:
        yield made


class Names:
    """A name server, and an internet of which every open address is our site."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.known: dict[str, list[list[str]]] = {}
        """Name → its addresses, each time that it is asked for; the last ones stay."""
        self.connected: list[str] = []
        self._really, self._connect = socket.getaddrinfo, socket.create_connection
        monkeypatch.setattr(socket, "getaddrinfo", self._resolve)
        monkeypatch.setattr(socket, "create_connection", self._connected)

    def _resolve(self, host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        said = self.known.get(host)
        if said is None:
            return self._really(host, port, *args, **kwargs)
        found = said.pop(0) if len(said) > 1 else said[0]
        return [(socket.AF_INET6 if ":" in each else socket.AF_INET, 1, 6, "", (each, port)) for each in found]

    def _connected(self, address: tuple[str, int], *args: Any, **kwargs: Any) -> socket.socket:
        self.connected.append(address[0])
        return self._connect(("127.0.0.1", address[1]), *args, **kwargs)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    return Names(monkeypatch)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that are waited, while nobody really waits."""
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    return waited


def aged(memory: Path) -> None:
    """Two hours pass."""
    for page in memory.iterdir():
        then = page.stat().st_mtime - 7200
        os.utime(page, (then, then))


# Where it goes


@pytest.mark.parametrize(
    "address",
    [
        "file:///etc/passwd", "ftp://files.example/a", "gopher://old.example", "javascript:alert(1)", "data:,a",
        "//no-scheme.example", "/etc/passwd", "", "http://", "http://[::1", "http://127.0.0.1:99999/", "http://a\nb/",
    ],
)  # fmt: skip
def test_only_addresses_of_the_web_are_fetched(client: Client, address: str) -> None:
    with pytest.raises(Forbidden):
        client.get(address)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "0x7f.0.0.1", "2130706433", "0.0.0.0", "10.0.0.1", "172.16.3.4", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255", "[::1]", "[::]", "[fe80::1]", "[fc00::1]",
        "[fec0::1]", "[ff02::1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]",
        "[64:ff9b:1::a00:1]", "[2002:7f00:1::]",
    ],
)  # fmt: skip
def test_private_hosts_are_not_fetched_from_however_they_are_written(host: str) -> None:
    with Client(pause=0) as client, pytest.raises(Forbidden, match="private network"):
        client.get(f"http://{host}/")


@pytest.mark.parametrize(
    "address", [OPEN, "2606:2800:220:1:248:1893:25c8:1946", f"::ffff:{OPEN}", "64:ff9b::5db8:d822", "2002:5db8:d822::1"]
)
def test_hosts_of_the_open_internet_are_fetched_from(address: str) -> None:
    assert public(address)


def test_a_name_that_stands_for_a_private_address_is_not_fetched_from(site: Site, names: Names) -> None:
    names.known["inside.example"] = [["10.1.2.3"]]
    names.known["half-inside.example"] = [[OPEN, "::1"]]

    with Client(pause=0) as client:
        for name in ("inside.example", "half-inside.example", "localhost"):
            with pytest.raises(Forbidden, match="private network"):
                client.get(site.url.replace("127.0.0.1", name))

    assert names.connected == []


def test_the_connection_goes_to_the_address_that_was_checked(site: Site, names: Names) -> None:
    names.known["turning.example"] = [[OPEN], ["127.0.0.1"]]

    with Client(pause=0) as client:
        client.get(site.url.replace("127.0.0.1", "turning.example"))

    assert names.connected == [OPEN]
    assert site.calls[0].headers["host"].startswith("turning.example:")


def test_an_open_host_does_not_lead_into_a_private_network(site: Site, names: Names) -> None:
    names.known["open.example"] = [[OPEN]]
    names.known["inside.example"] = [["192.168.0.1"]]
    site.routes["/secret"] = (200, HTML, "of the house")
    inside = site.url.replace("127.0.0.1", "inside.example")

    with Client(private=["typed.example"], pause=0) as client:
        for target in (f"{site.url}/secret", f"{inside}/secret", "http://169.254.169.254/", "http://[::ffff:7f00:1]/"):
            site.routes["/away"] = (302, {"Location": target}, "")
            with pytest.raises(Forbidden, match="private network"):
                client.get(site.url.replace("127.0.0.1", "open.example") + "/away")

    assert site.count("/secret") == 0


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://files.example/", "javascript:alert(1)", "http://[", "//:99999/"]
)
def test_a_redirect_stays_in_the_web(site: Site, client: Client, target: str) -> None:
    site.routes["/away"] = (302, {"Location": target}, "")

    with pytest.raises(Unreachable):
        client.get(f"{site.url}/away")

    assert site.count() <= 3


def test_five_redirects_are_followed_and_no_more(site: Site, client: Client) -> None:
    def hop(call: Call) -> Answer:
        left = int(call.query["left"])
        return (302, {"Location": f"/hop?left={left - 1}"}, "") if left else (200, HTML, "there")

    site.routes["/hop"] = hop

    page = client.get(f"{site.url}/hop", {"left": 5})

    assert (page.text, page.url) == ("there", f"{site.url}/hop?left=0")
    with pytest.raises(Unreachable, match="more than 5"):
        client.get(f"{site.url}/hop", {"left": 6})


def test_a_host_that_is_not_there_is_told() -> None:
    with pytest.raises(Unreachable, match="no such host"):
        checked("nowhere.invalid", 80)


# How much it takes


def test_a_body_of_fifty_megabytes_is_not_read_to_its_end(site: Site, client: Client) -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(50):
            sent += 1_000_000
            yield b"x" * 1_000_000

    site.routes["/large"] = lambda _: (200, HTML, endless())

    with pytest.raises(Unreachable, match="larger than 10 MB"):
        client.get(f"{site.url}/large")

    assert sent < 30_000_000  # what lay in the sockets may have gone out


def test_what_becomes_large_when_unpacked_is_large(site: Site, client: Client) -> None:
    bomb = gzip.compress(b"\0" * 20_000_000)
    site.routes["/bomb"] = (200, {**HTML, "Content-Encoding": "gzip"}, bomb)
    site.routes["/twice"] = (200, {**HTML, "Content-Encoding": "gzip, gzip"}, gzip.compress(bomb))

    with pytest.raises(Unreachable, match="larger than 10 MB"):
        client.get(f"{site.url}/bomb")
    with pytest.raises(Unreachable, match="packed more than once"):
        client.get(f"{site.url}/twice")


def test_what_cannot_be_unpacked_is_told(site: Site, client: Client) -> None:
    site.routes["/odd"] = (200, {**HTML, "Content-Encoding": "gzip"}, b"not gzip at all")

    with pytest.raises(Unreachable, match="not packed as it says"):
        client.get(f"{site.url}/odd")


def test_the_body_of_a_redirect_is_not_read(site: Site) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(1000):
            yield b"x" * 1_000_000

    site.routes["/away"] = lambda _: (302, {"Location": "/"}, endless())

    with Client(private=["127.0.0.1"], pause=0, largest=1000) as client:
        assert client.get(f"{site.url}/away").text == "Hello"


def test_a_page_that_comes_drop_by_drop_is_given_up(site: Site) -> None:
    def drops() -> Iterator[bytes]:
        for _ in range(200):
            yield b"x"
            time.sleep(0.01)

    def late(_: Call) -> Answer:
        time.sleep(0.1)
        return 200, HTML, "sorry"

    site.routes |= {"/drops": lambda _: (200, HTML, drops()), "/late": late}
    with Client(private=["127.0.0.1"], pause=0, longest=0.05) as client:
        for path in ("/drops", "/late"):
            began = time.monotonic()
            with pytest.raises(Unreachable, match="takes longer"):
                client.get(site.url + path)
            assert time.monotonic() - began < 1.5
            assert site.count(path) == 1


# What goes wrong


@pytest.mark.parametrize("when", ["0", "Wed, 21 Oct 2015 07:28:00 GMT", "-1", "soon"])
def test_it_tries_again_when_it_is_told_to(site: Site, client: Client, when: str) -> None:
    site.fail("/", (429, {"Retry-After": when}, "too many"), (503, {"Retry-After": when}, "busy"))

    assert client.get(site.url + "/").text == "Hello"
    assert site.count("/") == 3


def test_a_server_that_stays_broken_is_given_up_after_three_tries(site: Site, client: Client) -> None:
    site.fail("/", *[(500, {}, "oops")] * 3)

    with pytest.raises(Unreachable, match="the server answers 500"):
        client.get(site.url + "/")

    assert site.count("/") == 3


def test_a_connection_that_is_cut_is_tried_again(site: Site, client: Client) -> None:
    site.fail("/", CUT, (200, {"Content-Length": "1000"}, "only the begi"))

    assert client.get(site.url + "/").text == "Hello"


def test_nobody_at_the_door_is_told(client: Client) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable, match="no connection"):
            client.get(f"http://127.0.0.1:{closed.getsockname()[1]}/")


def test_a_refusal_says_what_the_server_says(site: Site, client: Client) -> None:
    site.routes["/no"] = as_json({"code": "no_such_type"}, 404)

    with pytest.raises(Refused, match="the server answers 404") as refused:
        client.get(f"{site.url}/no")

    assert (refused.value.status, refused.value.said) == (404, '{"code": "no_such_type"}')
    assert site.count("/no") == 1


def test_secrets_are_in_no_message_log_or_memory(site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    site.routes["/away"] = (302, {"Location": "/?access_token=hidden-2"}, "")
    site.fail("/gone", (404, {}, ""))
    private = site.url.replace("//", "//me:hidden-3@")

    with Client(tmp_path, private=["127.0.0.1"], pause=0) as client:
        with pytest.raises(Unreachable) as error:
            client.get(f"{private}/gone?a=1", {"wstoken": "hidden-1", "b": 2})
        page = client.get(f"{site.url}/away", {"api_key": "hidden-4"})

    assert site.calls[0].query["wstoken"] == "hidden-1"
    assert "wstoken=…&b=2" in str(error.value)
    kept = [place.name + place.read_text() for place in tmp_path.iterdir()]
    assert len(kept) == 1
    assert "/away" in caplog.text
    assert "hidden" not in f"{error.value} {page.url} {kept} {caplog.text}"


def test_what_is_no_secret_is_shown() -> None:
    address = "https://site.example/a@b?page=2&keyword=x&mail=a@b.example"

    assert shown(address) == address


# What it reads


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("text/html", "Été".encode(), "Été"),
        ("text/html; charset=ISO-8859-1", "Été".encode("latin-1"), "Été"),
        ('text/html; charset="utf-8"', b"\xef\xbb\xbfA", "A"),
        ("text/html; charset=no-such-thing", "Été".encode(), "Été"),
        ("text/html; charset=idna", "Été".encode(), "Été"),
        ("text/html; charset=undefined", "Été".encode(), "Été"),
        ("text/html", b"\xff!", "\ufffd!"),
    ],
)
def test_text_is_read_in_the_encoding_that_is_said(kind: str, body: bytes, text: str) -> None:
    assert Page("https://a.example", body, {"content-type": kind}).text == text


@pytest.mark.parametrize("body", [b"<h1>Sorry</h1>", b"", b"{", b"[" * 100_000])
def test_what_is_no_json_is_told_with_its_address(body: bytes) -> None:
    with pytest.raises(Unreachable, match=r"https://a\.example: JSON was expected, text/html came"):
        Page("https://a.example", body, {"content-type": "text/html; charset=utf-8"}).json()


def test_parameters_are_added_to_those_that_are_there(site: Site, client: Client) -> None:
    client.get(f"{site.url}/?a=1&page=1", {"page": 2, "q": "ä & b"})

    assert site.calls[0].query == {"a": "1", "page": "2", "q": "ä & b"}


# What it remembers


def test_an_old_page_is_asked_for_only_if_it_has_changed(site: Site, tmp_path: Path) -> None:
    def route(call: Call) -> Answer:
        if call.headers.get("if-none-match") == '"one"' and call.headers.get("if-modified-since") == "yesterday":
            return 304, {}, ""
        return 200, {**HTML, "ETag": '"one"', "Last-Modified": "yesterday"}, "Hello"

    site.routes["/"] = route
    with Client(tmp_path, private=["127.0.0.1"], pause=0) as client:
        first = client.get(site.url + "/")
        aged(tmp_path)
        second = client.get(site.url + "/")
        client.get(site.url + "/")  # it is fresh again
        aged(tmp_path)
        site.routes["/"] = (200, HTML, "Hello again")
        third = client.get(site.url + "/")

    assert (first.changed, second.changed, third.changed) == (True, False, True)
    assert (first.text, second.text, third.text) == ("Hello", "Hello", "Hello again")
    assert second.headers["content-type"] == HTML["Content-Type"]
    assert site.count() == 3


def test_what_was_fetched_before_a_restart_is_not_asked_for_again(site: Site, tmp_path: Path) -> None:
    for _ in range(2):
        with Client(tmp_path / "new", private=["127.0.0.1"], pause=0) as client:
            assert client.get(site.url + "/").text == "Hello"

    assert site.count() == 1


@pytest.mark.parametrize("spoilt", [b"", b"\n", b"[]\nbody", b"{}\nbody", b"null\n", b'{"url": "cut'])
def test_a_spoilt_memory_is_asked_for_anew(site: Site, tmp_path: Path, spoilt: bytes) -> None:
    with Client(tmp_path, private=["127.0.0.1"], pause=0) as client:
        client.get(site.url + "/")
        (place,) = tmp_path.iterdir()
        place.write_bytes(spoilt)

        assert client.get(site.url + "/").text == "Hello"
        assert client.get(site.url + "/").text == "Hello"

    assert site.count() == 2


def test_failures_are_not_remembered(site: Site, tmp_path: Path) -> None:
    site.fail("/", (404, {}, ""))

    with Client(tmp_path, private=["127.0.0.1"], pause=0) as client:
        with pytest.raises(Unreachable):
            client.get(site.url + "/")
        assert client.get(site.url + "/").text == "Hello"


# Manners


def test_requests_to_a_host_keep_a_distance_and_other_hosts_do_not_wait(site: Site, waits: list[float]) -> None:
    other = site.url.replace("127.0.0.1", "localhost")
    site.routes["/away"] = (302, {"Location": f"{other}/?3"}, "")
    with Client(private=["127.0.0.1", "localhost"], pause=900) as client:
        for address, waited in [(site.url, []), (other, []), (f"{site.url}/?2", [900]), (f"{other}/away", [900, 900])]:
            client.get(address)
            assert waits == [pytest.approx(each, abs=60) for each in waited]
            waits.clear()


@pytest.mark.parametrize(("told", "waited"), [("7", [7, 14]), ("40", [40, 60]), ("1000000", [60, 60])])
def test_it_waits_as_long_as_it_is_told_to_within_reason(
    site: Site, client: Client, waits: list[float], told: str, waited: list[float]
) -> None:
    site.fail("/", *[(429, {"Retry-After": told}, "too many")] * 2)

    assert client.get(site.url + "/").text == "Hello"
    assert waits == waited


def test_it_says_who_it_is(site: Site) -> None:
    with Client(private=["127.0.0.1"], pause=0, agent="Dalil (+mail@desk.example)") as client:
        client.get(site.url + "/")

    assert site.calls[0].headers["user-agent"] == "Dalil (+mail@desk.example)"
