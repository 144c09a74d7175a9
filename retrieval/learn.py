"""Learn both models of `retrieval.guess`: `python -m retrieval.learn [SENTENCES]`, or `make guess`. Takes SciPy.

It learns from the vocabularies, whose patterns are short examples of their concepts, and from written messages
(`retrieval/sentences/`), which it never is measured on. Softmax regression with Adagrad; the same seed gives the same
weights.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from retrieval.concepts import Facet, concepts
from retrieval.embeddings import KNOWS, SentenceEmbeddings, Vectors
from retrieval.guess import ABOUT, NEITHER, SIZE, VAGUE, WANTS, Model, guess, parts
from retrieval.places import FOLDER
from retrieval.vocabulary import languages, patterns_of
from retrieval.wishes import WISHES
from retrieval.words import words

SENTENCES = Path(__file__).parent / "sentences"
PER_CONCEPT = 80
"""Patterns of a concept and language that are learned from."""
WEIGHT_OF_SENTENCES, WEIGHT_OF_PATTERNS = 2.0, 0.3
EPOCHS, RATE, DECAY, BATCH = 8, 0.15, 1e-5, 512
EPOCHS_OF_MEANING, SPREAD = 40, 10.0
"""Vectors of unit length are spread by this, so that the same steps suit them."""
_FACETS = {Facet.TOPIC, Facet.NEED, Facet.ELSEWHERE, Facet.REFUSE, Facet.DISTRESS, Facet.SMALLTALK}
_CONTROLS = {"person", "stop", "erase"}


@dataclass(frozen=True, slots=True)
class Example:
    """Something that was said, and the concepts that it is about."""

    words: tuple[str, ...]
    about: tuple[str, ...]
    weight: float
    text: str = ""
    """What is given to the sentence encoder: of messages in a language that it knows."""
    said: str = ""
    """Of messages."""
    action: str = ""
    """What is right to do with a message."""
    wants: str = NEITHER
    """Software or an example, if a message wants either."""


def decisive(concept: str) -> bool:
    """Whether a message can be about it, so that it is a class."""
    return concepts()[concept].facet in _FACETS or concept in _CONTROLS


def examples(folder: Path = SENTENCES) -> list[Example]:
    """Everything there is to learn from."""
    return [*(each for part in sorted(folder.iterdir()) for each in sentences(part)), *_patterns()]


def sentences(folder: Path) -> Iterator[Example]:
    """The messages of a folder, a file a language."""
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            said = json.loads(line)
            about = tuple(said.get("topics", [said.get("concept", VAGUE if said["action"] == "clarify" else None)]))
            if about != (None,):
                text = said["text"] if path.stem in KNOWS else ""
                found, wants = tuple(words(said["text"])), said.get("wants", NEITHER)
                yield Example(found, about, WEIGHT_OF_SENTENCES, text, said["text"], said["action"], wants)


def _patterns() -> Iterator[Example]:
    chance = Random(1)  # noqa: S311 - always the same choice
    for language in languages():
        by_concept: defaultdict[str, list[str]] = defaultdict(list)
        for pattern, concept in patterns_of(FOLDER / f"{language}.yaml"):
            if decisive(concept):
                by_concept[concept].append(pattern)
        for concept, found in by_concept.items():
            for pattern in chance.sample(found, min(PER_CONCEPT, len(found))):
                yield Example(tuple(words(pattern)), (concept,), WEIGHT_OF_PATTERNS)


def learn_about(found: Sequence[Example], vectors: Vectors) -> Model:
    """What messages are about. `vectors`: of the examples with a text, in their order."""
    classes = (*(key for key in concepts() if decisive(key)), VAGUE)
    return _learn(found, vectors, classes, [example.about for example in found])


def learn_wants(found: Sequence[Example], vectors: Vectors) -> Model:
    """Whether messages want software or an example; patterns do not say."""
    said = [example for example in found if example.said]
    kept = [bool(example.said) for example in found if example.text]
    return _learn(said, vectors[kept], WISHES, [(example.wants,) for example in said])


def _learn(
    found: Sequence[Example], vectors: Vectors, classes: tuple[str, ...], labels: Sequence[tuple[str, ...]]
) -> Model:
    from scipy.sparse import csr_matrix

    column = {label: i for i, label in enumerate(classes)}
    wanted = np.zeros((len(found), len(classes)), np.float32)
    for row, own in enumerate(labels):
        wanted[row, [column[label] for label in own]] = 1 / len(own)
    counting = np.array([example.weight for example in found], np.float32)
    matrix, rarity = _matrix(found)
    weights, bias = _descend(matrix, wanted, counting, tqdm(range(EPOCHS), desc="Letters", disable=None))
    scale = np.maximum(np.abs(weights).max(0), 1e-6) / 127
    small = np.round(weights / scale).astype(np.int8)
    with_text = [row for row, example in enumerate(found) if example.text]
    rounds = tqdm(range(EPOCHS_OF_MEANING), desc="Meaning", disable=None)
    meaning, meaning_bias = _descend(csr_matrix(vectors * SPREAD), wanted[with_text], counting[with_text], rounds)
    return Model(classes, small, scale, bias, rarity, meaning * SPREAD, meaning_bias)


def _matrix(found: Sequence[Example]) -> tuple[Any, NDArray[np.float32]]:
    """A row of unit length for each example, and how much each part says."""
    from scipy.sparse import csr_matrix, diags

    read = [parts(example.words) for example in found]
    starts = np.cumsum([0, *(len(places) for places, _ in read)])
    places, counts = (np.concatenate([pair[i] for pair in read]) for i in (0, 1))
    matrix = csr_matrix((counts, places, starts), shape=(len(found), SIZE))
    occurring = np.bincount(places, minlength=SIZE)
    rarity = (np.log((1 + len(found)) / (1 + occurring)) + 1).astype(np.float32)
    matrix = matrix @ diags(rarity)
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(1)).ravel())
    return (diags(1 / np.maximum(lengths, 1e-9)) @ matrix).astype(np.float32).tocsr(), rarity


def _descend(
    matrix: Any, wanted: NDArray[np.float32], counting: NDArray[np.float32], progress: Iterable[int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    chance = np.random.default_rng(0)
    weights, bias = np.zeros((matrix.shape[1], wanted.shape[1]), np.float32), np.zeros(wanted.shape[1], np.float32)
    steps, bias_steps = np.full((matrix.shape[1], 1), 1e-8, np.float32), np.full(wanted.shape[1], 1e-8, np.float32)
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


def vectors_of(found: Sequence[Example]) -> Vectors:
    """The vectors of the examples with a text."""
    encoder, texts = SentenceEmbeddings(), [example.text for example in found if example.text]
    shown = tqdm(range(0, len(texts), 64), desc="Encoding", disable=None)
    return np.concatenate([encoder.encode(texts[start : start + 64]) for start in shown])


def reliability(found: Sequence[Example], vectors: Vectors) -> str:
    """How often the guess is right at each of its probabilities, on every fifth message, learned from the others."""
    said = [example for example in found if example.weight == WEIGHT_OF_SENTENCES]
    of = dict(zip((id(e) for e in found if e.text), vectors, strict=True))
    held = {id(example) for example in said[::5]}
    rest = [example for example in found if id(example) not in held]
    model = learn_about(rest, np.array([of[id(e)] for e in rest if e.text]))
    bins: defaultdict[int, list[bool]] = defaultdict(list)
    for example in said[::5]:
        chances = guess(example.words, of.get(id(example)), model)
        best, chance = next(iter(chances.items()))
        bins[min(int(chance * 5), 4)].append(best in example.about)
    rows = [
        f"| {n / 5:.1f}–{(n + 1) / 5:.1f} | {len(right)} | {np.mean(right):.2f} |" for n, right in sorted(bins.items())
    ]
    return "\n".join(["| probability of the likeliest concept | messages | right |", "| --- | --- | --- |", *rows])


if __name__ == "__main__":
    folder = next((Path(word) for word in sys.argv[1:] if not word.startswith("--")), SENTENCES)
    everything = examples(folder)
    encoded = vectors_of(everything)
    if "--reliability" in sys.argv:
        print(reliability(everything, encoded))
        sys.exit()
    ABOUT.parent.mkdir(exist_ok=True)
    for path, learn in ((ABOUT, learn_about), (WANTS, learn_wants)):
        np.savez_compressed(path, **learn(everything, encoded)._asdict())
        print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB")
