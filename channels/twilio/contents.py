"""Texts with buttons: Twilio wants a content made for each shape before one can be sent."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from channels.contract import Button, Permanent, SendError
from channels.text import shorten, units
from channels.twilio.api import ALL, Api

LONGEST_TEXT = 1024
"""UTF-16 units of a text that has buttons; a longer one goes without them."""
LONGEST_PAYLOAD = 200
MOST_REPLIES, LONGEST_REPLY = 3, 20
MOST_ITEMS, LONGEST_ITEM, LONGEST_DESCRIPTION = 10, 24, 72
MOST_LINES = 90
LIST_LABEL = "☰"
"""What opens a list. We are not told the language of a message, so it is a sign."""

_PAUSE = 300.0
"""Seconds without buttons if no content could be made: each try may cost a person as long as Twilio is silent."""


@dataclass(frozen=True, slots=True)
class Content:
    """A text with buttons: what all of its shape have in common, and the lines of this one."""

    types: dict[str, Any]
    variables: dict[str, str]

    @property
    def name(self) -> str:
        """The same for all of its shape."""
        shape = json.dumps(self.types, sort_keys=True).encode()
        return f"dalil_{hashlib.sha256(shape).hexdigest()[:24]}"


class Contents:
    """Those that Twilio has of ours."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._known: dict[str, str] = {}  # name -> SID; empty if Twilio refused it
        self._none_before = 0.0
        self._creating = asyncio.Lock()

    async def sid(self, content: Content) -> str:
        """The SID of a content, which is made if Twilio does not have it yet; empty if it cannot be had now."""
        if content.name in self._known:
            return self._known[content.name]
        async with self._creating:
            if time.monotonic() < self._none_before:
                return ""
            try:
                await self._make(content)
            except Permanent:
                self.refuse(content)
            except SendError:
                self._none_before = time.monotonic() + _PAUSE
            return self._known.get(content.name, "")

    async def _make(self, content: Content) -> None:
        known = self._known
        if not known:  # what was made before a restart
            listed = await self._api.call(lambda client: client.content.v1.contents.list_async(**ALL))
            known.update((entry.friendly_name, entry.sid) for entry in listed)
        if content.name not in known:
            known[content.name] = await self._api.create_content(content.name, "en", content.types)

    def refuse(self, content: Content) -> None:
        """Do without it from now on."""
        self._known[content.name] = ""

    def close(self) -> None:
        """Be ready for another event loop."""
        self._creating = asyncio.Lock()


def content_of(text: str, buttons: Sequence[Button]) -> Content | None:
    """The content for a text with buttons; none if something of it is beyond what WhatsApp or Twilio take."""
    choices = _replies(buttons) or _list(buttons)
    lines = [line.strip() for line in text.split("\n")]
    # In a variable Twilio takes no tabs, line ends or wide gaps; French puts no-break spaces before its colons.
    wrong = re.search(r"[^\S\n \u00a0\u202f]| {5}|\{\{", text)
    if not choices or wrong or not any(lines) or units(text) > LONGEST_TEXT or len(lines) > MOST_LINES:
        return None
    filled = {line: str(place) for place, line in enumerate(range(len(lines)), 1) if lines[line]}
    body = "\n".join(f"{{{{{filled[line]}}}}}" if line in filled else "" for line in range(len(lines)))
    (kind, rest), *_ = choices.items()
    return Content({kind: {"body": body, **rest}}, {number: lines[line] for line, number in filled.items()})


def _replies(buttons: Sequence[Button]) -> dict[str, Any]:
    titles, payloads = [button.title.strip() for button in buttons], [button.payload for button in buttons]
    if len(buttons) > MOST_REPLIES or not _fit(titles, LONGEST_REPLY) or not _fit(payloads, LONGEST_PAYLOAD):
        return {}
    pairs = zip(titles, payloads, strict=True)
    actions = [{"type": "QUICK_REPLY", "title": title, "id": payload} for title, payload in pairs]
    return {"twilio/quick-reply": {"actions": actions}}


def _list(buttons: Sequence[Button]) -> dict[str, Any]:
    """A list that opens; a title that is too long for it stands in full below its beginning."""
    titles, payloads = [button.title.strip() for button in buttons], [button.payload for button in buttons]
    short = [shorten(title, LONGEST_ITEM) for title in titles]
    if len(buttons) > MOST_ITEMS or not _fit(titles, LONGEST_DESCRIPTION) or not _fit(payloads, LONGEST_PAYLOAD):
        return {}
    if not _fit(short, LONGEST_ITEM):
        return {}
    rows = zip(short, payloads, titles, strict=True)
    items = [
        {"item": item, "id": payload} | ({"description": title} if title != item else {})
        for item, payload, title in rows
    ]
    return {"twilio/list-picker": {"button": LIST_LABEL, "items": items}}


def _fit(words: Sequence[str], longest: int) -> bool:
    """Whether there are words, all different, plain and short enough."""
    plain = all(0 < len(word) <= longest and word.isprintable() and "{{" not in word for word in words)
    return bool(words) and plain and len(set(words)) == len(words)
