"""Patterns: words in a row that stand for something, found in the normalised words of a text.

A word of a pattern may begin or end with `*` (any beginning, any ending); `...` stands for up to four words in between.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from rapidfuzz import process
from rapidfuzz.distance import OSA

from retrieval.words import WORD, is_han, plain, readings, whole

SHORTEST_TYPO = 6
"""Letters of a word below which another spelling is another word."""

_GAP = "..."
_STEP = re.compile(rf"\.\.\.|\*?(?:{WORD})\*?")
_LONGEST_GAP = 4


@dataclass(frozen=True, slots=True)
class Match:
    """Words `start` to `end` (exclusive) of a text stand for `target`."""

    target: str
    start: int
    end: int
    language: str
    exact: bool = True
    """False where a typo was tolerated."""
    loose: bool = False
    """True where words stand in between that are not of the pattern."""

    @property
    def length(self) -> int:
        """How many words it takes in."""
        return self.end - self.start


class Patterns:
    """A set of patterns and what they stand for."""

    def __init__(self, language: str, entries: Iterable[tuple[str, str]]) -> None:
        """`entries`: patterns, each with its target."""
        self.language = language
        groups: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for steps, target in _steps(list(entries)):
            first, _, rest = steps.partition(" ")
            groups[sys.intern(first)][f"{rest}\t{target}"] = None
        # First word → a line for each pattern: its other words, what it stands for. A language has 10,000 and more of
        # them, so they are kept as text; as objects they would take five times the memory.
        self._groups = {first: "\n".join(lines) for first, lines in groups.items()}
        self._infixes = tuple(first for first in self._groups if first.startswith("*") and first.endswith("*"))

    @cached_property
    def lexicon(self) -> frozenset[str]:
        """Every word that stands in a pattern: it exists, so it is no typo."""
        rests = (line.partition("\t")[0] for group in self._groups.values() for line in group.split("\n"))
        steps = (*self._groups, *(step for rest in rests for step in rest.split()))
        return frozenset(sys.intern(step.strip("*")) for step in steps if step != _GAP)

    @cached_property
    def spellings(self) -> tuple[str, ...]:
        """Single words that are matched as they are: what a typo may have been meant for."""
        alone = (first for first, group in self._groups.items() if group.startswith("\t") or "\n\t" in group)
        words = (sys.intern(first.strip("*")) for first in alone if not first.startswith("*"))
        return tuple(dict.fromkeys(word for word in words if len(word) >= SHORTEST_TYPO))

    def find(self, text: list[str]) -> Iterator[Match]:
        """Every match in the words of a text, overlapping ones included."""
        for start, word in enumerate(text):
            for lines in self._beginning(word):
                for line in lines.split("\n"):
                    rest, _, target = line.partition("\t")
                    for end in _ends(rest, text, start + 1):
                        yield Match(target, start, end, self.language, loose=_GAP in rest)

    def _beginning(self, word: str) -> Iterator[str]:
        """The groups of patterns that may begin with `word`."""
        firsts = [
            first
            for reading in readings(word)
            for first in (
                reading,
                *(f"{reading[:end]}*" for end in range(2, len(reading) + 1)),
                *(f"*{reading[start:]}" for start in range(len(reading) - 1)),
            )
        ]
        firsts += [first for first in self._infixes if first[1:-1] in word]
        return (self._groups[first] for first in firsts if first in self._groups)

    def spelled_like(self, word: str) -> str | None:
        """The known word that `word` is most likely a typo of."""
        if len(word) < SHORTEST_TYPO or is_han(word) or any(word[:end] in self.lexicon for end in (None, -1, -2)):
            return None  # too short to tell, or a word that exists, perhaps with an ending
        tolerance = 1 if len(word) < 10 else 2
        best = process.extractOne(word, self.spellings, scorer=OSA.distance, score_cutoff=tolerance)
        return best[0] if best and best[0][0] == word[0] else None


def _fits(step: str, word: str) -> bool:
    """Whether `word` is meant by one word of a pattern."""
    before, after = step.startswith("*"), step.endswith("*")
    if before and after:
        return step[1:-1] in word
    if after:
        return any(reading.startswith(step[:-1]) for reading in readings(word))
    if before:
        return any(reading.endswith(step[1:]) for reading in readings(word))
    return step in readings(word)


def _ends(steps: str, text: list[str], at: int) -> Iterator[int]:
    """Where a match of `steps` that begins at word `at` may end."""
    if not steps:
        yield at
        return
    step, _, rest = steps.partition(" ")
    if step == _GAP:
        for after in range(at, min(at + _LONGEST_GAP, len(text) - 1) + 1):
            yield from _ends(rest, text, after)
    elif at < len(text) and _fits(step, text[at]):
        yield from _ends(rest, text, at + 1)


def _steps(entries: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The words of each pattern, normalised, with their stars, and its target. All at once takes half the time."""
    text = plain("\n".join(pattern for pattern, _ in entries))
    rows = "\n".join(" ".join(_STEP.findall(line)) for line in text.split("\n"))
    for steps, (_, target) in zip(whole(rows).split("\n"), entries, strict=True):
        if steps:
            yield steps, target


def longest(matches: Iterable[Match]) -> list[Match]:
    """The matches that no longer match contains; of equal ones the first. In the order of the text."""
    kept: list[Match] = []
    for match in sorted(matches, key=lambda m: (-m.length, m.start)):
        inside = (k for k in kept if k.start <= match.start and match.end <= k.end)
        if all(k.length == match.length and k.target != match.target for k in inside):
            kept.append(match)
    return sorted(kept, key=lambda m: (m.start, m.end))
