"""A terminal as a channel: what is typed goes in directly, and answers are read from the outbox."""

from __future__ import annotations

from channels.contract import Channel, Inbound, Malformed, Outgoing, Receipt, Request


class ConsoleChannel(Channel):
    """There is no provider in between: nothing to verify and nobody to send to."""

    name = "console"
    text_limit = 100_000

    def parse(self, request: Request) -> list[Inbound]:
        """Refuse: a terminal sends no requests."""
        raise Malformed("a terminal sends no requests")

    async def send(self, address: str, message: Outgoing) -> Receipt:
        """Do nothing: `bot.console` prints what the outbox holds."""
        return Receipt()
