"""Tickets: what a person must take up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from store.tables import Audit, Contact, Conversation, Moment, Ticket, now

MOST_BEFORE = 20
"""Earlier wordings of a need, and pictures and the like, that a ticket keeps."""
OUTCOMES = ("matched", "referred", "gap", "declined")


def open_one(
    session: Session,
    conversation_id: int,
    *,
    reason: str,
    language: str,
    country: str | None,
    need: dict[str, Any],
    urgent: bool = False,
) -> Ticket:
    """Open a ticket, or add to the conversation's open one: a person has one at a time."""
    ticket = of_conversation(session, conversation_id)
    if ticket is None:
        ticket = Ticket(
            conversation_id=conversation_id, reason=reason, language=language, country=country, need=need, urgent=urgent
        )
        session.add(ticket)
    else:
        # Nothing that was written down before is lost, and urgency only grows.
        before = [*ticket.need.get("before", []), _without_history(ticket.need)]
        sent = {"sent": ticket.need["sent"]} if "sent" in ticket.need else {}
        ticket.need, ticket.wordless = {**need, **sent, "before": before[-MOST_BEFORE:]}, False
        ticket.reason = reason if urgent or not ticket.urgent else ticket.reason
        ticket.urgent = ticket.urgent or urgent
        ticket.country = country or ticket.country
    session.flush()
    return ticket


def add_media(session: Session, conversation_id: int, kinds: Sequence[str]) -> None:
    """Write down on the open ticket, if there is one, what the person sent that we do not fetch."""
    ticket = of_conversation(session, conversation_id) if kinds else None
    if ticket is not None:
        sent = [*ticket.need.get("sent", []), *kinds]
        ticket.need = {**ticket.need, "sent": sent[-MOST_BEFORE:]}


def reopen(session: Session, ticket: Ticket) -> bool:
    """Open a closed ticket again, for the officer who had it; false if its person has another open one."""
    if ticket.state != "closed" or ticket.conversation_id is None:
        return False
    if of_conversation(session, ticket.conversation_id) is not None:
        return False
    ticket.state, ticket.step, ticket.outcome, ticket.closed_at = "open", "clarifying", None, None
    ticket.reopened += 1
    ticket.heard_at, ticket.handed_back_at, ticket.snoozed_until, ticket.move_at = now(), None, None, now()
    return True


def heard(session: Session, conversation_id: int) -> None:
    """The person has written: their open ticket shows it, and waits no longer for a later day."""
    session.execute(
        update(Ticket)
        .where(Ticket.conversation_id == conversation_id, Ticket.state == "open")
        .values(heard_at=now(), snoozed_until=None, changed_at=now())
    )


def speak(session: Session, conversation_id: int, language: str) -> None:
    """From now on the person is written to in this language, about what is still open too."""
    theirs = (Ticket.conversation_id == conversation_id, Ticket.state == "open")
    session.execute(update(Ticket).where(*theirs).values(language=language))


def present(session: Session, conversation_id: int, since: datetime) -> tuple[list[Ticket], int | None]:
    """A conversation's open tickets; if there is none, the number of the one that was closed last, after `since`."""
    found = session.scalars(_present(), {"talk": conversation_id, "since": since}).all()
    still_open = [ticket for ticket in found if ticket.state == "open"]
    return still_open, found[-1].id if found and not still_open else None


@cache
def _present() -> Select[Ticket]:
    """The statement, built once: building it takes longer than running it."""
    lately = or_(Ticket.state == "open", Ticket.closed_at > bindparam("since", type_=Moment))
    return select(Ticket).where(Ticket.conversation_id == bindparam("talk"), lately).order_by(Ticket.closed_at)


def _without_history(need: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in need.items() if key != "before"}


def of_conversation(session: Session, conversation_id: int) -> Ticket | None:
    """The open ticket of a conversation."""
    return session.scalars(
        select(Ticket)
        .where(Ticket.conversation_id == conversation_id, Ticket.state == "open")
        .with_for_update()  # an officer may be closing it at this moment
    ).first()


def listed(session: Session, *, closed: bool = False) -> list[Ticket]:
    """Open (or closed) tickets: the urgent first, then the oldest."""
    query = select(Ticket).where(Ticket.state == ("closed" if closed else "open"))
    return list(session.scalars(query.order_by(Ticket.urgent.desc(), Ticket.id)))


def count_open(session: Session) -> int:
    """How many tickets are open."""
    return session.scalar(select(func.count()).select_from(Ticket).where(Ticket.state == "open")) or 0


def count_open_from(session: Session, origin: str) -> int:
    """How many tickets of people who first wrote from one network are open. `origin`: see `Contact.origin`."""
    query = select(func.count()).select_from(Ticket).join(Conversation, Conversation.id == Ticket.conversation_id)
    query = query.join(Contact, Contact.id == Conversation.contact_id)
    return session.scalar(query.where(Contact.origin == origin, Ticket.state == "open")) or 0


def close(session: Session, ticket_id: int, outcome: str) -> bool:
    """Close a ticket; false if it was not open."""
    statement = update(Ticket).where(Ticket.id == ticket_id, Ticket.state == "open")
    values = {"state": "closed", "step": "closed", "closed_at": now(), "outcome": outcome, "changed_at": now()}
    return bool(session.execute(statement.values(values).returning(Ticket.id)).first())


def note(session: Session, actor: str, action: str, subject: str) -> None:
    """Write a privileged action into the audit log."""
    session.add(Audit(actor=actor, action=action, subject=subject))
