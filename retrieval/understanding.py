"""From a text to a `Question`: concepts, places, languages, price, proof, format, and what is not wanted."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from retrieval.concepts import Facet, concepts
from retrieval.demands import VERB_LAST, language_demands, negations, written_on
from retrieval.filters import WOMEN
from retrieval.guess import guess, wanted
from retrieval.language import Identified, identify
from retrieval.leaning import settle
from retrieval.patterns import SHORTEST_TYPO, Match, longest
from retrieval.question import Question
from retrieval.vocabulary import HINTS, languages, towns, vocabulary
from retrieval.wishes import wishes
from retrieval.words import is_han, normalise, words

LONGEST_QUESTION = 500
"""Characters that are read; whoever writes more has said what they want by then."""

Encode = Callable[[str, str], NDArray[np.float32] | None]
"""Gives the vector of a text in a language, or none if it cannot."""

_CLAUSE_END = re.compile(r"[;!?،؛؟۔।፣፤።፥，。；！？\n]|[,.:](?=\s|$)")
_AGE = re.compile(
    r"\b(\d{1,2})\s*(?:-?\s*(?:years?|yrs?|yr|yo|y o|ans|anos|лет|год\w*|سنه|عام\w*|岁|歲|miaka|mwaka|shekar\w*|አመት|"
    r"amet\w*|sana|3am|"
    r"বছর\w*|साल\w*|वर्ष\w*|बर्ष\w*|saal|bochor|barsh?a\w*|سال\w*|برس|yas\w*|tahun\w*|thn|tuoi|jir\w*|odun)"
    r"(?:\b|$))|"
    r"\b(?:miaka|shekaru|umri|aged?|im|i m|i am|عمري|عمر|ዕድሜዬ|እድሜዬ|j ai|tengo|tenho|мне|"
    r"odun|shekara|shekaruna|shekarunta|shekarunsa|umur|usia|umer|umar|उमेर|"
    r"उम्र|yasim)\s+(?:wa\s+|ya\s+)?(\d{2})\b"
)
_AGE_HAN = re.compile(r"(\d{1,2})\s*[岁歲]")
_TYPO_CONFIDENCE = 0.6
# Whatever stands inside one of these still counts: they frame a wish, they do not name its topic.
_GRAVE = frozenset({Facet.DISTRESS, Facet.REFUSE, Facet.ELSEWHERE, Facet.NEED, Facet.CONTROL})
_LEARNING = frozenset({"learn", "course"})
"""Wishes that count inside the name of a topic too: "a spoken English course"."""
_WHO = (Facet.AUDIENCE, Facet.GENDER)
_NAMING = (Facet.TOPIC, *_WHO, Facet.COST, Facet.CERTIFICATE, Facet.FORMAT, Facet.LEVEL)
_DEMANDS = frozenset({Facet.FORMAT, Facet.COST, Facet.CERTIFICATE})
_FRAMES = frozenset({Facet.NEED, Facet.CONTROL, Facet.SIGNAL, Facet.INTENT, Facet.SMALLTALK})


def understand(text: str, known: str | None = None, encode: Encode | None = None) -> Question:
    """Read `text`. `known`: the language that the person has written so far. `encode`: gives the meaning of a text.

    What words say and what the whole sounds like are weighed together; without `encode` the letters are all there is.
    """
    question, found = read(text[:LONGEST_QUESTION], known)
    vector = encode(question.text, question.language) if encode else None
    question = replace(question, likely=guess(found, vector), wants=wanted(found, vector))
    return settle(replace(question, wants=wishes(question)))


def read(text: str, known: str | None = None) -> tuple[Question, list[str]]:
    """What the words of a text say, taken alone, and the words."""
    identified = identify(text, known)
    found, breaks = _clauses(text)
    active = _active(identified, known)
    matches = _concepts(found, active, breaks)
    covered = {i for match in matches for i in range(match.start, match.end)}
    known_words = _function_words(active)
    named = _languages(found, active, matches)
    places = _places(found, active, matches, known_words, identified.code)
    # "Bahasa Indonesia" is a language; nobody has said that they are there.
    places = [p for p in places if not any(_inside(p, m) and m.length > p.length for m in named)]
    matches = [m for m in matches if m.target != "english-language" or not _just_named(found, m, named)]
    covered |= {i for match in (*places, *named) for i in range(match.start, match.end)}
    typos = _typos(found, active, covered)
    matches = sorted((*matches, *typos, *_borrowed(found, active, matches)), key=lambda m: m.start)
    covered |= {i for match in typos for i in range(match.start, match.end)}
    question = _question(text, identified, found, matches, places, named, covered, breaks, active)
    return question, found


def warm_up() -> None:
    """Load what reading takes: vocabularies, places, the identifiers of languages."""
    understand("hello")


def _clauses(text: str) -> tuple[list[str], frozenset[int]]:
    """The words of a text, and the numbers of those with which a new clause begins."""
    found: list[str] = []
    breaks = set()
    for clause in _CLAUSE_END.split(text):
        found += words(clause)
        breaks.add(len(found))
    return found, frozenset(breaks)


@lru_cache(maxsize=256)
def _function_words(active: tuple[str, ...]) -> frozenset[str]:
    return frozenset().union(*(vocabulary(language).function_words for language in active))


def _exists(word: str, active: tuple[str, ...]) -> bool:
    """Whether one of the vocabularies knows a word, whatever it means."""
    return any(word in (entry := vocabulary(code)).function_words or entry.concepts.knows(word) for code in active)


def _active(identified: Identified, known: str | None) -> tuple[str, ...]:
    """The vocabularies to read with: the text's language, English (everybody borrows from it), the runner-up."""
    candidates = (identified.code, "en", known, identified.second if identified.confidence < 0.9 else None)
    return tuple(dict.fromkeys(code for code in candidates if code in languages()))


