"""Buttons and lists, and the text alone where they do not fit."""

from __future__ import annotations

import pytest

from channels.contract import (
    Button,
    Permanent,
    RetryAfter,
    Stopped,
    Unknown,
)
from channels.whatsapp import WhatsAppChannel
from tests.channels.whatsapp import REFERENCE, TOPICS, YES_NO, connect, send, statuses
from tests.servers import twilio as double
from tests.servers.twilio import Fault, Twilio


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
