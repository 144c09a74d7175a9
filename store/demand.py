"""Demand: what people asked for that the assistant could not meet, counted in people.

Each ticket is one wish. Who asked is counted once in each cell, so that cells do not add up to their totals: a wish may
have several topics, and a person several wishes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from heapq import heappop, heappush
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from store.tables import Ticket, Turn

NO_WISH = "distress"
"""The reason of tickets that ask for help of another kind: they are no demand for skills."""
MET = frozenset({"matched", "referred"})
"""Outcomes of wishes that a person met."""
SAME = "same"
"""In the need of forgotten people: the number of their first request, so that several count as one person's."""
UNKNOWN = ""
"""Where a wish does not say: no topic was understood, no country told."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What one ticket asks for; several topics, audiences or needs if it says so."""

    ticket: int
    person: int
    """Who asked: their conversation; where nobody is known any more, minus the number of their first request."""
    day: date
    topic: tuple[str, ...]
    country: str
    language: tuple[str, ...]
    """In which it is to be taught, if the person said so; else in which they wrote."""
    audience: tuple[str, ...]
    need: tuple[str, ...]
    """Needs of the vocabulary, else why it came to a person (`nothing-fits`, `person` …)."""
    written_in: str
    met: bool
    is_open: bool
    gap: int | None

    def values(self, dimension: str) -> tuple[str, ...]:
        """Where it stands on a dimension: a field, `week` (its Monday), `month` or `quarter`."""
        if dimension == "week":
            return ((self.day - timedelta(days=self.day.weekday())).isoformat(),)
        if dimension == "month":
            return (f"{self.day:%Y-%m}",)
        if dimension == "quarter":
            return (quarter(self.day),)
        value: str | tuple[str, ...] = getattr(self, dimension)
        return value if isinstance(value, tuple) else (value,)


def quarter(day: date) -> str:
    """The quarter of a day: `2026-Q4`."""
    return f"{day.year}-Q{(day.month + 2) // 3}"


@dataclass(frozen=True, slots=True)
class Filters:
    """What to look at; all if empty. `UNKNOWN` cannot be asked for."""

    since: datetime | None = None
    country: str = ""
    language: str = ""
    topic: str = ""
    audience: str = ""
    need: str = ""

    def match(self, wish: Wish) -> bool:
        """Whether a wish is among those looked at, its day aside."""
        names = ("country", "language", "topic", "audience", "need")
        return all(not (value := getattr(self, name)) or value in wish.values(name) for name in names)


def wishes(session: Session, filters: Filters | None = None) -> list[Wish]:
    """Every wish, oldest first: also those that a person met, not those that were declined."""
    filters = filters or Filters()
    columns = (
        Ticket.id,
        Ticket.conversation_id,
        Ticket.opened_at,
        Ticket.country,
        Ticket.language,
        Ticket.reason,
        Ticket.need["question"],  # the words beside it can be long, and nothing here is about them
        Ticket.need[SAME].as_integer(),
        Ticket.outcome,
        Ticket.state,
        Ticket.gap_id,
    )
    # A ticket that was closed as it was and then opened again still has no outcome.
    query = select(*columns).where(or_(Ticket.outcome.is_(None), Ticket.outcome != "declined"))
    query = query.where(Ticket.reason != NO_WISH).order_by(Ticket.id)
    if filters.since:
        query = query.where(Ticket.opened_at >= filters.since)
    if filters.country:
        query = query.where(Ticket.country == filters.country)
    found = (_wish(*row) for row in session.execute(query))
    return [wish for wish in found if filters.match(wish)]


def _wish(
    number: int,
    conversation_id: int | None,
    opened_at: datetime,
    country: str | None,
    language: str,
    reason: str,
    question: dict[str, Any] | None,
    same: int | None,
    outcome: str | None,
    state: str,
    gap: int | None,
) -> Wish:
    question = question or {}
    return Wish(
        ticket=number,
        person=conversation_id or -(same or number),
        day=opened_at.date(),
        topic=tuple(question.get("topics") or question.get("elsewhere") or (UNKNOWN,)),
        country=country or UNKNOWN,
        language=tuple(question.get("taught_in") or (language,)),
        audience=tuple(question.get("audiences") or (UNKNOWN,)),
        need=tuple(question.get("needs") or (reason,)),
        written_in=language,
        met=outcome in MET,
        is_open=state == "open",
        gap=gap,
    )


