"""What the page of a chat shows, read from the database in one go and ready for the templates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from bot.delivery import MARGIN
from bot.escalation import STEPS
from channels.text import LONGEST_INBOUND
from desk.access import Visit
from desk.chat_search import broken, question_of
from desk.chat_words import Words, level
from desk.drafting import fill
from desk.parts import Parts
from desk.referrals import LONGEST_TEXT, of_ticket, takers
from locales import LANGUAGES, speak
from retrieval.concepts import Facet, concepts
from retrieval.places import countries
from store import chat, outbox
from store.desk_tables import Officer
from store.tables import Contact, Delivery, Message, Ticket, now
from store.vault import Vault, WrongKey

LINES = 200
"""Messages of each side that the page shows at most."""
_AFTER_CLOSING = timedelta(seconds=5)
_UNNAMED = frozenset({"web", "console"})
"""Channels whose addresses say nothing about a person."""
_TONGUES = tuple(
    "fa ur ps ne id vi th tr so yo ig rw ny mg ti om ky uz kk mn km lo my si ta tl ro uk it de ja ko".split()
)
"""Languages of teaching that can be chosen beside those that the desk speaks."""


@dataclass(frozen=True, slots=True)
class Line:
    """One message of the transcript."""

    key: str
    by: str
    """`person`, `assistant` or `officer`."""
    at: datetime
    text: str
    language: str
    sent: str = ""
    """What a person sent that is no text."""
    state: str = ""
    mark: str = ""
    failure: str = ""
    buttons: tuple[str, ...] = ()
    fresh: bool = False
    """The officer has not seen it before."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A record that the assistant has shown."""

    id: str
    name: str
    url: str
    broken: str
    """The demands that it does not meet, in words."""


@dataclass(frozen=True, slots=True)
class Box:
    """Whether the officer can write to the person now, and what becomes of it."""

    state: str
    """`open`; `outside` the channel's window: it waits; `free`, `taken`, `closed`, `gone`, `stopped`: nobody writes."""
    holder: str = ""
    draft: str = ""
    after: int = 0
    """The last message before: whatever says the same after it is a second click."""
    limit: int = 0
    """UTF-16 units of one message on the channel; more is sent in parts."""
    until: datetime | None = None
    """When the window closes."""
    invited_at: datetime | None = None
    canned: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Choices:
    """What can be chosen for the need: key → words, by the words."""

    topics: dict[str, str]
    audiences: dict[str, str]
    countries: dict[str, str]
    tongues: dict[str, str]


def context(session: Session, parts: Parts, visit: Visit, ticket: Ticket, read_before: int) -> dict[str, Any]:
    """Everything that `chat.html` and its parts name. `read_before`: the last message that the officer had seen."""
    words, contact = Words(visit.officer), chat.person(session, ticket)
    lines, older = transcript(session, ticket, words, read_before)
    holder = session.get(Officer, ticket.officer_id) if ticket.officer_id else None
    passed_on = of_ticket(session, ticket.id)
    return {
        "ticket": ticket,
        "words": words,
        "lines": lines,
        "older": older,
        "person_language": speak(ticket.language),
        "holder": holder,
        "mine": ticket.state == "open" and ticket.officer_id == visit.officer.id,
        "box": _box(session, parts, visit, ticket, contact, holder),
        "longest": LONGEST_INBOUND,
        "longest_referral": LONGEST_TEXT,
        "others": chat.others(session, ticket.id, visit.officer.id, now()),
        "masked": mask(parts.vault, contact) if contact else "",
        "channel": contact.channel if contact else "",
        "trust": chat.trust_of(session, contact.id) if contact else None,
        "shown": _shown(parts, visit, ticket, words),
        "matched": [_record(parts, visit, key) for key in ticket.matched],
        "referrals": passed_on,
        "passed": {each.record_id: _record(parts, visit, each.record_id) for each in passed_on},
        "takers": takers(session),
        "notes": chat.notes(session, ticket.id),
        "steps": STEPS[:-1],
        "level": level(ticket),
        "question": question_of(ticket),
        "choices": choices(words, ticket),
        "colleagues": chat.colleagues(session, visit.officer.id),
    }


