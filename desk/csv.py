"""Tables as files that an officer downloads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fastapi import Response

from bot.csv import Value, harmless, lines

__all__ = ["Value", "download", "harmless", "written"]


def written(columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[Value]]) -> str:
    """The file's text. `columns`: pairs of heading and HXL tag."""
    return "".join(lines(columns, rows))


def download(name: str, columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[Value]]) -> Response:
    """The file, to be saved as `name`."""
    kept_as = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(written(columns, rows), media_type="text/csv; charset=utf-8", headers=kept_as)
