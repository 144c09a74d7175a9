"""Where providers call: messages and what became of ours, acknowledged once they are on disk."""

from __future__ import annotations

from asyncio import Task, create_task
from collections.abc import Coroutine, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from bot import metrics
from bot.pace import Pace
from bot.webchat import Parts
from channels import contract
from channels.contract import Channel, Forged, Inbound, Malformed, Press, Status

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from bot.group import Answer, Group

log = structlog.get_logger("webhooks")

LONGEST_BODY = 256 * 1024
"""Bytes. Telegram's updates and Twilio's forms are a few kilobytes."""

TYPING_A_SECOND = 4
"""Calls per channel that only show that we are at it: when many people write at once, most do without."""


class Webhooks:
    """Answers `POST /channels/<name>` for each channel that a provider stands behind, and lets all else through.

    Plain ASGI, in front of the app: the way through it costs more than everything that is done here.
    """

    def __init__(self, app: ASGIApp, parts: Parts) -> None:
        """`app` gets what is for nobody here."""
        self._app = app
        self._webhooks = {f"/channels/{channel.name}": _Webhook(parts, channel) for channel in parts.providers.values()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        webhook = self._webhooks.get(scope["path"]) if scope["type"] == "http" else None
        if webhook is None:
            await self._app(scope, receive, send)
        elif scope["method"] != "POST":
            await _answer(send, 405, (b"allow", b"POST"))
        elif status := await webhook.receive(scope, receive):
            await _answer(send, status)


class _Webhook:
    """What one provider calls."""

    def __init__(self, parts: Parts, channel: Channel) -> None:
        self._parts, self._channel = parts, channel
        self._typing = Pace(TYPING_A_SECOND, 1.0)
        self._niceties: set[Task[None]] = set()  # nothing else holds tasks that nobody waits for

    async def receive(self, scope: Scope, receive: Receive) -> int | None:
        """Take a request in; gives the status that answers it, none if nobody waits for it any more."""
        begun = monotonic()
        try:
            status = await self._take(scope, receive)
        except ClientDisconnect:
            return None
        except Exception:
            log.exception("webhook.broke", channel=self._channel.name)
            return 500
        metrics.acknowledged(self._channel.name, monotonic() - begun)
        return status

    async def _take(self, scope: Scope, receive: Receive) -> int:
        parts, channel = self._parts, self._channel
        body = await _body(receive)
        if body is None:
            return self._refuse("too long", 413)
        try:
            brought = channel.parse(_raw(scope, parts.settings.public, body))
        except Forged:
            return self._refuse("forged", 403)
        except Malformed:
            return self._refuse("malformed", 400)
        messages, answers = await for_officers(parts.group, brought)
        kept = await parts.intake.take(messages, channel.name) if messages else 0
        heard = [entry for entry in messages if isinstance(entry, Inbound)] if kept else []
        if heard and not self._typing.wait(channel.name):
            self._meanwhile(channel.typing(heard[-1].address, heard[-1].external_id))
        if parts.group and answers:
            self._meanwhile(parts.group.answer(answers))
        return 200

    def _refuse(self, reason: str, status: int) -> int:
        log.warning("webhook.refused", channel=self._channel.name, reason=reason)
        metrics.refused(self._channel.name, reason)
        return status

    def _meanwhile(self, nicety: Coroutine[Any, Any, None]) -> None:
        """Do it beside the answer, which is not to wait for it."""
        self._niceties.add(task := create_task(nicety))
        task.add_done_callback(self._niceties.discard)


async def for_officers(
    group: Group | None, brought: Sequence[Inbound | Status | Press]
) -> tuple[list[Inbound | Status], list[Answer]]:
    """Let the officers' group take what is for it; gives the rest, and what is to be answered."""
    if group and brought:
        return await run_in_threadpool(group.take, brought)
    return [entry for entry in brought if not isinstance(entry, Press)], []


async def _answer(send: Send, status: int, *headers: tuple[bytes, bytes]) -> None:
    """Answer with nothing in it: no header has to keep it safe, and each would take longer than a line of ours."""
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0"), *headers]})
    await send({"type": "http.response.body"})


async def _body(receive: Receive) -> bytes | None:
    """The body of a request; none if it is too long."""
    body = b""
    while len(body) <= LONGEST_BODY:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if not message.get("more_body"):
            return body if len(body) <= LONGEST_BODY else None
    return None


def _raw(scope: Scope, public: str, body: bytes) -> contract.Request:
    """The request under its public address: what the provider signed, whatever proxies have made of it."""
    path = scope.get("raw_path", scope["path"].encode()).decode("ascii", "replace")
    query = scope.get("query_string", b"").decode("ascii", "replace")
    url = f"{public}{path}" + (f"?{query}" if query else "")
    # Of a header that comes twice the first counts.
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])}
    return contract.Request(url, body, headers)
