"""Which way a message leans: to an answer, to a person, to a question back. Readable features, learned weights.

Words alone do not tell: "a course on writing a strategy" and "somebody to write our strategy" share nearly all of
theirs. So what the words say and what the guess holds likely are weighed together (docs/retrieval.md).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from enum import StrEnum
from functools import cache
from math import log

from retrieval.concepts import Facet, concepts
from retrieval.question import Question
from retrieval.weighing import FOLDER, weigh, weights

WEIGHTS = FOLDER / "leaning.json"


class Way(StrEnum):
    """What can be done with a message. A person takes up what is outside our field, too, and whoever is in danger."""

    ANSWER = "answer"
    PERSON = "person"
    REFUSE = "refuse"
    CLARIFY = "clarify"
    SMALLTALK = "smalltalk"
    STOP = "stop"
    ERASE = "erase"


VAGUE = "vague"
KINDS = ("topic", "need", "elsewhere", "distress", "refuse", "smalltalk", "person", "stop", "erase", VAGUE)
"""Kinds of what a message can be about: facets, controls said in one's own words, and nothing in particular."""
_LEAST = 0.01
_SHORT, _LONG = 4, 16
_LEARNING = frozenset({"learn", "course", "guide", "team-training"})
_INTENTS = ("learn", "course", "guide", "team-training", "provider-wanted", "event", "software", "example")
_DANGER = 0.4
"""Probability from which somebody is taken to be in danger, whatever else they say: to ask in vain costs little."""
_LIKELY = 0.5
"""Probability from which a topic is taken for meant in a text of less than `_TELLING` words."""
_TELLING = 3
_ABOUT_DATA = frozenset({"me", "privacy"})
"""Controls that sound like “stop” and “erase”, and ask for neither."""
_CLEAR = 0.6
"""Probability from which a person is wanted although the words name a topic and no need."""
_SURE = 0.8
"""Probability from which nobody is asked whether they meant it."""


def kind_of(concept: str) -> str:
    """The kind of a class of the guess."""
    if not concept:
        return VAGUE
    facet = concepts()[concept].facet
    return concept if facet is Facet.CONTROL else str(facet)


def likely_kinds(question: Question) -> dict[str, float]:
    """Kind → probability, by the guess."""
    found: defaultdict[str, float] = defaultdict(float)
    for concept, chance in question.likely.items():
        found[kind_of(concept)] += chance
    return found


def features(question: Question) -> dict[str, float]:
    """What is weighed: how likely each kind is (a logarithm, 0 for not at all), and what the words say for sure."""
    likely = likely_kinds(question)
    guessed = {f"likely {kind}": log(max(likely[kind], _LEAST) / _LEAST) for kind in KINDS}
    said = {
        "always": True,
        **_wishes(question),
        **_needs(question),
        **{f"says {name}": name in question.controls for name in ("person", "stop", "erase")},
        "short": question.length <= _SHORT,
        "long": question.length > _LONG,
        "nothing known": not _says_anything(question),
    }
    strange = len(question.unknown) / max(question.length, 1)
    return guessed | {name: float(value) for name, value in said.items()} | {"strange words": strange}


def _wishes(question: Question) -> dict[str, bool]:
    sure = [topic for topic, certainty in question.topics.items() if certainty >= 1]
    return {
        "topic": bool(sure),
        "several topics": len(sure) > 1,
        "topic misspelt": bool(question.topics) and not sure,
        "audience": bool(question.audiences),
        "place": bool(question.countries),
        "free": question.free,
        "scholarship": question.scholarship,
        "certificate": question.certificate,
        "language": bool(question.taught_in),
        "format": bool(question.formats),
        "level": question.level is not None,
        **{f"wants {name}": name in question.intents for name in _INTENTS},
    }


