"""Comma- or semicolon-separated files. Columns are mapped as `ingest.sources._sheet` says."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from ingest.client import Client, Unreachable
from ingest.source import Found, Source
from ingest.sources import _sheet

_SAMPLE = 20_000


def items(source: Source, client: Client) -> Found:
    """The rows of the file."""
    return _sheet.items(source, _rows(_read(source, client)))


def _read(source: Source, client: Client) -> str:
    if source.location.startswith(("http://", "https://")):
        return client.get(source.location).text
    try:
        content = Path(source.location).read_bytes()
    except OSError as error:
        raise Unreachable(f"{source.location}: {error.strerror}") from None
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return content.decode("utf-8", "replace")


def _rows(text: str) -> Iterator[list[str]]:
    csv.field_size_limit(1_000_000)
    try:
        dialect: type[csv.Dialect] | csv.Dialect = csv.Sniffer().sniff(text[:_SAMPLE], ",;\t|")
    except csv.Error:
        dialect = csv.excel
    dialect.doublequote = True
    try:
        yield from csv.reader(io.StringIO(text, newline=""), dialect)
    except csv.Error as error:
        raise Unreachable(f"not a table: {error}") from None
