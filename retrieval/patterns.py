"""Patterns: words in a row that stand for something, found in the normalised words of a text.

A word of a pattern may begin or end with `*` (any beginning, any ending); `...` stands for up to four words in between.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from marisa_trie import Trie
from rapidfuzz import process
from rapidfuzz.distance import OSA

from retrieval.words import WORD, is_han, plain, readings, whole

SHORTEST_TYPO = 6
"""Letters of a word below which another spelling is another word."""

_GAP = "..."
_STEP = re.compile(rf"\.\.\.|\*?(?:{WORD})\*?")
_LONGEST_GAP = 4


_OTHER = "*"
"""Where a group keeps what does not go on with one plain word: patterns of one word, gaps, parts of words."""
_MOST_GROUPS = 300
_Group = dict[str, list[tuple[str, str]]]


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
    """A set of patterns and what they stand for: those of one `section` of a trie of `keys`."""

    def __init__(self, language: str, trie: Trie, section: str = "") -> None:
        self.language = language
        self._trie = trie
        self._section = section
        self._groups: dict[str, _Group] = {}
        self._infixes = [key[len(section) + 1 :] for key in trie.keys(f"{section}{_INFIX}")]

    @classmethod
    def of(cls, language: str, entries: Iterable[tuple[str, str]]) -> Patterns:
        """`entries`: patterns, each with its target."""
        return cls(language, Trie(keys(entries)))

    def knows(self, word: str) -> bool:
        """Whether a word stands in a pattern: it exists, so it is no typo."""
        return f"{self._section}{_EXISTS}{word}" in self._trie

    @cached_property
    def _spellings(self) -> tuple[str, ...]:
        """Single words that are matched as they are: what a typo may have been meant for."""
        return tuple(key[len(self._section) + 1 :] for key in self._trie.keys(f"{self._section}{_ALONE}"))

    def find(self, text: list[str], breaks: frozenset[int] = frozenset()) -> Iterator[Match]:
        """Every match in the words of a text, overlapping ones included.

        `breaks`: the numbers of words with which new clauses begin, which no gap crosses.
        """
        for start in range(len(text)):
            yield from self._from(start, text, breaks)

    def whole(self, text: list[str]) -> set[str]:
        """What all the words of a text together stand for."""
        return {match.target for match in self._from(0, text, frozenset()) if match.end == len(text)} if text else set()

    def _from(self, start: int, text: list[str], breaks: frozenset[int]) -> Iterator[Match]:
        """Every match that begins with one word."""
        for first in self._beginning(text[start]):
            group = self._group(first)
            for second in _steps_for(text[start + 1], self.language) if start + 1 < len(text) else ():
                for rest, target in group.get(second, ()):
                    for end in _ends(rest, text, start + 2, self.language, breaks):
                        yield Match(target, start, end, self.language, loose=_GAP in rest)
            for rest, target in group.get(_OTHER, ()):
                for end in _ends(rest, text, start + 1, self.language, breaks):
                    yield Match(target, start, end, self.language, loose=_GAP in rest)

    def _beginning(self, word: str) -> Iterator[str]:
        """The first words of patterns that may be meant by `word`."""
        skip = len(self._section) + 1
        for reading in readings(word, self.language):
            yield reading
            for stem in self._trie.iter_prefixes(f"{self._section}{_STEM}{reading}"):
                yield f"{stem[skip:]}*"
            for ending in self._trie.iter_prefixes(f"{self._section}{_ENDING}{reading[::-1]}"):
                yield f"*{ending[: skip - 1 : -1]}"
        yield from (f"*{infix}*" for infix in self._infixes if infix in word)

    def _group(self, first: str) -> _Group:
        """The patterns of one first word: by their second, what follows and the target. The last ones are kept."""
        if (known := self._groups.get(first)) is not None:
            return known
        if len(self._groups) >= _MOST_GROUPS:
            self._groups.clear()
        group: _Group = {}
        prefix = f"{self._section}{_PATTERN}{first}{_PATTERN}"
        for key in self._trie.keys(prefix):
            rest, _, target = key[len(prefix) :].partition("\t")
            second, _, more = rest.partition(" ")
            plain = second and second != _GAP and not (second.startswith("*") and second.endswith("*"))
            group.setdefault(second if plain else _OTHER, []).append((more if plain else rest, sys.intern(target)))
        self._groups[first] = group
        return group

    def spelled_like(self, word: str) -> str | None:
        """The known word that `word` is most likely a typo of."""
        if len(word) < SHORTEST_TYPO or is_han(word) or any(self.knows(word[:end]) for end in (None, -1, -2)):
            return None  # too short to tell, or a word that exists, perhaps with an ending
        tolerance = 1 if len(word) < 10 else 2
        best = process.extractOne(word, self._spellings, scorer=OSA.distance, score_cutoff=tolerance)
        return best[0] if best and best[0][0] == word[0] else None


_PATTERN, _STEM, _ENDING, _INFIX, _EXISTS, _ALONE = "|<>~:?"
"""Kinds of keys: a pattern (`|first|rest<tab>target`), what patterns begin with, words that exist or stand alone."""


def keys(entries: Iterable[tuple[str, str]], section: str = "") -> Iterator[str]:
    """The keys of patterns and their targets in a trie. `section` keeps several sets of patterns apart in one."""
    for steps, target in _steps(list(entries)):
        first, _, rest = steps.partition(" ")
        yield f"{section}{_PATTERN}{first}{_PATTERN}{rest}\t{target}"
        yield from (f"{section}{_EXISTS}{step.strip('*')}" for step in steps.split() if step != _GAP)
        word = first.strip("*")
        if first.startswith("*") and first.endswith("*"):
            yield f"{section}{_INFIX}{word}"
        elif first.endswith("*"):
            yield f"{section}{_STEM}{word}"
        elif first.startswith("*"):
            yield f"{section}{_ENDING}{word[::-1]}"
        if not rest and not first.startswith("*") and len(word) >= SHORTEST_TYPO:
            yield f"{section}{_ALONE}{word}"


@lru_cache(maxsize=4096)
def _steps_for(word: str, language: str) -> tuple[str, ...]:
    """The words of patterns that `word` may be meant by, but for parts of words."""
    found = readings(word, language)
    stems = (f"{reading[:end]}*" for reading in found for end in range(1, len(reading) + 1))
    endings = (f"*{reading[start:]}" for reading in found for start in range(len(reading)))
    return (*found, *stems, *endings)


def _fits(step: str, word: str, language: str) -> bool:
    """Whether `word` is meant by one word of a pattern."""
    before, after = step.startswith("*"), step.endswith("*")
    if before and after:
        return step[1:-1] in word
    if after:
        return any(reading.startswith(step[:-1]) for reading in readings(word, language))
    if before:
        return any(reading.endswith(step[1:]) for reading in readings(word, language))
    return step in readings(word, language)


def _ends(steps: str, text: list[str], at: int, language: str, breaks: frozenset[int]) -> Iterator[int]:
    """Where a match of `steps` that begins at word `at` may end."""
    if not steps:
        yield at
        return
    step, _, rest = steps.partition(" ")
    if step == _GAP:
        for after in range(at, min(at + _LONGEST_GAP, len(text) - 1) + 1):
            if after in breaks:
                break
            yield from _ends(rest, text, after, language, breaks)
    elif at < len(text) and _fits(step, text[at], language):
        yield from _ends(rest, text, at + 1, language, breaks)


def _steps(entries: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """The words of each pattern, normalised, with their stars, and its target. All at once takes half the time."""
    if not entries:
        return
    text = plain("\n".join(pattern for pattern, _ in entries))
    rows = "\n".join(" ".join(_STEP.findall(line)) for line in text.split("\n"))
    for steps, (_, target) in zip(whole(rows).split("\n"), entries, strict=True):
        if steps:
            yield steps, target


def longest(matches: Iterable[Match]) -> list[Match]:
    """The matches that no longer match contains; of equal ones the first. In the order of the text."""
    kept: list[Match] = []
    spans: dict[tuple[int, int], set[str]] = {}  # few, however many matches share them
    for match in sorted(matches, key=lambda m: (-m.length, m.start, m.target)):
        span = match.start, match.end
        if any(start <= match.start and match.end <= end and (start, end) != span for start, end in spans):
            continue
        targets = spans.setdefault(span, set())
        if match.target not in targets:
            targets.add(match.target)
            kept.append(match)
    return sorted(kept, key=lambda m: (m.start, m.end))
