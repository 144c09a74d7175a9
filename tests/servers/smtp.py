"""A mail server that keeps what it is given, or refuses it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from typing import Any

from aiosmtpd.controller import Controller  # type: ignore[import-untyped]

from tests.servers.page import free_port


class Post:
    """`refusals` are answered to the next mails, one each."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, Message]] = []
        self.refusals: deque[str] = deque()

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.refusals:
            return self.refusals.popleft()
        self.mails.append((envelope.rcpt_tos[0], message_from_bytes(envelope.content)))
        return "250 kept"

    @property
    def texts(self) -> list[str]:
        return [mail.get_payload(decode=True).decode() for _, mail in self.mails]  # type: ignore[union-attr]

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve on a free port; gives the URL."""
        port = free_port()
        controller = Controller(self, hostname="127.0.0.1", port=port)
        controller.start()
        try:
            yield f"smtp://127.0.0.1:{port}"
        finally:
            controller.stop()
