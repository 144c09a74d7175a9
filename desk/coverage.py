"""Coverage: which topics have, in which languages, an offer that people of a country can join."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from desk.access import Access, Visit, page
from desk.csv import Value, download
from desk.named import Names
from desk.parts import Parts
from locales import LANGUAGES
from retrieval.concepts import Facet, concepts, focus_areas, wider
from retrieval.engine import to_record
from retrieval.filters import barrier
from retrieval.places import countries, language_name, official_languages
from retrieval.question import Question
from retrieval.records import Record
from store import catalogue, demand
from store.demand import Filters

COLUMNS = (
    ("Country", "#country+code"),
    ("Topic", "#sector+code"),
    ("Topic name", "#sector+name"),
    ("Language", "#meta+language"),
    ("Offers that people can join", "#indicator+num+offers"),
    ("People without an answer", "#indicator+num+unmet"),
)
UNSAID = ""
"""In the place of a language: records that do not say in which they teach."""


@dataclass(frozen=True, slots=True)
class Place:
    """Whose coverage it is. Without a country: of the whole catalogue, whoever may join."""

    country: str = ""
    audience: str = ""
    area: str = ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Offers by topic and language."""

    topics: tuple[str, ...]
    languages: tuple[str, ...]
    offers: dict[tuple[str, str], int]
    asked: dict[str, int]
    """People there who asked for a topic in vain."""

    def count(self, topic: str, language: str) -> int:
        """Offers in a cell."""
        return self.offers.get((topic, language), 0)

    @property
    def empty(self) -> int:
        """Cells without an offer."""
        return sum(not self.count(topic, language) for topic in self.topics for language in self.languages)


def routes(parts: Parts, access: Access) -> APIRouter:
    """The pages at `/coverage`."""
    router = APIRouter()

    @router.get("/coverage")
    def overview(request: Request, visit: Visit = Depends(access.officer)) -> HTMLResponse:  # noqa: B008
        place, names = _place(request), Names(visit.language.code)
        with parts.database.read() as session:
            found = coverage(session, place)
        groups = [(area, [t for t in found.topics if concepts()[t].area == area]) for area in focus_areas()]
        choices = {
            "country": _named(countries(), names.country),
            "audience": _named((k for k, c in concepts().items() if c.facet is Facet.AUDIENCE), names.audience),
        }
        shown = {"place": place, "found": found, "groups": groups, "choices": choices, "areas": focus_areas()}
        return page(parts, visit, "coverage.html", names=names, unsaid=UNSAID, **shown)  # type: ignore[arg-type]

    @router.get("/coverage.csv")
    def file(request: Request, visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        place = _place(request)
        with parts.database.read() as session:
            found = coverage(session, place)
        return download("coverage.csv", COLUMNS, _rows(found, place))

    return router


def _place(request: Request) -> Place:
    """Read from the address; what there is not is left out."""
    asked = request.query_params
    country, audience, area = (asked.get(name, "") for name in ("country", "audience", "area"))
    known = audience in concepts() and concepts()[audience].facet is Facet.AUDIENCE
    return Place(
        country if country in countries() else "", audience if known else "", area if area in focus_areas() else ""
    )


def _named(values: Iterable[str], name) -> list[tuple[str, str]]:  # type: ignore[no-untyped-def]
    return sorted(((value, name(value)) for value in values), key=lambda pair: pair[1].casefold())


def coverage(session: Session, place: Place) -> Coverage:
    """Count what the catalogue has for the people of a place."""
    records = [to_record(row) for row in catalogue.offered(session)]
    wanted = [w for w in demand.wishes(session, Filters(country=place.country, audience=place.audience)) if not w.met]
    topics = tuple(
        key for key, c in concepts().items() if c.facet is Facet.TOPIC and (not place.area or c.area == place.area)
    )
    asked = {topic: people for (topic,), people in demand.unmet(wanted, "topic").items()}
    languages = _languages(place, {language for wish in wanted for language in wish.language})
    return Coverage(topics, languages, offers(records, place, (*languages, UNSAID)), asked)


def _languages(place: Place, asked: set[str]) -> tuple[str, ...]:
    """Those of a country's schools and offices and those asked for from there; ours for the whole world."""
    if not place.country:
        return tuple(LANGUAGES)
    official = {code for code in official_languages(place.country) if language_name(code, "en") != code}  # can be read
    return tuple(sorted(official | asked, key=lambda code: (code not in official, code)))


def offers(records: Sequence[Record], place: Place, languages: Sequence[str]) -> dict[tuple[str, str], int]:
    """Records that people of a place can join, by topic and language. One on Python is also one on programming."""
    found: defaultdict[tuple[str, str], int] = defaultdict(int)
    people = Question(
        countries=(place.country,) if place.country else (), audiences=(place.audience,) if place.audience else ()
    )
    for record in records:
        topics = {general for topic in record.topics for general in wider(topic)}
        for language in languages:
            if _open_in(record, people, language):
                for topic in topics:
                    found[topic, language] += 1
    return dict(found)


def _open_in(record: Record, people: Question, language: str) -> bool:
    if language == UNSAID:
        return record.languages is None and barrier(record, people) is None
    return language in (record.languages or ()) and barrier(record, replace(people, taught_in=(language,))) is None


def _rows(found: Coverage, place: Place) -> Iterator[list[Value]]:
    names = Names("en")
    for topic in found.topics:
        for language in found.languages:
            asked = found.asked.get(topic, 0)
            yield [place.country, topic, names.topic(topic), language, found.count(topic, language), asked]
