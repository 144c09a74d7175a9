"""DIAL's Digital Impact Exchange, by its API (`https://exchange.dial.global/api/v1`).

Options: `type`, one of its lists or several, such as `[products, building_blocks]`; one may stand at the end of the
location instead. Keys are `<list>/<slug>`, and so are those of what belongs to a thing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from ingest.client import Client, Unreachable
from ingest.source import Found, Item, Source, Trouble
from retrieval.records import Kind

_KINDS = {
    "organizations": Kind.PROVIDER,
    "products": Kind.PRODUCT,
    "building_blocks": Kind.PRODUCT,
    "projects": Kind.EXPERIENCE,
    "opportunities": Kind.PROGRAMME,
    "use_cases": Kind.RESOURCE,
    "workflows": Kind.RESOURCE,
}
"""Lists of the API → what their entries are to us."""
_LINKED = (*_KINDS, "countries")
_SIZE = 100
_MOST_PAGES = 1000
_PAGES = ("website", "project_url", "web_address")
"""Where entries say the address of their own page."""


def items(source: Source, client: Client) -> Found:
    """The entries of the chosen lists."""
    base, lists = _wanted(source)
    return (found for name in lists for found in _entries(source, client, base, name))


def _wanted(source: Source) -> tuple[str, list[str]]:
    """The address of the API, and which of its lists to read."""
    parts = urlsplit(source.location)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Unreachable(f"{source.location}: expected an address such as https://exchange.dial.global/api/v1")
    path, _, last = parts.path.rstrip("/").rpartition("/")
    if last not in _KINDS:
        path, last = parts.path.rstrip("/"), ""
    said = source.options.get("type") or last
    lists = [said] if isinstance(said, str) else said
    if not isinstance(lists, list) or not lists or not all(isinstance(name, str) and name in _KINDS for name in lists):
        raise Unreachable(f"{source.name}: set the option `type` to one or more of {', '.join(_KINDS)}")
    return urlunsplit((parts.scheme, parts.netloc, path or "/api/v1", "", "")), list(dict.fromkeys(lists))


def _entries(source: Source, client: Client, base: str, name: str) -> Found:
    for row in _rows(client, f"{base}/{name}?page_size={_SIZE}"):
        if found := _item(source, base, name, row):
            yield found


def _rows(client: Client, address: str) -> Iterator[Any]:
    """The rows of all pages, from the first one on. Raises `Unreachable` where pages have no end."""
    asked, met = set[str](), set[str]()
    while address:
        asked.add(address)
        content = client.get(address).json()
        rows = content.get("results") if isinstance(content, dict) else None
        if not isinstance(rows, list):
            raise Unreachable(f"{address}: no `results` in the answer; is this the API of the Exchange?")
        yield from rows
        following = _following(content.get("next_page"), address)
        new = {str(row) for row in rows} - met
        if following and (not new or following in asked or len(asked) >= _MOST_PAGES):
            raise Unreachable(f"{following}: the pages of this list have no end")
        met |= new
        address = following


def _following(said: object, address: str) -> str:
    """The address of the next page. Some lists give it escaped as a whole, and one may give only a number."""
    text = str(said or "").strip()
    if text.isdecimal():
        text = f"?page_size={_SIZE}&page={text}"
    text = text if "://" in text else unquote(text)
    if not text:
        return ""
    try:
        own, there = urlsplit(address), urlsplit(urljoin(address, text))
    except ValueError:
        raise Unreachable(f"{address}: names “{text[:80]}” as its next page, which is no address") from None
    # Behind a proxy the API names a host that only the proxy can reach.
    return urlunsplit((own.scheme, own.netloc, there.path, there.query, ""))


def _item(source: Source, base: str, name: str, row: Any) -> Item | Trouble | None:
    if not isinstance(row, dict):
        return Trouble(f"{source.name} {name}", f"“{str(row)[:60]}” is no entry")
    slug, title = _text(row.get("slug")), _text(row.get("name"))
    if not slug or not title:
        return Trouble(f"{source.name} {name}/{slug}", f"“{title[:60]}” has no {'name' if slug else 'slug'}")
    if row.get("opportunity_status") == "CLOSED":
        return None
    kind, text = _KINDS[name], _description(row)
    tags = _tags(name, row)
    call = name == "opportunities"
    return Item(
        key=f"{name}/{slug}",
        name=title,
        url=_page(row) or _own_page(base, name, slug),
        provider=title if kind is Kind.PROVIDER else next(iter(_names(row, "organizations")), ""),
        kind=kind,
        text=text,
        teaches=(text, *tags) if text else tags,
        tags=tags,
        # A product is for everybody, wherever it is in use.
        countries=() if kind is Kind.PRODUCT else _countries(row),
        # What a country has done can still be told of when the project is over.
        starts=_date(row.get("opening_date")) if call else None,
        ends=_date(row.get("closing_date")) if call else None,
        related=_related(row),
    )


def _description(row: dict[str, Any]) -> str:
    """What it is, in English if it is said in several languages."""
    fields = ["description", *sorted(key for key in row if key.endswith(("_description", "_descriptions")))]
    said = [each if isinstance(each, dict) else {"description": each} for f in fields for each in _list(row.get(f))]
    said.sort(key=lambda each: each.get("locale") not in {None, "en"})
    return next((text for each in said if (text := _text(each.get("description")))), "")


def _tags(name: str, row: dict[str, Any]) -> tuple[str, ...]:
    own = ["building block"] if name == "building_blocks" else []
    said = [text for each in _list(row.get("tags")) if (text := _text(each))]
    named = [each for field in ("building_blocks", "sectors", "origins") for each in _names(row, field)]
    return tuple(dict.fromkeys((*own, *said, *named)))


def _names(row: dict[str, Any], field: str) -> list[str]:
    """The English names of what a field lists; some are listed once for each language."""
    entries = [each if isinstance(each, dict) else {"name": each} for each in _list(row.get(field))]
    return [text for each in entries if each.get("locale") in {None, "en"} and (text := _text(each.get("name")))]


def _countries(row: dict[str, Any]) -> tuple[str, ...]:
    entries = [each if isinstance(each, dict) else {"name": each} for each in _list(row.get("countries"))]
    return tuple(text for each in entries if (text := _text(each.get("code")) or _text(each.get("name"))))


def _related(row: dict[str, Any]) -> tuple[str, ...]:
    linked = ((name, each) for name in _LINKED for each in _list(row.get(name)) if isinstance(each, dict))
    return tuple(dict.fromkeys(f"{name}/{slug}" for name, each in linked if (slug := _text(each.get("slug")))))


def _page(row: dict[str, Any]) -> str:
    """The address of its own page, which the Exchange keeps without `https://`."""
    said = next((text for field in _PAGES if (text := _text(row.get(field)))), "")
    if said.lower().startswith(("http://", "https://")):
        return said
    return f"https://{said}" if "." in said and " " not in said else ""


def _own_page(base: str, name: str, slug: str) -> str:
    parts = urlsplit(base)
    return f"{parts.scheme}://{parts.netloc}/{name.replace('_', '-')}/{slug}"


def _date(value: object) -> date | None:
    try:
        return date.fromisoformat(_text(value)[:10])
    except ValueError:
        return None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _text(value: object) -> str:
    """A word; half an emoji, where a publisher has cut its text, and zero bytes can be kept nowhere."""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        return ""
    return str(value).encode(errors="ignore").decode().replace("\0", "").strip()
