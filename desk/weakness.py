"""Where the assistant is weak: what it showed, what people wanted to know more of, and what it had to hand over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from desk.access import Access, Visit, page
from desk.named import Names
from desk.parts import Parts
from store import catalogue, demand
from store.demand import UNKNOWN, Turns, Wish
from store.tables import now

DAYS = (30, 90, 365, 0)
FEWEST = 5
"""Questions from which on a share says something."""
WEAKEST_SHOWN = 25


@dataclass(frozen=True, slots=True)
class Spot:
    """One topic in one language."""

    language: str
    topic: str
    escalated: int
    answered: int

    @property
    def share(self) -> float:
        """Escalated of all."""
        return self.escalated / (self.escalated + self.answered)


def routes(parts: Parts, access: Access) -> APIRouter:
    """The page at `/weakness`."""
    router = APIRouter()

    @router.get("/weakness")
    def overview(request: Request, visit: Visit = Depends(access.officer)) -> HTMLResponse:  # noqa: B008
        days = next((days for days in DAYS if str(days) == request.query_params.get("days")), 90)
        since = now() - timedelta(days=days) if days else None
        with parts.database.read() as session:
            turns, ratings = demand.turns(session, since), demand.ratings(session, since)
            wishes = demand.wishes(session, demand.Filters(since))
            topics = {row.id: (row.body.get("topics") or [UNKNOWN])[0] for row in catalogue.offered(session)}
        languages = sorted(set(turns) | set(ratings))
        rows = [(code, turns.get(code, Turns()), ratings.get(code, (0, 0))) for code in languages]
        names, spots = Names(visit.language.code), weakest(turns, wishes, topics)
        return page(
            parts, visit, "weakness.html", rows=rows, spots=spots, names=names, days=DAYS, chosen=days, fewest=FEWEST
        )

    return router


def weakest(turns: Mapping[str, Turns], wishes: Sequence[Wish], topics: Mapping[str, str]) -> list[Spot]:
    """Topics by how often they had to be handed over, in each language.

    What was asked is not kept with an answer: it counts for the first topic of the record that was shown first.
    `topics`: that topic, by record.
    """
    answered: defaultdict[tuple[str, str], int] = defaultdict(int)
    for language, done in turns.items():
        for record, times in done.first.items():
            answered[language, topics.get(record, UNKNOWN)] += times
    escalated: defaultdict[tuple[str, str], int] = defaultdict(int)
    for wish in wishes:
        for topic in wish.topic:
            escalated[wish.written_in, topic] += 1
    spots = [Spot(*key, times, answered[key]) for key, times in escalated.items() if key[1] != UNKNOWN]
    enough = [spot for spot in spots if spot.escalated + spot.answered >= FEWEST]
    return sorted(enough, key=lambda spot: (-spot.share, -spot.escalated, spot.language, spot.topic))[:WEAKEST_SHOWN]
