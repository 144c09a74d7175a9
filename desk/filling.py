"""Gaps: written down from demand, given to an officer, called out to providers, closed by what fills them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from bot.cards import Cards
from bot.replies import Replies
from bot.say import Limits, say
from channels.contract import Outgoing
from channels.text import clean
from locales import translations
from retrieval.concepts import Facet, concepts
from retrieval.engine import to_record
from retrieval.filters import barrier
from retrieval.places import countries, language_name
from retrieval.question import Question
from retrieval.records import Record
from store import tickets
from store.demand import SAME, Filters, Wish, wish_of, wishes
from store.desk_tables import Gap, Officer
from store.tables import Contact, Conversation, Ticket, now
from store.tables import Record as Row

LONGEST_TITLE = 200
LONGEST_CALL = 4_000
ABOUT = frozenset({Facet.TOPIC, Facet.ELSEWHERE})
"""Facets that a gap may be about; what is outside our field is a gap, too."""


class NoGap(Exception):
    """There is no gap with that number, or it is closed."""


@dataclass(frozen=True, slots=True)
class Told:
    """What closing a gap did, in people."""

    told: int = 0
    could_not_join: int = 0
    """Agreed to be told, but may not join what fills the gap."""


def from_cell(session: Session, officer: Officer, fields: Mapping[str, str]) -> Gap:
    """The open gap of a cell, made if there is none, with all its wishes. Raises `ValueError` for an unknown cell."""
    topic, country = fields.get("topic", ""), fields.get("country", "")
    language, audience = fields.get("language", ""), fields.get("audience", "")
    known = concepts()
    if topic not in known or known[topic].facet not in ABOUT:
        raise ValueError("there is no such topic")
    if country and country not in countries():
        raise ValueError("there is no such country")
    if audience and (audience not in known or known[audience].facet is not Facet.AUDIENCE):
        raise ValueError("there is no such audience")
    if language and (len(language) > 12 or language_name(language, "en") == language):
        raise ValueError("there is no such language")
    gap = _open(session, topic, country or None, language or None, audience or None)
    if gap is None:
        title = clean(fields.get("title", "")).replace("\n", " ")[:LONGEST_TITLE]
        gap = Gap(topic=topic, country=country or None, language=language or None, audience=audience or None)
        gap.title = title
        session.add(gap)
        session.flush()
        tickets.note(session, officer.login, "gap.open", f"{gap.id} {topic}")
    link(session, gap)
    return gap


def from_ticket(session: Session, officer: Officer, number: int) -> Gap:
    """The gap of a ticket: of its first topic, with all that ask for the same. Raises `ValueError`."""
    wish = wish_of(session, number)
    if wish is None:
        raise ValueError("there is no such ticket")
    cell = {"topic": wish.topic[0], "country": wish.country, "language": wish.language[0], "audience": wish.audience[0]}
    gap = from_cell(session, officer, cell)
    session.execute(update(Ticket).where(Ticket.id == number).values(gap_id=gap.id, changed_at=now()))
    return gap


def _open(session: Session, topic: str, country: str | None, language: str | None, audience: str | None) -> Gap | None:
    query = select(Gap).where(Gap.state != "closed", Gap.topic == topic)
    for column, value in ((Gap.country, country), (Gap.language, language), (Gap.audience, audience)):
        query = query.where(column == value if value else column.is_(None))
    return session.scalars(query.order_by(Gap.id)).first()


def behind(session: Session, gap: Gap) -> list[Wish]:
    """The wishes that a gap stands for: those linked and, while it is open, those that have come since."""
    linked = list(session.scalars(select(Ticket.id).where(Ticket.gap_id == gap.id).order_by(Ticket.id)))
    found = {number: wish for number in linked if (wish := wish_of(session, number))}
    if gap.state != "closed":
        found |= {wish.ticket: wish for wish in _unlinked(session, gap)}
    return [found[number] for number in sorted(found)]


def _unlinked(session: Session, gap: Gap) -> list[Wish]:
    filters = Filters(
        country=gap.country or "", language=gap.language or "", topic=gap.topic, audience=gap.audience or ""
    )
    return [wish for wish in wishes(session, filters) if not wish.met and wish.gap is None]


def link(session: Session, gap: Gap) -> None:
    """Note on every wish that the gap stands for that it does."""
    numbers = [wish.ticket for wish in _unlinked(session, gap)]
    for start in range(0, len(numbers), 500):
        some = Ticket.id.in_(numbers[start : start + 500])
        session.execute(update(Ticket).where(some, Ticket.gap_id.is_(None)).values(gap_id=gap.id, changed_at=now()))


def held(session: Session, number: int) -> Gap:
    """An open gap, locked. Raises `NoGap`."""
    gap = session.get(Gap, number, with_for_update=True)
    if gap is None or gap.state == "closed":
        raise NoGap(number)
    return gap


def assign(session: Session, officer: Officer, number: int, to: int | None) -> None:
    """Give a gap to an officer, or to nobody. Raises `NoGap`, `ValueError`."""
    gap = held(session, number)
    other = session.get(Officer, to) if to else None
    if to and (other is None or not other.active):
        raise ValueError("there is no such officer")
    gap.officer_id = to
    tickets.note(session, officer.login, "gap.assign", f"{number} {to or ''}".strip())


def call(session: Session, officer: Officer, number: int, text: str) -> None:
    """Note that a call for providers is out, with its text. Raises `NoGap`, `ValueError` if it is empty."""
    text = clean(text)[:LONGEST_CALL]
    if not text:
        raise ValueError("the call is empty")
    gap = held(session, number)
    link(session, gap)
    gap.call, gap.state, gap.called_at = text, "called", gap.called_at or now()
    tickets.note(session, officer.login, "gap.call", str(number))


def record_of(session: Session, record_id: str) -> Record | None:
    """A record that can be offered, as it stands in SQL."""
    row = session.get(Row, record_id) if 0 < len(record_id) <= 80 else None
    if row is None or row.withdrawn_at is not None:
        return None
    record = to_record(row)
    return record if record.offered else None


def close(session: Session, limits: Limits, officer: Officer, number: int, record: Record) -> Told:
    """Close a gap by the record that fills it, and tell those who asked and agreed to be told. Raises `NoGap`."""
    gap = held(session, number)
    link(session, gap)
    gap.state, gap.record_id, gap.closed_at = "closed", record.id, now()
    told = _tell_all(session, limits, gap, record)
    tickets.note(session, officer.login, "gap.close", f"{number} {record.id} told {told.told}")
    return told


def _tell_all(session: Session, limits: Limits, gap: Gap, record: Record) -> Told:
    """Each person once, in their language, unless they stopped us or were shown the record by a person before."""
    query = select(Ticket, Contact.language, Contact.country)
    query = query.join(Conversation, Conversation.id == Ticket.conversation_id)
    query = query.join(Contact, Contact.id == Conversation.contact_id)
    query = query.where(Ticket.gap_id == gap.id, Ticket.wants_news.is_(True))
    query = query.where(Contact.stopped_at.is_(None), Contact.erased_at.is_(None)).order_by(Conversation.id, Ticket.id)
    # The lock on people keeps two gaps that are closed at once from telling somebody the same twice.
    rows = session.execute(query.with_for_update(of=(Conversation, Ticket))).all()
    known = _have(session, {ticket.conversation_id for ticket, _, _ in rows if ticket.conversation_id}, record.id)
    told, barred = set[int](), set[int]()
    for ticket, language, country in rows:
        person = ticket.conversation_id
        if person is None or person in known | told:
            continue
        if barrier(record, _question(ticket, country)):
            barred.add(person)
            continue
        message = news(Replies(language or ticket.language), record)
        say(session, limits, person, language or ticket.language, message, ticket_id=ticket.id, author="officer")
        ticket.matched, ticket.changed_at = [*ticket.matched, record.id], now()
        told.add(person)
    return Told(len(told), len(barred - told))


def _have(session: Session, people: set[int], record_id: str) -> set[int]:
    """Who of some people was shown a record by an officer, or was told of it, already."""
    query = select(Ticket.conversation_id, Ticket.matched).where(Ticket.conversation_id.in_(people))
    return {person for person, matched in session.execute(query) if person and record_id in matched}


def _question(ticket: Ticket, country: str | None) -> Question:
    """What the person asked, from where they are; as much of it as is still kept and can be read."""
    try:
        question = Question.from_facts(ticket.need.get("question", {}))
    except TypeError:
        question = Question()
    place = ticket.country or country
    return replace(question, countries=question.countries or ((place,) if place else ()))


def news(replies: Replies, record: Record) -> Outgoing:
    """What is told to somebody who asked for it in vain before: the card of the record."""
    _ = translations(replies.code).gettext
    card = Cards(replies).details(record)
    first = _("You asked us for something that we could not find then. Now there is this:")
    return Outgoing(f"{first}\n\n{card.text}", card.buttons)


def gaps(session: Session, *, closed: bool = False) -> list[Gap]:
    """Gaps that are open (or closed), the newest first."""
    state = Gap.state == "closed" if closed else Gap.state != "closed"
    return list(session.scalars(select(Gap).where(state).order_by(Gap.id.desc()).limit(500)))


def linked(session: Session) -> dict[int, int]:
    """How many people stand behind each gap, as linked."""
    who = func.coalesce(Ticket.conversation_id, -Ticket.need[SAME].as_integer(), -Ticket.id)
    query = select(Ticket.gap_id, func.count(who.distinct())).where(Ticket.gap_id.is_not(None))
    return {gap: people for gap, people in session.execute(query.group_by(Ticket.gap_id)) if gap is not None}


def colleagues(session: Session) -> list[Officer]:
    """Officers that a gap can be given to."""
    return list(session.scalars(select(Officer).where(Officer.active).order_by(Officer.name)))
