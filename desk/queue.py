"""The queue, an officer's own chats, and taking a ticket."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, HTTPException, Path, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from bot.escalation import NoTicket, Taken
from bot.replies import Replies
from bot.say import say
from channels.contract import Outgoing
from channels.text import shorten
from desk.access import Access, Visit, page, proven
from desk.mine import ChatRow, my_chats
from desk.needs import Countdown, need_line, outside, promise, reason, span
from desk.parts import Parts
from locales import translations
from retrieval.concepts import concepts
from store import queue, tickets
from store.queue import LANES, Waiting
from store.tables import Conversation, Ticket, now

SHOWN = 100
"""Tickets on the page: who has more of them needs filters, or more officers."""
WORDS = 240
"""Characters of the person's own words in a row."""
MOST_CLOSED = 200
"""Tickets that are closed by one click at most."""
VIEW_EVERY = timedelta(minutes=10)
"""How often it is noted that an officer looks at a list: it is drawn anew all the time."""

__all__ = ["ChatRow", "my_chats", "routes"]

Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


@dataclass(frozen=True, slots=True)
class Filters:
    """Which tickets of the queue are shown; all of them where nothing is set."""

    lane: queue.Lane = "requests"
    language: str = ""
    country: str = ""
    topic: str = ""
    held: bool = False
    """Also those that an officer has."""

    @classmethod
    def of(cls, request: Request) -> Filters:
        """As the address says; what is no lane is the first."""
        asked = request.query_params
        lane = next((lane for lane in LANES if lane == asked.get("lane")), LANES[0])
        texts = {name: asked.get(name, "")[:60] for name in ("language", "country", "topic")}
        return cls(lane, held=asked.get("held") == "1", **texts)

    def query(self, **other: str) -> str:
        """The same as part of an address, with `other` values."""
        values = {"lane": self.lane, "language": self.language, "country": self.country, "topic": self.topic}
        values |= {"held": "1" if self.held else ""}
        return urlencode({name: value for name, value in {**values, **other}.items() if value})

    def admits(self, ticket: Ticket) -> bool:
        """Whether a ticket is shown, whatever its lane."""
        return (
            (not self.language or ticket.language == self.language)
            and (not self.country or ticket.country == self.country)
            and (not self.topic or self.topic in _topics(ticket))
        )


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A ticket of the queue as it is shown."""

    number: int
    need: str
    words: str
    code: str
    """Of the language."""
    language: str
    country: str
    reason: str
    since: datetime
    waits: str
    promise: Countdown | None
    urgent: bool
    trusted: bool
    with_lead: bool
    reopened: bool
    for_me: bool
    holder: str | None
    mine: bool
    looking: str


def _topics(ticket: Ticket) -> list[str]:
    topics = (ticket.need.get("question") or {}).get("topics") or ()
    return [str(topic) for topic in topics]


class Lists:
    """What the routes show, in threads."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._noted: dict[tuple[str, str], datetime] = {}

    def queue(self, visit: Visit, filters: Filters, name: str) -> HTMLResponse:
        """The queue, or its rows alone."""
        self._note(visit, "queue.view", filters.query())
        moment = now()
        with self._parts.database.read() as session:
            found = queue.waiting(session, held=filters.held, lead=visit.may("lead"))
            here = [each for each in found if queue.lane(each.ticket) == filters.lane]
            shown = [each for each in here if filters.admits(each.ticket)]
            looking = queue.looking(session, [each.ticket.id for each in shown[:SHOWN]], moment)
        rows = [_row(each, looking.get(each.ticket.id, []), visit, moment) for each in shown[:SHOWN]]
        counts = {lane: sum(queue.lane(each.ticket) == lane for each in found) for lane in LANES}
        return page(
            self._parts,
            visit,
            name,
            rows=rows,
            more=len(shown) - len(rows),
            counts=counts,
            filters=filters,
            choices=_choices(here, filters, visit.language.code),
        )

    def mine(self, visit: Visit, name: str, current: int | None = None) -> HTMLResponse:
        """The officer's chats, or their rows alone, beside the open chat `current`."""
        self._note(visit, "chats.view", "")
        with self._parts.database.read() as session:
            chats = my_chats(session, self._parts, visit.officer.id)
        return page(self._parts, visit, name, chats=chats, current=current)

    def unread(self, visit: Visit) -> PlainTextResponse:
        """How many of the officer's chats have something new; nothing for none."""
        with self._parts.database.read() as session:
            count = sum(number > 0 for number in queue.unread(session, visit.officer.id).values())
        return PlainTextResponse(str(count or ""))

    def _note(self, visit: Visit, action: str, subject: str) -> None:
        """Write down that somebody looks at a list of what people wrote."""
        key, moment = (visit.officer.login, f"{action} {subject}"), now()
        if self._noted.get(key, moment - VIEW_EVERY) > moment - VIEW_EVERY:
            return
        with self._parts.database.write() as session:
            tickets.note(session, visit.officer.login, action, subject[:120])
        self._noted = {other: at for other, at in self._noted.items() if at > moment - VIEW_EVERY} | {key: moment}

    def close_outside(self, visit: Visit, numbers: Iterable[int]) -> int:
        """Close what lies outside our field: each person is told in their language, each need stays a gap."""
        with self._parts.database.write() as session:
            closed = sum(self._close_one(session, visit, number) for number in sorted(set(numbers))[:MOST_CLOSED])
        self._parts.said.set()
        return closed

    def _close_one(self, session: Session, visit: Visit, number: int) -> bool:
        ticket = session.get(Ticket, number, with_for_update=True)
        if ticket is None or ticket.state != "open" or queue.lane(ticket) != "outside":
            return False
        if ticket.officer_id not in {None, visit.officer.id}:
            return False  # somebody talks with them
        tickets.close(session, number, "gap")
        tickets.note(session, visit.officer.login, "ticket.close", f"{number} gap")
        if ticket.conversation_id is not None:
            limits = {channel.name: channel.text_limit for channel in self._parts.channels.values()}
            told = Outgoing(outside(ticket.language))
            say(session, limits, ticket.conversation_id, ticket.language, told, ticket_id=number)
            session.get_one(Conversation, ticket.conversation_id).context = {}
        return True


