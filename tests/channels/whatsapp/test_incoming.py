"""What Twilio tells us: signatures, messages, what became of ours."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl

import pytest

from channels.contract import (
    Forged,
    Inbound,
    Kind,
    Malformed,
    Misconfigured,
    OutsideWindow,
    Permanent,
    Request,
    RetryAfter,
    SendError,
    Status,
    Stopped,
)
from channels.whatsapp import WhatsAppChannel
from tests.channels.whatsapp import ADA, OLD_TOKEN, REFERENCE, heard, payload, send, statuses
from tests.servers import twilio as double
from tests.servers.twilio import ACCOUNT, NUMBER, PUBLIC, TOKEN, Callbacks, Twilio


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
