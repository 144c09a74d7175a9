"""Everything at once: many people write through a provider that fails, while Dalil is killed again and again.

`make chaos` runs it in full, on SQLite and on PostgreSQL; `tests/acceptance/test_chaos.py` a short version.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import func, select
from tqdm import tqdm

from bot.settings import Settings
from store.database import Database
from store.tables import Contact, Conversation, Delivery, Message, Turn
from store.vault import Vault
from tests.servers.page import _free_port
from tests.servers.telegram import FAULTS, BotApi, Fault

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


class Processes:
    """The processes of one Dalil, and the hand that kills them."""

    def __init__(self, home: Path, settings: dict[str, str], commands: Sequence[str]) -> None:
        self.environment = {**os.environ, "DALIL_HOME": str(home), **settings}
        self.port = int(settings["DALIL_PORT"])
        self.commands = list(commands)
        self.running = [self._start(command) for command in self.commands]

    def _start(self, command: str) -> subprocess.Popen[bytes]:
        program = str(Path(sys.executable).with_name("dalil"))
        log = (Path(self.environment["DALIL_HOME"]) / f"{command}.log").open("ab")
        return subprocess.Popen([program, command], env=self.environment, stdout=log, stderr=log)

    def kill(self, which: int) -> None:
        """Kill one without warning and start it again."""
        self.running[which].send_signal(signal.SIGKILL)
        self.running[which].wait()
        self.running[which] = self._start(self.commands[which])

    def wait_until_ready(self, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5):
                return
            time.sleep(0.1)
        raise AssertionError("not ready in time")

    def stop(self) -> None:
        for process in self.running:
            process.terminate()
        for process in self.running:
            process.wait(30)


@dataclass
class Ledger:
    """What must hold in the end, counted."""

    messages: int = 0
    turns: int = 0
    unanswered: int = 0
    sent: int = 0
    doubtful: int = 0
    """Messages whose outcome was unknown at least once: only these may have arrived twice."""
    faults: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        """In one line, then the faults."""
        line = (
            f"{self.messages} messages in {self.turns} turns, {self.unanswered} without a turn; "
            f"{self.sent} replies sent, {self.doubtful} of them with an outcome that was unknown"
        )
        return "\n".join([line, *self.faults[:20]])


def storm(
    folder: Path, url: str | None, *, messages: int, people: int, kills: int, seed: int = 1, workers: int = 0
) -> Ledger:
    """Let `people` write `messages`, each delivered twice by the provider, and kill `kills` times meanwhile."""
    chance = random.Random(seed)
    port = _free_port()
    with BotApi().serving() as api:
        api.trouble = lambda method: _trouble(chance) if method == "sendMessage" else None
        settings = {
            "DALIL_PORT": str(port),
            "DALIL_TELEGRAM_TOKEN": api.token,
            "DALIL_TELEGRAM_SECRET": api.secret,
            "DALIL_TELEGRAM_API_URL": api.url,
            "DALIL_DATABASE_URL": url or "",
        }
        dalil = Processes(folder, settings, ["serve", *["worker"] * workers])
        try:
            dalil.wait_until_ready()
            persons = [api.person(10_000_000_000 + number) for number in range(people)]
            updates = [persons[n % people].says(chance.choice(QUESTIONS)) for n in range(messages)]
            hook = f"http://127.0.0.1:{port}/channels/telegram"
            writing = threading.Thread(
                target=lambda: api.deliver(updates, hook, copies=2, disorder=5, seed=seed, workers=8, patience=120)
            )
            writing.start()
            for _ in tqdm(range(kills), desc="Killing", disable=None):
                time.sleep(chance.uniform(0.3, 6.0))
                dalil.kill(chance.randrange(len(dalil.running)))
            writing.join()
            api.trouble = None
            database = Database(url or f"sqlite:///{folder / 'dalil.db'}")
            _until_quiet(database)
        finally:
            dalil.stop()
        return _audit(database, Vault(Settings(_env_file=None, home=folder).secrets), api, messages)  # type: ignore[call-arg]


def _trouble(chance: random.Random) -> Fault | None:
    return chance.choice(FAULTS) if chance.random() < 0.05 else None


def _until_quiet(database: Database, seconds: float = 240) -> None:
    """Wait until no message waits for a turn and none for its sending."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with database.read() as session:
            unread = session.scalar(select(func.count()).select_from(Message).where(Message.turn_id.is_(None)))
            unsent = session.scalar(
                select(func.count()).select_from(Delivery).where(Delivery.state.in_(("queued", "sending", "unknown")))
            )
        if not unread and not unsent:
            return
        time.sleep(0.5)


