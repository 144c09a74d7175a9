"""Courses, events and schools that web pages describe for search engines (schema.org in JSON-LD).

The location is a sitemap (also one that lists others, or is packed with gzip) or a single page. Options: `follow`, a
regular expression that the addresses of pages must fit, and `pages`, how many of them are read at most (2,000). What
`robots.txt` of a host forbids is not read.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import islice
from typing import Any
from urllib.parse import urljoin, urlsplit
from urllib.robotparser import RobotFileParser

from ingest.client import Client, Forbidden, Page, Refused, Unreachable
from ingest.source import Found, Item, Source, Trouble
from retrieval.records import Kind

_MOST = 2000
_SITEMAP = re.compile(rb"<(?:\w+:)?(?:urlset|sitemapindex)\b")
_LARGEST_SITEMAP = 50_000_000
"""Bytes of an unpacked sitemap, by the protocol."""
_MOST_SITEMAPS = 500
_PATIENCE = 5
"""Pages after another that cannot be had, from which the whole site is taken to be down."""
_DEEPEST = 12
_COURSES = frozenset({"Course", "CourseInstance"})
_EVENTS = frozenset({"Event", "EducationEvent", "CourseInstance"})
_SCHOOLS = frozenset({"EducationalOrganization", "CollegeOrUniversity"})
_INSIDE = ("@graph", "mainEntity", "itemListElement", "item")
_NO_MODE = frozenset({"full-time", "part-time", "fulltime", "parttime"})
_LIVE = "online-instructor-led"
_FAR = re.compile(r"online|virtual|distance|mixed|blended|hybrid", re.I)
_AMOUNT = re.compile(r"\d+(?:[.,]\d+)?")
_CATEGORIES = {"free": "free", "partially free": "freemium", "subscription": "subscription", "paid": "paid"}


def items(source: Source, client: Client) -> Found:
    """The courses, events and schools of the pages."""
    if urlsplit(source.location).scheme not in {"http", "https"}:
        raise Unreachable(f"{source.location}: expected the address of a sitemap or a page")
    try:
        follow = re.compile(str(source.options.get("follow") or ""))
    except re.error as error:
        raise Unreachable(f"{source.name}: the option `follow` is no regular expression ({error})") from None
    most = source.options.get("pages", _MOST)
    if not isinstance(most, int) or isinstance(most, bool) or most < 1:
        raise Unreachable(f"{source.name}: the option `pages` is a number of pages, such as {_MOST}")
    return _Walk(source, client, follow, most).found()


class _Walk:
    """One look at a site."""

    def __init__(self, source: Source, client: Client, follow: re.Pattern[str], most: int) -> None:
        self.source, self.client, self.follow, self.most = source, client, follow, most
        self.rules: dict[str, RobotFileParser] = {}
        self.met: dict[str, Item] = {}
        self.lost: list[str] = []
        self.forbidden: list[str] = []

    def found(self) -> Found:
        """All that there is."""
        start = self.source.location
        if not self._may(start):
            raise Unreachable(f"{start}: robots.txt of this host forbids it")
        page = self.client.get(start)
        body = _unpacked(page.body, start)
        if _SITEMAP.search(body[:4096]):
            yield from self._site(body)
        else:
            yield from self._page(page)
            if not self.met:
                raise Unreachable(
                    f"{start}: neither a sitemap nor a page with a course, an event or a school (JSON-LD)"
                )

    def _site(self, sitemap: bytes) -> Found:
        start = self.source.location
        addresses = list(islice(self._addresses(sitemap), self.most + 1))
        if not addresses:
            raise Unreachable(f"{start}: no page in the sitemap{' fits `follow`' if self.follow.pattern else ''}")
        if len(addresses) > self.most:
            addresses.pop()
            yield Trouble(start, f"only the first {self.most} pages are read; set `pages`, or choose with `follow`")
        yield from self._pages(addresses)
        if self.forbidden:
            yield Trouble(start, f"robots.txt forbids {len(self.forbidden)} pages, such as {self.forbidden[0]}")
        if self.lost:
            raise Unreachable(f"{len(self.lost)} of {len(addresses)} pages cannot be had, such as {self.lost[0]}")
        if not self.met:
            raise Unreachable(f"{start}: no page tells of a course, an event or a school (JSON-LD); is `follow` right?")

    def _addresses(self, sitemap: bytes) -> Iterator[str]:
        """The pages of a sitemap and of those that it lists, each once."""
        waiting, met = [self.source.location], {self.source.location}
        for number, address in enumerate(waiting):
            if number == _MOST_SITEMAPS:
                raise Unreachable(f"{self.source.location}: more than {number} sitemaps; name one of them as location")
            body = _unpacked(self.client.get(address).body, address) if number else sitemap
            others, pages = _listed(body, address)
            waiting += dict.fromkeys(other for other in others if other not in met)
            met.update(others)
            for page in pages:
                if page not in met and self.follow.search(page):
                    met.add(page)
                    yield page

    def _pages(self, addresses: Iterable[str]) -> Found:
        failures = 0
        for address in addresses:
            try:
                if not self._may(address):
                    self.forbidden.append(address)
                    continue
                page = self.client.get(address)
            except Unreachable as error:
                yield Trouble(address, str(error).removeprefix(f"{address}: "))
                if _gone(error):
                    continue
                self.lost.append(address)
                failures += 1
                if failures == _PATIENCE:
                    raise Unreachable(f"{failures} pages after another cannot be had; the last: {error}") from None
                continue
            failures = 0
            yield from self._page(page)

    def _page(self, page: Page) -> Found:
        nothing = True
        for found in _described(self.source, page):
            nothing = False
            if isinstance(found, Item):
                # A school is on each of its pages; only what differs is worth a word.
                if self.met.get(found.key) == found:
                    continue
                self.met.setdefault(found.key, found)
            yield found
        if nothing and self.follow.pattern:
            yield Trouble(page.url, "fits `follow`, and tells of no course, event or school (JSON-LD)")

    def _may(self, address: str) -> bool:
        """Whether the host lets us read this page. Raises `Unreachable` if it does not say for now."""
        parts = urlsplit(address)
        host = f"{parts.scheme}://{parts.netloc}"
        if host not in self.rules:
            rules = RobotFileParser()
            try:
                rules.parse(self.client.get(f"{host}/robots.txt").text.splitlines())
            except Refused as error:
                if error.status >= 500:
                    raise
                rules.parse([])  # there are no rules
            self.rules[host] = rules
        return self.rules[host].can_fetch("Dalil", address)


def _gone(error: Unreachable) -> bool:
    """Whether the page is no more, or never was one for us, in contrast to a server that has trouble."""
    return isinstance(error, Forbidden) or (isinstance(error, Refused) and error.status in {404, 410})


def _unpacked(body: bytes, address: str) -> bytes:
    if not body.startswith(b"\x1f\x8b"):
        return body.strip()
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        content = unpacking.decompress(body, _LARGEST_SITEMAP)
    except zlib.error:
        raise Unreachable(f"{address}: cannot be unpacked") from None
    if not unpacking.eof:
        raise Unreachable(f"{address}: is cut off, or larger than {_LARGEST_SITEMAP // 1_000_000} MB when unpacked")
    return content.strip()


def _listed(body: bytes, address: str) -> tuple[list[str], list[str]]:
    """The other sitemaps and the pages that a sitemap lists."""
    from lxml import etree

    try:
        root = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as error:
        raise Unreachable(f"{address}: the sitemap cannot be read ({error.msg})") from None
    others, pages = (
        [found for place in root.iterfind(f"{{*}}{kind}/{{*}}loc") if (found := _joined(address, place.text or ""))]
        for kind in ("sitemap", "url")
    )
    return others, pages


def _joined(base: str, said: str) -> str:
    """An address that may be said relative to another; nothing if it is none that a page can have."""
    try:
        found = urljoin(base, said.strip())
        fits = urlsplit(found).scheme in {"http", "https"} and bool(urlsplit(found).hostname)
    except ValueError:
        return ""
    return found if fits else ""


def _described(source: Source, page: Page) -> Found:
    """What the JSON-LD of a page tells of."""
    things: list[dict[str, Any]] = []
    for block in _blocks(page):
        if isinstance(block, Trouble):
            yield block
        else:
            things += _things(block)
    # Of those with one id the longest is the thing itself, the others point at it.
    reading = _Reading(source, page, {key: thing for thing in sorted(things, key=len) if (key := _id(thing))})
    parts = {_id(each) for thing in things for each in reading.all(thing, "hasCourseInstance")} - {""}
    for thing in things:
        kinds = _kinds(thing)
        if not kinds & (_COURSES | _EVENTS | _SCHOOLS) or ("CourseInstance" in kinds and _id(thing) in parts):
            continue
        if _word(thing.get("eventStatus")).endswith("EventCancelled"):
            continue
        try:
            yield reading.item(thing, kinds)
        except RecursionError:
            yield Trouble(page.url, f"a {min(kinds)} that is nested too deeply")


def _blocks(page: Page) -> Iterator[Any]:
    """The content of each block of JSON-LD, or what is wrong with it: one that is broken spoils no other."""
    from extruct.jsonld import JsonLdExtractor  # type: ignore[import-untyped]
    from extruct.utils import parse_html  # type: ignore[import-untyped]
    from lxml import etree

    if "html" not in page.headers.get("content-type", "html") or not page.body.strip():
        return
    try:
        # As bytes, since a text that declares its own encoding is refused.
        tree = parse_html(page.text.encode(), "UTF-8")
    except (etree.LxmlError, ValueError) as error:
        yield Trouble(page.url, f"cannot be read ({error})")
        return
    for script in tree.iter("script"):
        if "ld+json" not in (script.get("type") or "").lower():
            continue
        script.set("type", "application/ld+json")
        try:
            yield from JsonLdExtractor().extract_items(script)
        except (ValueError, RecursionError) as error:
            yield Trouble(page.url, f"a block of JSON-LD cannot be read ({error})")


def _things(value: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    if depth > _DEEPEST:
        return
    if isinstance(value, list):
        for each in value:
            yield from _things(each, depth + 1)
    elif isinstance(value, dict):
        yield value
        for name in _INSIDE:
            yield from _things(value.get(name), depth + 1)


def _kinds(thing: dict[str, Any]) -> set[str]:
    """Its types, with or without the address of the vocabulary before them."""
    return {re.split(r"[/:#]", kind)[-1] for kind in _words(thing.get("@type"))}


class _Reading:
    """Reads the things of one page. `known`: those that others point at."""

    def __init__(self, source: Source, page: Page, known: dict[str, dict[str, Any]]) -> None:
        self.source, self.page, self.known = source, page, known

    def all(self, thing: dict[str, Any], *fields: str) -> list[dict[str, Any]]:
        """What stands in these fields, as objects: a word is the name of one, or points at one."""
        found = []
        for each in (each for field in fields for each in _list(thing.get(field))):
            value = {"@id": each, "name": each} if isinstance(each, str) else each
            if isinstance(value, dict):
                pointed = self.known.get(_id(value), {}) if not value.keys() - {"@id", "@type", "name"} else {}
                found.append({**value, **pointed})
        return found

    def item(self, thing: dict[str, Any], kinds: set[str]) -> Item | Trouble:
        """One of the things."""
        name, school = _word(thing.get("name")), bool(kinds & _SCHOOLS)
        if not name:
            return Trouble(self.page.url, f"a {min(kinds)} without a name")
        url = self._url(thing)
        dates = [thing] if kinds & _EVENTS else self.all(thing, "hasCourseInstance")
        starts, ends = _when([(self._date(each, "startDate"), self._date(each, "endDate")) for each in dates])
        if kinds & _EVENTS and "CourseInstance" not in kinds:
            ends = ends or starts  # an event without an end is over on its day
        modes = self._modes(thing, dates)
        return Item(
            key=self._key(thing, url, name),
            name=name,
            url=url or self.page.url,
            provider=name if school else self._provider(thing, dates),
            kind=Kind.PROVIDER if school else self.source.kind,
            text=_word(thing.get("description")),
            teaches=_words(thing.get("teaches")) or _words(thing.get("syllabusSections")),
            tags=tuple(dict.fromkeys((*_split(thing.get("keywords")), *_words(thing.get("about"))))),
            languages=self._languages(thing, dates),
            countries=(*_words(thing.get("areaServed")), *self._countries(dates, modes)),
            audiences=_words(thing.get("audience"), "audienceType", "educationalRole", "name"),
            cost=self._cost(thing, dates),
            modality=modes,
            level=_words(thing.get("educationalLevel")),
            certificate=_certificate(thing),
            starts=starts,
            ends=ends,
            licence=_word(thing.get("license"), "name", "url", "@id"),
        )

    def _key(self, thing: dict[str, Any], url: str, name: str) -> str:
        own = _id(thing)
        named = _joined(self.page.url, own) if own and not own.startswith("_:") else ""
        return named or url or f"{self.page.url}#{name}"

    def _url(self, thing: dict[str, Any]) -> str:
        said = _word(thing.get("url"), "url", "@id")
        return _joined(self.page.url, said) if said else ""

    def _provider(self, thing: dict[str, Any], dates: list[dict[str, Any]]) -> str:
        asked = [(thing, field) for field in ("provider", "organizer", "publisher")]
        asked += [(each, field) for each in dates for field in ("provider", "organizer")]
        names = (_word(each.get("name")) for where, field in asked for each in self.all(where, field))
        return next((name for name in names if name and not name.startswith(("http://", "https://", "#"))), "")

    def _date(self, thing: dict[str, Any], field: str) -> date | None:
        for each in (thing, *self.all(thing, "courseSchedule")):
            try:
                return date.fromisoformat(_word(each.get(field))[:10])
            except ValueError:
                continue
        return None

    def _modes(self, thing: dict[str, Any], dates: list[dict[str, Any]]) -> tuple[str, ...]:
        found: dict[str, None] = {}
        for each in (thing, *dates):
            for said in (*_words(each.get("courseMode")), *_words(each.get("eventAttendanceMode"))):
                mode = said.rsplit("/", 1)[-1]
                found[_LIVE if mode == "OnlineEventAttendanceMode" else mode] = None
            if not found and any("VirtualLocation" in _kinds(place) for place in self.all(each, "location")):
                found[_LIVE] = None
        return tuple(mode for mode in found if mode.lower() not in _NO_MODE)

    def _countries(self, dates: list[dict[str, Any]], modes: tuple[str, ...]) -> tuple[str, ...]:
        """Where one has to be. What can be joined from afar is not bound to where it is given."""
        if any(map(_FAR.search, modes)):
            return ()
        said: list[str] = []
        for place in (place for each in dates for place in self.all(each, "location")):
            addresses = self.all(place, "address") or [place]
            said += [
                _word(each.get("addressCountry"), "name", "identifier") or ("" if "@type" in each else _word(each))
                for each in addresses
            ]
        return tuple(dict.fromkeys(filter(None, said)))

    def _languages(self, thing: dict[str, Any], dates: list[dict[str, Any]]) -> tuple[str, ...]:
        said = (_words(each.get("inLanguage"), "alternateName", "name") for each in (thing, *dates))
        return tuple(dict.fromkeys(word for words in said for word in words))

    def _cost(self, thing: dict[str, Any], dates: list[dict[str, Any]]) -> str:
        free = _word(thing.get("isAccessibleForFree")).rsplit("/", 1)[-1].lower()
        if free in {"true", "yes", "1"}:
            return "free"
        said = [_price(offer) for each in (thing, *dates) for offer in self.all(each, "offers")]
        prices = list(dict.fromkeys(filter(None, said)))
        if len(prices) > 1 and "free" in prices:
            return "varies"
        return prices[0] if prices else "paid" if free in {"false", "no", "0"} else ""


def _when(dates: list[tuple[date | None, date | None]]) -> tuple[date | None, date | None]:
    """The next beginning, and the end of the last run; no end if one of the runs has none."""
    running = [(start, end) for start, end in dates if not end or end >= date.today()] or dates
    starts = [start for start, _ in running if start]
    ends = [end for _, end in running if end]
    return min(starts, default=None), max(ends) if ends and len(ends) == len(running) else None


def _price(offer: dict[str, Any]) -> str:
    category = _CATEGORIES.get(_word(offer.get("category")).lower(), "")
    if category == "freemium":
        return category
    places = [offer, *(each for each in _list(offer.get("priceSpecification")) if isinstance(each, dict))]
    said = next((w for each in places for f in ("price", "lowPrice") if (w := _word(each.get(f)))), "")
    if not said:
        return category
    amounts = [float(amount.replace(",", ".")) for amount in _AMOUNT.findall(said)]
    if amounts and not any(amounts):
        return "free"
    currency = next((w for each in places if (w := _word(each.get("priceCurrency")))), "")
    return f"{said} {currency}".strip()


def _certificate(thing: dict[str, Any]) -> str:
    said = _word(thing.get("educationalCredentialAwarded"), "name", "credentialCategory", "@value", "url").lower()
    return "no" if said in {"false", "no", "none"} else "yes" if said else ""


def _id(thing: dict[str, Any]) -> str:
    return _word(thing.get("@id"))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _words(value: Any, *fields: str) -> tuple[str, ...]:
    """The words in a value, which may be one, many or objects that have them in one of `fields`."""
    return tuple(word for each in _list(value) if (word := _word(each, *fields)))


def _word(value: Any, *fields: str) -> str:
    if isinstance(value, list):
        return next((word for each in value if (word := _word(each, *fields))), "")
    if isinstance(value, dict):
        found = (_word(value[field], *fields) for field in (*(fields or ("name",)), "@value") if field in value)
        return next(filter(None, found), "")
    if not isinstance(value, str | int | float):
        return ""
    # Half an emoji, where a publisher has cut its text, and zero bytes can be kept nowhere.
    return str(value).encode(errors="ignore").decode().replace("\0", "").strip()


def _split(value: Any) -> list[str]:
    return [part.strip() for word in _words(value) for part in re.split(r"[,;|]", word) if part.strip()]