def wish_of(session: Session, number: int) -> Wish | None:
    """The wish of a ticket, whatever became of it."""
    ticket = session.get(Ticket, number)
    if ticket is None:
        return None
    need = (ticket.need.get("question"), ticket.need.get(SAME))
    facts = (ticket.country, ticket.language, ticket.reason, *need, ticket.outcome)
    return _wish(ticket.id, ticket.conversation_id, ticket.opened_at, *facts, ticket.state, ticket.gap_id)


@dataclass(slots=True)
class Tally:
    """People in a cell. Who has a wish that was met and one that was not is in both."""

    unmet: int = 0
    met: int = 0


def count(wanted: Iterable[Wish], *by: str) -> dict[tuple[str, ...], Tally]:
    """People by the values of some dimensions (see `Wish.values`), by key; one cell `()` without dimensions."""
    people: defaultdict[tuple[str, ...], tuple[set[int], set[int]]] = defaultdict(lambda: (set(), set()))
    for wish in wanted:
        keys: list[tuple[str, ...]] = [()]
        for dimension in by:
            keys = [(*key, value) for key in keys for value in wish.values(dimension)]
        for key in keys:
            people[key][wish.met].add(wish.person)
    return {key: Tally(len(unmet), len(met)) for key, (unmet, met) in sorted(people.items())}


def unmet(wanted: Iterable[Wish], *by: str) -> dict[tuple[str, ...], int]:
    """People whose wishes were not met, without cells in which there is nobody."""
    return {key: tally.unmet for key, tally in count((w for w in wanted if not w.met), *by).items()}


def period(first: date, last: date, unit: str) -> list[str]:
    """Every `week` or `month` from one day to another, also those in which nobody asked."""
    empty = Wish(0, 0, first, (), "", (), (), (), "", met=False, is_open=False, gap=None)
    days = range((last - first).days + 1)
    return list(dict.fromkeys(replace(empty, day=first + timedelta(days=d)).values(unit)[0] for d in days))


# --- what may leave the desk ------------------------------------------------------------------

ALL = "*"
"""In the place of a row or a column: the total."""

Cell = tuple[str, str]
Table = Mapping[Cell, int]
"""People by row and column, with all totals."""
Line = tuple[int, str]
"""A row (0) or column (1), by its name."""


def table(wanted: Iterable[Wish], row: str, column: str) -> dict[Cell, int]:
    """People whose wishes were not met by two dimensions, with totals."""
    open_ = [wish for wish in wanted if not wish.met]
    cells: dict[Cell, int] = {(r, c): n for (r, c), n in unmet(open_, row, column).items()}
    cells |= {(r, ALL): n for (r,), n in unmet(open_, row).items()}
    cells |= {(ALL, c): n for (c,), n in unmet(open_, column).items()}
    return cells | ({(ALL, ALL): unmet(open_)[()]} if open_ else {})


def public(rows: Table, least: int = 5) -> dict[Cell, int]:
    """The cells that may be shown outside: none under `least`, and none from which one could be computed.

    Where the other cells of a line and its total would give a hidden one away, more are hidden, the smallest first; and
    what a line hides comes to `least` or more.
    """
    small = {cell for cell, people in rows.items() if people < least}
    hidden = set(small)
    net = _net(rows)
    # A row or column, with its total, is a knot of a net whose strings are the cells. What is hidden can be computed
    # exactly if and only if no ring of hidden cells passes through it.
    for cell in sorted(small, key=lambda cell: (rows[cell], cell)):
        hidden |= _way_round(rows, net, hidden, cell)
    while more := {cell for line in net for cell in _too_thin(rows, net, hidden, line, least)}:
        hidden |= more
    return {cell: people for cell, people in rows.items() if cell not in hidden}


def _net(rows: Table) -> dict[Line, list[Cell]]:
    net: defaultdict[Line, list[Cell]] = defaultdict(list)
    for cell in rows:
        net[0, cell[0]].append(cell)
        net[1, cell[1]].append(cell)
    return net


