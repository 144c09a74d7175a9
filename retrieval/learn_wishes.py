"""Learn the weights of `retrieval.wishes`: `python -m retrieval.learn_wishes`; part of `make guess`. Takes SciPy.

From every message in `sentences/`, each with a guess that was learned without it. The same seed gives the same
weights.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from tqdm import tqdm

from retrieval.embeddings import Vectors
from retrieval.guess import guess
from retrieval.learn import SENTENCES, Example, learn_wants, sentences, vectors_of
from retrieval.learn_weighing import FOLDS, Numbers, descend, keep, softmax
from retrieval.question import Question
from retrieval.understanding import read
from retrieval.wishes import WEIGHTS, WISHES, features

_LEAST_OFTEN = 15
"""Messages that a concept must occur in to be weighed."""


def questions(said: Sequence[Example], vectors: dict[str, Vectors]) -> list[Question]:
    """Each message as its words are read, with a guess of its wish that was learned from the others."""
    fold = np.random.default_rng(1).integers(0, FOLDS, len(said))
    models = []
    for number in range(FOLDS):
        others = [example for example, other in zip(said, fold, strict=True) if other != number]
        models.append(learn_wants(others, np.array([vectors[example.text] for example in others if example.text])))
    shown = tqdm(zip(said, fold, strict=True), total=len(said), desc="Reading", disable=None)
    return [
        replace(read(example.said)[0], wants=guess(example.words, vectors.get(example.text), models[number]))
        for example, number in shown
    ]


def reliability(chances: Numbers, wanted: Sequence[str]) -> str:
    """For each wish, how many are heard at each probability, and how many of those heard were meant."""
    rows = ["| wish | messages | probability from | heard | right |", "| --- | --- | --- | --- | --- |"]
    for column, wish in enumerate(WISHES):
        meant = np.array([each == wish for each in wanted])
        for least in (0.25, 0.5, 0.75) if wish else ():
            heard = chances[:, column] >= least
            both = (heard & meant).sum()
            rows.append(f"| {wish} | {meant.sum()} | {least} | {both / meant.sum():.2f} | {both / heard.sum():.2f} |")
    return "\n".join(rows)


def main() -> None:
    """Learn, say how good it is on every fourth message, and write the weights down."""
    said = [example for part in sorted(SENTENCES.iterdir()) for example in sentences(part)]
    with_text = [example for example in said if example.text]
    vectors = {example.text: vector for example, vector in zip(with_text, vectors_of(with_text), strict=True)}
    found = [features(question) for question in questions(said, vectors)]
    often = Counter(name for each in found for name, value in each.items() if value)
    names = sorted(name for name, count in often.items() if count >= _LEAST_OFTEN)
    rows = np.array([[each.get(name, 0.0) for name in names] for each in found])
    wanted = [example.wants for example in said]
    columns = np.array([WISHES.index(wish) for wish in wanted])
    held = np.arange(len(said)) % 4 == 0
    chances = softmax(rows[held] @ descend(rows[~held], columns[~held], len(WISHES)))
    print(reliability(chances, wanted[::4]))
    keep(WEIGHTS, WISHES, names, descend(rows, columns, len(WISHES)))


if __name__ == "__main__":
    main()
