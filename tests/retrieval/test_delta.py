"""What changed since a build was published is found beside it, without a new build."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from ingest.load import keep
from retrieval.embeddings import SentenceEmbeddings
from retrieval.engine import Engine
from retrieval.index import Index
from retrieval.records import Record
from store import catalogue as records
from store.database import Database

HONEY = "free spreadsheet classes for beekeepers who sell honey in Kenya"


@pytest.fixture
def own(catalogue: Database, tmp_path: Path) -> tuple[Database, Engine]:
    """A starter catalogue with an index of its own, which may change."""
    assert catalogue.checkpoint()
    shutil.copy(str(catalogue.engine.url.database), tmp_path / "own.db")
    database, embeddings = Database(f"sqlite:///{tmp_path / 'own.db'}"), SentenceEmbeddings()
    engine = Engine(database, Index(database, tmp_path / "index", None, embeddings), embeddings)
    engine.load()
    return database, engine


def found(engine: Engine, question: str = HONEY) -> list[str]:
    return [result.record.id for result in engine.judge(engine.understand(question)).found.results]


def beekeepers(**changes: Any) -> Record:
    body: dict[str, Any] = {
        "id": "beekeepers", "kind": "programme", "name": "Spreadsheets for beekeepers", "provider": "Asali",
        "summaries": {"en": "Evening classes on spreadsheets for beekeepers who sell honey."},
        "teaches": ["spreadsheets for honey sales"], "topics": ["spreadsheets"], "focus_areas": ["digital-literacy"],
        "audiences": ["everyone"], "eligibility": {"countries": ["KE"], "groups": ["everyone"]}, "regions": ["KE"],
        "languages": ["en", "sw"], "modality": ["in-person"], "cost": ["free"], "certificate": "no", "url": None,
        "status": "active", "source": "test", "evidence": "test", "confidence": "high",
    }  # fmt: skip
    return Record.model_validate(body | changes)


def put(database: Database, record: Record) -> None:
    with database.write() as session:
        keep(session, record)


def test_a_new_record_is_found_without_a_new_build(own: tuple[Database, Engine]) -> None:
    database, engine = own
    build = engine._search and engine._search.index.build_id
    assert "beekeepers" not in found(engine)

    put(database, beekeepers())
    assert engine.refresh() == 1

    assert "beekeepers" in found(engine)
    assert engine.record("beekeepers")
    assert engine._search
    assert engine._search.index.build_id == build


def test_a_changed_record_is_known_as_it_is_now_and_not_as_the_build_has_it(own: tuple[Database, Engine]) -> None:
    database, engine = own
    put(database, beekeepers())
    engine.refresh()
    put(database, beekeepers(cost=["paid"]))
    engine.refresh()

    assert "beekeepers" not in found(engine), "it is not free any more"
    assert "beekeepers" in found(engine, HONEY.removeprefix("free "))


def test_a_withdrawn_record_is_offered_no_more(own: tuple[Database, Engine]) -> None:
    database, engine = own
    question = "free course to learn python programming"
    assert "freecodecamp" in found(engine, question)

    with database.write() as session:
        records.withdraw(session, "freecodecamp")
    engine.refresh()

    assert "freecodecamp" not in found(engine, question)
    assert engine.record("freecodecamp") is None


def test_what_has_ended_is_offered_no_more(own: tuple[Database, Engine]) -> None:
    database, engine = own
    put(database, beekeepers())
    engine.refresh()
    put(database, beekeepers(status="ended"))
    engine.refresh()

    assert "beekeepers" not in found(engine)


def test_nothing_is_read_again_while_nothing_changes(own: tuple[Database, Engine]) -> None:
    database, engine = own
    put(database, beekeepers())
    engine.refresh()
    search = engine._search

    assert engine.refresh() == 1
    assert engine._search is search


def test_the_next_build_takes_the_changes_in(own: tuple[Database, Engine]) -> None:
    database, engine = own
    put(database, beekeepers())
    engine.refresh()
    assert engine.outdated()
    assert engine.load(), "a build was made"

    assert "beekeepers" in found(engine)
    assert not engine.outdated()


def test_a_name_that_only_the_change_has_is_recognised(own: tuple[Database, Engine]) -> None:
    database, engine = own
    put(database, beekeepers(also_known_as=["Asalibooks"]))
    engine.refresh()

    assert engine._search
    assert engine._search.shelf.named("what is asalibooks", "en") == ("beekeepers",)


def test_of_two_that_fit_alike_the_one_that_is_to_be_checked_again_comes_after(own: tuple[Database, Engine]) -> None:
    database, engine = own
    put(database, beekeepers(id="a-stale-one", provider="Asali", review_by="2020-01-01"))
    put(database, beekeepers(id="b-fresh-one", provider="Nyuki"))
    engine.refresh()

    shown = found(engine)

    assert shown.index("b-fresh-one") < shown.index("a-stale-one")
