"""What every channel with a provider behind it must keep: subclass `ChannelContract` and give it a `provider`."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from typing import Any

import pytest

from channels.contract import (
    Channel,
    Forged,
    Inbound,
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
from channels.text import split

TEXTS = [
    "Ina son koyon kwamfuta kyauta, ɗan Kano ne ni — ƙwararre",
    "ነፃ የኮምፒውተር ሥልጠና እፈልጋለሁ፣ አዲስ አበባ",
    "أريد دورة مجانية في الأمن السيبراني 🇪🇬",
    "👩🏾‍💻👍🏿",
    'a+b & c=d %41 "quoted" <b>',
    "line one\nline two",
]


class Provider(ABC):
    """A double of the provider on real HTTP, and the channel that talks to it."""

    channel: Channel
    address: str
    """Somebody who has written and may be written to."""
    secrets: tuple[str, ...]
    """Must never stand in an error or a log."""

    @abstractmethod
    def says(self, text: str, number: int = 1) -> Request:
        """The signed request for a text; `number` names the message."""

    @abstractmethod
    def forged(self, request: Request) -> Request:
        """The same request with a proof that does not fit."""

    @abstractmethod
    def unproven(self, request: Request) -> Request:
        """The same request without any proof."""

    @abstractmethod
    def unknown(self) -> Request:
        """A signed request of a kind that does not exist yet."""

    @abstractmethod
    def malformed(self) -> Request:
        """A signed request that cannot be read."""

    @abstractmethod
    def fail(self, fault: str) -> None:
        """Meet the next call with a fault: `refused`, `stopped`, `busy`, `broken`, `reset` or `silent`."""

    @property
    @abstractmethod
    def received(self) -> list[str]:
        """The texts that the provider has accepted, in order."""


class ChannelContract:
    """The suite."""

    def send(self, provider: Provider, text: str = "hello") -> Receipt:
        async def go() -> Receipt:
            try:
                return await provider.channel.send(provider.address, Outgoing(text))
            finally:
                await provider.channel.close()

        return asyncio.run(go())

    @pytest.mark.parametrize("text", TEXTS)
    def test_a_text_arrives_word_for_word(self, provider: Provider, text: str) -> None:
        (inbound,) = provider.channel.parse(provider.says(text))

        assert isinstance(inbound, Inbound)
        assert inbound.text == text
        assert inbound.address == provider.address

    def test_a_repeat_has_the_same_identity_and_another_message_has_not(self, provider: Provider) -> None:
        def identity(number: int) -> Any:
            (inbound,) = provider.channel.parse(provider.says("hello", number))
            assert isinstance(inbound, Inbound)
            return inbound.address, inbound.external_id

        assert identity(1) == identity(1)
        assert identity(1) != identity(2)

    def test_a_forgery_is_refused(self, provider: Provider) -> None:
        with pytest.raises(Forged):
            provider.channel.parse(provider.forged(provider.says("hello")))
        with pytest.raises(Forged):
            provider.channel.parse(provider.unproven(provider.says("hello")))

    def test_what_is_unknown_is_ignored(self, provider: Provider) -> None:
        assert list(provider.channel.parse(provider.unknown())) == []

    def test_what_cannot_be_read_is_refused(self, provider: Provider) -> None:
        with pytest.raises(Malformed):
            provider.channel.parse(provider.malformed())

    @pytest.mark.parametrize("text", TEXTS)
    def test_a_text_is_sent_word_for_word(self, provider: Provider, text: str) -> None:
        receipt = self.send(provider, text)

        assert provider.received == [text]
        assert receipt.external_id

    def test_a_text_that_just_fits_is_one_message(self, provider: Provider) -> None:
        text = "😀" * (provider.channel.text_limit // 2)
        self.send(provider, text)

        assert provider.received == [text]

    def test_a_text_that_is_too_long_is_refused_for_good_and_nothing_of_it_is_sent(self, provider: Provider) -> None:
        with pytest.raises(Permanent, match="too long"):
            self.send(provider, "😀" * (provider.channel.text_limit // 2) + "!")

        assert provider.received == []

    def test_all_pieces_of_a_long_text_are_taken(self, provider: Provider) -> None:
        pieces = split("neno 😀 " * provider.channel.text_limit, provider.channel.text_limit)
        for piece in pieces:
            self.send(provider, piece)

        assert provider.received == pieces

    @pytest.mark.parametrize(
        ("fault", "error"),
        [
            ("refused", Permanent),
            ("stopped", Stopped),
            ("busy", RetryAfter),
            ("reset", Unknown),
            ("silent", Unknown),
        ],
    )
    def test_each_fault_has_its_error(self, provider: Provider, fault: str, error: type[SendError]) -> None:
        provider.fail(fault)

        with pytest.raises(error):
            self.send(provider)

    def test_after_a_broken_answer_nobody_claims_to_know(self, provider: Provider) -> None:
        provider.fail("broken")

        with pytest.raises((Unknown, RetryAfter)):
            self.send(provider)

    @pytest.mark.parametrize("fault", ["refused", "stopped", "busy", "broken", "reset", "silent"])
    def test_no_secret_and_no_address_stands_in_an_error_or_a_log(
        self, provider: Provider, fault: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        provider.fail(fault)

        with pytest.raises(SendError) as raised:
            self.send(provider, "my private words")

        chain, error = [], raised.value
        while error is not None:
            chain.append(f"{error} {error!r}")
            error = error.__cause__  # type: ignore[assignment]
        told = caplog.text + "\n".join(chain)
        for private in (*provider.secrets, provider.address, "my private words"):
            assert private not in told