def _concepts(found: list[str], active: tuple[str, ...], breaks: frozenset[int]) -> list[Match]:
    own, known_words = active[0], vocabulary(active[0]).function_words
    matches = {
        m
        for language in active
        for m in vocabulary(language).concepts.find(found, breaks)
        if language == own or not _just_a_word(found, m, known_words)
    }
    # A "not" counts wherever it stands, also inside "does not fit", which might be the answer to results.
    framing = [m for m in matches if _facet(m) in _FRAMES and m.target not in HINTS | {"not"}]
    hints = longest(m for m in matches if m.target in HINTS)
    nots = longest(m for m in matches if m.target == "not")
    # "How do I sign up" may be asked about results, and is a wish to learn all the same: it hides nothing.
    about = longest(m for m in matches if _facet(m) is Facet.ABOUT)
    naming = [m for m in matches if _facet(m) not in {*_FRAMES, Facet.DISTRESS, Facet.ABOUT}]
    # Somebody in danger is heard, whatever else the words around it may mean.
    kept = _longest(naming) + longest(m for m in matches if _facet(m) is Facet.DISTRESS)
    framing = [m for m in framing if _facet(m) is not Facet.NEED or not _is_of_a_course(m, kept, framing)]
    framed = [
        m
        for m in (*longest(framing), *nots)
        if m.target in _LEARNING or not any(_inside(m, k) and k.length > m.length for k in kept)
    ]
    return [*kept, *framed, *about, *hints]


def _longest(naming: list[Match]) -> list[Match]:
    """The matches that no longer one contains; of another kind, what stands in its gap, or is who asks, counts too."""
    kept = longest(naming)
    for facet in _NAMING:
        for match in longest(m for m in naming if _facet(m) is facet):
            around = [k for k in kept if _inside(match, k) and _facet(k) is not facet]
            if around and match not in kept and (facet in _WHO or all(k.loose for k in around)):
                kept.append(match)
    return kept


def _just_a_word(found: list[str], match: Match, known_words: frozenset[str]) -> bool:
    """Whether what means something in another language is, in the text's own, just a short or frequent word."""
    word = found[match.start]
    return match.length == 1 and (word in known_words or (len(word) < 3 and not is_han(word)))


def _facet(match: Match) -> Facet:
    return concepts()[match.target].facet


