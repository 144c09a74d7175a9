"""Does anything fit? Answer, ask one question, or hand over to a person."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from retrieval.filters import NOT_TRAINING, asks_for_kinds, proven
from retrieval.leaning import Way
from retrieval.question import Question
from retrieval.search import Found

ENOUGH_TOPIC = 0.4
"""Share of what was asked for that the best record must have."""
ENOUGH_MEANING = 0.46
"""Similarity from which an entry is taken for an answer when no topic was recognised."""
_CLEARLY = 0.9
"""Probability beside which single words mean something else ("no fake certificates", "are you a human?")."""
SMALL = 4
"""Words up to which a message that names nothing is a greeting or a sigh rather than a wish."""


_LEARNING = frozenset({"course", "learn", "guide", "team-training"})


class Action(StrEnum):
    """What the assistant does with a message. The names are those of the evaluation sets."""

    ANSWER = "answer"
    CLARIFY = "clarify"
    ESCALATE = "escalate"
    SMALLTALK = "smalltalk"
    STOP = "stop"
    ERASE = "erase"
    HANDOFF = "handoff"
    REFUSE = "refuse"
    HELD = "held"
    """An officer has the talk: the assistant is silent."""


class Cause(StrEnum):
    """Why a message goes where it goes."""

    DISTRESS = "distress"
    PERSON = "person"
    NEED = "need"
    NOTHING_FITS = "nothing-fits"
    ELSEWHERE = "elsewhere"
    VAGUE = "vague"
    OUTSIDE = "outside"
    FITS = "fits"
    TALK = "talk"
    FAILURE = "failure"
    UNREAD = "unread"


@dataclass(frozen=True, slots=True)
class Decision:
    """An action and its cause."""

    action: Action
    cause: Cause


def before_search(question: Question) -> Decision | None:
    """What can be decided by what was said alone."""
    if question.distress:
        return Decision(Action.ESCALATE, Cause.DISTRESS)
    if {"crime", "manipulation"} & set(question.refuse) and question.leaning.get(Way.ANSWER, 0.0) < _CLEARLY:
        return Decision(Action.REFUSE, Cause.OUTSIDE)
    if "person" in question.controls and question.leaning.get(Way.SMALLTALK, 0.0) < _CLEARLY:  # "are you a human?"
        return Decision(Action.HANDOFF, Cause.PERSON)
    if not question.leaning:  # chosen by a button, not said
        return None if question.searchable else Decision(Action.CLARIFY, Cause.VAGUE)
    if question.way == Way.PERSON:
        said = question.elsewhere and not (question.needs or question.asks_someone)
        return Decision(Action.ESCALATE, Cause.ELSEWHERE if said else Cause.NEED)
    if question.way == Way.REFUSE:
        return Decision(Action.REFUSE, Cause.OUTSIDE)
    if question.way == Way.ANSWER or question.topics:
        return None
    small = question.way == Way.SMALLTALK
    return Decision(Action.SMALLTALK, Cause.TALK) if small else Decision(Action.CLARIFY, Cause.VAGUE)


def after_search(question: Question, found: Found) -> Decision:
    """What the best results are worth."""
    nothing = Decision(Action.ESCALATE, Cause.NOTHING_FITS)
    if not found.results:
        return nothing
    if (question.free or question.taught_in) and not any(proven(r.record, question) for r in found.results):
        return nothing
    best = found.results[0]
    if _enough(question, found) or best.features["named"]:
        return Decision(Action.ANSWER, Cause.FITS)
    if found.meaning >= ENOUGH_MEANING:
        return Decision(Action.ANSWER, Cause.FITS)
    if not question.topics and question.audiences and len(question.unknown) <= 2:
        return Decision(Action.CLARIFY, Cause.VAGUE)
    strange = 2 if _LEARNING & set(question.intents) else 1
    if not question.topics and len(question.unknown) <= strange and question.length <= SMALL * 2:
        return Decision(Action.CLARIFY, Cause.VAGUE)
    return nothing


def _enough(question: Question, found: Found) -> bool:
    """Whether a result has enough of what was asked for, or all of one thing that was named for sure.

    Of software or an example that was surely wanted it is enough that it likely does what was meant.
    """
    named = [topic for topic, sure in question.topics.items() if sure >= 1]
    fitting = [r for r in found.results if proven(r.record, question)]
    if any(r.features["topic"] >= ENOUGH_TOPIC or set(named) & set(r.record.topics) for r in fitting):
        return True
    surely = asks_for_kinds(question)
    return any(surely and r.record.kind in NOT_TRAINING and r.features["likely"] >= ENOUGH_TOPIC for r in fitting)
