"""Entries of a feed: RSS or Atom, of any version.

Option `days`: entries that were published longer ago are left out; those without a date are taken.
"""

from __future__ import annotations

import hashlib
import io
from calendar import timegm
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

from ingest.client import Client, Page, Unreachable, shown
from ingest.source import Found, Item, Source, Trouble
from retrieval.words import normalise

_HARMLESS = frozenset({"CharacterEncodingOverride", "NonXMLContentType"})
"""Faults of the server's, not of the feed: all of it was read."""

COMPLETE = False
"""A feed tells what came last: what has dropped off it has not ended."""


def items(source: Source, client: Client) -> Found:
    """The entries that are in the feed now."""
    oldest, where = _oldest(source), shown(source.location)
    feed = _parsed(client.read(source.location))
    fault = feed.get("bozo_exception")
    if not feed.get("version") and not feed["entries"]:
        raise Unreachable(f"{where}: neither RSS nor Atom; is this the address of a feed?")
    if fault is not None and type(fault).__name__ not in _HARMLESS:
        if not feed["entries"]:
            raise Unreachable(f"{where}: the feed is broken ({_why(fault)})")
        yield Trouble(where, f"the feed is broken, entries may be missing ({_why(fault)})")
    language = _text(feed["feed"], "language")
    for number, entry in enumerate(feed["entries"], 1):
        when = _published(entry)
        if not (oldest and when and when < oldest):
            yield _item(source, entry, number, language)


def _oldest(source: Source) -> date | None:
    days = source.options.get("days")
    if days is None:
        return None
    if not isinstance(days, int) or not 0 < days < 100_000:
        raise Unreachable(f"{source.name}: the option `days` is a number of days, such as 365")
    return datetime.now(UTC).date() - timedelta(days=days)


def _parsed(page: Page) -> dict[str, Any]:
    import feedparser  # type: ignore[import-untyped]

    # As a stream: feedparser would open what looks like an address or a file.
    said = {"content-type": page.headers.get("content-type", "application/xml"), "content-location": page.url}
    try:
        found: dict[str, Any] = feedparser.parse(io.BytesIO(page.body), response_headers=said)
    except Exception as error:  # it parses by hand what is no XML, and meets everything there
        raise Unreachable(f"{page.url}: the feed cannot be read ({type(error).__name__})") from None
    return {"feed": {}, "entries": [], **found}


def _why(fault: object) -> str:
    said = getattr(fault, "getMessage", None)  # of the XML parser, which otherwise repeats where it was
    line = getattr(fault, "getLineNumber", lambda: None)()
    return f"{said() if said else fault}{f', line {line}' if line else ''}"[:120]


def _item(source: Source, entry: Mapping[str, Any], number: int, language: str) -> Item | Trouble:
    name, link = _text(entry, "title"), _text(entry, "link")
    url = link if link.startswith(("http://", "https://")) else ""
    key = _text(entry, "id") or url
    if not name:
        return Trouble(f"{source.name} {key or f'entry {number}'}", "has no title")
    content: Mapping[str, Any] = next((each for each in entry.get("content") or () if _text(each, "value")), {})
    spoken = _text(content, "language") or _text(entry, "language") or _text(entry.get("title_detail"), "language")
    return Item(
        key=key or hashlib.sha256(normalise(name).encode()).hexdigest()[:16],
        name=name,
        url=url,
        provider=_text(entry, "publisher") or _text(entry.get("source"), "title"),
        kind=source.kind,
        text=_text(content, "value") or _text(entry, "summary"),
        tags=tuple(filter(None, (_text(tag, "label") or _text(tag, "term") for tag in entry.get("tags") or ()))),
        languages=tuple(filter(None, [spoken or language])),
        starts=_day(_text(entry, "ev_startdate")),
        ends=_day(_text(entry, "ev_enddate")),
        licence=_text(entry, "license"),
    )


def _text(part: object, name: str) -> str:
    value = part.get(name) if isinstance(part, Mapping) else None
    return value.strip() if isinstance(value, str) else ""


def _published(entry: Mapping[str, Any]) -> date | None:
    when = entry.get("published_parsed") or dict(entry).get("updated_parsed")  # as said, not as feedparser fills in
    with suppress(ValueError, OverflowError, OSError, TypeError):
        return datetime.fromtimestamp(timegm(when), UTC).date() if when else None
    return None


def _day(text: str) -> date | None:
    """A day of the event module of RSS 1.0."""
    with suppress(ValueError):
        return datetime.fromisoformat(text).date()
    return None
