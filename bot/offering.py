"""What somebody has typed to offer something, read as a record; what makes no sense is told in their language."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import ValidationError

from locales import translations
from retrieval.concepts import Concept, Facet, concepts
from retrieval.places import language_name
from retrieval.records import Certificate, Cost, Modality, Record
from retrieval.understanding import understand
from retrieval.words import words

KINDS = ("programme", "resource", "provider")
COSTS: tuple[str, ...] = get_args(Cost)
FORMATS: tuple[str, ...] = get_args(Modality)
CERTIFICATES: tuple[str, ...] = get_args(Certificate)
UNKNOWN = "unknown"
_TYPED = {"id": "name", "summaries": "summary", "eligibility": "countries", "regions": "countries"}
"""Fields of a record → what is typed for them, where that has another name."""


class Senseless(ValueError):
    """What was typed cannot be kept; `problems` say why, in the language of who typed it."""

    def __init__(self, *problems: str) -> None:
        super().__init__(*problems)
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Writer:
    """Who types a record."""

    source: str
    evidence: str
    """What supports the record if it has no link."""
    expert: bool = False
    """Writes English, and names languages and countries by their codes."""


PROVIDER = Writer("provider", "provider")


def officer(number: int) -> Writer:
    """An officer who learned of something by request `number`."""
    return Writer(f"officer, request {number}", f"request {number}", expert=True)


def topics() -> dict[str, Concept]:
    """What a record or words can be about."""
    return _of(Facet.TOPIC)


def audiences() -> dict[str, Concept]:
    """Whom a record can be for."""
    return _of(Facet.AUDIENCE)


def _of(facet: Facet) -> dict[str, Concept]:
    return {key: concept for key, concept in concepts().items() if concept.facet is facet}


def read_record(
    writer: Writer,
    given: Mapping[str, str],
    about: Sequence[str],
    code: str,
    *,
    groups: Sequence[str] = (),
    record_id: str = "",
    before: Mapping[str, Any] | None = None,
) -> Record:
    """The record that was typed on a page in the language `code`. Raises `Senseless`.

    `about`: its topics; `groups`: those who can join, nobody is shut out if empty; `before`: what the record said until
    now, where fields stay that no form has. What was left empty is unknown.
    """
    reading = _Reading(writer, given, code)
    body = {**(before or {}), **reading.body(about, groups)}
    body["id"] = record_id or body["id"]
    wrong = reading.wrong | {field for field in ("teaches", "topics") if not body[field]}
    wrong |= set() if words(body["name"]) else {"name"}
    try:
        record = Record.model_validate(body)
    except ValidationError as error:
        wrong |= {str(each["loc"][0]) if each["loc"] else "" for each in error.errors()}
    if wrong:
        raise Senseless(*_told({_TYPED.get(field, field) for field in wrong}, code, expert=writer.expert))
    return record


def _told(wrong: Collection[str], code: str, *, expert: bool) -> list[str]:
    """What to do about the fields that are wrong, in the order of the form."""
    _ = translations(code).gettext
    ways = {
        "kind": _("Choose what it is."),
        "name": _("Write the name, in at most 160 characters."),
        "provider": _("Write who offers it, in at most 160 characters."),
        "url": _("Write the whole link, such as https://example.org/course, or leave it empty."),
        **(_of_experts(_) if expert else _of_others(_)),
        "topics": _("Choose at least one topic."),
        "cost": _("Choose what it costs."),
        "modality": _("Choose how it is given."),
        "certificate": _("Choose whether there is a certificate."),
    }
    told = [words for field, words in ways.items() if field in wrong]
    return told if set(wrong) <= set(ways) else [*told, _("This cannot be kept as it is.")]


def _of_experts(_: Callable[[str], str]) -> dict[str, str]:
    return {
        "summary": _("Say what it is in one or two English sentences, in at most 400 characters."),
        "teaches": _("Write what is taught or offered: English phrases of at most 160 characters, one a line."),
        "languages": _("Write languages by their codes, such as en, sw. The codes are those of ISO 639."),
        "countries": _("Write countries by their codes, such as KE, UG, or GLOBAL for everybody."),
    }


def _of_others(_: Callable[[str], str]) -> dict[str, str]:
    return {
        "summary": _("Say what it is in one or two sentences, in at most 400 characters."),
        "teaches": _("Write what is taught or offered: phrases of at most 160 characters, one a line."),
        "languages": _("Write languages by their names or codes, such as English, sw."),
        "countries": _("Write countries by their names or codes, such as Kenya, UG, or GLOBAL for everybody."),
    }


class _Reading:
    """One form, read field by field; `wrong` collects the fields in which something is not known to us."""

    def __init__(self, writer: Writer, given: Mapping[str, str], code: str) -> None:
        self.writer, self.given, self.code = writer, given, code
        self.wrong: set[str] = set()

    def body(self, about: Sequence[str], groups: Sequence[str]) -> dict[str, Any]:
        """The body of the record, still to be checked."""
        from ingest.normalise import identifier

        given, url, known = self.given, self.given.get("url", ""), topics()
        places, spoken, joining = self._places(), self._languages(), list(dict.fromkeys(groups)) or ["everyone"]
        return {
            "id": identifier(given.get("name", "")),
            "kind": given.get("kind") if given.get("kind") in KINDS else "",
            "name": given.get("name", ""),
            "provider": given.get("provider", ""),
            "summaries": self._summaries([topic for topic in about if topic in known]),
            "teaches": [line.strip() for line in given.get("teaches", "").splitlines() if line.strip()],
            "topics": list(dict.fromkeys(about)),
            "focus_areas": list(dict.fromkeys(a for topic in about if topic in known and (a := known[topic].area))),
            "audiences": joining,
            "eligibility": {"countries": places or UNKNOWN, "groups": joining},
            "regions": places or ["GLOBAL"],
            "languages": spoken or UNKNOWN,
            "modality": self._one("modality"),
            "cost": self._one("cost"),
            "certificate": given.get("certificate", UNKNOWN),
            "url": url or UNKNOWN,
            "status": "presumed-active",
            "source": self.writer.source,
            "evidence": url if 0 < len(url) <= 160 else self.writer.evidence,
            "confidence": "medium",
        }

    def _one(self, field: str) -> list[str] | str:
        chosen = self.given.get(field, "")
        return UNKNOWN if chosen == UNKNOWN else [chosen]

    def _summaries(self, about: Sequence[str]) -> dict[str, str]:
        """What was written, and an English line if it is in another language."""
        from ingest.normalise import in_english

        said, name = self.given.get("summary", ""), self.given.get("name", "")
        spoken = "en" if self.writer.expert else understand(f"{name}. {said}", self.code).language
        return {"en": said} if spoken == "en" or not said else {"en": in_english(name, about), spoken: said}

    def _languages(self) -> list[str]:
        from ingest.normalise import language_codes

        def known(said: str) -> Sequence[str]:
            found = [said.lower()] if self.writer.expert else language_codes(said)
            return [code for code in found if language_name(code, "en") != code]

        return self._each("languages", known)

    def _places(self) -> list[str]:
        from ingest.normalise import place_codes

        def known(said: str) -> Sequence[str]:
            if self.writer.expert or said.upper() == "GLOBAL":
                return [said.upper()]
            return place_codes(said) or understand(said, self.code).countries

        return self._each("countries", known)

    def _each(self, field: str, read: Callable[[str], Sequence[str]]) -> list[str]:
        """What stands in a field with commas between."""
        found: dict[str, None] = {}
        for part in self.given.get(field, "").translate(_COMMAS).split(","):
            codes = read(part.strip()) if part.strip() else ()
            found |= dict.fromkeys(codes)
            self.wrong |= {field} if part.strip() and not codes else set()
        return list(found)


_COMMAS = str.maketrans(dict.fromkeys(";،؛，、；፣\n", ","))
