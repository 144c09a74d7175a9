"""Records of the catalogue: providers, programmes, resources (and what is to come beside them).

Field names follow schema.org where it has the thing (Organization, Course, LearningResource): `languages` is
inLanguage (BCP 47), `cost` isAccessibleForFree with more shades, `modality` courseMode, `certificate`
educationalCredentialAwarded, `regions` and `eligibility.countries` areaServed (ISO 3166-1, groups of
`vocabulary/regions.yaml` with their M49 codes, `GLOBAL`). `unknown` is a value of its own: it is read as None and
never means "no".
"""

from __future__ import annotations

import hashlib
import json
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, HttpUrl, model_validator

from retrieval.concepts import Facet, concepts, focus_areas
from retrieval.places import is_place


class Kind(StrEnum):
    """What a record is."""

    PROVIDER = "provider"
    PROGRAMME = "programme"
    RESOURCE = "resource"
    PRODUCT = "product"
    """A digital public good or building block."""
    EXPERIENCE = "experience"
    """What a country has done and can tell others about."""


class Status(StrEnum):
    """Whether it still runs."""

    ACTIVE = "active"
    PRESUMED_ACTIVE = "presumed-active"
    ENDED = "ended"
    UNKNOWN = "unknown"


Modality = Literal[
    "online-self-paced",
    "online-instructor-led",
    "blended",
    "in-person",
    "offline",
    "toolkit",
    "advisory",
    "directory",
]
Cost = Literal["free", "free-audit", "freemium", "sponsored", "scholarships", "paid", "varies"]
Certificate = Literal["yes", "some", "no", "paid"]
How = Literal["open", "registration", "application", "nomination", "invitation", "membership", "partner"]


def _unknown_is_none(value: Any) -> Any:
    return None if value == "unknown" else value


def _plain(value: Any) -> Any:
    """YAML reads a bare `yes` or `NO` (Norway) as a truth value."""
    return {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else _unknown_is_none(value)


def _place(value: str) -> str:
    if not is_place(value):
        raise ValueError("not a country (ISO 3166-1 alpha-2), a group of regions.yaml, GLOBAL or ALL")
    return value


def _concept(facet: Facet) -> Any:
    def check(value: str) -> str:
        found = concepts().get(value)
        if found is None or found.facet is not facet:
            raise ValueError(f"no {facet} of concepts.yaml")
        return value

    return AfterValidator(check)


def _audience(value: str) -> str:
    if value != "everyone" and (value not in concepts() or concepts()[value].facet is not Facet.AUDIENCE):
        raise ValueError("no audience of concepts.yaml")
    return value


def _area(value: str) -> str:
    if value not in focus_areas():
        raise ValueError("no focus area of focus_areas.yaml")
    return value


Place = Annotated[str, BeforeValidator(lambda value: "NO" if value is False else value), AfterValidator(_place)]
Topic = Annotated[str, _concept(Facet.TOPIC)]
Level = Annotated[str, _concept(Facet.LEVEL)]
Audience = Annotated[str, AfterValidator(_audience)]
Area = Annotated[str, AfterValidator(_area)]
LanguageCode = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
Line = Annotated[str, Field(min_length=1, max_length=160)]
Text = Annotated[str, Field(min_length=1, max_length=400)]
Unknown = BeforeValidator(_unknown_is_none)


class Model(BaseModel):
    """Strict: no unknown fields, no changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Age(Model):
    """Years, both ends included."""

    min: int = Field(default=0, ge=0, le=120)
    max: int = Field(default=120, ge=0, le=120)


class Eligibility(Model):
    """Who may join. A group that is named shuts all others out; `everyone` shuts out nobody."""

    countries: Annotated[tuple[Place, ...] | None, Unknown]
    groups: Annotated[tuple[Audience, ...] | None, Unknown]
    how: Annotated[How | None, Unknown] = None
    age: Age | None = None
    note: Text | None = None


_LATER = frozenset({"starts", "ends", "licence", "related"})
"""Fields that came later: a record that says nothing there has the digest that it always had."""


class Record(Model):
    """One entry of the catalogue."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{1,79}$")
    kind: Kind
    name: Line
    names: dict[LanguageCode, Line] = {}
    also_known_as: tuple[Line, ...] = ()
    provider: Line
    organisation: Annotated[str | None, Unknown] = None
    seat: Annotated[Place | None, Unknown] = None
    summaries: dict[LanguageCode, Text]
    teaches: tuple[Line, ...]
    """What is really taught or offered, in short English phrases; the index is made of these."""
    topics: tuple[Topic, ...]
    """The most typical first."""
    focus_areas: tuple[Area, ...]
    audiences: tuple[Audience, ...]
    level: tuple[Level, ...] = ()
    eligibility: Eligibility
    regions: tuple[Place, ...]
    languages: Annotated[tuple[LanguageCode, ...] | None, Unknown]
    modality: Annotated[tuple[Modality, ...] | None, Unknown]
    cost: Annotated[tuple[Cost, ...] | None, Unknown]
    certificate: Annotated[Certificate | None, BeforeValidator(_plain)]
    url: Annotated[HttpUrl | None, Unknown]
    status: Status
    source: Line
    evidence: Line
    """An address that supports the facts, or `memory`."""
    confidence: Literal["high", "medium", "low"]
    checked: date | None = None
    """The day on which an officer or a source confirmed it; a link that answers is not a check."""
    review_by: date | None = None
    starts: date | None = None
    """Of what takes place once; `ends` too."""
    ends: date | None = None
    licence: Line | None = None
    """Under which the source publishes its data."""
    related: tuple[str, ...] = ()
    """Ids of records that belong to it: who teaches a building block, what a country used."""

    @model_validator(mode="after")
    def _summary_in_english(self) -> Record:
        if "en" not in self.summaries:
            raise ValueError("summaries: needs an English one (en)")
        return self

    def digest(self) -> str:
        """SHA-256 of the content: equal digests mean equal records."""
        dumped = self.model_dump(mode="json")
        said = {key: value for key, value in dumped.items() if key not in _LATER or value}
        content = json.dumps(said, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(content.encode()).hexdigest()

    def name_in(self, language: str) -> str:
        """The name that speakers of `language` know it by."""
        return self.names.get(language, self.name)

    @property
    def overdue(self) -> bool:
        """Whether somebody should look again whether it is still right."""
        return self.review_by is not None and self.review_by < date.today()

    @property
    def offered(self) -> bool:
        """Whether it may be offered at all."""
        return self.status is not Status.ENDED and not (self.ends and self.ends < date.today())
