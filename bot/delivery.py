"""Sends what is in the outbox: in order for each person, again after errors that pass, never twice knowingly."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import structlog

from bot.signals import Signal
from channels.contract import Button, Channel, Outgoing, Permanent, RetryAfter, SendError, Stopped, Unknown
from store import outbox
from store.database import Database
from store.tables import Contact, Delivery, now
from store.vault import Vault

log = structlog.get_logger("delivery")

MOST_ATTEMPTS = 8
LONGEST_WAIT = timedelta(minutes=15)
LOOK_EVERY = 0.5
"""Seconds between looks into the outbox, for what other processes put there."""


class Sender:
    """Hands messages over to the channels."""

    def __init__(self, database: Database, vault: Vault, channels: Mapping[str, Channel], said: Signal) -> None:
        self._database = database
        self._vault = vault
        self._channels = channels
        self._said = said
        self._stopping = False

    async def run(self) -> None:
        """Send until `stop`. Nothing that goes wrong with one message ends it."""
        while not self._stopping:
            seen = self._said.count
            try:
                if not await self.step():
                    await self._said.wait_async(seen, LOOK_EVERY)
            except Exception:
                log.exception("sender.failed")
                await asyncio.sleep(1.0)

    def stop(self) -> None:
        """End `run` after the present message."""
        self._stopping = True
        self._said.set()

    async def step(self) -> bool:
        """Send one message if one is due; false if none is."""
        claimed = await asyncio.to_thread(self._claim)
        if claimed is None:
            return False
        delivery, contact = claimed
        try:
            channel = self._channels.get(contact.channel)
            if channel is None:
                raise Permanent(f"the channel {contact.channel} is not set up")
            address = self._vault.open(contact.address_sealed)
            buttons = tuple(Button(title, payload) for title, payload in delivery.buttons)
            receipt = await channel.send(address, Outgoing(delivery.text, buttons))
        except SendError as error:
            await asyncio.to_thread(self._failed, delivery, contact, error)
        else:
            await asyncio.to_thread(self._sent, delivery.id, receipt.external_id)
        return True

    def _claim(self) -> tuple[Delivery, Contact] | None:
        with self._database.write() as session:
            return outbox.claim(session)

    def _sent(self, delivery_id: int, external_id: str | None) -> None:
        with self._database.write() as session:
            outbox.advance(session, delivery_id, "sent", external_id)
        self._said.set()

    def _failed(self, delivery: Delivery, contact: Contact, error: SendError) -> None:
        log.warning("delivery.failed", delivery=delivery.id, error=type(error).__name__)
        with self._database.write() as session:
            if isinstance(error, Stopped):
                session.get_one(Contact, contact.id).stopped_at = now()
            if isinstance(error, Permanent | Stopped) or delivery.attempts >= MOST_ATTEMPTS:
                outbox.bury(session, delivery.id, str(error))
            elif isinstance(error, Unknown):
                pass  # it stays `sending`, until its channel learns what became of it
            else:
                seconds = error.seconds if isinstance(error, RetryAfter) else 2.0**delivery.attempts
                wait = min(timedelta(seconds=seconds), LONGEST_WAIT)
                outbox.postpone(session, delivery.id, now() + wait, str(error))
