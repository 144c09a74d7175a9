"""What goes wrong at any of these sites is told in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.ingest.web.looking import MOODLE, POSTS, SORRY, TOKEN, failure, look, taken
from tests.ingest.web.test_feed import ATOM
from tests.ingest.web.test_ical import calendar, event
from tests.ingest.web.test_moodle import course, courses
from tests.ingest.web.test_wordpress import post
from tests.servers.site import CUT, Answer, Site, as_json

PLACES = {
    "wordpress": (POSTS, "", {}),
    "moodle": (MOODLE, "", {"token": TOKEN}),
    "feed": ("/feed", "/feed", {}),
    "ical": ("/feed", "/feed", {}),
}
GOOD: dict[str, Answer] = {
    "wordpress": as_json([post(1)], X_WP_TotalPages="1"),
    "moodle": courses(course(2)),
    "feed": (200, {"Content-Type": "application/atom+xml"}, ATOM),
    "ical": (200, {"Content-Type": "text/calendar"}, calendar(event("DTSTART:20990301"))),
}


@pytest.fixture(params=list(PLACES))
def place(request: pytest.FixtureRequest, site: Site) -> tuple[str, str, str, dict[str, Any]]:
    """An adapter, the path that it fetches, its location, and options."""
    path, location, options = PLACES[request.param]
    site.routes[path] = GOOD[request.param]
    return request.param, path, site.url + location, options


Place = tuple[str, str, str, dict[str, Any]]


def test_a_busy_site_is_asked_again_when_it_says(site: Site, place: Place) -> None:
    name, path, location, options = place
    site.fail(path, (429, {"Retry-After": "0"}, "Too many requests"), CUT)

    assert len(taken(name, location, **options)) == 1
    assert site.count(path) == 3


def test_a_broken_site_is_told(site: Site, place: Place) -> None:
    name, path, location, options = place
    site.fail(path, *[(500, {"Retry-After": "0"}, "<b>Fatal error</b>")] * 3)

    assert "the server answers 500" in failure(name, location, **options)
    assert site.count(path) == 3


def test_a_connection_that_is_always_cut_is_told(site: Site, place: Place) -> None:
    name, path, location, options = place
    site.fail(path, *[(200, {"Content-Length": "100000"}, "[")] * 3)

    assert "no connection" in failure(name, location, **options)


def test_a_page_that_says_sorry_is_told(site: Site, place: Place) -> None:
    name, path, location, options = place
    site.fail(path, SORRY)

    said = failure(name, location, **options)

    assert any(words in said for words in ("JSON was expected", "neither RSS nor Atom", "there is no calendar"))


def test_fifty_megabytes_are_too_much(site: Site, place: Place) -> None:
    name, path, location, options = place
    site.fail(path, (200, {"Content-Type": "application/json"}, (b" " * 1_000_000 for _ in range(50))))

    assert "larger than 10 MB" in failure(name, location, **options)


def test_a_site_does_not_lead_us_into_a_private_network(site: Site, place: Place) -> None:
    name, path, location, options = place
    site.fail(path, (302, {"Location": "http://192.168.0.1/admin"}, ""))

    assert "192.168.0.1: lies in a private network" in failure(name, location, **options)


def test_what_has_not_changed_is_not_sent_again(site: Site, place: Place, tmp_path: Path) -> None:
    name, path, location, options = place

    first = list(look(name, location, memory=tmp_path, **options))
    second = list(look(name, location, memory=tmp_path, **options))

    assert first == second
    assert site.count(path) == 1
