"""The concepts of the domain and the focus areas they belong to, as written in `vocabulary/`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from retrieval.places import FOLDER
from retrieval.yaml import read


class Facet(StrEnum):
    """What kind of thing a concept is."""

    TOPIC = "topic"
    AUDIENCE = "audience"
    GENDER = "gender"
    LEVEL = "level"
    COST = "cost"
    CERTIFICATE = "certificate"
    FORMAT = "format"
    INTENT = "intent"
    NEED = "need"
    ELSEWHERE = "elsewhere"
    REFUSE = "refuse"
    DISTRESS = "distress"
    CONTROL = "control"
    ABOUT = "about"
    SMALLTALK = "smalltalk"
    SIGNAL = "signal"


@dataclass(frozen=True, slots=True)
class Concept:
    """One concept. `gloss` is its plain English phrase, `broader` a more general concept."""

    id: str
    facet: Facet
    gloss: str
    area: str | None = None
    broader: str | None = None


@cache
def concepts() -> dict[str, Concept]:
    """All concepts by id. Raises `TypeError` for a field that there is not (a gloss wants quotation marks)."""
    return {
        key: Concept(key, **{**entry, "facet": Facet(entry["facet"])})
        for key, entry in read(FOLDER / "concepts.yaml").items()
    }


@cache
def focus_areas() -> dict[str, str]:
    """Focus areas: id → English name."""
    areas: dict[str, str] = read(FOLDER / "focus_areas.yaml")["areas"]
    return areas


@cache
def wider(concept: str) -> tuple[str, ...]:
    """`concept` and all that it falls under, nearest first."""
    chain = [concept]
    while (broader := concepts()[chain[-1]].broader) is not None:
        chain.append(broader)
    return tuple(chain)
