"""Everything at once: many people write through two providers that fail, while Dalil is killed again and again.

`make chaos` runs it in full, on SQLite and on PostgreSQL; `tests/acceptance/test_chaos.py` a short version.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session
from tqdm import tqdm

from bot.settings import Settings
from store.database import Database
from store.tables import Contact, Conversation, Delivery, Message, Turn
from store.vault import Vault
from tests.servers import telegram, twilio
from tests.servers.page import free_port
from tests.servers.processes import Processes
from tests.servers.provider import Fault

QUESTIONS = [
    "free online course to learn python",
    "Nataka kujifunza kompyuta bure, niko Nairobi",
    "formation gratuite en cybersécurité à Dakar",
    "أريد دورة مجانية في الذكاء الاصطناعي",
    "who can fund our village network?",
    "hello",
    "more",
    "2",
]
LINES = 8
"""On which the providers post at the same time. Each person is on one, so that their messages come in order."""
ARRIVED = ("sent", "delivered", "read")
SENDING = ("sendMessage", "messages", "list", "contents", "content-list")
"""Calls that may go wrong: by them messages are sent, made and looked for."""

AnyFault = TypeVar("AnyFault", bound=Fault)


@dataclass(frozen=True)
class Storm:
    """How hard it blows."""

    messages: int = 2000
    """Each is posted twice."""
    people: int = 100
    """Every other one is on WhatsApp, the rest on Telegram."""
    kills: int = 20
    between: tuple[float, float] = (0.5, 20.0)
    """Seconds from one kill to the next, least and most. People write for as long as all of them take."""
    faulty: float = 0.05
    """The share of calls that fail."""
    telegram_faults: Sequence[telegram.Fault] = (*telegram.FAULTS, telegram.Fault(503), telegram.ACCEPTED_THEN_SILENT)
    twilio_faults: Sequence[twilio.Fault] = (*twilio.FAULTS, twilio.ACCEPTED_THEN_SILENT)
    callbacks: twilio.Callbacks = twilio.Callbacks(delay=(0.0, 3.0), copies=2, lost=0.6, patience=120)
    seed: int = 1


@dataclass
class Ledger:
    """What must hold in the end, counted."""

    messages: int = 0
    turns: int = 0
    sent: Counter[str] = field(default_factory=Counter)
    """Replies, by channel."""
    doubtful: Counter[str] = field(default_factory=Counter)
    """Replies whose outcome was unknown at least once: only these may have arrived twice."""
    again: Counter[str] = field(default_factory=Counter)
    """How often one of those came once more."""
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """In one line, then the faults."""
        parts = [f"{self.messages} messages in {self.turns} turns"]
        parts += [
            f"{channel}: {self.sent[channel]} replies, {self.doubtful[channel]} with an outcome that was unknown, "
            f"{self.again[channel]} came again"
            for channel in sorted(self.sent)
        ]
        return "\n".join(["; ".join(parts), *self.faults[:20]])


def blow(storm: Storm, folder: Path, url: str | None = None, *, workers: int = 0) -> Ledger:
    """Let people write while providers fail and processes are killed; then wait until all is quiet, and count."""
    chance, port = random.Random(storm.seed), free_port()
    bots, numbers = telegram.BotApi(), twilio.Twilio(public_url=_local(port), webhook=_local(port))
    with bots.serving(), numbers.serving(callers=4):
        _spoil(storm, bots, numbers)
        settings = _settings(port, bots, numbers) | {"DALIL_DATABASE_URL": url or ""}
        with Processes(folder, settings, ["serve", *["worker"] * workers]).stopping() as dalil:
            dalil.wait_until_ready()
            said = _rage(storm, dalil, bots, numbers, chance)
            bots.forgive()
            numbers.forgive()
            database = Database(url or f"sqlite:///{folder / 'dalil.db'}")
            _wait_for_quiet(database)
        vault = Vault(Settings(_env_file=None, home=folder).secrets)  # type: ignore[call-arg]
        with database.read() as session:
            return _audit(session, vault, said, _arrived(bots, numbers))


def _local(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _settings(port: int, bots: telegram.BotApi, numbers: twilio.Twilio) -> dict[str, str]:
    return {
        "DALIL_PORT": str(port),
        "DALIL_TELEGRAM_TOKEN": bots.token,
        "DALIL_TELEGRAM_SECRET": bots.secret,
        "DALIL_TELEGRAM_API_URL": bots.url,
        "DALIL_TWILIO_ACCOUNT_SID": numbers.account,
        "DALIL_TWILIO_AUTH_TOKEN": numbers.token,
        "DALIL_TWILIO_FROM": twilio.NUMBER,
        "DALIL_TWILIO_API_URL": numbers.url,
    }


def _spoil(storm: Storm, bots: telegram.BotApi, numbers: twilio.Twilio) -> None:
    bots.trouble = _trouble(storm, storm.telegram_faults)
    numbers.trouble = _trouble(storm, storm.twilio_faults)
    numbers.story = ("sent", "delivered", "read")
    numbers.tell(storm.callbacks)


def _trouble(storm: Storm, faults: Sequence[AnyFault]) -> Callable[[str], AnyFault | None]:
    chance = random.Random(storm.seed)
    return lambda call: chance.choice(faults) if call in SENDING and chance.random() < storm.faulty else None


# --- what people do ---------------------------------------------------------------------------


def _rage(
    storm: Storm, dalil: Processes, bots: telegram.BotApi, numbers: twilio.Twilio, chance: random.Random
) -> dict[str, list[str]]:
    """Write and kill; gives what each person said, by address."""
    addresses = [f"whatsapp:+2547{n:08}" if n % 2 == 0 else str(10_000_000_000 + n) for n in range(storm.people)]
    said: defaultdict[str, list[str]] = defaultdict(list)
    lines: list[list[Any]] = [[] for _ in range(LINES)]  # those of even numbers are WhatsApp's
    for number in range(storm.messages):
        person = number % storm.people
        address, words = addresses[person], chance.choice(QUESTIONS)
        said[address].append(words)
        someone = numbers.person(address) if person % 2 == 0 else bots.person(int(address))
        lines[person % LINES].append(someone.says(words))
    gaps = [chance.uniform(*storm.between) for _ in range(storm.kills)]
    posts = [_twice(line, -(-storm.people // LINES), chance) for line in lines]

    def write(line: int) -> None:
        provider, url = (bots, f"{dalil.address}/channels/telegram") if line % 2 else (numbers, dalil.address)
        provider.deliver(posts[line], url, workers=1, patience=120, seconds=sum(gaps))

    with ThreadPoolExecutor(LINES) as pool:
        writing = [pool.submit(write, line) for line in range(LINES)]
        for gap in tqdm(gaps, desc="Killing", disable=None):
            time.sleep(gap)
            dalil.kill(chance.randrange(len(dalil.running)))
        for line in writing:
            line.result()
    return dict(said)


def _twice(line: Sequence[Any], people: int, chance: random.Random) -> list[Any]:
    """Each comes twice, both late: among other people's, and once more perhaps after the person's next ones.

    No message comes for the first time after the next of the same person, which is `people` places later.
    """
    first = [(place + chance.uniform(0, people - 1), each) for place, each in enumerate(line)]
    again = [(place + chance.uniform(0, 3 * people), each) for place, each in enumerate(line)]
    return [each for _, each in sorted(first + again, key=lambda entry: entry[0])]


def _wait_for_quiet(database: Database, seconds: float = 420) -> None:
    """Wait until no message waits for a turn and none for its sending.

    What WhatsApp did not answer is looked for after two minutes, and then sent again.
    """
    bar = tqdm(desc="Waiting for quiet", total=1, disable=None, bar_format="{desc}: {postfix} [{elapsed}]")
    end = time.monotonic() + seconds
    while (left := _unfinished(database)) and time.monotonic() < end:
        bar.set_postfix_str(f"{left} messages on their way")
        time.sleep(0.5)
    bar.close()


def _unfinished(database: Database) -> int:
    with database.read() as session:
        unread = session.scalar(select(func.count()).where(Message.turn_id.is_(None))) or 0
        unsent = select(func.count()).where(Delivery.state.in_(("queued", "sending", "unknown")))
        return unread + (session.scalar(unsent) or 0)


# --- what must hold ---------------------------------------------------------------------------


def _arrived(bots: telegram.BotApi, numbers: twilio.Twilio) -> dict[str, list[str]]:
    """What each person got, in order, as `_told` names it."""
    arrived: defaultdict[str, list[str]] = defaultdict(list)
    for sent in bots.sent:
        arrived[str(sent.chat)].append(_plain(sent.text))
    for told in numbers.sent:
        reference = parse_qs(urlsplit(told.callback).query)["reference"][0]
        arrived[told.to].append(f"{reference}: {_plain(told.body)}")  # with buttons or without
    return arrived


def _told(channel: str, delivery: Delivery) -> str:
    """What should arrive: the text, on WhatsApp with our number of it, which only its callback shows."""
    return f"{delivery.id}: {_plain(delivery.text)}" if channel == "whatsapp" else _plain(delivery.text)


def _plain(words: str) -> str:
    """Without what the channels change: Telegram gets bold instead of asterisks, a content's lines are trimmed."""
    return " ".join(words.replace("*", "").split())


