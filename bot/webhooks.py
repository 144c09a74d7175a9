"""Where providers call: messages and what became of ours, acknowledged once they are on disk."""

from __future__ import annotations

from asyncio import Task, create_task
from collections.abc import Coroutine, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

import structlog
from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from bot import metrics
from bot.pace import Pace
from bot.webchat import Parts
from channels import contract
from channels.contract import Channel, Forged, Inbound, Malformed, Press, Status

if TYPE_CHECKING:
    from bot.group import Answer, Group

log = structlog.get_logger("webhooks")

LONGEST_BODY = 256 * 1024
"""Bytes. Telegram's updates and Twilio's forms are a few kilobytes."""

TYPING_A_SECOND = 4
"""Calls per channel that only show that we are at it: when many people write at once, most do without."""


def routes(parts: Parts) -> APIRouter:
    """`POST /channels/<name>` for each channel that a provider stands behind."""
    router = APIRouter()
    for channel in parts.providers.values():
        router.add_api_route(f"/channels/{channel.name}", _receiver(parts, channel), methods=["POST"])
    return router


def _receiver(parts: Parts, channel: Channel):  # type: ignore[no-untyped-def]  # FastAPI reads the annotations inside
    typing = Pace(TYPING_A_SECOND, 1.0)
    niceties: set[Task[None]] = set()  # not background tasks of the response: those keep its connection waiting

    def meanwhile(nicety: Coroutine[Any, Any, None]) -> None:
        niceties.add(task := create_task(nicety))
        task.add_done_callback(niceties.discard)

    async def receive(request: Request) -> Response:
        begun = monotonic()
        response = await answer(request)
        metrics.acknowledged(channel.name, monotonic() - begun)
        return response

    async def answer(request: Request) -> Response:
        body = await _body(request)
        if body is None:
            return _refuse(channel, "too long", 413)
        try:
            brought = channel.parse(_raw(request, parts.settings.public, body))
        except Forged:
            return _refuse(channel, "forged", 403)
        except Malformed:
            return _refuse(channel, "malformed", 400)
        messages, answers = await for_officers(parts.group, brought)
        kept = await parts.intake.take(messages, channel.name) if messages else 0
        heard = [entry for entry in messages if isinstance(entry, Inbound)] if kept else []
        if heard and not typing.wait(channel.name):
            meanwhile(channel.typing(heard[-1].address, heard[-1].external_id))
        if parts.group and answers:
            meanwhile(parts.group.answer(answers))
        return Response(status_code=200)

    return receive


async def for_officers(
    group: Group | None, brought: Sequence[Inbound | Status | Press]
) -> tuple[list[Inbound | Status], list[Answer]]:
    """Let the officers' group take what is for it; gives the rest, and what is to be answered."""
    if group and brought:
        return await run_in_threadpool(group.take, brought)
    return [entry for entry in brought if not isinstance(entry, Press)], []


def _refuse(channel: Channel, reason: str, status: int) -> Response:
    log.warning("webhook.refused", channel=channel.name, reason=reason)
    metrics.refused(channel.name, reason)
    return Response(status_code=status)


async def _body(request: Request) -> bytes | None:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_BODY:
            return None
    return body


def _raw(request: Request, public: str, body: bytes) -> contract.Request:
    """The request under its public address: what the provider signed, whatever proxies have made of it."""
    path = request.scope.get("raw_path", request.url.path.encode()).decode("ascii", "replace")
    query = request.scope.get("query_string", b"").decode("ascii", "replace")
    url = f"{public}{path}" + (f"?{query}" if query else "")
    return contract.Request(url, body, dict(request.headers))
