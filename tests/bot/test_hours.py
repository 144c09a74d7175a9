"""Working hours are reckoned in the zone of the officer, whatever the clocks there do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.hours import add_open, is_open, next_open

NAIROBI = ZoneInfo("Africa/Nairobi")
WEEK = {"zone": "Africa/Nairobi", "days": {str(day): ["08:00", "17:00"] for day in range(5)}}
HOUR = timedelta(hours=1)


def nairobi(day: int, clock: str) -> datetime:
    """A day of November 2026 (the 23rd is a Monday) and the time in Nairobi."""
    return datetime.fromisoformat(f"2026-11-{day:02} {clock}").replace(tzinfo=NAIROBI)


def test_an_officer_without_hours_is_always_there() -> None:
    night = nairobi(22, "03:00")

    assert is_open({}, night)
    assert next_open({"zone": "Africa/Nairobi", "days": {}}, night) == night
    assert add_open({}, night, 2 * HOUR) == night + 2 * HOUR


@pytest.mark.parametrize(
    ("day", "clock", "there"),
    [(23, "07:59", False), (23, "08:00", True), (23, "16:59", True), (23, "17:00", False), (22, "10:00", False)],
)
def test_hours_are_those_of_the_officers_clock(day: int, clock: str, there: bool) -> None:
    assert is_open(WEEK, nairobi(day, clock)) is there


def test_after_the_weekend_comes_monday() -> None:
    assert next_open(WEEK, nairobi(20, "17:30")) == nairobi(23, "08:00")
    assert next_open(WEEK, nairobi(23, "10:00")) == nairobi(23, "10:00")


def test_only_working_time_counts() -> None:
    assert add_open(WEEK, nairobi(23, "10:00"), 2 * HOUR) == nairobi(23, "12:00")
    assert add_open(WEEK, nairobi(23, "15:00"), 2 * HOUR) == nairobi(23, "17:00")
    assert add_open(WEEK, nairobi(20, "16:00"), 2 * HOUR) == nairobi(23, "09:00")
    assert add_open(WEEK, nairobi(21, "12:00"), 2 * HOUR) == nairobi(23, "10:00")
    assert add_open(WEEK, nairobi(23, "08:00"), 45 * HOUR) == nairobi(27, "17:00")


def test_a_day_can_be_worked_to_its_end() -> None:
    late = {"zone": "Africa/Nairobi", "days": {"0": ["20:00", "24:00"], "1": ["00:00", "02:00"]}}

    assert add_open(late, nairobi(23, "23:00"), 2 * HOUR) == nairobi(24, "01:00")


def test_a_night_in_which_clocks_change_has_more_or_fewer_hours() -> None:
    nights = {"zone": "Europe/Berlin", "days": {"6": ["00:00", "06:00"]}}
    berlin = ZoneInfo("Europe/Berlin")
    spring, autumn = datetime(2026, 3, 29, tzinfo=berlin), datetime(2026, 10, 25, tzinfo=berlin)

    assert add_open(nights, spring, 5 * HOUR) == datetime(2026, 3, 29, 6, tzinfo=berlin)
    assert add_open(nights, autumn, 7 * HOUR) == datetime(2026, 10, 25, 6, tzinfo=berlin)


def test_an_hour_that_the_clocks_leave_out_is_not_worked() -> None:
    skipped = {"zone": "Europe/Berlin", "days": {"6": ["02:00", "03:00"]}}

    assert next_open(skipped, datetime(2026, 3, 29, tzinfo=UTC)) == datetime(2026, 4, 5, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "days", [{"0": ["17:00", "08:00"]}, {"0": ["8"]}, {"0": None}, {"x": ["08:00", "17:00"]}, {"9": ["08:00", "17:00"]}]
)
def test_hours_that_make_no_sense_are_left_out(days: dict[str, Any]) -> None:
    moment = nairobi(22, "03:00")

    assert next_open({"zone": "Africa/Nairobi", "days": days}, moment) == moment


def test_a_zone_that_nobody_knows_is_utc() -> None:
    nowhere = {"zone": "No/Where", "days": {"0": ["08:00", "17:00"]}}

    assert next_open(nowhere, nairobi(22, "03:00")) == datetime(2026, 11, 23, 8, tzinfo=UTC)


CLOCKS = st.integers(0, 96).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}")
SPANS = st.tuples(CLOCKS, CLOCKS).filter(lambda span: span[0] < span[1]).map(list)
HOURS = st.fixed_dictionaries(
    {
        "zone": st.sampled_from(["Africa/Nairobi", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC"]),
        "days": st.dictionaries(st.integers(0, 6).map(str), SPANS, min_size=1),
    }
)
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC))
DURATIONS = st.integers(1, 600).map(lambda minutes: timedelta(minutes=minutes))


@given(HOURS, MOMENTS)
def test_the_next_working_moment_is_one(hours: dict[str, Any], moment: datetime) -> None:
    soon = next_open(hours, moment)

    assert soon >= moment
    assert is_open(hours, soon)
    assert is_open(hours, moment) is (soon == moment)


@given(HOURS, MOMENTS, DURATIONS, DURATIONS)
def test_time_can_be_added_in_parts(hours: dict[str, Any], moment: datetime, one: timedelta, other: timedelta) -> None:
    together = add_open(hours, moment, one + other)

    assert together == add_open(hours, add_open(hours, moment, one), other)
    assert together - moment >= one + other
