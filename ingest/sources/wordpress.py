"""Posts of a WordPress site, or of one of its own types such as courses or events, by its REST interface.

The location is the site (`https://site.example`), or a whole address such as `…/wp-json/wp/v2/course`. Options:

- `type`: what the REST interface calls the type (see `/wp-json/wp/v2/types`); `posts` if not said.
- `fields`: our field → the dotted path of it in a post, or several, such as `{cost: acf.price, countries: [acf.country,
  meta.region]}`. A list on the way stands for each of its members. Of several paths a field that holds one thing takes
  the first that says something. What is not mapped is read where WordPress itself keeps it.
- `per_page`: posts a page, 100 if not said; less where pages are larger than what we fetch.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import fields
from datetime import date, datetime
from typing import Any

from ingest.client import Client, Page, Refused, Unreachable
from ingest.source import Found, Item, Source, Trouble
from retrieval.records import Kind

_MOST_PAGES = 1_000
_FIELDS = {field.name: str(field.type) for field in fields(Item)}
_OWN = {
    "key": ["id"],
    "name": ["title", "name"],
    "url": ["link"],
    "text": ["content", "excerpt", "description"],
    "tags": ["_embedded.wp:term.name"],
    "languages": ["lang"],
}
"""Where WordPress itself keeps our fields; `lang` is Polylang's."""
_SAYING = ("rendered", "label", "name", "title", "post_title", "url", "value")
"""In which member an object says what it is: a text of WordPress, a choice, a term, a post or a link of ACF."""
_NO_TAGS = frozenset({"uncategorized", "uncategorised"})
_SEVERAL = re.compile(r"[\n;|]+")
_SHORTCODE = re.compile(r"\[/?[a-z]+_[^\]]*\]")
"""Page builders leave theirs in texts that go out by REST."""


def items(source: Source, client: Client) -> Found:
    """The posts that are published."""
    chosen, seen = _chosen(source), set[str]()
    for number, (posts, promised) in enumerate(_pages(source, client), 1):
        # What has moved to the next page meanwhile is there twice.
        fresh = {who: post for post in posts if (who := _who(post)) not in seen}
        if not fresh and promised > number:
            raise Unreachable(
                f"{source.location}: page {number} of {promised} repeats what was there: is paging broken?"
            )
        if not fresh:
            return
        seen |= set(fresh)
        yield from (_item(source, post, chosen) for post in fresh.values())


def _who(post: object) -> str:
    return str((post.get("id") or post.get("link") or post) if isinstance(post, dict) else post)


def _chosen(source: Source) -> dict[str, list[str]]:
    said: Any = source.options.get("fields") or {}
    if not isinstance(said, Mapping) or not set(said) <= set(_FIELDS):
        raise Unreachable(f"{source.name}: the option `fields` maps our fields to paths; ours: {', '.join(_FIELDS)}")
    paths = {name: [path] if isinstance(path, str) else path for name, path in said.items()}
    for name, each in paths.items():
        if not isinstance(each, list) or not all(isinstance(path, str) and path for path in each):
            raise Unreachable(f"{source.name}: `fields.{name}` is a path such as acf.{name}, or a list of paths")
    return {**_OWN, **paths}


def _pages(source: Source, client: Client) -> Iterator[tuple[list[Any], int]]:
    """Pages of posts, and how many pages there are to be, 0 if that is not said."""
    address, size = _address(source), source.options.get("per_page", 100)
    if not isinstance(size, int) or not 1 <= size <= 100:
        raise Unreachable(f"{source.name}: the option `per_page` is a number from 1 to 100")
    # By id, what is new comes last: pages do not shift while they are read.
    asked: dict[str, str | int] = {"per_page": size, "orderby": "id", "order": "asc", "_embed": "wp:term"}
    for number in range(1, _MOST_PAGES + 1):
        page = _page(client, address, {**asked, "page": number})
        posts = [] if page is None else page.json()
        if not isinstance(posts, list):
            raise Unreachable(f"{address}: a list of posts was expected; is it WordPress?")
        promised = _promised(page)
        if posts:
            yield posts, promised
        if not posts or number == promised:
            return
    raise Unreachable(f"{address}: more than {_MOST_PAGES} pages; is paging broken there?")


