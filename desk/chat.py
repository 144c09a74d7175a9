"""The page of one chat: transcript, need, notes, catalogue, and the box in which an officer answers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Path, Request, Response
from fastapi.responses import PlainTextResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from bot.escalation import NoTicket, Taken
from channels.text import LONGEST_INBOUND
from desk.access import Access, Visit, page, proven
from desk.chat_acts import Act, Acts, Done
from desk.chat_search import hits, wanted
from desk.chat_view import context
from desk.chat_words import Words
from desk.drafting import draft
from desk.parts import Parts
from desk.queue import my_chats
from retrieval.engine import Unavailable
from store import chat, tickets
from store.tables import Ticket, now
from store.vault import WrongKey

VIEW_EVERY = timedelta(minutes=10)
"""A chat that stays open is one view of it for so long."""
MOST_VIEWS = 10_000
HIDDEN = "x-hidden"
"""Header by which a page says that nobody sees it: what it loads is not read."""
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]


class Views:
    """Which officer has been noted to look at which ticket, and when: so that the audit log is not flooded."""

    def __init__(self) -> None:
        self._noted: dict[tuple[int, int], datetime] = {}

    def due(self, officer_id: int, number: int, moment: datetime) -> bool:
        """Whether a look is to be noted."""
        return self._noted.get((officer_id, number), moment - VIEW_EVERY) <= moment - VIEW_EVERY

    def noted(self, officer_id: int, number: int, moment: datetime) -> None:
        """It has been noted."""
        if len(self._noted) >= MOST_VIEWS:
            self._noted.clear()
        self._noted[officer_id, number] = moment


class Room:
    """What the routes do, in threads."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._views = Views()

    def show(self, visit: Visit, number: int, name: str, *, read: bool = True, **more: Any) -> Response:
        """The page or a part of it. It is noted who looks, and up to where they have read."""
        before, unread = self._look(visit, number, read=read)
        with self._parts.database.read() as session:
            values = context(session, self._parts, visit, _existing(session.get(Ticket, number)), before)
            chats = my_chats(session, self._parts, visit.officer.id) if name == "chat.html" else []
        answer = page(self._parts, visit, name, **values, chats=chats, current=number, **more)
        if unread and name != "chat.html":
            answer.headers["HX-Trigger"] = "mine"  # the list beside it counts what is unread
        return answer

    def _look(self, visit: Visit, number: int, *, read: bool) -> tuple[int, bool]:
        moment, officer = now(), visit.officer
        due = self._views.due(officer.id, number, moment)
        with self._parts.database.write() as session:
            ticket = _existing(session.get(Ticket, number))
            if due:
                tickets.note(session, officer.login, "ticket.view", str(number))
            seen = chat.look(session, ticket, officer.id, read=read)
        if due:
            self._views.noted(officer.id, number, moment)
        return seen

    def others(self, visit: Visit, number: int) -> Response:
        """Who else is here."""
        with self._parts.database.read() as session:
            found = chat.others(session, number, visit.officer.id, now())
        return page(self._parts, visit, "chat_parts.html", only="presence", others=found)

    def search(self, visit: Visit, number: int, text: str) -> Response:
        """What the catalogue has."""
        with self._parts.database.read() as session:
            ticket = _existing(session.get(Ticket, number))
        words, failed = Words(visit.officer), False
        try:
            found = hits(self._parts.engine(), wanted(ticket, text), visit.language.code, words)
        except Unavailable:
            found, failed = [], True
        mine = ticket.state == "open" and ticket.officer_id == visit.officer.id
        return page(self._parts, visit, "search.html", ticket=ticket, hits=found, failed=failed, mine=mine)

    def drafted(self, visit: Visit, number: int, ids: list[str]) -> Response:
        """A draft as plain text."""
        with self._parts.database.read() as session:
            ticket = _existing(session.get(Ticket, number))
        engine = self._parts.engine()
        records = [record for key in ids[:5] if engine and (record := engine.record(key))]
        return PlainTextResponse(draft(ticket, visit.officer.name, records))

    def keep(self, visit: Visit, number: int, text: str) -> Response:
        """Keep a draft; only of who has the chat."""
        with self._parts.database.write() as session:
            ticket = _existing(session.get(Ticket, number))
            if ticket.officer_id != visit.officer.id or ticket.state != "open":  # else it comes back after an erasure
                raise HTTPException(409)
            chat.keep_draft(session, number, visit.officer.id, text[:LONGEST_INBOUND])
        return Response(status_code=204)

    def address(self, visit: Visit, number: int) -> Response:
        """The person's address, once, to who has the chat or leads; it is noted."""
        with self._parts.database.write() as session:
            ticket = _existing(session.get(Ticket, number))
            contact = chat.person(session, ticket)
            if ticket.officer_id != visit.officer.id and not visit.may("lead"):
                raise HTTPException(403)
            if contact is None:
                raise HTTPException(404)
            tickets.note(session, visit.officer.login, "ticket.address", str(number))
        try:
            address = self._parts.vault.open(contact.address_sealed)
        except WrongKey:
            address = "…"
        return page(self._parts, visit, "chat_parts.html", only="address", address=address)

    def act(self, act: Act, done: Done) -> None:
        """Do it; what hinders it is told in the officer's words."""
        _ = done.say
        try:
            act(done)
        except NoTicket:
            raise HTTPException(404, _("This request is closed, or its person is gone.")) from None
        except Taken as taken:
            nobody = _("Nobody has this request: take it first.")
            told = _("{name} has this request.").format(name=taken.by) if taken.by else nobody
            raise HTTPException(409, told) from None
        except ValueError as error:
            raise HTTPException(422, str(error)) from None


