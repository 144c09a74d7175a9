"""The vector index: Chroma builds that are written once, checked, published by a pointer, and never changed.

Each build is a collection of its own, on disk in a folder of its own: with chromadb 1.5.9 a client that is open on a
folder goes stale, without an error, when another process writes there. So nothing is ever written to a published one.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import timedelta
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from retrieval.embeddings import KNOWS, RememberedEmbeddings, SentenceEmbeddings
from retrieval.records import Record
from store import builds
from store.database import Database
from store.tables import Build, now

if TYPE_CHECKING:
    from langchain_chroma import Chroma

KEPT_BUILDS = 3
"""Builds that stay for a rollback."""
LONGEST_BUILD = timedelta(hours=6)
"""A build that began longer ago was killed."""
_PREFIX = "dalil-"
_BATCH = 128
_SELF_QUERIES = 200
_LARGE = 20_000
"""Entries from which the nearest ones are found nearly always only: the graph is searched, not every entry."""
_APPROXIMATE = 0.1
"""Share of self-queries that may miss then; of a damaged index nearly all do."""
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
        if self._chroma_url:
            self._server().close()  # a server that does not answer is no reason to begin
        with self._database.write() as session:
            build = builds.begin(session, digest)
        try:
            chroma = self._fill(build.id, entries, progress)
        except BaseException:
            with self._database.write() as session:
                builds.set_state(session, build.id, "failed")
            with suppress(Exception):  # what broke the build may be in the way of this too; `_prune` comes again
                self._remove(build.id)
            raise
        with self._database.write() as session:
            builds.set_state(session, build.id, "ready", len(entries))
            builds.publish(session, build.id)
        self._prune()
        return OpenIndex(build.id, digest, chroma, len(entries))

    def _fill(self, build_id: int, entries: list[tuple[str, int, str]], progress: Callable[[int], None]) -> Chroma:
        self._remove(build_id)  # a database that was restored counts builds anew
        client = self._client(build_id)
        try:
            embeddings = RememberedEmbeddings(self._embeddings, self._database, progress)
            chroma = self._collection(build_id, client, embeddings)
            for start in range(0, len(entries), _BATCH):
                batch = entries[start : start + _BATCH]
                chroma.add_texts(
                    [text for _, _, text in batch],
                    metadatas=[{"record": record} for record, _, _ in batch],
                    ids=[f"{record}/{n}" for record, n, _ in batch],
                )
            _check(chroma, len(entries), _SELF_QUERIES)
        except BaseException:
            client.close()
            raise
        return chroma

    def building(self) -> AbstractContextManager[None]:
        """Wait until no other process builds: it may be making what this one wants."""
        return self._database.alone("building")

    def open(self) -> OpenIndex | None:
        """The published build; none if there has never been one. Raises `Damaged`."""
        build = self.published()
        if build is None:
            return None
        if not self._chroma_url and not self._place(build.id).exists():
            raise Damaged("the folder of the published build is gone")
        try:
            opened = OpenIndex(build.id, build.digest, self._opened(build.id), build.entries)
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

    def _opened(self, build_id: int) -> Chroma:
        return self._collection(build_id, self._client(build_id), self._embeddings)

    def _client(self, build_id: int) -> Any:
        if self._chroma_url:
            return self._server()
        import chromadb
        from chromadb.config import Settings

        self._place(build_id).mkdir(parents=True, exist_ok=True)
        return chromadb.PersistentClient(str(self._place(build_id)), Settings(anonymized_telemetry=False))

    def _server(self) -> Any:
        """A client of the server, which has answered."""
        import chromadb
        from chromadb.config import Settings

        url = urlsplit(self._chroma_url or "")
        port = url.port or (443 if url.scheme == "https" else 8000)
        settings = Settings(anonymized_telemetry=False)
        return chromadb.HttpClient(url.hostname or "", port, ssl=url.scheme == "https", settings=settings)

    def _collection(self, build_id: int, client: Any, embeddings: Any) -> Chroma:
        from langchain_chroma import Chroma

        configuration: Any = {"hnsw": {"space": "cosine", "ef_search": 200}}
        return Chroma(_name(build_id), embeddings, client=client, collection_configuration=configuration)

    def _prune(self) -> None:
        """Remove builds that are too old for a rollback, and what failed or killed builds have left."""
        with self._database.write() as session:
            for build in builds.ready(session)[KEPT_BUILDS:]:
                builds.set_state(session, build.id, "removed")
            over = builds.over(session, now() - LONGEST_BUILD)
        for build_id in self._there() & over:
            self._remove(build_id)

    def _there(self) -> set[int]:
        """The builds of which there is anything."""
        if self._chroma_url:
            with self._server() as server:
                names = [collection.name for collection in server.list_collections()]
            numbers = [name.removeprefix(_PREFIX) for name in names if name.startswith(_PREFIX)]
        else:
            numbers = [path.name for path in self._folder.iterdir()]
        return {int(number) for number in numbers if number.isdecimal()}

    def _remove(self, build_id: int) -> None:
        """Remove what there is of a build."""
        if not self._chroma_url:
            shutil.rmtree(self._place(build_id), ignore_errors=True)
            return
        from chromadb.errors import NotFoundError

        with self._server() as server, suppress(NotFoundError):
            server.delete_collection(_name(build_id))


def _name(build_id: int) -> str:
    return f"{_PREFIX}{build_id}"


def texts(record: Record) -> list[str]:
    """The texts that a record is found by: name and summary, what it teaches, languages that the encoder knows."""
    first = f"{record.name}. {record.summaries['en']}"
    spoken = [code for code in record.summaries if code in KNOWS and code != "en"]
    others = [f"{record.name_in(code)}. {record.summaries[code]}" for code in spoken]
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
    if missed > (ceil(len(chosen) * _APPROXIMATE) if entries > _LARGE else 0):
        raise Damaged(f"{missed} of {len(chosen)} entries do not find themselves")
