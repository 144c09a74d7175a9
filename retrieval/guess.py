"""What a message is most likely about, judged by its letters: for what people say in ways that no list has.

A linear model over words, pairs of words and runs of 3 to 5 letters, hashed; learned from the vocabulary and from
written messages by `retrieval.learn` (docs/retrieval.md). It reads every language that it has learned, inflected and
misspelt words included, and says how sure it is.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

WEIGHTS = Path(__file__).parent / "weights" / "topics.npz"
SIZE = 2**16
"""Numbers that the parts of words are hashed to."""
NOTHING = ""
"""The class of messages that are about no topic of ours."""
_LEAST = 0.02
_LETTERS = (3, 4, 5)


class Model(NamedTuple):
    """A row of `weights` (int8) for each hashed part, a column for each of `topics`."""

    topics: tuple[str, ...]
    weights: NDArray[np.int8]
    scale: NDArray[np.float32]
    """By which the weights of a topic are to be multiplied."""
    bias: NDArray[np.float32]
    rarity: NDArray[np.float32]
    """How much each part says: the rarer, the more."""


def guess(found: Sequence[str], model: Model | None = None) -> dict[str, float]:
    """Topic → probability, for the words of a text; `NOTHING` for none of them. The unlikely are left out."""
    model = model or _model()
    places, counts = parts(found)
    if not len(places):
        return {}
    values = counts * model.rarity[places]
    values /= np.linalg.norm(values)
    scores = (values @ model.weights[places]) * model.scale + model.bias
    chances = np.exp(scores - scores.max())
    chances /= chances.sum()
    return {str(model.topics[i]): float(chances[i]) for i in np.argsort(-chances) if chances[i] >= _LEAST}


def parts(found: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
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
def _model() -> Model:
    with np.load(WEIGHTS) as kept:
        return Model(
            tuple(str(topic) for topic in kept["topics"]), kept["weights"], kept["scale"], kept["bias"], kept["rarity"]
        )
