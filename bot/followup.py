"""Asks those who agreed to it what came of their request, once after a month and once after three."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from bot.replies import Replies
from bot.say import Limits, offer, say
from retrieval.concepts import concepts
from store import contacts, routing
from store.tables import Ticket

DAYS = (90, 30)
"""After how many days people are asked; who was not reached for so long is asked the later question only."""
AT_A_TIME = 100


def ask_due(session: Session, moment: datetime, limits: Limits | None = None) -> int:
    """Ask whose time has come; gives how many were asked. For a writing transaction.

    Nobody is asked who has stopped, or who has an open request: an officer may have the talk.
    """
    count = 0
    for days in DAYS:
        for ticket in routing.to_ask(session, days, moment - timedelta(days=days), AT_A_TIME):
            count += _ask(session, ticket, days, limits or {})
    return count


def _ask(session: Session, ticket: Ticket, days: int, limits: Limits) -> bool:
    conversation = ticket.conversation_id
    if conversation is None or not routing.free(session, conversation):
        return False
    ticket.asked_days = days
    # They are written to in the language that they use now.
    language = contacts.of_conversation(session, conversation).language or ticket.language
    replies = Replies(language)
    about = next(iter(ticket.need.get("question", {}).get("topics", {})), None)
    phrase = replies.concept(concepts()[about].gloss) if about in concepts() else None
    question = replies.what_came(ticket.id, days, phrase)
    say(session, limits, conversation, language, question, ticket_id=ticket.id)
    offer(session, conversation, question)
    return True