def _audit(database: Database, vault: Vault, api: BotApi, messages: int) -> Ledger:
    ledger = Ledger()
    arrived: defaultdict[str, list[str]] = defaultdict(list)
    for sent in api.sent:
        arrived[str(sent.chat)].append(sent.text)
    with database.read() as session:
        ledger.messages = session.scalar(select(func.count()).select_from(Message)) or 0
        ledger.turns = session.scalar(select(func.count()).select_from(Turn)) or 0
        ledger.unanswered = (
            session.scalar(select(func.count()).select_from(Message).where(Message.turn_id.is_(None))) or 0
        )
        states = Counter(session.scalars(select(Delivery.state)))
        ledger.sent, ledger.doubtful = states["sent"], 0
        if ledger.messages != messages:
            ledger.faults.append(f"{messages} were acknowledged, {ledger.messages} are kept")
        if ledger.unanswered:
            ledger.faults.append(f"{ledger.unanswered} messages have no turn")
        if limbo := {state: n for state, n in states.items() if state != "sent"}:
            ledger.faults.append(f"in limbo: {limbo}")
        told = select(Turn.id).outerjoin(Delivery, Delivery.turn_id == Turn.id).where(Delivery.id.is_(None))
        if silent := len(session.scalars(told).all()):
            ledger.faults.append(f"{silent} turns without a reply")
        rows = session.execute(
            select(Delivery, Contact.address_sealed)
            .join(Conversation, Conversation.id == Delivery.conversation_id)
            .join(Contact, Contact.id == Conversation.contact_id)
            .order_by(Delivery.id)
        ).all()
        queued: defaultdict[str, list[Delivery]] = defaultdict(list)
        for delivery, sealed in rows:
            queued[vault.open(sealed)].append(delivery)
            ledger.doubtful += bool(delivery.unknowns)
    for address, deliveries in queued.items():
        ledger.faults += _compare(deliveries, arrived[address])
    return ledger


def _compare(deliveries: list[Delivery], arrived: list[str]) -> list[str]:
    """What one person got, against what was queued for them: the same, in order; again only where it was unknown.

    Replies repeat, so that a text may be the repeat of one or the first of the next: every reading is followed.
    """
    places = {0}
    for delivery in deliveries:
        text, after = delivery.text.replace("*", ""), set[int]()
        for place in places:
            while place < len(arrived) and arrived[place] == text:
                place += 1  # noqa: PLW2901
                after.add(place)
                if not delivery.unknowns:
                    break
        if not after:
            return [f"delivery {delivery.id} is missing or out of order"]
        places = after
    return [] if len(arrived) in places else [f"{len(arrived) - max(places)} messages too many"]


def main() -> None:
    """2,000 messages of 100 people, 20 kills, on SQLite; then on PostgreSQL with a second worker, if there is one."""
    urls: list[tuple[str, str | None, int]] = [("SQLite", None, 0)]
    if postgres := os.environ.get("DALIL_TEST_POSTGRES_URL"):
        urls.append(("PostgreSQL, 2 workers", postgres, 1))
    failed = False
    for name, url, workers in urls:
        if url:
            _empty(url)
        with TemporaryDirectory(prefix="dalil-chaos-") as folder:
            start = time.monotonic()
            ledger = storm(Path(folder), url, messages=2000, people=100, kills=20, workers=workers)
            print(f"{name}: {time.monotonic() - start:.0f} s, 20 kills: {ledger}", flush=True)
            failed = failed or bool(ledger.faults)
    sys.exit(failed)


def _empty(url: str) -> None:
    from sqlalchemy import text

    with Database(url).engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))


if __name__ == "__main__":
    main()
