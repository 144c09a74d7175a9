"""WhatsApp through Twilio, against a strict double of its API: what all of its tests use."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from channels.contract import (
    Button,
    Inbound,
    Outgoing,
    Receipt,
    Request,
    Status,
)
from channels.whatsapp import WhatsAppChannel
from tests.contracts.channel import Provider
from tests.servers import twilio as double
from tests.servers.twilio import ACCOUNT, NUMBER, PUBLIC, TOKEN, Twilio

PAYLOADS = Path(__file__).parents[2] / "payloads" / "whatsapp"
ADA = "whatsapp:+254700000001"
OLD_TOKEN = "an-older-auth-token-that-only-tests-know"
YES_NO = (Button("Yes", "erase:yes"), Button("No", "erase:no"))
TOPICS = tuple(Button(f"Topic {number}", f"topic:{number}") for number in range(7))
REFERENCE = "4711"


class TwilioProvider(Provider):
    def __init__(self, twilio: Twilio, channel: WhatsAppChannel) -> None:
        self.twilio, self.channel, self.address = twilio, channel, ADA
        self.ada = twilio.person(ADA)
        self.secrets = (TOKEN, OLD_TOKEN, ACCOUNT)

    def says(self, text: str, number: int = 1) -> Request:
        return self.twilio.request(self.ada.says(text, sid=f"SM{number:032}"))

    def forged(self, request: Request) -> Request:
        return replace(request, headers={**request.headers, "x-twilio-signature": "bm90IHRoZSBzaWduYXR1cmU="})

    def unproven(self, request: Request) -> Request:
        return replace(request, headers={"content-type": request.headers["content-type"]})

    def unknown(self) -> Request:
        return self.twilio.request([("EventType", "poll"), ("AccountSid", ACCOUNT), ("MessageSid", "SM1")])

    def malformed(self) -> Request:
        return self.twilio.request([("Body", "hello"), ("NumMedia", "0"), ("From", ADA)])

    def fail(self, fault: str) -> None:
        self.twilio.fail(getattr(double, fault.upper()))

    @property
    def received(self) -> list[str]:
        return self.twilio.texts


def connect(twilio: Twilio, **options: Any) -> WhatsAppChannel:
    told: dict[str, Any] = {"public_url": PUBLIC, "sender": NUMBER, "timeout": 1.0} | options
    return WhatsAppChannel(ACCOUNT, (TOKEN, OLD_TOKEN), api_url=twilio.url, **told)


def do(channel: WhatsAppChannel, action: Callable[[], Awaitable[Any]]) -> Any:
    async def go() -> Any:
        try:
            return await action()
        finally:
            await channel.close()

    return asyncio.run(go())


def send(
    channel: WhatsAppChannel, text: str = "hello", *buttons: Button, to: str = ADA, reference: str | None = None
) -> Receipt:
    return do(channel, lambda: channel.send(to, Outgoing(text, buttons, reference)))  # type: ignore[no-any-return]


def payload(name: str) -> bytes:
    return b"&".join((PAYLOADS / f"{name}.form").read_bytes().splitlines())


def heard(channel: WhatsAppChannel, twilio: Twilio, form: bytes | double.Form) -> Inbound:
    (inbound,) = channel.parse(twilio.request(form))
    assert isinstance(inbound, Inbound)
    return inbound


def statuses(channel: WhatsAppChannel, twilio: Twilio) -> list[Status]:
    found = [status for request in twilio.collect() for status in channel.parse(request)]
    assert all(isinstance(status, Status) for status in found)
    return found  # type: ignore[return-value]


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """A webhook on a free port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        wait_for(lambda: server.started)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)
