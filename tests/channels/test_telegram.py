from __future__ import annotations

import asyncio
import json
import logging
import random
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, TypeVar

import pytest
import telegram

from channels.contract import (
    Button,
    Channel,
    Forged,
    Inbound,
    Kind,
    Malformed,
    Outgoing,
    Permanent,
    Receipt,
    Request,
    RetryAfter,
    SendError,
    Stopped,
    Unknown,
)
from channels.telegram import TelegramChannel
from tests.contracts.channel import ChannelContract, Provider
from tests.servers import telegram as double
from tests.servers.telegram import BUSY, RESET, SECRET, SILENT, TOKEN, BotApi, Fault

PAYLOADS = Path(__file__).parent.parent / "payloads" / "telegram"
ADA = 7300123456
OFFICERS = -1002233445566
T = TypeVar("T")


@pytest.fixture(scope="module")
def served() -> Iterator[BotApi]:
    with BotApi().serving() as api:
        yield api


@pytest.fixture
def api(served: BotApi) -> BotApi:
    served.forget()
    return served


def channel_to(api: BotApi | str, token: str = TOKEN, secret: str = SECRET) -> TelegramChannel:
    url = api if isinstance(api, str) else api.url
    return TelegramChannel(token, secret, url, timeout=1.0, connect_timeout=1.0, pause=0.0)


def say_habari(channel: TelegramChannel) -> Awaitable[Receipt]:
    return channel.send(str(ADA), Outgoing("habari"))


def do(
    api: BotApi | str, what: Callable[[TelegramChannel], Awaitable[T]], token: str = TOKEN, secret: str = SECRET
) -> T:
    async def go() -> T:
        channel = channel_to(api, token, secret)
        try:
            return await what(channel)
        finally:
            await channel.close()

    return asyncio.run(go())


def send(api: BotApi, text: str, *buttons: Button, chat: int = ADA) -> str | None:
    api.chats.add(chat)
    return do(api, lambda channel: channel.send(str(chat), Outgoing(text, buttons))).external_id


def payload(name: str) -> dict[str, Any]:
    found = json.loads((PAYLOADS / f"{name}.json").read_text())
    assert isinstance(found, dict)
    return found


def read(update: Any) -> list[Inbound]:
    return TelegramChannel(TOKEN, SECRET).parse(BotApi().request(update))


class Telegram(Provider):
    def __init__(self, api: BotApi) -> None:
        self._api = api
        self._person = api.person(ADA, "ha")
        self.channel: Channel = channel_to(api)
        self.address = str(ADA)
        self.secrets = (TOKEN, TOKEN.partition(":")[2], SECRET)

    def says(self, text: str, number: int = 1) -> Request:
        return self._api.request(self._person.says(text, message_id=number))

    def forged(self, request: Request) -> Request:
        return Request(request.url, request.body, {**request.headers, "x-telegram-bot-api-secret-token": SECRET[:-1]})

    def unproven(self, request: Request) -> Request:
        return Request(request.url, request.body, {"content-type": "application/json"})

    def unknown(self) -> Request:
        return self._api.request(payload("not_invented_yet"))

    def malformed(self) -> Request:
        return self._api.request(b"{")

    def fail(self, fault: str) -> None:
        said = f"Bad Request: {ADA} cannot be sent: my private words"
        faults = {
            "refused": Fault(400, description=said),
            "stopped": Fault(403, description="Forbidden: bot was blocked by the user"),
            "busy": BUSY,
            "broken": Fault(502),
            "reset": RESET,
            "silent": SILENT,
        }
        self._api.fail(faults[fault])

    @property
    def received(self) -> list[str]:
        return self._api.texts


class TestContract(ChannelContract):
    @pytest.fixture
    def provider(self, api: BotApi) -> Telegram:
        return Telegram(api)


