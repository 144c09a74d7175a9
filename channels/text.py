"""Text as channels carry it: cleaned on the way in, isolated and cut on the way out."""

from __future__ import annotations

import re
import unicodedata

LONGEST_INBOUND = 4_000
"""Characters kept of one message; nobody needs more to ask for a course."""

_DIRECTION_MARKS = re.compile("[\u200b\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ufeff]")
_SPACES = re.compile(r"[^\S\n]+")
_BLANK_LINES = re.compile(r"\n{3,}")

LEFT_TO_RIGHT_ISOLATE = "\u2066"
POP_ISOLATE = "\u2069"


def clean(text: str) -> str:
    """Bound `text` and drop what cannot be seen: control characters, direction marks, lone surrogates."""
    text = text[:LONGEST_INBOUND].encode("utf-8", "ignore").decode("utf-8")
    text = unicodedata.normalize("NFC", _DIRECTION_MARKS.sub("", text))
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
