"""What many tests need: a database of either kind, keys, and a searchable starter catalogue."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from store.database import Database
from store.tables import Table
from store.vault import Vault

SECRET = "a secret that is only used by tests, forty letters"
POSTGRES = os.environ.get("DALIL_TEST_POSTGRES_URL")


@pytest.fixture
def vault() -> Vault:
    return Vault([SECRET])


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty, migrated database, once of each kind."""
    if request.param == "sqlite":
        made = Database(f"sqlite:///{tmp_path / 'dalil.db'}")
    elif POSTGRES:
        made = Database(POSTGRES)
        with made.engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
    else:
        pytest.skip("DALIL_TEST_POSTGRES_URL is not set: not tested on PostgreSQL")
    made.migrate()
    yield made
    made.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    """An empty, migrated SQLite database."""
    made = Database(f"sqlite:///{tmp_path / 'dalil.db'}")
    made.migrate()
    yield made
    made.close()


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
