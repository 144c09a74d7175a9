"""Countries and groups of countries: what belongs to what, and what they are called."""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from marisa_trie import Trie

from retrieval.compiled import trie

FOLDER = Path(__file__).parent / "vocabulary"
CITIES = FOLDER / "cities.tsv"
EVERYWHERE = frozenset({"GLOBAL", "ALL"})


@cache
def _regions() -> dict[str, dict[str, Any]]:
    from retrieval.yaml import read

    regions: dict[str, dict[str, Any]] = read(FOLDER / "regions.yaml")
    return regions


@cache
def members(place: str) -> frozenset[str]:
    """The countries (ISO 3166-1 alpha-2) of a group; a country is its own only member."""
    region = _regions().get(place)
    if region is None:
        return frozenset({place})
    return frozenset().union(*(members(part) for part in region["countries"]))


def covers(places: tuple[str, ...], country: str) -> bool:
    """Whether `country` lies in one of `places` (`GLOBAL` and `ALL` cover every country)."""
    return any(place in EVERYWHERE or country in members(place) for place in places)


def is_place(code: str) -> bool:
    """Whether `code` is a country, one of our groups, `GLOBAL` or `ALL`."""
    return code in EVERYWHERE or code in _regions() or code in countries()


@cache
def countries() -> frozenset[str]:
    """The countries and territories that CLDR knows."""
    return frozenset(
        c
        for c in map(str, Locale("en").territories)
        if len(c) == 2 and c.isalpha() and c not in {"EU", "EZ", "UN", "QO", "ZZ", "XA", "XB"}
    )


@cache
def regions_by_name() -> dict[str, str]:
    """Normalised English names of our groups, and of the whole world → the group."""
    from retrieval.words import normalise

    names = {normalise(place_name(region, "en")): region for region in _regions()}
    worldwide = ("global", "world", "worldwide", "international", "all countries", "any", "everywhere")
    codes = {normalise(key.replace("_", " ")): key for key in _regions()}
    return {**names, **codes, **dict.fromkeys(worldwide, "GLOBAL")}


def place_name(place: str, language: str) -> str:
    """What a place is called in a language; in English, then by its code, where CLDR does not know."""
    region = _regions().get(place, {})
    code = str(region.get("code", place))
    for locale in (language, "en"):
        name = _locale(locale).territories.get(code)
        if name:
            return str(name)
    return str(region.get("name", place))


def language_name(code: str, language: str) -> str:
    """What a language is called in another one; in English, then by its code, where CLDR does not know."""
    for locale in (language, "en"):
        name = _locale(locale).languages.get(code)
        if name:
            return str(name)
    return code


@lru_cache(maxsize=64)
def _locale(code: str) -> Locale:
    try:
        return Locale.parse(code)
    except (UnknownLocaleError, ValueError):
        return Locale("en")


@cache
def spoken_in(language: str) -> frozenset[str]:
    """Countries where a language is official or spoken by at least one person in a hundred (CLDR)."""
    territories = get_global("territory_languages")
    return frozenset(
        country
        for country, spoken in territories.items()
        if (entry := spoken.get(language)) and (entry["population_percent"] >= 1 or entry["official_status"])
    )


@cache
def home_of(language: str) -> frozenset[str]:
    """Countries where at least a tenth of the people speak a language, or where it is official for all (CLDR)."""
    territories = get_global("territory_languages")
    return frozenset(
        country
        for country, spoken in territories.items()
        if (entry := spoken.get(language))
        and (entry["population_percent"] >= 10 or entry["official_status"] == "official")
    )


@lru_cache(maxsize=4096)
def reach(places: tuple[str, ...], language: str) -> float:
    """The share of a language's countries that lie in `places`: how likely somebody who writes it is there."""
    home = home_of(language)
    return sum(covers(places, country) for country in home) / len(home) if home else 1.0


@cache
def official_languages(country: str) -> frozenset[str]:
    """The languages of a country's schools and offices: official ones, and those of at least a fifth of its people."""
    spoken = get_global("territory_languages").get(country, {})
    return frozenset(
        code.split("_")[0]
        for code, entry in spoken.items()
        if entry["official_status"] or entry["population_percent"] >= 20
    )


def country_of_town(name: str) -> str | None:
    """The country of a town by its normalised name. From GeoNames (CC BY 4.0); see `ingest.cities`."""
    found = _towns().keys(f"{name}\t")
    return found[0].partition("\t")[2] if found else None


@cache
def _towns() -> Trie:
    return trie(CITIES, lambda: CITIES.read_text(encoding="utf-8").splitlines())
