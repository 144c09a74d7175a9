"""From a question to a ranked list: candidates of three legs, hard filters, readable features, diversity."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import nlargest
from operator import itemgetter

import numpy as np

from retrieval.concepts import concepts, wider
from retrieval.delta import Overlay
from retrieval.embeddings import SentenceEmbeddings
from retrieval.filters import (
    GOODS,
    NOT_TRAINING,
    OFFICIALS,
    WOMEN,
    YOUNG,
    barrier,
    just_names,
    kinds_asked_for,
    local,
    proven,
    wish_for,
)
from retrieval.index import OpenIndex
from retrieval.leaning import likely_topics
from retrieval.lexical import stems
from retrieval.places import covers, official_languages, reach
from retrieval.question import Question
from retrieval.records import Kind, Record, Status
from retrieval.shelf import Shelf

NEAREST_ENTRIES = 150
BEST_LEXICAL = 60
SHOWN = 3
MOST_SCORED = 400
"""Records that are looked at one by one for a question."""

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
    "asked_kind": 1.2,
    "linked": 0.6,
}
"""What each feature adds to a score: chosen by hand first, then learned from labelled questions (`tests/rank.py`)."""

_BROADER = 0.45
"""How much of a topic a record has that only has the more general one."""
_NARROWER = 0.75
"""How much of a topic a record has that has a more special one."""
_LIKELY = 0.1
"""Probability from which software and examples are looked at that have a topic which no word names."""
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


@dataclass(frozen=True, slots=True)
class _Looking:
    """A question, which kinds beside training it wants (and how many of each), and what each leg has found."""

    question: Question
    kinds: dict[Kind, int]
    named: set[str]
    meanings: dict[str, float] = field(default_factory=dict)
    lexical: dict[str, float] = field(default_factory=dict)
    likely: dict[str, float] = field(default_factory=dict)
    """Topic → probability, by the guess."""

    @property
    def topics(self) -> list[str]:
        """What was named for sure; that software is to be open says little where it is said what it is to do."""
        sure = [topic for topic, chance in self.question.topics.items() if chance >= 1]
        return [topic for topic in sure if topic != GOODS] or sure


class Search:
    """Searches one shelf with one published build."""

    def __init__(self, shelf: Shelf, index: OpenIndex | Overlay, embeddings: SentenceEmbeddings) -> None:
        self.shelf = shelf
        self.index = index
        self._embeddings = embeddings

    def find(self, question: Question, *, skip: Iterable[str] = (), count: int = SHOWN) -> Found:
        """The best `count` records for a question, without those in `skip`."""
        looking = self._looking(question)
        candidates = self._candidates(question, looking.named.union(looking.meanings, looking.lexical)) - set(skip)
        kept_out: dict[str, int] = {}
        ranked = self._ranked(candidates, looking, kept_out)
        if belonging := self._belonging(ranked, looking) - set(skip):
            others = [result for result in ranked if result.record.id not in belonging]
            ranked = sorted([*others, *self._ranked(belonging, looking, {}, linked=True)], key=_order)
        chosen = _diverse(ranked, count, looking.kinds)
        results = tuple(Result(r.record, r.score, r.features, reasons(r.record, question)) for r in chosen)
        return Found(results, max(looking.meanings.values(), default=0.0), kept_out)

    def _looking(self, question: Question) -> _Looking:
        named = set(self.shelf.named(question.text, question.language))
        looking = _Looking(question, kinds_asked_for(question), named, likely=likely_topics(question))
        meanings = {key: near for key, near in self._meanings(question).items() if self._admits(key, looking)}
        return replace(looking, meanings=meanings, lexical=self._lexical(looking))

    def _ranked(
        self, keys: Iterable[str], looking: _Looking, kept_out: dict[str, int], *, linked: bool = False
    ) -> list[Result]:
        """What of `keys` may be shown, the best first; `kept_out` counts what stands in the way of others."""
        found = []
        for key in keys:
            record = self.shelf.records.get(key)
            if record is None or not self._admits(key, looking):
                continue
            if stopped := barrier(record, looking.question):
                kept_out[stopped] = kept_out.get(stopped, 0) + 1
                continue
            features = self._features(record, looking, linked)
            found.append(Result(record, sum(WEIGHTS[name] * value for name, value in features.items()), features))
        return sorted(found, key=_order)

    def _admits(self, key: str, looking: _Looking) -> bool:
        """Whether a record is training, or of another kind that was asked for or named, and about the right thing."""
        record = self.shelf.records.get(key)
        if record is None or record.kind not in NOT_TRAINING:
            return True
        fitting = [_closeness(topic, record) > _BROADER for topic in looking.topics]
        if record.kind in looking.kinds:
            likely = (_closeness(topic, record) > _BROADER for topic, c in looking.likely.items() if c >= _LIKELY)
            return not fitting or any(fitting) or any(likely)
        return key in looking.named and just_names(looking.question) and all(fitting)

    def _belonging(self, ranked: Sequence[Result], looking: _Looking) -> set[str]:
        """What is linked with the software that was named, or with the best of the software or experiences found."""
        named = [key for key in looking.named if (r := self.shelf.records.get(key)) and r.kind is Kind.PRODUCT]
        best = [result.record.id for result in ranked if result.record.kind in NOT_TRAINING][:1]
        linked = (record for key in best or named for record in self.shelf.linked(key))
        return {record.id for record in linked if record.kind not in NOT_TRAINING}

    def _candidates(self, question: Question, found: set[str]) -> set[str]:
        """What the legs have found, and records of the topics and for the people that were named.

        In a large catalogue those are too many to look at each: then the ones that have most of what was named.
        """
        topics = [concept for topic in question.topics for concept in wider(topic)]
        named = [self.shelf.by_topic[concept] for concept in topics if concept in self.shelf.by_topic]
        named += [self.shelf.by_audience[who] for who in question.audiences if who in self.shelf.by_audience]
        every = found.union(*named)
        return every if len(every) <= MOST_SCORED else found | self.shelf.having_most(named, MOST_SCORED)

    def _meanings(self, question: Question) -> dict[str, float]:
        """Record → similarity: the mean of that of the text, where the encoder knows its language, and of the gloss."""
        texts = [gloss(question)] if question.topics else []
        if self._embeddings.knows(question.language):
            texts.append(question.text)
        if not texts:
            return {}
        # The mean of the similarities is the similarity to the mean: one look into the index does for both.
        mean = np.mean([self._embeddings.query(text) for text in texts], axis=0)
        length = float(np.linalg.norm(mean))
        nearest = self.index.nearest(mean.tolist(), NEAREST_ENTRIES)
        return {key: cosine * length for key, cosine in nearest.items()}

    def _lexical(self, looking: _Looking) -> dict[str, float]:
        # Software and examples are told apart by what they do, which no topic says as well as the person's own words.
        said = looking.question.text if looking.kinds else f"{gloss(looking.question)} {looking.question.text}"
        # Few are kept out: looking through the best alone is enough, and all may be thousands.
        best = nlargest(4 * BEST_LEXICAL, self.shelf.bm25.scores(stems(said)).items(), key=itemgetter(1))
        ranked = [(key, score) for key, score in best if self._admits(key, looking)][:BEST_LEXICAL]
        return {key: score / ranked[0][1] for key, score in ranked}

    def _features(self, record: Record, looking: _Looking, linked: bool) -> dict[str, float]:
        question, key = looking.question, record.id
        features = {"topic": self._topic(record, question)}
        features |= {"meaning": looking.meanings.get(key, 0.0), "words": looking.lexical.get(key, 0.0)}
        features["likely"] = sum(c * _closeness(t, record) for t, c in looking.likely.items())
        features["named"] = float(key in looking.named)
        called = record.kind in NOT_TRAINING and key in looking.named
        features["asked_kind"] = 1.0 if called else wish_for(record.kind, question)
        features["linked"] = float(linked and key not in looking.named)
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
    if record.kind is Kind.EXPERIENCE:  # of use to everybody; the country itself may have been asked about
        return {"own_country": float(bool(set(record.regions) & set(question.countries)))}
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
    if record.languages is None or record.kind in NOT_TRAINING:  # nobody has to follow lessons in it
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


def _order(result: Result) -> tuple[float, str]:
    return -result.score, result.record.id


def _diverse(ranked: Sequence[Result], count: int, kinds: Mapping[Kind, int]) -> list[Result]:
    """The best of the list, not three times the same provider, and no more of a kind than there is room for."""
    chosen: list[Result] = []
    providers: set[str] = set()
    room = {kind: kinds.get(kind, 1) for kind in NOT_TRAINING}
    for result in ranked:
        if len(chosen) == count:
            break
        record = result.record
        if record.kind in NOT_TRAINING:  # who makes software may teach it too: both are shown
            room[record.kind] -= 1
            chosen += [result] * (room[record.kind] >= 0)
        elif record.provider not in providers:
            chosen.append(result)
            providers.add(record.provider)
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
