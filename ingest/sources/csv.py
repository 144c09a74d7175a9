"""Comma- or semicolon-separated files. Columns are mapped as `ingest.sources._sheet` says."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import suppress

from ingest.client import Client, Page, Unreachable
from ingest.source import Found, Source
from ingest.sources import _sheet

_SAMPLE = 20_000


def items(source: Source, client: Client) -> Found:
    """The rows of the file."""
    return _sheet.items(source, _rows(_text(client.read(source.location))))


def _text(page: Page) -> str:
    """The text, which spreadsheets write in the encoding of Windows where nothing says otherwise."""
    if "charset=" not in page.headers.get("content-type", ""):
        for encoding in ("utf-8-sig", "cp1252"):
            with suppress(UnicodeDecodeError):
                return page.body.decode(encoding)
    return page.text


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
