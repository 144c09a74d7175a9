"""Courses of a Moodle site, by its web services (REST, JSON).

The site needs a service that has `core_course_get_courses_by_field` (or `core_course_search_courses` for `search`) and
a token for it. The location is the site (`https://moodle.example`). Options:

- `token_env`: the environment variable that holds the token; or `token`, the token itself, where that may be written.
- `search`: words that courses are searched by; all courses if not said.
- `category`: the number of the one category to take, without what lies below it.
- `fields`: our field → the short name of a custom field of courses, or several, such as `{cost: price, level:
  difficulty}`. What is called like ours (`cost`, `level`, `country`, `language` …) needs no mapping.
- `timezone`: the site's, such as `Africa/Nairobi`; the days on which courses begin are those of UTC if not said.

Names of teachers are not taken.
"""

from __future__ import annotations

import html
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import fields, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ingest.client import Client, Refused, Unreachable
from ingest.source import Found, Item, Source, Trouble

_MOST_PAGES, _SIZE = 1_000, 100
_SERVER = "/webservice/rest/server.php"
_SITE = 1
"""The number of the course that is the site's front page."""
_PLAIN_TEXT = 2
"""Moodle's format of texts that are no markup, whatever is in them."""
_FIELDS = {
    field.name: str(field.type)
    for field in fields(Item)
    if field.name not in {"key", "name", "url", "kind", "starts", "ends", "related"}
}
"""Ours that a custom field can tell."""
_SINGULAR = {"language": "languages", "country": "countries", "audience": "audiences", "tag": "tags"}
_SEVERAL = re.compile(r"[\n;|]+")
_ADVICE = {
    "invalidtoken": "make a new token for the web service, and put it where `token_env` says",
    "accessexception": "add the function to the service that the token is for",
    "webservicenotavailable": "switch on web services and the REST protocol in Moodle",
    "enablewsdescription": "switch on web services and the REST protocol in Moodle",
    "sitemaintenance": "try again later",
}
"""By code of a fault."""


def items(source: Source, client: Client) -> Found:
    """The courses that are to be seen."""
    chosen, zone = _chosen(source), _zone(source)
    for course in _courses(source, client):
        if isinstance(course, Trouble):
            yield course
        elif _is_public(course):
            yield _item(source, course, chosen, zone)


def _chosen(source: Source) -> dict[str, str]:
    """Short name of a custom field → our field."""
    said: Any = source.options.get("fields") or {}
    if not isinstance(said, Mapping) or not set(said) <= set(_FIELDS):
        raise Unreachable(
            f"{source.name}: the option `fields` maps our fields to custom fields; ours: {', '.join(_FIELDS)}"
        )
    own = {**{field: field for field in _FIELDS}, **_SINGULAR}
    mapped = {str(name).lower(): field for field, names in said.items() for name in _listed(names)}
    return {**{name: field for name, field in own.items() if field not in said}, **mapped}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _zone(source: Source) -> ZoneInfo:
    name = str(source.options.get("timezone") or "UTC")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Unreachable(f"{source.name}: “{name}” is no time zone; one is called like Africa/Nairobi") from None


def _courses(source: Source, client: Client) -> Iterator[dict[str, Any] | Trouble]:
    category, search = source.options.get("category"), source.options.get("search")
    if category is not None and not str(category).isdecimal():
        raise Unreachable(f"{source.name}: the option `category` is the number of a category")
    if search:
        found = _searched(source, client, str(search))
        for course in found:
            if isinstance(course, Trouble) or category is None or str(course.get("categoryid")) == str(category):
                yield course
    else:
        only: dict[str, str | int] = {} if category is None else {"field": "category", "value": str(category)}
        yield from _listing(source, _called(source, client, "core_course_get_courses_by_field", only))


def _searched(source: Source, client: Client, words: str) -> Iterator[dict[str, Any] | Trouble]:
    seen = set[str]()
    for number in range(_MOST_PAGES):
        asked: dict[str, str | int] = {
            "criterianame": "search",
            "criteriavalue": words,
            "page": number,
            "perpage": _SIZE,
        }
        answer = _called(source, client, "core_course_search_courses", asked)
        found = {_who(each): each for each in _listing(source, answer)}
        fresh = [each for who, each in found.items() if who not in seen]
        seen |= set(found)
        yield from fresh
        total = answer.get("total")
        if not fresh or (isinstance(total, int) and (number + 1) * _SIZE >= total):
            return
    raise Unreachable(f"{source.location}: more than {_MOST_PAGES} pages: is paging broken there?")


def _who(course: dict[str, Any] | Trouble) -> str:
    return str(course if isinstance(course, Trouble) else course.get("id", course))


def _listing(source: Source, answer: dict[str, Any]) -> Iterator[dict[str, Any] | Trouble]:
    for each in answer["courses"]:
        yield (
            each if isinstance(each, dict) else Trouble(source.name, f"a course was expected, “{str(each)[:60]}” came")
        )
    for warning in _listed(answer.get("warnings") or []):
        if isinstance(warning, dict):
            yield Trouble(f"{source.name} {warning.get('itemid', '')}".strip(), str(warning.get("message"))[:200])


