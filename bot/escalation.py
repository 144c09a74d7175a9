"""What officers do with tickets. The command line uses it now, the desk will."""

from __future__ import annotations

from bot.replies import Replies
from bot.say import Limits, say
from bot.signals import Signal
from channels.contract import Outgoing
from channels.text import clean
from store import tickets
from store.database import Database
from store.tables import Ticket


class NoTicket(Exception):
    """There is no open ticket with that number, or its person is gone."""


class Escalation:
    """Replies to tickets and closes them; everything is written into the audit log."""

    def __init__(self, database: Database, said: Signal, limits: Limits | None = None) -> None:
        """`limits`: the channels' longest texts."""
        self._limits = limits or {}
        self._database = database
        self._said = said

    def reply(self, number: int, text: str, actor: str) -> None:
        """Put an officer's answer on its way to the person. Raises `NoTicket`, and `ValueError` if it is empty."""
        text = clean(text)
        if not text:
            raise ValueError("the answer is empty")
        with self._database.write() as session:
            ticket = session.get(Ticket, number, with_for_update=True)
            if ticket is None or ticket.state != "open" or ticket.conversation_id is None:
                raise NoTicket(number)
            conversation, message = ticket.conversation_id, Outgoing(text)
            say(session, self._limits, conversation, ticket.language, message, ticket_id=number, author="officer")
            tickets.note(session, actor, "ticket.reply", str(number))
        self._said.set()

    def close(self, number: int, outcome: str, actor: str) -> None:
        """Close a ticket with one of `store.tickets.OUTCOMES` and tell the person. Raises `NoTicket`, `ValueError`."""
        if outcome not in tickets.OUTCOMES:
            raise ValueError(f"the outcome is one of {', '.join(tickets.OUTCOMES)}")
        with self._database.write() as session:
            ticket = session.get(Ticket, number, with_for_update=True)
            if ticket is None or not tickets.close(session, number, outcome):
                raise NoTicket(number)
            if ticket.conversation_id is not None:
                message = Replies(ticket.language).closed(number)
                say(session, self._limits, ticket.conversation_id, ticket.language, message, ticket_id=number)
            tickets.note(session, actor, "ticket.close", f"{number} {outcome}")
        self._said.set()
