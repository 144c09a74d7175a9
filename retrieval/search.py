"""From a question to a ranked list: candidates of three legs, hard filters, readable features, diversity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import nlargest
from itertools import chain

import numpy as np

from retrieval.concepts import concepts, wider
from retrieval.delta import Overlay
from retrieval.embeddings import KNOWS, SentenceEmbeddings
from retrieval.filters import OFFICIALS, WOMEN, YOUNG, barrier, local, proven
from retrieval.guess import NOTHING
from retrieval.index import OpenIndex
from retrieval.lexical import stems
from retrieval.places import covers, official_languages, reach
from retrieval.question import Question
from retrieval.records import Record, Status
from retrieval.shelf import Shelf

NEAREST_ENTRIES = 150
SHOWN = 3
MOST_SCORED = 600
"""Records that are looked at one by one for a question."""
_NONE: frozenset[str] = frozenset()

WEIGHTS = {
    "topic": 0.37,
    "likely": 0.51,
    "meaning": 0.41,
    "words": 0.21,
    "named": 0.59,
    "audience": 0.25,
    "own_country": 0.19,
    "region": 0.04,
    "elsewhere": -0.37,
    "abroad": -0.48,
    "language": 0.34,
    "other_language": 0.02,
    "foreign_language": -0.84,
    "free": 0.06,
    "scholarship": 0.31,
    "certificate": 0.14,
    "format": 0.2,
    "unproven": -0.04,
    "closed_group": -0.24,
    "guide": 0.18,
    "level": 0.09,
    "trust": 0.05,
}
"""What each feature adds to a score: chosen by hand first, then learned from labelled questions (`tests/rank.py`)."""

_BROADER = 0.45
"""How much of a topic a record has that only has the more general one."""
_NARROWER = 0.75
"""How much of a topic a record has that has a more special one."""
_FIRST_TOPICS = 6
"""Topics beyond these say less: a record that lists many is no specialist."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason why a record fits, as a kind and the concept, country or language meant."""

    kind: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """A record that fits, how well, and why."""

    record: Record
    score: float
    features: dict[str, float]
    reasons: tuple[Reason, ...] = ()
    """Why it fits, the weightiest first."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found, and the two figures that tell whether it is an answer."""

    results: tuple[Result, ...] = ()
    meaning: float = 0.0
    """The best similarity of any entry to the question."""
    kept_out: dict[str, int] = field(default_factory=dict)
    """How many candidates each barrier kept out."""


class Search:
    """Searches one shelf with one published build."""

    def __init__(self, shelf: Shelf, index: OpenIndex | Overlay, embeddings: SentenceEmbeddings) -> None:
        self.shelf = shelf
        self.index = index
        self._embeddings = embeddings

    def find(self, question: Question, *, skip: Iterable[str] = (), count: int = SHOWN) -> Found:
        """The best `count` records for a question, without those in `skip`."""
        meanings = self._meanings(question)
        lexical = self._lexical(question)
        named = set(self.shelf.named(question.text, question.language))
        candidates = self._candidates(question, set(meanings) | set(lexical) | named)
        kept_out: dict[str, int] = {}
        scored: list[Result] = []
        for key in candidates - set(skip):
            record = self.shelf.records.get(key)
            if record is None:
                continue
            if stopped := barrier(record, question):
                kept_out[stopped] = kept_out.get(stopped, 0) + 1
                continue
            features = self._features(record, question, meanings.get(key, 0.0), lexical.get(key, 0.0), key in named)
            score = sum(WEIGHTS[name] * value for name, value in features.items())
            scored.append(Result(record, score, features))
        scored.sort(key=lambda result: (-result.score, result.record.id))
        chosen = _diverse(scored, count)
        results = tuple(Result(r.record, r.score, r.features, reasons(r.record, question)) for r in chosen)
        return Found(results, max(meanings.values(), default=0.0), kept_out)

    def _candidates(self, question: Question, found: set[str]) -> set[str]:
        """What the legs have found, and records of the topics and for the people that were named.

        In a large catalogue those are too many to look at each: then the ones that have most of what was named.
        """
        tables = [(self.shelf.by_topic, concept) for topic in question.topics for concept in wider(topic)]
        tables += [(self.shelf.by_audience, audience) for audience in question.audiences]
        named = [table.get(concept, _NONE) for table, concept in tables]
        every = found.union(*named)
        if len(every) <= MOST_SCORED:
            return every
        having = Counter(chain.from_iterable(named))
        return found | {key for key, _ in nlargest(MOST_SCORED, having.items(), key=lambda item: (item[1], item[0]))}

    def _meanings(self, question: Question) -> dict[str, float]:
        """Record → similarity: the mean of that of the text, where the encoder knows its language, and of the gloss."""
        texts = [gloss(question)] if question.topics else []
        if question.language in KNOWS:
            texts.append(question.text)
        if not texts:
            return {}
        # The mean of the similarities is the similarity to the mean: one look into the index does for both.
        mean = np.mean([self._embeddings.query(text) for text in texts], axis=0)
        length = float(np.linalg.norm(mean))
        nearest = self.index.nearest(mean.tolist(), NEAREST_ENTRIES)
        return {key: cosine * length for key, cosine in nearest.items()}

    def _lexical(self, question: Question) -> dict[str, float]:
        scores = self.shelf.bm25.scores(stems(f"{gloss(question)} {question.text}"))
        top = max(scores.values(), default=0.0)
        ranked = sorted(scores, key=lambda key: -scores[key])[:60]
        return {key: scores[key] / top for key in ranked}

    def _features(
        self, record: Record, question: Question, meaning: float, lexical: float, named: bool
    ) -> dict[str, float]:
        features = {"topic": self._topic(record, question), "meaning": meaning, "words": lexical}
        features["likely"] = sum(c * _closeness(t, record) for t, c in question.likely.items() if t != NOTHING)
        features["named"] = float(named)
        features |= _place(record, question) | _people(record, question) | _terms(record, question)
        return features

    def _topic(self, record: Record, question: Question) -> float:
        """How much of what was asked for the record has (0–1), the rare topics counting more."""
        total = sum(sure * self.shelf.rarity(topic) for topic, sure in question.topics.items())
        if not total:
            return 0.0
        got = sum(
            sure * self.shelf.rarity(topic) * _closeness(topic, record) for topic, sure in question.topics.items()
        )
        return got / total


