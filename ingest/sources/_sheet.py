"""Rows of a table → items, by a mapping of our fields to its columns. For `csv` and `xlsx`.

Options: `columns`, a mapping such as `{name: Title, url: [Link, "Link 2"], teaches: Modules}`, or `mapping`, a YAML
file that has it. Several values in a cell are separated by lines, `;` or `|`. A column is found whatever its case and
spaces.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from html import unescape
from pathlib import Path
from typing import Any

from ingest.client import Unreachable
from ingest.source import Item, Source, Trouble
from retrieval.records import Kind
from retrieval.words import normalise
from retrieval.yaml import BadYaml, read

_FIELDS = {field.name: field for field in fields(Item)}
_MANY = frozenset({"teaches", "tags", "languages", "countries", "audiences", "modality", "level", "related"})
_DATES = frozenset({"starts", "ends"})
_SEVERAL = re.compile(r"[\n;|]+")
_LINK = re.compile(r"https?://[^\s,;|<>\"']+")


def items(source: Source, rows: Iterable[Sequence[object]]) -> Iterator[Item | Trouble]:
    """The items of rows, of which the first one is the header."""
    chosen = _columns(source)
    numbered = enumerate((list(map(_text, row)) for row in rows), 1)
    header: list[str] = next((row for _, row in numbered if any(row)), [])
    places = _places(chosen, header, source)
    for number, row in numbered:
        if any(row):
            yield _item(source, number, row, len(header), places)


def _columns(source: Source) -> dict[str, list[str]]:
    mapping: Any = source.options.get("columns") or {}
    if path := source.options.get("mapping"):
        try:
            mapping = read(Path(str(path)))
        except (OSError, BadYaml) as error:
            raise Unreachable(f"{path}: no mapping can be read ({error})") from None
    if not isinstance(mapping, Mapping) or not set(mapping) <= set(_FIELDS):
        raise Unreachable(f"{source.name}: a mapping names our fields: {', '.join(_FIELDS)}")
    return {field: [names] if isinstance(names, str) else list(names) for field, names in mapping.items()}


def _places(chosen: dict[str, list[str]], header: list[str], source: Source) -> dict[str, list[int]]:
    """Field → the numbers of its columns. Without a mapping a column is the field that it is called like."""
    known = {_plain(title): number for number, title in enumerate(header) if title}
    wanted = chosen or {field: [field] for field in _FIELDS if _plain(field) in known}
    missing = [name for names in wanted.values() for name in names if _plain(name) not in known]
    if missing or "name" not in wanted:
        there = ", ".join(title for title in header if title) or "none"
        raise Unreachable(f"{source.location}: no column “{(missing or ['name'])[0]}”; there are {there}")
    return {field: [known[_plain(name)] for name in names] for field, names in wanted.items()}


def _item(source: Source, number: int, row: list[str], width: int, places: dict[str, list[int]]) -> Item | Trouble:
    where = f"{source.location} row {number}"
    if any(row[width:]):
        return Trouble(where, f"has {len(row)} cells under {width} headers: is it shifted?")
    row += [""] * (width - len(row))
    said = {field: [row[column] for column in columns if row[column]] for field, columns in places.items()}
    name = " ".join(" ".join(said["name"]).split())
    if not name:
        return Trouble(where, "has no name")
    links = _LINK.findall(" ".join(said.get("url", ())))
    if said.get("url") and not links:
        return Trouble(where, f"“{said['url'][0][:60]}” is no address: is it shifted?")
    values: dict[str, Any] = {"name": name, "url": links[0] if links else ""}
    for field, cells in said.items():
        if field in _MANY:
            values[field] = tuple(part.strip() for cell in cells for part in _SEVERAL.split(cell) if part.strip())
        elif field in _DATES:
            values[field] = _date(cells[0]) if cells else None
        elif field == "kind":
            values[field] = Kind(cells[0].lower()) if cells and cells[0].lower() in set(Kind) else source.kind
        elif field not in {"name", "url"}:
            values[field] = "\n".join(cells)
    values.setdefault("kind", source.kind)
    values.setdefault("key", "")
    values["key"] = values["key"] or _key(values["url"], name, str(values.get("provider", "")))
    return Item(**values)


def _key(url: str, name: str, provider: str) -> str:
    """What a row without a key of its own is known by: its address, or its name and provider."""
    return url or hashlib.sha256(f"{normalise(name)}|{normalise(provider)}".encode()).hexdigest()[:16]


def _date(text: str) -> date | None:
    for form in ("%Y-%m-%d", "%d/%m/%Y", "%d.%m.%Y", "%Y/%m/%d", "%d %B %Y", "%d %b %Y"):
        try:
            return datetime.strptime(text.strip()[:20], form).date()
        except ValueError:
            continue
    return None


def _plain(title: str) -> str:
    return re.sub(r"[\W_]+", " ", normalise(title)).strip()


def _text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime | date):
        return cell.isoformat()[:10]
    return unescape(str(cell)).replace("\r\n", "\n").replace("\r", "\n").replace("\ufeff", "").strip()
