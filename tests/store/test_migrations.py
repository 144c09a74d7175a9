"""Migrations run once, also where several processes start at once, and what was there before is saved first."""

from __future__ import annotations

import gzip
import json
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, inspect, select, text

from store import contacts
from store.backup import BadBackup, migrate, restore, save, tables, tidy
from store.database import Database, NewerTables, migrations, newest_migration
from store.tables import Contact, Message
from store.vault import Vault

COLUMNS_THEN = {"id", "channel", "address_digest", "address_sealed", "language_chosen", "created_at", "seen_at"}
AT = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
START = "import sys; from store.database import Database; Database(sys.argv[1]).migrate()"


def fill(database: Database) -> None:
    """A person and what they wrote, as a Dalil at migration 0002 kept it."""
    person: dict[str, Any] = {"id": 7, "channel": "web", "address_digest": "d", "address_sealed": "s"}
    person |= {"language_chosen": False, "created_at": AT, "seen_at": AT}
    message = {"id": 9, "conversation_id": 8, "external_id": "a", "kind": "text", "text": "naomba kozi"}
    rows = {
        "contact": person,
        "conversation": {"id": 8, "contact_id": 7, "context": {"text": "ነፃ"}, "failures": 0},
        "message": message | {"received_at": AT},
    }
    with database.engine.begin() as connection:
        known = {table.name: table for table in tables(connection)}
        for name, row in rows.items():
            connection.execute(insert(known[name]), row)


def empty(database: Database) -> None:
    """Take all tables away."""
    if not database.embedded:
        with database.engine.begin() as connection:
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))


@pytest.fixture
def old(database: Database, tmp_path: Path) -> Database:
    """A database of either kind at migration 0002, with somebody in it."""
    empty(database)
    made = Database(f"sqlite:///{tmp_path / 'old.db'}") if database.embedded else database
    made.migrate(to="0002")
    fill(made)
    return made


def said(database: Database) -> list[tuple[int, str, datetime]]:
    with database.read() as session:
        return [(m.id, m.text, m.received_at) for m in session.scalars(select(Message))]


def start_at_once(arguments: Sequence[str], times: int) -> list[tuple[int, bytes]]:
    """Exit status and errors of that many Pythons, started together."""
    command = [sys.executable, *arguments]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(times)]
    return [(process.wait(60), process.communicate()[1]) for process in started]


@pytest.mark.parametrize("again", range(3))
def test_several_first_starts_at_once_migrate_once(tmp_path: Path, again: int) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'dalil.db'}"

    ended = start_at_once(["-c", START, url], 6)

    assert ended == [(0, b"")] * 6
    assert Database(url).version() == newest_migration()


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_several_starts_at_once_on_postgresql_migrate_once(database: Database, postgres: str) -> None:
    empty(database)

    ended = start_at_once(["-c", START, postgres], 4)

    assert ended == [(0, b"")] * 4
    assert database.version() == newest_migration()


def test_an_old_database_is_saved_before_it_is_migrated(old: Database, tmp_path: Path) -> None:
    backup = migrate(old, tmp_path / "backups")

    assert old.version() == newest_migration()
    assert "origin" in {column["name"] for column in inspect(old.engine).get_columns("contact")}
    assert said(old) == [(9, "naomba kozi", AT)]
    assert backup is not None
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert stat.S_IMODE(backup.parent.stat().st_mode) == 0o700


def test_what_was_saved_before_a_migration_is_what_the_old_dalil_takes_back(old: Database, tmp_path: Path) -> None:
    backup = migrate(old, tmp_path / "backups")

    assert backup is not None
    head, *rows, end = map(json.loads, gzip.decompress(backup.read_bytes()).splitlines())
    assert head == {"dalil": "backup", "migration": "0002"}
    assert [next(iter(row)) for row in rows] == ["contact", "conversation", "message"]
    assert set(rows[0]["contact"]) <= COLUMNS_THEN
    assert end == {"rows": 3}


