"""Which language a chat message is written in, also when it is short, mixed or written in other letters.

Three voices are added up: the words of our own vocabularies (they also know romanised Hindi, Bengali, Arabic and
Amharic, which defeat the other two), py3langid and pycld2. The script decides who may stand for election.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from math import exp
from typing import Any
from unicodedata import normalize

from retrieval.vocabulary import languages, vocabulary
from retrieval.words import words

_SCRIPTS = {
    "han": re.compile("[\u3400-\u9fff]"),
    "kana": re.compile("[\u3040-\u30ff]"),
    "hangul": re.compile("[\uac00-\ud7af]"),
    "ethiopic": re.compile("[\u1200-\u137f]"),
    "bengali": re.compile("[\u0980-\u09ff]"),
    "devanagari": re.compile("[\u0900-\u097f]"),
    "arabic": re.compile("[\u0600-\u06ff\u0750-\u077f]"),
    "cyrillic": re.compile("[\u0400-\u04ff]"),
    "greek": re.compile("[\u0370-\u03ff]"),
    "hebrew": re.compile("[\u0590-\u05ff]"),
    "thai": re.compile("[\u0e00-\u0e7f]"),
    "tamil": re.compile("[\u0b80-\u0bff]"),
    "latin": re.compile("[a-zA-Z\u00c0-\u024f\u0253\u0257\u0199\u1e00-\u1eff]"),
}
_OF_SCRIPT = {
    "han": ("zh",),
    "kana": ("ja",),
    "hangul": ("ko",),
    "ethiopic": ("am",),
    "bengali": ("bn",),
    "devanagari": ("hi", "ne", "mr"),
    "arabic": ("ar", "fa", "ur", "ps", "ku"),
    "cyrillic": ("ru", "uk", "kk", "ky", "bg", "sr", "mn"),
    "greek": ("el",),
    "hebrew": ("he",),
    "thai": ("th",),
    "tamil": ("ta",),
}
_LATIN = tuple("en fr es pt sw ha so yo id tr vi de it nl pl ro rw zu xh tl ms uz az ca cs sv".split())
_MARKED = {
    "es": re.compile(r"[¿¡]|\wí\b"),
    "fr": re.compile(r"\bà\b"),
    "pt": re.compile(r"\b[éà]\b"),
}
"""What one of three close languages writes, and `words` forgets: “o que é”, “no entendí”, “à Dakar”."""
_TONED = re.compile("[ăđơưṣ\u0300-\u036f\u1ea0-\u1ef9]", re.IGNORECASE)
"""What Vietnamese and Yoruba write, who have those marks too."""
_WEIGHT_OF_MARKS = 1.5
_WEIGHT_OF_VOTES = 4.0
_WEIGHT_OF_CLD2 = 1.0
_WEIGHT_OF_DOMAIN = 0.4
_HINDI, _URDU = "hi", "ur"
_LEAD_OF_URDU = 1
_LONG = 5
"""Words from which a text can be expected to have function words."""


@dataclass(frozen=True, slots=True)
class Identified:
    """A language (ISO 639-1), how sure that is (0–1), and who came second."""

    code: str
    confidence: float
    second: str | None = None


def identify(text: str, known: str | None = None) -> Identified:
    """The language of `text`. `known`: what the person has written so far; short messages do not overturn it."""
    text = re.sub(r"https?://\S+|[@#/]\S+", " ", text)[:500]
    found = words(text)
    script = _script(text)
    if script is None or not found:
        return Identified(known or "en", 0.0)
    allowed = _OF_SCRIPT.get(script) or _LATIN
    scores: defaultdict[str, float] = defaultdict(float)
    votes = _own_votes(found)
    for code, vote in votes.items():
        # Vocabularies hold romanised words too, so they may go beyond the languages of a script.
        if script == "latin" or code in allowed:
            scores[code] += _WEIGHT_OF_VOTES * vote / max(3, len(found))
    for code, probability in _langid(text, allowed).items():
        scores[code] += probability * _trust(code, votes, found)
    for code, share in _cld2(text).items():
        if code in allowed:
            scores[code] += _WEIGHT_OF_CLD2 * share * _trust(code, votes, found)
    for code in _marked(text):
        scores[code] += _WEIGHT_OF_MARKS
    if len(allowed) == 1:
        scores[allowed[0]] += 1.0
    if script == "latin" and not known and all(map(_is_english, found)):
        scores["en"] += 1.0
    if known in scores or (known and (script == "latin" or known in allowed)):
        scores[known or ""] += 1.2 / len(found) + 0.15
    ranked = sorted(scores.items(), key=lambda entry: -entry[1])[:2]
    if not ranked:
        return Identified(known or allowed[0], 0.0)
    best, lead = ranked[0]
    second, rest = ranked[1] if len(ranked) > 1 else (None, 0.0)
    if script == "latin" and best in {_HINDI, _URDU} and _URDU in languages():
        best = known if known in {_HINDI, _URDU} else _hindi_or_urdu(found)
        second, rest = _HINDI if best == _URDU else _URDU, lead  # read with both
    confidence = 1.0 if len(allowed) == 1 else 1 / (1 + exp(-3 * (lead - rest)))
    return Identified(best, confidence, second)


def _marked(text: str) -> list[str]:
    """The languages that write letters of `text` as they stand there."""
    text = normalize("NFC", text)
    if text.isascii() or _TONED.search(text):
        return []
    return [code for code, marks in _MARKED.items() if marks.search(text)]


def _is_english(word: str) -> bool:
    """Whether a word stands in the English vocabulary: “python course” says of itself no more than that."""
    return "en" in _owners().get(word, ()) or vocabulary("en").concepts.knows(word)


def _trust(code: str, votes: dict[str, float], found: list[str]) -> float:
    """How far to believe the identifiers: little, if a long text has more words of another vocabulary by far.

    They take romanised Hindi or Bengali, which nobody taught them, for English.
    """
    if len(found) < _LONG or code not in languages():
        return 1.0
    return 0.3 if votes.get(code, 0.0) < max(votes.values(), default=0.0) / 2 or not votes.get(code) else 1.0


def _script(text: str) -> str | None:
    counts = {name: len(pattern.findall(text)) for name, pattern in _SCRIPTS.items()}
    # Latin words (names, "online") stand in every other script's sentences; the other way round is rare.
    weights = {name: count / 3 if name == "latin" else count for name, count in counts.items()}
    best = max(weights, key=lambda name: weights[name])
    return best if weights[best] else None


@cache
def _owners() -> dict[str, tuple[str, ...]]:
    """Function word → the languages that have it."""
    owners: dict[str, list[str]] = {}
    for language in languages():
        for word in vocabulary(language).function_words:
            owners.setdefault(word, []).append(language)
    return {word: tuple(codes) for word, codes in owners.items()}


def _own_votes(found: list[str]) -> dict[str, float]:
    """What our vocabularies say: a vote a function word, less a word of the domain, shared by whoever has it."""
    votes: defaultdict[str, float] = defaultdict(float)
    for word in found:
        codes, weight = _owners().get(word, ()), 1.0
        if not codes and not word.isdigit():
            codes, weight = _knowing(word), _WEIGHT_OF_DOMAIN
        sides = {_side(code) for code in codes}
        for code in codes:
            votes[code] += weight / len(sides)
    return votes


def _side(code: str) -> str:
    """Hindi and Urdu are one language in two scripts: in Latin letters a word of both counts as one of its own."""
    return _HINDI if code == _URDU else code


def _hindi_or_urdu(found: list[str]) -> str:
    """Which of the two, in Latin letters: by places and languages that are named, and words that only one has.

    Hindi in doubt: both of our lists of words have gaps, and more people chat so in Hindi.
    """
    lead = 0
    for code in (_HINDI, _URDU):
        named = {
            match.target for match in (*vocabulary(code).places.find(found), *vocabulary(code).languages.find(found))
        }
        lead += 2 * len(named & {"PK", _URDU}) - 2 * len(named & {"IN", "NP", _HINDI})
    for word in found:
        owners = _owners().get(word, ())
        lead += (_URDU in owners and _HINDI not in owners) - (_HINDI in owners and _URDU not in owners)
    return _URDU if lead >= _LEAD_OF_URDU else _HINDI


def _knowing(word: str) -> tuple[str, ...]:
    """The languages in whose vocabulary a word of the domain stands; none for English words: everybody borrows them.

    Not remembered: words that are approved meanwhile count as well.
    """
    if vocabulary("en").concepts.knows(word):
        return ()
    return tuple(code for code in languages() if vocabulary(code).concepts.knows(word))


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    every = LanguageIdentifier.from_model_file(MODEL_FILE)
    every.set_languages({code for codes in (*_OF_SCRIPT.values(), _LATIN) for code in codes} & set(every.labels))
    # A new one of what is left: the first would keep its tables for all 140 languages, 20 MB.
    return LanguageIdentifier(
        every.nb_ptc, every.nb_pc, every.nb_classes, every.tk_nextmove, every.tk_output, True, tk_row=every.tk_row
    )


def _langid(text: str, allowed: tuple[str, ...]) -> dict[str, float]:
    ranked = dict(_identifier().rank(text))
    kept = {code: float(ranked.get(code, 0.0)) for code in allowed}
    total = sum(kept.values()) or 1.0
    return {code: value / total for code, value in kept.items()}


def _cld2(text: str) -> dict[str, float]:
    import pycld2

    try:
        _, _, details = pycld2.detect(text, isPlainText=True, bestEffort=True)
    except pycld2.error:
        return {}
    return {code.split("-")[0]: percent / 100 for _, code, percent, _ in details if code != "un"}