def transcript(session: Session, ticket: Ticket, words: Words, read_before: int) -> tuple[list[Line], bool]:
    """The lines to show, oldest first, and whether older ones were left out.

    What a person writes after their request was closed is between them and the assistant.
    """
    if ticket.conversation_id is None:
        return [], False
    said = outbox.transcript(session, ticket.conversation_id, LINES + 1)
    lines = [_line(entry, ticket, words, read_before) for entry in said]
    if ticket.closed_at:
        lines = [line for line in lines if line.at <= ticket.closed_at + _AFTER_CLOSING]
    return lines[-LINES:], len(lines) > LINES


def _line(entry: Message | Delivery, ticket: Ticket, words: Words, read_before: int) -> Line:
    if isinstance(entry, Message):
        fresh, sent = entry.id > read_before, words.sent(entry)
        key = f"m{entry.id}"
        return Line(key, "person", entry.received_at, entry.text, ticket.language, sent, fresh=fresh)
    buttons = tuple(str(title) for title, _ in entry.buttons)
    failure = (entry.failure or "") if entry.state == "dead" else ""
    return Line(
        f"d{entry.id}",
        entry.author,
        entry.created_at,
        entry.text,
        entry.language,
        state=entry.state,
        mark=words.mark(entry),
        failure=failure,
        buttons=buttons,
    )


def mask(vault: Vault, contact: Contact) -> str:
    """So much of an address that an officer can tell two people apart; empty where it says nothing."""
    if contact.channel in _UNNAMED:
        return ""
    try:
        address = vault.open(contact.address_sealed)
    except WrongKey:
        return "…"
    return f"…{address[-4:]}" if len(address) > 6 else "…"


def _box(
    session: Session, parts: Parts, visit: Visit, ticket: Ticket, contact: Contact | None, holder: Officer | None
) -> Box:
    if contact is None or ticket.conversation_id is None:
        return Box("gone")
    if ticket.state != "open":
        return Box("closed")
    if holder is None:
        return Box("free")
    if holder.id != visit.officer.id:
        return Box("taken", holder.name)
    if contact.stopped_at:
        return Box("stopped", holder.name)
    channel = parts.channels.get(contact.channel)
    until = contact.seen_at + channel.window - MARGIN if channel and channel.window else None
    canned = chat.canned(session, ticket.language)
    return Box(
        "outside" if until and until < now() else "open",
        holder.name,
        draft=chat.draft_of(session, ticket.id, visit.officer.id),
        after=chat.last_told(session, ticket.conversation_id),
        limit=channel.text_limit if channel else 0,
        until=until,
        invited_at=contact.invited_at if contact.invited_at and contact.invited_at > contact.seen_at else None,
        canned=tuple((each.title, fill(each.text, visit.officer.name, ticket.id)) for each in canned),
    )


def _shown(parts: Parts, visit: Visit, ticket: Ticket, words: Words) -> list[Shown]:
    """The records that the assistant has shown, each with the demands that it does not meet."""
    return [_record(parts, visit, str(key), ticket, words) for key in dict.fromkeys(ticket.need.get("shown", []))]


def _record(parts: Parts, visit: Visit, key: str, ticket: Ticket | None = None, words: Words | None = None) -> Shown:
    engine = parts.engine()
    record = engine.record(key) if engine else None
    if record is None:
        return Shown(key, key, "", "")
    unmet = broken(record, question_of(ticket)) if ticket else []
    told = ", ".join(words.barrier(each) for each in unmet) if words else ""
    return Shown(key, record.name_in(visit.language.code), str(record.url or ""), told)


def choices(words: Words, ticket: Ticket) -> Choices:
    """What an officer can choose when they correct a need."""
    asked = question_of(ticket).taught_in
    tongues = dict.fromkeys([*LANGUAGES, *_TONGUES, *asked])
    return Choices(
        dict(_sorted((key, words.concept(key)) for key in _of(Facet.TOPIC))),
        dict(_sorted((key, words.concept(key)) for key in _of(Facet.AUDIENCE))),
        dict(_sorted((key, words.country(key)) for key in countries())),
        dict(_sorted((key, words.tongue(key)) for key in tongues)),
    )


def _of(facet: Facet) -> Iterator[str]:
    return (key for key, concept in concepts().items() if concept.facet is facet)


def _sorted(pairs: Iterator[tuple[str, str]]) -> list[tuple[str, str]]:
    return sorted(pairs, key=lambda pair: pair[1].casefold())
