"""Learn the weights of `retrieval.leaning`: `python -m retrieval.learn_leaning`; part of `make guess`. Takes SciPy.

From the messages in `sentences/fresh`, which nobody had seen who wrote the vocabularies, each with a guess that was
learned without it. Softmax regression; the same seed gives the same weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from retrieval.embeddings import Vectors
from retrieval.guess import guess
from retrieval.leaning import WEIGHTS, Way, features
from retrieval.learn import SENTENCES, Example, examples, learn_about, sentences, vectors_of
from retrieval.learn_weighing import FOLDS, Numbers, descend, keep, softmax
from retrieval.question import Question
from retrieval.understanding import read

_WAYS = {"escalate": Way.PERSON, "handoff": Way.PERSON}


def questions(told: Sequence[Example], rest: Sequence[Example], vectors: dict[str, Vectors]) -> list[Question]:
    """Each message as its words are read, with a guess of what was learned from the others."""
    fold = np.random.default_rng(1).integers(0, FOLDS, len(told))
    found: dict[int, Question] = {}
    for number in range(FOLDS):
        others = [*rest, *(example for example, other in zip(told, fold, strict=True) if other != number)]
        model = learn_about(others, np.array([vectors[example.text] for example in others if example.text]))
        for index in map(int, np.flatnonzero(fold == number)):
            example = told[index]
            likely = guess(example.words, vectors.get(example.text), model)
            found[index] = replace(read(example.said)[0], likely=likely)
    return [found[index] for index in range(len(told))]


def reliability(chances: Numbers, wanted: NDArray[np.int64]) -> str:
    """How often the likeliest way is right, at each of its probabilities."""
    chosen, best = chances.argmax(1), chances.max(1)
    rows = ["| probability of the likeliest way | messages | right |", "| --- | --- | --- |"]
    for low, high in pairwise((0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.01)):
        inside = (low <= best) & (best < high)
        right = (chosen == wanted)[inside]
        rows.append(f"| {low:.1f}–{min(high, 1):.1f} | {len(right)} | {right.mean():.2f} |")
    return "\n".join([f"{len(wanted)} messages, {(chosen == wanted).mean():.3f} right", "", *rows])


def main() -> None:
    """Learn, say how good it is on every fifth message, and write the weights down."""
    told = list(sentences(SENTENCES / "fresh"))
    rest = [example for example in examples() if example.said not in {each.said for each in told} or not example.said]
    with_text = [example for example in (*told, *rest) if example.text]
    vectors = {example.text: vector for example, vector in zip(with_text, vectors_of(with_text), strict=True)}
    found = [features(question) for question in questions(told, rest, vectors)]
    names, ways = list(found[0]), list(Way)
    rows = np.array([[each[name] for name in names] for each in found])
    wanted = np.array([ways.index(_WAYS.get(example.action) or Way(example.action)) for example in told])
    held = np.arange(len(told)) % 5 == 0
    print(reliability(softmax(rows[held] @ descend(rows[~held], wanted[~held], len(ways))), wanted[held]))
    keep(WEIGHTS, ways, names, descend(rows, wanted, len(ways)))


if __name__ == "__main__":
    main()
