"""The lexical leg: BM25 over the words of the records."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from math import log

from retrieval.words import words

_K1, _B = 1.2, 0.6
_COMMON = 1_000
"""Documents from which a word may be too common to count."""
_SHARE = 30
"""Of all documents: a word that more than one of so many has is too common."""
_STOP = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "for",
        "in",
        "on",
        "to",
        "and",
        "or",
        "with",
        "by",
        "at",
        "from",
        "is",
        "are",
        "be",
        "as",
        "it",
        "its",
        "that",
        "this",
        "your",
        "you",
        "their",
        "them",
        "who",
        "which",
        "how",
        "what",
        "i",
        "we",
        "my",
        "our",
        "me",
        "us",
        "do",
        "does",
        "can",
        "could",
        "want",
        "need",
        "some",
        "any",
    ]
)


class Bm25:
    """Scores documents by the words they share with a query (Okapi BM25)."""

    def __init__(self, documents: Mapping[str, str]) -> None:
        """`documents`: id → text."""
        self._postings: dict[str, dict[str, float]] = {}
        counted = {key: Counter(stems(text)) for key, text in documents.items()}
        self._average = sum(c.total() for c in counted.values()) / max(1, len(counted)) or 1.0
        self._total = len(documents)
        for key, counts in counted.items():
            for word, weight in self._weights(counts):
                self._postings.setdefault(word, {})[key] = weight

    def _weights(self, counts: Counter[str]) -> Iterator[tuple[str, float]]:
        norm = _K1 * (1 - _B + _B * counts.total() / self._average)
        return ((word, count * (_K1 + 1) / (count + norm)) for word, count in counts.items())

    def changed(self, before: Mapping[str, str], after: Mapping[str, str]) -> Bm25:
        """The same with other texts for some documents: `before` go, `after` come. What did not change is shared."""
        new = copy(self)
        new._postings = dict(self._postings)
        own: set[str] = set()

        def posting(word: str) -> dict[str, float]:
            if word not in own:
                own.add(word)
                new._postings[word] = dict(new._postings.get(word, {}))
            return new._postings[word]

        for key, text in before.items():
            for word in set(stems(text)):
                posting(word).pop(key, None)
        for key, text in after.items():
            for word, weight in self._weights(Counter(stems(text))):
                posting(word)[key] = weight
        return new

    def scores(self, query: Iterable[str]) -> dict[str, float]:
        """Document id → score, for the documents that share a word with the query."""
        found: dict[str, float] = defaultdict(float)
        for word in set(query):
            posting = self._postings.get(word, {})
            if len(posting) > max(_COMMON, self._total // _SHARE):
                continue  # it tells next to nothing, and would take most of the time
            rarity = log(1 + max(self._total - len(posting) + 0.5, 0.5) / (len(posting) + 0.5))
            for key, weight in posting.items():
                found[key] += rarity * weight
        return dict(found)


def stems(text: str) -> list[str]:
    """The words of an English text without their commonest endings."""
    return [_stem(word) for word in words(text) if word not in _STOP]


def _stem(word: str) -> str:
    for ending, kept in (("ies", "y"), ("sses", "ss"), ("ing", ""), ("s", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            return word[: -len(ending)] + kept
    return word
