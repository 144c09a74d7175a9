"""The catalogue in memory: records, and the look-up tables that search starts from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from math import log

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
        self._names = Patterns.of("", _names(self.records.values()))
        for record in self.records.values():
            for topic in record.topics:
                for concept in wider(topic):
                    self.by_topic[concept].add(record.id)
            for audience in record.audiences:
                for concept in (audience,) if audience == "everyone" else wider(audience):
                    self.by_audience[concept].add(record.id)

    def rarity(self, concept: str) -> float:
        """How much a topic says: 1 for one that few records have, less for a common one."""
        having = len(self.by_topic.get(concept, ()))
        return log(1 + len(self.records) / (1 + having)) / log(1 + len(self.records))

    def named(self, text: str, language: str = "en") -> tuple[str, ...]:
        """Records whose name stands in `text`, as long as it is not just a small word of its language ("ina")."""
        found = words(text)
        capitals = set() if text.isupper() else {normalise(word) for word in text.split() if word.isupper()}
        matches = longest(self._names.find(found))
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


def _text(record: Record) -> str:
    topics = (concepts()[topic].gloss for topic in record.topics)
    return " ".join(
        (record.name, record.provider, *record.also_known_as, record.summaries["en"], *record.teaches, *topics)
    )
