"""The registry of digital public goods: a list from its API, or nominees as files.

The location is an address such as `https://api.digitalpublicgoods.net/dpgs/`, a JSON file of the form of
github.com/DPGAlliance/publicgoods-candidates, or a folder of such files. There are no options.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ingest.client import Client, Unreachable
from ingest.source import Found, Item, Source, Trouble
from retrieval.records import Kind

_TYPES = {
    "software": "open source software",
    "data": "open data",
    "content": "open content",
    "standards": "open standards",
    "aimodel": "AI model",
}
"""What the registry calls a type → what people call it."""
_OFFERING = ("owner", "maintainer")
"""Roles of organisations that have it in their hands; funders have not."""


def items(source: Source, client: Client) -> Found:
    """The goods of the list or of the files."""
    path = Path(source.location)
    if path.is_dir():
        return _folder(source, client, path)
    stem = "" if "://" in source.location else path.stem
    return _goods(source, client.read(source.location).json(), stem)


def _folder(source: Source, client: Client, folder: Path) -> Found:
    files = sorted(folder.glob("*.json"))
    if not files:
        raise Unreachable(f"{folder}: no .json files in this folder")
    for path in files:
        try:
            yield from _goods(source, client.read(str(path)).json(), path.stem)
        except Unreachable as error:
            yield Trouble(f"{source.name} {path.name}", str(error).removeprefix(f"{path}: "))


def _goods(source: Source, content: Any, stem: str) -> Found:
    """`stem`: what a file is called, which is the key of a nominee without an id."""
    rows = [content] if isinstance(content, dict) and content.keys() & {"id", "name"} else content
    if not isinstance(rows, list):
        raise Unreachable(
            f"{source.location}: expected a list of goods, such as https://api.digitalpublicgoods.net/dpgs/"
        )
    alone = stem if len(rows) == 1 else ""
    return (_item(source, row, alone) for row in rows)


def _item(source: Source, row: Any, stem: str) -> Item | Trouble:
    if not isinstance(row, dict):
        return Trouble(source.name, f"“{str(row)[:60]}” is no entry")
    name = _text(row.get("name"))
    key = _text(row.get("id")) or stem or re.sub(r"\W+", "-", name.lower()).strip("-")
    if not name:
        return Trouble(f"{source.name} {key}".strip(), "has no name")
    text, topics, licences = _text(row.get("description")), _topics(row), _licences(row)
    stage = _text(row.get("stage"))
    return Item(
        key=key,
        name=name,
        url=_page(row),
        provider=_provider(row),
        kind=Kind.PRODUCT,
        text=text,
        teaches=tuple(filter(None, (text, *topics))),
        tags=tuple(filter(None, (stage, *topics, *_goals(row)))),
        # Whoever has an open licence need not pay for using it.
        cost="free" if licences else "",
        licence=", ".join(licences),
    )


def _topics(row: dict[str, Any]) -> list[str]:
    said = [_text(each) for field in ("sectors", "type", "categories") for each in _list(row.get(field))]
    return list(dict.fromkeys(_TYPES.get(each.lower(), each) for each in said if each))


def _goals(row: dict[str, Any]) -> list[str]:
    """The sustainable development goals, which the registry has written in four ways over the years."""
    return [goal for field in ("SDGs", "sdgs") for each in _list(row.get(field)) if (goal := _goal(each))]


def _goal(said: Any) -> str:
    if isinstance(said, dict):
        return _text(said.get("sdg")) or _goal(said.get("SDGNumber"))
    if isinstance(said, list):
        number, *name = [_text(each) for each in said] or [""]
        return ": ".join(filter(None, (_goal(number), *name)))
    text = _text(said)
    return f"SDG{text}" if text.isdecimal() else text


def _licences(row: dict[str, Any]) -> list[str]:
    said = [*_list(row.get("license")), *_list(row.get("openlicenses"))]
    named = (each.get("spdx") or each.get("openLicense") if isinstance(each, dict) else each for each in said)
    return list(dict.fromkeys(text for each in named if (text := _text(each))))


def _provider(row: dict[str, Any]) -> str:
    said = [each for each in _list(row.get("organizations")) if isinstance(each, dict) and _text(each.get("name"))]
    for role in _OFFERING:
        if names := [_text(each["name"]) for each in said if each.get("org_type") == role]:
            return names[0]
    return next((_text(each["name"]) for each in said if each.get("org_type") != "funder"), "")


def _page(row: dict[str, Any]) -> str:
    places = [row.get("website"), row.get("repositoryURL"), *_list(row.get("repositories"))]
    for place in places:
        said = _text(place.get("url") if isinstance(place, dict) else place)
        if said.lower().startswith(("http://", "https://")):
            return said
        if "." in said and " " not in said:
            return f"https://{said}"
    return ""


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _text(value: object) -> str:
    """A word; half an emoji, where a publisher has cut its text, and zero bytes can be kept nowhere."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        return ""
    return str(value).encode(errors="ignore").decode().replace("\0", "").strip()
