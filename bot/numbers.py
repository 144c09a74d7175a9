"""Numbers by which people choose from what was shown: “2 please”, “the second one”, “ya pili”, “第二个”."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from retrieval.words import is_han, readings, words
from retrieval.yaml import read

_LONGEST = 6
"""Words up to which a message can be a choice."""
_LONGEST_HAN = 8
_LONGEST_PHRASE = 4
_SHORT = 4
"""Letters below which a word of a language that nobody has spoken so far is no number: "do" is two, in Hindi."""
_ENDINGS = (
    "st nd rd th er re ere e eme nde o a do da ro ra to ta inci aad и я е ои ыи ая ую го ম য টা রা रा री रो ኛ ኛው ኛውን"
)
"""What people write onto digits, as `words` spells it."""
_DIGITS = re.compile(f"([0-9]{{1,2}})(?:{_ENDINGS.replace(' ', '|')})?")

_MOST_MENTIONED = 20
"""Words up to which a message may be about what was shown."""

_Phrases = dict[tuple[str, ...], int]
_NOTHING = 0
"""What stands for a word that changes nothing."""


def chosen(text: str, spoken: Iterable[str | None] = ()) -> int | None:
    """The number that a message says and nothing besides. `spoken`: the languages of the talk so far."""
    found = words(text)
    if not 0 < len(found) <= (_LONGEST_HAN if any(map(is_han, found)) else _LONGEST):
        return None
    own = [code for code in dict.fromkeys((*spoken, "en")) if code in _phrases()]
    others = [code for code in _phrases() if code not in own]
    if len(found) == 1 and len(found[0]) < _SHORT and not is_han(found[0]) and found[0].isascii():
        others = []
    numbers = (_number(found, code) for code in (*own, *others))
    return next((number for number in numbers if number), None)


def mentioned(text: str, spoken: Iterable[str | None]) -> list[int]:
    """The numbers that a longer message names as choices, in order: “is the second one free?”, “number 1 or 3”."""
    found = words(text)
    named: dict[int, None] = {}
    for code in dict.fromkeys((*spoken, "en")) if len(found) <= _MOST_MENTIONED else ():
        if code in _phrases():
            named |= dict.fromkeys(_mentions(found, code))
    return list(named)


def _mentions(found: list[str], language: str) -> Iterator[int]:
    phrases, numbered = _mentionable()[language]
    at = 0
    while at < len(found):
        phrase = _longest(found, at, phrases)
        if phrase and (number := phrases[phrase]):
            yield number
        elif (digits := _DIGITS.fullmatch(found[at])) and _is_choice(digits, found, at, numbered):
            yield int(digits[1])
        at += len(phrase) if phrase else 1


def _is_choice(digits: re.Match[str], found: list[str], at: int, numbered: list[list[str]]) -> bool:
    """Whether digits within a sentence choose: “2nd”, “number 2”, but not “the 1st of March”."""
    if digits[0] != digits[1]:
        return found[at + 1 : at + 2] != ["of"]
    return found[at - 1 : at] in numbered


def _longest(found: list[str], at: int, phrases: _Phrases) -> tuple[str, ...] | None:
    lengths = range(min(_LONGEST_PHRASE, len(found) - at), 0, -1)
    return next((phrase for n in lengths if (phrase := tuple(found[at : at + n])) in phrases), None)


@cache
def _mentionable() -> dict[str, tuple[_Phrases, list[list[str]]]]:
    """Of each language: phrases that are a choice within a sentence, or are none, and words after which a digit is."""
    found = {}
    for language, entry in _entries().items():
        counts = {tuple(words(phrase)): _NOTHING for phrase in entry["counts"]}
        chosen_by = {tuple(words(phrase)): number for number in (1, 2, 3) for phrase in entry[number]}
        found[language] = chosen_by | counts, [words(word) for word in entry["number"]]
    return found


def _number(found: list[str], language: str) -> int | None:
    """The one number that words of a language say; none if there are two, or other words."""
    number, at, phrases = None, 0, _phrases()[language]
    while at < len(found):
        meant, length = _read(found, at, phrases, language)
        if not length:
            return None
        if meant and number:
            return None
        number, at = meant or number, at + length
    return number


def _read(found: list[str], at: int, phrases: _Phrases, language: str) -> tuple[int, int]:
    """What begins at a word, and how many words it has; none if it is not of a choice."""
    for length in range(min(_LONGEST_PHRASE, len(found) - at), 1, -1):
        meant = phrases.get(tuple(found[at : at + length]))
        if meant is not None:
            return meant, length
    if digits := _DIGITS.fullmatch(found[at]):
        return int(digits[1]), 1
    meant = next((phrases[(word,)] for word in readings(found[at], language) if (word,) in phrases), None)
    return (_NOTHING, 0) if meant is None else (meant, 1)


@cache
def _phrases() -> dict[str, _Phrases]:
    """What words say in each language: a number, or nothing."""
    return {language: _of(entry) for language, entry in _entries().items()}


@cache
def _entries() -> dict[str, dict[int | str, list[str]]]:
    entries: dict[str, dict[int | str, list[str]]] = read(Path(__file__).parent / "numbers.yaml")
    return entries


def _of(entry: dict[int | str, list[str]]) -> _Phrases:
    beside = {tuple(words(phrase)): _NOTHING for phrase in entry["beside"]}
    named = {tuple(words(phrase)): number for number in (1, 2, 3) for phrase in entry[number]}
    return beside | named
