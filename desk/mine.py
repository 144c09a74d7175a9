"""An officer's own chats, ready to be shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from bot.delivery import MARGIN
from bot.replies import Replies
from channels.text import shorten
from desk.needs import Countdown, closing, need_line, promise, span
from desk.parts import Parts
from locales import translations
from store import queue
from store.desk_tables import Officer
from store.queue import Said, Waiting
from store.tables import now

LAST = 90
"""Characters of the last line in the list."""


@dataclass(frozen=True, slots=True)
class ChatRow:
    """An open chat of an officer as it is shown."""

    number: int
    need: str
    code: str
    language: str
    country: str
    unread: int
    """Messages of the person that the officer has not seen."""
    last: str
    last_at: datetime | None
    last_ago: str
    window: Countdown | None
    """Until when the channel takes free text; none if it always does."""
    promise: Countdown | None
    snoozed_until: datetime | None
    snoozed: str
    """Until when, in words; empty if it is not snoozed."""
    urgent: bool
    trusted: bool
    handed_back: bool
    """The person went back to the assistant."""
    due: datetime = field(repr=False)


def my_chats(session: Session, parts: Parts, officer_id: int) -> list[ChatRow]:
    """An officer's open chats: the snoozed last, else those with something unread first, then by what is due."""
    officer, moment = session.get_one(Officer, officer_id), now()
    held = queue.held_by(session, officer_id)
    unread = queue.unread(session, officer_id)
    ids = [each.ticket.conversation_id for each in held if each.ticket.conversation_id]
    said = queue.last_said(session, ids) if ids else {}
    rows = [
        _chat(parts, each, unread.get(each.ticket.id, 0), said.get(each.ticket.conversation_id or 0), officer, moment)
        for each in held
    ]
    return sorted(rows, key=lambda row: (bool(row.snoozed), not row.unread, not row.urgent, row.due, row.number))


def _chat(parts: Parts, each: Waiting, unread: int, said: Said | None, officer: Officer, moment: datetime) -> ChatRow:
    ticket, code = each.ticket, officer.language
    replies = Replies(code)
    window = _window(parts, each)
    due = [at for at in (window, ticket.promised_at) if at and at > moment - timedelta(days=1)]
    asleep = ticket.snoozed_until is not None and ticket.snoozed_until > moment and not unread
    return ChatRow(
        number=ticket.id,
        need=need_line(ticket, code),
        code=ticket.language,
        language=replies.tongue(ticket.language),
        country=replies.country(ticket.country) if ticket.country else "",
        unread=unread,
        last=_last(said, code),
        last_at=said.at if said else None,
        last_ago=span(moment - said.at, code) if said else "",
        window=closing(window, moment, code) if window else None,
        promise=promise(ticket.promised_at, moment, code) if ticket.promised_at else None,
        snoozed_until=ticket.snoozed_until if asleep else None,
        snoozed=span(ticket.snoozed_until - moment, code) if asleep and ticket.snoozed_until else "",
        urgent=ticket.urgent,
        trusted=each.trusted,
        handed_back=ticket.handed_back_at is not None,
        due=min(due, default=queue.waiting_since(ticket) + timedelta(days=365)),
    )


def _window(parts: Parts, each: Waiting) -> datetime | None:
    """When the channel stops taking free text for the person; none if it never does."""
    channel = parts.channels.get(each.channel or "")
    if channel is None or channel.window is None or each.seen_at is None:
        return None
    return each.seen_at + channel.window - MARGIN


def _last(said: Said | None, code: str) -> str:
    """The last line, with who said it where it was not the person."""
    if said is None:
        return ""
    _ = translations(code).gettext
    kinds = {
        "image": _("sent an image"),
        "audio": _("sent a voice message"),
        "video": _("sent a video"),
        "file": _("sent a file"),
        "location": _("sent a location"),
    }
    text = shorten(" ".join(said.text.split()) or kinds.get(said.kind, _("sent something")), LAST)
    by = {"officer": _("Officer"), "assistant": _("Assistant")}.get(said.author)
    return f"{by}: {text}" if by else text
