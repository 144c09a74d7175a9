"""Working hours: `{"zone": "Africa/Nairobi", "days": {"0": ["08:00", "17:00"]}}`, Monday is 0; always if empty."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

Hours = Mapping[str, Any]

MIDNIGHT = "24:00"
"""The end of a day that is worked to its end."""
_DAY = timedelta(days=1)


def is_open(hours: Hours, moment: datetime) -> bool:
    """Whether `moment` is within the hours. The end of an interval is outside."""
    return next_open(hours, moment) == moment


def next_open(hours: Hours, moment: datetime) -> datetime:
    """The first working moment from `moment` on, in UTC; `moment` itself where it is one."""
    moment = moment.astimezone(UTC)
    days = _days(hours)
    return max(moment, next(_intervals(days, zone(hours), moment))[0]) if days else moment


def add_open(hours: Hours, moment: datetime, duration: timedelta) -> datetime:
    """When `duration` of working time has passed since `moment`, in UTC."""
    moment = moment.astimezone(UTC)
    days = _days(hours)
    if not days:
        return moment + duration
    for start, end in _intervals(days, zone(hours), moment):
        begin = max(start, moment)
        if duration <= end - begin:
            return begin + duration
        duration -= end - begin
    raise AssertionError("there is always another week")


def zone(hours: Hours) -> ZoneInfo:
    """The zone that the hours are meant in; UTC if it is not named, or unknown here."""
    return named(hours) or ZoneInfo("UTC")


def named(hours: Hours) -> ZoneInfo | None:
    """The zone of the hours, if they name one."""
    try:
        return ZoneInfo(hours["zone"])
    except (KeyError, TypeError, ValueError, OSError):  # no such zone is a KeyError; a folder's name an OSError
        return None


def _intervals(days: dict[int, tuple[str, str]], at: ZoneInfo, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The intervals that end after `moment`, in UTC and in order, without end."""
    first = moment.astimezone(at).date() - _DAY
    for day in (first + _DAY * number for number in count()):
        if day.weekday() not in days:
            continue
        start, end = (_moment(day, clock, at) for clock in days[day.weekday()])
        if start < end and moment < end:  # where clocks are put forward an interval may fall out of the day
            yield start, end


def _moment(day: date, clock: str, at: ZoneInfo) -> datetime:
    if clock == MIDNIGHT:
        day, clock = day + _DAY, "00:00"
    return datetime.combine(day, time.fromisoformat(clock), at).astimezone(UTC)


def _days(hours: Hours) -> dict[int, tuple[str, str]]:
    """Day of the week → beginning and end. What makes no sense is left out."""
    found = hours.get("days") or {}
    return {int(day): (span[0], span[1]) for day, span in found.items() if _makes_sense(day, span)}


def _makes_sense(day: Any, span: Any) -> bool:
    try:
        start, end = span
        late = end == MIDNIGHT or time.fromisoformat(start) < time.fromisoformat(end)
        return bool(int(day) in range(7) and time.fromisoformat(start).tzinfo is None and late)
    except (TypeError, ValueError):
        return False
