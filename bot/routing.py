"""Finds the officer whom a request suits, promises a time, and lets what nobody answers in time move on."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from bot.hours import add_open, is_open, named, next_open, zone
from bot.replies import Replies
from bot.say import Limits, say
from channels.contract import Outgoing
from store import contacts, routing, tickets
from store.desk_tables import Note, Officer
from store.routing import Standing
from store.tables import Ticket

PROMISE = timedelta(hours=2)
"""Working time within which an officer answers."""
TRUSTED = timedelta(hours=1)
URGENT = timedelta(minutes=30)
FURTHER = timedelta(hours=4)
"""The same for what a person writes after an officer has answered."""
MOVES = 2
"""Moves after which a request is with the leads."""
TELL_EVERY = timedelta(hours=2)
"""How often a person is told, at most, that it takes longer."""
LOOK_AGAIN = timedelta(minutes=10)
"""How long a request waits for an officer with room, where nobody has any."""
AT_A_TIME = 100
ACTOR = "dalil"
"""Who moves requests, in the audit log."""

Windows = Mapping[str, timedelta | None]
"""How long after a person last wrote each channel takes free text."""

_SENIORITY = {"officer": 0, "lead": 1, "administrator": 2}
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def choose(session: Session, ticket: Ticket, moment: datetime, but: int | None = None) -> Officer | None:
    """The officer whom a request suits best, of those who have room. `but`: not this one."""
    able = [each for each in routing.standings(session) if each.held < each.officer.capacity and each.officer.id != but]
    if ticket.with_lead:
        able = [each for each in able if each.officer.role != "officer"] or able
    return min(able, key=lambda each: _order(each, ticket, moment)).officer if able else None


def _order(standing: Standing, ticket: Ticket, moment: datetime) -> tuple[float | datetime, ...]:
    """The least comes first. Where there is haste, who is there now goes before who knows more."""
    officer = standing.officer
    opens = next_open(officer.hours, moment)
    haste = (ticket.urgent or ticket.moved > 0) and opens > moment
    duty = (_SENIORITY.get(officer.role, 0), standing.held + standing.offered)
    return (haste, -_fit(officer, ticket), opens, *duty, standing.claimed_at or _LONG_AGO, officer.id)


def _fit(officer: Officer, ticket: Ticket) -> int:
    question = ticket.need.get("question", {})
    topics = set(question.get("topics", {}))
    own, shared = question.get("language", ticket.language) in officer.languages, ticket.language in officer.languages
    looks_after = not officer.countries or ticket.country is None or ticket.country in officer.countries
    knows = not officer.topics or not topics or bool(topics & set(officer.topics))
    return max(8 * own, 4 * shared) + 2 * looks_after + knows


def route(session: Session, ticket: Ticket, moment: datetime, language: str | None = None) -> str | None:
    """Offer a request that was opened, or asked anew, and promise a time; gives what the person is told of that.

    Where there are no officers nothing is promised; where none has hours no time is told. `language`: to tell it in.
    """
    if ticket.officer_id is None and ticket.move_at is None:
        _offer(session, ticket, moment)
    by = _answering(session, ticket, moment)
    if by is None:
        return None
    asked_again = ticket.answered_at is not None
    promised = add_open(by.hours, moment, FURTHER if asked_again and not ticket.urgent else _length(session, ticket))
    if ticket.promised_at is None or (ticket.urgent and promised < ticket.promised_at):
        ticket.promised_at = promised
    if ticket.move_at is not None:
        ticket.move_at = min(ticket.move_at, ticket.promised_at)
    return _told(session, ticket, by, moment, Replies(language or ticket.language))


def _answering(session: Session, ticket: Ticket, moment: datetime) -> Officer | None:
    """Who answers: the one who has the request, or to whom it is offered; if it is urgent, somebody who is there."""
    officer = session.get(Officer, ticket.officer_id or ticket.offered_to or 0)
    if officer and ticket.officer_id and ticket.urgent and not is_open(officer.hours, moment):
        return choose(session, ticket, moment) or officer
    return officer


def _offer(session: Session, ticket: Ticket, moment: datetime, but: int | None = None) -> None:
    """Offer a request, with half of the promised time to take it."""
    officer = choose(session, ticket, moment, but)
    if officer is None:
        ticket.offered_to = None
        busy = bool(routing.hours(session))
        ticket.with_lead, ticket.move_at = ticket.with_lead or busy, (moment + LOOK_AGAIN if busy else None)
        return
    ticket.offered_to = officer.id
    ticket.move_at = add_open(officer.hours, moment, _length(session, ticket) / 2)
    if ticket.promised_at is not None and ticket.promised_at > moment:
        ticket.move_at = min(ticket.move_at, ticket.promised_at)


def _length(session: Session, ticket: Ticket) -> timedelta:
    """The working time within which a request is to be answered first."""
    if ticket.urgent:
        return URGENT
    trusted = ticket.conversation_id is not None and routing.is_trusted(session, ticket.conversation_id)
    return TRUSTED if trusted else PROMISE


def _told(session: Session, ticket: Ticket, officer: Officer, moment: datetime, replies: Replies) -> str | None:
    promised = ticket.promised_at
    if promised is None or promised <= moment or not any(routing.hours(session)):
        return None
    if not is_open(officer.hours, moment):
        return replies.back_at(next_open(officer.hours, moment), moment, zone(officer.hours))
    place = zone(officer.hours) if officer.hours.get("days") else named(officer.hours)
    return replies.answer_by(promised, moment, place)


def reopened(session: Session, ticket: Ticket, moment: datetime) -> None:
    """A closed request is open again: for the officer who had it, or, if they are gone, for another one."""
    holder = session.get(Officer, ticket.officer_id) if ticket.officer_id else None
    if holder is None or not holder.active:
        ticket.officer_id = ticket.claimed_at = None
    ticket.promised_at = ticket.move_at = None
    ticket.moved, ticket.with_lead = 0, False
    route(session, ticket, moment)


def heard(session: Session, conversation_id: int, moment: datetime) -> None:
    """The person wrote to the officer who has the talk: that is to be answered, too."""
    ticket = tickets.of_conversation(session, conversation_id)
    holder = session.get(Officer, ticket.officer_id) if ticket and ticket.officer_id else None
    if ticket and holder and ticket.promised_at is None and not ticket.handed_back_at:
        ticket.promised_at = add_open(holder.hours, moment, FURTHER)


def move_on(session: Session, moment: datetime, limits: Limits | None = None, windows: Windows | None = None) -> int:
    """Move what nobody took, or answered, in time; gives how many requests moved. For a writing transaction.

    Rows that another process has in hand are left to the next time, so that none moves twice and nobody waits.
    """
    count = 0
    if not routing.hours(session):  # nobody is there to move it to
        return count
    for ticket in routing.due(session, moment, AT_A_TIME):
        holder = session.get(Officer, ticket.officer_id) if ticket.officer_id else None
        if holder and _has_time(session, ticket, holder, moment):
            continue
        if ticket.conversation_id is not None and not routing.free(session, ticket.conversation_id):
            continue
        another = _move(session, ticket, holder, moment)
        if ticket.promised_at is not None and ticket.promised_at <= moment:
            _tell(session, ticket, another, moment, limits or {}, windows or {})
        count += 1
    return count


def _has_time(session: Session, ticket: Ticket, holder: Officer, moment: datetime) -> bool:
    """Who took a request late, or put it aside, has half of the promised time for it."""
    since = max(filter(None, (ticket.claimed_at, ticket.snoozed_until)), default=_LONG_AGO)
    return add_open(holder.hours, since, _length(session, ticket) / 2) > moment


def _move(session: Session, ticket: Ticket, holder: Officer | None, moment: datetime) -> bool:
    """Offer a request to the next in line; gives whether somebody else looks at it now."""
    before = holder.id if holder else ticket.offered_to
    if before is None:  # it waited for somebody with room
        ticket.with_lead, ticket.move_at = ticket.moved >= MOVES, None
        route(session, ticket, moment)
        return ticket.offered_to is not None
    ticket.moved += 1
    ticket.with_lead = ticket.with_lead or ticket.moved >= MOVES
    ticket.officer_id = ticket.claimed_at = None
    _offer(session, ticket, moment, but=before)
    if ticket.offered_to is None:  # there is nobody else
        ticket.offered_to, ticket.with_lead = before, True
    if ticket.with_lead:  # the end of the line; it is looked at once more if the promise breaks
        ahead = ticket.promised_at is not None and ticket.promised_at > moment
        ticket.move_at = ticket.promised_at if ahead else None
    if holder:
        reader = session.get_one(Officer, ticket.offered_to)
        session.add(Note(ticket_id=ticket.id, text=Replies(reader.language).not_in_time(holder.name)))
        tickets.note(session, ACTOR, "ticket.release", f"{ticket.id} {holder.login}")
    tickets.note(session, ACTOR, "ticket.move", f"{ticket.id} {ticket.offered_to}")
    return ticket.offered_to != before


def _tell(session: Session, ticket: Ticket, another: bool, moment: datetime, limits: Limits, windows: Windows) -> None:
    """Say that it takes longer, unless that was said a short while ago or cannot be said now."""
    if ticket.conversation_id is None:
        return
    person, replies = contacts.of_conversation(session, ticket.conversation_id), Replies(ticket.language)
    window = windows.get(person.channel)
    if person.stopped_at or (window and person.seen_at + window <= moment):  # an invitation would promise an answer
        return
    if routing.was_told(session, ticket.conversation_id, replies.late(), moment - TELL_EVERY):
        return
    words = Outgoing(replies.moved_on(another=another))
    say(session, limits, ticket.conversation_id, ticket.language, words, ticket_id=ticket.id)
