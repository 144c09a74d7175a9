"""A backup is whole, taken while others write, and goes back into either kind of database."""

from __future__ import annotations

import gzip
import os
import stat
from pathlib import Path

import pytest
from sqlalchemy import inspect, select

from ingest.files import STARTER
from ingest.load import load
from store import contacts, inbox, outbox, tickets
from store.backup import BadBackup, restore, save, tables
from store.database import Database
from store.tables import Audit, Contact, Conversation, Message, Record, Ticket
from store.vault import Vault


@pytest.fixture
def lived_in(tmp_path: Path, vault: Vault) -> Database:
    """A database with a bit of everything."""
    made = Database(f"sqlite:///{tmp_path / 'lived-in.db'}")
    made.migrate()
    load(made, STARTER / "academic.yaml")
    with made.write() as session:
        contacts.check_key(session, vault)
        _, conversation = contacts.meet(session, vault, "web", "somebody")
        conversation.context = {"question": {"topics": {"python": 1.0}}, "text": "ነፃ"}
        inbox.keep(session, conversation.id, "a", "text", "naomba kozi 👍🏿")
        ticket = tickets.open_one(
            session, conversation.id, reason="need", language="sw", country="KE", need={"words": "x"}
        )
        outbox.queue(session, conversation.id, "sw", "sawa", [("Zaidi", "more")], ticket_id=ticket.id)
        tickets.note(session, "an officer", "ticket.show", "1")
    return made


def everything(database: Database) -> dict[str, object]:
    with database.read() as session:
        return {
            "records": [(r.id, r.digest, r.body) for r in session.scalars(select(Record).order_by(Record.id))],
            "messages": [(m.id, m.text, m.received_at) for m in session.scalars(select(Message))],
            "contexts": list(session.scalars(select(Conversation.context))),
            "tickets": [(t.id, t.need, t.opened_at) for t in session.scalars(select(Ticket))],
        }


def test_what_was_saved_comes_back_in_either_kind_of_database(
    lived_in: Database, database: Database, vault: Vault, tmp_path: Path
) -> None:
    rows = save(lived_in, tmp_path / "backup")

    assert restore(database, tmp_path / "backup") == rows

    assert everything(database) == everything(lived_in)
    with database.write() as session:
        contacts.check_key(session, vault)
        assert contacts.find(session, vault, "web", "somebody") is not None
        contacts.meet(session, vault, "web", "somebody else")  # ids go on after those that were brought along
        assert session.scalars(select(Contact.id).order_by(Contact.id)).all() == [1, 2]


def test_every_table_is_in_a_backup_but_those_that_are_made_again(sqlite: Database) -> None:
    with sqlite.engine.connect() as connection:
        saved = {table.name for table in tables(connection)}

    left_out = set(inspect(sqlite.engine).get_table_names()) - saved
    assert left_out == {"vector", "build", "pointer", "alembic_version"}


def test_a_backup_can_be_taken_while_somebody_writes(lived_in: Database, vault: Vault, tmp_path: Path) -> None:
    with lived_in.write() as session:
        contacts.meet(session, vault, "web", "somebody new")
        session.flush()
        save(lived_in, tmp_path / "backup")

    copy = Database(f"sqlite:///{tmp_path / 'copy.db'}")
    copy.migrate()
    restore(copy, tmp_path / "backup")
    with copy.read() as session:
        assert contacts.find(session, vault, "web", "somebody new") is None


def test_a_backup_is_readable_by_its_owner_only_and_overwrites_nothing(lived_in: Database, tmp_path: Path) -> None:
    path = tmp_path / "backup"
    save(lived_in, path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        save(lived_in, path)


def test_a_backup_is_readable_by_its_owner_only_while_it_is_written(lived_in: Database, tmp_path: Path) -> None:
    modes: set[int] = set()
    before = os.umask(0)
    try:
        save(lived_in, tmp_path / "backup", lambda _: modes.update(modes_in(tmp_path, ".backup.*")))
    finally:
        os.umask(before)

    assert modes == {0o600}


def modes_in(folder: Path, pattern: str) -> list[int]:
    return [stat.S_IMODE(path.stat().st_mode) for path in folder.glob(pattern)]


def test_what_a_killed_run_left_is_in_nobodys_way_and_goes(lived_in: Database, tmp_path: Path) -> None:
    left = tmp_path / ".backup.killed.part"
    left.write_text("half")

    save(lived_in, tmp_path / "backup")

    assert not left.exists()


def test_a_backup_that_fails_leaves_nothing(lived_in: Database, tmp_path: Path) -> None:
    def fail(_: int) -> None:
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        save(lived_in, tmp_path / "backup", fail)

    assert list(tmp_path.glob("*backup*")) == []
    save(lived_in, tmp_path / "backup")


def test_the_time_of_a_backup_is_the_same_in_either_kind_of_database(database: Database, tmp_path: Path) -> None:
    with database.write() as session:
        tickets.note(session, "an officer", "ticket.show", "1")
        (at,) = session.scalars(select(Audit.at))
    save(database, tmp_path / "backup")

    copy = Database(f"sqlite:///{tmp_path / 'copy.db'}")
    restore(copy, tmp_path / "backup")

    with copy.read() as session:
        assert list(session.scalars(select(Audit.at))) == [at]


def test_no_address_stands_in_a_backup(lived_in: Database, tmp_path: Path) -> None:
    save(lived_in, tmp_path / "backup")

    assert b"somebody" not in gzip.decompress((tmp_path / "backup").read_bytes())


def test_a_database_that_is_in_use_is_not_overwritten(lived_in: Database, tmp_path: Path) -> None:
    save(lived_in, tmp_path / "backup")

    with pytest.raises(BadBackup, match="not empty"):
        restore(lived_in, tmp_path / "backup")


@pytest.mark.parametrize("damage", ["cut", "other", "old", "text"])
def test_a_damaged_or_foreign_file_is_refused_and_changes_nothing(
    lived_in: Database, sqlite: Database, tmp_path: Path, damage: str
) -> None:
    path = tmp_path / "backup"
    save(lived_in, path)
    lines = gzip.decompress(path.read_bytes()).decode().splitlines(keepends=True)
    content = {
        "cut": lines[: len(lines) // 2],
        "other": ['{"something": "else"}\n'],
        "old": ['{"dalil": "backup", "migration": "0000"}\n', *lines[1:]],
        "text": ["hello"],
    }[damage]
    with gzip.open(path, "wt") as file:
        file.writelines(content)

    with pytest.raises(BadBackup):
        restore(sqlite, path)

    assert everything(sqlite)["records"] == []
