"""What everybody may see of the catalogue: the records that are offered, read once until something changes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from channels.text import clean
from retrieval.concepts import Facet, concepts, wider
from retrieval.engine import to_record
from retrieval.filters import barrier
from retrieval.places import countries
from retrieval.question import Question
from retrieval.records import Kind, Record
from retrieval.words import words
from store import catalogue, tables
from store.database import Database

_UNSEEN = re.compile("[\U000e0000-\U000e0fff]")
"""Tags and selectors that no reader sees and a language model reads: words can be hidden in them."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A record that is offered."""

    record: Record
    changed: datetime
    topics: frozenset[str]
    """Its own and all that these fall under."""
    words: str
    """Names, summaries and what is taught, as words that can be compared, each after a space."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The offers of a moment, by id."""

    state: str
    """Differs if something else is offered."""
    changed: datetime
    """When something last came, changed or went."""
    offers: dict[str, Offer]

    def linked(self, key: str) -> list[Offer]:
        """What belongs to a record: what it names, then what names it."""
        naming = (other for other, offer in self.offers.items() if key in offer.record.related)
        every = dict.fromkeys((*self.offers[key].record.related, *naming))
        return [self.offers[other] for other in every if other in self.offers and other != key]


class Offers:
    """Reads the offers again only when they have changed. Safe to share between threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._snapshot = Snapshot("", datetime.min.replace(tzinfo=UTC), {})

    def now(self) -> Snapshot:
        """What is offered at this moment."""
        with self._database.read() as session:
            # A record may end over night without a change of any row.
            state = f"{catalogue.fingerprint(session)} {date.today()}"
            if state != self._snapshot.state:
                self._snapshot = _read(session, state)
            return self._snapshot


def _read(session: Session, state: str) -> Snapshot:
    rows = catalogue.offered(session)
    records = [(to_record(row), row.changed_at) for row in rows]
    ended = (record.ends + timedelta(days=1) for record, _ in records if record.ends and not record.offered)
    moments = [datetime.combine(day, time(), UTC) for day in ended]
    latest = select(func.max(tables.Record.changed_at), func.max(tables.Record.withdrawn_at))
    moments += [moment for moment in session.execute(latest).one() if moment]
    offers = {record.id: _offer(tidied(record), changed) for record, changed in records if record.offered}
    return Snapshot(state, max(moments, default=datetime.fromtimestamp(0, UTC)), offers)


def _offer(record: Record, changed: datetime) -> Offer:
    topics = frozenset(concept for topic in record.topics for concept in wider(topic))
    said = [record.name, *record.names.values(), *record.also_known_as, record.provider, *record.summaries.values()]
    said += [*record.teaches, *(concepts()[topic].gloss for topic in record.topics)]
    return Offer(record, changed, topics, "".join(f" {word}" for word in words(" · ".join(said))))


def tidied(record: Record) -> Record:
    """A record without what cannot be seen, and without the number of the request that an officer made it from."""
    note = record.eligibility.note
    return record.model_copy(
        update={
            "name": _seen(record.name) or record.id,
            "names": _each(record.names),
            "also_known_as": tuple(map(_seen, record.also_known_as)),
            "provider": _seen(record.provider),
            "summaries": _each(record.summaries),
            "teaches": tuple(map(_seen, record.teaches)),
            "eligibility": record.eligibility.model_copy(update={"note": _seen(note) if note else None}),
            "source": _seen(record.source.partition(", request ")[0]),
            "licence": _seen(record.licence) if record.licence else None,
        }
    )


def _each(texts: dict[str, str]) -> dict[str, str]:
    return {code: text for code, said in texts.items() if (text := _seen(said))}


def _seen(text: str) -> str:
    return clean(_UNSEEN.sub("", text))


def _empty_is_none(value: Any) -> Any:
    return None if value == "" else value


def topics() -> list[str]:
    """The ids of all topics."""
    return [key for key, concept in concepts().items() if concept.facet is Facet.TOPIC]


def _name_topics(schema: dict[str, Any]) -> None:
    schema["enum"] = topics()


Empty = BeforeValidator(_empty_is_none)


class Wanted(BaseModel):
    """What of the catalogue is wanted; everything, if nothing is said."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    topic: Annotated[str | None, Empty] = Field(None, json_schema_extra=_name_topics)
    """A topic; what falls under it is included."""
    country: Annotated[str | None, Empty] = Field(None, pattern=r"^[A-Z]{2}$")
    """ISO 3166-1 alpha-2: what people of this country can join, as far as is known."""
    language: Annotated[str | None, Empty] = Field(None, pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")
    """BCP 47: what is known to be in this language."""
    kind: Annotated[Kind | None, Empty] = None
    """What it is."""
    q: Annotated[str | None, Empty] = Field(None, max_length=200)
    """Words that must all occur in names, summary, topics or what is taught. To ask in one's own words, ask Dalil."""

    @field_validator("topic")
    @classmethod
    def _is_topic(cls, value: str | None) -> str | None:
        if value is not None and value not in topics():
            raise ValueError("there is no such topic; /openapi.json names all")
        return value

    @field_validator("country")
    @classmethod
    def _is_country(cls, value: str | None) -> str | None:
        if value is not None and value not in countries():
            raise ValueError("there is no such country")
        return value

    def choose(self, offers: Iterable[Offer]) -> list[Offer]:
        """Those of `offers` that are wanted, in their order."""
        # Some scripts write small words onto the next one: there a word may begin inside another.
        said = [f" {word}" if word.isascii() else word for word in words(self.q or "")]
        return [offer for offer in offers if self._fits(offer) and all(word in offer.words for word in said)]

    def _fits(self, offer: Offer) -> bool:
        record = offer.record
        if self.kind not in {None, record.kind} or (self.topic and self.topic not in offer.topics):
            return False
        if self.language and not _is_in(record, self.language):
            return False
        return not self.country or barrier(record, Question(countries=(self.country,))) is None

    def said(self) -> dict[str, str]:
        """What was said, for addresses."""
        return {key: str(value) for key, value in Wanted.model_dump(self, mode="json").items() if value is not None}


def _is_in(record: Record, language: str) -> bool:
    """Whether a record is in a language; who asks for `pt` is content with `pt-BR`."""
    return any(code == language or code.split("-")[0] == language for code in record.languages or ())