def _address(source: Source) -> str:
    base = source.location.rstrip("/")
    if not base.startswith(("http://", "https://")):
        raise Unreachable(f"{source.name}: the location is the address of the site, such as https://site.example")
    if "/wp/v2/" in base:
        return base
    kind = str(source.options.get("type") or "posts").strip("/")
    return f"{base.removesuffix('/wp-json')}/wp-json/wp/v2/{kind}"


def _page(client: Client, address: str, asked: dict[str, str | int]) -> Page | None:
    """A page, or none past the last one."""
    try:
        return client.get(address, asked)
    except Refused as error:
        code, message = _fault(error.said)
        if error.status == 400 and "invalid_page_number" in code:
            return None
        advice = {
            401: "the site lets only members read this",
            403: "the site lets nobody read this",
            404: "no REST interface, or no such type: see /wp-json/wp/v2/types of the site for the option `type`",
        }.get(error.status, "")
        raise Unreachable(": ".join(filter(None, (str(error), message, advice)))) from None


def _fault(said: str) -> tuple[str, str]:
    """Code and message of an error of WordPress."""
    with suppress(ValueError, RecursionError):
        fault = json.loads(said)
        if isinstance(fault, dict):
            return str(fault.get("code", "")), str(fault.get("message", ""))[:200]
    return "", ""


def _promised(page: Page | None) -> int:
    said = page.headers.get("x-wp-totalpages", "") if page else ""
    return int(said) if said.isdecimal() and len(said) < 10 else 0


def _item(source: Source, post: object, chosen: Mapping[str, list[str]]) -> Item | Trouble:
    if not isinstance(post, dict):
        return Trouble(source.name, f"a post was expected, “{str(post)[:60]}” came")
    said = {field: [list(_words(_at(post, path))) for path in paths] for field, paths in chosen.items()}
    first = {field: next(filter(None, found), []) for field, found in said.items()}
    key = "".join(first["key"][:1]) or "".join(first["url"][:1])
    where = f"{source.name} {key or 'post'}"
    if not key or not first["name"]:
        return Trouble(where, "has no name" if key else "has neither id nor link")
    if isinstance(post.get("content"), dict) and post["content"].get("protected"):
        return Trouble(where, "is behind a password")
    values: dict[str, Any] = {"kind": source.kind}
    for field, found in said.items():
        if _FIELDS[field].startswith("tuple"):
            values[field] = _several(word for each in found for word in each)
        elif field in {"starts", "ends"}:
            values[field] = _date("".join(first[field][:1]))
        elif field == "kind":
            values[field] = next((kind for kind in Kind if kind in map(str.lower, first[field])), source.kind)
        else:
            values[field] = ", ".join(first[field])
    address = first["url"][0] if first["url"] else ""
    values |= {"key": key, "url": address if address.startswith(("http://", "https://")) else ""}
    values["text"] = _SHORTCODE.sub(" ", values["text"])
    return Item(**values)


def _several(words: Iterable[str]) -> tuple[str, ...]:
    parts = (part.strip() for word in words for part in _SEVERAL.split(html.unescape(word)))
    return tuple(dict.fromkeys(part for part in parts if part and part.lower() not in _NO_TAGS))


def _at(post: object, path: str) -> list[Any]:
    """All values under a dotted path."""
    values = [post]
    for part in path.split("."):
        values = [each.get(part) for each in _flat(values) if isinstance(each, dict)]
    return list(_flat(values))


def _flat(values: Iterable[Any]) -> Iterator[Any]:
    """What is in lists of lists. Not by recursion: a site could nest them as deep as it likes."""
    waiting = [iter(values)]
    while waiting:
        for value in waiting[-1]:
            if isinstance(value, list):
                waiting.append(iter(value))
                break
            yield value
        else:
            waiting.pop()


def _words(values: Iterable[Any]) -> Iterator[str]:
    """Values as words. ACF says false for what was left empty, so that is not taken for a no."""
    for value in values:
        word = next((value[part] for part in _SAYING if value.get(part)), None) if isinstance(value, dict) else value
        if word is True:
            yield "yes"
        elif isinstance(word, str | int | float) and word is not False and str(word).strip():
            yield str(word).strip()


def _date(text: str) -> date | None:
    """ACF gives 20260131, WordPress 2026-01-31T10:00:00, and people choose 31/01/2026."""
    with suppress(ValueError):
        return datetime.fromisoformat(text).date()
    with suppress(ValueError):
        return datetime.strptime(text, "%d/%m/%Y").date()
    return None
