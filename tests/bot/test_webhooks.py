"""What providers call, over real HTTP: kept before it is acknowledged, refused if it proves nothing."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from bot.assembly import Assembly
from bot.settings import Settings
from bot.templates import show
from bot.webhooks import LONGEST_BODY
from channels import contract
from channels.telegram import TelegramChannel
from channels.whatsapp import WhatsAppChannel
from locales import LANGUAGES
from store import contacts, inbox, outbox
from store.tables import Delivery
from tests.servers.page import Site
from tests.servers.telegram import BotApi
from tests.servers.twilio import ACCOUNT, NUMBER, TOKEN, Twilio

PUBLIC = "https://dalil.example"


@pytest.fixture
def twilio() -> Twilio:
    return Twilio(public_url=PUBLIC)


@pytest.fixture
def telegram() -> BotApi:
    return BotApi()


@pytest.fixture
def site(tmp_path: Path, telegram: BotApi, twilio: Twilio) -> Iterator[Site]:
    providers = [
        TelegramChannel(telegram.token, telegram.secret, "http://127.0.0.1:1"),
        WhatsAppChannel(ACCOUNT, [TOKEN], NUMBER, PUBLIC, "http://127.0.0.1:1"),
    ]
    site = Site(tmp_path, providers=providers, public_url=PUBLIC)
    with site.serving():
        yield site


def post(site: Site, request: contract.Request, **headers: str) -> int:
    """As a proxy hands on what the provider sent to the public address."""
    parts = urlsplit(request.url)
    url = f"{site.url}{parts.path}" + (f"?{parts.query}" if parts.query else "")
    return httpx.post(url, content=request.body, headers={**request.headers, **headers}).status_code


def test_a_telegram_message_is_kept_once_however_often_it_comes(site: Site, telegram: BotApi) -> None:
    update = telegram.request(telegram.person(10_000_000_001).says("naomba kozi ya bure"))

    assert [post(site, update), post(site, update)] == [200, 200]
    assert [message.text for message in site.messages()] == ["naomba kozi ya bure"]


def test_a_whatsapp_message_is_kept_once_however_often_it_comes(site: Site, twilio: Twilio) -> None:
    form = twilio.request(twilio.person().says("a+b & c=d ነፃ"))

    assert [post(site, form), post(site, form)] == [200, 200]
    assert [message.text for message in site.messages()] == ["a+b & c=d ነፃ"]


def test_a_forgery_is_refused_and_leaves_nothing(site: Site, telegram: BotApi, twilio: Twilio) -> None:
    update = telegram.request(telegram.person(10_000_000_001).says("hello"))
    form = twilio.request(twilio.person().says("hello"), token="another token")

    assert post(site, update, **{"x-telegram-bot-api-secret-token": "a guess"}) == 403
    assert post(site, form) == 403
    assert site.messages() == []


def test_what_cannot_be_read_is_refused(site: Site, telegram: BotApi) -> None:
    assert post(site, telegram.request(b"{")) == 400


def test_what_is_too_long_is_refused(site: Site, telegram: BotApi) -> None:
    assert post(site, telegram.request(b" " * (LONGEST_BODY + 1))) == 413


def test_only_posts_are_taken(site: Site) -> None:
    looked = httpx.get(f"{site.url}/channels/whatsapp")

    assert (looked.status_code, looked.headers["allow"]) == (405, "POST")


def test_what_is_below_a_webhook_is_not_it(site: Site) -> None:
    assert httpx.post(f"{site.url}/channels/whatsapp/more").status_code == 404


def test_a_webhook_answers_with_nothing_that_headers_would_have_to_keep_safe(site: Site, twilio: Twilio) -> None:
    form = twilio.request(twilio.person().says("hello"))
    answer = httpx.post(f"{site.url}/channels/whatsapp", content=form.body, headers=dict(form.headers))
    forged = httpx.post(f"{site.url}/channels/whatsapp", content=b"Body=hello")
    read = httpx.get(f"{site.url}/channels/whatsapp")

    assert [(each.status_code, each.content) for each in (answer, forged, read)] == [(200, b""), (403, b""), (405, b"")]


def test_what_cannot_be_written_is_not_acknowledged_and_what_broke_is_not_shown(
    site: Site, twilio: Twilio, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_session: object, _rows: object) -> None:
        raise RuntimeError("secret of the house")

    form = twilio.request(twilio.person().says("hello"))
    with monkeypatch.context() as patch:
        patch.setattr(inbox, "keep_all", broken)
        answer = httpx.post(f"{site.url}/channels/whatsapp", content=form.body, headers=dict(form.headers))

    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert post(site, form) == 200  # it comes again, and is taken
    assert [message.text for message in site.messages()] == ["hello"]


def test_of_a_header_that_comes_twice_the_first_counts(site: Site, twilio: Twilio) -> None:
    form = twilio.request(twilio.person().says("hello"))
    forged = [("x-twilio-signature", "a guess"), *form.headers.items()]

    assert httpx.post(f"{site.url}/channels/whatsapp", content=form.body, headers=forged).status_code == 403


def test_who_hangs_up_half_way_leaves_nothing(site: Site, twilio: Twilio) -> None:
    form = twilio.request(twilio.person().says("hello"))
    head = "".join(f"{name}: {value}\r\n" for name, value in form.headers.items())
    with socket.create_connection(("127.0.0.1", site.port)) as line:
        line.sendall(f"POST /channels/whatsapp HTTP/1.1\r\nhost: x\r\n{head}content-length: 9999\r\n\r\n".encode())
        line.sendall(form.body)

    assert post(site, form) == 200
    assert len(site.messages()) == 1


def test_a_channel_that_is_not_set_up_does_not_exist(tmp_path: Path, telegram: BotApi) -> None:
    site = Site(tmp_path)
    with site.serving():
        assert post(site, telegram.request(telegram.person(1).says("hello"))) in {404, 405}


def test_twilio_tells_what_became_of_a_message(site: Site, twilio: Twilio) -> None:
    with site.database.write() as session:
        conversation = contacts.meet(session, site.parts.vault, "whatsapp", "whatsapp:+254700000001")[1]
        number = outbox.queue(session, conversation.id, "sw", "sawa").id
    told = [("MessageSid", "SM" + "0" * 32), ("MessageStatus", "delivered"), ("AccountSid", ACCOUNT)]

    assert post(site, twilio.request(told, f"?status&reference={number}")) == 200

    with site.database.read() as session:
        assert session.get_one(Delivery, number).state == "delivered"


def test_an_operator_makes_the_templates_of_all_languages(tmp_path: Path, twilio: Twilio) -> None:
    with twilio.serving():
        settings = Settings(
            _env_file=None,  # type: ignore[call-arg]
            home=tmp_path,
            public_url=PUBLIC,
            twilio_account_sid=ACCOUNT,
            twilio_auth_token=TOKEN,
            twilio_from=NUMBER,
            twilio_api_url=twilio.url,
        )
        before = asyncio.run(show(Assembly(settings)))
        made = asyncio.run(show(Assembly(settings), create=True))
        for sid in twilio.contents:
            twilio.approve(sid)
        approved = asyncio.run(show(Assembly(settings), create=True))

    assert before[0].startswith("missing: en")
    assert len(made) == len(LANGUAGES)
    assert len(twilio.contents) == len(LANGUAGES)
    assert approved[-1].count("=HX") == len(LANGUAGES)