def _places(
    found: list[str], active: tuple[str, ...], concepts: list[Match], known_words: frozenset[str], language: str
) -> list[Match]:
    own = active[0]
    named = [m for code in active for m in vocabulary(code).places.find(found)]
    # "Usa" is a word of Spanish, not the USA; a town that is called like a country is far less likely.
    named = [m for m in named if m.language == own or m.length > 1 or not _exists(found[m.start], (own,))]
    spoken_of = {i for m in named for i in range(m.start, m.end)}
    matches = named + [m for m in towns(found, known_words, language) if m.start not in spoken_of]
    # A place whose name is also a word of the domain, or part of a phrase ("yanar gizo"), is taken for the word.
    return longest(
        m
        for m in matches
        if not any(_inside(m, c) and not c.loose and (c.length > m.length or not m.language) for c in concepts)
    )


def _languages(found: list[str], active: tuple[str, ...], matches: list[Match]) -> list[Match]:
    taken = [m for m in matches if _facet(m) is Facet.TOPIC]
    own = active[0]
    named = [m for code in active for m in vocabulary(code).languages.find(found)]
    # "Dari" is Indonesian for "from": what names a language elsewhere may be a word of the text's own.
    named = longest(m for m in named if m.language == own or m.length > 1 or not _exists(found[m.start], (own,)))
    return [m for m in named if not any(_inside(m, t) and t.length > m.length for t in taken)]


def _just_named(found: list[str], topic: Match, named: list[Match]) -> bool:
    """Whether English is spoken of as a language, not as what is to be learnt: alone, or in one word with "in"."""
    return any(
        _inside(topic, language) or (_inside(language, topic) and written_on(found, language)) for language in named
    )


def _is_of_a_course(need: Match, naming: list[Match], framing: list[Match]) -> bool:
    """Whether the words of a need belong to a course: "free computer course" asks for no computer."""
    if any(_facet(m) is Facet.TOPIC and _crosses(need, m) for m in naming):
        return True
    courses = [m for m in framing if m.target in {"course", "learn"}]
    return need.target == "equipment" and any(0 <= max(c.start - need.end, need.start - c.end) <= 1 for c in courses)


def _crosses(one: Match, other: Match) -> bool:
    """Whether two matches share words, and each has some of its own."""
    share = one.start < other.end and other.start < one.end
    return share and not _inside(one, other) and not _inside(other, one)


def _inside(inner: Match, outer: Match) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


def _typos(found: list[str], active: tuple[str, ...], covered: set[int]) -> list[Match]:
    typos: list[Match] = []
    for i, word in enumerate(found):
        if i in covered or any(_exists(word[:end], active) for end in (None, -1, -2)):
            continue  # as it stands or with an ending, one of the languages has it
        for language in active:
            patterns = vocabulary(language).concepts
            if spelling := patterns.spelled_like(word):
                meant = longest(patterns.find([spelling]))
                # Nobody is taken to be in danger, or a criminal, for a slip of the finger.
                meant = [m for m in meant if _facet(m) not in _GRAVE]
                typos += [Match(m.target, i, i + 1, language, exact=False) for m in meant]
                break
    return typos


def _borrowed(found: list[str], active: tuple[str, ...], matches: list[Match]) -> list[Match]:
    """Topics in words of other languages, where none was found: "kuyua développement web"."""
    if any(_facet(m) is Facet.TOPIC for m in matches):
        return []
    strange = {i for i, word in enumerate(found) if len(word) >= SHORTEST_TYPO and not _exists(word, active)}
    if not strange:
        return []
    others = (vocabulary(code).concepts.find(found) for code in languages() if code not in active)
    topics = (m for found_there in others for m in found_there if _facet(m) is Facet.TOPIC)
    return longest(m for m in topics if strange & set(range(m.start, m.end)) and not m.loose)


