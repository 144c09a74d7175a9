"""Builds of the index on disk and on a Chroma server: what fails is cleaned up, what is published stays."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import chromadb
import pytest
from sqlalchemy import select

from ingest.files import STARTER
from ingest.load import load
from retrieval.embeddings import SentenceEmbeddings, Vectors
from retrieval.engine import Engine
from retrieval.index import KEPT_BUILDS, LONGEST_BUILD, Index
from retrieval.records import Record
from store import builds
from store.database import Database
from store.tables import Build, now


class Breaking(SentenceEmbeddings):
    """An encoder that breaks at the texts after the first so many."""

    model = "breaking"

    def __init__(self, after: int) -> None:
        super().__init__()
        self._left = after

    def encode(self, texts: list[str]) -> Vectors:
        self._left -= len(texts)
        if self._left < 0:
            raise OSError("no memory left")
        return super().encode(texts)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Chroma server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("chroma")), "run", "--port", str(port)]
    command += ["--path", str(tmp_path_factory.mktemp("chroma"))]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(300):
        with socket.socket() as attempt:
            if attempt.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    process.wait()


class Place:
    """Where the builds of a test are, and what lies there."""

    def __init__(self, database: Database, folder: Path, url: str | None) -> None:
        self._database, self._folder, self._url = database, folder, url
        self.client: Any = None
        if url:
            host, port = url.removeprefix("http://").split(":")
            self.client = chromadb.HttpClient(host, int(port))
            for collection in self.client.list_collections():  # of the test before
                self.client.delete_collection(collection.name)

    def index(self, embeddings: SentenceEmbeddings | None = None) -> Index:
        return Index(self._database, self._folder, self._url, embeddings or SentenceEmbeddings())

    def there(self) -> set[int]:
        if self.client:
            return {int(collection.name.removeprefix("dalil-")) for collection in self.client.list_collections()}
        return {int(path.name) for path in self._folder.iterdir()}

    def leave(self, build_id: int) -> None:
        """Something that an earlier process left."""
        if self.client:
            self.client.create_collection(f"dalil-{build_id}").add(ids=["old"], embeddings=[[1.0, 2.0]])
        else:
            folder = self._folder / str(build_id)
            folder.mkdir(parents=True)
            (folder / "chroma.sqlite3").write_text("half")


@pytest.fixture(params=["disk", "server"])
def place(request: pytest.FixtureRequest, sqlite: Database, tmp_path: Path) -> Place:
    url = request.getfixturevalue("server") if request.param == "server" else None
    return Place(sqlite, tmp_path / "index", url)


@pytest.fixture(scope="module")
def records(catalogue: Database, tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    embeddings = SentenceEmbeddings()
    index = Index(catalogue, tmp_path_factory.mktemp("unused"), None, embeddings)
    return Engine(catalogue, index, embeddings).records()[:60]


def test_a_build_that_fails_leaves_nothing_behind(place: Place, sqlite: Database, records: list[Record]) -> None:
    with pytest.raises(OSError, match="no memory"):
        place.index(Breaking(after=128)).build(records, "one")

    assert place.there() == set()
    with sqlite.read() as session:
        assert list(session.scalars(select(Build.state))) == ["failed"]


def test_a_build_that_fails_leaves_the_published_one_alone(place: Place, records: list[Record]) -> None:
    good = place.index().build(records[:3], "good")

    with pytest.raises(OSError, match="no memory"):
        place.index(Breaking(after=128)).build(records, "bad")

    opened = place.index().open()
    assert opened is not None
    assert opened.build_id == good.build_id


def test_so_many_builds_stay_for_a_rollback(place: Place, records: list[Record]) -> None:
    made = [place.index().build(records[:2], str(number)).build_id for number in range(KEPT_BUILDS + 2)]

    assert place.there() == set(made[-KEPT_BUILDS:])


def test_what_a_killed_build_left_goes_with_the_next_one(place: Place, sqlite: Database, records: list[Record]) -> None:
    with sqlite.write() as session:
        killed = builds.begin(session, "killed")
        killed.created_at = now() - LONGEST_BUILD - timedelta(minutes=1)
        running = builds.begin(session, "somebody makes it just now")
    place.leave(killed.id)
    place.leave(running.id)

    made = place.index().build(records[:2], "new")

    assert place.there() == {running.id, made.build_id}


def test_what_an_earlier_database_left_under_the_same_number_is_not_built_upon(
    place: Place, records: list[Record]
) -> None:
    place.leave(1)

    made = place.index().build(records[:2], "new")

    assert made.build_id == 1
    made.check()


def test_a_server_that_does_not_answer_is_no_build(sqlite: Database, tmp_path: Path, records: list[Record]) -> None:
    index = Index(sqlite, tmp_path, "http://127.0.0.1:9", SentenceEmbeddings())

    with pytest.raises(ValueError, match="connect"):
        index.build(records, "one")

    with sqlite.read() as session:
        assert session.scalars(select(Build)).all() == []


LOAD = """
import sys
from pathlib import Path
from retrieval.embeddings import SentenceEmbeddings
from retrieval.engine import Engine
from retrieval.index import Index
from store.database import Database
database, embeddings = Database(sys.argv[1]), SentenceEmbeddings()
engine = Engine(database, Index(database, Path(sys.argv[2]), None, embeddings), embeddings)
print(engine.load(), engine.ready)
"""


def test_of_processes_that_start_at_once_one_builds_and_the_others_take_it_over(
    database: Database, tmp_path: Path
) -> None:
    load(database, STARTER / "academic.yaml")
    url = database.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", LOAD, url, str(tmp_path / "index")]

    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]

    assert sorted(process.communicate(timeout=60)[0] for process in started) == ["False True\n"] * 2 + ["True True\n"]
    with database.read() as session:
        assert [build.state for build in session.scalars(select(Build))] == ["ready"]
