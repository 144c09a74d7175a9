"""Demand: counted in people, the same on both databases; and what may be shown outside."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store import contacts
from store.database import Database
from store.demand import ALL, Filters, Tally, count, period, public, ratings, table, turns, unmet, wishes
from store.tables import Ticket, Turn
from store.vault import Vault

SPRING = datetime(2026, 4, 15, 12, tzinfo=UTC)


class People:
    """Writes down who asked for what."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self.database, self.vault = database, vault

    def asks(self, who: str | None, *topics: str, **more: object) -> int:
        """A ticket of somebody; of nobody known if `who` is None."""
        question = {"topics": dict.fromkeys(topics, 1.0), "language": "en"} | dict(more.pop("question", {}))  # type: ignore[call-overload]
        values = {"reason": "nothing-fits", "language": "en", "country": "GH", "opened_at": SPRING} | more
        with self.database.write() as session:
            conversation = contacts.meet(session, self.vault, "console", who)[1].id if who else None
            ticket = Ticket(conversation_id=conversation, need={"question": question}, **values)
            session.add(ticket)
            session.flush()
            return ticket.id

    def turn(self, who: str, action: str, *shown: str, language: str = "en") -> None:
        with self.database.write() as session:
            conversation = contacts.meet(session, self.vault, "console", who)[1].id
            session.add(Turn(conversation_id=conversation, action=action, language=language, shown=list(shown)))

    def wishes(self, filters: Filters | None = None):  # type: ignore[no-untyped-def]
        with self.database.read() as session:
            return wishes(session, filters)


@pytest.fixture
def people(database: Database, vault: Vault) -> People:
    return People(database, vault)


def test_a_person_counts_once_in_each_cell(people: People) -> None:
    people.asks("ama", "python")
    people.asks("ama", "python", "cloud", state="closed", outcome="gap")
    people.asks("kofi", "python", country="KE")
    counted = people.wishes()
    assert unmet(counted, "topic") == {("cloud",): 1, ("python",): 2}
    assert unmet(counted, "topic", "country") == {("cloud", "GH"): 1, ("python", "GH"): 1, ("python", "KE"): 1}
    assert unmet(counted) == {(): 2}


def test_who_is_not_known_any_more_counts_as_one_for_each_request(people: People) -> None:
    people.asks(None, "python")
    people.asks(None, "python")
    assert unmet(people.wishes(), "topic") == {("python",): 2}


def test_what_an_officer_met_is_told_apart_and_what_was_declined_left_out(people: People) -> None:
    people.asks("ama", "python", state="closed", outcome="matched")
    people.asks("kofi", "python", state="closed", outcome="referred")
    people.asks("esi", "python", state="closed", outcome="gap")
    people.asks("yaw", "python", state="closed", outcome="declined")
    people.asks("abena", "python")
    assert count(people.wishes(), "topic") == {("python",): Tally(unmet=2, met=2)}


def test_a_call_for_help_in_distress_is_no_demand(people: People) -> None:
    people.asks("ama", "python", reason="distress")
    assert people.wishes() == []


def test_what_is_outside_the_field_counts_under_its_own_name(people: People) -> None:
    people.asks("ama", reason="elsewhere", question={"elsewhere": ["trade-skill"]})
    assert unmet(people.wishes(), "topic", "need") == {("trade-skill", "elsewhere"): 1}


def test_the_language_asked_for_goes_before_the_one_written_in(people: People) -> None:
    people.asks("ama", "python", question={"taught_in": ["ha"]})
    people.asks("kofi", "python", language="fr")
    assert unmet(people.wishes(), "language") == {("fr",): 1, ("ha",): 1}


def test_an_anonymous_request_still_counts_by_topic(people: People) -> None:
    people.asks(None, "python", wordless=True, country=None)
    assert unmet(people.wishes(), "topic", "country", "audience") == {("python", "", ""): 1}


def test_filters_take_every_dimension(people: People) -> None:
    right = people.asks(
        "ama", "python", "cloud", country="KE", language="sw", question={"audiences": ["youth"], "needs": ["job"]}
    )
    people.asks("kofi", "python", opened_at=datetime(2025, 1, 1, tzinfo=UTC))
    people.asks("esi", "cloud")
    chosen = Filters(datetime(2026, 1, 1, tzinfo=UTC), "KE", "sw", "python", "youth", "job")
    assert [wish.ticket for wish in people.wishes(chosen)] == [right]
    for other in (
        {"country": "GH"},
        {"language": "en"},
        {"topic": "iot"},
        {"audience": "teachers"},
        {"need": "person"},
    ):
        parts = {"country": "KE", "language": "sw", "topic": "python", "audience": "youth", "need": "job"} | other
        assert people.wishes(Filters(None, **parts)) == []


