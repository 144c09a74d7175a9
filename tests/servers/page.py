"""The web app on a real port, with a stand-in for the worker that answers as a test tells it to."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from sqlalchemy import select

from bot.intake import Intake
from bot.settings import Settings
from bot.signals import Signal
from bot.web import Parts, Server, create_app
from channels.contract import Channel
from channels.web import WebChannel
from store import outbox
from store.database import MIGRATIONS, Database
from store.tables import Message, Table
from store.vault import Vault

SECRET = "a secret that is only used by tests, forty letters"

Answer = tuple[str, str] | tuple[str, str, list[tuple[str, str]]]
"""Language, text, and buttons if there are any."""


class Worker(threading.Thread):
    """Answers each message once, with what `answer` gives for it."""

    def __init__(self, parts: Parts, arrived: Signal, answer: Callable[[str], list[Answer]]) -> None:
        """`answer` gets the choice of a message, or its text."""
        super().__init__(daemon=True)
        self._parts, self._arrived, self.answer = parts, arrived, answer
        self._last = 0
        self._over = threading.Event()

    def run(self) -> None:
        """Work until `stop`."""
        while not self._over.is_set():
            seen = self._arrived.count
            with self._parts.database.write() as session:
                for message in session.scalars(select(Message).where(Message.id > self._last).order_by(Message.id)):
                    self._last = message.id
                    for language, text, *buttons in self.answer(message.choice or message.text):
                        outbox.queue(session, message.conversation_id, language, text, buttons[0] if buttons else ())
            self._parts.said.set()
            self._arrived.wait(seen, 0.2)

    def stop(self) -> None:
        """Stop, and wait until it has."""
        self._over.set()
        self.join(5)


class Site:
    """The app, and what a test may do behind its back."""

    def __init__(
        self,
        folder: Path,
        answer: Callable[[str], list[Answer]] | None = None,
        providers: Sequence[Channel] = (),
        **settings: Any,
    ) -> None:
        """`settings` are those of `bot.settings`; without `answer`, each text is said back."""
        self.port = free_port()
        self.settings = Settings(_env_file=None, home=folder, port=self.port, **settings)
        self.database = Database(f"sqlite:///{folder / 'page.db'}")
        create_tables(self.database)
        arrived = Signal()
        vault = Vault([SECRET])
        self.is_ready = True
        self.parts = Parts(
            settings=self.settings,
            database=self.database,
            vault=vault,
            intake=Intake(self.database, vault, arrived),
            web=WebChannel(self.settings.public_url),
            providers={channel.name: channel for channel in providers},
            said=Signal(),
            ready=lambda: self.is_ready,
        )
        self.app = create_app(self.parts)
        self.worker = Worker(self.parts, arrived, answer or (lambda text: [("en", f"You said: {text}")]))

    @property
    def url(self) -> str:
        """Where it is served."""
        return self.settings.address

    def say(self, text: str, language: str = "en", author: str = "officer", *, tell: bool = True) -> int:
        """Write to the only visitor there is. `tell=False`: as another process would, without the signal."""
        with self.database.write() as session:
            conversation = session.scalars(select(Message.conversation_id)).first()
            assert conversation is not None, "nobody has written yet"
            said = outbox.queue(session, conversation, language, text, author=author).id
        if tell:
            self.parts.said.set()
        return said

    def messages(self) -> list[Message]:
        """What visitors wrote."""
        with self.database.read() as session:
            return list(session.scalars(select(Message).order_by(Message.id)))

    @contextmanager
    def working(self) -> Iterator[None]:
        """Answer, but do not serve."""
        self.worker.start()
        try:
            yield
        finally:
            self.worker.stop()

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serve on a real port, and answer."""
        server = Server(uvicorn.Config(self.app, "127.0.0.1", self.port, log_level="warning"), self.parts)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        deadline = time.monotonic() + 10
        while not server.started:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.01)
        try:
            with self.working():
                yield
        finally:
            server.should_exit = True
            thread.join(10)
            assert not thread.is_alive(), "open streams kept the server from stopping"


def create_tables(database: Database) -> None:
    """Bring a test's database up to date."""
    if any((MIGRATIONS / "versions").glob("*.py")):
        database.migrate()
    else:
        Table.metadata.create_all(database.engine)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
