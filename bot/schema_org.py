"""Records in the words of schema.org, for search engines: only what is known."""

from __future__ import annotations

from typing import Any

from bot.entries import Entry
from retrieval.concepts import concepts
from retrieval.places import place_name
from retrieval.records import Kind

_TYPES = {
    Kind.PROVIDER: "EducationalOrganization",
    Kind.PROGRAMME: "Course",
    Kind.RESOURCE: "LearningResource",
    Kind.PRODUCT: "SoftwareApplication",
    Kind.EXPERIENCE: "CreativeWork",
}
_MODES = {
    "online-self-paced": "online",
    "online-instructor-led": "online",
    "blended": "blended",
    "in-person": "onsite",
}

Facts = dict[str, Any]


def facts(entry: Entry) -> Facts:
    """JSON-LD. Put it into a page by `tojson`, which leaves no `<` in it."""
    said: Facts = {
        "@type": _TYPES[entry.kind],
        "@id": entry.page,
        "name": entry.name,
        "alternateName": list(dict.fromkeys((*entry.names.values(), *entry.also_known_as))),
        "description": entry.summaries.get("en"),
        "url": entry.url or entry.page,
        "mainEntityOfPage": _known({"@type": "WebPage", "@id": entry.page, "lastReviewed": _iso(entry.checked)}),
    }
    said |= _organisation(entry) if entry.kind is Kind.PROVIDER else _work(entry)
    return {"@context": "https://schema.org"} | _known(said)


def _organisation(entry: Entry) -> Facts:
    return {
        "knowsLanguage": _several(entry.languages),
        "knowsAbout": _glosses(entry.topics),
        "areaServed": [place_name(place, "en") for place in entry.regions],
    }


def _work(entry: Entry) -> Facts:
    said: Facts = {
        "provider": {"@type": "Organization", "name": entry.provider},
        "inLanguage": _several(entry.languages),
        "isAccessibleForFree": _is_free(entry),
        "keywords": _glosses(entry.topics),
        "audience": [{"@type": "Audience", "audienceType": gloss} for gloss in _glosses(entry.audiences)],
    }
    if entry.kind is Kind.EXPERIENCE:
        said |= {"spatialCoverage": [{"@type": "Place", "name": place_name(each, "en")} for each in entry.regions]}
    if entry.kind is Kind.PRODUCT and said["isAccessibleForFree"]:
        said |= {"offers": {"@type": "Offer", "price": "0", "priceCurrency": "USD"}}  # search engines want it said so
    if entry.kind in {Kind.PROGRAMME, Kind.RESOURCE}:
        said |= {"teaches": list(entry.teaches), "educationalLevel": _glosses(entry.level)}
    if entry.kind is Kind.PROGRAMME:
        said |= {"hasCourseInstance": _instance(entry)}
        said |= {"educationalCredentialAwarded": "Certificate"} if entry.certificate in {"yes", "paid"} else {}
    return said


def _instance(entry: Entry) -> Facts | None:
    """How and when a course is held, if anything is known of it."""
    modes = list(dict.fromkeys(_MODES[mode] for mode in entry.modality or () if mode in _MODES))
    said = _known({"courseMode": modes, "startDate": _iso(entry.starts), "endDate": _iso(entry.ends)})
    return {"@type": "CourseInstance"} | said if said else None


def _is_free(entry: Entry) -> bool | None:
    """Costs that are mixed are neither."""
    cost = set(entry.cost or ())
    if not cost:
        return None
    return True if cost <= {"free", "sponsored"} else False if cost == {"paid"} else None


def _glosses(keys: tuple[str, ...]) -> list[str]:
    return [concepts()[key].gloss for key in keys if key in concepts()]


def _several(values: tuple[str, ...] | None) -> list[str]:
    return list(values or ())


def _iso(day: Any) -> str | None:
    return day.isoformat() if day else None


def _known(said: Facts) -> Facts:
    return {key: value for key, value in said.items() if value is not None and value != []}
