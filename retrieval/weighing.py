"""Linear models whose features can be read: what is true of a message, times weights that were learned."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from math import exp
from pathlib import Path

FOLDER = Path(__file__).parent / "weights"

Table = dict[str, dict[str, float]]
"""Class → feature → weight."""


def weigh(features: Mapping[str, float], table: Table) -> dict[str, float]:
    """Class → probability, the likeliest first."""
    scores = {
        each: sum(weights.get(name, 0.0) * value for name, value in features.items()) for each, weights in table.items()
    }
    top = max(scores.values())
    chances = {each: exp(score - top) for each, score in scores.items()}
    total = sum(chances.values())
    return {each: chances[each] / total for each in sorted(chances, key=lambda each: -chances[each])}


@cache
def weights(path: Path) -> Table:
    """The weights that are kept in a file."""
    table: Table = json.loads(path.read_text(encoding="utf-8"))
    return table
