"""Hard filters: what a person cannot join, or has ruled out, is never offered. `unknown` never breaks a demand."""

from __future__ import annotations

from enum import StrEnum

from retrieval.places import EVERYWHERE, covers, reach
from retrieval.question import Question
from retrieval.records import Kind, Record
from retrieval.wishes import EXAMPLE, SOFTWARE

OFFICIALS = frozenset(
    [
        "civil-servants",
        "policymakers",
        "regulators",
        "local-government",
        "parliamentarians",
        "judiciary",
        "diplomats",
        "statisticians",
        "financial-regulators",
    ]
)
"""Audiences that are in public service: a programme for one of them is not open to the public."""
WOMEN = frozenset({"women-girls"})
YOUNG = frozenset({"youth", "students", "children"})
_PRIVATE = frozenset(
    {"youth", "students", "jobseekers", "smes", "parents", "children", "older-persons", "rural", "refugees"}
)
_ONLINE = frozenset({"online-self-paced", "online-instructor-led", "blended", "toolkit", "directory"})
_WITHOUT_INTERNET = frozenset({"offline", "in-person", "blended", "toolkit", "advisory"})
_PRESENT = frozenset({"in-person", "blended", "advisory"})


class Barrier(StrEnum):
    """Why a record may not be offered to this person."""

    ENDED = "ended"
    COUNTRY = "country"
    GROUP = "group"
    AGE = "age"
    COST = "cost"
    CERTIFICATE = "certificate"
    LANGUAGE = "language"
    FORMAT = "format"


def barrier(record: Record, question: Question) -> Barrier | None:
    """The first reason why `record` may not be offered, or none."""
    if not record.offered:
        return Barrier.ENDED
    if not _admits_country(record, question):
        return Barrier.COUNTRY
    if not _admits_group(record, question):
        return Barrier.GROUP
    age = record.eligibility.age
    if question.age is not None and age is not None and not age.min <= question.age <= age.max:
        return Barrier.AGE
    if question.free and record.cost is not None and record.cost[0] == "paid":
        return Barrier.COST
    if question.certificate and (record.certificate == "no" or (question.free and record.certificate == "paid")):
        return Barrier.CERTIFICATE
    if not _speaks(record, question):
        return Barrier.LANGUAGE
    if not _has_format(record, question):
        return Barrier.FORMAT
    return None


def _admits_country(record: Record, question: Question) -> bool:
    if record.kind is Kind.EXPERIENCE:  # where it was made shuts nobody out: others are to learn from it
        return True
    if not question.countries:  # not said: then it is where the language is at home, more or less
        return not local(record) or reach(record.regions, question.language) > 0
    allowed = record.eligibility.countries
    if allowed is None:  # not said who may join: then where it works decides
        allowed = record.regions
    return any(covers(allowed, country) for country in question.countries)


def local(record: Record) -> bool:
    """Whether the record is made for some countries only, whoever may join."""
    return not EVERYWHERE & set(record.regions)


def _admits_group(record: Record, question: Question) -> bool:
    groups = record.eligibility.groups
    said = set(question.audiences)
    if question.male and groups and set(groups) <= WOMEN:
        return False
    if not groups or "everyone" in groups or not said or said & set(groups):
        return True
    if set(groups) <= OFFICIALS | {"technical-professionals", "network-operators"}:
        return not (said & _PRIVATE) or bool(said & OFFICIALS)
    return True


def _speaks(record: Record, question: Question) -> bool:
    if record.languages is None:
        return True
    if question.taught_in and not set(record.languages) & set(question.taught_in):
        return False
    return not question.not_taught_in or not set(record.languages) <= set(question.not_taught_in)


def _has_format(record: Record, question: Question) -> bool:
    if record.modality is None:
        return True
    modes = set(record.modality)
    if "offline" in question.formats and not modes & _WITHOUT_INTERNET:
        return False
    wants_online = "online" in question.formats or "in-person" in question.not_formats
    wants_present = "in-person" in question.formats or "online" in question.not_formats
    if wants_online and wants_present and "in-person" not in question.not_formats:
        return True  # "online or in person"
    if wants_online:
        return bool(modes & _ONLINE)
    return not wants_present or bool(modes & _PRESENT)


_LEARNING = frozenset({"course", "team-training", "learn", "provider-wanted"})
_WISH = {Kind.PRODUCT: SOFTWARE, Kind.EXPERIENCE: EXAMPLE}
_SURE, _POSSIBLE = 0.5, 0.25
"""Probabilities of a wish from which two records of its kind are shown, and one."""
GOODS = "digital-public-goods"
NOT_TRAINING = frozenset({Kind.PRODUCT, Kind.EXPERIENCE})
"""Kinds that are shown only to whoever asks for them."""


def kinds_asked_for(question: Question) -> dict[Kind, int]:
    """Which of the kinds `NOT_TRAINING` a question may want, and how many of each at most: two, in doubt one."""
    chances = {kind: wish_for(kind, question) for kind in NOT_TRAINING}
    return {kind: 2 if chance >= _SURE else 1 for kind, chance in chances.items() if chance >= _POSSIBLE}


def wish_for(kind: Kind, question: Question) -> float:
    """How likely it is that a question wants one of the kinds `NOT_TRAINING`; 0 for training."""
    if kind is Kind.EXPERIENCE and question.scholarship:  # "which countries have scholarships?" seeks a place to study
        return 0.0
    return question.wants.get(_WISH[kind], 0.0) if kind in NOT_TRAINING else 0.0


def asks_for_kinds(question: Question) -> bool:
    """Whether software or an example is surely what is wanted."""
    return 2 in kinds_asked_for(question).values()


def kinds_that_follow(question: Question) -> frozenset[Kind]:
    """Of what belongs to something that was shown before, what a question without a topic asks for, if anything."""
    wishes = set(question.intents)
    if EXAMPLE in wishes:
        return frozenset({Kind.EXPERIENCE})
    if SOFTWARE in wishes:
        return frozenset({Kind.PRODUCT})
    teaching = _LEARNING & wishes or "instructor" in question.formats
    return frozenset(Kind) - NOT_TRAINING if teaching else frozenset()


def just_names(question: Question) -> bool:
    """Whether something that is named in the question is itself what it is about: "what is X-Road?"."""
    return not _LEARNING & set(question.intents)


def proven(record: Record, question: Question) -> bool:
    """Whether the record is known, not just unknown, to keep the demands on language and price."""
    if question.taught_in and record.languages is None:
        return False
    return not question.free or record.cost is not None
