"""What many tests need: a database of either kind, keys, and a searchable starter catalogue."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from store.database import Database
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


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty, migrated database, once of each kind."""
    if request.param == "sqlite":
        made = request.getfixturevalue("sqlite")
        yield made
    elif POSTGRES:
        made = Database(POSTGRES)
        empty(made)
        yield made
        made.close()
    else:
        pytest.skip("DALIL_TEST_POSTGRES_URL is not set: not tested on PostgreSQL")


@pytest.fixture
def sqlite(migrated: Path, tmp_path: Path) -> Iterator[Database]:
    """An empty, migrated SQLite database."""
    shutil.copy(migrated, tmp_path / "dalil.db")
    made = Database(f"sqlite:///{tmp_path / 'dalil.db'}")
    yield made
    made.close()


def empty(made: Database) -> None:
    """Empty PostgreSQL: the rows alone where the tables are those of the last migration, else everything."""
    with made.engine.begin() as connection:
        present = set(inspect(connection).get_table_names())
        if present == set(Table.metadata.tables) | {"alembic_version"} and made.ready():
            names = ", ".join(Table.metadata.tables)
            connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
            return
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    made.migrate()


@pytest.fixture(scope="session")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """A database that holds the starter catalogue."""
    from ingest.files import STARTER
    from ingest.load import load

    made = Database(f"sqlite:///{tmp_path_factory.mktemp('catalogue') / 'dalil.db'}")
    Table.metadata.create_all(made.engine)
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