def _audit(session: Session, vault: Vault, said: dict[str, list[str]], arrived: dict[str, list[str]]) -> Ledger:
    ledger = Ledger()
    ledger.messages = session.scalar(select(func.count()).select_from(Message)) or 0
    ledger.turns = session.scalar(select(func.count()).select_from(Turn)) or 0
    ledger.faults += _idle_turns(session)
    people = session.execute(
        select(Conversation.id, Contact).join(Contact, Contact.id == Conversation.contact_id)
    ).all()
    met = {vault.open(contact.address_sealed): (conversation, contact.channel) for conversation, contact in people}
    for address, words in said.items():
        if address not in met:
            ledger.faults.append(f"{address} wrote, and nobody knows them")
            continue
        conversation, channel = met[address]
        ledger.faults += [f"{address}: {fault}" for fault in _misheard(session, conversation, words)]
        of_theirs = select(Delivery).where(Delivery.conversation_id == conversation).order_by(Delivery.id)
        deliveries = session.scalars(of_theirs).all()
        ledger.sent[channel] += sum(delivery.state in ARRIVED for delivery in deliveries)
        ledger.doubtful[channel] += sum(delivery.unknowns > 0 for delivery in deliveries)
        ledger.again[channel] += max(0, len(arrived.get(address, ())) - len(deliveries))
        ledger.faults += [f"{address}: {fault}" for fault in _compare(channel, deliveries, arrived.get(address, []))]
    return ledger


