"""Excel workbooks (.xlsx). Columns are mapped as `ingest.sources._sheet` says.

Option `sheet`: the name or number of the sheet, the first one that can be seen if it is not set. A link behind a cell
counts as its address where the column is mapped to `url`, even if another field has the words of that column.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from ingest.client import Client, Unreachable
from ingest.source import Found, Source
from ingest.sources import _sheet

_LARGEST = 100_000_000
"""Bytes of a workbook when unpacked."""
_WIDEST = 200
_MOST_EMPTY = 1000
"""Empty rows after another that are taken for the end: sheets often have a million that only look of something."""
_TITLES = 30
"""Rows among which the header is looked for."""
_OLD = b"\xd0\xcf\x11\xe0"
_ERRORS = frozenset({"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!"})
_FORMULA = re.compile(r"HYPERLINK\(\s*\"([^\"]+)\"", re.I)
_CELL = re.compile(r"\$?([A-Z]{1,3})\$?([0-9]{1,7})")
_RELATED = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"

_Row = list[object]


@dataclass(slots=True)
class _Extras:
    """What a sheet has beside the values of its cells, which are read without it. Rows and columns count from 1."""

    links: dict[tuple[int, int], str] = field(default_factory=dict)
    merged: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    """First row → columns that are merged from there on, and the last row of each."""


def items(source: Source, client: Client) -> Found:
    """The rows of the sheet."""
    book = _opened(client.read(source.location).body, source)
    sheet = _chosen(book, source)
    columns = _sheet._columns(source)
    shared = _shared(columns)
    if shared:
        columns = {**columns, "url": [_behind(name) if name in shared else name for name in columns["url"]]}
        rest = {name: value for name, value in source.options.items() if name != "mapping"}
        source = source.model_copy(update={"options": {**rest, "columns": columns}})
    return _sheet.items(source, _rows(sheet, source, _titles(columns), shared))


def _opened(content: bytes, source: Source) -> Any:
    from openpyxl import load_workbook  # type: ignore[import-untyped]

    if content.startswith(_OLD):
        raise Unreachable(f"{source.location}: an old .xls file, or one with a password; save it as .xlsx without one")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            size = sum(part.file_size for part in packed.infolist())
        if size > _LARGEST:
            raise Unreachable(f"{source.location}: larger than {_LARGEST // 1_000_000} MB when unpacked")
        return load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    except Unreachable:
        raise
    except Exception as error:  # the library has no error of its own for what is no workbook
        raise Unreachable(f"{source.location}: no .xlsx file ({_reason(error)})") from None


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__


def _chosen(book: Any, source: Source) -> Any:
    sheets = {sheet.title: sheet for sheet in book.worksheets}
    said = source.options.get("sheet")
    if said is None:
        seen = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
        found = next(iter(seen or book.worksheets), None)
    else:
        found = sheets.get(str(said))
        if found is None and str(said).isdecimal() and 0 < int(said) <= len(sheets):
            found = book.worksheets[int(said) - 1]
    if found is None:
        raise Unreachable(f"{source.location}: no sheet “{said or 1}”; there are {', '.join(sheets) or 'none'}")
    return found


def _titles(columns: dict[str, list[str]]) -> frozenset[str]:
    """The titles of the columns whose links count."""
    return frozenset(map(_sheet._plain, columns.get("url", []) if columns else ["url"]))


def _shared(columns: dict[str, list[str]]) -> list[str]:
    """Columns that are mapped to `url` and to another field: they get a column of links beside them."""
    others = {_sheet._plain(name) for field_, names in columns.items() if field_ != "url" for name in names}
    return [name for name in columns.get("url", []) if _sheet._plain(name) in others]


def _behind(name: str) -> str:
    return f"{name} (link)"


def _rows(sheet: Any, source: Source, linked: frozenset[str], shared: list[str]) -> Iterator[_Row]:
    try:
        extras = _extras(sheet)
        rows = _whole(_values(sheet), extras)
        yield from _with_links(_below_titles(rows, extras), extras, linked, shared)
    except Unreachable:
        raise
    except Exception as error:  # as above: it is read while it is walked through
        raise Unreachable(f"{source.location}: the sheet cannot be read ({_reason(error)})") from None


def _values(sheet: Any) -> Iterator[_Row]:
    """The rows up to the last one with something in it."""
    # What the file says about the size of the sheet is often wrong.
    sheet.reset_dimensions()
    empty = 0
    for values in sheet.iter_rows(values_only=True, max_col=_WIDEST):
        row = [None if value in _ERRORS else value for value in values]
        while row and row[-1] is None:
            row.pop()
        empty = 0 if row else empty + 1
        if empty > _MOST_EMPTY:
            return
        yield row


def _whole(rows: Iterator[_Row], extras: _Extras) -> Iterator[_Row]:
    """What is merged downwards has its value in each of its rows."""
    going_on: dict[int, tuple[int, object]] = {}
    for number, row in enumerate(rows, 1):
        going_on = {column: kept for column, kept in going_on.items() if kept[0] >= number}
        for column, (_, value) in going_on.items():
            row.extend([None] * (column - len(row)))
            row[column - 1] = value if row[column - 1] is None else row[column - 1]
        for column, last in extras.merged.get(number, ()):
            if column <= len(row) and row[column - 1] is not None:
                going_on[column] = (last, row[column - 1])
        yield row


def _below_titles(rows: Iterator[_Row], extras: _Extras) -> Iterator[_Row]:
    """Rows before the header are emptied: a title over the table stands in one cell. Numbers of rows stay."""
    head = list(islice(rows, _TITLES))
    filled = [sum(value not in (None, "") for value in row) for row in head]
    header = next((number for number, cells in enumerate(filled) if cells > 1), 0)
    # A header of two rows: the lower one tells more, and has what is merged with the upper one.
    header = max([header, *(last - 1 for _, last in extras.merged.get(header + 1, ()) if last <= len(head))])
    yield from ([] for _ in head[:header])
    yield from head[header:]
    yield from rows


def _with_links(rows: Iterator[_Row], extras: _Extras, linked: frozenset[str], shared: list[str]) -> Iterator[_Row]:
    titles: list[str] = []
    own: list[int] = []
    beside: list[int] = []
    for number, row in enumerate(rows, 1):
        if not titles and any(value not in (None, "") for value in row):
            titles = [_sheet._plain(_sheet._text(value)) for value in row]
            beside = [titles.index(_sheet._plain(name)) for name in shared if _sheet._plain(name) in titles]
            own = [at for at, title in enumerate(titles) if title in linked]
            yield row + [_behind(name) for name in shared if _sheet._plain(name) in titles]
            continue
        row.extend([None] * (len(titles) - len(row)))
        for at in own:
            row[at] = extras.links.get((number, at + 1)) or row[at]
        links: _Row = [extras.links.get((number, at + 1)) or _address(row[at]) for at in beside]
        yield row[: len(titles)] + links + row[len(titles) :]


def _address(value: object) -> object:
    return value if str(value).startswith(("http://", "https://")) else None


def _extras(sheet: Any) -> _Extras:
    """Links and merged cells, which the library leaves out when it reads a sheet row by row."""
    from lxml import etree

    found, targets = _Extras(), _targets(sheet)
    with sheet.parent._archive.open(sheet._worksheet_path) as part:
        for _, node in etree.iterparse(part, resolve_entities=False, no_network=True, huge_tree=False):
            name = etree.QName(node).localname
            if name == "f" and (said := _FORMULA.search(node.text or "")):
                _link(found, node.getparent().get("r"), said[1])
            elif name == "hyperlink":
                _link(found, node.get("ref"), targets.get(node.get(_RELATED, ""), ""))
            elif name == "mergeCell":
                _merge(found, node.get("ref"))
            if name == "row":
                node.clear()
                while node.getprevious() is not None:
                    del node.getparent()[0]
    return found


def _targets(sheet: Any) -> dict[str, str]:
    """Where the links of a sheet lead, by their ids."""
    from lxml import etree

    folder, _, name = sheet._worksheet_path.rpartition("/")
    try:
        part = sheet.parent._archive.read(f"{folder}/_rels/{name}.rels".lstrip("/"))
    except KeyError:
        return {}
    root = etree.fromstring(part, etree.XMLParser(resolve_entities=False, no_network=True))
    return {node.get("Id", ""): node.get("Target", "") for node in root}


def _link(found: _Extras, place: str | None, target: str) -> None:
    at = _CELL.match(place or "")
    if at and target.startswith(("http://", "https://")):
        found.links[int(at[2]), _number(at[1])] = target


def _merge(found: _Extras, place: str | None) -> None:
    corners = _CELL.findall(place or "")
    if len(corners) == 2 and corners[0][1] != corners[1][1]:
        (column, first), (_, last) = corners
        found.merged.setdefault(int(first), []).append((_number(column), int(last)))


def _number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number
