"""The multilingual vocabulary: finds the concepts that words stand for, and says which words they were.

`vocabulary/<language>.yaml` lists patterns: words in a row, each of which may begin or end with `*` (any beginning,
any ending); `...` stands for up to four words in between. Matching walks a trie of such words over the normalised
words of a text.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from rapidfuzz import process
from rapidfuzz.distance import OSA

from retrieval.concepts import Facet, concepts
from retrieval.places import FOLDER, cities, countries, spoken_in
from retrieval.words import is_han, normalise, readings, words
from retrieval.yaml import read

SHORTEST_TYPO = 6
"""Letters of a word below which another spelling is another word."""


@dataclass(frozen=True, slots=True)
class Match:
    """Words `start` to `end` (exclusive) of a text stand for `target`."""

    target: str
    start: int
    end: int
    language: str
    exact: bool = True
    """False where a typo was tolerated."""

    @property
    def length(self) -> int:
        """How many words it takes in."""
        return self.end - self.start


_ANY_BEFORE, _ANY_AFTER = 1, 2
_GAP = "..."
_LONGEST_GAP = 4


class _Node:
    """One word further in a pattern. Tables are made when needed: most nodes are leaves."""

    __slots__ = ("exact", "gap", "infix", "prefix", "suffix", "targets")

    def __init__(self) -> None:
        self.exact: dict[str, _Node] | None = None
        self.prefix: dict[str, _Node] | None = None
        self.suffix: dict[str, _Node] | None = None
        self.infix: dict[str, _Node] | None = None
        self.gap: _Node | None = None
        self.targets: tuple[str, ...] = ()

    def child(self, word: str, stars: int) -> _Node:
        """The node for one more word (or gap), made if it is missing."""
        if word == _GAP:
            self.gap = self.gap or _Node()
            return self.gap
        name = ("exact", "suffix", "prefix", "infix")[stars]
        table: dict[str, _Node] | None = getattr(self, name)
        if table is None:
            table = {}
            setattr(self, name, table)
        return table.setdefault(word, _Node())

    @property
    def tables(self) -> Iterator[dict[str, _Node]]:
        """The tables, an empty one for each that was not made."""
        return (table or {} for table in (self.exact, self.suffix, self.prefix, self.infix))

    def children(self, word: str) -> Iterator[_Node]:
        """The nodes whose word `word` is."""
        for reading in readings(word):
            if self.exact and (node := self.exact.get(reading)):
                yield node
            if self.prefix:
                yield from (n for i in range(2, len(reading) + 1) if (n := self.prefix.get(reading[:i])))
            if self.suffix:
                yield from (n for i in range(len(reading) - 1) if (n := self.suffix.get(reading[i:])))
        if self.infix:
            yield from (node for stem, node in self.infix.items() if stem in word)


_Key = tuple[tuple[str, ...], int, tuple[tuple[tuple[str, int], ...], ...]]


def _share(node: _Node, known: dict[_Key, _Node]) -> _Node:
    """`node`, or one that is known and matches just the same: endings repeat, and so most nodes can be one."""
    if node.gap:
        node.gap = _share(node.gap, known)
    for table in node.tables:
        for word, child in table.items():
            table[word] = _share(child, known)
    tables = tuple(tuple((word, id(child)) for word, child in table.items()) for table in node.tables)
    return known.setdefault((node.targets, id(node.gap), tables), node)


class Patterns:
    """A set of patterns and what they stand for."""

    def __init__(self, language: str, entries: Iterable[tuple[str, str]]) -> None:
        """`entries`: patterns, each with its target."""
        self.language = language
        self.spellings: set[str] = set()
        """Single words that are matched as they are: what a typo may have been meant for."""
        self.lexicon: set[str] = set()
        """Every word that stands in a pattern: it exists, so it is no typo."""
        root = _Node()
        for pattern, target in entries:
            self._add(root, pattern, target)
        self._root = _share(root, {})

    def _add(self, root: _Node, pattern: str, target: str) -> None:
        steps = list(_steps(pattern))
        if not steps:
            return
        node = root
        for word, stars in steps:
            node = node.child(sys.intern(word), stars)  # the same words stand in many patterns
            self.lexicon.add(sys.intern(word))
        if target not in node.targets:
            node.targets = (*node.targets, target)
        if len(steps) == 1 and not steps[0][1] & _ANY_BEFORE and len(steps[0][0]) >= SHORTEST_TYPO:
            self.spellings.add(steps[0][0])

    def find(self, text: list[str]) -> Iterator[Match]:
        """Every match in the words of a text, overlapping ones included."""
        for start in range(len(text)):
            yield from self._from(self._root, text, start, start)

    def _from(self, node: _Node, text: list[str], start: int, at: int) -> Iterator[Match]:
        for target in node.targets:
            yield Match(target, start, at, self.language)
        if at < len(text):
            for child in node.children(text[at]):
                yield from self._from(child, text, start, at + 1)
        if node.gap:
            for next_at in range(at, min(at + _LONGEST_GAP, len(text) - 1) + 1):
                yield from self._from(node.gap, text, start, next_at)

    def spelled_like(self, word: str) -> str | None:
        """The known word that `word` is most likely a typo of."""
        if len(word) < SHORTEST_TYPO or is_han(word) or word in self.lexicon:
            return None
        tolerance = 1 if len(word) < 10 else 2
        best = process.extractOne(word, self.spellings, scorer=OSA.distance, score_cutoff=tolerance)
        return best[0] if best and best[0][0] == word[0] else None


def _steps(pattern: str) -> Iterator[tuple[str, int]]:
    """The words of a pattern, each with whether any beginning or any ending is allowed."""
    for part in pattern.split():
        if part == _GAP:
            yield _GAP, 0
            continue
        inner = words(part.strip("*"))
        for number, word in enumerate(inner):
            before = _ANY_BEFORE if part.startswith("*") and number == 0 else 0
            after = _ANY_AFTER if part.endswith("*") and number == len(inner) - 1 else 0
            yield word, before | after


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around a language's name where it is asked for."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    written_on: str = ""
    """What is written onto the name itself, as in Arabic and Amharic."""


def _frame(pattern: str) -> Frame:
    before, _, after = normalise(pattern).partition("{}")
    attached = bool(before) and not before.endswith(" ") and not is_han(before[-1])
    return Frame(tuple(words(before)), tuple(words(after)), before.split()[-1] if attached else "")


@dataclass(frozen=True, slots=True)
class Words:
    """What one language's file and CLDR know: concepts, names of languages, names of countries."""

    concepts: Patterns
    languages: Patterns
    places: Patterns
    function_words: frozenset[str]
    in_language: tuple[Frame, ...]


