"""The whole of retrieval behind one door: records in SQL → shelf, index and search, kept up to date."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from retrieval.delta import Overlay
from retrieval.embeddings import RememberedEmbeddings, SentenceEmbeddings, Vectors
from retrieval.filters import asks_for_kinds, barrier
from retrieval.fit import Action, Cause, Decision, after_search, before_search
from retrieval.index import Damaged, Index, OpenIndex
from retrieval.question import Question
from retrieval.records import Record
from retrieval.search import Found, Search
from retrieval.shelf import Shelf
from retrieval.understanding import understand
from store import catalogue
from store.database import Database
from store.tables import Record as Row
from store.tables import now

Progress = Callable[[int], None]
MOST_BESIDE = 500
"""Changed records from which a new build is made at once."""
QUIET = timedelta(minutes=1)
"""For which nothing must have changed before a new build takes in what has."""
_MARGIN = timedelta(minutes=1)
"""By which the clocks of two machines may differ."""


class Unavailable(Exception):
    """There is no index to search at the moment."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do about a question, and with which records."""

    decision: Decision
    found: Found


@dataclass(frozen=True, slots=True)
class _Catalogue:
    """What SQL said at a moment."""

    began: datetime
    records: list[Record]
    marks: dict[str, str | None]


class Engine:
    """Answers questions from the published build. Safe to share between threads."""

    def __init__(self, database: Database, index: Index, embeddings: SentenceEmbeddings) -> None:
        self._database = database
        self._index = index
        self._embeddings = embeddings
        self._search: Search | None = None
        self._shelf = Shelf(())
        self._marks: dict[str, str | None] = {}
        self._began = now()
        self._stamp: tuple[int, datetime | None] | None = None
        self._fresh = 0
        self._printed: tuple[tuple[int, datetime | None], str] | None = None
        self._changing = threading.Lock()

    @property
    def ready(self) -> bool:
        """Whether questions can be answered now."""
        return self._search is not None

    def records(self) -> list[Record]:
        """The records that are offered, as they stand in SQL."""
        with self._database.read() as session:
            return [to_record(row) for row in catalogue.offered(session)]

    def load(self, progress: Progress = lambda done: None, expect: Callable[[int], None] = lambda total: None) -> bool:
        """Open the published build, or make one if it is missing, outdated or damaged; true if one was made.

        `expect` is told how many entries a build will have, `progress` of each one done.
        """
        with self._changing:
            if self._take_over():
                return False
            with self._index.building():
                if self._take_over():
                    return False
                self._build(progress, expect)
                return True

    def _take_over(self) -> bool:
        """Search in the published build, if it is sound and up to date."""
        catalogue_then, opened = self._read(), self._open(self._fingerprint())
        if opened is None:
            return False
        self._search_in(catalogue_then, opened)
        return True

    def _read(self) -> _Catalogue:
        began = now()
        with self._database.read() as session:
            marks = catalogue.marks(session)
            return _Catalogue(began, [to_record(row) for row in catalogue.offered(session)], marks)

    def _search_in(self, catalogue_then: _Catalogue, opened: OpenIndex) -> None:
        """Search the records that were read, and what changes later."""
        self._shelf, self._marks = Shelf(catalogue_then.records), catalogue_then.marks
        self._began, self._stamp = catalogue_then.began - _MARGIN, None
        self._search = Search(self._shelf, opened, self._embeddings)

    def refresh(self) -> int:
        """Search what has changed since the build as well; gives how many records that are.

        The build goes on to answer for what did not change, so that one changed record takes no new build.
        """
        search = self._search
        if search is None:
            return 0
        with self._database.read() as session:
            stamp = catalogue.stamp(session)
            if stamp == self._stamp:
                return self._fresh
            marks = catalogue.marks(session, self._began)
            changed = {key: mark for key, mark in marks.items() if mark != self._marks.get(key)}
            come = [to_record(row) for row in catalogue.of_ids(session, (key for key, mark in changed.items() if mark))]
        gone = [key for key, mark in changed.items() if mark is None]
        with self._changing:
            if self._search is not search:
                return 0  # another build was taken over meanwhile, with another shelf
            self._search = self._laid_over(search, come, gone)
            self._stamp, self._fresh = stamp, len(come) + len(gone)
        return self._fresh

    def _laid_over(self, search: Search, come: Sequence[Record], gone: Sequence[str]) -> Search:
        from retrieval.index import texts

        build = search.index.build if isinstance(search.index, Overlay) else search.index
        remembered = RememberedEmbeddings(self._embeddings, self._database)
        fresh = {r.id: np.array(remembered.embed_documents(texts(r)), np.float32) for r in come if r.offered}
        overlay = Overlay(build, {*gone, *(record.id for record in come)}, fresh)
        ended = [record.id for record in come if not record.offered]
        return Search(self._shelf.changed(come, [*gone, *ended]), overlay, self._embeddings)

    def _build(self, progress: Progress, expect: Callable[[int], None]) -> None:
        from retrieval.index import texts

        catalogue_then, digest = self._read(), self._fingerprint()
        expect(sum(len(texts(record)) for record in catalogue_then.records))
        self._search_in(catalogue_then, self._index.build(catalogue_then.records, digest, progress))

    def _open(self, digest: str) -> OpenIndex | None:
        newest = self._index.newest()
        if newest is None or newest.digest != digest:
            return None
        try:
            return self._index.open()
        except Damaged:
            return None

    def _fingerprint(self) -> str:
        with self._database.read() as session:
            stamp = catalogue.stamp(session)
            if self._printed is None or self._printed[0] != stamp:
                self._printed = stamp, f"{self._embeddings.model}:{catalogue.fingerprint(session)[:48]}"
            return self._printed[1]

    def due(self) -> bool:
        """Whether it is time for a new build: much has changed, or nothing for a while."""
        if not self.outdated():
            return False
        with self._database.read() as session:
            _, newest = catalogue.stamp(session)
        return self._fresh >= MOST_BESIDE or newest is None or now() - newest > QUIET

    def outdated(self) -> bool:
        """Whether the records in SQL are no longer those of the newest build. A rollback holds until they change."""
        newest = self._index.newest()
        return newest is None or newest.digest != self._fingerprint()

    def rollback(self) -> int | None:
        """Go back to the build before; its number, or none if there is no earlier one."""
        earlier = self._index.rollback()
        return earlier.id if earlier else None

    def follow(self) -> bool:
        """Take over a build that another process published, or a rollback; true if there was one."""
        search, published = self._search, self._index.published()
        if search is None or published is None or published.id == search.index.build_id:
            return False
        with self._changing:
            try:
                opened = self._index.open()
            except Damaged:
                return False
            if opened is None:
                return False
            self._search_in(self._read(), opened)
            return True

    def withdraw(self) -> None:
        """Stop answering: the index has shown that it cannot be trusted."""
        self._search = None

    def record(self, record_id: str) -> Record | None:
        """A record that can be offered."""
        search = self._search
        return search.shelf.records.get(record_id) if search else None

    def linked(self, record_id: str, question: Question) -> tuple[Record, ...]:
        """What belongs to a record and may be offered to whoever asked `question`: who teaches it, who has done it."""
        search = self._search
        found = search.shelf.linked(record_id) if search else ()
        return tuple(record for record in found if barrier(record, question) is None)

    def named(self, text: str, language: str) -> bool:
        """Whether a text names a record."""
        search = self._search
        return bool(search and search.shelf.named(text, language))

    def understand(self, text: str, known: str | None = None) -> Question:
        """Read a text, its meaning too. `known`: the language that the person has written so far."""
        return understand(text, known, self._meaning)

    def _meaning(self, text: str, language: str) -> Vectors | None:
        """The vector of a text for the guess, if the encoder is loaded and knows its language."""
        encoder = self._embeddings
        return encoder.query(text) if self.ready and encoder.guesses and encoder.knows(language) else None

    def judge(self, question: Question, *, skip: Sequence[str] = ()) -> Verdict:
        """Decide on a question. Raises `Unavailable`."""
        vague = before_search(question)
        if vague is not None and (_is_firm(vague, question) or not self._calls(question)):
            return Verdict(vague, Found())
        found = self.find(question, skip=skip)
        decision = after_search(question, found)
        if vague is not None and not _called(decision, question, found):
            return Verdict(vague, Found())
        return Verdict(decision, found)

    def _calls(self, question: Question) -> bool:
        """Whether it calls something by its name, or asks for software or an example: found whatever else is meant."""
        return asks_for_kinds(question) or self.named(question.text, question.language)

    def find(self, question: Question, *, skip: Sequence[str] = ()) -> Found:
        """What fits best, whatever is to be done with the question. Raises `Unavailable`."""
        search = self._search
        if search is None:
            raise Unavailable("there is no index")
        try:
            return search.find(question, skip=skip)
        except Exception as error:
            self.withdraw()
            raise Unavailable("the index cannot be read") from error


def _is_firm(decision: Decision, question: Question) -> bool:
    """Whether words have led to a decision, so that a name that stands beside them changes nothing."""
    if decision.cause in {Cause.DISTRESS, Cause.PERSON}:
        return True
    if decision.cause is Cause.OUTSIDE:
        return bool(question.refuse)
    return decision.cause in {Cause.NEED, Cause.ELSEWHERE} and not question.guessed


def _called(decision: Decision, question: Question, found: Found) -> bool:
    """Whether what was found was called by its name, or by its kind."""
    if decision.action is not Action.ANSWER:
        return False
    return asks_for_kinds(question) or found.results[0].features["named"] > 0


def to_record(row: Row) -> Record:
    """The record of a row, with the check that was made here, and the day by which the next is due."""
    record = Record.model_validate(row.body)
    dates = {"checked": row.checked_on or record.checked, "review_by": row.review_by}
    if dates != {"checked": record.checked, "review_by": record.review_by}:
        record = record.model_copy(update=dates)
    return record


__all__ = ["Action", "Cause", "Decision", "Engine", "Unavailable", "Verdict", "to_record"]