def _way_round(rows: Table, net: Mapping[Line, list[Cell]], hidden: set[Cell], around: Cell) -> set[Cell]:
    """The cells on the cheapest way from the row of a cell to its column that avoids it; hidden ones cost nothing."""
    start, goal = (0, around[0]), (1, around[1])
    queue: list[tuple[int, Line]] = [(0, start)]
    cheapest: dict[Line, int] = {start: 0}
    came_by: dict[Line, Cell] = {}
    while queue:
        cost, line = heappop(queue)
        if line == goal:
            break
        for cell in net[line]:
            other = (1 - line[0], cell[1 - line[0]])
            price = cost + (0 if cell in hidden else rows[cell])
            if cell != around and price < cheapest.get(other, price + 1):
                cheapest[other], came_by[other] = price, cell
                heappush(queue, (price, other))
    way: set[Cell] = set()
    line = goal
    while line in came_by:
        cell = came_by[line]
        way.add(cell)
        line = (1 - line[0], cell[1 - line[0]])
    return way


def _too_thin(rows: Table, net: Mapping[Line, list[Cell]], hidden: set[Cell], line: Line, least: int) -> set[Cell]:
    """What must be hidden besides in a line that hides fewer than `least` people below a shown total."""
    side, name = line
    total = (name, ALL) if side == 0 else (ALL, name)
    parts = [cell for cell in net[line] if cell != total]
    within = sum(rows[cell] for cell in parts if cell in hidden)
    if total in hidden or not 0 < within < least:
        return set()
    shown = [cell for cell in parts if cell not in hidden]
    return {min(shown, key=lambda cell: (rows[cell], cell))} if shown else {total}


# --- what the assistant did -------------------------------------------------------------------


@dataclass(slots=True)
class Turns:
    """What the assistant did in one language, in turns."""

    answers: int = 0
    details: int = 0
    """Answers to a number: somebody wanted to know more of a record that they had been shown."""
    clarified: int = 0
    escalated: int = 0
    refused: int = 0
    first: dict[str, int] = field(default_factory=dict)
    """How often each record was shown first."""

    @property
    def share(self) -> float | None:
        """Escalated of all that was asked and could be decided; none if nothing was."""
        asked = self.answers + self.clarified + self.escalated
        return self.escalated / asked if asked else None


_FIELDS = {"clarify": "clarified", "escalate": "escalated", "handoff": "escalated", "refuse": "refused"}


def turns(session: Session, since: datetime | None = None) -> dict[str, Turns]:
    """What the assistant did, by language. Only of talks that are still kept."""
    query = select(Turn.conversation_id, Turn.language, Turn.action, Turn.shown)
    query = query.where(Turn.action.in_(("answer", *_FIELDS))).order_by(Turn.conversation_id, Turn.id)
    if since:
        query = query.where(Turn.finished_at >= since)
    done: defaultdict[str, Turns] = defaultdict(Turns)
    of, before = 0, set[str]()
    for conversation, language, action, shown in session.execute(query):
        if conversation != of:
            of, before = conversation, set()
        if action == "answer":
            _answered(done[language], shown, before)
            before.update(shown)
        else:
            setattr(done[language], _FIELDS[action], getattr(done[language], _FIELDS[action]) + 1)
    return dict(sorted(done.items()))


def _answered(turns: Turns, shown: list[str], before: set[str]) -> None:
    if len(shown) == 1 and shown[0] in before:
        turns.details += 1
    elif shown:  # else it was said that there is no more
        turns.answers += 1
        turns.first[shown[0]] = turns.first.get(shown[0], 0) + 1


def ratings(session: Session, since: datetime | None = None) -> dict[str, tuple[int, int]]:
    """How many requests helped and did not help, as people said, by language."""
    query = select(Ticket.language, Ticket.rating).where(Ticket.rating.is_not(None))
    if since:
        query = query.where(Ticket.opened_at >= since)
    said: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for language, rating in session.execute(query):
        said[language][0 if rating else 1] += 1
    return {language: (helped, not_) for language, (helped, not_) in said.items()}
