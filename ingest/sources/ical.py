"""Events of a calendar (iCalendar, `.ics`).

Each event is one item, with the day of its next occurrence: what repeats is counted by days (RRULE, RDATE, EXDATE, and
single occurrences that were moved or cancelled), of which the first one that is not over counts; that it moves on is no
change of the event. Left out is what is over, cancelled or private. An event takes place where its location says,
unless that or an address says online.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from heapq import merge
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ingest.client import Client, Unreachable, shown
from ingest.source import Found, Item, Occurrence, Source, Trouble

if TYPE_CHECKING:
    from icalendar import Component

_RULE = frozenset("FREQ INTERVAL COUNT BYDAY BYMONTHDAY BYYEARDAY BYWEEKNO BYMONTH BYSETPOS WKST".split())
"""What of a rule decides on which days; UNTIL is read apart."""
_RHYTHMS = frozenset({"DAILY", "WEEKLY", "MONTHLY", "YEARLY"})
_PATIENCE = 5.0
"""Seconds for the rules of a calendar: one that never comes true is looked for until the year 9999."""
_LONGEST = timedelta(days=3650)
_YEARS = range(1900, 2200)
"""In which a day is taken for one."""
_MEETING = re.compile(
    r"https?://(?:[\w-]+\.)*(?:zoom\.us|zoomgov\.com|teams\.microsoft\.com|teams\.live\.com|meet\.google\.com|webex\.com"
    r"|gotomeeting\.com|gotowebinar\.com|meet\.jit\.si|whereby\.com|streamyard\.com|livestorm\.co|airmeet\.com)\b"
    r"|https?://(?:www\.)?youtube\.com/live\b|https?://bbb\.",
    re.I,
)
_ONLINE = re.compile(
    r"^https?://(?!\S*\bmaps?\b)\S+$|\b(?:online|virtual|webinar|zoom|(?:microsoft|ms) teams|google meet|webex|jitsi"
    r"|en ligne|à distance|en línea|онлайн)\b|عبر الإنترنت|线上|在线",
    re.I,
)
_CONFERENCES = ("CONFERENCE", "X-GOOGLE-CONFERENCE", "X-MICROSOFT-SKYPETEAMSMEETINGURL")


@dataclass(slots=True)
class _Reading:
    """One look at a calendar."""

    source: Source
    today: date
    zone: ZoneInfo | None
    """The calendar's own: what is written in UTC takes place there."""
    troubles: list[Trouble] = field(default_factory=list)
    spent: float = 0.0
    """Seconds on rules."""

    def day(self, value: object) -> date | None:
        """The day of a date or a time, where the event takes place."""
        if not isinstance(value, date) or value.year not in _YEARS:
            return None
        if not isinstance(value, datetime):
            return value
        is_utc = value.tzinfo is not None and str(value.tzinfo) == "UTC"
        return (value.astimezone(self.zone) if self.zone and is_utc else value).date()

    def days(self, event: Component, name: str) -> set[date]:
        """The days of a property that lists some, or several times."""
        parts = [part for value in _values(event, name) for part in _part(value, "dts") or ()]
        return {day for part in parts if (day := self.day(_moment(part)))}


def items(source: Source, client: Client) -> Found:
    """The events that are still to come."""
    location = re.sub(r"^webcals?://", "https://", source.location, flags=re.I)
    for calendar in _calendars(shown(location), client.read(location).text):
        reading = _Reading(source, datetime.now(UTC).date(), _zone(calendar))
        series: dict[str, list[Component]] = {}
        for event in calendar.walk("VEVENT"):
            series.setdefault(_key(event), []).append(event)
        for key, events in series.items():
            item = _next(reading, key, events)
            yield from reading.troubles
            reading.troubles.clear()
            if item is not None:
                yield item


