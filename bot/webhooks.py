"""Where providers call: messages and what became of ours, acknowledged once they are on disk."""

from __future__ import annotations

from time import monotonic

import structlog
from fastapi import APIRouter, Request, Response
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool

from bot import metrics
from bot.webchat import Parts
from channels import contract
from channels.contract import Channel, Forged, Inbound, Malformed

log = structlog.get_logger("webhooks")

LONGEST_BODY = 256 * 1024
"""Bytes. Telegram's updates and Twilio's forms are a few kilobytes."""


def routes(parts: Parts) -> APIRouter:
    """`POST /channels/<name>` for each channel that a provider stands behind."""
    router = APIRouter()
    for channel in parts.providers.values():
        router.add_api_route(f"/channels/{channel.name}", _receiver(parts, channel), methods=["POST"])
    return router


def _receiver(parts: Parts, channel: Channel):  # type: ignore[no-untyped-def]  # FastAPI reads the annotations inside
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
        kept = await run_in_threadpool(parts.intake.receive, brought, channel.name) if brought else 0
        heard = [entry for entry in brought if isinstance(entry, Inbound)] if kept else []
        show = BackgroundTask(channel.typing, heard[-1].address, heard[-1].external_id) if heard else None
        return Response(status_code=200, background=show)  # a nicety, after the acknowledgement

    return receive


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
