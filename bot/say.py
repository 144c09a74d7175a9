"""Puts what is said to a person into the outbox, in pieces that their channel takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from channels.contract import Outgoing
from channels.text import split
from store import contacts, outbox
from store.tables import Conversation

Limits = Mapping[str, int]
"""The longest text of each channel, in UTF-16 units."""

_NO_LIMIT = 1_000_000


def say(
    session: Session,
    limits: Limits,
    conversation_id: int,
    language: str,
    message: Outgoing,
    *,
    turn_id: int | None = None,
    ticket_id: int | None = None,
    author: str = "assistant",
) -> None:
    """Queue a message to the person of a conversation, in the transaction of whatever caused it."""
    limit = limits.get(contacts.of_conversation(session, conversation_id).channel)
    put(session, limit, conversation_id, language, message, turn_id=turn_id, ticket_id=ticket_id, author=author)


def put(
    session: Session,
    limit: int | None,
    conversation_id: int,
    language: str,
    message: Outgoing,
    *,
    turn_id: int | None = None,
    ticket_id: int | None = None,
    author: str = "assistant",
    locked: bool = False,
) -> None:
    """The same where the limit is known. A long message is parted; the buttons follow the end.

    Each part is a delivery of its own, so that a fault between two of them repeats neither. `locked`: the transaction
    has changed the conversation's row already.
    """
    *parts, last = split(message.text, limit or _NO_LIMIT)
    buttons = [(button.title, button.payload) for button in message.buttons]
    for text, below in [*((part, []) for part in parts), (last, buttons)]:
        of: dict[str, Any] = {"turn_id": turn_id, "ticket_id": ticket_id}
        outbox.queue(session, conversation_id, language, text, below, **of, author=author, locked=locked)


def offer(session: Session, conversation_id: int, message: Outgoing) -> None:
    """Let a person type the words of a message's buttons, which not every channel can show."""
    talk = session.get_one(Conversation, conversation_id, with_for_update=True)
    talk.context = {**talk.context, "offered": [[button.title, button.payload] for button in message.buttons]}
