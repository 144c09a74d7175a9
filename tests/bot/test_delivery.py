"""Every message goes out once, in order, or is visibly given up; over a channel that fails as it is told."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, update

from bot.delivery import AT_ONCE, MOST_ATTEMPTS, MOST_DOUBTS, Sender
from bot.signals import Signal
from channels.contract import (
    Channel,
    Inbound,
    Malformed,
    Misconfigured,
    Outgoing,
    OutsideWindow,
    Permanent,
    Receipt,
    Request,
    RetryAfter,
    SendError,
    Stopped,
    Unknown,
)
from store import contacts, outbox
from store.database import Database
from store.tables import Contact, Conversation, Delivery, now
from store.vault import Vault


class Scripted(Channel):
    """Meets each send with the next of `faults`, if there is one left."""

    name = "scripted"
    text_limit = 1000

    def __init__(self) -> None:
        self.faults: deque[SendError] = deque()
        self.sent: list[tuple[str, str]] = []
        self.invited: list[tuple[str, str]] = []
        self.found: Receipt | None = None
        self.has_template = True

    def parse(self, request: Request) -> Sequence[Inbound]:
        raise Malformed("it only sends")

    async def send(self, address: str, message: Outgoing) -> Receipt:
        await asyncio.sleep(0.001)
        if self.faults:
            raise self.faults.popleft()
        self.sent.append((address, message.text))
        return Receipt(f"id-{message.reference}")

    async def find(
        self, address: str, message: Outgoing, since: datetime, others: Collection[str] = ()
    ) -> Receipt | None:
        return None if self.found and self.found.external_id in others else self.found

    async def invite(self, address: str, language: str) -> Receipt:
        if not self.has_template:
            raise OutsideWindow("none")
        self.invited.append((address, language))
        return Receipt()


class Post:
    """An outbox with a sender, and what a test may do behind its back."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self.database, self.vault, self.channel = database, vault, Scripted()
        self.sender = Sender(database, vault, {"scripted": self.channel}, Signal())

    def queue(self, text: str, address: str = "somebody", author: str = "assistant") -> int:
        with self.database.write() as session:
            conversation = contacts.meet(session, self.vault, "scripted", address)[1]
            return outbox.queue(session, conversation.id, "sw", text, author=author).id

    def send(self, *, waiting: bool = False) -> None:
        """Send all that is due; `waiting`: as if every waiting time were over."""

        async def go() -> None:
            while await self.sender.step():
                if waiting:
                    self.time_passes()

        if waiting:
            self.time_passes()
        asyncio.run(go())

    def time_passes(self) -> None:
        with self.database.write() as session:
            session.execute(update(Delivery).values(due_at=now() - timedelta(seconds=1)))
            session.execute(update(Conversation).values(send_after=None))

    def silent_for(self, time: timedelta) -> None:
        with self.database.write() as session:
            session.execute(update(Contact).values(seen_at=now() - time))

    def states(self) -> list[str]:
        with self.database.read() as session:
            return list(session.scalars(select(Delivery.state).order_by(Delivery.id)))

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.channel.sent]


@pytest.fixture
def post(database: Database, vault: Vault) -> Post:
    return Post(database, vault)


def test_messages_to_one_person_go_out_in_order_also_when_several_are_sent_at_once(post: Post) -> None:
    for number in range(4):
        for address in ("one", "two", "three"):
            post.queue(str(number), address)

    async def at_once() -> None:
        while any(await asyncio.gather(*(post.sender.step() for _ in range(4)))):
            pass

    asyncio.run(at_once())

    for address in ("one", "two", "three"):
        assert [text for to, text in post.channel.sent if to == address] == ["0", "1", "2", "3"]


def test_an_error_that_passes_is_tried_again_later_and_holds_up_what_follows(post: Post) -> None:
    post.queue("first")
    post.queue("second")
    post.channel.faults.append(RetryAfter("too many", 5))

    post.send()
    assert post.texts == []
    assert post.states() == ["queued", "queued"]

    post.send(waiting=True)
    assert post.texts == ["first", "second"]


def test_what_never_gets_through_is_given_up_and_what_follows_goes_out(post: Post) -> None:
    post.queue("first")
    post.queue("second")
    post.channel.faults.extend(RetryAfter("too many", 1) for _ in range(MOST_ATTEMPTS))

    post.send(waiting=True)

    assert post.states() == ["dead", "sent"]


def test_what_will_never_be_accepted_is_not_tried_again(post: Post) -> None:
    post.queue("first")
    post.channel.faults.append(Permanent("no such number"))

    post.send(waiting=True)

    assert post.states() == ["dead"]
    assert post.texts == []


def test_who_blocked_us_is_written_to_no_more_by_officers(post: Post) -> None:
    post.queue("first")
    post.channel.faults.append(Stopped("blocked"))
    post.send()

    post.queue("second", author="officer")
    post.send()

    assert post.states() == ["dead", "dead"]
    assert post.texts == []


def test_an_unknown_outcome_that_the_provider_knows_of_is_not_sent_again(post: Post) -> None:
    post.queue("hello")
    post.channel.faults.append(Unknown("timeout"))
    post.channel.found = Receipt("SM found")

    post.send(waiting=True)

    assert post.states() == ["sent"]
    assert post.texts == []


def test_an_unknown_outcome_that_nobody_knows_of_is_sent_once_more_and_counted(post: Post) -> None:
    post.queue("hello")
    post.channel.faults.append(Unknown("timeout"))

    post.send(waiting=True)

    assert post.texts == ["hello"]
    with post.database.read() as session:
        assert outbox.doubts(session) == 1


def test_an_outcome_that_stays_unknown_is_given_up_visibly_in_the_end(post: Post) -> None:
    post.queue("hello")
    post.channel.faults.extend(Unknown("timeout") for _ in range(MOST_DOUBTS))

    post.send(waiting=True)

    assert post.states() == ["dead"]


