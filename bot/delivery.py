"""Sends what is in the outbox: in order for each person, again after errors that pass, never twice knowingly."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import structlog
from sqlalchemy.orm import Session

from bot import metrics
from bot.signals import Signal
from channels.contract import (
    Button,
    Channel,
    Misconfigured,
    Outgoing,
    OutsideWindow,
    Permanent,
    Receipt,
    RetryAfter,
    SendError,
    Status,
    Stopped,
    Unknown,
)
from store import contacts, outbox
from store.database import Database
from store.tables import Contact, Delivery, now
from store.vault import Vault, WrongKey

log = structlog.get_logger("delivery")

MOST_ATTEMPTS = 8
LONGEST_WAIT = timedelta(minutes=15)
LOOK_EVERY = 0.5
"""Seconds between looks into the outbox, for what other processes put there."""
LONGEST_SENDING = outbox.SENDING.total_seconds() - 5
"""Seconds after which a sending is given up: before another sender may take the message for lost."""
AT_ONCE = 16
"""Messages of one channel on their way at the same time, each to another person."""
MARGIN = timedelta(minutes=2)
"""How much earlier than the channel we take its window for closed: its clock is not ours."""
MOST_DOUBTS = 4
"""Unknown outcomes of one message before it is given up: nobody shall be left without an answer by a bad minute."""


_NAMES = {OutsideWindow: "parked", Unknown: "unknown", RetryAfter: "retry", Stopped: "stopped"}


@dataclass(slots=True, eq=False)
class _Result:
    """What became of a message that was handed over."""

    delivery: Delivery
    contact: Contact
    outcome: Receipt | SendError
    seconds: float
    settled: bool = False

    @property
    def name(self) -> str:
        """For metrics."""
        if isinstance(self.outcome, Receipt):
            return "sent"
        return next((name for kind, name in _NAMES.items() if isinstance(self.outcome, kind)), "dead")


class Sender:
    """Hands messages over to the channels."""

    def __init__(self, database: Database, vault: Vault, channels: Mapping[str, Channel], said: Signal) -> None:
        self._database = database
        self._vault = vault
        self._channels = channels
        self._said = said
        self._stopping = False
        self._results: list[_Result] = []
        self._settling = asyncio.Lock()

    async def run(self) -> None:
        """Send until `stop`; each channel by itself, so that one that hangs holds up no other."""
        await asyncio.gather(*(self._serve(channel) for channel in self._channels.values()))
        for channel in self._channels.values():
            await channel.close()

    async def _serve(self, channel: Channel) -> None:
        """Send what is for one channel. Nothing that goes wrong with one message ends it."""
        on_way: set[asyncio.Task[None]] = set()
        while not self._stopping:
            seen = self._said.count
            try:
                claimed = await asyncio.to_thread(self._claim, [channel.name], AT_ONCE - len(on_way))
            except Exception:
                log.exception("sender.failed")
                await asyncio.sleep(1.0)
                continue
            for delivery, contact in claimed:
                task = asyncio.create_task(self._handle(delivery, contact))
                on_way.add(task)
                task.add_done_callback(on_way.discard)
            if claimed and channel.per_second:
                await asyncio.sleep(len(claimed) / channel.per_second)
            if len(on_way) >= AT_ONCE:
                await asyncio.wait(on_way, return_when=asyncio.FIRST_COMPLETED)
            elif not claimed:
                await self._said.wait_async(seen, LOOK_EVERY)
        await asyncio.gather(*on_way)

    def stop(self) -> None:
        """End `run` after the present messages."""
        self._stopping = True
        self._said.set()

    async def step(self) -> bool:
        """Send one message if one is due, or settle one whose outcome is unknown; false if there is none."""
        claimed = await asyncio.to_thread(self._claim, list(self._channels), 1)
        for delivery, contact in claimed:
            await self._handle(delivery, contact)
        return bool(claimed)

    async def _handle(self, delivery: Delivery, contact: Contact) -> None:
        try:
            await self._send(delivery, contact)
        except Exception:  # the database: the lease runs out, and the outcome is looked into
            log.exception("sender.failed", delivery=delivery.id)

    async def _send(self, delivery: Delivery, contact: Contact) -> None:
        start = time.monotonic()
        outcome: Receipt | SendError
        try:
            async with asyncio.timeout(LONGEST_SENDING):
                outcome = await self._hand_over(delivery, contact)
        except SendError as error:
            outcome = error
        except TimeoutError:
            outcome = Unknown("it took too long")
        except Exception as error:
            log.exception("sender.failed", delivery=delivery.id)
            outcome = Unknown(f"our own fault: {type(error).__name__}")
        await self._settle(_Result(delivery, contact, outcome, time.monotonic() - start))

    def _claim(self, channels: list[str], most: int) -> list[tuple[Delivery, Contact]]:
        with self._database.write() as session:
            return outbox.claim(session, channels, most)

    async def _hand_over(self, delivery: Delivery, contact: Contact) -> Receipt:
        channel = self._channels[contact.channel]
        try:
            address = self._vault.open(contact.address_sealed)
        except WrongKey:
            raise Permanent("no key opens the address") from None
        buttons = tuple(Button(title, payload) for title, payload in delivery.buttons)
        message = Outgoing(delivery.text, buttons, reference=str(delivery.id))
        if delivery.state == "unknown":
            others = await asyncio.to_thread(self._others, delivery)
            if receipt := await channel.find(address, message, delivery.created_at, others):
                return receipt
            if delivery.unknowns >= MOST_DOUBTS:
                raise Permanent(f"sent {delivery.unknowns} times, and nobody knows whether it arrived")
        if contact.stopped_at and delivery.author == "officer":
            raise Stopped("the person asked for no more messages")
        if channel.window and contact.seen_at + channel.window - MARGIN < now():
            metrics.missed_window(channel.name)
            await self._invite(channel, address, contact)
            raise OutsideWindow("waits until the person writes again")
        return await channel.send(address, message)

    def _others(self, delivery: Delivery) -> list[str]:
        with self._database.read() as session:
            return outbox.others(session, delivery)

    async def _invite(self, channel: Channel, address: str, contact: Contact) -> None:
        """Ask a person once, by a template, to write again; where there is no template the message just waits."""
        if contact.invited_at and contact.invited_at > contact.seen_at:
            return
        try:
            await channel.invite(address, contact.language or "en")
        except OutsideWindow:
            return
        metrics.invited(channel.name)
        await asyncio.to_thread(self._invited, contact.id)

    def _invited(self, contact_id: int) -> None:
        with self._database.write() as session:
            session.get_one(Contact, contact_id).invited_at = now()

    async def _settle(self, result: _Result) -> None:
        """Write down what became of a message; what comes meanwhile shares the next transaction (group commit)."""
        self._results.append(result)
        async with self._settling:
            if not result.settled:
                results, self._results = self._results, []
                await asyncio.to_thread(self._write, results)

    def _write(self, results: list[_Result]) -> None:
        for result in results:
            result.settled = True
        try:
            self._commit(results)
        except Exception:  # one of them is at fault: the others must not suffer for it
            log.exception("sender.failed")
            for result in results:
                with suppress(Exception):
                    self._commit([result])
        for result in results:
            self._said.set(result.delivery.conversation_id)

    def _commit(self, results: list[_Result]) -> None:
        sent: list[tuple[int, str | None]] = []
        with self._database.write() as session:
            for result in results:
                delivery, channel = result.delivery, self._channels[result.contact.channel]
                if isinstance(result.outcome, SendError):
                    tell = log.error if isinstance(result.outcome, Misconfigured) else log.warning
                    tell("delivery.failed", delivery=delivery.id, error=type(result.outcome).__name__)
                    fail(session, delivery, result.outcome, channel.patience)
                    continue
                sent.append((delivery.id, result.outcome.external_id))
                if channel.interval:
                    outbox.pace(session, delivery.conversation_id, now() + channel.interval)
            outbox.advance_all(session, "sent", sent)
        for result in results:
            metrics.sent(result.contact.channel, result.name, result.seconds)


def report(session: Session, channel: str, status: Status) -> None:
    """Take in what a provider tells of a message of ours: forward only, whatever the order."""
    delivery = outbox.of(session, channel, status.reference, status.external_id)
    if delivery is None:
        return
    if status.state != "failed":
        outbox.advance(session, delivery.id, status.state, status.external_id)
    elif delivery.external_id and delivery.external_id != status.external_id:
        return  # of an earlier sending of the same message
    elif delivery.state not in {"delivered", "read", "dead"}:
        fail(session, delivery, status.error or Permanent("the provider could not deliver it"), timedelta(0))


def fail(session: Session, delivery: Delivery, error: SendError, patience: timedelta) -> None:
    """What becomes of a message that was not sent. `patience`: how long to wait for news of it."""
    waits_for_operator = isinstance(error, Misconfigured)
    if isinstance(error, Stopped):
        contacts.of_conversation(session, delivery.conversation_id).stopped_at = now()
    if isinstance(error, OutsideWindow):
        outbox.park(session, delivery, str(error))
    elif isinstance(error, Unknown):
        again = timedelta(seconds=2.0**delivery.unknowns if delivery.unknowns else 0)
        outbox.doubt(session, delivery, now() + max(patience, again), str(error))
    elif isinstance(error, Permanent | Stopped) or (delivery.attempts >= MOST_ATTEMPTS and not waits_for_operator):
        outbox.bury(session, delivery, str(error))
    else:
        seconds = error.seconds if isinstance(error, RetryAfter) else 0.0
        wait = min(timedelta(seconds=max(seconds, 2.0**delivery.attempts)), LONGEST_WAIT)
        outbox.postpone(session, delivery, now() + wait, str(error))