def test_an_old_backup_can_be_taken_up_by_a_newer_dalil(old: Database, vault: Vault, tmp_path: Path) -> None:
    save(old, tmp_path / "backup")
    new = Database(f"sqlite:///{tmp_path / 'new.db'}")

    assert restore(new, tmp_path / "backup") == 3

    assert new.version() == newest_migration()
    assert said(new) == [(9, "naomba kozi", AT)]
    with new.write() as session:
        contacts.meet(session, vault, "web", "somebody else")
        assert session.scalars(select(Contact.id)).all() == [7, 8]


def test_an_old_backup_does_not_fit_into_new_tables(old: Database, tmp_path: Path) -> None:
    save(old, tmp_path / "backup")
    new = Database(f"sqlite:///{tmp_path / 'new.db'}")
    new.migrate()

    with pytest.raises(BadBackup, match="0002"):
        restore(new, tmp_path / "backup")


def test_a_migration_that_fails_changes_nothing_and_leaves_the_backup(old: Database, tmp_path: Path) -> None:
    with old.engine.begin() as connection:
        connection.execute(text("CREATE INDEX ix_contact_origin ON contact (language)"))  # in the way of 0003

    with pytest.raises(Exception, match="ix_contact_origin"):
        migrate(old, tmp_path / "backups")

    assert old.version() == "0002"
    assert "origin" not in {column["name"] for column in inspect(old.engine).get_columns("contact")}
    assert len(list((tmp_path / "backups").iterdir())) == 1


def test_a_database_that_is_new_or_up_to_date_is_not_saved(sqlite: Database, tmp_path: Path) -> None:
    assert migrate(sqlite, tmp_path / "backups") is None
    assert migrate(Database(f"sqlite:///{tmp_path / 'new.db'}"), tmp_path / "backups") is None
    assert not (tmp_path / "backups").exists()


def test_tables_of_a_newer_dalil_are_left_alone(sqlite: Database, tmp_path: Path) -> None:
    with sqlite.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(NewerTables, match="9999"):
        migrate(sqlite, tmp_path / "backups")

    assert not (tmp_path / "backups").exists()


def test_the_newest_three_backups_stay_and_none_that_is_too_old(tmp_path: Path) -> None:
    for day in range(1, 6):
        path = tmp_path / f"before-000{day}"
        path.touch()
        os.utime(path, (datetime.now(UTC).timestamp() - day * 86_400,) * 2)
    (tmp_path / "mine").touch()

    tidy(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"before-0001", "before-0002", "before-0003", "mine"}

    tidy(tmp_path, days=2)
    assert {path.name for path in tmp_path.iterdir()} == {"before-0001", "mine"}


def test_the_tables_are_what_the_code_says(database: Database) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from store.tables import Table

    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Table.metadata) == []


def test_every_migration_can_be_gone_through_alone(tmp_path: Path) -> None:
    step_by_step = Database(f"sqlite:///{tmp_path / 'dalil.db'}")
    for migration in migrations():
        step_by_step.migrate(to=migration)
        assert step_by_step.version() == migration


def test_what_was_erased_is_in_no_file_after_a_checkpoint(sqlite: Database, tmp_path: Path, vault: Vault) -> None:
    with sqlite.write() as session:
        _, conversation = contacts.meet(session, vault, "web", "somebody")
        session.add(Message(conversation_id=conversation.id, external_id="a", kind="text", text="a secret of mine"))
    with sqlite.write() as session:
        session.execute(text("DELETE FROM message"))
    files = [tmp_path / "dalil.db", tmp_path / "dalil.db-wal"]
    assert any(b"a secret of mine" in path.read_bytes() for path in files)

    assert sqlite.checkpoint()

    assert not any(b"a secret of mine" in path.read_bytes() for path in files)


def test_a_checkpoint_does_not_wait_for_a_reader(sqlite: Database, tmp_path: Path, vault: Vault) -> None:
    reader = sqlite3.connect(tmp_path / "dalil.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM contact").fetchone()
    with sqlite.write() as session:
        contacts.meet(session, vault, "web", "somebody")

    assert not sqlite.checkpoint()

    reader.close()
    assert sqlite.checkpoint()
