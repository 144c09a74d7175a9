"""One database: SQLite by default, PostgreSQL by changing the URL."""

from __future__ import annotations

import fcntl
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.orm import Session

if TYPE_CHECKING:
    from sqlalchemy.sql.dml import ReturningInsert

    from store.tables import Table

REST = 1.0
"""Seconds without use after which a connection is tried before it is used again."""
MIGRATIONS = Path(__file__).parent / "migrations"


class NewerTables(ValueError):
    """A newer Dalil has migrated the database."""

    def __init__(self, version: str) -> None:
        super().__init__(
            f"a newer Dalil has migrated the database (to {version}, this one knows {newest_migration()}): "
            "start that one, or restore the backup from before into an empty database"
        )


class Database:
    """Hands out transactions. Safe to share between threads."""

    def __init__(self, url: str) -> None:
        """`url`: an SQLAlchemy URL; `postgresql://` is taken to mean the psycopg driver."""
        address = make_url(url)
        if address.drivername in {"postgresql", "postgres"}:
            address = address.set(drivername="postgresql+psycopg")
        self.embedded = address.get_backend_name() == "sqlite"
        # Parameters hold what people wrote: they stay out of error messages, and so out of logs.
        if self.embedded:
            if address.database:
                Path(address.database).parent.mkdir(parents=True, exist_ok=True)
            self.engine = create_engine(
                address, connect_args={"timeout": 30, "check_same_thread": False}, hide_parameters=True
            )
            _prepare_sqlite(self.engine)
            self._reading = self.engine
        else:
            self.engine = create_engine(address, pool_size=10, max_overflow=20, hide_parameters=True)
            _try_after_a_rest(self.engine)
            # Each statement sees what was committed before it, in a transaction as well: it would be two more trips.
            self._reading = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        # SQLite has one writer: waiting our turn here is fair and cheap, polling its file lock is neither.
        self._one_writer = threading.Lock() if self.embedded else nullcontext()

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that may write; committed at the end, rolled back on any exception."""
        with self._one_writer, Session(self.engine, expire_on_commit=False) as session, session.begin():
            session.connection(execution_options={"begin": "IMMEDIATE"})
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Only reads: what is changed here is not written."""
        with Session(self._reading, expire_on_commit=False, autoflush=False) as session:
            yield session

    def version(self) -> str | None:
        """The migration that the database is at; none before the first."""
        with self.engine.connect() as connection:
            return _version(connection)

    def migrate(self, before: Callable[[], object] = lambda: None, *, to: str | None = None) -> None:
        """Bring the tables up to date, or up to migration `to`, one process at a time and all or nothing.

        `before` is called first if there are older tables already. Raises `NewerTables`. Nothing more is imported if
        the tables are up to date: this stands before every start.
        """
        wanted = to or newest_migration()
        with self.alone("migrating"):  # also opening a new SQLite file in its mode is for one process at a time
            if self.version() == wanted:
                return
            with self._one_writer, self.engine.execution_options(begin="IMMEDIATE").begin() as connection:
                version = _version(connection)
                if version is not None and version > wanted:
                    raise NewerTables(version)
                if version is not None:
                    before()
                _upgrade(connection, wanted)

    @contextmanager
    def alone(self, purpose: str) -> Iterator[None]:
        """Wait until no other process on this database is in here for the same purpose."""
        if not self.embedded:
            with self.engine.begin() as connection:
                connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": f"dalil {purpose}"})
                yield
        elif path := self.engine.url.database:
            with Path(path).with_name(f"{purpose}.lock").open("w") as file:
                fcntl.flock(file, fcntl.LOCK_EX)  # let go when the file is closed, also by a process that is killed
                yield
        else:
            yield  # in memory: nobody else has it

    def checkpoint(self) -> bool:
        """Write SQLite's log into its file and empty it: until then it holds what has been erased.

        False if somebody was reading: call it again later. On PostgreSQL there is nothing to do.
        """
        path = self.engine.url.database
        if not self.embedded or not path:
            return True
        with self._one_writer, closing(sqlite3.connect(path, timeout=1)) as connection:
            busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return not busy

    def ready(self) -> bool:
        """Whether the database answers and has our tables."""
        try:
            return inspect(self.engine).has_table("contact")
        except Exception:  # any driver's error means the same here: not ready
            return False

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def insert_new(session: Session, table: type[Table], *wanted: str) -> ReturningInsert[Any]:
    """An INSERT that passes over rows that are there already, and gives these columns of the new ones."""
    return _insert_new(session.get_bind().dialect.name, table, wanted)


@cache
def _insert_new(dialect: str, table: type[Table], wanted: tuple[str, ...]) -> ReturningInsert[Any]:
    """The statement, built once: building it takes longer than running it."""
    made = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return made(table).on_conflict_do_nothing().returning(*(getattr(table, name) for name in wanted))


def migrations() -> list[str]:
    """All revisions in their order, which is that of their numbers: `0001_first.py`."""
    return sorted(path.stem.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


def newest_migration() -> str:
    """The revision that the code needs."""
    return migrations()[-1]


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return version


def _upgrade(connection: Connection, wanted: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, wanted)


def _try_after_a_rest(engine: Engine) -> None:
    """Make sure that a connection still works that nobody has used for a while: the server may have been restarted.

    SQLAlchemy's own look (`pool_pre_ping`) comes before every transaction, and takes as long as a statement.
    """

    @event.listens_for(engine, "checkin")
    def _on_checkin(_connection: Any, record: Any) -> None:
        record.info["rests_since"] = monotonic()

    @event.listens_for(engine, "checkout")
    def _on_checkout(connection: Any, record: Any, _proxy: Any) -> None:
        if monotonic() - record.info.get("rests_since", monotonic()) < REST:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error:
            raise DisconnectionError from None  # the pool makes a new one


def _prepare_sqlite(engine: Engine) -> None:
    """Durable commits, foreign keys, and transactions that begin when we say so."""

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions by itself
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "busy_timeout=30000",
            "secure_delete=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        # A transaction that reads first and writes later can be refused half-way; take the lock at once.
        connection.exec_driver_sql(f"BEGIN {connection.get_execution_options().get('begin', 'DEFERRED')}")
