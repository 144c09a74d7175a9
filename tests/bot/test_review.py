"""`dalil catalogue review`: what a reviewer says of a record follows at once, and is in the audit log."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from bot.cli import main
from ingest.load import keep
from retrieval.records import Record
from store import catalogue
from store.database import Database
from store.source_tables import Revision
from store.tables import Audit
from store.tables import Record as Row
from tests.records import PLAIN


class Shelf:
    """A catalogue of two records that nobody has checked, and a reviewer at a terminal."""

    def __init__(self, home: Path) -> None:
        home.mkdir()
        self.database = Database(f"sqlite:///{home / 'dalil.db'}")
        self.database.migrate()
        with self.database.write() as session:
            keep(session, Record.model_validate(PLAIN))
            keep(session, Record.model_validate({**PLAIN, "id": "welding-school", "name": "Welding School"}))

    def review(self, *answers: str) -> str:
        result = CliRunner().invoke(main, ["catalogue", "review"], input="\n".join((*answers, "quit", "")))
        assert result.exit_code == 0, result.output
        return result.output

    def row(self, key: str = "typing-club") -> Row:
        with self.database.read() as session:
            return session.get_one(Row, key)

    def offered(self) -> list[str]:
        with self.database.read() as session:
            return [row.id for row in catalogue.offered(session)]

    def all(self, table: Any) -> list[Any]:
        with self.database.read() as session:
            return list(session.scalars(select(table).order_by(table.id)))

    def audit(self) -> list[tuple[str, str, str]]:
        return [(entry.actor, entry.action, entry.subject) for entry in self.all(Audit)]


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("DALIL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOGNAME", "rita")
    made = Shelf(tmp_path / "home")
    yield made
    made.database.close()


def test_what_is_right_is_checked(shelf: Shelf) -> None:
    shelf.review("right")

    assert shelf.row().checked_on is not None
    assert shelf.audit() == [("rita", "record.checked", "typing-club")]


def test_what_is_wrong_is_offered_no_more_and_waits_for_a_lead(shelf: Shelf) -> None:
    shelf.review("wrong: it costs 20 dollars")

    assert shelf.offered() == ["welding-school"]
    (revision,) = shelf.all(Revision)
    assert (revision.record_id, revision.kind, revision.source) == ("typing-club", "changed", "review")
    assert (revision.state, revision.reason) == ("open", "it costs 20 dollars")
    assert shelf.audit() == [("rita", "record.wrong", "typing-club: it costs 20 dollars")]


def test_who_says_wrong_is_asked_why(shelf: Shelf) -> None:
    assert "what is wrong with it?" in shelf.review("w", "the link is of another school")

    assert shelf.all(Revision)[0].reason == "the link is of another school"


def test_what_has_ended_is_offered_no_more(shelf: Shelf) -> None:
    shelf.review("skip", "ended")

    row = shelf.row("welding-school")
    assert (row.status, row.body["status"], row.checked_by) == ("ended", "ended", getpass.getuser())
    assert shelf.audit() == [("rita", "record.ended", "welding-school")]


def test_what_was_changed_while_it_was_read_is_not_taken_for_checked(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answer(*_: object, **__: object) -> str:
        with shelf.database.write() as session:
            keep(session, Record.model_validate({**PLAIN, "cost": ["paid"]}))
        return next(answers)

    answers = iter(["right", "quit"])
    monkeypatch.setattr("click.prompt", answer)

    assert "it was changed meanwhile" in shelf.review()
    assert shelf.row().checked_on is None
    assert shelf.audit() == []


def test_what_is_skipped_stays_as_it_was(shelf: Shelf) -> None:
    shelf.review("skip", "")

    assert shelf.offered() == ["typing-club", "welding-school"]
    assert shelf.row().checked_on is None
    assert shelf.audit() == []


def test_what_cannot_be_read_is_asked_again_and_changes_nothing(shelf: Shelf) -> None:
    said = shelf.review("perhaps", "right, but old")

    assert said.count("the first letter will do") == 3
    assert shelf.audit() == []
