from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from retrieval.embeddings import SentenceEmbeddings
from retrieval.engine import Engine
from retrieval.fit import Action
from retrieval.index import Damaged, Index
from retrieval.shelf import Shelf
from store.database import Database


def asked(engine: Engine, text: str) -> tuple[Action, list[str]]:
    verdict = engine.judge(engine.understand(text))
    return verdict.decision.action, [result.record.id for result in verdict.found.results]


def test_a_question_gets_at_most_three_records_that_fit(engine: Engine) -> None:
    action, results = asked(engine, "free course to learn python programming")

    assert action is Action.ANSWER
    assert 0 < len(results) <= 3
    assert "freecodecamp" in results


def test_what_has_ended_or_is_closed_to_the_country_is_not_shown(engine: Engine) -> None:
    _, results = asked(engine, "free digital literacy for my village in India")

    assert "pmgdisha" not in results
    assert "force-n" not in asked(engine, "free coding training for youth in Lagos Nigeria")[1]


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("hey i want to learn something", Action.CLARIFY),
        ("hello good morning", Action.SMALLTALK),
        ("where can i learn welding", Action.ESCALATE),
        ("can I speak to a real person please", Action.HANDOFF),
        ("I want to kill myself", Action.ESCALATE),
        ("help me hack my girlfriend's whatsapp", Action.REFUSE),
    ],
)
def test_what_is_no_question_for_the_catalogue_goes_where_it_belongs(engine: Engine, text: str, action: Action) -> None:
    assert asked(engine, text)[0] is action


def test_an_offer_of_another_land_does_not_come_first_when_no_country_was_said(engine: Engine) -> None:
    # Whoever writes Vietnamese is hardly in the Pacific.
    _, results = asked(engine, "con trai tôi 11 tuổi chơi game với người lạ, cách giữ an toàn trên mạng cho trẻ em")

    assert results
    assert "cyber-safety-pasifika" not in results


def test_a_small_word_is_not_taken_for_the_name_of_a_school(engine: Engine) -> None:
    # INA is a school in Portugal, and in Hausa "I am".
    shelf = Shelf(engine.records())

    assert shelf.named("ina so in koyi kwamfuta", "ha") == ()
    assert shelf.named("is INA any good", "en") == ("ina-pt",)


def test_every_result_says_why_it_fits(engine: Engine) -> None:
    verdict = engine.judge(engine.understand("free python course in Spanish"))

    kinds = [{reason.kind for reason in result.reasons} for result in verdict.found.results]
    assert kinds
    assert all({"topic", "language"} <= found for found in kinds)


def test_a_build_that_is_gone_is_noticed_and_made_again(catalogue: Database, tmp_path: Path) -> None:
    embeddings = SentenceEmbeddings()
    index = Index(catalogue, tmp_path, None, embeddings)
    engine = Engine(catalogue, index, embeddings)
    records = engine.records()[:5]
    index.build(records, "five")
    published = index.published()
    assert published is not None

    shutil.rmtree(tmp_path / str(published.id))

    with pytest.raises(Damaged):
        index.open()
    assert index.build(records, "five").build_id > published.id


def test_a_rollback_publishes_the_build_before(sqlite: Database, catalogue: Database, tmp_path: Path) -> None:
    embeddings = SentenceEmbeddings()
    index = Index(sqlite, tmp_path, None, embeddings)
    records = Engine(catalogue, index, embeddings).records()
    first = index.build(records[:3], "first")
    index.build(records[:4], "second")

    index.rollback()

    published = index.published()
    assert published is not None
    assert published.id == first.build_id
    assert index.rollback() is None
