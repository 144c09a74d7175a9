"""What every channel must do, and the closed set of things that can go wrong when it sends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal


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
class Status:
    """What became of a message of ours. Providers tell it late, again, and out of order."""

    external_id: str
    """That of the `Receipt`."""
    state: Literal["sent", "delivered", "read", "failed"]
    error: SendError | None = None
    """Why it failed."""
    reference: str | None = None
    """That of the `Outgoing`, if the provider gave it back: known even where the receipt was lost."""


@dataclass(frozen=True, slots=True)
class Press:
    """A button below a message of ours in the officers' group, pressed by one of its members."""

    channel: str
    group: str
    """Address of the group."""
    account: str
    """Who pressed it, as the provider knows them; it can be trusted."""
    payload: str
    press_id: str
    """Names the press in the answer to it."""


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
    reference: str | None = None
    """Our own name for it; comes back in statuses where the provider lets us put it into the callback's address."""


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


class Misconfigured(RetryAfter):
    """Only the operator can mend it (account, sender, token): the message waits until they have, however long."""


class OutsideWindow(SendError):
    """The channel takes free text only for a while after a person last wrote; it must wait until they write again."""


class Unknown(SendError):
    """It may or may not have been accepted: the answer never came."""


class Channel(ABC):
    """A way to reach people."""

    name: str
    text_limit: int
    """The longest text that one message may have, in UTF-16 units; whoever queues parts what is longer."""
    window: timedelta | None = None
    """How long after a person last wrote free text may be sent; no limit if none."""
    interval: timedelta = timedelta(0)
    """The least time between two messages to one person."""
    per_second: float | None = None
    """How many messages to all people together the provider takes in a second; no limit if none."""
    patience: timedelta = timedelta(0)
    """How long to wait for news of a message whose outcome is unknown, before `find` is asked."""

    @abstractmethod
    def parse(self, request: Request) -> Sequence[Inbound | Status | Press]:
        """Verify and read a request. Raises `Forged` or `Malformed`; what is unknown gives nothing."""

    @abstractmethod
    async def send(self, address: str, message: Outgoing) -> Receipt:
        """Hand one message over to the provider. Raises a `SendError`."""

    async def find(
        self, address: str, message: Outgoing, since: datetime, others: Collection[str] = ()
    ) -> Receipt | None:
        """Ask the provider for a message that may have been accepted after `since`; none if it knows of none.

        `others`: the provider's ids of other messages to the same person, which may say the same.
        """
        return None

    async def invite(self, address: str, language: str) -> Receipt:
        """Outside the window: ask a person, by an approved template, to write again. Raises a `SendError`."""
        raise OutsideWindow("the channel has no templates")

    async def announce(self, url: str, menus: Mapping[str, Sequence[tuple[str, str]]]) -> None:  # noqa: B027 - few ask
        """Tell the provider where to call us and what can be said: commands and descriptions by language.

        The menu of "" is for everybody else. Raises a `SendError`.
        """

    async def typing(self, address: str, external_id: str) -> None:  # noqa: B027 - most channels have nothing to show
        """Show the person that an answer to their message is on its way. Never raises; a nicety."""

    async def close(self) -> None:  # noqa: B027 - most channels hold nothing
        """Let go of connections."""


class GroupChannel(Channel):
    """A channel that also speaks in a group of ours, where members press buttons: `send` reaches it too."""

    group: str | None
    """Address of the group; none if there is none."""
    per_minute_in_group: int
    """How many messages the provider takes in a minute there."""

    @abstractmethod
    async def edit(self, address: str, external_id: str, message: Outgoing) -> None:
        """Write a message of ours anew; buttons that it has no more go. Raises a `SendError`."""

    @abstractmethod
    async def answer(self, press: Press, text: str) -> None:
        """Tell who pressed a button, and nobody else, what came of it. Never raises; a nicety."""