class TestWhatIsRead:
    def test_a_text_comes_with_a_hint_of_its_language(self) -> None:
        (said,) = read(payload("text"))

        assert said == Inbound(
            channel="telegram",
            address=str(ADA),
            external_id="41@1760000000",
            kind=Kind.TEXT,
            text="Ina son koyon kwamfuta kyauta, ɗan Kano ne ni",
            language="ha",
        )

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("command", "/start qr-kano"),
            ("answer_to_another", "wannan"),
            ("forwarded", "Duba wannan"),
            ("something_new_beside_the_text", "sannu"),
        ],
    )
    def test_texts_of_all_sorts_are_texts(self, name: str, text: str) -> None:
        (said,) = read(payload(name))
        assert (said.kind, said.text) == (Kind.TEXT, text)

    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("photo", Kind.IMAGE),
            ("voice", Kind.AUDIO),
            ("audio", Kind.AUDIO),
            ("video", Kind.VIDEO),
            ("video_note", Kind.VIDEO),
            ("animation", Kind.VIDEO),
            ("document", Kind.FILE),
            ("location", Kind.LOCATION),
            ("venue", Kind.LOCATION),
            ("contact", Kind.OTHER),
            ("sticker", Kind.OTHER),
        ],
    )
    def test_of_media_only_the_fact_is_kept(self, name: str, kind: Kind) -> None:
        (said,) = read(payload(name))
        assert (said.kind, said.address) == (kind, str(ADA))
        assert "Ag" not in repr(said)

    def test_the_words_below_a_picture_are_read(self) -> None:
        assert read(payload("photo"))[0].text == "Takardar shaida"

    def test_a_button_gives_its_payload_and_its_title(self) -> None:
        (said,) = read(payload("press"))
        assert (said.kind, said.choice, said.text) == (Kind.CHOICE, "refine:free", "Kyauta kawai")
        assert (said.address, said.external_id) == (str(ADA), "press:5023456789012345678")

    def test_a_button_below_a_message_that_is_too_old_still_works(self) -> None:
        (said,) = read(payload("press_below_an_old_message"))
        assert (said.choice, said.text) == ("more", "")

    @pytest.mark.parametrize(
        "name",
        [
            "edited",
            "channel_post",
            "group_chatter",
            "group_command",
            "press_in_a_group",
            "press_of_inline_mode",
            "press_of_a_game",
            "press_with_a_made_up_payload",
            "another_bot",
            "blocked",
            "unblocked",
            "pinned",
            "reaction",
            "not_invented_yet",
        ],
    )
    def test_nothing_is_made_of_the_rest(self, name: str) -> None:
        assert read(payload(name)) == []

    def test_what_the_double_makes_is_read_like_what_telegram_makes(self) -> None:
        api = BotApi()
        ada = api.person(ADA, "ha")

        made = [ada.says("sannu", message_id=5), ada.sends("voice", {"file_id": "x"}), ada.presses("more", "Kari")]
        ignored = [ada.says("all", group=OFFICERS), ada.edits("sannu!", 5), ada.blocks()]

        kinds = [said.kind for update in made for said in read(update)]
        assert kinds == [Kind.TEXT, Kind.AUDIO, Kind.CHOICE]
        assert [read(update) for update in ignored] == [[], [], []]

    def test_the_identity_does_not_tell_the_address(self) -> None:
        for name in ("text", "press", "photo"):
            assert str(ADA) not in read(payload(name))[0].external_id

    @pytest.mark.parametrize("code", ["", "klingon-language", 5, None, "a\u0000", "../x"])
    def test_an_odd_language_is_no_hint(self, code: object) -> None:
        update = payload("text")
        update["message"]["from"]["language_code"] = code
        assert read(update)[0].language is None

    @pytest.mark.parametrize("code", ["en", "pt-br", "zh-hans"])
    def test_a_regional_language_is_a_hint(self, code: str) -> None:
        update = payload("text")
        update["message"]["from"]["language_code"] = code
        assert read(update)[0].language == code

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"null",
            b"[]",
            b'"update"',
            b"\xff\xfe",
            b"{}",
            b"[" * 100_000,
            b'{"update_id": "1"}',
            b'{"update_id": 1, "message": "text"}',
            b'{"update_id": 1, "message": {"text": "no chat"}}',
            b'{"update_id":1,"message":{"message_id":1,"date":1,"chat":{"id":"x", "type": "private"}, "text":"a"}}',
            b'{"update_id": 1, "message": {"message_id": 1, "date": 1e99, "chat": {"id": 7, "type": "private"}}}',
            b'{"update_id": 1, "callback_query": [1]}',
            b" " * (1024 * 1024 + 1),
        ],
        ids=lambda body: repr(body[:40]),
    )
    def test_what_is_no_update_is_refused(self, body: bytes) -> None:
        with pytest.raises(Malformed):
            read(body)

    def test_without_a_secret_of_ours_every_request_is_forged(self) -> None:
        request = BotApi(secret="").request(payload("text"))
        with pytest.raises(Forged):
            TelegramChannel(TOKEN).parse(request)

    def test_a_secret_in_another_script_is_a_forgery_and_no_accident(self) -> None:
        request = BotApi(secret="ስውር").request(payload("text"))
        with pytest.raises(Forged):
            TelegramChannel(TOKEN, SECRET).parse(request)

    def test_a_mistyped_token_or_secret_is_told_without_saying_it(self) -> None:
        for arguments in [("my-token", SECRET), (TOKEN, "my secret"), (TOKEN + "/../x", SECRET)]:
            with pytest.raises(ValueError, match="must") as raised:
                TelegramChannel(*arguments)
            assert not any(argument in str(raised.value) for argument in arguments)


