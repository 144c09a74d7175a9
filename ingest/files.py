"""Catalogue files (YAML) → records, with a message for every row that is wrong.

Names and summaries in other languages may stand in the record itself, or, so that a translator has one file to read,
in `translations/<language>.yaml` beside the file: `record id: {name: …, summary: …}`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from retrieval.records import Record
from retrieval.yaml import BadYaml, lines, parse

Lines = dict[tuple[str | int, ...], int]
"""Path of a value in a file → its line."""
Translations = dict[str, dict[str, dict[str, str]]]
"""Record id → `names` and `summaries` → language → text."""

_TRANSLATED = {"name": "names", "summary": "summaries"}
STARTER = Path(__file__).parent / "starter"


@dataclass(frozen=True, slots=True)
class Problem:
    """A row that was not loaded, and why."""

    file: str
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        """As `file:line: field: message`."""
        return f"{self.file}:{self.line}: {self.field}: {self.message}"


def catalogue_files(path: Path) -> list[Path]:
    """The files of a folder, or the one file. Raises `FileNotFoundError`."""
    if path.is_dir():
        return sorted(path.glob("*.yaml"))
    if not path.exists():
        raise FileNotFoundError(path)
    return [path]


def read_records(paths: list[Path]) -> Iterator[Record | Problem]:
    """Every record of the files, or what is wrong with it. Of two with the same id the first is taken."""
    seen: dict[str, str] = {}
    translated: Translations = {}
    for folder in dict.fromkeys(path.parent for path in paths):
        for path in sorted((folder / "translations").glob("*.yaml")):
            yield from _read_translations(path, translated)
    for path in paths:
        for found in _read_file(path, translated):
            if isinstance(found, Record):
                record, line = found, 0
                if record.id in seen:
                    line = _line_of(path, record.id)
                    yield Problem(path.name, line, "id", f"“{record.id}” stands in {seen[record.id]} already")
                    continue
                seen[record.id] = path.name
            yield found


def _read_file(path: Path, translated: Translations) -> Iterator[Record | Problem]:
    try:
        text = path.read_text(encoding="utf-8")
        content = parse(text)
    except UnicodeDecodeError as error:
        yield Problem(path.name, 1, "file", f"not UTF-8 text (byte {error.start})")
        return
    except BadYaml as error:
        yield Problem(path.name, 1, "file", f"not YAML: {error}")
        return
    if not isinstance(content, dict) or not isinstance(content.get("records"), list):
        yield Problem(path.name, 1, "records", "missing: a catalogue file has `source:` and a list `records:`")
        return
    source = content.get("source", path.stem)
    where = cache(lambda: lines(text))  # costs more than the reading itself, and is needed for faults only
    for number, row in enumerate(content["records"]):
        yield from _read_row(path.name, source, number, _joined(row, translated), where)


def _read_translations(path: Path, into: Translations) -> Iterator[Problem]:
    try:
        content = parse(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, BadYaml) as error:
        yield Problem(path.name, 1, "file", f"not YAML in UTF-8: {error}")
        return
    if not isinstance(content, dict):
        yield Problem(path.name, 1, "file", "expected ids of records, each with `name:` and `summary:`")
        return
    for record_id, texts in content.items():
        record = into.setdefault(record_id, {"names": {}, "summaries": {}})
        if not isinstance(texts, dict) or not set(texts) <= set(_TRANSLATED):
            yield Problem(path.name, 1, str(record_id), "expected `name:` and `summary:`")
            continue
        for field, text in texts.items():
            record[_TRANSLATED[field]][path.stem] = text


def _joined(row: Any, translated: Translations) -> Any:
    """A row with its translations; what it says itself counts more."""
    texts = translated.get(row["id"]) if isinstance(row, dict) and isinstance(row.get("id"), str) else None
    if texts is None:
        return row
    own = {field: row.get(field, {}) for field in ("names", "summaries")}
    # What is no mapping is left as it is, and told like any other fault of a row.
    return {**row, **{field: {**texts[field], **said} for field, said in own.items() if isinstance(said, dict)}}


def _read_row(file: str, source: Any, number: int, row: Any, where: Callable[[], Lines]) -> Iterator[Record | Problem]:
    if not isinstance(row, dict):
        yield Problem(
            file, _nearest(where(), ("records", number)), "record", "not a record: expected fields with values"
        )
        return
    try:
        yield Record.model_validate({"source": source, **row})
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            path = tuple(part for part in fault["loc"] if part not in {"tuple", "function-before"})
            line = _nearest(where(), ("records", number, *path))
            yield Problem(file, line, ".".join(map(str, path)) or "record", f"{fault['msg']} ({_named(row)})")


def _nearest(where: Lines, path: tuple[str | int, ...]) -> int:
    """The line of a value, or of the nearest thing around it that has one."""
    while path and path not in where:
        path = path[:-1]
    return where.get(path, 1)


def _named(row: dict[Any, Any]) -> str:
    return f"record “{str(row.get('id', '?'))[:80]}”"


def _line_of(path: Path, record_id: str) -> int:
    text = path.read_text(encoding="utf-8")
    where = lines(text)
    numbers = [
        n for n, row in enumerate(parse(text)["records"]) if isinstance(row, dict) and row.get("id") == record_id
    ]
    return where.get(("records", numbers[-1], "id"), 1)
