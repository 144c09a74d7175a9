"""What every channel must do, and the closed set of things that can go wrong when it sends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What a person sent. Media are never fetched: only the fact is kept."""

    TEXT = "text"
    CHOICE = "choice"
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    FILE = "file"
    LOCATION = "location"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Inbound:
    """One message as it came in. A repeated delivery has the same `address` and `external_id`."""

    channel: str
    address: str
    external_id: str
    kind: Kind
    text: str = ""
    choice: str | None = None
    language: str | None = None
    """What the channel says of the person's language; only a hint, until they have written something."""


@dataclass(frozen=True, slots=True)
class Button:
    """A reply that can be given with one touch. `payload` comes back as `Inbound.choice`."""

    title: str
    payload: str


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to send. Channels without buttons send `text` alone, which must be enough."""

    text: str
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """The provider took the message over; `external_id` names it in later status callbacks."""

    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request as raw as it came; `url` is built on the configured public address."""

    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """Header names are lower case."""
    cookies: Mapping[str, str] = field(default_factory=dict)


class Forged(Exception):
    """The request does not prove that it comes from where it says: answer 403."""


class Malformed(Exception):
    """The request cannot be read: answer 400."""


class SendError(Exception):
    """A message was not (or perhaps not) sent. Its text never holds a secret or an address."""


class Permanent(SendError):
    """It will never be accepted; do not try again."""


class Stopped(SendError):
    """The person blocked us or asked the provider to stop: write to them no more."""


class RetryAfter(SendError):
    """Not accepted now; try again after `seconds`."""

    def __init__(self, reason: str, seconds: float) -> None:
        super().__init__(reason)
        self.seconds = seconds


class Unknown(SendError):
    """It may or may not have been accepted: the answer never came."""


class Channel(ABC):
    """A way to reach people."""

    name: str
    text_limit: int
    """The longest text that one message may have, in characters."""

    @abstractmethod
    def parse(self, request: Request) -> list[Inbound]:
        """Verify and read a request. Raises `Forged` or `Malformed`; what is unknown gives `[]`."""

    @abstractmethod
    async def send(self, address: str, message: Outgoing) -> Receipt:
        """Hand one message over to the provider. Raises a `SendError`."""
