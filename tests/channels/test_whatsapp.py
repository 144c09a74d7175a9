"""WhatsApp through Twilio, against a strict double of its API."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi import Request as Call

from channels.contract import (
    Button,
    Forged,
    Inbound,
    Kind,
    Malformed,
    Misconfigured,
    Outgoing,
    OutsideWindow,
    Permanent,
    Receipt,
    Request,
    RetryAfter,
    SendError,
    Status,
    Stopped,
    Unknown,
)
from channels.twilio.templates import Templates
from channels.whatsapp import WhatsAppChannel
from tests.contracts.channel import ChannelContract, Provider
from tests.servers import twilio as double
from tests.servers.twilio import ACCOUNT, NUMBER, PUBLIC, SERVICE, TOKEN, Callbacks, Fault, Twilio

PAYLOADS = Path(__file__).parents[1] / "payloads" / "whatsapp"
ADA = "whatsapp:+254700000001"
OLD_TOKEN = "an-older-auth-token-that-only-tests-know"
YES_NO = (Button("Yes", "erase:yes"), Button("No", "erase:no"))
TOPICS = tuple(Button(f"Topic {number}", f"topic:{number}") for number in range(7))
REFERENCE = "4711"


class TwilioProvider(Provider):
    def __init__(self, twilio: Twilio, channel: WhatsAppChannel) -> None:
        self.twilio, self.channel, self.address = twilio, channel, ADA
        self.ada = twilio.person(ADA)
        self.secrets = (TOKEN, OLD_TOKEN, ACCOUNT)

    def says(self, text: str, number: int = 1) -> Request:
        return self.twilio.request(self.ada.says(text, sid=f"SM{number:032}"))

    def forged(self, request: Request) -> Request:
        return replace(request, headers={**request.headers, "x-twilio-signature": "bm90IHRoZSBzaWduYXR1cmU="})

    def unproven(self, request: Request) -> Request:
        return replace(request, headers={"content-type": request.headers["content-type"]})

    def unknown(self) -> Request:
        return self.twilio.request([("EventType", "poll"), ("AccountSid", ACCOUNT), ("MessageSid", "SM1")])

    def malformed(self) -> Request:
        return self.twilio.request([("Body", "hello"), ("NumMedia", "0"), ("From", ADA)])

    def fail(self, fault: str) -> None:
        self.twilio.fail(getattr(double, fault.upper()))

    @property
    def received(self) -> list[str]:
        return self.twilio.texts


@pytest.fixture(scope="module")
def server() -> Iterator[Twilio]:
    with Twilio().serving() as made:
        yield made


@pytest.fixture
def twilio(server: Twilio) -> Twilio:
    """The double as new; to start it anew for each test would take longer than the tests."""
    running = (server._server, server._port, server._waiting)
    server.__init__()  # type: ignore[misc]
    server._server, server._port, server._waiting = running
    return server


@pytest.fixture
def channel(twilio: Twilio) -> WhatsAppChannel:
    return connect(twilio)


@pytest.fixture
def provider(twilio: Twilio, channel: WhatsAppChannel) -> TwilioProvider:
    return TwilioProvider(twilio, channel)


def connect(twilio: Twilio, **options: Any) -> WhatsAppChannel:
    told: dict[str, Any] = {"public_url": PUBLIC, "sender": NUMBER, "timeout": 1.0} | options
    return WhatsAppChannel(ACCOUNT, (TOKEN, OLD_TOKEN), api_url=twilio.url, **told)


def do(channel: WhatsAppChannel, action: Callable[[], Awaitable[Any]]) -> Any:
    async def go() -> Any:
        try:
            return await action()
        finally:
            await channel.close()

    return asyncio.run(go())


def send(
    channel: WhatsAppChannel, text: str = "hello", *buttons: Button, to: str = ADA, reference: str | None = None
) -> Receipt:
    return do(channel, lambda: channel.send(to, Outgoing(text, buttons, reference)))  # type: ignore[no-any-return]


def payload(name: str) -> bytes:
    return b"&".join((PAYLOADS / f"{name}.form").read_bytes().splitlines())


def heard(channel: WhatsAppChannel, twilio: Twilio, form: bytes | double.Form) -> Inbound:
    (inbound,) = channel.parse(twilio.request(form))
    assert isinstance(inbound, Inbound)
    return inbound


def statuses(channel: WhatsAppChannel, twilio: Twilio) -> list[Status]:
    found = [status for request in twilio.collect() for status in channel.parse(request)]
    assert all(isinstance(status, Status) for status in found)
    return found  # type: ignore[return-value]


class TestContract(ChannelContract):
    pass


class TestASignature:
    def test_of_the_documentation_fits(self) -> None:
        # https://www.twilio.com/docs/usage/security: the example there, with its token.
        url = "https://mycompany.com/myapp.php?foo=1&bar=2"
        form = [("CallSid", "CA1234567890ABCDE"), ("Caller", "+14158675310"), ("Digits", "1234")]
        form += [("From", "+14158675310"), ("To", "+18005551212")]

        assert double.sign(url, form, "12345") == "GvWf1cFY/Q7PnoempGyD5oXAezc="

    @pytest.mark.parametrize(
        ("body", "signature"),
        [
            (
                b"CallSid=CA1234567890ABCDE&Caller=%2B14158675310&Digits=1234&From=%2B14158675310&To=%2B18005551212",
                "GvWf1cFY/Q7PnoempGyD5oXAezc=",
            ),
            (
                b"CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309&To=%2B18005551212&Caller=%2B14158675309",
                "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
            ),
            (b"Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234", "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
        ],
    )
    def test_of_others_is_taken_and_no_other_beside_it(self, body: bytes, signature: str) -> None:
        # The documentation's example, and those of https://github.com/twilio/twilio-python tests/unit.
        channel = WhatsAppChannel(ACCOUNT, ("12345",), NUMBER, "https://mycompany.com")
        headers = {"content-type": "application/x-www-form-urlencoded", "x-twilio-signature": signature}
        request = Request("https://mycompany.com/myapp.php?foo=1&bar=2", body, headers)

        assert channel.parse(request) == []
        for changed in (
            replace(request, body=body.replace(b"1234", b"1235")),
            replace(request, url=request.url.replace("bar=2", "bar=3")),
            replace(request, headers={**headers, "x-twilio-signature": signature.swapcase()}),
        ):
            with pytest.raises(Forged):
                channel.parse(changed)

    def test_covers_repeated_keys(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        request = twilio.request(payload("repeated-keys"))

        assert len(channel.parse(request)) == 1
        with pytest.raises(Forged):
            channel.parse(replace(request, body=request.body.replace(b"Tag=antelope", b"Tag=zebra")))

    def test_may_be_by_any_token_while_they_are_rotated(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        for token in (TOKEN, OLD_TOKEN):
            assert channel.parse(twilio.request(payload("text"), token=token))
        with pytest.raises(Forged):
            channel.parse(twilio.request(payload("text"), token="somebody else's"))

    def test_covers_the_query(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        request = twilio.request(payload("undelivered"), "?status&reference=1")

        with pytest.raises(Forged):
            channel.parse(replace(request, url=request.url.replace("reference=1", "reference=2")))

    def test_is_made_for_the_configured_address(self, twilio: Twilio) -> None:
        behind_a_proxy = WhatsAppChannel(ACCOUNT, (TOKEN,), NUMBER, f"{PUBLIC}/")
        request = twilio.request(payload("text"))

        assert behind_a_proxy.parse(replace(request, url="http://10.0.0.7:8000/channels/whatsapp"))

    def test_is_made_with_the_path_below_which_the_house_is_served(self) -> None:
        twilio = Twilio(public_url=f"{PUBLIC}/desk")
        channel = WhatsAppChannel(ACCOUNT, (TOKEN,), NUMBER, f"{PUBLIC}/desk")
        request = twilio.request(payload("text"))

        assert channel.parse(request)
        assert channel.parse(replace(request, url=request.url.replace("/desk", "")))

    def test_is_asked_of_everything(self, channel: WhatsAppChannel) -> None:
        with pytest.raises(Forged):
            channel.parse(Request(f"{PUBLIC}/channels/whatsapp", b'{"Body": "hello"}'))


class TestWhatIsHeard:
    def test_a_text_comes_with_who_wrote_it(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        assert heard(channel, twilio, payload("text")) == Inbound(
            channel="whatsapp",
            address=ADA,
            external_id="SM1a2b3c4d5e6f708192a3b4c5d6e7f801",
            kind=Kind.TEXT,
            text="Nataka kujifunza kompyuta — 100% bure",
        )

    def test_a_button_brings_its_payload_back(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        inbound = heard(channel, twilio, payload("button"))

        assert (inbound.kind, inbound.choice, inbound.text) == (Kind.CHOICE, "person", "Zungumza na mtu")

    def test_a_list_brings_the_chosen_id_back(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        inbound = heard(channel, twilio, payload("list"))

        assert (inbound.kind, inbound.choice, inbound.text) == (Kind.CHOICE, "topic:security", "የሳይበር ደህንነት")

    def test_a_person_may_have_no_number(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        inbound = heard(channel, twilio, payload("no-number"))
        twilio.person(inbound.address)
        send(channel, "hello yourself", to=inbound.address)

        assert inbound.address == "whatsapp:KE.1A2b3C4d5E6f7G8h"
        assert twilio.sent[0].to == inbound.address

    @pytest.mark.parametrize(
        ("content_type", "kind"),
        [
            ("image/jpeg", Kind.IMAGE),
            ("audio/ogg; codecs=opus", Kind.AUDIO),
            ("VIDEO/mp4", Kind.VIDEO),
            ("application/pdf", Kind.FILE),
            ("", Kind.FILE),
        ],
    )
    def test_a_medium_is_told_by_its_type(
        self, channel: WhatsAppChannel, twilio: Twilio, content_type: str, kind: Kind
    ) -> None:
        inbound = heard(channel, twilio, twilio.person().sends(content_type, "see here"))

        assert (inbound.kind, inbound.text) == (kind, "see here")

    def test_several_media_are_one_message_and_none_is_fetched(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        assert heard(channel, twilio, payload("album")).kind is Kind.IMAGE
        assert twilio.calls == []

    def test_a_place_is_only_a_place(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        inbound = heard(channel, twilio, payload("location"))

        assert (inbound.kind, inbound.text) == (Kind.LOCATION, "")

    @pytest.mark.parametrize("told", ["contacts", "sticker", "order"])
    def test_other_kinds_are_known_to_be_other(self, channel: WhatsAppChannel, twilio: Twilio, told: str) -> None:
        form = twilio.person().says("", MessageType=told)

        assert heard(channel, twilio, form).kind is Kind.OTHER

    @pytest.mark.parametrize(
        "told",
        [
            {"MessageType": "hologram", "Body": ""},
            {"MessageType": "reaction", "Body": "👍"},
            {"From": "+254700000001", "Body": "an SMS"},
            {"From": "messenger:42"},
        ],
    )
    def test_what_is_no_message_to_us_is_ignored(
        self, channel: WhatsAppChannel, twilio: Twilio, told: dict[str, str]
    ) -> None:
        form = dict(twilio.person().says("hello")) | told

        assert channel.parse(twilio.request(list(form.items()))) == []

    def test_a_text_of_a_new_kind_is_not_lost(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        assert heard(channel, twilio, twilio.person().says("hello", MessageType="hologram")).text == "hello"

    @pytest.mark.parametrize("choice", ["x" * 201, "a\x00b"])
    def test_a_choice_that_cannot_be_ours_is_a_text(
        self, channel: WhatsAppChannel, twilio: Twilio, choice: str
    ) -> None:
        inbound = heard(channel, twilio, twilio.person().presses(choice, "Yes"))

        assert (inbound.kind, inbound.text, inbound.choice) == (Kind.TEXT, "Yes", None)

    @pytest.mark.parametrize(
        "told",
        [{"MessageSid": "", "SmsSid": "", "SmsMessageSid": ""}, {"From": ""}, {"NumMedia": "many"}],
    )
    def test_a_message_with_a_hole_is_refused(
        self, channel: WhatsAppChannel, twilio: Twilio, told: dict[str, str]
    ) -> None:
        form = dict(twilio.person().says("hello")) | told

        with pytest.raises(Malformed):
            channel.parse(twilio.request(list(form.items())))

    @pytest.mark.parametrize("body", [b"Body=" + b"a" * 300_000, b"&".join(b"k%d=v" % n for n in range(501))])
    def test_a_form_without_end_is_refused(self, channel: WhatsAppChannel, twilio: Twilio, body: bytes) -> None:
        with pytest.raises(Malformed):
            channel.parse(twilio.request(body))

    def test_what_is_no_form_is_refused(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        request = twilio.request(payload("text"))

        with pytest.raises(Malformed):
            channel.parse(replace(request, headers={**request.headers, "content-type": "text/plain"}))


class TestAStatus:
    def test_names_the_message_and_our_reference(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        twilio.person()
        twilio.story = ("queued", "sent", "delivered", "read")
        receipt = send(channel, reference=REFERENCE)

        assert receipt.external_id
        assert statuses(channel, twilio) == [
            Status(receipt.external_id, state, reference=REFERENCE) for state in ("sent", "sent", "delivered", "read")
        ]

    def test_is_understood_in_any_order_and_number(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        twilio.person()
        twilio.tell(Callbacks(delay=(0, 60), copies=3, seed=2))
        send(channel)

        states = [status.state for status in statuses(channel, twilio)]

        assert sorted(states) == ["delivered"] * 3 + ["sent"] * 3
        assert states != sorted(states, reverse=True)

    @pytest.mark.parametrize(
        ("code", "error"),
        [
            ("63016", OutsideWindow),
            ("63015", OutsideWindow),
            ("63032", OutsideWindow),
            ("63049", OutsideWindow),
            ("63009", RetryAfter),
            ("63010", RetryAfter),
            ("63012", RetryAfter),
            ("63017", RetryAfter),
            ("63018", RetryAfter),
            ("20429", RetryAfter),
            ("21611", RetryAfter),
            ("63007", Misconfigured),
            ("30002", Misconfigured),
            ("63014", Stopped),
            ("21610", Stopped),
            ("63024", Permanent),
            ("63005", Permanent),
            ("63030", Permanent),
            ("63021", Permanent),
            ("63003", Permanent),
            ("99999", Permanent),
            ("", Permanent),
        ],
    )
    def test_of_a_failure_tells_why(
        self, channel: WhatsAppChannel, twilio: Twilio, code: str, error: type[SendError]
    ) -> None:
        form = dict(parse_qsl(payload("undelivered").decode())) | {"ErrorCode": code}
        (status,) = channel.parse(twilio.request(list(form.items()), "?status&reference=1"))

        assert isinstance(status, Status)
        assert status.state == "failed"
        assert type(status.error) is error
        assert "+2547" not in str(status.error)

    def test_of_a_canceled_message_is_a_failure(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        form = [("MessageSid", "SM1"), ("MessageStatus", "canceled")]
        (status,) = channel.parse(twilio.request(form))

        assert isinstance(status, Status)
        assert (status.state, status.reference) == ("failed", None)

    @pytest.mark.parametrize("state", ["scheduled", "receiving", "teleported", ""])
    def test_that_says_nothing_is_ignored(self, channel: WhatsAppChannel, twilio: Twilio, state: str) -> None:
        form = [("MessageSid", "SM1"), ("MessageStatus", state)]

        assert channel.parse(twilio.request(form, "?status")) == []

    def test_of_no_message_is_refused(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        with pytest.raises(Malformed):
            channel.parse(twilio.request([("MessageStatus", "sent")], "?status"))

    def test_is_never_taken_for_a_message(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        assert channel.parse(twilio.request(twilio.person().says("hello"), "?status")) == []


class TestSending:
    def test_goes_through_a_messaging_service_too(self, twilio: Twilio) -> None:
        twilio.person()

        assert send(connect(twilio, sender=SERVICE)).external_id

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            (Fault(400, 21211), Permanent),
            (Fault(400, 21617), Permanent),
            (Fault(400, 63024), Permanent),
            (Fault(400, 21610), Stopped),
            (Fault(400, 63014), Stopped),
            (Fault(400, 63016), OutsideWindow),
            (Fault(400, 21611), RetryAfter),
            (Fault(400, 63018), RetryAfter),
            (Fault(429, 20429), RetryAfter),
            (Fault(429), RetryAfter),
            (Fault(404), RetryAfter),
            (Fault(408), Unknown),
            (Fault(500, 20500), Unknown),
            (Fault(503, 20503), Unknown),
            (Fault(302), Unknown),
        ],
    )
    def test_each_refusal_has_its_error(
        self, channel: WhatsAppChannel, twilio: Twilio, fault: Fault, error: type[SendError]
    ) -> None:
        twilio.person()
        twilio.fail(fault)

        with pytest.raises(SendError) as raised:
            send(channel)

        assert type(raised.value) is error
        assert twilio.texts == []
        assert twilio.calls == ["messages"], "it was tried again"

    @pytest.mark.parametrize(
        "fault",
        [Fault(400, 63007), Fault(400, 21408), Fault(403, 20403), Fault(401, 20003), Fault(401), Fault(400, 63038)],
    )
    def test_what_only_the_operator_can_mend_is_no_fault_of_the_message(
        self, channel: WhatsAppChannel, twilio: Twilio, fault: Fault
    ) -> None:
        twilio.person()
        twilio.fail(fault)

        with pytest.raises(Misconfigured, match="the operator must see to") as raised:
            send(channel)
        assert raised.value.seconds >= 60

    @pytest.mark.parametrize(("told", "seconds"), [(7, 7.0), (None, 5.0), (10**8, 3600.0)])
    def test_it_waits_as_long_as_it_is_told(
        self, channel: WhatsAppChannel, twilio: Twilio, told: int | None, seconds: float
    ) -> None:
        twilio.fail(Fault(429, 20429, retry_after=told))

        with pytest.raises(RetryAfter) as raised:
            send(channel)
        assert raised.value.seconds == seconds

    def test_what_never_left_may_be_sent_again(self, twilio: Twilio) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            nobody = f"http://127.0.0.1:{closed.getsockname()[1]}"
            with pytest.raises(RetryAfter):
                send(WhatsAppChannel(ACCOUNT, (TOKEN,), NUMBER, PUBLIC, nobody))

    @pytest.mark.parametrize("fault", [double.ACCEPTED_THEN_RESET, double.ACCEPTED_THEN_SILENT])
    def test_what_was_accepted_without_an_answer_is_unknown(
        self, channel: WhatsAppChannel, twilio: Twilio, fault: Fault
    ) -> None:
        twilio.person()
        twilio.fail(fault)

        with pytest.raises(Unknown):
            send(channel)
        assert twilio.texts == ["hello"], "sent once, not twice"

    def test_an_answer_that_cannot_be_read_is_unknown(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        twilio.fail(Fault(200))

        with pytest.raises(Unknown):
            send(channel)

    def test_a_wrong_token_is_the_operators_matter(self, twilio: Twilio) -> None:
        channel = WhatsAppChannel(ACCOUNT, ("wrong",), NUMBER, PUBLIC, twilio.url)

        with pytest.raises(RetryAfter):
            send(channel)

    def test_an_address_of_another_channel_is_refused_here(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        with pytest.raises(Permanent):
            send(channel, to="+254700000001")
        assert twilio.calls == []

    def test_nothing_that_was_caught_hangs_on_the_error(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        twilio.fail(double.SILENT)

        with pytest.raises(Unknown) as raised:
            send(channel)
        assert raised.value.__context__ is None

    def test_asking_for_what_was_sent_leaves_no_address_in_the_log(
        self, channel: WhatsAppChannel, twilio: Twilio, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        twilio.person()
        send(channel)
        do(channel, lambda: channel.find(ADA, Outgoing("hello"), datetime.now(UTC)))

        for private in (TOKEN, ACCOUNT, "254700000001", "hello"):
            assert private not in caplog.text

    def test_many_at_once_each_arrive_once(self, twilio: Twilio) -> None:
        twilio.person()
        channel = connect(twilio, timeout=5.0)

        async def all_of_them() -> list[Receipt]:
            messages = [Outgoing(f"number {number}", YES_NO) for number in range(20)]
            return await asyncio.gather(*(channel.send(ADA, message) for message in messages))

        receipts = do(channel, all_of_them)

        assert len({receipt.external_id for receipt in receipts}) == 20
        assert sorted(twilio.texts) == sorted(f"number {number}" for number in range(20))
        assert len(twilio.contents) == 1

    @pytest.mark.parametrize("sender", ["+14155238886", "", "MGshort", "whatsapp:"])
    def test_a_sender_that_is_none_is_told_at_once(self, sender: str) -> None:
        with pytest.raises(ValueError, match="sender"):
            WhatsAppChannel(ACCOUNT, (TOKEN,), sender, PUBLIC)

    @pytest.mark.parametrize("tokens", [(), ("",)])
    def test_without_a_token_there_is_no_channel(self, tokens: tuple[str, ...]) -> None:
        with pytest.raises(ValueError, match="token"):
            WhatsAppChannel(ACCOUNT, tokens, NUMBER, PUBLIC)


class TestButtons:
    def test_up_to_three_are_quick_replies(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        twilio.person()
        send(channel, "Shall I forget you?", *YES_NO)

        (message,) = twilio.sent
        assert (message.body, message.buttons) == (
            "Shall I forget you?",
            [("Yes", "erase:yes"), ("No", "erase:no")],
        )
        assert statuses(channel, twilio)[-1].state == "delivered"

    def test_up_to_ten_are_a_list(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        twilio.person()
        send(channel, "What about?", *TOPICS)

        assert [title for title, _ in twilio.sent[0].buttons] == [topic.title for topic in TOPICS]

    def test_long_titles_are_a_list_in_which_they_stand_in_full(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        twilio.person()
        long = Button("Aucune de ces formations ne me convient", "none")
        send(channel, "Et maintenant ?", *YES_NO, long)

        content = twilio.sent[0].content
        assert content
        *_, item = content["types"]["twilio/list-picker"]["items"]
        assert item["item"].startswith("Aucune de ces")
        assert item["description"] == long.title

    def test_every_line_of_the_text_is_kept(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        twilio.person()
        text = "One of them:\n\n1. *Python*\nhttps://example.org/a?b={c}\n\n\u2068عربي\u2069 100%"
        send(channel, text, *YES_NO)

        assert twilio.texts == [text]
        assert twilio.sent[0].buttons

    def test_the_no_break_spaces_of_french_cost_no_buttons(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        twilio.person()
        text = "Voici le texte\u00a0: «\u202fsoudure\u202f»"
        send(channel, text, *YES_NO)

        assert twilio.texts == [text]
        assert twilio.sent[0].buttons

    def test_a_content_is_made_once_for_all_texts_of_its_shape(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        twilio.person()
        for text in ("Forget?", "Really forget?", "Quite\nsure?"):
            send(channel, text, *YES_NO)

        assert twilio.calls.count("contents") == 2
        assert all(message.buttons for message in twilio.sent)
        assert "forget" not in str(twilio.contents), "what people read is not kept in contents"

    def test_a_content_is_found_again_after_a_restart(self, twilio: Twilio) -> None:
        twilio.person()
        for _ in range(2):
            send(connect(twilio), "Shall I forget you?", *YES_NO)

        assert len(twilio.contents) == 1

    @pytest.mark.parametrize(
        ("text", "buttons"),
        [
            ("too many", [Button(f"Topic {number}", str(number)) for number in range(11)]),
            ("the same twice", [Button("Yes", "1"), Button("Yes", "2")]),
            ("the same payload", [Button("Yes", "1"), Button("No", "1")]),
            ("a long payload", [Button("Yes", "1" * 201)]),
            ("no payload", [Button("Yes", "")]),
            ("no title", [Button(" ", "1")]),
            ("a title without end", [Button("Yes " * 20, "1")]),
            ("alike when shortened", [Button(f"The very same beginning {n}", str(n)) for n in range(5)]),
            ("a {{1}} like a variable", list(YES_NO)),
            ("variables in a title", [Button("{{1}}", "1")]),
            ("a\ttab", list(YES_NO)),
            ("long " * 250 + "end", list(YES_NO)),
            ("🙂 " * 342, list(YES_NO)),
            ("\n".join("123456789"[:9] for _ in range(95)), list(YES_NO)),
        ],
        ids=lambda value: value[:20] if isinstance(value, str) else "",
    )
    def test_beyond_the_limits_the_text_goes_alone(
        self, channel: WhatsAppChannel, twilio: Twilio, text: str, buttons: list[Button]
    ) -> None:
        twilio.person()
        send(channel, text, *buttons)

        assert twilio.texts == [text]
        assert twilio.calls == ["messages"]

    @pytest.mark.parametrize(
        "fault", [double.REFUSED, double.BROKEN, double.UNAVAILABLE, double.BUSY, double.RESET, double.SILENT]
    )
    @pytest.mark.parametrize("call", ["contents", "content-list"])
    def test_if_no_content_can_be_made_the_text_goes_all_the_same(
        self, channel: WhatsAppChannel, twilio: Twilio, fault: Fault, call: str
    ) -> None:
        twilio.person()
        twilio.fail(fault, call=call)
        send(channel, "Shall I forget you?", *YES_NO)

        assert twilio.texts == ["Shall I forget you?"]

    def test_a_content_that_twilio_refuses_is_replaced_by_text_and_not_tried_again(
        self, channel: WhatsAppChannel, twilio: Twilio
    ) -> None:
        twilio.person()
        twilio.fail(Fault(400, 21656))
        for text in ("First?", "Second?"):
            send(channel, text, *YES_NO)

        assert twilio.texts == ["First?", "Second?"]
        assert twilio.calls.count("messages") == 3
        assert not any(message.buttons for message in twilio.sent)

    def test_a_person_who_is_refused_is_not_the_contents_fault(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        twilio.person()
        twilio.fail(double.REFUSED, double.REFUSED)
        with pytest.raises(Permanent):
            send(channel, "First?", *YES_NO)
        send(channel, "Second?", *YES_NO)

        assert twilio.sent[0].buttons

    @pytest.mark.parametrize("fault", [double.BROKEN, double.SILENT, double.RESET, double.BUSY, double.STOPPED])
    def test_what_may_have_been_sent_with_buttons_is_not_sent_without(
        self, channel: WhatsAppChannel, twilio: Twilio, fault: Fault
    ) -> None:
        twilio.person()
        twilio.fail(fault)

        with pytest.raises((Unknown, RetryAfter, Stopped)):
            send(channel, "Shall I forget you?", *YES_NO)
        assert twilio.calls.count("messages") == 1

    def test_are_still_there_after_a_wait(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        twilio.person()
        twilio.fail(double.BUSY)
        with pytest.raises(RetryAfter):
            send(channel, "Shall I forget you?", *YES_NO, reference=REFERENCE)
        send(channel, "Shall I forget you?", *YES_NO, reference=REFERENCE)

        assert twilio.sent[0].buttons

    def test_nobody_waits_twice_for_contents_that_cannot_be_made(
        self, channel: WhatsAppChannel, twilio: Twilio
    ) -> None:
        twilio.person()
        twilio.fail(double.SILENT, call="content-list")
        for text in ("First?", "Second?"):
            send(channel, text, *YES_NO)

        assert twilio.texts == ["First?", "Second?"]
        assert twilio.calls.count("content-list") == 1

    def test_that_whatsapp_refuses_later_make_way_for_the_text(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        twilio.person()
        twilio.refused_contents = 63021
        send(channel, "Shall I forget you?", *YES_NO, reference=REFERENCE)
        (status,) = statuses(channel, twilio)

        assert isinstance(status.error, RetryAfter)
        send(channel, "Shall I forget you?", *YES_NO, reference=REFERENCE)
        assert [message.buttons for message in twilio.sent] == [twilio.sent[0].buttons, []]
        assert statuses(channel, twilio)[-1].state == "delivered"


class TestTheWindow:
    def test_closes_a_day_after_a_person_wrote_and_that_is_told_later(
        self, channel: WhatsAppChannel, twilio: Twilio
    ) -> None:
        ada = twilio.person()
        twilio.advance(timedelta(hours=23, minutes=59))
        send(channel)
        assert statuses(channel, twilio)[-1].state == "delivered"
        twilio.advance(timedelta(minutes=2))

        assert send(channel).external_id
        status = statuses(channel, twilio)[-1]
        assert (status.state, type(status.error)) == ("failed", OutsideWindow)

        ada.says("hello again")
        send(channel)
        assert statuses(channel, twilio)[-1].state == "delivered"

    def test_is_closed_for_buttons_too(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        twilio.person(wrote=False)
        send(channel, "What about?", *TOPICS)

        assert isinstance(statuses(channel, twilio)[-1].error, OutsideWindow)

    def test_is_not_what_keeps_a_number_without_whatsapp(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        twilio.person()
        twilio.nowhere.add(ADA)
        send(channel)

        assert isinstance(statuses(channel, twilio)[-1].error, Permanent)

    def test_whoever_has_said_stop_to_twilio_is_not_reached_before_they_say_start(
        self, channel: WhatsAppChannel, twilio: Twilio
    ) -> None:
        ada = twilio.person()
        assert heard(channel, twilio, ada.stops()).text == "STOP"
        for buttons in ((), YES_NO):
            with pytest.raises(Stopped):
                send(channel, "You will hear no more of me.", *buttons)
        assert twilio.texts == []

        assert heard(channel, twilio, ada.starts()).text == "START"
        send(channel, "Welcome back.")
        assert twilio.texts == ["Welcome back."]
        assert statuses(channel, twilio)[-1].state == "delivered"

    @pytest.mark.parametrize("word", ["END", "Cancel", "unsubscribe", "Basta"])
    def test_whatever_twilio_takes_for_stop_is_stop_to_us(
        self, channel: WhatsAppChannel, twilio: Twilio, word: str
    ) -> None:
        ada = twilio.person()
        inbound = heard(channel, twilio, ada.says(word, OptOutType="STOP"))
        pressed = heard(channel, twilio, [*ada.presses("no", word), ("OptOutType", "STOP")])

        assert (inbound.kind, inbound.text, inbound.address) == (Kind.TEXT, "STOP", ADA)
        assert (pressed.kind, pressed.text, pressed.choice) == (Kind.TEXT, "STOP", None)

    @pytest.mark.parametrize(
        ("word", "told"), [("START", "START"), ("yes", "START"), ("HELP", "HELP"), ("info", "HELP")]
    )
    def test_what_twilio_takes_for_start_or_help_comes_as_it_was_written(
        self, channel: WhatsAppChannel, twilio: Twilio, word: str, told: str
    ) -> None:
        inbound = heard(channel, twilio, twilio.person().says(word, OptOutType=told))

        assert (inbound.kind, inbound.text) == (Kind.TEXT, word)

    def test_whoever_blocks_us_is_written_to_no_more(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        twilio.person()
        twilio.blocking.add(ADA)
        send(channel)

        assert isinstance(statuses(channel, twilio)[-1].error, Stopped)


class TestAnInvitation:
    def invite(self, channel: WhatsAppChannel, language: str) -> Receipt:
        return do(channel, lambda: channel.invite(ADA, language))  # type: ignore[no-any-return]

    def made(self, twilio: Twilio) -> dict[str, str]:
        async def go() -> dict[str, str]:
            channel = connect(twilio)
            templates = Templates(channel.api)
            made = {}
            for language, text in (("en", "We have an answer for you."), ("sw", "Tuna jibu lako.")):
                template = await templates.create(language, text)
                assert await templates.submit(template) == "received"
                twilio.approve(template.sid)
                made[language] = template.sid
            await channel.close()
            return made

        return asyncio.run(go())

    @pytest.mark.parametrize(
        ("language", "text"),
        [
            ("sw", "Tuna jibu lako."),
            ("sw-KE", "Tuna jibu lako."),
            ("am", "We have an answer for you."),
        ],
    )
    def test_reaches_people_outside_the_window_in_their_language_or_in_english(
        self, twilio: Twilio, language: str, text: str
    ) -> None:
        channel = connect(twilio, templates=self.made(twilio))
        self.invite(channel, language)

        assert twilio.texts == [text]
        assert statuses(channel, twilio)[-1].state == "delivered"

    def test_that_was_not_approved_does_not(self, twilio: Twilio) -> None:
        made = self.made(twilio)
        twilio.approvals.clear()
        channel = connect(twilio, templates=made)
        self.invite(channel, "en")

        assert isinstance(statuses(channel, twilio)[-1].error, OutsideWindow)

    def test_needs_a_template(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        with pytest.raises(OutsideWindow):
            self.invite(channel, "sw")
        assert twilio.calls == []

    def test_is_shown_with_its_approval(self, twilio: Twilio) -> None:
        self.made(twilio)
        channel = connect(twilio)
        send(channel, "This makes a content of another kind", *YES_NO)
        do(channel, lambda: Templates(channel.api).create("pt-BR", "Temos uma resposta."))

        shown = do(channel, Templates(channel.api).all)

        assert [(t.language, t.body, t.approval) for t in shown] == [
            ("en", "We have an answer for you.", "approved"),
            ("pt-BR", "Temos uma resposta.", "unsubmitted"),
            ("sw", "Tuna jibu lako.", "approved"),
        ]
        assert {c["friendly_name"] for c in twilio.contents.values()} > {"dalil_invite_en", "dalil_invite_pt_br"}

    def test_that_twilio_refuses_is_an_error(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        with pytest.raises(Permanent):
            do(channel, lambda: Templates(channel.api).create("en", ""))


class TestFinding:
    def find(self, channel: WhatsAppChannel, text: str, since: datetime | None = None) -> Receipt | None:
        since = since or datetime.now(UTC)
        return do(channel, lambda: channel.find(ADA, Outgoing(text), since))  # type: ignore[no-any-return]

    @pytest.mark.parametrize(
        ("text", "buttons"), [("hello\n\nthere", ()), ("Forget?\nReally?", YES_NO), ("long " * 300, ())]
    )
    def test_a_message_whose_answer_was_lost_is_found(
        self, channel: WhatsAppChannel, twilio: Twilio, text: str, buttons: tuple[Button, ...]
    ) -> None:
        twilio.person()
        twilio.fail(double.ACCEPTED_THEN_RESET)
        with pytest.raises(Unknown):
            send(channel, text, *buttons)

        assert self.find(channel, text) == Receipt(twilio.sent[0].sid)

    def test_another_text_another_person_or_another_time_is_not_it(
        self, channel: WhatsAppChannel, twilio: Twilio
    ) -> None:
        twilio.person()
        twilio.person("whatsapp:+254700000002")
        send(channel, "something else")
        send(channel, "hello", to="whatsapp:+254700000002")
        twilio.advance(-timedelta(hours=1))
        send(channel, "hello")

        assert self.find(channel, "hello") is None

    def test_another_message_that_says_the_same_is_not_it(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        twilio.person()
        first, second = send(channel).external_id, send(channel).external_id
        since = datetime.now(UTC)

        found = do(channel, lambda: channel.find(ADA, Outgoing("hello"), since, [str(second)]))
        nothing = do(channel, lambda: channel.find(ADA, Outgoing("hello"), since, [str(first), str(second)]))

        assert found == Receipt(first)
        assert nothing is None

    def test_one_that_failed_does_not_count(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        twilio.person(wrote=False)
        send(channel)

        assert self.find(channel, "hello") is None

    @pytest.mark.parametrize("fault", [double.BROKEN, double.SILENT, double.RESET, double.BUSY])
    def test_no_answer_is_no_answer(self, channel: WhatsAppChannel, twilio: Twilio, fault: Fault) -> None:
        twilio.fail(fault, call="list")

        with pytest.raises(RetryAfter):
            self.find(channel, "hello")


class TestTyping:
    def test_is_shown_for_the_message_that_is_answered(self, channel: WhatsAppChannel, twilio: Twilio) -> None:
        sid = dict(twilio.person().says("hello"))["MessageSid"]
        do(channel, lambda: channel.typing(ADA, sid))

        assert twilio.typed == [sid]

    @pytest.mark.parametrize("fault", [*double.FAULTS, double.SILENT, double.REFUSED, Fault(200)])
    def test_never_fails(self, channel: WhatsAppChannel, twilio: Twilio, fault: Fault) -> None:
        twilio.fail(fault, call="typing")
        do(channel, lambda: channel.typing(ADA, "SM1"))


class TestTheDouble:
    def test_signs_its_callbacks_and_sends_them_to_the_webhook(self, twilio: Twilio, channel: WhatsAppChannel) -> None:
        taken: list[Any] = []
        app = FastAPI()

        @app.post("/channels/whatsapp")
        async def take(call: Call) -> None:
            url = PUBLIC + call.url.path + (f"?{call.url.query}" if call.url.query else "")
            taken.extend(channel.parse(Request(url, await call.body(), dict(call.headers))))

        with served(app) as address, Twilio(webhook=address).serving() as calling:
            calling.tell(Callbacks(delay=(0, 0.05), copies=2))
            ada = calling.person()
            calling.deliver([ada.says("one"), ada.says("two")], copies=2)
            send(connect(calling, timeout=5.0))
            wait_for(lambda: len(taken) == 8)

        assert sum(isinstance(entry, Status) for entry in taken) == 4

    def test_knows_only_its_own_account_and_paths(self, twilio: Twilio) -> None:
        own, other = (ACCOUNT, TOKEN), (ACCOUNT, "wrong")
        path = f"{twilio.url}/2010-04-01/Accounts"

        assert httpx.get(f"{path}/{ACCOUNT}/Messages.json", auth=other).status_code == 401
        assert httpx.get(f"{path}/AC1/Messages.json", auth=own).status_code == 404
        assert httpx.get(f"{path}/{ACCOUNT}/Messages.json", auth=own).status_code == 200
        assert httpx.get(f"{twilio.url}/v3/Anything", auth=own).status_code == 404

    def test_tells_of_one_message(self, twilio: Twilio, channel: WhatsAppChannel) -> None:
        twilio.person()
        receipt = send(channel)
        url = f"{twilio.url}/2010-04-01/Accounts/{ACCOUNT}/Messages/{receipt.external_id}.json"

        assert httpx.get(url, auth=(ACCOUNT, TOKEN)).json()["status"] == "delivered"

    @pytest.mark.parametrize(
        ("told", "code"),
        [
            ({"Body": "a" * 1601}, 21617),
            ({"Body": ""}, 21602),
            ({"Body": "a", "To": "whatsapp:0700"}, 21211),
            ({"Body": "a", "From": "whatsapp:+1"}, 63007),
            ({"Body": "a", "StatusCallback": "nowhere"}, 21609),
            ({"Body": "a", "Colour": "red"}, 20001),
            ({"ContentSid": "HX1"}, 21655),
        ],
    )
    def test_refuses_what_twilio_refuses(self, twilio: Twilio, told: dict[str, str], code: int) -> None:
        twilio.person()
        url = f"{twilio.url}/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
        answer = httpx.post(url, auth=(ACCOUNT, TOKEN), data={"To": ADA, "From": NUMBER} | told)

        assert (answer.status_code, answer.json()["code"]) == (400, code)


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """A webhook on a free port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        wait_for(lambda: server.started)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)
