"""Connections and what may be done over them."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text

from store import database as module
from store.database import Database
from store.tables import Audit


def test_a_connection_that_died_while_it_rested_is_replaced(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a restart of the server."""
    monkeypatch.setattr(module, "REST", 0.0)
    ours, other = Database(postgres), Database(postgres)
    with ours.read() as session:
        process = session.scalar(text("SELECT pg_backend_pid()"))
    with other.write() as session:
        session.execute(text("SELECT pg_terminate_backend(:process)"), {"process": process})

    with ours.write() as session:
        assert session.scalar(text("SELECT pg_backend_pid()")) != process

    ours.close()
    other.close()


def test_what_is_changed_while_reading_is_not_written(database: Database) -> None:
    with database.read() as session:
        session.add(Audit(actor="amina", action="looked", subject="a ticket"))
        assert list(session.scalars(select(Audit))) == []

    with database.read() as session:
        assert list(session.scalars(select(Audit))) == []


def test_a_transaction_that_breaks_leaves_nothing(database: Database) -> None:
    def broken() -> None:
        with database.write() as session:
            session.add(Audit(actor="amina", action="claimed", subject="a ticket"))
            session.flush()
            raise RuntimeError("it broke")

    with pytest.raises(RuntimeError):
        broken()

    with database.read() as session:
        assert list(session.scalars(select(Audit))) == []
