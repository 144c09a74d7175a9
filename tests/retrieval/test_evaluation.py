"""The measures of `dalil evaluate`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from retrieval.evaluation import BadQuestions, Given, Labelled, details, read_questions, score, table
from retrieval.fit import Action


def question(action: Action, answers: str = "", acceptable: str = "", wrong: str = "") -> Labelled:
    return Labelled(
        id="q",
        text="?",
        lang="sw",
        action=action,
        answers=tuple(answers.split()),
        acceptable=tuple(acceptable.split()),
        wrong=tuple(wrong.split()),
    )


def given(action: Action, results: str = "", language: str = "sw") -> Given:
    return Given(action, language, tuple(results.split()))


def test_success_takes_what_is_acceptable_and_strict_does_not() -> None:
    scores = score(
        [
            (question(Action.ANSWER, "a", "b"), given(Action.ANSWER, "x b")),
            (question(Action.ANSWER, "a", "b"), given(Action.ANSWER, "a x")),
        ]
    )

    assert (scores.success, scores.strict) == (1.0, 0.5)


def test_only_the_first_three_results_count() -> None:
    scores = score([(question(Action.ANSWER, "a", wrong="w"), given(Action.ANSWER, "x y z a w"))])

    assert (scores.success, scores.wrong) == (0.0, 0.0)


def test_a_wrong_one_counts_for_every_question_also_where_nothing_fits() -> None:
    scores = score(
        [
            (question(Action.ESCALATE, wrong="w"), given(Action.ANSWER, "w")),
            (question(Action.ANSWER, "a"), given(Action.ANSWER, "a")),
        ]
    )

    assert scores.wrong == 0.5


def test_asking_back_is_neither_a_success_nor_unasked() -> None:
    scores = score([(question(Action.ANSWER, "a"), given(Action.CLARIFY))])

    assert (scores.success, scores.unasked, scores.action) == (0.0, 0.0, 0.0)


def test_a_hand_over_counts_as_an_escalation_and_escalating_what_is_refused_is_right() -> None:
    scores = score(
        [
            (question(Action.ESCALATE), given(Action.HANDOFF)),
            (question(Action.HANDOFF), given(Action.ESCALATE)),
            (question(Action.REFUSE), given(Action.ESCALATE)),
        ]
    )

    assert (scores.escalation, scores.action) == (1.0, 1.0)


def test_a_needless_and_a_missed_escalation_lower_f1() -> None:
    scores = score(
        [
            (question(Action.ESCALATE), given(Action.ESCALATE)),
            (question(Action.ESCALATE), given(Action.ANSWER, "x")),
            (question(Action.ANSWER, "a"), given(Action.ESCALATE)),
        ]
    )

    assert scores.escalation == pytest.approx(0.5)


def test_the_table_has_a_row_for_each_language_and_the_details_a_line_for_each_question() -> None:
    pairs = [(question(Action.ANSWER, "a"), given(Action.ANSWER, "a b c d", "en"))]

    assert [line.split()[0] for line in table(pairs).splitlines()] == ["lang", "sw", "all"]
    assert json.loads(details(pairs)) == {
        "id": "q",
        "lang": "sw",
        "language": "en",
        "action": "answer",
        "results": ["a", "b", "c"],
    }


def test_a_line_that_is_no_question_is_told_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text('{"id": "1", "text": "hi", "lang": "en", "action": "smalltalk"}\n{"id": "2"}\n')

    with pytest.raises(BadQuestions, match=r"questions\.jsonl:2"):
        read_questions(path)
