"""The public catalogue for programs: entries, pages, filters, and what is ours alone."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bot import public
from store import catalogue
from tests.bot.public.house import House

ATOM = "{http://www.w3.org/2005/Atom}"


def test_an_entry_says_what_is_known_and_what_is_not(house: House) -> None:
    house.has(checked="2026-03-01")
    entry = house.json("/catalogue/typing-club.json")
    assert (entry["name"], entry["languages"], entry["cost"]) == ("Typing Club", ["en", "sw"], ["free"])
    assert (entry["certificate"], entry["modality"], entry["starts"]) == (None, None, None)
    assert (entry["checked"], entry["url"]) == ("2026-03-01", "https://typing.example/start")
    assert entry["page"] == "https://dalil.example/catalogue/typing-club"


def test_what_is_ours_alone_stays_with_us(house: House) -> None:
    house.has(source="officer, request 4711", evidence="request 4711")
    with house.site.database.write() as session:
        catalogue.mark_checked(session, "typing-club", "amina@desk.example", date(2026, 3, 1))
    for path in ("/catalogue.json", "/catalogue/typing-club.json", "/catalogue.csv", "/catalogue/typing-club"):
        text = house.get(path)
        assert "4711" not in text
        assert "amina" not in text
        assert "confidence" not in text
    assert house.json("/catalogue/typing-club.json")["source"] == "officer"


def test_only_what_is_offered_is_shown(house: House) -> None:
    house.has("here", related=["gone", "also-here"])
    house.has("also-here")
    house.has("gone")
    house.has("ended", status="ended")
    house.has("over", ends=(date.today() - timedelta(days=1)).isoformat())
    house.has("last-day", ends=date.today().isoformat())
    house.withdraws("gone")

    offered = ["also-here", "here", "last-day"]
    assert house.ids() == offered
    assert [row[0] for row in house.rows()[2:]] == offered
    feed = ElementTree.fromstring(house.get("/catalogue.atom"))
    assert {each.text for each in feed.findall(f"{ATOM}entry/{ATOM}id")} == {
        f"https://dalil.example/catalogue/{key}" for key in offered
    }
    for gone in ("gone", "ended", "over", "never-was"):
        assert gone not in house.get("/sitemap.xml")
        assert f"/catalogue/{gone}" not in house.get("/catalogue")
        house.get(f"/catalogue/{gone}", 404)
        house.get(f"/catalogue/{gone}.json", 404)
    assert house.json("/catalogue/here.json")["related"] == ["also-here"]
    assert "/catalogue/also-here" in house.get("/catalogue/here")


def test_pages_follow_each_other_and_hold_everything_once(house: House) -> None:
    names = [f"course-{number:02}" for number in range(7)]
    for name in names:
        house.has(name)
    found, path = [], "/catalogue.json?per_page=3&language=en"
    while path:
        page = house.json(path)
        found += [entry["id"] for entry in page["entries"]]
        path = (page["next"] or "").removeprefix("https://dalil.example")
    assert found == names
    assert (page["page"], page["pages"], page["total"]) == (3, 3, 7)
    assert page["previous"].startswith("https://dalil.example/catalogue.json?language=en&page=2")
    assert house.json("/catalogue.json?page=9&per_page=3")["entries"] == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("topic=programming", ["python-in-french"]),
        ("topic=python", ["python-in-french"]),
        ("language=fr", ["python-in-french"]),
        ("language=pt", ["kenyans-only"]),
        ("country=KE", ["kenyans-only", "python-in-french"]),
        ("country=FR", ["python-in-french"]),
        ("kind=resource", ["kenyans-only"]),
        ("q=PYTHON+frànçais", ["python-in-french"]),
        ("q=pyth", ["python-in-french"]),
        ("q=ython", []),
        ("q=welding", []),
        ("topic=&country=&q=", ["kenyans-only", "python-in-french"]),
        ("topic=python&country=KE&language=fr&kind=programme&q=python", ["python-in-french"]),
    ],
)
def test_filters_narrow_down(house: House, query: str, found: list[str]) -> None:
    house.has("python-in-french", name="Python en français", topics=["python"], languages=["fr"])
    kenya = {"countries": ["KE"], "groups": ["everyone"]}
    house.has("kenyans-only", kind="resource", eligibility=kenya, regions=["KE"], languages=["pt-BR"])
    assert house.ids(query) == found
    assert [row[0] for row in house.rows(query)[2:]] == found


@pytest.mark.parametrize(
    "query",
    ["topic=flying", "country=XX", "country=Kenya", "language=Swahili", "kind=cake", "page=0", "page=x"]
    + ["per_page=201", "per_page=0", "colour=red", f"q={'x' * 201}"],
)
def test_a_filter_that_makes_no_sense_is_told_and_not_passed_over(house: House, query: str) -> None:
    problem = json.loads(house.get(f"/catalogue.json?{query}", 422))
    assert problem["error"].startswith(query.partition("=")[0])
    if "page" not in query:
        house.get(f"/catalogue.csv?{query}", 422)


def test_what_is_not_there_is_told_to_programs_in_their_form(house: House) -> None:
    answer = house.browser.get("/catalogue/nothing.json")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/json"


def test_the_description_of_the_api_names_the_public_addresses_and_no_others(house: House) -> None:
    described = house.json("/openapi.json")
    assert set(described["paths"]) == {"/catalogue.json", "/catalogue.csv", "/catalogue/{record_id}.json"}
    assert all(list(operations) == ["get"] for operations in described["paths"].values())
    listing = described["paths"]["/catalogue.json"]["get"]
    asked = {each["name"] for each in listing["parameters"]}
    assert asked == {"page", "per_page", "topic", "country", "language", "kind", "q"}
    assert "python" in next(each["schema"]["enum"] for each in listing["parameters"] if each["name"] == "topic")
    house.has()
    given = house.json("/catalogue/typing-club.json")
    assert set(given) == set(described["components"]["schemas"]["Entry"]["properties"])


def test_who_asks_without_end_is_asked_to_wait(house: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(public, "MOST", 2)
    hasty = House(tmp_path)
    for _ in range(2):
        hasty.get("/catalogue.json")
    answer = hasty.browser.get("/catalogue.csv")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 60
