"""Tables as files: CSV with a row of HXL tags (hxlstandard.org), safe to open in a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How a cell begins that a spreadsheet would run; also in the wide forms that Excel takes for the same."""

Value = str | int | float | None


class _Line:
    """What `csv` takes for a file; writing a row to it gives its text."""

    def write(self, text: str) -> str:
        """The text itself."""
        return text


def harmless(value: Value) -> Value:
    """A cell that no spreadsheet runs as a formula."""
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA):
        return f"'{value}"
    return value


def lines(columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[Value]]) -> Iterator[str]:
    """The file, a row at a time. `columns`: pairs of heading and HXL tag."""
    written = csv.writer(_Line()).writerow
    yield written([heading for heading, _ in columns])
    yield written([tag for _, tag in columns])
    for row in rows:
        yield written([harmless(value) for value in row])
