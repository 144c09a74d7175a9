"""Pages, files, headers, health, errors, stopping, proxies."""

from __future__ import annotations

import gzip
import re
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from pydantic import ValidationError

from bot import webchat
from bot.pages import assets
from bot.settings import Settings
from bot.web import LAST
from store.tables import Delivery
from tests.bot.web import events, rows, say, until
from tests.servers.page import Site

PAGES = ["/", "/privacy", "/healthz", "/readyz", "/nothing-here", "/channels/web/history"]


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
        until(lambda: [state for (state,) in rows(site, Delivery.state)] == ["delivered"])
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
