"""Learn a table of `retrieval.weighing`: softmax regression over features that can be read, written down as numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

FOLDS = 3
"""Parts of the messages of which each gets a guess that was learned from the others."""
STEPS, RATE, DECAY = 3_000, 0.02, 1e-4

Numbers = NDArray[np.float64]


def descend(rows: Numbers, wanted: NDArray[np.int64], ways: int) -> Numbers:
    """A column of weights for each way, by Adam over all rows at once."""
    weights, first, second = (np.zeros((rows.shape[1], ways)) for _ in range(3))
    right = np.eye(ways)[wanted]
    for step in tqdm(range(1, STEPS + 1), desc="Leaning", disable=None):
        slope = rows.T @ (softmax(rows @ weights) - right) / len(rows) + DECAY * weights
        first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
        weights -= RATE * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    return weights


def softmax(scores: Numbers) -> Numbers:
    """The probabilities that rows of scores stand for."""
    chances = np.exp(scores - scores.max(1, keepdims=True))
    shares: Numbers = chances / chances.sum(1, keepdims=True)
    return shares


def keep(path: Path, classes: Sequence[str], names: Sequence[str], weights: Numbers) -> None:
    """Write the weights of features down, a column a class."""
    table = {
        each: dict(zip(names, map(float, column.round(2)), strict=True))
        for each, column in zip(classes, weights.T, strict=True)
    }
    path.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
