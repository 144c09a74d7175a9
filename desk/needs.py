"""A ticket in words for officers: the need in one line, why it is here, how long it waits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from babel.units import format_unit

from bot.replies import Replies
from channels.text import isolate
from locales import translations
from retrieval.concepts import concepts
from store.tables import Ticket

MOST = 4
"""Topics, and the like, that a line names; whoever asks for everything asks for nothing more."""


def need_line(ticket: Ticket, language: str) -> str:
    """What a person needs, in one line of an officer's language, from what was understood."""
    question = ticket.need.get("question")
    return _Line(language).of(question if isinstance(question, dict) else {})


class _Line:
    """The parts of the line, in one language."""

    def __init__(self, language: str) -> None:
        self._replies = Replies(language)
        self._ = translations(self._replies.code).gettext

    def of(self, question: dict[str, Any]) -> str:
        """The line; it says so if nothing was understood."""
        wish = [*self._concepts(question, "topics"), *self._concepts(question, "needs")]
        wish = wish or self._concepts(question, "elsewhere")
        parts = [self._(", ").join(wish)] if wish else []
        parts += self._wrapped(self._("for {audience}"), "audience", self._concepts(question, "audiences"))
        parts += self._wrapped(self._("in {place}"), "place", map(self._replies.country, _list(question, "countries")))
        tongues = map(self._replies.tongue, _list(question, "taught_in"))
        parts += self._wrapped(self._("taught in {language}"), "language", tongues)
        parts += [self._("free")] if question.get("free") else []
        parts += [self._("scholarships")] if question.get("scholarship") else []
        parts += [self._("with certificate")] if question.get("certificate") else []
        return " · ".join(parts) or self._("Not understood: see the person's own words")

    def _concepts(self, question: dict[str, Any], facet: str) -> list[str]:
        known = concepts()
        return [self._replies.concept(known[key].gloss) for key in _list(question, facet) if key in known]

    def _wrapped(self, words: str, name: str, values: Iterable[str]) -> list[str]:
        listed = self._(", ").join(values)
        return [words.format(**{name: listed})] if listed else []


def _list(question: dict[str, Any], key: str) -> list[str]:
    """Some of the facts under `key`, the surest first; another version may have written anything there."""
    found = question.get(key) or ()
    if isinstance(found, dict):
        found = sorted(found, key=lambda each: -float(found[each] or 0))
    return [str(each) for each in found][:MOST] if isinstance(found, list | tuple) else []


def outside(language: str) -> str:
    """What a person is told, in their language, whose wish lies outside our field."""
    _ = translations(Replies(language).code).gettext
    return _(
        "Thank you for writing. What you ask for is not about digital skills, so we cannot help you with it here. "
        "We have noted the need, so that others can see it. For digital skills, write to me whenever you like."
    )


def reason(ticket: Ticket, language: str) -> str:
    """Why the assistant gave a request to a person, in a few words."""
    _ = translations(Replies(language).code).gettext
    words = {
        "distress": _("may be in danger"),
        "person": _("asked for a person"),
        "need": _("needs a person"),
        "nothing-fits": _("nothing fitted"),
        "elsewhere": _("outside our field"),
        "outside": _("outside our field"),
        "failure": _("the assistant failed"),
        "unread": _("could not be read"),
    }
    return words.get(ticket.reason, ticket.reason)


def span(length: timedelta, language: str) -> str:
    """A length of time with its two largest units, such as “3 h 20 min”: rounded down to whole minutes."""
    minutes = max(0, int(length.total_seconds() // 60))
    units = {"duration-day": minutes // 1440, "duration-hour": minutes // 60 % 24, "duration-minute": minutes % 60}
    named = [(unit, count) for unit, count in units.items() if count] or [("duration-minute", 0)]
    first = list(units).index(named[0][0])
    shown = [(unit, count) for unit, count in named if list(units).index(unit) <= first + 1]
    code = Replies(language).code
    return " ".join(format_unit(count, unit, "short", locale=code) for unit, count in shown)


@dataclass(frozen=True, slots=True)
class Countdown:
    """A time that something is due at, in words."""

    at: datetime
    words: str
    late: bool
    """It is over, or soon will be."""


def promise(at: datetime, moment: datetime, language: str) -> Countdown:
    """By when the person was told that an officer answers."""
    _ = translations(Replies(language).code).gettext
    words = _("answer promised in {time}") if at > moment else _("answer was promised {time} ago")
    return _countdown(at, moment, words, language, timedelta(minutes=15))


def closing(at: datetime, moment: datetime, language: str) -> Countdown:
    """Until when the channel takes free text for the person."""
    _ = translations(Replies(language).code).gettext
    words = _("free text for {time} more") if at > moment else _("free text only once they write again")
    return _countdown(at, moment, words, language, timedelta(hours=3))


def _countdown(at: datetime, moment: datetime, words: str, language: str, soon: timedelta) -> Countdown:
    time = span(abs(at - moment), language)
    shown = isolate(time) if Replies(language).language.right_to_left and time.isascii() else time
    return Countdown(at, words.format(time=shown), at - moment < soon)
