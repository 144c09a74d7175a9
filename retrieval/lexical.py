"""The lexical leg: BM25 over the words of the records."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from math import log

from retrieval.words import words

_K1, _B = 1.2, 0.6
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
        self._postings: dict[str, dict[str, float]] = defaultdict(dict)
        lengths = {key: Counter(stems(text)) for key, text in documents.items()}
        average = sum(c.total() for c in lengths.values()) / max(1, len(lengths))
        for key, counts in lengths.items():
            norm = _K1 * (1 - _B + _B * counts.total() / average)
            for word, count in counts.items():
                self._postings[word][key] = count * (_K1 + 1) / (count + norm)
        total = len(documents)
        self._rarity = {w: log(1 + (total - len(p) + 0.5) / (len(p) + 0.5)) for w, p in self._postings.items()}

    def scores(self, query: Iterable[str]) -> dict[str, float]:
        """Document id → score, for the documents that share a word with the query."""
        found: dict[str, float] = defaultdict(float)
        for word in set(query):
            for key, weight in self._postings.get(word, {}).items():
                found[key] += self._rarity[word] * weight
        return dict(found)


def stems(text: str) -> list[str]:
    """The words of an English text without their commonest endings."""
    return [_stem(word) for word in words(text) if word not in _STOP]


def _stem(word: str) -> str:
    for ending, kept in (("ies", "y"), ("sses", "ss"), ("ing", ""), ("s", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            return word[: -len(ending)] + kept
    return word
