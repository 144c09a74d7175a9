"""What a message is most likely about, by its letters and its meaning: for what people say in ways that no list has.

Two linear models over the same classes, the concepts that a message can be about: one over words, pairs of words and
runs of 3 to 5 letters, hashed, which reads every language it has learned; one over the vector of the sentence
encoder, for the languages that it knows. Two more of the same make tell whether it wants software or an example.
Learned from the vocabulary and from written messages by `retrieval.learn` (docs/retrieval.md).
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ABOUT, WANTS = (Path(__file__).parent / "weights" / f"{name}.npz" for name in ("guess", "wants"))
SIZE = 2**16
"""Numbers that the parts of words are hashed to."""
VAGUE = ""
"""The class of messages that are too vague to be about anything."""
NEITHER = ""
"""The class of messages that want neither software nor an example."""
MEANING_COUNTS = 0.5
"""How much the meaning counts beside the letters, where there is one."""
_LEAST = 0.01
_LETTERS = (3, 4, 5)


class Model(NamedTuple):
    """A row of `letters` (int8) for each hashed part and of `meaning` for each number of a vector, a column a class."""

    classes: tuple[str, ...]
    letters: NDArray[np.int8]
    scale: NDArray[np.float32]
    """By which the letters' weights of a class are to be multiplied."""
    bias: NDArray[np.float32]
    rarity: NDArray[np.float32]
    """How much each part says: the rarer, the more."""
    meaning: NDArray[np.float32]
    meaning_bias: NDArray[np.float32]


def guess(
    found: Sequence[str], vector: NDArray[np.float32] | None = None, model: Model | None = None
) -> dict[str, float]:
    """Concept → probability, for the words of a text and its vector; the unlikely are left out, the likeliest first."""
    model = model or _model(ABOUT)
    places, counts = parts(tuple(found))
    if not len(places):
        return {}
    values = counts * model.rarity[places]
    values /= np.linalg.norm(values)
    logs = log_softmax(((values @ model.letters[places]) * model.scale + model.bias).astype(np.float32))
    if vector is not None:
        meant = log_softmax((vector @ model.meaning + model.meaning_bias).astype(np.float32))
        logs = log_softmax((1 - MEANING_COUNTS) * logs + MEANING_COUNTS * meant)
    chances = np.exp(logs)
    return {model.classes[i]: float(chances[i]) for i in np.argsort(-chances) if chances[i] >= _LEAST}


def wanted(found: Sequence[str], vector: NDArray[np.float32] | None = None) -> dict[str, float]:
    """Software, an example or neither → probability, as `guess` does for what a text is about."""
    return guess(found, vector, _model(WANTS))


def log_softmax(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    """Logarithms of the probabilities that scores stand for, along the last axis."""
    shifted = scores - scores.max(-1, keepdims=True)
    logs: NDArray[np.float32] = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return logs


@lru_cache(maxsize=4)  # the models for what a text is about and for what it wants read the same
def parts(found: tuple[str, ...]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The numbers of a text's parts, and how much each counts: one and the logarithm of how often it occurs."""
    counted = Counter(zlib.crc32(part.encode()) % SIZE for part in _parts(found))
    places = np.fromiter(counted.keys(), np.int64, len(counted))
    return places, 1 + np.log(np.fromiter(counted.values(), np.float32, len(counted)))


def _parts(found: Sequence[str]) -> Iterator[str]:
    for word in found:
        yield word
        framed = f" {word} "
        for letters in _LETTERS:
            yield from (framed[i : i + letters] for i in range(len(framed) - letters + 1))
    yield from (f"{one} {other}" for one, other in pairwise(found))


@cache
def _model(weights: Path) -> Model:
    with np.load(weights) as kept:
        classes = tuple(str(each) for each in kept["classes"])
        return Model(classes, *(kept[name] for name in Model._fields[1:]))
