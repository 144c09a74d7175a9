"""Backups that either kind of database can take back: every row as a line of JSON, compressed.

Tables are taken as they stand in the database, so a backup can be made of one that is older than the code.
What can be made again from the rest stays out: vectors, builds of the index and the pointer to one. Keys stay out too:
without the secret the addresses in a backup cannot be read.
"""

from __future__ import annotations

import gzip
import json
import os
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection, Date, DateTime, Integer, LargeBinary, MetaData, func, insert, select, text
from sqlalchemy import Table as SqlTable

import store.desk_tables
import store.source_tables  # noqa: F401 - their tables belong to a backup too
from store.database import Database, migrations, newest_migration
from store.tables import Table, now

KEPT = 3
"""Backups from before a migration that stay."""
_MADE_AGAIN = frozenset({"vector", "build", "pointer"})
_SAVED = frozenset(Table.metadata.tables) - _MADE_AGAIN
"""Names of the tables. One that a migration drops is named here as long as backups may hold it."""
_ALWAYS_FILLED = frozenset({"record", "key_check"})
_MOST_ROWS = 500

Progress = Callable[[int], object]


class BadBackup(Exception):
    """The file is no backup, or not one that this database can take; the text says why."""


def migrate(database: Database, folder: Path) -> Path | None:
    """Bring the tables up to date. If there are older ones, they are saved into `folder` first; gives the backup."""
    made: list[Path] = []

    def save_first() -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        made.append(folder / f"before-{newest_migration()}-{now():%Y%m%d-%H%M%S-%f}")
        save(database, made[0])

    database.migrate(save_first)
    if made:
        tidy(folder)
    return made[0] if made else None


def tidy(folder: Path, days: int | None = None) -> None:
    """Of the backups from before a migration keep the newest `KEPT`, and none that is older than `days`."""
    oldest = (now() - timedelta(days=days)).timestamp() if days is not None else 0.0
    newest_first = sorted(folder.glob("before-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for number, path in enumerate(newest_first):
        if number >= KEPT or path.stat().st_mtime < oldest:
            path.unlink(missing_ok=True)


def save(database: Database, path: Path, progress: Progress = lambda rows: None) -> int:
    """Write everything into a new file, as it stands at one moment; gives the number of rows. Serving may go on.

    Raises `FileExistsError`.
    """
    rows = 0
    migration = database.version()
    with _new_file(path) as file, _snapshot(database) as connection:
        file.write(json.dumps({"dalil": "backup", "migration": migration}) + "\n")
        for table in tables(connection):
            for row in connection.execution_options(yield_per=_MOST_ROWS).execute(select(table)).mappings():
                file.write(json.dumps({table.name: _packed(dict(row))}, ensure_ascii=False) + "\n")
                rows += 1
                progress(1)
        file.write(json.dumps({"rows": rows}) + "\n")
    return rows


@contextmanager
def _new_file(path: Path) -> Iterator[IO[str]]:
    """A file for its owner only, which gets its name when it is whole and on disk."""
    if path.exists():
        raise FileExistsError(path)
    for left_by_a_killed_run in path.parent.glob(f".{path.name}.*.part"):
        left_by_a_killed_run.unlink(missing_ok=True)
    descriptor, part = tempfile.mkstemp(".part", f".{path.name}.", path.parent)  # 0600 from the start
    try:
        with os.fdopen(descriptor, "wb") as raw:
            with gzip.open(raw, "wt", encoding="utf-8") as file:
                yield file
            raw.flush()
            os.fsync(raw.fileno())
        if path.exists():
            raise FileExistsError(path)
        Path(part).rename(path)
    finally:
        Path(part).unlink(missing_ok=True)


@contextmanager
def _snapshot(database: Database) -> Iterator[Connection]:
    with database.engine.connect() as connection:
        yield connection if database.embedded else connection.execution_options(isolation_level="REPEATABLE READ")


def tables(connection: Connection) -> list[SqlTable]:
    """The tables of a backup as the database has them, each after those that it refers to."""
    there = MetaData()
    there.reflect(connection, only=lambda name, _: name in _SAVED)
    return there.sorted_tables


def restore(database: Database, path: Path, progress: Progress = lambda rows: None, *, up_to_date: bool = True) -> int:
    """Fill an empty database from a backup, all or nothing, and bring it up to date; gives the number of rows.

    A database without tables may take an older backup as well. Raises `BadBackup`.
    """
    lines = _lines(path)
    head = next(lines, {})
    migration = head.get("migration")
    if head.get("dalil") != "backup":
        raise BadBackup("this is no backup of Dalil")
    if migration not in migrations():
        raise BadBackup(f"it was made with migration {migration}, which this Dalil does not know: use the one of then")
    if database.version() is None:
        database.migrate(to=migration)
    if database.version() != migration:
        raise BadBackup(f"it was made with migration {migration}: restore it into a database without any tables")
    with database.engine.begin() as connection:
        known = tables(connection)
        for table in known:
            if table.name not in _ALWAYS_FILLED and connection.scalar(select(func.count()).select_from(table)):
                raise BadBackup("the database is not empty: restore into a new one")
        for table in reversed(known):
            connection.execute(table.delete())
        rows = _insert(connection, {table.name: table for table in known}, lines, progress)
        if not database.embedded:
            _continue_counting(connection, known)
    database.migrate()
    return rows


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)
    except (OSError, EOFError, ValueError) as error:
        raise BadBackup(f"the file cannot be read ({type(error).__name__})") from None


def _insert(
    connection: Connection, known: dict[str, SqlTable], lines: Iterator[dict[str, Any]], progress: Progress
) -> int:
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
    if isinstance(value, datetime) and value.tzinfo is None:  # SQLite forgets the zone, which is UTC
        value = value.replace(tzinfo=UTC)
    return value.isoformat() if isinstance(value, date) else value


def _unpacked(table: SqlTable, row: dict[str, Any]) -> dict[str, Any]:
    """The row as the columns want it; what is missing is null."""
    values: dict[str, Any] = {}
    for column in table.columns:
        value = row.get(column.name)
        if value is not None and isinstance(column.type, LargeBinary):
            value = b64decode(value)
        elif isinstance(value, str) and isinstance(column.type, DateTime):
            value = datetime.fromisoformat(value).astimezone(UTC)
        elif isinstance(value, str) and isinstance(column.type, Date):
            value = date.fromisoformat(value)
        values[column.name] = value
    return values


def _continue_counting(connection: Connection, known: list[SqlTable]) -> None:
    """PostgreSQL's sequences do not notice ids that were brought along."""
    for table in known:
        if "id" in table.columns and isinstance(table.columns["id"].type, Integer):
            connection.execute(
                text(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), max(id)) FROM {table.name}")  # noqa: S608 - our own names
            )