def _question(
    text: str,
    identified: Identified,
    found: list[str],
    matches: list[Match],
    places: list[Match],
    named: list[Match],
    covered: set[int],
    breaks: frozenset[int],
    active: tuple[str, ...],
) -> Question:
    terms = [m for m in matches if _facet(m) in _DEMANDS or m.target == "course"]
    stated = negations(terms, matches, breaks, identified.code)
    refused = {
        id(m)
        for m, (before, after) in zip(terms, stated, strict=True)
        if before or (after and identified.code in VERB_LAST)
    }
    kept = [m for m in matches if id(m) not in refused]
    demanded, unwanted, spoken = language_demands(found, named, matches, breaks, active)
    age = _age(text)
    return Question(
        text=text,
        language=identified.code,
        topics=_topics(kept),
        audiences=_audiences(_of(kept, Facet.AUDIENCE), age),
        male=bool(_of(kept, Facet.GENDER)) and not WOMEN & set(_of(kept, Facet.AUDIENCE)),
        level=next(iter(_of(kept, Facet.LEVEL)), None),
        age=age,
        countries=tuple(dict.fromkeys(m.target for m in places)),
        taught_in=demanded,
        not_taught_in=unwanted,
        speaks=spoken,
        free="free" in _of(kept, Facet.COST) and "paid-ok" not in _of(kept, Facet.COST),
        scholarship="scholarship" in _of(kept, Facet.COST),
        certificate="certificate" in _of(kept, Facet.CERTIFICATE),
        formats=_of(kept, Facet.FORMAT),
        not_formats=tuple(dict.fromkeys(m.target for m in matches if id(m) in refused and _facet(m) is Facet.FORMAT)),
        intents=_of(kept, Facet.INTENT),
        hints=tuple(dict.fromkeys(m.target for m in kept if m.target in HINTS)),
        needs=_of(kept, Facet.NEED),
        elsewhere=_of(kept, Facet.ELSEWHERE),
        refuse=_of(kept, Facet.REFUSE),
        distress=_of(kept, Facet.DISTRESS),
        smalltalk=_of(kept, Facet.SMALLTALK),
        controls=tuple(
            dict.fromkeys(
                m.target
                for m in kept
                if _facet(m) is Facet.CONTROL and (_is_phrase(found, m) or m.length == len(found))
            )
        ),
        about=_of(kept, Facet.ABOUT),
        asks_someone=any(m.target == "person-phrase" for m in kept),
        unknown=tuple(
            w
            for i, w in enumerate(found)
            if i not in covered and not w.isdigit() and (len(w) > 2 or is_han(w)) and not _exists(w, active)
        ),
        length=len(found),
    )


def _is_phrase(found: list[str], match: Match) -> bool:
    """Whether a control is more than a word: a Chinese word is two characters, and says other things in a sentence."""
    return match.length >= (4 if is_han(found[match.start]) else 2)


def _of(matches: Iterable[Match], facet: Facet) -> tuple[str, ...]:
    return tuple(dict.fromkeys(m.target for m in matches if _facet(m) is facet))


_GENERAL = "digital-skills"


def _topics(matches: list[Match]) -> dict[str, float]:
    topics: dict[str, float] = {}
    for match in matches:
        if _facet(match) is Facet.TOPIC:
            topics[match.target] = max(topics.get(match.target, 0.0), 1.0 if match.exact else _TYPO_CONFIDENCE)
    if "offline" in _of(matches, Facet.FORMAT):
        topics.setdefault("offline-learning", 0.5)
    elsewhere = _of(matches, Facet.ELSEWHERE)
    if not topics and not elsewhere and "beginners" in _of(matches, Facet.LEVEL):
        topics["computer-basics"] = 0.5  # a beginner who names no subject means the machine itself
    if not topics and not elsewhere and {"parents", "children"} <= set(_of(matches, Facet.AUDIENCE)):
        topics["child-online-protection"] = 0.5  # what a parent asks about a child and a telephone
    if _GENERAL in topics and len(topics) > 1:  # whoever names a topic says "digital" beside it
        topics[_GENERAL] = 0.3
    return topics


def _audiences(said: tuple[str, ...], age: int | None) -> tuple[str, ...]:
    if age is None:
        return said
    by_age = "children" if age < 15 else "youth" if age <= 30 else "older-persons" if age >= 60 else None
    return tuple(dict.fromkeys((*said, by_age))) if by_age else said


def _age(text: str) -> int | None:
    plain = normalise(text)
    match = _AGE.search(" ".join(words(text))) or _AGE_HAN.search(plain)
    if not match:
        return None
    age = int(next(group for group in match.groups() if group))
    return age if 6 <= age <= 99 else None