class TestWhatIsSent:
    def test_names_between_asterisks_become_bold(self, api: BotApi) -> None:
        lines = [
            "😀 1. *Ajira Digital* – 2*3*4, a * b * c",
            "*\u2066Kozi ya 👩🏾‍💻\u2069* · https://x.example/*a*/b",
            "：*课程* (*x*)",
            "* an item",
        ]
        send(api, "\n".join(lines))

        (message,) = api.sent
        assert message.bold == ["Ajira Digital", "\u2066Kozi ya 👩🏾‍💻\u2069", "课程", "x"]
        assert message.text.split("\n") == [
            "😀 1. Ajira Digital – 2*3*4, a * b * c",
            "\u2066Kozi ya 👩🏾‍💻\u2069 · https://x.example/*a*/b",
            "：课程 (x)",
            "* an item",
        ]

    @pytest.mark.parametrize("text", ["_x_ [a](b) `c` <b> & ~ \\ *", "**", "***a***", "* *", "*a\nb*", "snake_case"])
    def test_marks_that_are_not_ours_stay_as_they_are(self, api: BotApi, text: str) -> None:
        send(api, text)
        assert api.texts == [text]
        assert api.sent[0].bold == []

    def test_links_are_shown_without_a_preview(self, api: BotApi) -> None:
        send(api, "https://ajiradigital.go.ke")
        assert not api.sent[0].preview

    def test_short_buttons_share_a_row_and_long_ones_have_their_own(self, api: BotApi) -> None:
        send(api, "Which?", Button("More", "more"), Button("Free", "free"), Button("New", "new"), Button("Me", "me"))
        send(api, "Which?", Button("More", "more"), Button("I would rather talk to a person", "person"))

        short, long = api.sent
        assert [len(row) for row in short.rows] == [3, 1]
        assert [len(row) for row in long.rows] == [1, 1]
        assert short.rows[0][0] == {"text": "More", "callback_data": "more"}

    def test_buttons_that_telegram_would_refuse_are_left_out(self, api: BotApi) -> None:
        fits, long, wide = Button("a", "x" * 64), Button("b", "x" * 65), Button("c", "ሰ" * 22)
        send(api, "Which?", fits, long, wide, Button("d", ""), Button(" ", "d"))

        assert api.sent[0].rows == (({"text": "a", "callback_data": "x" * 64},),)

    def test_a_hundred_buttons_are_sent_at_most(self, api: BotApi) -> None:
        send(api, "Which?", *(Button(f"{n}", f"{n}") for n in range(120)))
        assert sum(map(len, api.sent[0].rows)) == 100

    def test_what_is_no_text_does_not_keep_the_rest_from_being_sent(self, api: BotApi) -> None:
        send(api, "hab\ud83dari *\udc00x*", Button("\ud83dMore", "more"))
        assert api.texts == ["habari x"]

    def test_the_receipt_names_the_message(self, api: BotApi) -> None:
        assert send(api, "habari") == str(api.sent[0].message_id)

    def test_a_text_that_is_too_long_is_refused_without_a_call(self, api: BotApi) -> None:
        with pytest.raises(Permanent, match="too long"):
            send(api, "x" * 4097)
        assert api.calls == []

    def test_an_empty_text_is_refused_for_good(self, api: BotApi) -> None:
        with pytest.raises(Permanent, match="message text is empty"):
            send(api, " ")

    def test_while_an_answer_is_made_the_person_sees_it_and_the_button_comes_to_rest(self, api: BotApi) -> None:
        (pressed,) = read(api.person(ADA).presses("more", "More"))
        do(api, lambda channel: channel.typing(pressed.address, pressed.external_id))

        assert [method for method, _ in api.calls] == ["answerCallbackQuery", "sendChatAction"]
        assert api.answered == [pressed.external_id.removeprefix("press:")]

    def test_to_show_it_never_goes_wrong(self, api: BotApi) -> None:
        api.fail(SILENT, Fault(500), RESET, method="sendChatAction")
        for address in (str(ADA), str(ADA), str(ADA), str(ADA), "nobody"):
            do(api, lambda channel, to=address: channel.typing(to, "press:long-gone"))  # type: ignore[misc]


