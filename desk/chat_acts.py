"""What an officer does on the page of a chat, from the fields of a form to the acts of `bot.escalation`.

An act raises `NoTicket`, `Taken`, `ValueError` with words for the officer, or an `HTTPException`.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from fastapi import HTTPException
from sqlalchemy.orm import Session
from starlette.datastructures import FormData

from bot.cards import Cards
from bot.escalation import NoTicket
from bot.replies import Replies
from channels.text import LONGEST_INBOUND, clean, split
from desk.access import Visit
from desk.chat_search import question_of
from desk.chat_words import zone_of
from desk.parts import Parts
from locales import translations
from retrieval.concepts import Facet, concepts
from retrieval.places import countries
from store import chat
from store.tables import Contact, Ticket, now

UNTIL_HEARD = timedelta(days=3650)
"""A chat that is put aside until the person writes: that wakes it up whatever the time."""
_TWICE = timedelta(seconds=10)
"""Within which a second card of the same record is a second click."""
_CODE = re.compile(r"[a-z]{2,3}")


@dataclass(frozen=True, slots=True)
class Done:
    """Who asked for what, on which ticket."""

    visit: Visit
    number: int
    form: FormData

    def word(self, name: str) -> str:
        """A field of the form."""
        value = self.form.get(name, "")
        return value if isinstance(value, str) else ""

    def words(self, name: str) -> list[str]:
        """All values of a field, without empty ones and repeats."""
        return list(dict.fromkeys(v for v in self.form.getlist(name) if isinstance(v, str) and v))

    def say(self, message: str) -> str:
        """A sentence in the officer's language."""
        return translations(self.visit.language.code).gettext(message)


Act = Callable[[Done], None]


