"""Text as channels carry it: cleaned on the way in, isolated, shortened and parted on the way out."""

from __future__ import annotations

import re
import unicodedata

LONGEST_INBOUND = 4_000
"""Characters kept of one message; nobody needs more to ask for a course."""

_DIRECTION_MARKS = re.compile("[\u200b\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ufeff]")
_SPACES = re.compile(r"[^\S\n]+")
_BLANK_LINES = re.compile(r"\n{3,}")

_LINKS = re.compile(r"https?://\S+"), re.compile("https?://[!-~]+")
"""A link with all that touches it, and what of that is surely a link."""

LEFT_TO_RIGHT_ISOLATE = "\u2066"
POP_ISOLATE = "\u2069"


def clean(text: str) -> str:
    """Bound `text` and drop what cannot be seen: control characters, direction marks, lone surrogates."""
    text = text[:LONGEST_INBOUND].encode("utf-8", "ignore").decode("utf-8")
    text = unicodedata.normalize("NFC", _DIRECTION_MARKS.sub("", text))
    if not text.isprintable():
        text = "".join(c if c == "\n" or unicodedata.category(c) not in {"Cc", "Co", "Cn"} else " " for c in text)
    return _BLANK_LINES.sub("\n\n", _SPACES.sub(" ", text)).strip()


def isolate(run: str) -> str:
    """Keep a left-to-right run (link, number, Latin name) in order inside right-to-left text."""
    return f"{LEFT_TO_RIGHT_ISOLATE}{run}{POP_ISOLATE}"


def shorten(text: str, limit: int) -> str:
    """Cut `text` to at most `limit` characters at a word's end, with an ellipsis."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    space = cut.rfind(" ")
    return (cut[:space] if space > limit // 2 else cut).rstrip(" ,;:.-") + "…"


def units(text: str) -> int:
    """How long a text is in UTF-16 units, as providers count: two for an emoji."""
    return len(text) + sum(character > "\uffff" for character in text)


def without_surrogates(text: str) -> str:
    """Drop halves of surrogate pairs: no provider can be sent one."""
    return text.encode("utf-8", "ignore").decode("utf-8")


def split(text: str, limit: int) -> list[str]:
    """Part a text into pieces of at most `limit` UTF-16 units; there is always one, and a text that fits is it.

    It breaks after a paragraph or a line if that fills half a piece, else after a word, else anywhere, but not in a
    link that fits into a piece. Only white space at a break is lost.
    """
    if limit < 2:
        raise ValueError("an emoji has two units")
    rest, pieces = text, list[str]()
    while (end := _fitting(rest, limit)) < len(rest):
        end = _break(rest, end, limit)
        pieces.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    return [piece for piece in (*pieces, rest) if piece] or [""]


def _fitting(text: str, limit: int) -> int:
    """How many characters fit into `limit` units."""
    end = min(len(text), limit)
    while (over := units(text[:end]) - limit) > 0:
        end -= (over + 1) // 2
    return end


def _break(text: str, end: int, limit: int) -> int:
    """Where to break a text of which `end` characters fit."""
    for mark, least in (("\n\n", end // 2), ("\n", end // 2), (" ", 1)):
        found = text.rfind(mark, least, end + len(mark))
        if found > 0:
            return found
    for pattern in _LINKS:
        for link in pattern.finditer(text, 0, end + limit):
            if 0 < link.start() < end < link.end() and units(link[0]) <= limit:
                return link.start()
    return end
