"""Text as words that can be compared: one spelling for what people spell in many ways."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_DROPPED = re.compile(
    "[\u0300-\u036f\u0610-\u061a\u064b-\u065f\u0670\u0640\u093c\u09bc\u200b-\u200f\u061c\u2060-\u2069]"
)
# Letters that one language's writers exchange freely: Arabic and Persian forms, Hausa hooks, Ethiopic homophones.
_FOLDED = str.maketrans(
    "أإآٱىةؤئکیہھگٹڈڑںےɓɗƙƴıøłđħœæßʼ’`´ʹʻ‘ሐሑሒሓሔሕሖኀኁኂኃኄኅኆሠሡሢሣሤሥሦዐዑዒዓዔዕዖፀፁፂፃፄፅፆ",
    "اااايهويكيههگٹڈڑنيbdkyioldhoas'''''''ሀሁሂሀሄህሆሀሁሂሀሄህሆሰሱሲሳሴስሶአኡኢአኤእኦጸጹጺጻጼጽጾ",
)
# \w does not take in the vowel signs of Indic scripts: stand-ins keep a word in one piece.
_INDIC_SIGNS = [
    *range(0x900, 0x904), *range(0x93A, 0x950), 0x962, 0x963, *range(0x981, 0x984), *range(0x9BC, 0x9CE), 0x9E2, 0x9E3
]  # fmt: skip
_MARK = {sign: chr(0x10000 + sign) for sign in _INDIC_SIGNS}
_UNMARK = {0x10000 + sign: chr(sign) for sign in _INDIC_SIGNS}

WORD = "[\u3400-\u9fff\uf900-\ufaff]|(?:[^\\W_\u3400-\u9fff\uf900-\ufaff]|[\U00010900-\U00010dff])+"
"""A word, or a Chinese character, in `plain` text."""
_WORD = re.compile(WORD)
_LONGEST_WORD = 60
"""Letters; what is longer is no word but an attack: all its beginnings and ends would be looked up."""
_FOREIGN_DIGIT = re.compile(r"[^\D0-9]")

# French writes small words onto the next one; elsewhere an apostrophe is part of the word (ma'aikata, don't).
_ELISION = re.compile(r"\b(l|d|j|c|n|s|m|t|y|qu|quelqu|jusqu|lorsqu|puisqu)'(?=\w)")

_NAMED_SYMBOLS = (
    ("c++", " cpp "),
    ("c#", " csharp "),
    (".net", " dotnet "),
    ("security+", "securityplus "),
    ("network+", "networkplus "),
)
_DRAWN_OUT = re.compile(r"([^\W\d_])\1{2,}")

_ARABIC_PROCLITICS = ("وبال", "وال", "بال", "كال", "فال", "لل", "ال", "و", "ف", "ب", "ل", "ك")
_AMHARIC_PREFIXES = ("ስለ", "እንደ", "ከየ", "በየ", "ለየ", "እየ", "የ", "በ", "ለ", "ከ")


def normalise(text: str) -> str:
    """Lower case, no accents or vowel marks, one letter where several stand for the same."""
    if text.isascii():
        return text.lower().replace("`", "'")
    text = unicodedata.normalize("NFKD", text).casefold()
    text = unicodedata.normalize("NFC", _DROPPED.sub("", text)).translate(_FOLDED)
    return _FOREIGN_DIGIT.sub(lambda digit: str(unicodedata.digit(digit[0])), text)


def words(text: str) -> list[str]:
    """The words of `text`, normalised. A Chinese character is a word of its own."""
    found = [word for word in _WORD.findall(plain(text)) if len(word) <= _LONGEST_WORD]
    return found if text.isascii() else [whole(word) for word in found]


def plain(text: str) -> str:
    """Normalised text that `WORD` cuts into words; `whole` undoes what it needs for that."""
    text = _ELISION.sub(r"\1 ", normalise(text)).replace("'", "")
    for symbol, word in _NAMED_SYMBOLS:
        text = text.replace(symbol, word)
    text = _DRAWN_OUT.sub(r"\1", text)
    return text if text.isascii() else text.translate(_MARK)


def whole(text: str) -> str:
    """Words of `plain` text as they are compared."""
    return text.translate(_UNMARK)


@lru_cache(maxsize=4096)
def readings(word: str, language: str = "") -> tuple[str, ...]:
    """`word`, then what is left of it without a proclitic that Arabic or Amharic writes onto it.

    `language`: that of the words to compare it with, if it is known: Persian and Urdu write nothing onto words.
    """
    first = word[:1]
    if "\u0620" <= first <= "\u06ff" and language in {"ar", ""}:
        prefixes: tuple[str, ...] = _ARABIC_PROCLITICS
    elif "\u1200" <= first <= "\u137f":
        prefixes = _AMHARIC_PREFIXES
    else:
        return (word,)
    stripped = [word[len(p) :] for p in prefixes if word.startswith(p) and len(word) - len(p) >= 2]
    return (word, *dict.fromkeys(stripped))


def is_han(word: str) -> bool:
    """Whether a word is a Chinese character."""
    return "\u3400" <= word[:1] <= "\u9fff"
