"""Commands: a message that is, as a whole, “stop”, “more”, “2” or /erase, in any of the languages."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from locales import LANGUAGES, translations
from retrieval.concepts import Facet, concepts
from retrieval.vocabulary import languages, vocabulary
from retrieval.words import is_han, words

SLASHES = frozenset(
    {"stop", "start", "erase", "export", "me", "privacy", "help", "language", "person", "new", "more", "cancel"}
)
_LONGEST, _LONGEST_HAN = 10, 16
"""Words up to which a message can be a command; a Chinese character is one."""
_NAME = re.compile("[a-z]*")
_NUMBER = re.compile(r"^\W*(\d{1,2})\W*$")


@dataclass(frozen=True, slots=True)
class Control:
    """A command, what it is about (a number, a language, an answer), and the words it was given in."""

    name: str
    value: str = ""
    text: str = ""


def control(text: str, choice: str | None, known: str | None) -> Control | None:
    """The command that a message is; none if it says more than a command. `known`: the person's language."""
    if choice:
        name, _, value = choice.partition(":")
        return Control(name, value)
    stripped = text.strip()
    if stripped.startswith("/"):
        name = _NAME.match(stripped[1:].lower())[0]  # type: ignore[index]  # it matches the empty word too
        return Control(name) if name in SLASHES else Control("help")
    found = words(text)
    if len(found) == 1 and (number := _NUMBER.match(" ".join(found))):
        return Control("number", str(int(number[1])))
    return _spoken(found, known)


@cache
def _titles() -> dict[tuple[str, ...], str]:
    """The words of our own buttons, in every language: they may be typed at any time."""
    names = {"More": "more", "None of these fits": "none-of-these", "Talk to a person": "person", "New question": "new"}
    return {
        tuple(words(translations(code).gettext(title))): name for code in LANGUAGES for title, name in names.items()
    }


def _spoken(found: list[str], known: str | None) -> Control | None:
    if not 0 < len(found) <= (_LONGEST_HAN if is_han(found[0]) else _LONGEST):
        return None
    if title := _titles().get(tuple(found)):
        return Control(title)
    for language in dict.fromkeys((*((known,) if known in languages() else ()), *languages())):
        whole = vocabulary(language).concepts.whole(found)
        meant = sorted(target for target in whole if concepts()[target].facet is Facet.CONTROL)
        if meant:  # "is anyone there?" asks for a person too; who waits already is told of that
            return Control("waiting" if "waiting" in meant else meant[0])
    return None


def language_named(text: str) -> str | None:
    """The interface language that a message names, by its number in the list or by name in any language."""
    found = words(text)
    if len(found) == 1 and found[0].isdecimal():
        codes = list(LANGUAGES)
        return codes[int(found[0]) - 1] if 1 <= int(found[0]) <= len(codes) else None
    for code, language in LANGUAGES.items():
        if found == words(language.name) or found == [code]:
            return code
    for spoken in languages():
        for match in vocabulary(spoken).languages.find(found):
            if match.target in LANGUAGES and match.length == len(found):
                return match.target
    return None
