"""From a source's own words to a record: cleaned of markup and personal contacts, mapped to our vocabularies.

What cannot be mapped is unknown, and is told to an operator; nothing is guessed that people would be kept out by.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import cache

from pydantic import ValidationError

from ingest.source import Item, Source, Trouble
from retrieval.concepts import concepts
from retrieval.guess import guess
from retrieval.leaning import kind_of
from retrieval.places import countries, is_place, regions_by_name
from retrieval.records import Kind, Record
from retrieval.understanding import understand
from retrieval.vocabulary import languages, vocabulary
from retrieval.words import normalise, words

LONGEST_SUMMARY, LONGEST_LINE = 400, 160
MOST_PHRASES, MOST_TOPICS = 12, 8
SURE = 0.5
"""Probability from which a topic that no word names is taken over."""

_CONTACT = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+|(?:\+|\b00)\d[\d ()./-]{7,}\d|\(?\b0\d{2,4}\)?[ /-]\d{3}[\d -]{3,}\b")
_BREAKING = re.compile(r"<\s*(?:br|/p|/li|/div|/h\d|/tr)\b[^>]*>", re.I)
_SENTENCE = re.compile(r"(?<=[.!?。！？।።])\s+")
_MONEY = re.compile(r"\d+(?:[.,]\d+)?")
_FREE = frozenset(
    "0 free gratis gratuit gratuito gratuita true yes open бесплатно مجاني مجانا 免费 免費 kostenlos bure".split()
)
_PAID = frozenset("paid payant pago pagado paga fee false premium subscription tuition платно مدفوع 收费".split())
_COSTS = {
    "freemium": "freemium", "free-audit": "free-audit", "audit": "free-audit", "sponsored": "sponsored",
    "scholarship": "scholarships", "scholarships": "scholarships", "varies": "varies",
}  # fmt: skip
_MODES = {
    "online-self-paced": "self paced|selfpaced|on demand|mooc|asynchronous|online|e learning|elearning|virtual|"
    "en ligne|en linea|onlineeventattendancemode",
    "online-instructor-led": "instructor led|webinar|live|synchronous|cohort",
    "blended": "blended|hybrid|hybride|mixedeventattendancemode",
    "in-person": "in person|onsite|on site|face to face|classroom|presencial|presentiel|workshop|"
    "offlineeventattendancemode",
    "toolkit": "toolkit|guide|publication|report|dataset|software",
    "advisory": "advisory|technical assistance|consulting|mentoring",
    "directory": "directory|portal|database",
}
"""How a course is given → what sources call it, in plain words."""
_CERTIFICATES = {
    "yes": "yes", "true": "yes", "certificate": "yes", "1": "yes", "certificat": "yes", "certificado": "yes",
    "no": "no", "false": "no", "none": "no", "0": "no", "some": "some", "paid": "paid",
}  # fmt: skip


@dataclass(slots=True)
class Normalised:
    """A record made of an item, if one could be made, and what could not be mapped."""

    record: Record | None
    troubles: list[Trouble] = field(default_factory=list)


def normalised(item: Item, source: Source, record_id: str, related: Iterable[str] = ()) -> Normalised:
    """The record of an item under an id. `related`: ids of the records that its `related` keys stand for."""
    where = f"{source.name} {item.key}"
    reading = _Reading(item, where)
    topics = reading.topics()
    if not words(item.name):
        return Normalised(None, [Trouble(where, "it has no name")])
    if not topics:
        return Normalised(None, [Trouble(where, f"“{item.name[:80]}”: nothing in it is a topic of ours; give it tags")])
    places = reading.places()
    everybody = item.kind is Kind.EXPERIENCE  # the countries are where it was made: all others are to learn from it
    body = {
        "id": record_id,
        "kind": item.kind,
        "name": _line(plain(item.name)),
        "seat": places[0] if everybody and len(places) == 1 else None,
        "provider": _line(plain(item.provider) or source.provider or source.name),
        "summaries": reading.summaries(topics),
        "teaches": reading.teaches(),
        "topics": topics,
        "focus_areas": list(dict.fromkeys(a for topic in topics if (a := concepts()[topic].area))),
        "audiences": reading.audiences() or ["everyone"],
        "level": reading.levels(),
        "eligibility": {"countries": ["ALL"] if everybody else places or None, "groups": None},
        "regions": places or ["GLOBAL"],
        "languages": reading.languages() or None,
        "modality": reading.modality() or None,
        "cost": reading.cost() or None,
        "certificate": reading.mapped("certificate", (item.certificate,), _CERTIFICATES) or None,
        "url": item.url or None,
        "status": "ended" if item.ends and item.ends < date.today() else "active",
        "source": source.name,
        "evidence": _line(item.url or source.location),
        "confidence": "medium",
        "starts": item.starts,
        "ends": item.ends,
        "licence": _line(item.licence or source.licence or "") or None,
        "related": list(dict.fromkeys(each for each in related if each != record_id)),
    }
    try:
        return Normalised(Record.model_validate(body), reading.troubles)
    except ValidationError as error:
        faults = error.errors(include_url=False)
        return Normalised(None, [Trouble(where, f"{'.'.join(map(str, f['loc']))}: {f['msg']}") for f in faults])


class _Reading:
    """One item, read part by part; `troubles` collects what has no place in our vocabularies."""

    def __init__(self, item: Item, where: str) -> None:
        self.item = item
        self.where = where
        self.text = plain(item.text)
        self.troubles: list[Trouble] = []

    def topics(self) -> list[str]:
        """The typical first: those that the name or a tag names, then what the text is likely about."""
        name = plain(self.item.name)
        found: dict[str, None] = {}
        for said in (name, *map(plain, self.item.tags)):
            found |= dict.fromkeys(topic for topic, sure in understand(said).topics.items() if sure >= SURE)
        likely = guess(words(f"{name} {' '.join(self.item.tags)} {self.text[:500]}"))
        sure = (concept for concept, chance in likely.items() if chance >= SURE)
        found |= dict.fromkeys(concept for concept in sure if kind_of(concept) == "topic")
        found |= dict.fromkeys(topic for topic, sure in understand(self.text[:500]).topics.items() if sure == 1)
        return list(found)[:MOST_TOPICS]

    def summaries(self, topics: list[str]) -> dict[str, str]:
        """The beginning of the text in its own language, and an English line where that is another one."""
        code = understand(f"{self.item.name}. {self.text[:300]}").language
        said = _shortened(self.text or plain(self.item.name))
        if code == "en":
            return {"en": said}
        return {"en": in_english(plain(self.item.name), topics), code: said}

    def teaches(self) -> list[str]:
        """What is taught, in phrases."""
        phrases = [plain(each) for each in self.item.teaches] or [plain(each) for each in self.item.tags]
        phrases = phrases or _SENTENCE.split(self.text)[:3]
        kept = list(dict.fromkeys(_line(phrase) for phrase in phrases if words(phrase)))
        return kept[:MOST_PHRASES] or [_line(plain(self.item.name))]

    def audiences(self) -> list[str]:
        """Whom it is for, of what the source says about that."""
        return self._each("audience", self.item.audiences, lambda said: understand(plain(said)).audiences)

    def levels(self) -> list[str]:
        """The levels that the source names."""

        def read(said: str) -> list[str]:
            level = understand(plain(said)).level
            return [level] if level else []

        return self._each("level", self.item.level, read)

    def languages(self) -> list[str]:
        """The languages in which it is given."""
        return self._each("language", self.item.languages, language_codes)

    def places(self) -> list[str]:
        """Countries and regions whose people can join; of an experience, where it was made."""
        return self._each("country", self.item.countries, place_codes)

    def modality(self) -> list[str]:
        """How it is given."""

        def read(said: str) -> list[str]:
            text = f" {' '.join(words(said))} "
            named = (mode for mode, names in _MODES.items() if any(f" {name} " in text for name in names.split("|")))
            return [said] if said in _MODES else list(named)[-1:]

        return self._each("modality", self.item.modality, read)

    def cost(self) -> list[str]:
        """What it costs; unknown where that is not plain."""
        said = " ".join(words(self.item.cost))
        if not said:
            return []
        tokens = set(said.split())
        known = [_COSTS[token] for token in tokens if token in _COSTS]
        amounts = [float(amount.replace(",", ".")) for amount in _MONEY.findall(self.item.cost)]
        if known:
            return known[:1]
        if tokens & _FREE and not any(amounts):
            return ["free"]
        if tokens & _PAID or any(amounts):
            return ["paid"]
        if amounts:
            return ["free"]
        self.troubles.append(Trouble(self.where, f"cost “{self.item.cost[:60]}” is not known to us"))
        return []

    def mapped(self, name: str, said: Iterable[str], table: dict[str, str]) -> str:
        """The first of what is said that the table has."""
        for each in filter(None, said):
            if found := table.get(" ".join(words(each))):
                return found
            self.troubles.append(Trouble(self.where, f"{name} “{each[:60]}” is not known to us"))
        return ""

    def _each(self, name: str, said: Iterable[str], read: Callable[[str], Iterable[str]]) -> list[str]:
        found: dict[str, None] = {}
        for each in filter(str.strip, said):
            codes = dict.fromkeys(read(each))
            if not codes:
                self.troubles.append(Trouble(self.where, f"{name} “{plain(each)[:60]}” is not known to us"))
            found |= codes
        return list(found)


def plain(text: str) -> str:
    """Text without markup, entities, personal contacts, halves of emojis or stray spaces."""
    text = text.encode("utf-8", "ignore").decode()
    if "<" in text or "&" in text:
        from lxml import etree, html

        try:
            tree = html.fromstring(f"<div>{_BREAKING.sub(lambda tag: tag[0] + ' ', text)}</div>")
        except (etree.ParserError, ValueError):
            return ""
        for unseen in tree.xpath("//script|//style|//comment()"):
            unseen.drop_tree()
        text = str(tree.text_content())
    return " ".join(_CONTACT.sub("", text).split())


def in_english(name: str, topics: Iterable[str]) -> str:
    """A summary of what is told of in another language."""
    return _shortened(f"{name}: {'; '.join(concepts()[topic].gloss for topic in list(topics)[:3])}.")


def _shortened(text: str) -> str:
    """As many whole sentences as fit, or words if none does."""
    if len(text) <= LONGEST_SUMMARY:
        return text
    kept = ""
    for sentence in _SENTENCE.split(text):
        if len(kept) + len(sentence) + 1 > LONGEST_SUMMARY:
            break
        kept = f"{kept} {sentence}".strip()
    return kept or text[: LONGEST_SUMMARY - 1].rsplit(" ", 1)[0] + "…"


def _line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_LINE else text[: LONGEST_LINE - 1].rsplit(" ", 1)[0] + "…"


def identifier(name: str) -> str:
    """The id of a record of this name. What ASCII cannot write is told apart by a few digits of its digest."""
    found = words(name)
    short = "-".join(word for word in found if word.isascii())[:70].strip("-")
    if len(short) > 1 and all(word.isascii() for word in found):
        return short
    digest = hashlib.sha256(" ".join(found).encode()).hexdigest()[:8]
    return f"{short or 'record'}-{digest}"


def language_codes(said: str) -> tuple[str, ...]:
    """The languages (ISO 639-1) that a code, a locale or names of languages stand for."""
    code = said.strip().replace("_", "-").split("-")[0].lower()
    if code in _known_codes() and len(said) <= 12 and " " not in said.strip():
        return (code,)
    found = words(said)
    return tuple(
        dict.fromkeys(match.target for spoken in languages() for match in vocabulary(spoken).languages.find(found))
    )


@cache
def _known_codes() -> frozenset[str]:
    from babel import Locale

    return frozenset(code for code in map(str, Locale("en").languages) if len(code) == 2)


def place_codes(said: str) -> tuple[str, ...]:
    """The countries (ISO 3166-1) or regions that a code or names stand for."""
    text = said.strip()
    if text.upper() in countries() or (text.isupper() and is_place(text)):
        return (text.upper(),)
    if region := regions_by_name().get(normalise(text)):
        return (region,)
    found = words(text)
    return tuple(
        dict.fromkeys(m.target for spoken in ("en", "fr", "es", "pt") for m in vocabulary(spoken).places.find(found))
    )