class Acts:
    """The acts, by the last part of their address."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._escalation = parts.escalation
        self._sending = threading.Lock()

    def reply(self, done: Done) -> None:
        """Answer the person. A second click on the same form sends nothing more."""
        _ = done.say
        text, after = done.word("text"), done.word("after")
        if len(text) > LONGEST_INBOUND:
            raise ValueError(_("This is too long: {most} characters at most.").format(most=LONGEST_INBOUND))
        if not clean(text):
            raise ValueError(_("Write something first."))
        with self._sending:
            if not self._said_after(done.number, text, int(after) if after.isdecimal() and len(after) < 18 else None):
                officer = done.visit.officer
                self._escalation.reply(done.number, text, officer.login, officer)
        with self._parts.database.write() as session:
            chat.keep_draft(session, done.number, done.visit.officer.id, "")

    def _said_after(self, number: int, text: str, delivery_id: int | None) -> bool:
        if delivery_id is None:
            return False
        with self._parts.database.read() as session:
            ticket, contact = _whose(session.get(Ticket, number), session)
            limit = self._parts.channels[contact.channel].text_limit if contact.channel in self._parts.channels else 0
            first = split(clean(text), limit or LONGEST_INBOUND * 2)[0]
            return chat.told_since(session, ticket.conversation_id or 0, first, delivery_id)

    def share(self, done: Done) -> None:
        """Show the person a record, as the assistant would."""
        engine = self._parts.engine()
        record = engine.record(done.word("record")) if engine else None
        if record is None:
            raise ValueError(done.say("There is no such record."))
        with self._parts.database.read() as session:
            ticket = session.get(Ticket, done.number)
        if ticket is None:
            raise NoTicket(done.number)
        with self._sending:
            if not self._shared_lately(ticket, record.id):
                card = Cards(Replies(ticket.language)).details(record)
                self._escalation.share(done.number, done.visit.officer, record.id, card)

    def _shared_lately(self, ticket: Ticket, record_id: str) -> bool:
        return record_id in ticket.matched[-1:] and bool(ticket.answered_at and ticket.answered_at > now() - _TWICE)

    def note(self, done: Done) -> None:
        """Leave a note for the other officers."""
        if not clean(done.word("text")):
            raise ValueError(done.say("Write something first."))
        self._escalation.note(done.number, done.visit.officer, done.word("text"))

    def need(self, done: Done) -> None:
        """Correct what was understood."""
        with self._parts.database.read() as session:
            ticket = session.get(Ticket, done.number)
        if ticket is None:
            raise NoTicket(done.number)
        before = question_of(ticket).topics
        country = done.word("country") if done.word("country") in countries() else None
        question: dict[str, Any] = {
            "topics": {key: before.get(key, 1.0) for key in _known(done.words("topic"), Facet.TOPIC)},
            "audiences": _known(done.words("audience"), Facet.AUDIENCE),
            "countries": [country] if country else [],
            "taught_in": [code for code in done.words("tongue") if _CODE.fullmatch(code)],
            "free": done.word("free") == "1",
            "certificate": done.word("certificate") == "1",
        }
        self._escalation.edit_need(done.number, done.visit.officer, question, country)

    def step(self, done: Done) -> None:
        """Say how far the request has come."""
        self._escalation.set_step(done.number, done.visit.officer, done.word("step"))

    def close(self, done: Done) -> None:
        """Close the request; who says that something fits says what."""
        outcome = done.word("outcome")
        typed = re.findall(r"[a-z0-9-]+", done.word("typed").lower())
        records = list(dict.fromkeys([*done.words("record"), *typed])) if outcome == "matched" else []
        if outcome == "matched" and not records:
            raise ValueError(done.say("Say which record fits."))
        with self._parts.database.read() as session:
            if chat.unknown_records(session, records):
                raise ValueError(done.say("There is no record with one of these ids."))
        officer = done.visit.officer
        self._escalation.close(done.number, outcome, officer.login, officer, records)

    def release(self, done: Done) -> None:
        """Give the request back into the queue."""
        self._escalation.release(done.number, done.visit.officer)

    def transfer(self, done: Done) -> None:
        """Hand the request to a colleague."""
        to = done.word("to")
        if not to.isdecimal() or len(to) > 9:
            raise ValueError(done.say("Choose a colleague."))
        self._escalation.transfer(done.number, done.visit.officer, int(to), done.word("text"))

    def snooze(self, done: Done) -> None:
        """Put the chat aside, or take it up again."""
        times: dict[str, Callable[[], datetime | None]] = {
            "hour": lambda: now() + timedelta(hours=1),
            "hours": lambda: now() + timedelta(hours=4),
            "tomorrow": lambda: tomorrow(done.visit),
            "heard": lambda: now() + UNTIL_HEARD,
            "wake": lambda: None,
        }
        if done.word("until") not in times:
            raise ValueError(done.say("Choose a time."))
        self._escalation.snooze(done.number, done.visit.officer, times[done.word("until")]())

    def trust(self, done: Done) -> None:
        """Give or take the trust that puts a person's requests first; for leads."""
        if not done.visit.may("lead"):
            raise HTTPException(403)
        reason, giving = clean(done.word("reason"))[:200], done.word("give") == "1"
        if giving and not reason:
            raise ValueError(done.say("Say why this person is trusted."))
        officer = done.visit.officer
        with self._parts.database.write() as session:
            ticket, contact = _whose(session.get(Ticket, done.number), session)
            if giving:
                chat.give_trust(session, contact.id, officer.id, reason)
                # The reason may say who it is: it is kept with the trust, and goes with the person.
                chat.touched(session, ticket.id, officer.login, "trust.give", str(ticket.id))
            elif chat.take_trust(session, contact.id):
                chat.touched(session, ticket.id, officer.login, "trust.take", str(ticket.id))
        self._parts.said.set()


def tomorrow(visit: Visit) -> datetime:
    """Eight in the morning of the next day by the officer's clock."""
    zone = zone_of(visit.officer)
    day = now().astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(day, time(8), zone)


def _whose(ticket: Ticket | None, session: Session) -> tuple[Ticket, Contact]:
    contact = chat.person(session, ticket) if ticket else None
    if ticket is None or contact is None:
        raise NoTicket(ticket.id if ticket else 0)
    return ticket, contact


def _known(keys: Iterable[str], facet: Facet) -> list[str]:
    return [key for key in keys if key in concepts() and concepts()[key].facet is facet]
