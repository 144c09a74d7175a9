"""What we tell Twilio: messages, the window and invitations, what it knows of one, typing."""

from __future__ import annotations

import asyncio
import logging
import socket
from datetime import UTC, datetime, timedelta

import pytest

from channels.contract import (
    Button,
    Kind,
    Misconfigured,
    Outgoing,
    OutsideWindow,
    Permanent,
    Receipt,
    RetryAfter,
    SendError,
    Stopped,
    Unknown,
)
from channels.twilio.templates import Templates
from channels.whatsapp import WhatsAppChannel
from tests.channels.whatsapp import ADA, TOPICS, YES_NO, connect, do, heard, send, statuses
from tests.servers import twilio as double
from tests.servers.twilio import ACCOUNT, NUMBER, PUBLIC, SERVICE, TOKEN, Fault, Twilio


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
