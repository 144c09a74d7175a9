"""Learn the weights of `retrieval.guess`: `python -m retrieval.learn SENTENCES`, or `make guess`. Takes SciPy.

It learns from the vocabularies, whose patterns are short examples of their topics, and from written messages
(`retrieval/sentences/`), which it never is measured on. Softmax regression with Adagrad; the same seed gives the same
weights.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from retrieval.concepts import Facet, concepts
from retrieval.guess import NOTHING, SIZE, WEIGHTS, Model, guess, parts
from retrieval.places import FOLDER
from retrieval.vocabulary import languages, patterns_of
from retrieval.words import words

SENTENCES = Path(__file__).parent / "sentences"
PER_TOPIC = 80
"""Patterns of a topic and language that are learned from."""
WEIGHT_OF_SENTENCES, WEIGHT_OF_PATTERNS = 2.0, 0.3
EPOCHS, RATE, DECAY, BATCH = 8, 0.15, 1e-5, 512

Example = tuple[list[str], tuple[str, ...], float]
"""Words, the topics that they are about, and how much the example counts."""


def examples(folder: Path = SENTENCES) -> list[Example]:
    """Everything there is to learn from."""
    return [*_sentences(folder), *_patterns()]


def _sentences(folder: Path) -> Iterator[Example]:
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            said = json.loads(line)
            topics = [t for t in said.get("topics", ()) if t in concepts()] if said["action"] == "answer" else []
            if topics or said["action"] != "answer":
                yield words(said["text"]), tuple(topics) or (NOTHING,), WEIGHT_OF_SENTENCES


def _patterns() -> Iterator[Example]:
    chance = Random(1)  # noqa: S311 - always the same choice
    for language in languages():
        by_topic: defaultdict[str, list[str]] = defaultdict(list)
        for pattern, concept in patterns_of(FOLDER / f"{language}.yaml"):
            if concepts()[concept].facet is Facet.TOPIC:
                by_topic[concept].append(pattern)
        for topic, found in by_topic.items():
            for pattern in chance.sample(found, min(PER_TOPIC, len(found))):
                yield words(pattern), (topic,), WEIGHT_OF_PATTERNS


def learn(found: Sequence[Example], progress: Iterable[int] = range(EPOCHS)) -> Model:
    """The weights. `progress`: the rounds, to be shown as they pass."""
    from scipy.sparse import csr_matrix, diags

    topics = [key for key, concept in concepts().items() if concept.facet is Facet.TOPIC] + [NOTHING]
    column = {topic: i for i, topic in enumerate(topics)}
    read = [parts(said) for said, _, _ in found]
    starts = np.cumsum([0, *(len(places) for places, _ in read)])
    places, counts = (np.concatenate([pair[i] for pair in read]) for i in (0, 1))
    matrix = csr_matrix((counts, places, starts), shape=(len(found), SIZE))
    occurring = np.bincount(places, minlength=SIZE)
    rarity = (np.log((1 + len(found)) / (1 + occurring)) + 1).astype(np.float32)
    matrix = matrix @ diags(rarity)
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(1)).ravel())
    matrix = (diags(1 / np.maximum(lengths, 1e-9)) @ matrix).astype(np.float32).tocsr()
    wanted = np.zeros((len(found), len(topics)), np.float32)
    for row, (_, about, _) in enumerate(found):
        wanted[row, [column[topic] for topic in about]] = 1 / len(about)
    counting = np.array([weight for _, _, weight in found], np.float32)
    weights, bias = _descend(matrix, wanted, counting, progress)
    scale = np.maximum(np.abs(weights).max(0), 1e-6) / 127
    small = np.round(weights / scale).astype(np.int8)
    return Model(tuple(topics), small, scale, bias, rarity)


def _descend(
    matrix: Any, wanted: NDArray[np.float32], counting: NDArray[np.float32], progress: Iterable[int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    chance = np.random.default_rng(0)
    weights, bias = np.zeros((SIZE, wanted.shape[1]), np.float32), np.zeros(wanted.shape[1], np.float32)
    steps, bias_steps = np.full((SIZE, 1), 1e-8, np.float32), np.full(wanted.shape[1], 1e-8, np.float32)
    for _ in progress:
        order = chance.permutation(len(wanted))
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            batch = matrix[rows]
            scores = batch @ weights + bias
            chances = np.exp(scores - scores.max(1, keepdims=True))
            chances /= chances.sum(1, keepdims=True)
            error = (chances - wanted[rows]) * counting[rows, None]
            touched = np.unique(batch.indices)
            slope = batch[:, touched].T @ error + DECAY * weights[touched]
            steps[touched] += (slope**2).mean(1, keepdims=True)
            weights[touched] -= RATE * slope / np.sqrt(steps[touched] + 1e-6)
            slope = error.sum(0)
            bias_steps += slope**2
            bias -= RATE * slope / np.sqrt(bias_steps)
    return weights, bias


def reliability(found: Sequence[Example]) -> str:
    """How often the guess is right at each of its probabilities, on every fifth message, learned from the others."""
    said = [example for example in found if example[2] == WEIGHT_OF_SENTENCES]
    held = {id(example) for example in said[::5]}
    model = learn([example for example in found if id(example) not in held], tqdm(range(EPOCHS), leave=False))
    bins: defaultdict[int, list[bool]] = defaultdict(list)
    for text, about, _ in said[::5]:
        chances = {topic: chance for topic, chance in guess(text, model).items() if topic != NOTHING}
        if about != (NOTHING,) and chances:
            best = max(chances, key=lambda topic: chances[topic])
            bins[min(int(chances[best] * 5), 4)].append(best in about)
    rows = [
        f"| {n / 5:.1f}–{(n + 1) / 5:.1f} | {len(right)} | {np.mean(right):.2f} |" for n, right in sorted(bins.items())
    ]
    return "\n".join(["| probability of the best topic | messages | right |", "| --- | --- | --- |", *rows])


if __name__ == "__main__":
    if "--reliability" in sys.argv:
        print(reliability(examples()))
        sys.exit()
    everything = examples(Path(sys.argv[1]) if len(sys.argv) > 1 else SENTENCES)
    WEIGHTS.parent.mkdir(exist_ok=True)
    model = learn(everything, tqdm(range(EPOCHS), desc="Learning"))
    np.savez_compressed(WEIGHTS, **model._asdict())
    print(f"{len(everything)} examples, {WEIGHTS.stat().st_size / 1e6:.1f} MB")
