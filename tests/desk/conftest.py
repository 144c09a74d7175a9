"""A desk with officers, people and tickets, over real HTTP semantics."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from bot.escalation import Escalation
from bot.settings import Settings
from bot.signals import Signal
from bot.web import Shield
from channels.console import ConsoleChannel
from desk.access import COOKIE, HEADER, digest
from desk.app import add_to
from desk.parts import Parts
from desk.referrals import public_routes
from retrieval.engine import Engine
from store import contacts, inbox, tickets
from store.database import Database
from store.desk_tables import Officer, SignIn
from store.tables import Message, Ticket
from store.vault import Vault


@dataclass
class Seat:
    """A signed-in officer and their browser."""

    officer: Officer
    browser: TestClient

    @property
    def id(self) -> int:
        return self.officer.id

    def get(self, path: str) -> str:
        """The page at a path below /desk; it must be there."""
        answer = self.browser.get(f"/desk{path}")
        assert answer.status_code == 200, answer.text
        return answer.text

    def post(self, path: str, **fields: str) -> int:
        """Send a form; gives the status."""
        return self.browser.post(f"/desk{path}", data=fields, follow_redirects=False).status_code


class House:
    """What stands behind the desk, for tests to look at."""

    def __init__(self, database: Database, vault: Vault, settings: Settings, engine: Engine | None) -> None:
        self.database, self.vault, self.said, self.arrived = database, vault, Signal(), Signal()
        self.escalation = Escalation(database, self.said)
        channels = {"console": ConsoleChannel()}
        self.parts = Parts(
            settings, database, vault, self.escalation, channels, lambda: engine, self.said, self.arrived
        )
        self.app = FastAPI()
        add_to(self.app, self.parts)
        self.app.include_router(public_routes(self.parts))
        self.app.add_middleware(Shield, https=False)

    def browser(self) -> TestClient:
        """A browser that is not signed in."""
        return TestClient(self.app, base_url="http://desk.test")

    def seat(self, name: str = "Amina", role: str = "officer", **more: Any) -> Seat:
        """An officer who is signed in."""
        token, csrf = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        with self.database.write() as session:
            officer = Officer(login=f"{name.lower()}@desk.test", name=name, role=role, **more)
            session.add(officer)
            session.flush()
            session.add(SignIn(digest=digest(token), officer_id=officer.id, csrf=csrf))
        browser = self.browser()
        browser.cookies.set(COOKIE, token)
        browser.headers[HEADER] = csrf
        return Seat(officer, browser)

    def ticket(self, words: str = "welding in Kumasi", address: str = "somebody", **more: Any) -> int:
        """A person asked for something, and it became a ticket."""
        facts = {"topics": {"python": 1.0}, "text": words, "language": "en"}
        values: dict[str, Any] = {"reason": "nothing-fits", "language": "en", "country": "GH"} | more
        need = values.pop("need", {"words": words, "question": facts})
        with self.database.write() as session:
            conversation = contacts.meet(session, self.vault, "console", address)[1]
            inbox.keep(session, conversation.id, secrets.token_hex(4), "text", words)
            return tickets.open_one(session, conversation.id, need=need, **values).id

    def says(self, words: str, address: str = "somebody") -> None:
        """The person of a ticket writes on."""
        with self.database.write() as session:
            conversation = contacts.meet(session, self.vault, "console", address)[1]
            inbox.keep(session, conversation.id, secrets.token_hex(4), "text", words)
            tickets.heard(session, conversation.id)

    def row(self, table: type, key: Any) -> Any:
        with self.database.read() as session:
            return session.get(table, key)


@pytest.fixture
def house(sqlite: Database, vault: Vault, tmp_path) -> House:  # type: ignore[no-untyped-def]
    settings = Settings(_env_file=None, home=tmp_path)  # type: ignore[call-arg]
    return House(sqlite, vault, settings, None)


@pytest.fixture
def stocked(sqlite: Database, vault: Vault, tmp_path, engine: Engine) -> House:  # type: ignore[no-untyped-def]
    """The same with retrieval over the starter catalogue."""
    settings = Settings(_env_file=None, home=tmp_path)  # type: ignore[call-arg]
    return House(sqlite, vault, settings, engine)


__all__ = ["House", "Message", "Seat", "Ticket"]
