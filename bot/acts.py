"""What a person decided or asked about their request: checked, and written into the transaction of the turn."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from bot import confirming, routing
from bot.offer_replies import OfferReplies
from bot.outcome import Act, Manners
from bot.replies import Replies
from channels.contract import Outgoing
from store import tickets
from store.desk_tables import Referral
from store.tables import Ticket, now

RESULTS = frozenset({"enrolled", "finished", "using", "no"})
CANCELLED = "cancelled"
"""How a request ended that its person took back."""
_LONGEST_NUMBER = 9
"""Digits; buttons can be forged, and columns do not hold more."""


def apply(session: Session, conversation_id: int, act: Act) -> None:
    """Do what `act` says, if it is about something of this conversation; else nothing."""
    if act.name == "return":
        if ticket := tickets.of_conversation(session, conversation_id):
            ticket.handed_back_at = now()
        return
    number, *answer = act.value.split(".")
    if not number.isdecimal() or len(number) > _LONGEST_NUMBER:
        return
    if act.name == "consent":
        return _consent(session, conversation_id, int(number), answer)
    if act.name == "still":
        return confirming.answered(session, conversation_id, int(number), answer)
    ticket = session.get(Ticket, int(number), with_for_update=True)
    if ticket is None or ticket.conversation_id != conversation_id:
        return
    if act.name == "reopen":
        if tickets.reopen(session, ticket):
            routing.reopened(session, ticket, now())
    elif act.name == "rate" and answer in (["0"], ["1"]):
        ticket.rating = int(answer[0])
    elif act.name == "news" and answer in (["yes"], ["no"]):
        ticket.wants_news = answer == ["yes"]
    elif act.name == "result" and len(answer) == 2 and answer[0] in {"30", "90"} and answer[1] in RESULTS:
        ticket.results = {**ticket.results, answer[0]: answer[1]}
    elif act.name == "cancel" and answer == ["yes"]:
        _cancel(session, ticket)


def told_of(session: Session, conversation_id: int, act: Act, manners: Manners, language: str) -> Outgoing | None:
    """What a person is told after an act that only the database can answer."""
    if act.name == "still":
        return _told_of_offer(session, conversation_id, act, manners.join, OfferReplies(language))
    return _told_when(session, conversation_id, manners, language) if act.name == "waiting" else None


def _told_of_offer(session: Session, conversation_id: int, act: Act, form: str, replies: OfferReplies) -> Outgoing:
    """After what they said of what they offer. `form`: where things are offered, and changed by a link."""
    number, answer, *token = act.value.split(".")
    if len(number) > _LONGEST_NUMBER or confirming.offered_by(session, conversation_id, int(number)) is None:
        return replies.button_gone()
    return replies.offer_change(f"{form}/{token[0]}") if token else replies.still_said(answer)


def _told_when(session: Session, conversation_id: int, manners: Manners, language: str) -> Outgoing | None:
    """When somebody answers their request.

    Nothing while they talk with an officer who owes them no answer: the officer will say it.
    """
    ticket, replies, moment = tickets.of_conversation(session, conversation_id), Replies(language), now()
    if ticket is None:
        return replies.no_request()
    held = ticket.officer_id is not None and ticket.handed_back_at is None
    if held and ticket.promised_at is None:
        return None
    broken = ticket.promised_at is not None and ticket.promised_at <= moment
    expected = routing.route(session, ticket, moment, language)
    if expected is None and broken:
        expected = replies.moved_on(another=False)
    if held:
        return Outgoing(expected) if expected else None
    return Outgoing(replies.handed_over(ticket.id, manners.operator, manners.hours, expected))


def _cancel(session: Session, ticket: Ticket) -> None:
    """Close a request that its person takes back; nothing of it is passed on any more."""
    if tickets.close(session, ticket.id, CANCELLED):
        waits = (Referral.ticket_id == ticket.id, Referral.state.in_(("consent", "queued")))
        session.execute(update(Referral).where(*waits).values(state="refused"))


def _consent(session: Session, conversation_id: int, number: int, answer: list[str]) -> None:
    referral = session.get(Referral, number, with_for_update=True)
    ticket = session.get(Ticket, referral.ticket_id) if referral else None
    if referral is None or ticket is None or ticket.conversation_id != conversation_id or referral.state != "consent":
        return
    referral.state, referral.due_at = ("queued" if answer == ["yes"] else "refused"), now()
    ticket.changed_at = now()
