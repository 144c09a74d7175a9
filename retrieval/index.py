"""The vector index: Chroma builds that are written once, checked, published by a pointer, and never changed.

Each build is a collection of its own, on disk in a folder of its own: with chromadb 1.5.9 a client that is open on a
folder goes stale, without an error, when another process writes there. So nothing is ever written to a published one.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from retrieval.embeddings import RememberedEmbeddings, SentenceEmbeddings
from retrieval.records import Record
from store import builds
from store.database import Database
from store.tables import Build

if TYPE_CHECKING:
    from langchain_chroma import Chroma

KEPT_BUILDS = 3
"""Builds that stay for a rollback."""
_BATCH = 128
_SELF_QUERIES = 200
_SAME = 0.01
"""Cosine distance below which two vectors are taken for the same text."""


class Damaged(Exception):
    """The published build does not find its own entries."""


class OpenIndex:
    """A published build, opened for reading."""

    def __init__(self, build_id: int, digest: str, chroma: Chroma, entries: int) -> None:
        self.build_id = build_id
        self.digest = digest
        self.chroma = chroma
        self._entries = entries

    def nearest(self, vector: list[float], count: int) -> dict[str, float]:
        """Record ids → cosine similarity of their best entry, among the `count` nearest entries."""
        found = self.chroma.similarity_search_by_vector_with_relevance_scores(vector, k=min(count, self._entries))
        best: dict[str, float] = {}
        for document, distance in found:
            record = str(document.metadata["record"])
            best[record] = max(best.get(record, -1.0), 1.0 - distance)
        return best

    def check(self, sample: int = 5) -> None:
        """Look a few entries up by their own vectors. Raises `Damaged`; a count alone would notice nothing."""
        try:
            _check(self.chroma, self._entries, sample)
        except Damaged:
            raise
        except Exception as error:  # whatever Chroma raises on a damaged folder
            raise Damaged(f"the index cannot be read: {type(error).__name__}") from error


class Index:
    """Makes, opens and takes back builds."""

    def __init__(
        self, database: Database, folder: Path, chroma_url: str | None, embeddings: SentenceEmbeddings
    ) -> None:
        self._database = database
        self._folder = folder
        self._chroma_url = chroma_url
        self._embeddings = embeddings

    def build(
        self, records: Sequence[Record], digest: str, progress: Callable[[int], None] = lambda done: None
    ) -> OpenIndex:
        """Make a build of records with this fingerprint, check it, publish it. Raises `Damaged`.

        `progress` is told of each entry.
        """
        entries = [(record.id, n, text) for record in records for n, text in enumerate(texts(record))]
        with self._database.write() as session:
            build = builds.begin(session, digest)
        try:
            chroma = self._chroma(build.id, RememberedEmbeddings(self._embeddings, self._database, progress))
            for start in range(0, len(entries), _BATCH):
                batch = entries[start : start + _BATCH]
                chroma.add_texts(
                    [text for _, _, text in batch],
                    metadatas=[{"record": record} for record, _, _ in batch],
                    ids=[f"{record}/{n}" for record, n, _ in batch],
                )
            _check(chroma, len(entries), _SELF_QUERIES)
        except BaseException:
            with self._database.write() as session:
                builds.set_state(session, build.id, "failed")
            raise
        with self._database.write() as session:
            builds.set_state(session, build.id, "ready", len(entries))
            builds.publish(session, build.id)
        self._prune()
        return OpenIndex(build.id, digest, chroma, len(entries))

    def open(self) -> OpenIndex | None:
        """The published build; none if there has never been one. Raises `Damaged`."""
        build = self.published()
        if build is None:
            return None
        if not self._chroma_url and not self._place(build.id).exists():
            raise Damaged("the folder of the published build is gone")
        try:
            opened = OpenIndex(build.id, build.digest, self._chroma(build.id, self._embeddings), build.entries)
        except Exception as error:  # whatever Chroma raises on a damaged folder
            raise Damaged(f"the index cannot be opened: {type(error).__name__}") from error
        opened.check()
        return opened

    def published(self) -> Build | None:
        """The build that the pointer names."""
        with self._database.read() as session:
            return builds.published(session)

    def newest(self) -> Build | None:
        """The newest build that could answer questions; after a rollback not the published one."""
        with self._database.read() as session:
            return next(iter(builds.ready(session)), None)

    def rollback(self) -> Build | None:
        """Publish the build before the present one; none if there is no earlier one."""
        with self._database.write() as session:
            present = builds.published(session)
            earlier = [build for build in builds.ready(session) if present and build.id < present.id]
            if not earlier:
                return None
            builds.publish(session, earlier[0].id)
            return earlier[0]

    def _place(self, build_id: int) -> Path:
        return self._folder / str(build_id)

    def _chroma(self, build_id: int, embeddings: Any) -> Chroma:
        import chromadb
        from chromadb.config import Settings
        from langchain_chroma import Chroma

        settings = Settings(anonymized_telemetry=False)
        client: Any
        if self._chroma_url:
            url = urlsplit(self._chroma_url)
            port = url.port or (443 if url.scheme == "https" else 8000)
            client = chromadb.HttpClient(url.hostname or "", port, ssl=url.scheme == "https", settings=settings)
        else:
            self._place(build_id).mkdir(parents=True, exist_ok=True)
            client = chromadb.PersistentClient(str(self._place(build_id)), settings)
        return Chroma(
            f"dalil-{build_id}",
            embeddings,
            client=client,
            collection_configuration={"hnsw": {"space": "cosine", "ef_search": 200}},
        )

    def _prune(self) -> None:
        with self._database.write() as session:
            for build in builds.ready(session)[KEPT_BUILDS:]:
                builds.set_state(session, build.id, "removed")
                if self._chroma_url:
                    self._chroma(build.id, self._embeddings).delete_collection()
                else:
                    shutil.rmtree(self._place(build.id), ignore_errors=True)


def texts(record: Record) -> list[str]:
    """The texts that a record is found by: name and summary, everything it teaches, its other languages."""
    first = f"{record.name}. {record.summaries['en']}"
    others = [f"{record.name_in(code)}. {summary}" for code, summary in record.summaries.items() if code != "en"]
    return [first, *record.teaches, *others]


def _check(chroma: Chroma, entries: int, sample: int) -> None:
    collection = chroma._collection  # langchain-chroma has no public way to read vectors back
    if collection.count() != entries:
        raise Damaged(f"{collection.count()} entries instead of {entries}")
    if not entries:
        return
    known = collection.get(include=[])["ids"]
    chosen = random.sample(known, min(sample, len(known)))
    stored = collection.get(ids=chosen, include=["embeddings"])
    found = collection.query(query_embeddings=stored["embeddings"], n_results=1, include=["distances"])
    distances = [row[0] if row else 1.0 for row in found["distances"] or []]
    missed = sum(distance > _SAME for distance in distances) + len(chosen) - len(distances)
    if missed:
        raise Damaged(f"{missed} of {len(chosen)} entries do not find themselves")
