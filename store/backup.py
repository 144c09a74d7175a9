"""Backups that either kind of database can take back: every row as a line of JSON, compressed.

What can be made again from the rest stays out: vectors, builds of the index and the pointer to one. Keys stay out too:
without the secret the addresses in a backup cannot be read.
"""

from __future__ import annotations

import gzip
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Date, Integer, LargeBinary, func, insert, select, text
from sqlalchemy import Table as SqlTable

from store.database import Database, newest_migration
from store.tables import Moment, Table

_MADE_AGAIN = frozenset({"vector", "build", "pointer"})
_MOST_ROWS = 500

Progress = Callable[[int], object]


class BadBackup(Exception):
    """The file is no backup, or not one that this database can take; the text says why."""


def tables() -> list[SqlTable]:
    """The tables of a backup, each after those that it refers to."""
    return [table for table in Table.metadata.sorted_tables if table.name not in _MADE_AGAIN]


def save(database: Database, path: Path, progress: Progress = lambda rows: None) -> int:
    """Write everything into a new file, as it stands at one moment; gives the number of rows. Serving may go on.

    Raises `FileExistsError`.
    """
    rows = 0
    part = path.with_name(f".{path.name}.part")
    if path.exists():
        raise FileExistsError(path)
    with gzip.open(part, "wt", encoding="utf-8") as file, _snapshot(database) as connection:
        file.write(json.dumps({"dalil": "backup", "migration": newest_migration()}) + "\n")
        for table in tables():
            for row in connection.execution_options(yield_per=_MOST_ROWS).execute(select(table)).mappings():
                file.write(json.dumps({table.name: _packed(dict(row))}, ensure_ascii=False) + "\n")
                rows += 1
                progress(1)
        file.write(json.dumps({"rows": rows}) + "\n")
    part.chmod(0o600)
    part.rename(path)
    return rows


def _snapshot(database: Database) -> Connection:
    connection = database.engine.connect()
    if not database.embedded:
        connection = connection.execution_options(isolation_level="REPEATABLE READ")
    return connection


def restore(database: Database, path: Path, progress: Progress = lambda rows: None) -> int:
    """Fill an empty, migrated database from a backup, all or nothing; gives the number of rows. Raises `BadBackup`."""
    lines = _lines(path)
    head = next(lines, {})
    if head.get("dalil") != "backup":
        raise BadBackup("this is no backup of Dalil")
    if head.get("migration") != newest_migration():
        raise BadBackup(f"it was made with migration {head.get('migration')}; use the Dalil that made it, then upgrade")
    with database.engine.begin() as connection:
        for table in tables():
            if table.name not in {"record", "key_check"} and connection.scalar(select(func.count()).select_from(table)):
                raise BadBackup("the database is not empty: restore into a new one")
        for table in reversed(tables()):
            connection.execute(table.delete())
        rows = _insert(connection, lines, progress)
        if not database.embedded:
            _continue_counting(connection)
    return rows


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)
    except (OSError, EOFError, ValueError) as error:
        raise BadBackup(f"the file cannot be read ({type(error).__name__})") from None


def _insert(connection: Connection, lines: Iterator[dict[str, Any]], progress: Progress) -> int:
    known = {table.name: table for table in tables()}
    waiting: list[dict[str, Any]] = []
    name = ""
    for rows, line in enumerate(lines):
        ((key, value),) = line.items()
        if waiting and (key != name or len(waiting) >= _MOST_ROWS):
            connection.execute(insert(known[name]), waiting)
            waiting = []
        if key == "rows":
            if value != rows:
                raise BadBackup(f"{rows} rows instead of {value}: the file is not whole")
            return rows
        if key not in known:
            raise BadBackup(f"a table that there is not: {key}")
        name = key
        waiting.append(_unpacked(known[key], value))
        progress(1)
    raise BadBackup("the file ends too early")


def _packed(row: dict[str, Any]) -> dict[str, Any]:
    return {key: _plain(value) for key, value in row.items() if value is not None}


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    return value.isoformat() if isinstance(value, date) else value


def _unpacked(table: SqlTable, row: dict[str, Any]) -> dict[str, Any]:
    """The row as the columns want it; what is missing is null."""
    values: dict[str, Any] = {}
    for column in table.columns:
        value = row.get(column.name)
        if value is not None and isinstance(column.type, LargeBinary):
            value = b64decode(value)
        elif isinstance(value, str) and isinstance(column.type, Moment):
            value = datetime.fromisoformat(value)
        elif isinstance(value, str) and isinstance(column.type, Date):
            value = date.fromisoformat(value)
        values[column.name] = value
    return values


def _continue_counting(connection: Connection) -> None:
    """PostgreSQL's sequences do not notice ids that were brought along."""
    for table in tables():
        if "id" in table.columns and isinstance(table.columns["id"].type, Integer):
            connection.execute(
                text(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), max(id)) FROM {table.name}")  # noqa: S608 - our own names
            )
