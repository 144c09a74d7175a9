"""What the page of a chat calls things, in the officer's language, and the time as their clock shows it."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel.dates import format_skeleton, format_time

from bot.replies import Replies
from desk.needs import need_line, reason
from retrieval.concepts import concepts
from retrieval.filters import Barrier
from store.desk_tables import Officer
from store.tables import Delivery, Message, Ticket, now

Level = str
"""How far up the chain a request had to go: `offer`, `partner` or `facility`."""


def zone_of(officer: Officer) -> tzinfo:
    """The officer's time zone; UTC until they have set one."""
    try:
        return ZoneInfo(str(officer.hours.get("zone") or "UTC"))
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def level(ticket: Ticket) -> Level:
    """Which level answers a request: an existing offer, another partner, or the facility itself."""
    if ticket.outcome == "referred" or ticket.step in {"referred", "accepted"}:
        return "partner"
    if ticket.outcome == "matched" or ticket.step == "matched" or (ticket.step == "delivered" and ticket.matched):
        return "offer"
    return "facility"


class Words:
    """The words of one officer."""

    def __init__(self, officer: Officer) -> None:
        self._replies = Replies(officer.language)
        self._zone = zone_of(officer)

    def _(self, message: str) -> str:
        return self._replies._(message)

    def at(self, moment: datetime) -> str:
        """A moment by the officer's clock: the time, with the day unless it is today."""
        local, today = moment.astimezone(self._zone), now().astimezone(self._zone).date()
        time = format_time(local, "short", tzinfo=self._zone, locale=self._replies.code)
        if local.date() == today:
            return time
        return f"{format_skeleton('MMMd', local, tzinfo=self._zone, locale=self._replies.code)}, {time}"

    def tongue(self, code: str) -> str:
        """A language's name."""
        return self._replies.tongue(code)

    def country(self, code: str) -> str:
        """A country's name."""
        return self._replies.country(code)

    def concept(self, key: str) -> str:
        """A concept's phrase; its id if this version does not know it."""
        return self._replies.concept(concepts()[key].gloss) if key in concepts() else key

    def reason(self, ticket: Ticket) -> str:
        """Why the assistant handed over."""
        return reason(ticket, self._replies.code)

    def need(self, ticket: Ticket) -> str:
        """The need in one line."""
        return need_line(ticket, self._replies.code)

    def step(self, step: str) -> str:
        """How far a request has come."""
        words = {
            "new": self._("new"),
            "clarifying": self._("clarifying"),
            "matched": self._("matched"),
            "referred": self._("referred"),
            "accepted": self._("accepted"),
            "delivered": self._("delivered"),
            "closed": self._("closed"),
        }
        return words.get(step, step)

    def outcome(self, outcome: str) -> str:
        """How a request ended."""
        words = {
            "matched": self._("matched with an offer"),
            "referred": self._("referred to a provider"),
            "gap": self._("a gap: nobody offers this"),
            "declined": self._("declined"),
            "cancelled": self._("cancelled by the person"),
        }
        return words.get(outcome, outcome)

    def level(self, level: Level) -> str:
        """Who answers a request."""
        words = {
            "offer": self._("An existing offer"),
            "partner": self._("Another partner"),
            "facility": self._("The facility itself"),
        }
        return words[level]

    def referral(self, state: str) -> str:
        """How far a request is that was passed on."""
        words = {
            "consent": self._("the person is asked whether they agree"),
            "refused": self._("the person does not agree"),
            "queued": self._("to be mailed"),
            "sent": self._("mailed"),
            "accepted": self._("accepted"),
            "declined": self._("declined"),
            "answered": self._("answered"),
            "by-hand": self._("send it by hand: no address is confirmed"),
        }
        return words.get(state, state)

    def sent(self, message: Message) -> str:
        """What a person did who sent no text; empty for plain text."""
        words = {
            "choice": self._("chose a button"),
            "image": self._("sent an image"),
            "audio": self._("sent a voice message"),
            "video": self._("sent a video"),
            "file": self._("sent a file"),
            "location": self._("sent a place on the map"),
            "other": self._("sent something that cannot be shown"),
        }
        return words.get(message.kind, "")

    def mark(self, delivery: Delivery) -> str:
        """What became of a message."""
        words = {
            "queued": self._("queued"),
            "sending": self._("being sent"),
            "sent": self._("sent"),
            "delivered": self._("delivered"),
            "read": self._("read"),
            "unknown": self._("not known whether it arrived"),
            "parked": self._("waits until the person writes"),
            "dead": self._("failed"),
        }
        return words.get(delivery.state, delivery.state)

    def barrier(self, barrier: Barrier) -> str:
        """Which demand of the person a record does not meet."""
        words = {
            Barrier.ENDED: self._("it has ended"),
            Barrier.COUNTRY: self._("not for this country"),
            Barrier.GROUP: self._("for another group of people"),
            Barrier.AGE: self._("for another age"),
            Barrier.COST: self._("not free"),
            Barrier.CERTIFICATE: self._("no certificate that fits"),
            Barrier.LANGUAGE: self._("not in the language asked for"),
            Barrier.FORMAT: self._("not in the form asked for"),
        }
        return words[barrier]