class TestWhatGoesWrong:
    def test_somebody_who_blocked_the_bot_has_stopped_it(self, api: BotApi) -> None:
        api.person(ADA).blocks()
        with pytest.raises(Stopped):
            send(api, "habari")

    def test_a_chat_that_does_not_exist_never_will(self, api: BotApi) -> None:
        with pytest.raises(Permanent, match="chat not found"):
            do(api, lambda channel: channel.send("4711000000", Outgoing("habari")))

    def test_an_address_of_another_channel_is_refused_without_a_call(self, api: BotApi) -> None:
        with pytest.raises(Permanent):
            do(api, lambda channel: channel.send("whatsapp:+254700000000", Outgoing("habari")))
        assert api.calls == []

    def test_a_group_that_has_moved_is_told_as_such(self, api: BotApi) -> None:
        api.migrated[-4001] = OFFICERS
        with pytest.raises(Permanent, match="moved") as raised:
            send(api, "habari", chat=-4001)
        assert str(OFFICERS) not in str(raised.value)

    def test_too_many_messages_have_to_wait_as_long_as_told(self, api: BotApi) -> None:
        api.fail(BUSY)
        with pytest.raises(RetryAfter) as raised:
            send(api, "habari")
        assert raised.value.seconds == 7

    def test_what_was_never_sent_may_be_sent_again(self, api: BotApi) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            with pytest.raises(RetryAfter):
                do(f"http://127.0.0.1:{unused.getsockname()[1]}", say_habari)

    def test_a_wrong_token_does_not_lose_messages(self, api: BotApi) -> None:
        for wrong in ("70000001:" + "x" * 35, "70000001:short"):
            with pytest.raises(RetryAfter, match="token"):
                do(api, say_habari, token=wrong)

    @pytest.mark.parametrize("fault", [double.ACCEPTED_THEN_RESET, double.ACCEPTED_THEN_SILENT])
    def test_whether_a_message_arrived_is_unknown_when_the_answer_is_lost(self, api: BotApi, fault: Fault) -> None:
        api.fail(fault)
        with pytest.raises(Unknown):
            send(api, "habari")
        assert api.texts == ["habari"]

    @pytest.mark.parametrize("fault", [Fault(500), Fault(502), Fault(504), Fault(302)])
    def test_what_broke_on_the_other_side_is_unknown(self, api: BotApi, fault: Fault) -> None:
        api.fail(fault)
        with pytest.raises(Unknown):
            send(api, "habari")

    def test_nobody_has_stopped_the_bot_because_a_proxy_forbids_it(self) -> None:
        with somebody_else_answering(403, b"<html>You shall not pass</html>") as url:
            with pytest.raises(RetryAfter):
                do(url, say_habari)

    @pytest.mark.parametrize(
        "body", [b"", b"<html>Welcome to the hotel</html>", b"[" * 100_000, b'{"ok": false}', b"[1]"]
    )
    def test_a_yes_that_is_not_telegrams_is_none(self, body: bytes) -> None:
        with somebody_else_answering(200, body) as url, pytest.raises(Unknown):
            do(url, say_habari)

    def test_neither_token_nor_person_is_told_when_all_goes_well(
        self, api: BotApi, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        send(api, "my private words")
        TelegramChannel(TOKEN, SECRET, api.url).parse(api.request(payload("text")))

        told = caplog.text + repr(channel_to(api)) + str(channel_to(api))
        assert "HTTP Request" in told, "httpx logs its requests: otherwise this test shows nothing"
        assert not any(private in told for private in (TOKEN, SECRET, str(ADA), "my private words", "koyon"))

    @pytest.mark.parametrize("fault", [Fault(400), Fault(502), BUSY, RESET, SILENT])
    def test_an_error_drags_no_request_behind_it(self, api: BotApi, fault: Fault) -> None:
        api.fail(fault)
        with pytest.raises(SendError) as raised:
            send(api, "habari")
        assert raised.value.__cause__ is None
        assert raised.value.__context__ is None

    def test_a_channel_can_be_used_again_after_it_was_closed(self, api: BotApi) -> None:
        async def twice(channel: TelegramChannel) -> None:
            await channel.send(str(ADA), Outgoing("one"))
            await channel.close()
            await channel.send(str(ADA), Outgoing("two"))

        api.person(ADA)
        do(api, twice)
        assert api.texts == ["one", "two"]

    def test_two_threads_may_send_at_once_each_in_a_loop_of_its_own(self, api: BotApi) -> None:
        api.person(ADA)
        channel = channel_to(api)

        async def several() -> None:
            for _ in range(5):
                await channel.send(str(ADA), Outgoing("habari"))
                await asyncio.sleep(0.01)
            await channel.close()

        with ThreadPoolExecutor(2) as pool:
            for loop in [pool.submit(asyncio.run, several()) for _ in range(2)]:
                loop.result()
        assert len(api.sent) == 10

    def test_the_proxy_of_the_environment_is_used(self, api: BotApi, monkeypatch: pytest.MonkeyPatch) -> None:
        api.person(ADA)
        monkeypatch.setenv("http_proxy", api.url)
        do("http://telegram.example", say_habari)
        assert api.texts == ["habari"]


class TestSettingUp:
    def test_the_webhook_and_the_commands_are_announced(self, api: BotApi) -> None:
        menus = {"": [("help", "Help")], "sw": [("help", "Msaada"), ("stop", "Acha")], "prs": [("help", "کمک")]}
        do(api, lambda channel: channel.announce("https://dalil.example/channels/telegram", menus))

        assert api.webhook == {
            "url": "https://dalil.example/channels/telegram",
            "secret_token": SECRET,
            "allowed_updates": ["message", "callback_query"],
        }
        assert api.commands == {
            "": [{"command": "help", "description": "Help"}],
            "sw": [{"command": "help", "description": "Msaada"}, {"command": "stop", "description": "Acha"}],
        }

    def test_a_webhook_without_a_secret_is_not_set(self, api: BotApi) -> None:
        with pytest.raises(Permanent, match="secret"):
            do(api, lambda channel: channel.announce("https://dalil.example/", {}), secret="")
        assert api.calls == []

    def test_a_webhook_that_telegram_refuses_is_told(self, api: BotApi) -> None:
        with pytest.raises(Permanent, match="bad webhook"):
            do(api, lambda channel: channel.announce("http://dalil.example/", {}))

    def test_a_batch_is_confirmed_only_when_the_caller_comes_back(self, api: BotApi) -> None:
        ada = api.person(ADA)
        api.webhook = {"url": "https://dalil.example/"}
        api.waiting = [ada.says("one"), ada.edits("uno", 1), ada.presses("more")]
        api.fail(Fault(502), method="getUpdates")

        async def go(channel: TelegramChannel) -> list[list[Kind]]:
            seen = []
            async for batch in channel.poll(hold=0.1):
                seen.append([said.kind for update in batch for said in channel.read(update)])
                if len(seen) == 1:
                    assert len(api.waiting) == 3, "not confirmed yet"
                    api.waiting.append(ada.says("two"))
                else:
                    assert len(api.waiting) == 1
                    break
            return seen

        assert do(api, go) == [[Kind.TEXT, Kind.CHOICE], [Kind.TEXT]]
        assert len(api.waiting) == 1, "what the caller broke off at comes again"
        assert api.webhook is None

    def test_two_pollers_do_not_go_on_for_ever(self, api: BotApi) -> None:
        api.fail(Fault(409, description="Conflict: terminated by other getUpdates request"), method="getUpdates")

        async def go(channel: TelegramChannel) -> None:
            async for _ in channel.poll(hold=0):
                pass

        with pytest.raises(Permanent, match="terminated by other getupdates"):
            do(api, go)

    def test_a_poll_with_a_token_that_was_taken_back_ends(self, api: BotApi) -> None:
        api.fail(Fault(401, description="Unauthorized"), method="getUpdates")

        async def go(channel: TelegramChannel) -> None:
            async for _ in channel.poll(hold=0):
                pass

        with pytest.raises(RetryAfter, match="token"):
            do(api, go)


class TestTheDouble:
    def test_it_keeps_telegrams_limits_when_asked(self, api: BotApi) -> None:
        api.limits = True
        send(api, "one")
        with pytest.raises(RetryAfter) as raised:
            send(api, "two")
        assert raised.value.seconds == 1

        async def to_many(channel: TelegramChannel) -> None:  # by one connection: it must take less than a second
            for chat in range(1, 32):
                await channel.send(str(chat), Outgoing("to another"))

        api.chats.update(range(1, 32))
        with pytest.raises(RetryAfter):
            do(api, to_many)
        assert 29 <= api.texts.count("to another") <= 30

    def test_the_librarys_own_bot_takes_it_for_telegram(self, api: BotApi, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PTB_TIMEDELTA", "1")
        api.waiting = [api.person(ADA, "ha").says("sannu")]

        async def go() -> None:
            async with telegram.Bot(TOKEN, f"{api.url}/bot") as bot:
                assert bot.username == "dalil_bot"
                (update,) = await bot.get_updates()
                assert update.message
                assert update.message.text == "sannu"
                bold = [telegram.MessageEntity(telegram.MessageEntity.BOLD, 0, 2)]
                keyboard = telegram.InlineKeyboardMarkup([[telegram.InlineKeyboardButton("More", callback_data="m")]])
                message = await bot.send_message(ADA, "😀!", entities=bold, reply_markup=keyboard)
                assert message.parse_entities() == {bold[0]: "😀"}
                with pytest.raises(telegram.error.BadRequest, match="Chat not found"):
                    await bot.send_message(ADA + 1, "sannu")
                api.fail(BUSY)
                with pytest.raises(telegram.error.RetryAfter):
                    await bot.send_message(ADA, "sannu")
                assert await bot.set_my_commands([("help", "Taimako")], language_code="ha")

        asyncio.run(go())
        assert api.sent[0].bold == ["😀"]

    def test_it_refuses_what_telegram_would(self, api: BotApi) -> None:
        def refused(**body: Any) -> bool:
            api.person(ADA)
            try:
                do(api, lambda channel: channel._call("sendMessage", {"chat_id": ADA, "text": "😀x", **body}))
            except Permanent:
                return True
            return False

        def bold(offset: int, length: int) -> list[dict[str, Any]]:
            return [{"type": "bold", "offset": offset, "length": length}]

        def keyboard(*rows: list[str]) -> dict[str, Any]:
            return {"inline_keyboard": [[{"text": "a", "callback_data": data} for data in row] for row in rows]}

        assert not refused(entities=bold(0, 3))
        assert refused(entities=bold(0, 4))
        assert refused(entities=bold(1, 2))
        assert refused(entities=bold(0, 1))
        assert not refused(reply_markup=keyboard(["x" * 64] * 8))
        assert refused(reply_markup=keyboard(["x"] * 9))
        assert refused(reply_markup=keyboard(["x" * 65]))
        assert refused(reply_markup=keyboard(*[["x"]] * 101))
        assert refused(text="x" * 4097)
        assert refused(txet="x")

    def test_it_delivers_each_update_until_it_is_taken_again_and_out_of_order(self, api: BotApi) -> None:
        ada, seen, chance = api.person(ADA), list[int](), random.Random(1)
        updates = [ada.says(f"{number}") for number in range(40)]

        def take(secret: str, body: bytes) -> int:
            if secret != SECRET or chance.random() < 0.2:
                return 503
            seen.append(json.loads(body)["update_id"])
            return 200

        with somebody_else_answering(take) as url:
            took = api.deliver([*updates, ada.edits("1", 1)], url, copies=2, disorder=5, workers=1)
            assert len(took) == 82
            do(api, lambda channel: channel.announce(f"{url}/channels/telegram", {}))
            assert len(api.deliver([*updates, ada.edits("1", 1)])) == 40, "edits were not asked for"

        first = seen[:80]
        assert sorted(set(first)) == [update["update_id"] for update in updates]
        assert first != sorted(first)


class somebody_else_answering:  # noqa: N801 - reads as a sentence
    """A server that is not Telegram's: one answer for everything, or what a function of secret and body gives."""

    def __init__(self, status: int | Callable[[str, bytes], int], body: bytes = b"") -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told = self.rfile.read(int(self.headers["content-length"]))
                secret = self.headers.get("x-telegram-bot-api-secret-token", "")
                self.send_response(status if isinstance(status, int) else status(secret, told))
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> str:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
