"""What an officer typed to be kept, read as a record or as words; what makes no sense is told in their language."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import ValidationError

from channels.text import clean
from locales import translations
from retrieval.concepts import Concept, Facet, concepts
from retrieval.places import language_name
from retrieval.records import Cost, Modality, Record
from retrieval.understanding import understand
from retrieval.vocabulary import languages, vocabulary
from retrieval.words import is_han, normalise, words

KINDS = ("programme", "resource", "provider")
COSTS: tuple[str, ...] = get_args(Cost)
FORMATS: tuple[str, ...] = get_args(Modality)
UNKNOWN = "unknown"
LONGEST_WORDS = 80
_TYPED = {"id": "name", "summaries": "summary", "eligibility": "countries", "regions": "countries"}
"""Fields of a record → what an officer types for them, where that has another name."""


class Senseless(ValueError):
    """What was typed cannot be kept; `problems` say why, in the officer's language."""

    def __init__(self, *problems: str) -> None:
        super().__init__(*problems)
        self.problems = problems


def topics() -> dict[str, Concept]:
    """What a record or words can be about."""
    return {key: concept for key, concept in concepts().items() if concept.facet is Facet.TOPIC}


def read_record(number: int, given: Mapping[str, str], about: Sequence[str], code: str) -> Record:
    """The record that an officer typed on request `number`; `about`: its topics. Raises `Senseless`.

    What was left empty is unknown.
    """
    body = _body(number, given, about)
    wrong = {field for field in ("teaches", "topics") if not body[field]}
    wrong |= set() if words(body["name"]) else {"name"}
    wrong |= set() if all(language_name(each, "en") != each for each in _codes(given, "languages")) else {"languages"}
    try:
        record = Record.model_validate(body)
    except ValidationError as error:
        wrong |= {str(each["loc"][0]) if each["loc"] else "" for each in error.errors()}
    if wrong:
        raise Senseless(*_told({_TYPED.get(field, field) for field in wrong}, code))
    return record


def _told(wrong: set[str], code: str) -> list[str]:
    """What to do about the fields that are wrong, in the order of the form."""
    _ = translations(code).gettext
    ways = {
        "kind": _("Choose what it is."),
        "name": _("Write the name, in at most 160 characters."),
        "provider": _("Write who offers it, in at most 160 characters."),
        "url": _("Write the whole link, such as https://example.org/course, or leave it empty."),
        "summary": _("Say what it is in one or two English sentences, in at most 400 characters."),
        "teaches": _("Write what is taught or offered: English phrases of at most 160 characters, one a line."),
        "topics": _("Choose at least one topic."),
        "languages": _("Write languages by their codes, such as en, sw. The codes are those of ISO 639."),
        "countries": _("Write countries by their codes, such as KE, UG, or GLOBAL for everybody."),
        "cost": _("Choose what it costs."),
        "modality": _("Choose how it is given."),
    }
    told = [words for field, words in ways.items() if field in wrong]
    return told if wrong <= set(ways) else [*told, _("This cannot be kept as it is.")]


def _body(number: int, given: Mapping[str, str], about: Sequence[str]) -> dict[str, Any]:
    name, url, known = given.get("name", ""), given.get("url", ""), topics()
    places = [place.upper() for place in _codes(given, "countries")]
    cost, modality = given.get("cost", ""), given.get("modality", "")
    return {
        "id": identifier(name),
        "kind": given.get("kind") if given.get("kind") in KINDS else "",
        "name": name,
        "provider": given.get("provider", ""),
        "summaries": {"en": given.get("summary", "")},
        "teaches": [line.strip() for line in given.get("teaches", "").splitlines() if line.strip()],
        "topics": list(dict.fromkeys(about)),
        "focus_areas": list(dict.fromkeys(a for topic in about if topic in known and (a := known[topic].area))),
        "audiences": ["everyone"],
        "eligibility": {"countries": places or UNKNOWN, "groups": ["everyone"]},
        "regions": places or ["GLOBAL"],
        "languages": _codes(given, "languages") or UNKNOWN,
        "modality": UNKNOWN if modality == UNKNOWN else [modality],
        "cost": UNKNOWN if cost == UNKNOWN else [cost],
        "certificate": UNKNOWN,
        "url": url or UNKNOWN,
        "status": "presumed-active",
        "source": f"officer, request {number}",
        "evidence": url if 0 < len(url) <= 160 else f"request {number}",
        "confidence": "medium",
    }


def _codes(given: Mapping[str, str], field: str) -> list[str]:
    """Codes with commas between them."""
    parts = (part.strip().lower() for part in given.get(field, "").replace(";", ",").replace("،", ",").split(","))
    return list(dict.fromkeys(part for part in parts if part))


def identifier(name: str) -> str:
    """The id of a record of this name. What ASCII cannot write is told apart by a few digits of its digest."""
    found = words(name)
    plain = "-".join(word for word in found if word.isascii())[:70].strip("-")
    if len(plain) > 1 and all(word.isascii() for word in found):
        return plain
    digest = hashlib.sha256(" ".join(found).encode()).hexdigest()[:8]
    return f"{plain or 'record'}-{digest}"


def read_words(given: Mapping[str, str], code: str) -> dict[str, str]:
    """Words, their language and the topic that they stand for, as `store.proposals.words` gives them back.

    Raises `Senseless`.
    """
    _ = translations(code).gettext
    language, concept, said = given.get("language", ""), given.get("concept", ""), clean(given.get("said", ""))
    # Stars and dots mean something in the vocabulary's files, where they are tested; people do not say them.
    plain = not any(sign in normalise(said) for sign in ("*", "...", "\n"))
    sensible = language in languages() and concept in topics() and len(said) <= LONGEST_WORDS
    if not (plain and sensible and words(said)):
        raise Senseless(_("Choose a language and a topic, and write the words as people say them."))
    if _is_common(said, language):
        raise Senseless(_("These words are too common: many messages about other things have them too."))
    if understand(said, language).topics.get(concept) == 1:
        raise Senseless(_("The assistant understands these words already."))
    return {"language": language, "concept": concept, "words": said}


def _is_common(said: str, language: str) -> bool:
    """Whether nothing but small words is said: every other message would be about them."""
    small = vocabulary(language).function_words | vocabulary("en").function_words
    return all(word in small or (len(word) < 3 and word.isascii() and not is_han(word)) for word in words(said))
