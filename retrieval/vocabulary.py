"""The multilingual vocabulary: what words stand for in each language, as `vocabulary/<language>.yaml` has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from marisa_trie import Trie

from retrieval.compiled import trie
from retrieval.concepts import Facet, concepts
from retrieval.patterns import Match, Patterns, keys
from retrieval.places import FOLDER, countries, country_of_town, spoken_in
from retrieval.words import is_han, normalise, readings, words
from retrieval.yaml import read

HINTS = frozenset({"software-words", "example-words"})
"""Signals that hint at a wish and do not tell it."""
SIGNALS = HINTS | {"not", "either", "person-phrase"}
"""Signals that are found in a text as concepts are; the others are lists of words and frames."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around a language's name where it is asked for."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    written_on: str = ""
    """What is written onto the name itself, as in Arabic and Amharic."""


def _frame(pattern: str) -> Frame:
    before, _, after = normalise(pattern).partition("{}")
    attached = bool(before) and not before.endswith(" ") and not is_han(before[-1])
    return Frame(tuple(words(before)), tuple(words(after)), before.split()[-1] if attached else "")


@dataclass(frozen=True, slots=True)
class Words:
    """What one language's file and CLDR know: concepts, names of languages, names of countries."""

    concepts: Patterns
    languages: Patterns
    places: Patterns
    function_words: frozenset[str]
    in_language: tuple[Frame, ...]
    """What turns a language's name into a demand."""
    also_language: tuple[Frame, ...]
    """What says that a language would do as well."""


@cache
def languages() -> tuple[str, ...]:
    """The languages that have a vocabulary."""
    others = {"concepts", "regions", "focus_areas"}
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml") if path.stem not in others))


_approved: dict[str, tuple[tuple[str, str], ...]] = {}
"""What is laid over the files: language → pairs of a pattern and a concept."""


def lay_over(words_of: Mapping[str, Sequence[tuple[str, str]]]) -> None:
    """Lay approved words over the files, in place of those laid before; what is no pattern or concept is left out."""
    for language in set(_approved) | set(words_of):
        pairs = tuple((p, c) for p, c in words_of.get(language, ()) if words(p) and c in concepts())
        if language in languages() and pairs != _approved.get(language, ()):
            _approved[language] = pairs
            _overlaid.cache_clear()


def vocabulary(language: str) -> Words:
    """The vocabulary of one language: its file, and what was approved since."""
    return _overlaid(language, _approved[language]) if _approved.get(language) else _of_file(language)


@cache
def _overlaid(language: str, pairs: tuple[tuple[str, str], ...]) -> Words:
    entry = read(FOLDER / f"{language}.yaml")
    return replace(_of_file(language), concepts=Patterns.of(language, [*_concepts(entry), *pairs]))


_CONCEPT, _LANGUAGE, _PLACE, _FUNCTION_WORD, _IN_LANGUAGE, _ALSO_LANGUAGE = "clpfia"
"""The sections of a language's trie."""


@cache
def _of_file(language: str) -> Words:
    path = FOLDER / f"{language}.yaml"
    compiled = trie(path, lambda: _keys(read(path)))
    return Words(
        concepts=Patterns(language, compiled, _CONCEPT),
        languages=Patterns(language, compiled, _LANGUAGE),
        places=Patterns(language, compiled, _PLACE),
        function_words=frozenset(key[1:] for key in compiled.keys(_FUNCTION_WORD)),
        in_language=_frames(compiled, _IN_LANGUAGE),
        also_language=_frames(compiled, _ALSO_LANGUAGE),
    )


def _frames(compiled: Trie, section: str) -> tuple[Frame, ...]:
    frames = [_frame(key[1:]) for key in compiled.keys(section)]
    return tuple(frame for frame in frames if frame.before or frame.after or frame.written_on)


def _keys(entry: dict[str, Any]) -> Iterator[str]:
    from babel import Locale

    locale = Locale.parse(entry["language"])
    function_words = frozenset(w for p in entry["concepts"].get("function-words", ()) for w in words(p))
    yield from keys(_concepts(entry), _CONCEPT)
    yield from keys(_named(entry, "languages", locale.languages, function_words), _LANGUAGE)
    yield from keys(_named(entry, "places", locale.territories, function_words), _PLACE)
    yield from (f"{_FUNCTION_WORD}{word}" for word in function_words)
    yield from (f"{_IN_LANGUAGE}{pattern}" for pattern in entry["concepts"].get("in-language", ()))
    yield from (f"{_ALSO_LANGUAGE}{pattern}" for pattern in entry["concepts"].get("also-language", ()))


def patterns_of(path: Path) -> Iterator[tuple[str, str]]:
    """The patterns of a language's file, each with its concept."""
    return _concepts(read(path))


def _concepts(entry: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for concept, patterns in entry["concepts"].items():
        if concepts()[concept].facet is not Facet.SIGNAL or concept in SIGNALS:
            yield from ((pattern, concept) for pattern in patterns)


def _named(
    entry: dict[str, Any], section: str, names: Mapping[str, str], taken: frozenset[str]
) -> Iterator[tuple[str, str]]:
    """Names from CLDR, unless they are everyday words, and those of our file."""
    meant = _is_language if section == "languages" else countries().__contains__
    for code, name in names.items():
        if meant(code) and normalise(name) not in taken and (len(code) == 2 or len(normalise(name)) >= _SHORTEST_NAME):
            yield name, code
    for code, patterns in (entry.get(section) or {}).items():
        yield from ((pattern, code) for pattern in patterns)


def _is_language(code: str) -> bool:
    """Whether people somewhere speak it as a language of its own, from Arabic to Umbundu."""
    return len(code) == 2 or (len(code) == 3 and code not in _VARIETIES and bool(spoken_in(code)))


_VARIETIES = frozenset("aeb arq ars ary arz gan hak hsn nan wuu yue den und".split())
"""Spoken Arabic and Chinese, taught in the written one; and the code for a language that is not known."""
_SHORTEST_NAME = 5
"""Letters in the shortest name of a smaller language: shorter ones are words of others ("Ga", "Kom", "Fon")."""
_LONGEST_TOWN = 4
"""Words in the longest name of a town that is recognised."""


def towns(found: list[str], taken: frozenset[str], language: str) -> Iterator[Match]:
    """Towns of the world among the words of a text, but for single words that are in `taken`.

    A single word is a town only where the text's language is spoken: far away there is a town for every word.
    """
    near = spoken_in(language)
    for start, word in enumerate(found):
        for end in range(start + 1, min(start + _LONGEST_TOWN, len(found)) + 1):
            for first in readings(word, language):
                country = country_of_town(" ".join((first, *found[start + 1 : end])))
                if country and (end > start + 1 or (first not in taken and country in near)):
                    yield Match(country, start, end, "")