def _needs(question: Question) -> dict[str, bool]:
    return {
        "asks someone": question.asks_someone,
        "elsewhere": bool(question.elsewhere),
        "distress": bool(question.distress),
        "small talk": bool(question.smalltalk),
        "crime": bool({"crime", "manipulation"} & set(question.refuse)),
        "errand": bool({"errand", "abuse"} & set(question.refuse)),
        **{f"needs {need}": need in question.needs for need in _every_need()},
        "need and learning": bool(question.needs) and bool(_LEARNING & set(question.intents)),
        "need and topic": bool(question.needs) and bool(question.topics),
    }


@cache
def _every_need() -> tuple[str, ...]:
    return tuple(key for key, concept in concepts().items() if concept.facet is Facet.NEED)


def _says_anything(question: Question) -> bool:
    wishes = question.topics or question.audiences or question.smalltalk
    return bool(wishes or question.needs or question.elsewhere or question.refuse)


def lean(question: Question) -> dict[Way, float]:
    """Way → probability, the likeliest first."""
    return {Way(way): chance for way, chance in weigh(features(question), weights(WEIGHTS)).items()}


def settle(question: Question) -> Question:
    """Decide which way a message leans, and take what is most likely for meant where no word names it."""
    leaning = _in_doubt(lean(question), question)
    way, chance = next(iter(leaning.items()))
    question = replace(question, leaning={str(each): round(value, 3) for each, value in leaning.items()})
    if not question.distress and likely_kinds(question)["distress"] >= _DANGER:
        return replace(question, distress=_likeliest(question, "distress"), guessed=True)
    telling = question.length >= _TELLING or likeliest_topic(question) >= _LIKELY
    if way is Way.ANSWER and not question.topics and telling:
        return replace(question, topics=_meant(likely_topics(question)), guessed=True)
    if way in {Way.STOP, Way.ERASE} and chance >= _SURE and not _ABOUT_DATA & set(question.controls):
        return replace(question, controls=(str(way),), topics={}, intents=())
    if way is Way.PERSON and not (_needs_said(question) or "person" in question.controls):
        return _with_need(question)
    return question


def _in_doubt(leaning: dict[Way, float], question: Question) -> dict[Way, float]:
    """Whoever names a topic and no need is answered, unless it is clear enough that they want a person."""
    (first, high), (second, low), *others = leaning.items()
    named = any(sure >= 1 for sure in question.topics.values()) and "person" not in question.controls
    if (first, second) != (Way.PERSON, Way.ANSWER) or high >= _CLEAR or not named or _needs_said(question):
        return leaning
    return {second: high, first: low, **dict(others)}


def _needs_said(question: Question) -> bool:
    return bool(question.needs or question.asks_someone or question.elsewhere or question.distress)


def likely_topics(question: Question) -> dict[str, float]:
    """Topic → probability, if it is about one."""
    chances = {concept: chance for concept, chance in question.likely.items() if kind_of(concept) == "topic"}
    total = sum(chances.values())
    return {topic: chance / total for topic, chance in chances.items()}


def likeliest_topic(question: Question) -> float:
    """How likely the likeliest topic is, beside all else that a message can be about."""
    return max((chance for concept, chance in question.likely.items() if kind_of(concept) == "topic"), default=0.0)


def _meant(chances: dict[str, float]) -> dict[str, float]:
    """The likeliest topics: the best, and what is at least half as likely."""
    best = max(chances.values(), default=0.0)
    return {topic: chance for topic, chance in chances.items() if chance >= best / 2}


def _with_need(question: Question) -> Question:
    """What a person is most likely needed for."""
    kinds = {"need", "elsewhere", "person"}
    kind = next((kind_of(concept) for concept in question.likely if kind_of(concept) in kinds), "")
    match kind:
        case "need":
            return replace(question, needs=_likeliest(question, kind), guessed=True)
        case "elsewhere":
            return replace(question, elsewhere=_likeliest(question, kind), guessed=True)
        case "person":
            return replace(question, controls=(*question.controls, "person"), guessed=True)
    return question


def _likeliest(question: Question, kind: str) -> tuple[str]:
    return (next(concept for concept in question.likely if kind_of(concept) == kind),)
