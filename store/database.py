"""One database: SQLite by default, PostgreSQL by changing the URL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

MIGRATIONS = Path(__file__).parent / "migrations"


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
        else:
            self.engine = create_engine(
                address, pool_pre_ping=True, pool_size=10, max_overflow=20, hide_parameters=True
            )
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
        """A transaction that only reads."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    def version(self) -> str | None:
        """The migration that the database is at; none before the first."""
        try:
            with self.engine.connect() as connection:
                version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
                return version
        except DBAPIError:  # no such table
            return None

    def migrate(self) -> None:
        """Bring the tables up to date. Nothing more is imported if they are: this stands before every start."""
        if self.version() == newest_migration():
            return
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        with self.engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                # Several processes may start at once: one migrates, the others wait for it.
                connection.execute(text("SELECT pg_advisory_xact_lock(7063412)"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def ready(self) -> bool:
        """Whether the database answers and has our tables."""
        try:
            return inspect(self.engine).has_table("contact")
        except Exception:  # any driver's error means the same here: not ready
            return False

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def newest_migration() -> str:
    """The revision that the code needs. Migrations are numbered in their order: `0001_first.py`."""
    return max(path.stem.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))


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