def _idle_turns(session: Session) -> list[str]:
    """Turns that took up no message, or said nothing."""
    unasked = select(Turn.id).outerjoin(Message, Message.turn_id == Turn.id).where(Message.id.is_(None))
    silent = select(Turn.id).outerjoin(Delivery, Delivery.turn_id == Turn.id).where(Delivery.id.is_(None))
    found = ((session.scalars(unasked).all(), "of no message"), (session.scalars(silent).all(), "without a reply"))
    return [f"{len(turns)} turns {what}" for turns, what in found if turns]


def _misheard(session: Session, conversation: int, words: list[str]) -> list[str]:
    """Whether all that one person said is kept once, in order, and was taken up in that order."""
    theirs = select(Message).where(Message.conversation_id == conversation).order_by(Message.id)
    messages = session.scalars(theirs).all()
    turns = [message.turn_id for message in messages if message.turn_id is not None]
    faults = []
    if [message.text for message in messages] != words:
        faults.append(f"said {len(words)} messages, {len(messages)} are kept, or not in order")
    if len(turns) < len(messages):
        faults.append(f"{len(messages) - len(turns)} messages have no turn")
    return [*faults, "the turns are out of order"] if turns != sorted(turns) else faults


def _compare(channel: str, deliveries: Collection[Delivery], arrived: list[str]) -> list[str]:
    """What one person got, against what was queued for them: the same, in order; again only where it was unknown.

    On Telegram replies repeat, so that a text may be the repeat of one or the first of the next: every reading is
    followed.
    """
    if limbo := Counter(delivery.state for delivery in deliveries if delivery.state not in ARRIVED):
        return [f"in limbo: {dict(limbo)}"]
    places = {0}
    for delivery in deliveries:
        told, after = _told(channel, delivery), set[int]()
        for place in places:
            while place < len(arrived) and arrived[place] == told:
                place += 1  # noqa: PLW2901
                after.add(place)
                if not delivery.unknowns:
                    break
        if not after:
            return [f"delivery {delivery.id} is missing or out of order ({delivery.failure or 'no failure'})"]
        places = after
    return [] if len(arrived) in places else [f"{len(arrived) - max(places)} messages too many"]


def main() -> None:
    """2,000 messages of 100 people, 20 kills, on SQLite; then on PostgreSQL with a second worker, if there is one."""
    stores: list[tuple[str, str | None, int]] = [("SQLite", None, 0)]
    if postgres := os.environ.get("DALIL_TEST_POSTGRES_URL"):
        stores.append(("PostgreSQL, 2 workers", postgres, 1))
    storm, failed = Storm(), False
    for name, url, workers in stores:
        if url:
            _empty(url)
        with TemporaryDirectory(prefix="dalil-chaos-") as folder:
            start = time.monotonic()
            ledger = blow(storm, Path(folder), url, workers=workers)
            print(f"{name}: {time.monotonic() - start:.0f} s, {storm.kills} kills: {ledger}", flush=True)
            failed = failed or bool(ledger.faults)
    sys.exit(failed)


def _empty(url: str) -> None:
    with Database(url).engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))


if __name__ == "__main__":
    main()