def gloss(question: Question) -> str:
    """What was understood, in plain English: the question's translation through the vocabulary."""
    return "; ".join(concepts()[topic].gloss for topic in question.topics)


def _closeness(topic: str, record: Record) -> float:
    best = 0.0
    for position, own in enumerate(record.topics):
        if own == topic:
            close = 1.0
        elif topic in wider(own):
            close = _NARROWER
        elif own in wider(topic):
            close = _BROADER
        else:
            continue
        best = max(best, close * (1.0 if position < _FIRST_TOPICS else 0.8))
    return best


def _place(record: Record, question: Question) -> dict[str, float]:
    if not local(record):
        return {}
    if not question.countries:
        return {"elsewhere": 1.0 - reach(record.regions, question.language)}
    if not any(covers(record.regions, country) for country in question.countries):
        return {"abroad": 1.0}
    own = set(record.regions) & set(question.countries)
    return {"own_country": 1.0} if own else {"region": 1.0}


def _people(record: Record, question: Question) -> dict[str, float]:
    said = {wide for audience in question.audiences for wide in wider(audience)}
    for_them = {wide for audience in record.audiences if audience != "everyone" for wide in wider(audience)}
    features: dict[str, float] = {}
    if said:
        features["audience"] = len(said & for_them) / len(said) if for_them else 0.0
        if not said & for_them and "everyone" in record.audiences:
            features["audience"] = 0.3
    groups = set(record.eligibility.groups or ()) - {"everyone"}
    if groups and "everyone" not in (record.eligibility.groups or ()) and not groups & said:
        # Nobody said that they belong to the group that this is closed to.
        features["closed_group"] = 1.0 if groups <= OFFICIALS | WOMEN or not groups & YOUNG else 0.5
    if question.level:
        features["level"] = 1.0 if question.level in record.level else -0.5 if record.level else 0.0
    return features


def _terms(record: Record, question: Question) -> dict[str, float]:
    features: dict[str, float] = {}
    features |= _language(record, question)
    if record.cost is not None:
        features["free"] = 1.0 if record.cost[0] in {"free", "sponsored"} else 0.4 if record.cost[0] != "paid" else 0.0
    if question.scholarship:
        features["scholarship"] = float(bool({"sponsored", "scholarships"} & set(record.cost or ())))
    if question.certificate:
        features["certificate"] = {"yes": 1.0, "some": 0.5, "paid": -0.5}.get(record.certificate or "", 0.0)
    features["format"] = _format(record, question)
    features["unproven"] = 0.0 if proven(record, question) else 1.0
    if "guide" in question.intents:
        features["guide"] = float("toolkit" in (record.modality or ()) or record.kind == "resource")
    trust = {"high": 1.0, "medium": 0.5}.get(record.confidence, 0.0)
    features["trust"] = trust - float(record.status is Status.UNKNOWN) - float(record.overdue)
    return features


def _language(record: Record, question: Question) -> dict[str, float]:
    if record.languages is None:
        return {}
    offered = set(record.languages)
    if offered & ({*question.taught_in, *question.speaks} or {question.language}):
        return {"language": 1.0}
    read = {"en", question.language}.union(*(official_languages(country) for country in question.countries))
    return {"other_language" if offered & read else "foreign_language": 1.0}


def _format(record: Record, question: Question) -> float:
    modes = set(record.modality or ())
    wanted = {
        "online": {"online-self-paced", "online-instructor-led"},
        "self-paced": {"online-self-paced"},
        "in-person": {"in-person", "blended"},
        "instructor": {"online-instructor-led", "in-person", "blended"},
        "offline": {"offline"},
        "on-phone": {"online-self-paced"},
    }
    asked = [wanted[name] for name in question.formats if name in wanted]
    return sum(bool(modes & modes_wanted) for modes_wanted in asked) / len(asked) if asked else 0.0


def _diverse(ranked: list[Result], count: int) -> list[Result]:
    """The best of the list, not three times the same provider."""
    chosen: list[Result] = []
    providers: set[str] = set()
    for result in ranked:
        if len(chosen) == count:
            break
        if result.record.provider not in providers:
            chosen.append(result)
            providers.add(result.record.provider)
    return chosen


def reasons(record: Record, question: Question) -> tuple[Reason, ...]:
    """Why a record fits, in what was asked and the record really has."""
    found = [
        Reason("topic", topic)
        for topic in sorted(question.topics, key=lambda t: -_closeness(t, record))
        if _closeness(topic, record) >= _BROADER
    ][:2]
    for_them = {wide for audience in record.audiences if audience != "everyone" for wide in wider(audience)}
    found += [Reason("audience", audience) for audience in question.audiences if audience in for_them][:1]
    if question.countries and local(record):
        found += [Reason("country", c) for c in question.countries if covers(record.regions, c)][:1]
    if question.free and record.cost and record.cost[0] in {"free", "sponsored"}:
        found.append(Reason("free"))
    if question.certificate and record.certificate == "yes":
        found.append(Reason("certificate"))
    spoken = question.taught_in or (question.language,)
    found += [Reason("language", code) for code in spoken if code in (record.languages or ())][:1]
    return tuple(found)