@cache
def languages() -> tuple[str, ...]:
    """The languages that have a vocabulary."""
    others = {"concepts", "regions", "focus_areas"}
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml") if path.stem not in others))


@cache
def vocabulary(language: str) -> Words:
    """The vocabulary of one language."""
    from babel import Locale

    entry = read(FOLDER / f"{language}.yaml")
    function_words = frozenset(w for p in entry["concepts"].get("function-words", ()) for w in words(p))
    frames = (_frame(pattern) for pattern in entry["concepts"].get("in-language", ()))
    locale = Locale.parse(language)
    return Words(
        concepts=Patterns(language, _concepts(entry)),
        languages=Patterns(language, _named(entry, "languages", locale.languages, function_words)),
        places=Patterns(language, _named(entry, "places", locale.territories, function_words)),
        function_words=function_words,
        in_language=tuple(frame for frame in frames if frame.before or frame.after or frame.written_on),
    )


def _concepts(entry: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for concept, patterns in entry["concepts"].items():
        if concepts()[concept].facet is not Facet.SIGNAL or concept in {"not", "person-phrase"}:
            yield from ((pattern, concept) for pattern in patterns)


def _named(
    entry: dict[str, Any], section: str, names: Mapping[str, str], taken: frozenset[str]
) -> Iterator[tuple[str, str]]:
    """Names from CLDR, unless they are everyday words, and those of our file."""
    for code, name in names.items():
        if len(code) == 2 and (section == "languages" or code in countries()) and normalise(name) not in taken:
            yield name, code
    for code, patterns in entry.get(section, {}).items():
        yield from ((pattern, code) for pattern in patterns)


_LONGEST_TOWN = 4
"""Words in the longest name of a town that is recognised."""


def towns(found: list[str], taken: frozenset[str], language: str) -> Iterator[Match]:
    """Towns of the world among the words of a text, but for single words that are in `taken`.

    A single word is a town only where the text's language is spoken: far away there is a town for every word.
    """
    names, near = cities(), spoken_in(language)
    for start, word in enumerate(found):
        for end in range(start + 1, min(start + _LONGEST_TOWN, len(found)) + 1):
            for first in readings(word):
                country = names.get(" ".join((first, *found[start + 1 : end])))
                if country and (end > start + 1 or (first not in taken and country in near)):
                    yield Match(country, start, end, "")


def longest(matches: Iterable[Match]) -> list[Match]:
    """The matches that no longer match contains; of equal ones the first. In the order of the text."""
    kept: list[Match] = []
    for match in sorted(matches, key=lambda m: (-m.length, m.start)):
        inside = (k for k in kept if k.start <= match.start and match.end <= k.end)
        if all(k.length == match.length and k.target != match.target for k in inside):
            kept.append(match)
    return sorted(kept, key=lambda m: (m.start, m.end))
