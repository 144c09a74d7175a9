"""Tables as files: CSV with a row of HXL tags (hxlstandard.org), safe to open in a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from io import StringIO

from fastapi import Response

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""How a cell begins that a spreadsheet would run; also in the wide forms that Excel takes for the same."""

Value = str | int | float | None


def harmless(value: Value) -> Value:
    """A cell that no spreadsheet runs as a formula."""
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA):
        return f"'{value}"
    return value


def written(columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[Value]]) -> str:
    """The file's text. `columns`: pairs of heading and HXL tag."""
    text = StringIO()
    file = csv.writer(text)
    file.writerow([heading for heading, _ in columns])
    file.writerow([tag for _, tag in columns])
    file.writerows([harmless(value) for value in row] for row in rows)
    return text.getvalue()


def download(name: str, columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[Value]]) -> Response:
    """The file, to be saved as `name`."""
    kept_as = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(written(columns, rows), media_type="text/csv; charset=utf-8", headers=kept_as)
