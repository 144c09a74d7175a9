"""Which records may be one: the same name, the same address, the same provider."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from rapidfuzz import fuzz

from retrieval.records import Record
from retrieval.words import words

ALIKE = 0.8
"""From which two records are shown to a person as perhaps one."""
_SMALL = frozenset(
    "the of for and in a an de la le el da do das dos des et y e of programme program course courses".split()
)


@dataclass(frozen=True, slots=True)
class Alike:
    """Another record, and how alike it is (0–1)."""

    record_id: str
    score: float


class Catalogue:
    """Records that others are compared with, found by the words of their names and the addresses of their pages."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._records: dict[str, Record] = {}
        self._by_word: defaultdict[str, set[str]] = defaultdict(set)
        self._by_page: defaultdict[str, set[str]] = defaultdict(set)
        for record in records:
            self.add(record)

    def add(self, record: Record) -> None:
        """Compare with this one too from now on."""
        self._records[record.id] = record
        for word in _telling(record):
            self._by_word[word].add(record.id)
        if page := _page(record):
            self._by_page[page].add(record.id)

    def like(self, record: Record) -> list[Alike]:
        """What may be the same, the most alike first."""
        near = set(self._by_page.get(_page(record), ()))
        for word in _telling(record):
            having = self._by_word.get(word, set())
            near |= having if len(having) <= 200 else set()  # a word that so many have tells nothing
        scored = (Alike(key, likeness(record, self._records[key])) for key in near - {record.id})
        return sorted((each for each in scored if each.score >= ALIKE), key=lambda each: -each.score)


def likeness(one: Record, other: Record) -> float:
    """How alike two records are (0–1): by their names, helped by the same page or provider."""
    names = max(fuzz.token_sort_ratio(a, b) for a in _names(one) for b in _names(other)) / 100
    same_page = bool(_page(one)) and _page(one) == _page(other)
    providers = fuzz.token_set_ratio(_plain(one.provider), _plain(other.provider)) / 100
    if same_page:
        return min(1.0, 0.6 + 0.4 * names)
    return names * (0.75 + 0.25 * providers)


def _names(record: Record) -> Iterator[str]:
    yield from {_plain(name) for name in (record.name, *record.names.values(), *record.also_known_as)}


def _plain(name: str) -> str:
    return " ".join(words(name))


def _telling(record: Record) -> set[str]:
    return {word for name in _names(record) for word in name.split() if word not in _SMALL and len(word) > 2}


def _page(record: Record) -> str:
    """The address of its page, without what does not tell two pages apart; none for a bare home page."""
    if record.url is None:
        return ""
    parts = urlsplit(str(record.url))
    path = parts.path.rstrip("/")
    return f"{(parts.hostname or '').removeprefix('www.')}{path}?{parts.query}".rstrip("?") if path else ""
