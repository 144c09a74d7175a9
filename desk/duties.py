"""What an officer answers, when, and how much of it: read from a form, and offered for choosing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import time
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from babel.dates import get_day_names
from starlette.datastructures import FormData

from bot.replies import Replies
from locales import Language, translations
from retrieval.concepts import Facet, concepts
from retrieval.places import countries
from retrieval.vocabulary import languages
from store.desk_tables import Officer

MOST_CHATS = 200


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several things to choose."""

    value: str
    name: str


@dataclass(frozen=True, slots=True)
class Choices:
    """All that can be chosen, named in the reader's language."""

    languages: tuple[Choice, ...]
    countries: tuple[Choice, ...]
    topics: tuple[Choice, ...]
    zones: tuple[str, ...]
    days: tuple[Choice, ...]


@lru_cache(maxsize=16)
def choices(code: str) -> Choices:
    """For a page in the language `code`."""
    said = Replies(code)
    topics = ((key, said.concept(each.gloss)) for key, each in concepts().items() if each.facet is Facet.TOPIC)
    days = get_day_names("wide", "stand-alone", code)
    return Choices(
        languages=_sorted((each, said.tongue(each)) for each in languages()),
        countries=_sorted((each, said.country(each)) for each in countries()),
        topics=_sorted(topics),
        zones=_zones(),
        days=tuple(Choice(str(day), str(days[day])) for day in range(7)),
    )


def read(form: FormData, language: Language) -> dict[str, Any]:
    """The columns of `Officer` that a form sets. Raises `ValueError`, with words, for what makes no sense."""
    _ = translations(language.code).gettext
    capacity = str(form.get("capacity", ""))
    if not (capacity.isascii() and capacity.isdigit() and int(capacity[:4]) <= MOST_CHATS):
        raise ValueError(_("Open chats at most: a number from 0 to {most}.").format(most=MOST_CHATS))
    offered = choices(language.code)
    return {
        "languages": _chosen(form, "languages", offered.languages),
        "countries": _chosen(form, "countries", offered.countries),
        "topics": _chosen(form, "topics", offered.topics),
        "hours": _hours(form, language),
        "capacity": int(capacity),
    }


def take_over(officer: Officer, values: dict[str, Any]) -> None:
    """Change an officer's columns."""
    for name, value in values.items():
        setattr(officer, name, value)


def _hours(form: FormData, language: Language) -> dict[str, Any]:
    _ = translations(language.code).gettext
    days = {}
    for day in range(7):
        begin, end = (str(form.get(f"{name}-{day}", "")).strip() for name in ("from", "to"))
        if not begin and not end:
            continue
        try:
            sensible = time.fromisoformat(begin) < time.fromisoformat(end) and len(begin) == len(end) == 5
        except ValueError:
            sensible = False
        if not sensible:
            raise ValueError(_("Working hours: each day needs two times like 08:00, the earlier one first."))
        days[str(day)] = [begin, end]
    if not days:
        return {}
    zone = str(form.get("zone", ""))
    if zone not in _zones():
        raise ValueError(_("Please choose a time zone for the working hours."))
    return {"zone": zone, "days": days}


def _chosen(form: FormData, name: str, offered: tuple[Choice, ...]) -> list[str]:
    values = {str(value) for value in form.getlist(name)}
    return [choice.value for choice in offered if choice.value in values]


def _sorted(pairs: Iterable[tuple[str, str]]) -> tuple[Choice, ...]:
    return tuple(sorted((Choice(*pair) for pair in pairs), key=lambda choice: choice.name.casefold()))


@lru_cache(maxsize=1)
def _zones() -> tuple[str, ...]:
    places = (
        "Africa/",
        "America/",
        "Antarctica/",
        "Asia/",
        "Atlantic/",
        "Australia/",
        "Europe/",
        "Indian/",
        "Pacific/",
    )
    return ("UTC", *sorted(zone for zone in available_timezones() if zone.startswith(places)))