def test_time_is_cut_into_weeks_months_and_quarters(people: People) -> None:
    people.asks("ama", "python")
    found = people.wishes()
    assert list(unmet(found, "week", "month", "quarter")) == [("2026-04-13", "2026-04", "2026-Q2")]


def test_weeks_without_anybody_are_there_too() -> None:
    first, last = datetime(2026, 12, 20, tzinfo=UTC).date(), datetime(2027, 1, 5, tzinfo=UTC).date()
    assert period(first, last, "week") == ["2026-12-14", "2026-12-21", "2026-12-28", "2027-01-04"]
    assert period(first, last, "month") == ["2026-12", "2027-01"]


@pytest.mark.alone
@pytest.mark.alone
def test_twenty_thousand_requests_are_counted_in_under_two_seconds(people: People) -> None:
    chance = random.Random(7)
    topics = [f"topic-{n}" for n in range(80)]
    rows = [
        {
            "reason": "nothing-fits",
            "language": chance.choice(["en", "fr", "sw", "ar"]),
            "country": chance.choice(["GH", "KE", "SN", "EG", None]),
            "opened_at": SPRING,
            "need": {
                "words": "a wish " * 12,
                "question": {"topics": dict.fromkeys(chance.sample(topics, 2), 1.0), "audiences": ["youth"]},
                "before": [{"words": "an earlier wish " * 6, "question": {"topics": {"python": 1.0}}}],
            },
        }
        for _ in range(20_000)
    ]
    with people.database.write() as session:
        session.bulk_insert_mappings(Ticket, rows)  # type: ignore[arg-type]
    start = time.perf_counter()
    found = people.wishes()
    read = time.perf_counter() - start
    cells = count(found, "month", "topic", "country", "language", "audience", "need")
    for dimension in ("week", "topic", "country", "language", "audience", "need"):
        count(found, dimension)
    took = time.perf_counter() - start
    start = time.perf_counter()
    public(table(found, "topic", "country"), 60)
    hiding = time.perf_counter() - start
    print(f"\n{people.database.engine.name}: read {read:.2f} s, counted {took:.2f} s in all, hidden in {hiding:.2f} s")
    assert len(found) == 20_000
    assert sum(tally.unmet for tally in cells.values()) == 40_000
    assert took < 2


# --- what may leave the desk ------------------------------------------------------------------


def with_totals(cells: dict[tuple[str, str], int]) -> dict[tuple[str, str], int]:
    """The cells with totals, where nobody is in two of them: the easiest table to work back from."""
    made = dict(cells)
    for (row, column), people in cells.items():
        for total in ((row, ALL), (ALL, column), (ALL, ALL)):
            made[total] = made.get(total, 0) + people
    return made


def determined(rows: dict[tuple[str, str], int], shown: dict[tuple[str, str], int]) -> set[tuple[str, str]]:
    """Hidden cells that somebody who knows which cells there are could compute: solved exactly, line by line."""
    hidden = sorted(set(rows) - set(shown))
    names = [{cell[side] for cell in rows} for side in (0, 1)]
    equations = []
    for side in (0, 1):
        for name in names[side]:
            line = [cell for cell in rows if cell[side] == name]
            sign = {cell: Fraction(-1 if cell[1 - side] == ALL else 1) for cell in line}
            equations.append([sign.get(cell, Fraction(0)) for cell in hidden])
    return {hidden[column] for column in _solved(equations, len(hidden))}


def _solved(equations: list[list[Fraction]], width: int) -> set[int]:
    """Unknowns that have one value only: Gauss-Jordan, then rows with a single entry."""
    done: list[list[Fraction]] = []
    rest = equations
    for column in range(width):
        pivot = next((row for row in rest if row[column]), None)
        if pivot is None:
            continue
        rest = [row for row in rest if row is not pivot]
        pivot = [value / pivot[column] for value in pivot]
        clear = [pivot]
        done = [_less(row, pivot, column) for row in done] + clear
        rest = [_less(row, pivot, column) for row in rest]
    return {row.index(1) for row in done if sum(value != 0 for value in row) == 1}


