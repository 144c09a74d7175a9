"""Learn the weights of `retrieval.search` from labelled questions: `python -m tests.rank FILE…` prints them.

Listwise: the answers of a question are to come before everything else, what is wrong for it last. Held near the
weights in use, which were chosen by hand first: there are a few hundred questions and 22 weights. Every fifth of the
questions is judged by what the others taught, so that it can be seen whether learning pays.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from bot import console
from bot.settings import Settings
from retrieval.engine import Engine
from retrieval.evaluation import Labelled, read_questions
from retrieval.fit import Action
from retrieval.search import SHOWN, WEIGHTS

NAMES = tuple(WEIGHTS)
_NEAR = 0.03
"""How strongly the weights are held."""
_STEPS, _RATE, _SHARPNESS = 400, 0.02, 4.0
_ANSWER, _ACCEPTABLE = 1.0, 0.25
_FOLDS = 5

Weights = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ranked:
    """The candidates of a question: a row of features each, and 2 for an answer, 1 acceptable, −1 wrong, else 0."""

    features: NDArray[np.float64]
    labels: NDArray[np.int64]


def candidates(engine: Engine, questions: Sequence[Labelled]) -> list[Ranked]:
    """What the search finds for answerable questions, with the labels of each."""
    found = []
    for labelled in questions:
        question = engine.understand(labelled.text)
        if labelled.action is not Action.ANSWER or not question.searchable:
            continue
        assert engine._search
        results = engine._search.find(question, count=10_000).results
        features = np.array([[r.features.get(name, 0.0) for name in NAMES] for r in results])
        labels = np.array([_label(labelled, r.record.id) for r in results])
        if (labels > 0).any():
            found.append(Ranked(features, labels))
    return found


def _label(question: Labelled, record_id: str) -> int:
    if record_id in question.answers:
        return 2
    return 1 if record_id in question.acceptable else -1 if record_id in question.wrong else 0


def learn(questions: Sequence[Ranked], start: Weights) -> Weights:
    """The weights that put answers first, near `start`. Gradient descent (Adam)."""
    weights, mean, square = start.copy(), np.zeros_like(start), np.zeros_like(start)
    for step in range(1, _STEPS + 1):
        slope = _NEAR * (weights - start) + sum(_slope(each, weights) for each in questions) / len(questions)
        mean, square = 0.9 * mean + 0.1 * slope, 0.999 * square + 0.001 * slope**2
        weights -= _RATE * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
    return weights


def _slope(question: Ranked, weights: Weights) -> Weights:
    scores = _SHARPNESS * (question.features @ weights)
    chances = np.exp(scores - scores.max())
    chances /= chances.sum()
    wanted = np.where(question.labels == 2, _ANSWER, np.where(question.labels == 1, _ACCEPTABLE, 0.0))
    wrong = chances * (question.labels < 0)
    slope: Weights = question.features.T @ (chances - wanted / wanted.sum() + wrong - chances * wrong.sum())
    return _SHARPNESS * slope


def measured(questions: Sequence[Ranked], weights: Weights) -> tuple[float, float, float]:
    """success@3, strict@3 and wrong@3 of those that have candidates."""
    shown = [each.labels[np.argsort(-(each.features @ weights), kind="stable")[:SHOWN]] for each in questions]
    success, strict, wrong = (
        float(np.mean([test(labels).any() for labels in shown]))
        for test in (lambda x: x > 0, lambda x: x == 2, lambda x: x < 0)
    )
    return success, strict, wrong


def main(paths: Sequence[Path]) -> None:
    """Print what learning brings on questions that were not learned from, and the weights of all."""
    with console.throw_away(Settings()) as assembly:
        questions = candidates(assembly.engine, [each for path in paths for each in read_questions(path)])
    start = np.array([WEIGHTS[name] for name in NAMES])
    before, after = [], []
    for fold in tqdm(range(_FOLDS), desc="Learning", leave=False):
        others = [each for number, each in enumerate(questions) if number % _FOLDS != fold]
        unseen = questions[fold::_FOLDS]
        before.append(measured(unseen, start))
        after.append(measured(unseen, learn(others, start)))
    print(f"{len(questions)} questions; success@3, strict@3, wrong@3 on unseen ones")
    print("before", np.mean(before, 0).round(3), "after", np.mean(after, 0).round(3))
    for name, weight in zip(NAMES, learn(questions, start), strict=True):
        print(f'    "{name}": {weight:.2f},')


if __name__ == "__main__":
    main([Path(path) for path in sys.argv[1:]])
