"""How a catalogue of 100,000 records does: `python -m tests.many [COUNT]`; part of `make bench`.

The records are made up of those of the starter catalogue: topics, audiences, places, prices and formats newly mixed,
and two texts each out of theirs, so that there are many vectors to search but not as many to compute. The rate at which
vectors are computed is shown apart.
"""

from __future__ import annotations

import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ingest.files import STARTER, catalogue_files, read_records
from ingest.load import keep_all
from retrieval.embeddings import SentenceEmbeddings
from retrieval.engine import Engine
from retrieval.index import Index
from retrieval.records import Record
from retrieval.understanding import warm_up
from store.database import Database
from tests import scores

MANY = 100_000
_BATCH = 2_000
_QUESTIONS = 200


def synthetic(count: int) -> Iterator[Record]:
    """Records that nobody offers."""
    chance = random.Random(1)
    known = [found for found in read_records(catalogue_files(STARTER)) if isinstance(found, Record)]
    for number in range(count):
        one, other, third = chance.sample(known, 3)
        yield one.model_copy(
            update={
                "id": f"made-{number}",
                "name": f"{one.name[:100]} {number}",
                "provider": f"{other.provider[:100]} {number % 5_000}",
                "summaries": {"en": one.summaries["en"]},
                "teaches": (chance.choice(other.teaches),),
                "topics": tuple(dict.fromkeys((*one.topics[:3], *other.topics[:3]))),
                "regions": third.regions,
                "eligibility": third.eligibility,
                "url": None,
            }
        )


def timed(what: str, act: Callable[[], object], count: int = 0) -> float:
    """Do it and say how long it took."""
    began = time.perf_counter()
    act()
    took = time.perf_counter() - began
    print(f"{what}: {took:.1f} s" + (f" ({count / took:,.0f}/s)" if count else ""), flush=True)
    return took


def load(database: Database, records: Sequence[Record]) -> None:
    """Put records into the catalogue as a trusted source would."""
    for start in range(0, len(records), _BATCH):
        with database.write() as session:
            keep_all(session, records[start : start + _BATCH])


def queries(engine: Engine) -> float:
    """The 95th percentile of a question in milliseconds, understanding left out."""
    asked = [engine.understand(question.text) for question in scores.questions("developed")[:_QUESTIONS]]
    for question in asked[:20]:
        engine.judge(question)
    took = []
    for question in asked:
        began = time.perf_counter()
        engine.judge(question)
        took.append((time.perf_counter() - began) * 1000)
    p95 = sorted(took)[int(len(took) * 0.95)]
    print(
        f"{len(engine.records()):,} records: question median {statistics.median(took):.1f} ms, p95 {p95:.1f} ms",
        flush=True,
    )
    return p95


def measure(count: int, embeddings: SentenceEmbeddings, home: Path) -> float:
    """Load, build, ask, change one."""
    database = Database(f"sqlite:///{home / 'many.db'}")
    database.migrate()
    records = list(synthetic(count))
    timed(f"load {count:,} records", lambda: load(database, records), count)
    engine = Engine(database, Index(database, home / "index", None, embeddings), embeddings)
    timed("build the index", engine.load, 2 * count)
    p95 = queries(engine)
    with database.write() as session:
        keep_all(session, [records[0].model_copy(update={"name": "Quite another name"})])
    timed("find one changed record", engine.refresh)
    assert engine._search
    assert engine._search.shelf.named("quite another name") == ("made-0",)
    database.close()
    return p95


def main(count: int) -> None:
    """A small catalogue and a large one."""
    warm_up()
    embeddings = SentenceEmbeddings()
    texts = [f"{record.summaries['en']} {n}" for n, record in zip(range(500), synthetic(500), strict=True)]
    timed("compute 500 vectors", lambda: embeddings.encode(texts), 500)
    p95 = []
    for size in (1_000, count):
        with tempfile.TemporaryDirectory() as home:
            p95.append(measure(size, embeddings, Path(home)))
    print(f"p95 of {count:,} is {p95[1] / p95[0]:.1f} times that of 1,000")
    print(f"memory at its highest: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else MANY)
