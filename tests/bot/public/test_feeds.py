"""Feeds and maps of the public catalogue."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree import ElementTree

from tests.bot.public.house import House

ATOM = "{http://www.w3.org/2005/Atom}"
MAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"


def test_the_feed_tells_changes_newest_first_with_the_day_of_the_check(house: House) -> None:
    house.has("old", name="Old & <b>bold</b>", checked="2026-03-01")
    house.has("new", name="New", names={"fr": "Nouveau"})
    house.changed("old", datetime(2026, 1, 1, tzinfo=UTC))
    house.changed("new", datetime(2026, 2, 1, tzinfo=UTC))

    feed = ElementTree.fromstring(house.get("/catalogue.atom"))
    assert [each.text for each in feed.findall(f"{ATOM}entry/{ATOM}title")] == ["New", "Old & <b>bold</b>"]
    summaries = [str(each.text) for each in feed.findall(f"{ATOM}entry/{ATOM}summary")]
    assert summaries == ["Learn to type. (not yet checked)", "Learn to type. (checked on Mar 1, 2026)"]
    assert feed.findtext(f"{ATOM}updated") == "2026-02-01T00:00:00+00:00"
    french = ElementTree.fromstring(house.get("/catalogue.atom?lang=fr"))
    assert french.findtext(f"{ATOM}entry/{ATOM}title") == "Nouveau"


def test_the_map_names_every_page_and_robots_are_shown_it(house: House) -> None:
    house.has()
    places = ElementTree.fromstring(house.get("/sitemap.xml")).findall(f"{MAP}url/{MAP}loc")
    assert [place.text for place in places] == [
        "https://dalil.example/",
        "https://dalil.example/catalogue",
        "https://dalil.example/catalogue/typing-club",
    ]
    robots = house.get("/robots.txt")
    assert "Sitemap: https://dalil.example/sitemap.xml" in robots
    assert "Disallow: /desk" in robots
