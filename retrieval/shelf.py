"""The catalogue in memory: records, and the look-up tables that search starts from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from functools import cache
from math import log

import numpy as np
from numpy.typing import NDArray

from retrieval.concepts import concepts, wider
from retrieval.lexical import Bm25
from retrieval.patterns import Patterns, longest
from retrieval.records import Record
from retrieval.vocabulary import languages, vocabulary
from retrieval.words import normalise, words

_LONGEST_COMMON_NAME = 3
"""A name of fewer letters than this is never recognised in a question."""


class Shelf:
    """An unchanging set of records that can be offered."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = {record.id: record for record in records if record.offered}
        self.bm25 = Bm25({key: _text(record) for key, record in self.records.items()})
        self.by_topic: dict[str, set[str]] = defaultdict(set)
        self.by_audience: dict[str, set[str]] = defaultdict(set)
        self._naming: dict[str, set[str]] = defaultdict(set)
        """Record → those that say that it belongs to them."""
        self._names = [Patterns.of("", _names(self.records.values()))]
        self._keys = list(self.records)
        self._rows = {key: row for row, key in enumerate(self._keys)}
        self._arrays: dict[int, tuple[set[str], NDArray[np.int32]]] = {}
        for record in self.records.values():
            for concept in _about(record):
                self.by_topic[concept].add(record.id)
            for concept in _for(record):
                self.by_audience[concept].add(record.id)
            for other in record.related:
                self._naming[other].add(record.id)

    def changed(self, records: Iterable[Record], gone: Iterable[str] = ()) -> Shelf:
        """The same with other records: new and changed ones, and without those that are gone. The rest is shared."""
        come = {record.id: record for record in records if record.offered}
        left = [self.records[key] for key in {*come, *gone} if key in self.records]
        new = copy(self)
        new.records = {key: record for key, record in self.records.items() if key not in set(gone)} | come
        texts = [{record.id: _text(record) for record in each} for each in (left, come.values())]
        new.bm25 = self.bm25.changed(*texts)
        new.by_topic = _moved(self.by_topic, left, come.values(), _about)
        new.by_audience = _moved(self.by_audience, left, come.values(), _for)
        new._naming = _moved(self._naming, left, come.values(), lambda record: set(record.related))
        new._names = [self._names[0], Patterns.of("", _names(come.values()))]
        new._keys = [*self._keys, *(key for key in come if key not in self._rows)]
        new._rows = {key: row for row, key in enumerate(new._keys)}
        new._arrays = {}
        return new

    def having_most(self, tables: Sequence[set[str]], count: int) -> set[str]:
        """The `count` records that stand in most of these sets of ours; none if there are no sets."""
        if not tables:
            return set()
        often = np.bincount(np.concatenate([self._array(table) for table in tables]), minlength=len(self._keys))
        return {self._keys[row] for row in np.argsort(-often, kind="stable")[:count]}

    def _array(self, table: set[str]) -> NDArray[np.int32]:
        """The places of the records in one of our sets, which never change; kept, for counting sets is slow."""
        kept = self._arrays.get(id(table))
        if kept is None:  # the set is kept too, so that its id stays its own
            places = np.fromiter((self._rows[key] for key in table), np.int32, len(table))
            kept = self._arrays[id(table)] = table, places
        return kept[1]

    def rarity(self, concept: str) -> float:
        """How much a topic says: 1 for one that few records have, less for a common one."""
        having = len(self.by_topic.get(concept, ()))
        return log(1 + len(self.records) / (1 + having)) / log(1 + len(self.records))

    def linked(self, key: str) -> tuple[Record, ...]:
        """The records that belong to one: those that it names, in its order, then those that name it."""
        own = self.records[key].related if key in self.records else ()
        every = dict.fromkeys((*own, *sorted(self._naming.get(key, ()))))
        return tuple(self.records[other] for other in every if other in self.records and other != key)

    def named(self, text: str, language: str = "en") -> tuple[str, ...]:
        """Records whose name stands in `text`, as long as it is not just a small word of its language ("ina")."""
        found = words(text)
        capitals = set() if text.isupper() else {normalise(word) for word in text.split() if word.isupper()}
        matches = longest(match for names in self._names for match in names.find(found))
        small = _small_words(language)
        return tuple(
            dict.fromkeys(
                m.target for m in matches if m.length > 1 or found[m.start] not in small or found[m.start] in capitals
            )
        )


@cache
def _small_words(language: str) -> frozenset[str]:
    return frozenset().union(*(vocabulary(code).function_words for code in {"en", language} & set(languages())))


def _names(records: Iterable[Record]) -> Iterator[tuple[str, str]]:
    for record in records:
        for name in (record.name, *record.names.values(), *record.also_known_as):
            if len(name) > _LONGEST_COMMON_NAME or name.isupper():
                yield name, record.id


def _about(record: Record) -> set[str]:
    """The topics of a record, and the wider ones around them."""
    return {concept for topic in record.topics for concept in wider(topic)}


def _for(record: Record) -> set[str]:
    """Whom a record is for, with the wider groups around them."""
    return {c for each in record.audiences for c in ((each,) if each == "everyone" else wider(each))}


def _moved(
    known: dict[str, set[str]],
    left: Iterable[Record],
    come: Iterable[Record],
    concepts_of: Callable[[Record], set[str]],
) -> dict[str, set[str]]:
    """A look-up table without the records that `left`, with those that `come`; only what changes is copied."""
    new: dict[str, set[str]] = defaultdict(set, known)
    for record in left:
        for concept in concepts_of(record):
            new[concept] = new[concept] - {record.id}
    for record in come:
        for concept in concepts_of(record):
            new[concept] = new[concept] | {record.id}
    return new


def _text(record: Record) -> str:
    topics = (concepts()[topic].gloss for topic in record.topics)
    return " ".join(
        (record.name, record.provider, *record.also_known_as, record.summaries["en"], *record.teaches, *topics)
    )