def test_a_channel_is_given_time_before_an_unknown_outcome_is_looked_into(post: Post) -> None:
    post.channel.patience = timedelta(minutes=2)
    post.queue("hello")
    post.channel.faults.append(Unknown("timeout"))

    post.send()

    assert post.states() == ["unknown"]
    assert post.texts == []


def test_a_sender_that_was_killed_leaves_an_unknown_outcome(post: Post) -> None:
    post.queue("hello")
    with post.database.write() as session:
        assert outbox.claim(session, ["scripted"])  # and then it is gone
    post.send()
    assert post.states() == ["sending"]

    post.send(waiting=True)
    assert post.texts == ["hello"]


def test_outside_the_window_a_person_is_asked_once_to_write_and_the_messages_wait(post: Post) -> None:
    post.channel.window = timedelta(hours=24)
    post.queue("first")
    post.queue("second")
    post.silent_for(timedelta(hours=24))

    post.send(waiting=True)
    assert post.states() == ["parked", "queued"]
    assert post.channel.invited == [("somebody", "en")]

    with post.database.write() as session:  # they write
        contact = session.scalars(select(Contact)).one()
        contact.seen_at = now()
        outbox.unpark(session, [contacts.conversation_of(session, contact.id).id])
    post.send(waiting=True)
    assert post.texts == ["first", "second"]


def test_without_a_template_a_message_outside_the_window_just_waits(post: Post) -> None:
    post.channel.window, post.channel.has_template = timedelta(hours=24), False
    post.queue("hello")
    post.silent_for(timedelta(days=3))

    post.send()

    assert post.states() == ["parked"]


def test_the_pace_of_a_channel_is_kept_for_each_person(post: Post) -> None:
    post.channel.interval = timedelta(seconds=30)
    for text, address in (("1a", "one"), ("1b", "one"), ("2a", "two")):
        post.queue(text, address)

    post.send()

    assert sorted(post.texts) == ["1a", "2a"]


def test_a_process_without_the_channel_leaves_its_messages_alone(database: Database, vault: Vault) -> None:
    post = Post(database, vault)
    post.sender = Sender(database, vault, {}, Signal())
    post.queue("hello")

    post.send()

    assert post.states() == ["queued"]


def test_our_own_fault_is_counted_and_ends_in_a_dead_letter(post: Post) -> None:
    post.queue("first")
    post.queue("second")
    post.channel.faults.extend(ValueError("a bug") for _ in range(MOST_DOUBTS))  # type: ignore[misc]

    post.send(waiting=True)

    assert post.states() == ["dead", "sent"]


def test_an_earlier_message_that_says_the_same_is_not_taken_for_it(post: Post) -> None:
    post.channel.patience = timedelta(minutes=2)
    first, _ = post.queue("thank you"), post.queue("thank you")
    post.send()
    post.channel.found = Receipt(f"id-{first}")
    post.channel.faults.append(Unknown("timeout"))
    post.send()
    post.time_passes()
    post.send()

    assert post.texts == ["thank you", "thank you"]
    assert post.states() == ["sent", "sent"]


def test_while_the_provider_cannot_be_asked_an_unknown_outcome_stays_unknown(post: Post) -> None:
    class Deaf(Scripted):
        async def find(
            self, address: str, message: Outgoing, since: datetime, others: Collection[str] = ()
        ) -> Receipt | None:
            raise RetryAfter("cannot be asked", 1)

    post.channel.patience = timedelta(minutes=2)
    post.channel.faults.append(Unknown("timeout"))
    post.queue("hello")
    post.send()
    post.sender = Sender(post.database, post.vault, {"scripted": Deaf()}, Signal())
    post.time_passes()
    post.send()

    assert post.states() == ["unknown"]


def test_a_channel_that_hangs_holds_up_no_other(post: Post) -> None:
    class Hanging(Scripted):
        name = "hanging"

        async def send(self, address: str, message: Outgoing) -> Receipt:
            await asyncio.sleep(60)
            return Receipt()

    for number in range(AT_ONCE + 1):
        with post.database.write() as session:
            conversation = contacts.meet(session, post.vault, "hanging", f"person {number}")[1]
            outbox.queue(session, conversation.id, "sw", "hello")
    post.queue("hello")
    sender = Sender(post.database, post.vault, {"hanging": Hanging(), "scripted": post.channel}, Signal())

    async def run() -> None:
        running = asyncio.create_task(sender.run())
        while not post.texts:  # noqa: ASYNC110 - a test that looks
            await asyncio.sleep(0.01)
        running.cancel()

    asyncio.run(asyncio.wait_for(run(), 10))

    assert post.texts == ["hello"]


def test_a_provider_gets_no_more_messages_in_a_second_than_it_takes(post: Post) -> None:
    post.channel.per_second = 50
    for number in range(2 * AT_ONCE):
        post.queue("hello", f"person {number}")

    async def run() -> float:
        start = asyncio.get_running_loop().time()
        running = asyncio.create_task(post.sender.run())
        while len(post.texts) < 2 * AT_ONCE:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        post.sender.stop()
        await running
        return asyncio.get_running_loop().time() - start

    assert asyncio.run(run()) >= AT_ONCE / 50


def test_what_only_the_operator_can_mend_waits_for_as_long_as_it_takes(post: Post) -> None:
    post.queue("hello")
    post.channel.faults.extend(Misconfigured("no such sender", 0.0) for _ in range(2 * MOST_ATTEMPTS))

    for _ in range(2 * MOST_ATTEMPTS):
        post.send()
        post.time_passes()
    assert post.states() == ["queued"]

    post.send()

    assert post.states() == ["sent"]