def _called(source: Source, client: Client, function: str, asked: Mapping[str, str | int]) -> dict[str, Any]:
    """What a function of the web service answers."""
    base, token = _base(source), _token(source)
    params = {"wsfunction": function, "moodlewsrestformat": "json", "moodlewssettingfilter": "true", **asked}
    try:
        answer = client.get(base + _SERVER, {"wstoken": token, **params}).json()
    except Refused as error:
        advice = {
            403: "are web services and the REST protocol switched on in Moodle?",
            404: "is the location the address of a Moodle site, such as https://moodle.example?",
        }.get(error.status)
        raise Unreachable(f"{error}: {advice}" if advice else str(error)) from None
    if isinstance(answer, dict) and isinstance(answer.get("courses"), list):
        return answer
    raise Unreachable(f"{base}: {_fault(answer, function).replace(token, '…')}")


def _fault(answer: object, function: str) -> str:
    """What is wrong, if Moodle does not tell of courses: its errors come with status 200."""
    if not isinstance(answer, dict) or not {"exception", "errorcode", "error"} & set(answer):
        return "courses were expected from Moodle, something else came"
    code = str(answer.get("errorcode") or "")
    message = str(answer.get("message") or answer.get("error") or answer.get("exception"))[:300]
    return "; ".join(filter(None, (f"Moodle says “{message}” ({code or 'no code'}) to {function}", _ADVICE.get(code))))


def _base(source: Source) -> str:
    if not source.location.startswith(("http://", "https://")):
        raise Unreachable(f"{source.name}: the location is the address of the site, such as https://moodle.example")
    return source.location.partition("?")[0].removesuffix(_SERVER).rstrip("/")


def _token(source: Source) -> str:
    if name := source.options.get("token_env"):
        if token := os.environ.get(str(name), "").strip():
            return token
        raise Unreachable(f"{source.name}: put the token of Moodle's web service into the environment as {name}")
    if token := str(source.options.get("token") or "").strip():
        return token
    raise Unreachable(
        f"{source.name}: the option `token_env` names the environment variable with the token of Moodle's web service"
    )


def _is_public(course: Mapping[str, Any]) -> bool:
    is_site = str(course.get("id")) == str(_SITE) or course.get("format") == "site"
    return not is_site and str(course.get("visible", 1)) not in {"0", "False"}


def _item(source: Source, course: Mapping[str, Any], chosen: Mapping[str, str], zone: ZoneInfo) -> Item | Trouble:
    key, name = _text(course.get("id")), _text(course.get("fullname")) or _text(course.get("displayname"))
    where = f"{source.name} {key or 'course'}"
    if not key.isdecimal() or not name:
        return Trouble(where, "has no name" if key.isdecimal() else "has no number")
    text = _text(course.get("summary"))
    tags = [tag.get("rawname") or tag.get("name") if isinstance(tag, dict) else tag for tag in _of(course, "tags")]
    item = Item(
        key=key,
        name=name,
        url=f"{_base(source)}/course/view.php?id={key}",
        kind=source.kind,
        text=html.escape(text) if course.get("summaryformat") == _PLAIN_TEXT else text,
        tags=tuple(filter(None, map(_text, (course.get("categoryname"), *tags)))),
        languages=tuple(filter(None, [_text(course.get("lang"))])),
        starts=_day(course.get("startdate"), zone),
        ends=_day(course.get("enddate"), zone),
    )
    return replace(item, **_told(course, chosen))


def _told(course: Mapping[str, Any], chosen: Mapping[str, str]) -> dict[str, Any]:
    """What custom fields tell, by our fields."""
    told: dict[str, list[str]] = {}
    for custom in _of(course, "customfields"):
        if isinstance(custom, dict) and (field := chosen.get(_text(custom.get("shortname")).lower())):
            told.setdefault(field, []).append(_value(custom))
    words = {field: list(filter(None, said)) for field, said in told.items()}
    return {field: _several(said) if _is_many(field) else ", ".join(said) for field, said in words.items() if said}


def _is_many(field: str) -> bool:
    return _FIELDS[field].startswith("tuple")


def _several(words: list[str]) -> tuple[str, ...]:
    parts = (part.strip() for word in words for part in _SEVERAL.split(html.unescape(word)))
    return tuple(filter(None, parts))


def _value(custom: Mapping[str, Any]) -> str:
    """What a custom field says; a box is ticked or not, in whatever language Moodle says so."""
    if custom.get("type") == "checkbox" and custom.get("valueraw") is not None:
        return "yes" if str(custom["valueraw"]) in {"1", "True"} else "no"
    return _text(custom.get("value"))


def _of(course: Mapping[str, Any], name: str) -> list[Any]:
    value = course.get(name)
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return str(value).strip() if isinstance(value, str | int | float) else ""


def _day(seconds: object, zone: ZoneInfo) -> date | None:
    """Moodle says 0 for no day."""
    with suppress(ValueError, OverflowError, OSError):
        number = int(_text(seconds) or 0)
        return datetime.fromtimestamp(number, zone).date() if number > 0 else None
    return None
