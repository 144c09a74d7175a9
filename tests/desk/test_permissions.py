"""Who may open what. A new route must be written into the table, or the first test fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from fastapi.routing import iter_route_contexts
from httpx import Response

from bot.settings import Settings
from desk.access import HEADER, ROLES, Access
from desk.app import routes
from store.database import Database
from store.vault import Vault
from tests.desk.conftest import House, Ticket

ANYBODY = "anybody"
LOWEST: dict[str, str] = {
    "GET /desk/static/{digest}/{name}": ANYBODY,
    "GET /desk/sign-in": ANYBODY,
    "POST /desk/sign-in": ANYBODY,
    "GET /desk/sign-in/code": ANYBODY,
    "POST /desk/sign-in/code": ANYBODY,
    "GET /desk/sign-in/set-up": ANYBODY,
    "POST /desk/sign-in/set-up": ANYBODY,
    "GET /desk/first/{token}": ANYBODY,
    "POST /desk/first/{token}": ANYBODY,
    "GET /desk/password/{token}": ANYBODY,
    "POST /desk/password/{token}": ANYBODY,
    "POST /desk/sign-out": "officer",
    "GET /desk/profile": "officer",
    "POST /desk/profile": "officer",
    "POST /desk/profile/password": "officer",
    "POST /desk/profile/codes": "officer",
    "POST /desk/profile/codes/confirm": "officer",
    "POST /desk/profile/sign-out-everywhere": "officer",
    "GET /desk/officers": "lead",
    "POST /desk/officers": "administrator",
    "GET /desk/officers/{number}": "administrator",
    "POST /desk/officers/{number}": "administrator",
    "POST /desk/officers/{number}/link": "administrator",
    "GET /desk/audit": "administrator",
    "GET /desk/audit.csv": "administrator",
    "GET /desk/": "officer",
    "GET /desk/queue": "officer",
    "GET /desk/queue/rows": "officer",
    "POST /desk/queue/close": "officer",
    "POST /desk/tickets/{number}/claim": "officer",
    "GET /desk/unread": "officer",
    "GET /desk/live": "officer",
    "GET /desk/chats": "officer",
    "GET /desk/chats/rows": "officer",
    "GET /desk/chats/{number}": "officer",
    "GET /desk/chats/{number}/live": "officer",
    "GET /desk/chats/{number}/presence": "officer",
    "GET /desk/chats/{number}/search": "officer",
    "GET /desk/chats/{number}/drafting": "officer",
    "POST /desk/chats/{number}/reply": "officer",
    "POST /desk/chats/{number}/share": "officer",
    "POST /desk/chats/{number}/note": "officer",
    "POST /desk/chats/{number}/need": "officer",
    "POST /desk/chats/{number}/step": "officer",
    "POST /desk/chats/{number}/snooze": "officer",
    "POST /desk/chats/{number}/trust": "lead",
    "POST /desk/chats/{number}/close": "officer",
    "POST /desk/chats/{number}/release": "officer",
    "POST /desk/chats/{number}/transfer": "officer",
    "POST /desk/chats/{number}/draft": "officer",
    "POST /desk/tickets/{number}/address": "officer",
    "POST /desk/tickets/{number}/presence": "officer",
    "GET /desk/canned": "officer",
    "POST /desk/canned": "lead",
    "POST /desk/canned/{number}": "lead",
    "POST /desk/canned/{number}/delete": "lead",
    "GET /desk/gaps": "officer",
    "GET /desk/gaps.csv": "officer",
    "GET /desk/gaps/public.csv": "officer",
    "GET /desk/gaps/{number:int}": "officer",
    "POST /desk/gaps": "officer",
    "POST /desk/gaps/{number:int}/assign": "officer",
    "POST /desk/gaps/{number:int}/call": "officer",
    "POST /desk/gaps/{number:int}/close": "officer",
    "GET /desk/coverage": "officer",
    "GET /desk/coverage.csv": "officer",
    "GET /desk/weakness": "officer",
    "GET /desk/referrals": "lead",
    "POST /desk/referrals/addresses": "lead",
    "POST /desk/chats/{number}/refer": "officer",
    "GET /desk/chats/{number}/propose": "officer",
    "POST /desk/chats/{number}/propose/record": "officer",
    "POST /desk/chats/{number}/propose/words": "officer",
    "GET /desk/proposals": "lead",
    "GET /desk/changes": "lead",
    "POST /desk/changes/{number}": "lead",
    "GET /desk/alike": "lead",
    "POST /desk/alike": "lead",
    "POST /desk/proposals/{number}": "lead",
    "GET /desk/telegram": "officer",
    "POST /desk/telegram/code": "officer",
    "POST /desk/telegram/unlink": "officer",
}
"""Method and path → the lowest role that may; each role may what those before it may."""
ENDLESS = {"GET /desk/live"}
"""Event streams: that they open is tested where they are."""
_NUMBERS = count()


def registered(house: House) -> Iterator[str]:
    for route in iter_route_contexts(routes(house.parts, Access(house.parts)).routes):
        yield from (f"{method} {route.path}" for method in route.methods or () if method != "HEAD")


def ask(house: House, route: str, role: str | None, *, proof: bool = True) -> Response:
    """What somebody who has just signed in gets (or, without a role, somebody who has not)."""
    method, path = route.split(" ")
    if role is None:
        browser = house.browser()
    else:
        seat = house.seat(f"{role}{next(_NUMBERS)}", role)
        hold(house, seat.id)
        browser = seat.browser
        if not proof:
            del browser.headers[HEADER]
    return browser.request(method, re.sub(r"{[^}]*}", "1", path), follow_redirects=False)


def hold(house: House, officer_id: int) -> None:
    """Let an officer have the ticket: what more than a role is asked for is tested where it is asked for."""
    with house.database.write() as session:
        ticket = session.get_one(Ticket, 1)
        ticket.state, ticket.officer_id = "open", officer_id


def is_led_to_sign_in(answer: Response) -> bool:
    where = answer.headers.get("location", "")
    return answer.status_code == 303 and where.startswith("/desk/sign-in") and "told=" not in where


def test_every_route_is_in_the_table_and_none_else(house: House) -> None:
    found = set(registered(house))
    assert found - set(LOWEST) == set(), "new routes: write into the table who may"
    assert set(LOWEST) - found == set(), "routes that are no more"


def test_who_is_not_signed_in_is_led_to_the_sign_in_page(house: House) -> None:
    house.ticket()
    closed = [route for route, lowest in LOWEST.items() if lowest != ANYBODY]
    assert [route for route in closed if not is_led_to_sign_in(ask(house, route, None))] == []


def test_pages_for_everybody_open_without_a_sign_in(house: House) -> None:
    pages = [route for route, lowest in LOWEST.items() if lowest == ANYBODY and route.startswith("GET ")]
    assert [route for route in pages if ask(house, route, None).status_code in {401, 403}] == []


@pytest.mark.parametrize("role", ROLES)
def test_each_role_gets_what_is_its_own_and_nothing_above(house: House, role: str) -> None:
    house.ticket()
    wrong = []
    for route, lowest in LOWEST.items():
        may = ROLES.index(role) >= ROLES.index(lowest) if lowest != ANYBODY else None
        if may is None or (may and route in ENDLESS):
            continue
        answer = ask(house, route, role)
        refused = answer.status_code in {401, 403} or is_led_to_sign_in(answer)
        if answer.status_code >= 500 or refused == may or (not may and answer.status_code != 403):
            wrong.append((route, answer.status_code))
    assert wrong == []


def test_nothing_is_changed_by_a_form_that_is_not_from_our_own_page(house: House) -> None:
    house.ticket()
    changing = [route for route in LOWEST if not route.startswith("GET ")]
    answers = {route: ask(house, route, "administrator", proof=False).status_code for route in changing}
    assert {route: status for route, status in answers.items() if status != 403} == {}


@pytest.mark.parametrize("number", ["0", "-1", "2147483648", "99999999999999999999", "x"])
def test_a_number_that_nothing_can_have_breaks_no_page(
    database: Database, vault: Vault, tmp_path: Path, number: str
) -> None:
    house = House(database, vault, Settings(_env_file=None, home=tmp_path), None)  # type: ignore[call-arg]
    browser, broken = house.seat("Lucía", "administrator").browser, []
    fields = {"decision": "approve", "record": "x", "text": "x", "answer": "x"}
    for route in [route for route in LOWEST if "{" in route]:
        method, path = route.split(" ")
        answer = browser.request(method, re.sub(r"{[^}]*}", number, path), data=fields if method == "POST" else None)
        broken += [route] if answer.status_code >= 500 or answer.status_code == 200 and "{number" in route else []
    assert broken == []
