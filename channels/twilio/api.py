"""Calls of Twilio's API through its library. Everything here raises a `SendError` and nothing else."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

import httpx

from channels.contract import SendError, Unknown
from channels.twilio.transport import Transport

ALL = {"limit": 2_000, "page_size": 100}
"""What to ask for where all is wanted."""


class Api:
    """One account."""

    def __init__(self, account_sid: str, token: str, url: str, timeout: httpx.Timeout) -> None:
        """`url`: of a test server; empty for Twilio's own."""
        self._account_sid, self._token, self._url, self._timeout = account_sid, token, url, timeout
        # A connection cannot leave its event loop, and sending and thinking have one each.
        self._made: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[Transport, Any]] = WeakKeyDictionary()

    async def call(self, action: Callable[[Any], Awaitable[Any]]) -> Any:
        """Do something with the library's client. Whatever the library trips over is a `SendError` too."""
        try:
            return await action(self._connected())
        except SendError:
            raise
        except Exception as error:
            failure = Unknown(f"Twilio's answer could not be read ({type(error).__name__})")
        raise failure  # not where it was caught: what the library raises holds addresses

    async def create_content(self, name: str, language: str, types: Mapping[str, Any]) -> str:
        """Make a content and give its SID."""
        from twilio.rest.content.v1.content import ContentList  # type: ignore[import-untyped]

        numbers = sorted({int(number) for number in re.findall(r"\{\{(\d+)\}\}", json.dumps(types))})
        told = {"friendly_name": name, "language": language, "types": types}
        if numbers:
            told["variables"] = {str(number): "…" for number in numbers}
        request = ContentList.ContentCreateRequest(told)
        return str((await self.call(lambda client: client.content.v1.contents.create_async(request))).sid)

    async def close(self) -> None:
        """Let go of the connections of this event loop."""
        if made := self._made.pop(asyncio.get_running_loop(), None):
            await made[0].close()

    def _connected(self) -> Any:
        loop = asyncio.get_running_loop()
        if loop not in self._made:
            from twilio.rest import Client  # type: ignore[import-untyped]  # 0.15 s, so it is imported here

            transport = Transport(self._url, self._timeout)
            self._made[loop] = transport, Client(self._account_sid, self._token, http_client=transport)
        return self._made[loop][1]