def _row(each: Waiting, looking: list[str], visit: Visit, moment: datetime) -> QueueRow:
    ticket, code = each.ticket, visit.language.code
    replies, since = Replies(code), queue.waiting_since(each.ticket)
    return QueueRow(
        number=ticket.id,
        need=need_line(ticket, code),
        words=shorten(str(ticket.need.get("words") or ""), WORDS),
        code=ticket.language,
        language=replies.tongue(ticket.language),
        country=replies.country(ticket.country) if ticket.country else "",
        reason=reason(ticket, code),
        since=since,
        waits=span(moment - since, code),
        promise=promise(ticket.promised_at, moment, code) if ticket.promised_at else None,
        urgent=ticket.urgent,
        trusted=each.trusted,
        with_lead=ticket.with_lead,
        reopened=ticket.reopened > 0,
        for_me=ticket.offered_to == visit.officer.id and ticket.officer_id is None,
        holder=each.holder,
        mine=ticket.officer_id == visit.officer.id,
        looking=translations(code).gettext(", ").join(name for name in looking if name != visit.officer.name),
    )


def _choices(found: list[Waiting], filters: Filters, code: str) -> dict[str, list[tuple[str, str]]]:
    """What can be chosen in the filters: what waits, and what is chosen now; by name."""
    replies, held = Replies(code), [each.ticket for each in found]

    def named(ids: Iterable[str | None], chosen: str, name: Callable[[str], str]) -> list[tuple[str, str]]:
        return sorted(((each, name(each)) for each in {*ids, chosen} if each), key=lambda pair: pair[1].casefold())

    def topic(key: str) -> str:
        return replies.concept(concepts()[key].gloss) if key in concepts() else key

    return {
        "languages": named((ticket.language for ticket in held), filters.language, replies.tongue),
        "countries": named((ticket.country for ticket in held), filters.country, replies.country),
        "topics": named((each for ticket in held for each in _topics(ticket)), filters.topic, topic),
    }


def routes(parts: Parts, access: Access) -> APIRouter:
    """The queue and the officer's chats."""
    router = APIRouter()
    lists = Lists(parts)

    @router.get("/")
    @router.get("/queue")
    def shown(request: Request, visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        return lists.queue(visit, Filters.of(request), "queue.html")

    @router.get("/queue/rows")
    def rows(request: Request, visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        return lists.queue(visit, Filters.of(request), "queue_rows.html")

    @router.get("/chats")
    def mine(visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        return lists.mine(visit, "mine.html")

    @router.get("/chats/rows")
    def my_rows(current: int | None = None, visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        return lists.mine(visit, "mine_rows.html", current)

    @router.get("/unread")
    def unread(visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        return lists.unread(visit)

    _add_acts(router, parts, lists, access)
    return router


def _add_acts(router: APIRouter, parts: Parts, lists: Lists, access: Access) -> None:
    @router.post("/tickets/{number}/claim")
    async def claim(request: Request, number: Number, visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        await proven(request, visit)
        _ = translations(visit.language.code).gettext
        try:
            await run_in_threadpool(parts.escalation.claim, number, visit.officer)
        except Taken as taken:
            words = _("{name} has request {number} already.").format(name=taken.by, number=number)
            raise HTTPException(409, words) from None
        except NoTicket:
            raise HTTPException(409, _("This request is closed already.")) from None
        return _onward(request, f"/desk/chats/{number}")

    @router.post("/queue/close")
    async def close(request: Request, visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        await proven(request, visit)
        chosen = [str(each) for each in (await request.form()).getlist("ticket")]
        numbers = [int(each) for each in chosen if each.isascii() and each.isdigit() and len(each) < 10]
        await run_in_threadpool(lists.close_outside, visit, numbers)
        return _onward(request, "/desk/queue?lane=outside")


def _onward(request: Request, path: str) -> Response:
    if "hx-request" in request.headers:
        return Response(status_code=204, headers={"HX-Redirect": path})
    return RedirectResponse(path, 303)