def routes(parts: Parts, access: Access) -> APIRouter:
    """`/desk/chats/{number}` and what belongs to it."""
    router, room = APIRouter(), Room(parts)
    _add_views(router, room, access)
    acts = Acts(parts)
    for name, act, part in (
        ("reply", acts.reply, "reply"),
        ("share", acts.share, "side"),
        ("note", acts.note, "side"),
        ("need", acts.need, "side"),
        ("step", acts.step, "side"),
        ("snooze", acts.snooze, "side"),
        ("trust", acts.trust, "side"),
        ("close", acts.close, ""),
        ("release", acts.release, ""),
        ("transfer", acts.transfer, ""),
    ):
        router.add_api_route(f"/chats/{{number}}/{name}", _doing(room, access, act, part), methods=["POST"])
    _add_drafts(router, room, access)
    return router


def _add_views(router: APIRouter, room: Room, access: Access) -> None:
    @router.get("/chats/{number}")
    def show(number: Number, visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        return room.show(visit, number, "chat.html")

    @router.get("/chats/{number}/live")
    def live(request: Request, number: Number, visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        return room.show(visit, number, "transcript.html", read=HIDDEN not in request.headers, live=True)

    @router.get("/chats/{number}/presence")
    def others(number: Number, visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        return room.others(visit, number)

    @router.get("/chats/{number}/search")
    def search(number: Number, q: str = "", visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        return room.search(visit, number, q.strip())

    @router.get("/chats/{number}/drafting")
    def drafted(request: Request, number: Number, visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        return room.drafted(visit, number, request.query_params.getlist("record"))


def _add_drafts(router: APIRouter, room: Room, access: Access) -> None:
    @router.post("/chats/{number}/draft")
    async def keep(request: Request, number: Number, visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        await proven(request, visit)
        done = Done(visit, number, await request.form())
        return await run_in_threadpool(room.keep, visit, number, done.word("text"))

    @router.post("/tickets/{number}/address")
    async def address(request: Request, number: Number, visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        await proven(request, visit)
        return await run_in_threadpool(room.address, visit, number)


def _doing(room: Room, access: Access, act: Act, part: str) -> Callable[..., object]:
    """The route of an act: it shows the `part` of the page that it changes; without one, it leaves the page."""

    async def do(request: Request, number: Number, visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        await proven(request, visit)
        await run_in_threadpool(room.act, act, Done(visit, number, await request.form()))
        there = f"/desk/chats/{number}" if part else "/desk/chats"
        if "hx-request" not in request.headers:
            return RedirectResponse(there, 303)
        if not part:
            return Response(headers={"HX-Redirect": there})
        answer = await run_in_threadpool(room.show, visit, number, "chat_parts.html", only=part)
        answer.headers["HX-Trigger"] = f"ticket:{number}, mine"
        return answer

    return do


def _existing(ticket: Ticket | None) -> Ticket:
    if ticket is None:
        raise HTTPException(404)
    return ticket
