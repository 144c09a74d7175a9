"""How long an answer may be kept, and how to tell whether it is still the same (RFC 9110)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import cache
from pathlib import Path

from fastapi import Request

from bot.pages import FOLDER as PAGES
from locales import FOLDER as WORDS

KEPT = "public, max-age=300"


@dataclass(frozen=True, slots=True)
class Validators:
    """What an answer is known by."""

    etag: str
    modified: datetime

    @classmethod
    def of(cls, state: str, changed: datetime, *more: str) -> Validators:
        """Of an answer made of `state`, which `changed` then. `more`: what else it depends on."""
        digest, made = edition()
        whole = hashlib.sha256("\n".join([state, digest, *more]).encode()).hexdigest()
        # Weak: the same may come compressed.
        return cls(f'W/"{whole[:32]}"', max(changed, made).replace(microsecond=0))

    def headers(self) -> dict[str, str]:
        """For the answer, and for a 304."""
        modified = format_datetime(self.modified, usegmt=True)
        return {"ETag": self.etag, "Last-Modified": modified, "Cache-Control": KEPT}

    def same(self, request: Request) -> bool:
        """Whether who asks has this answer already."""
        if known := request.headers.get("if-none-match"):
            return known.strip() == "*" or _opaque(self.etag) in map(_opaque, known.split(","))
        since = _moment(request.headers.get("if-modified-since", ""))
        return since is not None and self.modified <= since


@cache
def edition() -> tuple[str, datetime]:
    """What the program itself adds to answers, and since when: pages and words change with a new version."""
    own = [*Path(__file__).parent.glob("*.py"), *PAGES.iterdir(), *WORDS.glob("*/LC_MESSAGES/dalil.po")]
    files = sorted(path for path in own if path.is_file())
    digest = hashlib.sha256()
    for path in files:
        digest.update(path.read_bytes())
    return digest.hexdigest(), datetime.fromtimestamp(max(path.stat().st_mtime for path in files), UTC)


def _opaque(tag: str) -> str:
    return tag.strip().removeprefix("W/")


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