def _calendars(location: str, text: str) -> list[Component]:
    from icalendar import Calendar

    # What is cut off in the middle would be taken for an empty calendar.
    if not re.search(r"END:VCALENDAR\s*$", text[-1000:], re.I):
        is_calendar = text.lstrip()[:15].upper() == "BEGIN:VCALENDAR"
        raise Unreachable(f"{location}: {'the calendar is cut off' if is_calendar else 'there is no calendar (.ics)'}")
    try:
        return list(Calendar.from_ical(text, multiple=True))
    except Exception as error:  # whatever the parser meets in what others have written
        raise Unreachable(f"{location}: the calendar cannot be read ({str(error)[:120]})") from None


def _zone(calendar: Component) -> ZoneInfo | None:
    with suppress(ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(_text(calendar, "X-WR-TIMEZONE"))
    return None


def _key(event: Component) -> str:
    said = "|".join(_text(event, name) for name in ("SUMMARY", "LOCATION")) + f"|{_when(event, 'DTSTART')}"
    return _text(event, "UID") or hashlib.sha256(said.encode()).hexdigest()[:16]


def _next(reading: _Reading, key: str, events: Sequence[Component]) -> Item | None:
    """The next of the events that are known by one key: what repeats, and single occurrences that differ from it."""
    moved = {day for event in events if (day := reading.day(_when(event, "RECURRENCE-ID")))}
    whole = [event for event in events if "RECURRENCE-ID" not in event]
    if whole and all(map(_is_out, whole)):
        return None
    upcoming: list[tuple[date, date, Component]] = []
    for event in events:
        if _is_out(event):
            continue
        first = reading.day(_when(event, "DTSTART"))
        if first is None:
            said = f"“{_text(event, 'SUMMARY')[:60]}” has no day that can be read"
            reading.troubles.append(Trouble(f"{reading.source.name} {key}", said))
            continue
        length = _length(reading, event, first)
        is_single = "RECURRENCE-ID" in event
        without = set() if is_single else moved | reading.days(event, "EXDATE")
        begins = _first(reading, key, event, first, reading.today - length, without)
        if begins:
            upcoming.append((begins, begins + length, event))
    if not upcoming:
        return None
    repeats = len(events) > 1 or any(name in event for event in events for name in ("RRULE", "RDATE"))
    return _item(reading, key, *min(upcoming, key=lambda each: each[0]), of=Occurrence if repeats else Item)


def _is_out(event: Component) -> bool:
    return _text(event, "STATUS").upper() == "CANCELLED" or _text(event, "CLASS").upper() in {"PRIVATE", "CONFIDENTIAL"}


def _length(reading: _Reading, event: Component, first: date) -> timedelta:
    """Days from the first to the last one. An end is the first moment that is no longer part of it."""
    begins, ends = _when(event, "DTSTART"), _when(event, "DTEND")
    lasts = _part(next(_values(event, "DURATION"), None), "dt")
    if ends is None and begins is not None and isinstance(lasts, timedelta):
        with suppress(OverflowError):
            ends = begins + lasts
    if ends is not None and ends.year in _YEARS:
        ends -= timedelta(microseconds=1) if isinstance(ends, datetime) else timedelta(days=1)
    last = reading.day(ends) or first
    return min(max(last - first, timedelta()), _LONGEST)


def _first(
    reading: _Reading, key: str, event: Component, first: date, since: date, without: Iterable[date]
) -> date | None:
    """The first day of an event since a day."""
    single = sorted({first, *reading.days(event, "RDATE")})
    began = time.monotonic()
    try:
        days = merge(single, _repeated(reading, event, first))
        return next((day for day in days if day >= since and day not in without), None)
    except (ValueError, TypeError, OverflowError):
        said = "repeats by a rule that is not understood; only the days that are written out were looked at"
        reading.troubles.append(Trouble(f"{reading.source.name} {key}", said))
        return next((day for day in single if day >= since and day not in without), None)
    finally:
        reading.spent += time.monotonic() - began


def _repeated(reading: _Reading, event: Component, first: date) -> Iterator[date]:
    """The days of a rule. Raises `ValueError` if it is none that we follow."""
    from dateutil.rrule import rrulestr  # type: ignore[import-untyped]

    rule, begins = next(_values(event, "RRULE"), None), _when(event, "DTSTART")
    if rule is None or begins is None:
        return
    if "RSCALE" in rule or reading.spent > _PATIENCE:
        raise ValueError("no rule that we follow")
    said: dict[str, list[Any]] = {name.upper(): value for name, value in rule.items()}
    if said.get("FREQ", [""])[0] not in _RHYTHMS or min(said.get("INTERVAL", [1])) < 1:
        raise ValueError("no rhythm that we follow")
    text = type(rule)({name: value for name, value in said.items() if name in _RULE}).to_ical().decode()
    own = begins.date() if isinstance(begins, datetime) else begins
    last = _last(reading, begins, next(iter(said.get("UNTIL", [])), None))
    for each in rrulestr(text, dtstart=datetime.combine(own, datetime.min.time())):
        # A rule counts the days of the zone in which the event is written, which may not be that where it takes place.
        day = each.date() + (first - own)
        if last and day > last:
            return
        yield day


def _last(reading: _Reading, begins: date, until: object) -> date | None:
    """The day of the last occurrence that begins until then."""
    if not isinstance(begins, datetime) or not isinstance(until, datetime):
        return reading.day(until)
    if begins.tzinfo and until.tzinfo:
        until = until.astimezone(begins.tzinfo)
    last = until.date() - timedelta(days=until.time() < begins.time())
    return reading.day(datetime.combine(last, begins.time(), begins.tzinfo))


def _item(reading: _Reading, key: str, begins: date, ends: date, event: Component, *, of: type[Item]) -> Item | None:
    name, url = _text(event, "SUMMARY"), _text(event, "URL")
    if not name:
        reading.troubles.append(Trouble(f"{reading.source.name} {key}", f"the event of {begins} has no name"))
        return None
    text, location = _text(event, "DESCRIPTION"), _text(event, "LOCATION")
    spoken = _part(next(_values(event, "SUMMARY"), None), "params") or {}
    tags = [tag for each in _values(event, "CATEGORIES") for tag in _part(each, "cats") or ()]
    return of(
        key=key,
        name=name,
        url=url if url.startswith(("http://", "https://")) else "",
        kind=reading.source.kind,
        text="\n".join(filter(None, (text, location))),
        tags=tuple(filter(None, (str(tag).strip() for tag in tags))),
        languages=tuple(filter(None, [str(spoken.get("LANGUAGE", ""))])),
        modality=_modality(event, text, url, location),
        starts=begins,
        ends=ends,
    )


def _modality(event: Component, text: str, url: str, location: str) -> tuple[str, ...]:
    """Where there is a place and an address of a meeting, one can choose."""
    said = any(_text(event, name) for name in _CONFERENCES)
    is_meeting = said or any(map(_MEETING.search, (text, url, location)))
    if location and not _ONLINE.search(location):
        return ("blended",) if is_meeting else ("in-person",)
    return ("online-instructor-led",) if location or is_meeting else ()


def _values(event: Component, name: str) -> Iterator[Any]:
    """A property as often as it is there."""
    value = event.get(name)
    yield from value if isinstance(value, list) else () if value is None else [value]


def _part(value: object, name: str) -> Any:
    """A part of a value, or nothing if the value is broken: it says so only then."""
    with suppress(ValueError):
        return getattr(value, name, None)
    return None


def _text(event: Component, name: str) -> str:
    return str(next(_values(event, name), "")).strip()


def _when(event: Component, name: str) -> date | None:
    return _moment(next(_values(event, name), None))


def _moment(value: object) -> date | None:
    """The date or time of a value, or when its period begins."""
    when = _part(value, "dt")
    when = when[0] if isinstance(when, tuple) else when
    return when if isinstance(when, date) else None
