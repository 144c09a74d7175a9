"""Needs and gaps: what people asked for in vain, as charts, tables and files; and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, TypeVar

from fastapi import APIRouter, Depends, Form, HTTPException, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from desk import calls, filling
from desk.access import Access, Visit, page, proven
from desk.csv import Value, download
from desk.named import Names
from desk.parts import Parts
from desk.queue import Number
from locales import translations
from store import catalogue, demand, tickets
from store.demand import Filters, Tally, Wish
from store.desk_tables import Gap, Officer
from store.tables import now

TOPICS_SHOWN, COUNTRIES_SHOWN = 12, 8
"""Rows and columns of the charts and of the table of topics by country."""
DAYS = (30, 90, 365, 0)
"""Spans that can be chosen; 0 is all."""
DIMENSIONS = ("country", "language", "topic", "audience", "need")

COLUMNS = (
    ("Month", "#date+month"),
    ("Topic", "#sector+code"),
    ("Topic name", "#sector+name"),
    ("Country", "#country+code"),
    ("Country name", "#country+name"),
    ("Language", "#meta+language"),
    ("Audience", "#population+type"),
    ("Need", "#need+type"),
    ("People without an answer", "#indicator+num+unmet"),
    ("People answered by a person", "#indicator+num+met"),
)
PUBLIC_COLUMNS = (
    ("Quarter", "#date+quarter"),
    ("Topic", "#sector+code"),
    ("Topic name", "#sector+name"),
    ("Country", "#country+code"),
    ("Country name", "#country+name"),
    ("People without an answer", "#indicator+num+unmet"),
)


@dataclass(frozen=True, slots=True)
class Choice:
    """What is looked at, as the form and links of the page say it."""

    filters: Filters
    days: int

    @property
    def unit(self) -> str:
        """The width of a bar over time."""
        return "week" if 0 < self.days <= 90 else "month"

    def query(self, **other: str) -> str:
        """The choice as the query of an address, some of it changed."""
        from urllib.parse import urlencode

        kept = {name: getattr(self.filters, name) for name in DIMENSIONS} | {"days": str(self.days)} | other
        return urlencode({name: value for name, value in kept.items() if value})


def choice(request: Request) -> Choice:
    """Read from the address; what cannot be is left out."""
    asked = request.query_params
    days = next((days for days in DAYS if str(days) == asked.get("days")), 90)
    since = now() - timedelta(days=days) if days else None
    return Choice(Filters(since, **{name: asked.get(name, "")[:60] for name in DIMENSIONS}), days)


def routes(parts: Parts, access: Access) -> APIRouter:
    """The pages below `/gaps`."""
    router = APIRouter()
    _add_pages(router, parts, access)
    _add_files(router, parts, access)
    _add_acts(router, parts, access)
    return router


def _add_pages(router: APIRouter, parts: Parts, access: Access) -> None:
    @router.get("/gaps")
    def overview(request: Request, visit: Visit = Depends(access.officer)) -> HTMLResponse:  # noqa: B008
        chosen = choice(request)
        with parts.database.read() as session:
            found = demand.wishes(session, Filters(chosen.filters.since))
            gaps, filled = filling.gaps(session), filling.gaps(session, closed=True)
            people = filling.linked(session)
        wanted = [wish for wish in found if chosen.filters.match(wish)]
        names = Names(visit.language.code)
        shown: dict[str, Any] = {"names": names, "chosen": chosen, "gaps": gaps, "filled": filled, "people": people}
        return page(parts, visit, "gaps.html", **shown, **_seen(found, wanted, chosen, names))

    @router.get("/gaps/{number:int}")
    def gap(number: Number, request: Request, visit: Visit = Depends(access.officer)) -> HTMLResponse:  # noqa: B008
        with parts.database.write() as session:
            found = session.get(Gap, number)
            if found is None:
                raise HTTPException(404)
            tickets.note(session, visit.officer.login, "gap.view", str(number))
            shown = _gap(session, parts, visit, found)
        done = request.query_params
        told, barred = (int(n) if n.isdecimal() else 0 for n in (done.get("told", ""), done.get("barred", "")))
        return page(parts, visit, "gap.html", told=told, barred=barred, closed_now="told" in done, **shown)


def _gap(session: Session, parts: Parts, visit: Visit, gap: Gap) -> dict[str, Any]:
    """What the page of one gap shows: numbers, no words of people."""
    names = Names(visit.language.code)
    wishes = filling.behind(session, gap)
    people = sum(demand.unmet(wishes).values())
    record = filling.record_of(session, gap.record_id) if gap.record_id else None
    officer = session.get(Officer, gap.officer_id) if gap.officer_id else None
    return {
        "names": names,
        "gap": gap,
        "wishes": wishes,
        "count": len({wish.person for wish in wishes}),
        "colleagues": filling.colleagues(session),
        "officer": officer,
        "record": record,
        "records": []
        if gap.state == "closed"
        else [(r.id, r.body.get("name", r.id)) for r in catalogue.offered(session)],
        "draft": gap.call or calls.draft(gap, people, parts.settings.operator, visit.language.code),
        "lines": calls.lines(gap, visit.language.code),
    }


def _seen(found: Sequence[Wish], wanted: Sequence[Wish], chosen: Choice, names: Names) -> dict[str, Any]:
    """Everything that the overview counts."""
    unmet = demand.unmet(wanted, "topic")
    topics = _largest(demand.count(wanted, "topic"), TOPICS_SHOWN)
    countries = _largest(
        {key: tally for key, tally in demand.count(wanted, "country").items() if key[0]}, COUNTRIES_SHOWN
    )
    cells = demand.unmet(wanted, "topic", "country")
    return {
        "total": demand.count(wanted).get((), Tally()),
        "times": _times(wanted, chosen),
        "topics": topics,
        "countries": [key for key, _ in countries],
        "cells": cells,
        "most": max((n for (t, c), n in cells.items() if c and t), default=0),
        "topic_totals": {key: people for (key,), people in unmet.items()},
        "others": {name: _largest(demand.count(wanted, name), 20) for name in ("language", "audience", "need")},
        "options": {name: _options(found, name, getattr(chosen.filters, name), names) for name in DIMENSIONS},
        "days": DAYS,
    }


def _times(wanted: Sequence[Wish], chosen: Choice) -> list[tuple[str, Tally]]:
    """People in each week or month, also where there is nobody."""
    if not wanted:
        return []
    counted = demand.count(wanted, chosen.unit)
    first = chosen.filters.since.date() if chosen.filters.since else wanted[0].day
    return [(unit, counted.get((unit,), Tally())) for unit in demand.period(first, now().date(), chosen.unit)]


def _largest(counted: dict[tuple[str, ...], Tally], most: int) -> list[tuple[str, Tally]]:
    ranked = sorted(counted.items(), key=lambda entry: (-entry[1].unmet, -entry[1].met, entry[0]))
    return [(key[0], tally) for key, tally in ranked[:most]]


def _options(found: Sequence[Wish], name: str, chosen: str, names: Names) -> list[tuple[str, str]]:
    """What a filter offers: all that was asked for, and what is chosen."""
    values = {value for wish in found for value in wish.values(name) if value} | ({chosen} if chosen else set())
    return sorted(((value, names.of(name, value)) for value in values), key=lambda option: option[1].casefold())


def _add_files(router: APIRouter, parts: Parts, access: Access) -> None:
    @router.get("/gaps.csv")
    def inside(request: Request, visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        with parts.database.write() as session:
            wanted = demand.wishes(session, choice(request).filters)
            tickets.note(session, visit.officer.login, "gaps.export", "inside")
        return download("needs.csv", COLUMNS, rows(wanted))

    @router.get("/gaps/public.csv")
    def outside(visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        with parts.database.write() as session:
            wanted = demand.wishes(session)
            tickets.note(session, visit.officer.login, "gaps.export", "public")
        return download("needs-public.csv", PUBLIC_COLUMNS, public_rows(wanted, now().date()))


def rows(wanted: Sequence[Wish]) -> Iterator[list[Value]]:
    """Every cell, for the desk only."""
    names = Names("en")
    counted = demand.count(wanted, "month", "topic", "country", "language", "audience", "need")
    for (month, topic, country, language, audience, need), tally in counted.items():
        place = names.country(country) if country else ""
        yield [month, topic, names.topic(topic), country, place, language, audience, need, tally.unmet, tally.met]


def public_rows(wanted: Sequence[Wish], today: date) -> Iterator[list[Value]]:
    """What may leave the desk: always the same shape, and only quarters that are over.

    Two files that differ by a filter or by a day could be subtracted from each other, and cells under five come out.
    """
    names = Names("en")
    quarters: dict[str, list[Wish]] = {}
    for wish in wanted:
        quarters.setdefault(demand.quarter(wish.day), []).append(wish)
    for quarter in sorted(set(quarters) - {demand.quarter(today)}):
        shown = demand.public(demand.table(quarters[quarter], "topic", "country"))
        for (topic, country), people in sorted(shown.items()):
            what = "all topics" if topic == demand.ALL else names.topic(topic)
            place = "all countries" if country == demand.ALL else names.country(country)
            yield [quarter, topic, what, country, place, people]


_Done = TypeVar("_Done")


def _add_acts(router: APIRouter, parts: Parts, access: Access) -> None:
    limits = {name: channel.text_limit for name, channel in parts.channels.items()}

    async def act(request: Request, visit: Visit, do: Callable[[Session], _Done]) -> _Done:
        """Do it in one transaction, if the request is from our own page."""
        await proven(request, visit)
        _ = translations(visit.language.code).gettext
        try:
            done = await run_in_threadpool(_written, parts, do)
        except filling.NoGap:
            raise HTTPException(409, _("This gap is filled already, or was never there.")) from None
        except ValueError:
            raise HTTPException(422, _("This could not be done: something chosen is not there (any more).")) from None
        parts.said.set()
        return done

    @router.post("/gaps")
    async def make(request: Request, visit: Visit = Depends(access.officer)) -> Response:  # noqa: B008
        form = {name: str(value) for name, value in (await request.form()).items()}
        number = form.get("ticket", "")

        def made(session: Session) -> int:
            if number:
                return filling.from_ticket(session, visit.officer, _number(number)).id
            return filling.from_cell(session, visit.officer, form).id

        return _to(await act(request, visit, made))

    @router.post("/gaps/{number:int}/assign")
    async def assign(
        number: Number,
        request: Request,
        officer: str = Form(""),
        visit: Visit = Depends(access.officer),  # noqa: B008
    ) -> Response:
        to = _number(officer) if officer else None
        await act(request, visit, lambda session: filling.assign(session, visit.officer, number, to))
        return _to(number)

    @router.post("/gaps/{number:int}/call")
    async def call(
        number: Number,
        request: Request,
        text: str = Form(""),
        visit: Visit = Depends(access.officer),  # noqa: B008
    ) -> Response:
        await act(request, visit, lambda session: filling.call(session, visit.officer, number, text))
        return _to(number)

    @router.post("/gaps/{number:int}/close")
    async def close(
        number: Number,
        request: Request,
        record: str = Form(""),
        visit: Visit = Depends(access.officer),  # noqa: B008
    ) -> Response:
        def closed(session: Session) -> filling.Told:
            found = filling.record_of(session, record.strip())
            if found is None:
                raise ValueError("there is no such record")
            return filling.close(session, limits, visit.officer, number, found)

        told = await act(request, visit, closed)
        return _to(number, f"?told={told.told}&barred={told.could_not_join}")


def _written(parts: Parts, do: Callable[[Session], _Done]) -> _Done:
    with parts.database.write() as session:
        return do(session)


def _number(text: str) -> int:
    """Raises `HTTPException` 422 for what is no number of ours."""
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise HTTPException(422)
    return int(text)


def _to(gap: int, query: str = "") -> Response:
    return RedirectResponse(f"/desk/gaps/{gap}{query}", 303)
