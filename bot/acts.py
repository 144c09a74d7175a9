"""What a person decided about their request by a button: checked, and written into the transaction of the turn."""

from __future__ import annotations

from sqlalchemy.orm import Session

from bot import routing
from bot.outcome import Act
from store import tickets
from store.desk_tables import Referral
from store.tables import Ticket, now

RESULTS = frozenset({"enrolled", "finished", "using", "no"})


def apply(session: Session, conversation_id: int, act: Act) -> None:
    """Do what `act` says, if it is about a request of this conversation; else nothing."""
    if act.name == "return":
        if ticket := tickets.of_conversation(session, conversation_id):
            ticket.handed_back_at = now()
        return
    number, *answer = act.value.split(".")
    if not number.isdecimal() or len(number) > 9:
        return
    if act.name == "consent":
        return _consent(session, conversation_id, int(number), answer)
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


def _consent(session: Session, conversation_id: int, number: int, answer: list[str]) -> None:
    referral = session.get(Referral, number, with_for_update=True)
    ticket = session.get(Ticket, referral.ticket_id) if referral else None
    if referral is None or ticket is None or ticket.conversation_id != conversation_id or referral.state != "consent":
        return
    referral.state, referral.due_at = ("queued" if answer == ["yes"] else "refused"), now()
    ticket.changed_at = now()
