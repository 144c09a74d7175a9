"""Records as programs read them: what may leave the house, field by field, and how a page of them looks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import date, datetime

from pydantic import BaseModel, ConfigDict

from bot.csv import Value
from bot.offers import Offer
from retrieval.records import Certificate, Cost, Eligibility, Kind, Modality, Record, Status


class _Model(BaseModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class Entry(_Model):
    """A provider, programme, resource, product or experience of a country. `null`: not known, never “no”."""

    id: str
    kind: Kind
    name: str
    names: dict[str, str]
    """Its names in other languages (BCP 47)."""
    also_known_as: tuple[str, ...]
    provider: str
    organisation: str | None
    """What sort of organisation the provider is."""
    summaries: dict[str, str]
    """By language (BCP 47); the English one is always there."""
    teaches: tuple[str, ...]
    """What is really taught or offered, in short English phrases."""
    topics: tuple[str, ...]
    """The most typical first."""
    focus_areas: tuple[str, ...]
    audiences: tuple[str, ...]
    level: tuple[str, ...]
    eligibility: Eligibility
    """Who may join."""
    regions: tuple[str, ...]
    """Countries (ISO 3166-1 alpha-2) and groups of countries where it is at work, or `GLOBAL`."""
    languages: tuple[str, ...] | None
    modality: tuple[Modality, ...] | None
    cost: tuple[Cost, ...] | None
    certificate: Certificate | None
    url: str | None
    """Where it is."""
    status: Status
    """Whether it still runs."""
    starts: date | None
    ends: date | None
    source: str
    """Who told us."""
    licence: str | None
    """Under which the source publishes its data."""
    related: tuple[str, ...]
    """Ids of entries that belong to it."""
    checked: date | None
    """The day on which a person or the source last confirmed it; `null`: nobody has yet."""
    changed: datetime
    """When it last changed here."""
    page: str
    """Its page, for people."""


class Listing(_Model):
    """A page of the catalogue, by id."""

    page: int
    per_page: int
    total: int
    """Entries that are wanted, on all pages."""
    pages: int
    next: str | None
    """The address of the next page."""
    previous: str | None
    changed: datetime
    """When the catalogue last changed."""
    entries: list[Entry]


class Problem(_Model):
    """Why there is no answer."""

    error: str


_OWN = frozenset(Entry.model_fields) & frozenset(Record.model_fields) - {"url", "related"}


def entry(offer: Offer, public: str, offered: Collection[str]) -> Entry:
    """An offer for programs. `public`: our address; `offered`: the ids that may be named."""
    record = offer.record
    return Entry(
        **{field: getattr(record, field) for field in _OWN},
        url=str(record.url) if record.url else None,
        related=tuple(other for other in record.related if other in offered),
        changed=offer.changed,
        page=page_of(record.id, public),
    )


def page_of(record_id: str, public: str) -> str:
    """The address of a record's page."""
    return f"{public}/catalogue/{record_id}"


COLUMNS = (
    ("Id", "#activity+code"),
    ("Kind", "#activity+type"),
    ("Name", "#activity+name"),
    ("Provider", "#org+name"),
    ("Summary", "#description+en"),
    ("Topics", "#sector+code+list"),
    ("Audiences", "#population+type+list"),
    ("Who can join: countries", "#country+code+eligible+list"),
    ("Where", "#country+code+active+list"),
    ("Languages", "#meta+language+list"),
    ("Form", "#modality+list"),
    ("Cost", "#value+type+list"),
    ("Certificate", "#output+certificate"),
    ("Status", "#status"),
    ("Starts", "#date+start"),
    ("Ends", "#date+end"),
    ("Link", "#meta+url"),
    ("Source", "#meta+source"),
    ("Licence", "#meta+licence"),
    ("Checked on", "#date+checked"),
    ("Changed on", "#date+changed"),
    ("Page", "#meta+url+page"),
)


def rows(offers: Iterable[Offer], public: str) -> Iterator[list[Value]]:
    """A row an offer; an empty cell is not known."""
    for offer in offers:
        record = offer.record
        yield [
            record.id,
            record.kind.value,
            record.name,
            record.provider,
            record.summaries.get("en", ""),
            _list(record.topics),
            _list(record.audiences),
            _list(record.eligibility.countries),
            _list(record.regions),
            _list(record.languages),
            _list(record.modality),
            _list(record.cost),
            record.certificate,
            record.status.value,
            _day(record.starts),
            _day(record.ends),
            str(record.url) if record.url else None,
            record.source,
            record.licence,
            _day(record.checked),
            _day(offer.changed.date()),
            page_of(record.id, public),
        ]


def _list(values: Iterable[str] | None) -> str | None:
    return None if values is None else ", ".join(values)


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None
