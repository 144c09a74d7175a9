"""Which way a message leans where its words alone do not tell."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from retrieval import guess, leaning, learn
from retrieval.concepts import concepts
from retrieval.engine import Engine
from retrieval.fit import Action
from retrieval.leaning import Way
from retrieval.question import Question
from retrieval.weighing import weights
from retrieval.words import words

QUESTIONS = Path(__file__).parent.parent / "questions"


def way(engine: Engine, text: str) -> str:
    return engine.understand(text).way


@pytest.mark.parametrize(
    ("learning", "needing"),
    [
        (
            "a course on how a country writes its cybersecurity strategy",
            "we look for somebody who writes our cybersecurity strategy with us",
        ),
        ("I want to learn to repair computers", "the computers of our school are broken, please send somebody"),
        ("une formation pour trouver un travail dans l'informatique", "avez-vous un travail pour moi ?"),
        ("kozi ya kuuza mtandaoni", "nikopesheni pesa ya kununua bidhaa za duka langu"),
    ],
)
def test_a_wish_to_learn_and_a_need_for_somebody_are_told_apart_though_they_share_their_words(
    engine: Engine, learning: str, needing: str
) -> None:
    assert (way(engine, learning), way(engine, needing)) == (Way.ANSWER, Way.PERSON)


def test_what_no_word_names_is_taken_for_the_likeliest_and_is_marked_as_a_guess(engine: Engine) -> None:
    question = engine.understand("my boss wants that the monthly totals add up by themselves, where do I learn it")

    assert question.guessed
    assert "spreadsheets" in question.topics


def test_without_the_encoder_the_letters_decide(engine: Engine) -> None:
    question = Engine(engine._database, engine._index, engine._embeddings).understand("free course on Excel")

    assert question.leaning[Way.ANSWER] > 0.5


def test_what_was_chosen_by_a_button_leans_nowhere_and_is_searched(engine: Engine) -> None:
    assert engine.judge(Question(topics={"python": 1.0})).decision.action is Action.ANSWER


def test_the_weights_are_of_the_features_that_there_are() -> None:
    there = set(leaning.features(Question()))

    assert {way: set(each) for way, each in weights(leaning.WEIGHTS).items()} == {str(way): there for way in Way}
    assert set(guess._model(guess.ABOUT).classes) - {guess.VAGUE} == {key for key in concepts() if learn.decisive(key)}


def test_no_question_that_answers_are_measured_by_was_learned_from() -> None:
    told = {each.words for part in learn.SENTENCES.iterdir() for each in learn.sentences(part)}
    asked = {
        tuple(words(json.loads(line)["text"]))
        for path in QUESTIONS.glob("*.jsonl")
        for line in path.read_text(encoding="utf-8").splitlines()
    }

    assert not told & asked
