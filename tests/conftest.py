"""What many tests need: a database of either kind, keys, and a searchable starter catalogue."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import create_engine, event, inspect, make_url, text

from store.database import Database, newest_migration
from store.tables import Table
from store.vault import Vault

SECRET = "a secret that is only used by tests, forty letters"
POSTGRES = os.environ.get("DALIL_TEST_POSTGRES_URL")


@pytest.fixture
def vault() -> Vault:
    return Vault([SECRET])


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file that tests get copies of: a copy takes a millisecond, the migrations a hundred."""
    path = tmp_path_factory.mktemp("migrated") / "dalil.db"
    made = Database(f"sqlite:///{path}")
    made.migrate()
    made.close()
    return path


@pytest.fixture(scope="session")
def postgres() -> str:
    """The address of a PostgreSQL database that only this process uses: the given one, or another beside it."""
    if not POSTGRES:
        pytest.skip("DALIL_TEST_POSTGRES_URL is not set: not tested on PostgreSQL")
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    if worker == "gw0":
        return POSTGRES
    own = f"{make_url(POSTGRES).database}_{worker}"
    server = create_engine(make_url(POSTGRES).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        if not connection.scalar(text("SELECT 1 FROM pg_database WHERE datname = :own"), {"own": own}):
            connection.execute(text(f'CREATE DATABASE "{own}"'))
    server.dispose()
    return make_url(POSTGRES).set(database=own).render_as_string(hide_password=False)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty, migrated database, once of each kind."""
    if request.param == "sqlite":
        made = request.getfixturevalue("sqlite")
        yield made
    else:
        made = Database(request.getfixturevalue("postgres"))
        hurry(made)
        empty(made)
        yield made
        made.close()


@pytest.fixture
def sqlite(migrated: Path, tmp_path: Path) -> Iterator[Database]:
    """An empty, migrated SQLite database."""
    shutil.copy(migrated, tmp_path / "dalil.db")
    made = Database(f"sqlite:///{tmp_path / 'dalil.db'}")
    hurry(made)
    yield made
    made.close()


def hurry(made: Database) -> None:
    """Do not wait for the disk: no test of a database in this process cuts the power."""

    @event.listens_for(made.engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA synchronous=OFF" if made.embedded else "SET synchronous_commit TO off")
        cursor.close()
        connection.commit()  # PostgreSQL is in a transaction by now, in which the pool cannot set how to read


def empty(made: Database) -> None:
    """Empty PostgreSQL: the rows alone where the tables are those of the last migration, else everything."""
    with made.engine.begin() as connection:
        present = set(inspect(connection).get_table_names())
        if present == set(Table.metadata.tables) | {"alembic_version"} and made.version() == newest_migration():
            names = ", ".join(Table.metadata.tables)
            connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
            return
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    made.migrate()


@pytest.fixture(scope="session")
def catalogue(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database that holds the starter catalogue."""
    from ingest.files import STARTER
    from ingest.load import load

    path = tmp_path_factory.mktemp("catalogue") / "dalil.db"
    shutil.copy(migrated, path)
    made = Database(f"sqlite:///{path}")
    assert load(made, STARTER).problems == []
    yield made
    made.close()


@pytest.fixture(scope="session")
def engine(catalogue: Database, tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """Retrieval over the starter catalogue: a real build of the index."""
    from retrieval.embeddings import SentenceEmbeddings
    from retrieval.engine import Engine
    from retrieval.index import Index

    embeddings = SentenceEmbeddings()
    made = Engine(catalogue, Index(catalogue, tmp_path_factory.mktemp("index"), None, embeddings), embeddings)
    assert made.load()
    return made


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """A command of ours writes its log to where pytest has it for that test only."""
    yield
    structlog.reset_defaults()


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: much of the time of tests is waiting."""
    return (os.cpu_count() or 1) + 1
