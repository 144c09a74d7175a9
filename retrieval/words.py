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
_INDIC_SIGNS = re.compile("[\u0900-\u0903\u093a-\u094f\u0962\u0963\u0981-\u0983\u09bc-\u09cd\u09e2\u09e3]")

_FOREIGN_DIGIT = re.compile(r"[^\D0-9]")
_MARKED_WORD = re.compile("[\u3400-\u9fff\uf900-\ufaff]|(?:[^\\W_\u3400-\u9fff\uf900-\ufaff]|[\U00010900-\U00010dff])+")

# French writes small words onto the next one; elsewhere an apostrophe is part of the word (ma'aikata, don't).
_ELISION = re.compile(r"\b(l|d|j|c|n|s|m|t|qu|jusqu|lorsqu|puisqu)'(?=\w)")

_NAMED_SYMBOLS = (("c++", " cpp "), ("c#", " csharp "), (".net", " dotnet "))
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
    plain = _ELISION.sub(r"\1 ", normalise(text)).replace("'", "")
    for symbol, word in _NAMED_SYMBOLS:
        plain = plain.replace(symbol, word)
    return _split(_DRAWN_OUT.sub(r"\1", plain))


def _split(text: str) -> list[str]:
    # \w does not take in the vowel signs of Indic scripts: stand-ins keep a word in one piece.
    if text.isascii() or not _INDIC_SIGNS.search(text):
        return _MARKED_WORD.findall(text)
    marked = _INDIC_SIGNS.sub(lambda sign: chr(0x10000 + ord(sign[0])), text)
    return [_unmark(word) for word in _MARKED_WORD.findall(marked)]


def _unmark(word: str) -> str:
    return "".join(chr(ord(c) - 0x10000) if 0x10900 <= ord(c) <= 0x10DFF else c for c in word)


@lru_cache(maxsize=4096)
def readings(word: str) -> tuple[str, ...]:
    """`word`, then what is left of it without a proclitic that Arabic or Amharic writes onto it."""
    first = word[:1]
    if "\u0620" <= first <= "\u06ff":
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
