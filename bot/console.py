"""Dalil in a terminal: one question, a talk, an evaluation. All on the same way as every channel, in one process."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sqlalchemy import select
from tqdm import tqdm

from bot.assembly import Assembly
from bot.settings import Settings
from bot.worker import Worker
from channels.contract import Inbound, Kind
from retrieval.evaluation import Given
from retrieval.fit import Action
from store import contacts, outbox
from store.tables import Delivery, Ticket, Turn


class Talk:
    """A conversation of one terminal, whose turns are taken at once."""

    def __init__(self, assembly: Assembly, address: str) -> None:
        self._assembly = assembly
        self.address = address
        self._worker = Worker(assembly.database, assembly.assistant, assembly.arrived, assembly.said, assembly.limits)
        self._last = 0

    def say(self, text: str) -> tuple[Turn, list[Delivery]]:
        """Send a message; gives the turn that took it up, and the answers."""
        inbound = Inbound("console", self.address, secrets.token_hex(8), Kind.TEXT, text)
        self._assembly.intake.receive([inbound])
        while self._worker.step():
            pass
        return self._answer()

    def _answer(self) -> tuple[Turn, list[Delivery]]:
        with self._assembly.database.read() as session:
            contact = contacts.find(session, self._assembly.vault, "console", self.address)
            conversation = contacts.conversation_of(session, contact.id if contact else 0)
            turn = session.scalars(
                select(Turn).where(Turn.conversation_id == conversation.id).order_by(Turn.id.desc())
            ).first()
            said = outbox.after(session, conversation.id, self._last)
        self._last = said[-1].id if said else self._last
        return turn or Turn(action=Action.ERASE, language=contact.language if contact else "en", shown=[]), said

    def deliver(self) -> None:
        """Mark what was printed as sent."""
        from bot.delivery import Sender

        channels = {"console": self._assembly.channels["console"]}  # others' answers are for who serves them
        sender = Sender(self._assembly.database, self._assembly.vault, channels, self._assembly.said)

        async def drain() -> None:
            while await sender.step():
                pass

        asyncio.run(drain())

    def identified(self, text: str) -> str:
        """The language that a message was taken for."""
        from retrieval.language import identify

        return identify(text).code

    def ticket(self) -> int | None:
        """The number of the open request, if there is one."""
        with self._assembly.database.read() as session:
            contact = contacts.find(session, self._assembly.vault, "console", self.address)
            if contact is None:
                return None
            conversation = contacts.conversation_of(session, contact.id)
            query = select(Ticket.id).where(Ticket.conversation_id == conversation.id, Ticket.state == "open")
            return session.scalars(query).first()


def as_json(assembly: Assembly, talk: Talk, text: str) -> dict[str, Any]:
    """What was done with a question, for programs."""
    from bot.cards import Cards
    from bot.replies import Replies
    from retrieval.search import reasons

    turn, said = talk.say(text)
    cards, question = Cards(Replies(turn.language)), assembly.engine.understand(text)
    records = [record for key in turn.shown if (record := assembly.engine.record(key))]
    return {
        "action": turn.action,
        "language": question.language,
        "results": [
            {
                "id": record.id,
                "kind": record.kind,
                "name": record.name_in(turn.language),
                "url": str(record.url) if record.url else None,
                "why": cards.why(reasons(record, question)),
            }
            for record in records
        ],
        "ticket": talk.ticket(),
        "text": "\n\n".join(delivery.text for delivery in said),
    }


@contextmanager
def throw_away(settings: Settings) -> Iterator[Assembly]:
    """A Dalil with a database of its own that is gone afterwards; the vectors of the real one are taken along."""
    with TemporaryDirectory(prefix="dalil-") as folder:
        home = Path(folder)
        overrides = {"home": home, "database_url": None, "chroma_url": None, "secret_key": ()}
        assembly = Assembly(settings.model_copy(update=overrides))
        assembly.prepare()
        load_engine(assembly)
        yield assembly
        assembly.database.close()


def load_engine(assembly: Assembly) -> bool:
    """Open or build the index, with a progress bar if it is built."""
    assembly.stock()
    expect, progress, close = build_bar()
    try:
        return assembly.engine.load(progress, expect)
    finally:
        close()


def build_bar() -> Any:
    """What to tell of the total and of each entry of a build, and how to end the bar."""
    bar: tqdm[Any] = tqdm(desc="Building the index", unit=" entries", delay=1, disable=None, leave=False)

    def expect(total: int) -> None:
        bar.reset(total)

    return expect, bar.update, bar.close


def ask_for_evaluation(assembly: Assembly, text: str) -> Given:
    """A question of a fresh contact."""
    talk = Talk(assembly, secrets.token_hex(8))
    turn, _ = talk.say(text)
    return Given(Action(turn.action), talk.identified(text), tuple(turn.shown))


def dump(value: object) -> str:
    """Readable JSON."""
    return json.dumps(value, ensure_ascii=False, indent=2)