def _less(row: list[Fraction], pivot: list[Fraction], column: int) -> list[Fraction]:
    return [value - row[column] * by for value, by in zip(row, pivot, strict=True)] if row[column] else row


def test_no_cell_under_five_is_shown_outside() -> None:
    rows = with_totals({("python", "GH"): 9, ("python", "KE"): 4, ("cloud", "GH"): 3, ("cloud", "KE"): 12})
    assert all(people >= 5 for people in public(rows).values())


def test_one_hidden_cell_takes_others_with_it() -> None:
    rows = with_totals({("python", "GH"): 9, ("python", "KE"): 4, ("cloud", "GH"): 7, ("cloud", "KE"): 12})
    shown = public(rows)
    assert ("python", "KE") not in shown
    assert determined(rows, shown) == set()
    assert shown[ALL, ALL] == 32


def test_a_table_with_nothing_small_is_shown_as_it_is() -> None:
    rows = with_totals({("python", "GH"): 9, ("python", "KE"): 5, ("cloud", "GH"): 7, ("cloud", "KE"): 12})
    assert public(rows) == rows


def test_two_cells_that_come_to_less_than_five_are_not_shown_together_either() -> None:
    rows = with_totals(
        {("python", "GH"): 1, ("python", "KE"): 2, ("python", "SN"): 20, ("cloud", "GH"): 1, ("cloud", "KE"): 2}
    )
    shown = public(rows)
    assert ("python", "SN") not in shown or ("python", ALL) not in shown


def test_nothing_is_shown_of_a_few_people() -> None:
    assert public(with_totals({("python", "GH"): 4})) == {}
    assert public(with_totals({})) == {}


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.sampled_from("abcde"), st.sampled_from("VWXYZ")), st.integers(1, 14), min_size=1, max_size=25
    )
)
def test_no_small_cell_can_be_computed_from_what_is_shown(cells: dict[tuple[str, str], int]) -> None:
    rows = with_totals(cells)
    shown = public(rows)
    small = {cell for cell, people in rows.items() if people < 5}
    assert not small & set(shown)
    assert not small & determined(rows, shown)
    for side in (0, 1):
        for name in {cell[side] for cell in rows}:
            total = (name, ALL) if side == 0 else (ALL, name)
            inside = [cell for cell in rows if cell[side] == name and cell != total]
            left = rows[total] - sum(rows[cell] for cell in inside if cell in shown)
            assert total not in shown or left == 0 or left >= 5


def test_totals_count_people_and_not_cells(people: People) -> None:
    people.asks("ama", "python", "cloud")
    people.asks("kofi", "python", state="closed", outcome="matched")
    rows = table(people.wishes(), "topic", "country")
    assert rows[ALL, ALL] == rows["python", ALL] == rows["cloud", "GH"] == 1


# --- what the assistant did -------------------------------------------------------------------


def test_asking_for_a_number_is_told_from_an_answer(people: People) -> None:
    people.turn("ama", "answer", "a", "b")
    people.turn("kofi", "answer", "b")  # somebody else's only result
    people.turn("ama", "answer", "b")  # "2"
    people.turn("ama", "answer")  # "that is all I have"
    done = people_turns(people)["en"]
    assert (done.answers, done.details, done.first) == (2, 1, {"a": 1, "b": 1})


def test_turns_are_counted_by_language(people: People) -> None:
    people.turn("ama", "answer", "a", language="sw")
    for action in ("clarify", "escalate", "handoff", "refuse", "smalltalk", "held"):
        people.turn("ama", action, language="sw")
    done = people_turns(people)
    assert list(done) == ["sw"]
    assert (done["sw"].clarified, done["sw"].escalated, done["sw"].refused) == (1, 2, 1)
    assert done["sw"].share == 0.5


def people_turns(people: People):  # type: ignore[no-untyped-def]
    with people.database.read() as session:
        return turns(session)


def test_ratings_are_counted_by_language(people: People) -> None:
    people.asks("ama", "python", rating=1)
    people.asks("kofi", "python", rating=0)
    people.asks("esi", "python", rating=1, language="fr")
    people.asks("yaw", "python")
    with people.database.read() as session:
        assert ratings(session) == {"en": (1, 1), "fr": (1, 0)}
