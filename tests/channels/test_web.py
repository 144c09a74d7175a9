from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from channels.contract import Forged, Inbound, Kind, Malformed, Outgoing, Receipt, Request
from channels.web import COOKIE, LONGEST_BODY, WebChannel, is_token, new_token

TOKEN = "a" * 43
OURS = "https://dalil.example"


def request(
    body: Any = None, *, token: str | None = TOKEN, url: str = f"{OURS}/channels/web", **headers: str
) -> Request:
    """A request as our page sends it; header names are written with underscores, an empty value leaves one out."""
    content = body if isinstance(body, bytes) else json.dumps(body or {"id": "1", "text": "habari"}).encode()
    names = {"origin": OURS, "sec_fetch_site": "same-origin", "content_type": "application/json"} | headers
    sent = {name.replace("_", "-"): value for name, value in names.items() if value}
    return Request(url, content, sent, {COOKIE: token} if token is not None else {})


@pytest.fixture
def channel() -> WebChannel:
    return WebChannel(OURS)


def test_a_text_is_read(channel: WebChannel) -> None:
    assert channel.parse(request()) == [Inbound("web", TOKEN, "1", Kind.TEXT, "habari")]


def test_a_choice_is_read_with_its_title(channel: WebChannel) -> None:
    body = {"id": "1", "choice": "refine:free", "text": "Bure tu"}
    assert channel.parse(request(body)) == [Inbound("web", TOKEN, "1", Kind.CHOICE, "Bure tu", "refine:free")]


def test_a_repeat_is_read_alike(channel: WebChannel) -> None:
    assert channel.parse(request()) == channel.parse(request())


@pytest.mark.parametrize(
    "text",
    ["", "   ", "😀" * 50, "x" * 20_000, "ሰ" * 20_000, "a\x00b\u202e", "\ud83d"],
    ids=lambda text: repr(text[:6]),
)
def test_odd_texts_are_read_as_they_are(channel: WebChannel, text: str) -> None:
    assert channel.parse(request({"id": "1", "text": text}))[0].text == text


def test_fields_that_we_do_not_know_are_ignored(channel: WebChannel) -> None:
    assert channel.parse(request({"id": "1", "text": "habari", "later": {"x": 1}}))[0].text == "habari"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[" * 100_000,
        b"[]",
        b'"text"',
        b"null",
        {"text": "no id"},
        {"id": "", "text": "x"},
        {"id": "x" * 65, "text": "x"},
        {"id": "two words", "text": "x"},
        {"id": "\ud800", "text": "x"},
        {"id": 1, "text": "x"},
        {"id": "1", "text": 1},
        {"id": "1", "text": ["x"]},
        {"id": "1", "choice": ""},
        {"id": "1", "choice": "x" * 201},
        {"id": "1", "choice": 7},
        {"id": "1", "choice": "a\x00b"},
        {"id": "1", "choice": "\ud800"},
        b'{"id": "1", "text": "' + b"x" * LONGEST_BODY + b'"}',
    ],
    ids=lambda body: repr(body)[:40],
)
def test_what_cannot_be_read_is_refused(channel: WebChannel, body: Any) -> None:
    with pytest.raises(Malformed):
        channel.parse(request(body))


@pytest.mark.parametrize("token", [None, "", "short", "a" * 42, "a" * 44, "a" * 42 + "!", "a" * 42 + "\n"])
def test_a_visitor_without_a_proper_token_is_refused(channel: WebChannel, token: str | None) -> None:
    with pytest.raises(Malformed):
        channel.parse(request(token=token))


def test_only_json_is_read_so_that_no_form_of_another_site_can_post(channel: WebChannel) -> None:
    with pytest.raises(Malformed):
        channel.parse(request(content_type="text/plain"))


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "https://dalil.example.evil.example"},
        {"origin": "null"},
        {"origin": "https://dalil.example:8443"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "none"},
        {"origin": "", "sec_fetch_site": ""},
        {"origin": "https://evil.example", "sec_fetch_site": ""},
    ],
    ids=str,
)
def test_what_another_site_sent_is_refused(channel: WebChannel, headers: dict[str, str]) -> None:
    with pytest.raises(Forged):
        channel.parse(request(**headers))


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": OURS, "sec_fetch_site": ""},
        {"origin": "", "sec_fetch_site": "same-origin"},
        {"origin": "HTTPS://Dalil.Example"},
        {"url": "http://10.0.0.7:8000/channels/web"},
        {"url": "http://127.0.0.1:8000/channels/web", "origin": "http://127.0.0.1:8000"},
        {"url": "http://dalil.example/channels/web", "origin": OURS},
    ],
    ids=str,
)
def test_what_our_page_sent_is_taken(channel: WebChannel, headers: dict[str, str]) -> None:
    assert channel.parse(request(**headers))


def test_without_a_public_address_the_requests_own_host_counts() -> None:
    own = {"url": "http://127.0.0.1:8000/channels/web"}
    assert WebChannel().parse(request(**own, origin="http://127.0.0.1:8000"))
    with pytest.raises(Forged):
        WebChannel().parse(request(**own, origin="http://localhost:8000"))


def test_refusals_do_not_repeat_what_was_sent(channel: WebChannel) -> None:
    with pytest.raises(Malformed) as refused:
        channel.parse(request(b"my secret", token=TOKEN))
    assert "secret" not in str(refused.value)
    assert TOKEN not in str(refused.value)


def test_new_tokens_are_well_formed_and_differ() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(is_token(token) for token in tokens)


def test_sending_leaves_it_to_the_page(channel: WebChannel) -> None:
    assert asyncio.run(channel.send(TOKEN, Outgoing("hello"))) == Receipt()
