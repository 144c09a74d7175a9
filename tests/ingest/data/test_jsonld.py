"""What pages say to search engines."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from typing import Any

import pytest

from ingest.client import Client
from ingest.run import run, told
from ingest.source import Item
from retrieval.records import Kind
from store.database import Database
from tests.ingest.data.looking import LATER, LONG_AGO, SOON, found, refusal, source
from tests.servers.site import Site

COURSE = {
    "@context": "https://schema.org",
    "@type": "Course",
    "name": "Spreadsheets for beginners",
    "description": "Learn &lt;b&gt;spreadsheets&lt;/b&gt; from the start.",
    "provider": {"@type": "Organization", "name": "Open School"},
    "inLanguage": "en",
    "isAccessibleForFree": True,
}


def html(*blocks: Any, charset: str = "utf-8") -> str:
    written = (block if isinstance(block, str) else json.dumps(block, ensure_ascii=False) for block in blocks)
    scripts = "".join(f'<script type="application/ld+json">{text}</script>' for text in written)
    return f'<!doctype html><html><head><meta charset="{charset}">{scripts}</head><body><p>A page</p></body></html>'


def sitemap(*addresses: str, kind: str = "url") -> str:
    root = {"url": "urlset", "sitemap": "sitemapindex"}[kind]
    inside = "".join(f"<{kind}><loc>\n {address} </loc></{kind}>" for address in addresses)
    schema = "http://www.sitemaps.org/schemas/sitemap/0.9"
    return f'\n<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{schema}">{inside}</{root}>'


def one(site: Site, client: Client, *blocks: Any, **more: Any) -> Item:
    """The item of a page with these blocks."""
    site.put("/page", html(*blocks))
    items, _ = found(source("jsonld", f"{site.url}/page", **more), client)
    (item,) = items.values()
    return item


def test_a_course_is_read_as_its_page_tells_it(site: Site, client: Client) -> None:
    told_there = {
        **COURSE,
        "@id": "#course",
        "url": "/courses/spreadsheets",
        "teaches": ["formulas", {"@type": "DefinedTerm", "name": "charts"}],
        "keywords": "spreadsheets, office 📊",
        "educationalLevel": {"@type": "DefinedTerm", "name": "Beginner"},
        "audience": {"@type": "EducationalAudience", "educationalRole": "students"},
        "educationalCredentialAwarded": {"@type": "EducationalOccupationalCredential", "name": "Badge"},
        "license": "https://creativecommons.org/licenses/by/4.0/",
    }

    item = one(site, client, told_there, provider="The site")

    assert (item.key, item.url) == (f"{site.url}/page#course", f"{site.url}/courses/spreadsheets")
    assert (item.provider, item.cost, item.certificate) == ("Open School", "free", "yes")
    assert (item.teaches, item.tags) == (("formulas", "charts"), ("spreadsheets", "office 📊"))
    assert (item.level, item.audiences, item.languages) == (("Beginner",), ("students",), ("en",))


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("fr", ("fr",)),
        (["en", "sw"], ("en", "sw")),
        ([{"@type": "Language", "name": "Arabic", "alternateName": "ar"}, {"name": "Hausa"}], ("ar", "Hausa")),
        (None, ()),
    ],
)
def test_languages_are_words_lists_or_objects(site: Site, client: Client, said: Any, meant: tuple[str, ...]) -> None:
    assert one(site, client, {**COURSE, "inLanguage": said}).languages == meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Open School", "Open School"),
        ({"@type": "Organization", "name": ["Open School", "Again"]}, "Open School"),
        ([{"name": ""}, {"@id": "#school"}], "Pointed At"),
        ("#school", "Pointed At"),
        ("https://nobody.example/", ""),
        (7, ""),
    ],
)
def test_providers_are_words_objects_lists_or_pointed_at(site: Site, client: Client, said: Any, meant: str) -> None:
    school = {"@type": "Organization", "@id": "#school", "name": "Pointed At"}

    assert one(site, client, {"@graph": [{**COURSE, "provider": said}, school]}).provider == meant


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ({"isAccessibleForFree": True}, "free"),
        ({"isAccessibleForFree": "http://schema.org/True"}, "free"),
        ({"isAccessibleForFree": False}, "paid"),
        ({"offers": {"@type": "Offer", "price": "0.00", "priceCurrency": "USD"}}, "free"),
        ({"offers": [{"price": 49.5, "priceCurrency": "USD"}]}, "49.5 USD"),
        ({"isAccessibleForFree": False, "offers": {"lowPrice": "20", "priceCurrency": "EUR"}}, "20 EUR"),
        ({"offers": {"priceSpecification": {"price": 10, "priceCurrency": "GBP"}}}, "10 GBP"),
        ({"offers": [{"price": 0}, {"price": 50, "priceCurrency": "USD"}]}, "varies"),
        ({"offers": {"category": "Partially Free"}}, "freemium"),
        ({"offers": {"category": "Paid"}}, "paid"),
        ({"offers": "see below"}, ""),
        ({}, ""),
    ],
)
def test_the_price_is_what_the_page_says_about_money(site: Site, client: Client, said: Any, meant: str) -> None:
    assert one(site, client, {**COURSE, "isAccessibleForFree": None, **said}).cost == meant


def test_a_course_begins_with_its_next_run_and_ends_with_its_last(site: Site, client: Client) -> None:
    runs = [
        {"@type": "CourseInstance", "startDate": f"{LONG_AGO}", "endDate": f"{LONG_AGO + timedelta(9)}"},
        {"@type": "CourseInstance", "startDate": f"{SOON}T09:00:00+03:00", "endDate": f"{SOON + timedelta(9)}"},
        {"@type": "CourseInstance", "courseSchedule": {"startDate": f"{LATER}", "endDate": f"{LATER}"}},
    ]

    item = one(site, client, {**COURSE, "hasCourseInstance": runs})

    assert (item.starts, item.ends) == (SOON, LATER)


def test_a_run_without_an_end_leaves_the_course_open(site: Site, client: Client) -> None:
    runs = [{"startDate": f"{LONG_AGO}"}, {"startDate": "some day", "endDate": f"{SOON}"}]

    item = one(site, client, {**COURSE, "hasCourseInstance": runs})

    assert (item.starts, item.ends) == (LONG_AGO, None)


def test_where_one_has_to_be_counts_only_where_one_cannot_join_from_afar(site: Site, client: Client) -> None:
    nairobi = {"@type": "Place", "address": {"@type": "PostalAddress", "addressCountry": {"name": "Kenya"}}}

    def run_with(**said: Any) -> Item:
        return one(site, client, {**COURSE, "hasCourseInstance": {"@type": "CourseInstance", **said}})

    there = run_with(courseMode=["onsite", "part-time"], location=nairobi)
    afar = run_with(courseMode="online", location=nairobi)
    words = run_with(courseMode="onsite", location="Accra, Ghana")
    virtual = run_with(location={"@type": "VirtualLocation", "url": "https://meet.example"})

    assert (there.modality, there.countries) == (("onsite",), ("Kenya",))
    assert (afar.modality, afar.countries) == (("online",), ())
    assert words.countries == ("Accra, Ghana",)
    assert (virtual.modality, virtual.countries) == (("online-instructor-led",), ())


def test_a_run_in_the_graph_belongs_to_its_course_and_is_not_offered_by_itself(site: Site, client: Client) -> None:
    graph = [
        {**COURSE, "hasCourseInstance": {"@id": "#run"}},
        {"@type": "CourseInstance", "@id": "#run", "name": "Run", "startDate": f"{SOON}", "courseMode": "online"},
    ]

    item = one(site, client, {"@context": "https://schema.org", "@graph": graph})

    assert (item.name, item.starts, item.modality) == ("Spreadsheets for beginners", SOON, ("online",))


def test_events_and_schools_are_found_in_lists_and_graphs(site: Site, client: Client) -> None:
    event = {
        "@type": ["EducationEvent", "http://schema.org/Event"],
        "name": [{"@value": "Digital safety day", "@language": "en"}],
        "startDate": f"{SOON}",
        "eventAttendanceMode": "https://schema.org/OnlineEventAttendanceMode",
        "organizer": "Open School",
        "url": "https://open.example/day",
    }
    school = {"@type": "schema:EducationalOrganization", "name": "Open School", "url": "https://open.example"}
    cancelled = {**event, "url": "/other", "eventStatus": "https://schema.org/EventCancelled"}
    listed = {"@type": "ItemList", "itemListElement": [{"@type": "ListItem", "item": {**COURSE, "url": "/c"}}]}
    site.put("/page", html([event, cancelled], {"@graph": [school, {"@type": "WebSite", "name": "No"}]}, listed))

    items, _ = found(source("jsonld", f"{site.url}/page"), client)

    assert {item.name: item.kind for item in items.values()} == {
        "Digital safety day": Kind.PROGRAMME,
        "Open School": Kind.PROVIDER,
        "Spreadsheets for beginners": Kind.PROGRAMME,
    }
    day = items["https://open.example/day"]
    assert (day.starts, day.ends, day.modality) == (SOON, SOON, ("online-instructor-led",))
    assert day.provider == "Open School"


def test_pages_are_found_through_sitemaps_of_sitemaps_packed_or_not(site: Site, client: Client) -> None:
    site.put(
        "/sitemap.xml", sitemap(f"{site.url}/a.xml", f"{site.url}/b.xml.gz", f"{site.url}/sitemap.xml", kind="sitemap")
    )
    site.put("/a.xml", sitemap(f"{site.url}/courses/1", f"{site.url}/courses/1", f"{site.url}/about", "http://[bad"))
    site.put("/b.xml.gz", gzip.compress(sitemap(f"{site.url}/courses/2?a=1&amp;b=2").encode()))
    for path in ("/courses/1", "/courses/2?a=1&b=2"):
        site.put(path, html({**COURSE, "name": f"Course {path}"}))

    items, troubles = found(source("jsonld", f"{site.url}/sitemap.xml", follow="/courses/"), client)

    assert [item.name for item in items.values()] == ["Course /courses/1", "Course /courses/2?a=1&b=2"]
    assert troubles == []
    assert "/about" not in site.asked


def test_what_robots_txt_forbids_is_not_read(site: Site, client: Client) -> None:
    site.put("/robots.txt", "User-agent: *\nDisallow: /private/\n", "text/plain")
    site.put("/sitemap.xml", sitemap(f"{site.url}/courses/1", f"{site.url}/private/2"))
    site.put("/courses/1", html(COURSE))
    site.put("/private/2", html({**COURSE, "name": "Secret"}))

    items, troubles = found(source("jsonld", f"{site.url}/sitemap.xml"), client)

    assert [item.name for item in items.values()] == ["Spreadsheets for beginners"]
    assert [trouble.message for trouble in troubles] == [f"robots.txt forbids 1 pages, such as {site.url}/private/2"]
    assert "/private/2" not in site.asked
    assert site.asked.count("/robots.txt") == 1
    assert "robots.txt of this host forbids it" in refusal(source("jsonld", f"{site.url}/private/2"), client)


def test_nothing_is_read_of_a_host_that_cannot_say_what_is_forbidden(site: Site, client: Client) -> None:
    site.put("/robots.txt", "down", status=503)
    site.put("/page", html(COURSE))

    assert "503" in refusal(source("jsonld", f"{site.url}/page"), client)
    assert "/page" not in site.asked


def test_no_more_pages_are_read_than_an_operator_wants(site: Site, client: Client) -> None:
    site.put("/sitemap.xml", sitemap(*(f"{site.url}/courses/{number}" for number in range(5))))
    for number in range(5):
        site.put(f"/courses/{number}", html({**COURSE, "name": f"Course {number}"}))

    items, troubles = found(source("jsonld", f"{site.url}/sitemap.xml", pages=2), client)

    assert len(items) == 2
    assert ["only the first 2 pages are read" in trouble.message for trouble in troubles] == [True]


def test_a_broken_block_spoils_neither_its_page_nor_the_others(site: Site, client: Client) -> None:
    site.put("/sitemap.xml", sitemap(*(f"{site.url}/{number}" for number in range(3))))
    site.put("/0", html({**COURSE, "name": "First"}))
    site.put("/1", html('{"@type": "Course", "name": "Bro', {**COURSE, "name": "Second"}))
    site.put("/2", html("[[[" * 50_000, {**COURSE, "name": "Third"}))

    items, troubles = found(source("jsonld", f"{site.url}/sitemap.xml"), client)

    assert [item.name for item in items.values()] == ["First", "Second", "Third"]
    assert [trouble.where for trouble in troubles] == [f"{site.url}/1", f"{site.url}/2"]


def test_a_school_that_is_on_each_page_is_met_once(site: Site, client: Client) -> None:
    school = {"@type": "EducationalOrganization", "@id": "https://open.example/#us", "name": "Open School"}
    site.put("/sitemap.xml", sitemap(f"{site.url}/1", f"{site.url}/2"))
    site.put("/1", html(COURSE, {**school, "url": "https://open.example"}))
    site.put("/2", html({**COURSE, "name": "Second"}, {**school, "url": "https://open.example"}))

    items, troubles = found(source("jsonld", f"{site.url}/sitemap.xml"), client)

    assert [item.name for item in items.values()] == ["Spreadsheets for beginners", "Open School", "Second"]
    assert troubles == []


def test_a_page_that_is_no_more_is_gone_and_one_that_fails_ends_nothing(
    sqlite: Database, site: Site, client: Client
) -> None:
    of = source("jsonld", f"{site.url}/sitemap.xml")
    site.put("/sitemap.xml", sitemap(*(f"{site.url}/{number}" for number in range(3))))
    for number in range(3):
        site.put(f"/{number}", html({**COURSE, "name": f"Spreadsheets {number}"}))
    run(sqlite, of, client)
    site.put("/1", "down", status=500)
    failed = run(sqlite, of, client)
    site.put("/1", "gone", status=410)
    gone = run(sqlite, of, client)

    assert failed.summary() == "added 0, changed 0, ended 0, rejected 1"
    assert failed.failure == f"1 of 3 pages cannot be had, such as {site.url}/1"
    assert gone.summary() == "added 0, changed 0, ended 1, rejected 1"
    assert gone.failure == ""


def test_a_site_that_is_down_is_left_alone(site: Site, client: Client) -> None:
    site.put("/sitemap.xml", sitemap(*(f"{site.url}/{number}" for number in range(50))))
    for number in range(50):
        site.put(f"/{number}", "down", status=500)

    assert "5 pages after another cannot be had" in refusal(source("jsonld", f"{site.url}/sitemap.xml"), client)
    assert len({path for path in site.asked if path.strip("/").isdecimal()}) == 5


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        (html({"@type": "WebSite", "name": "Us"}), "text/html", "neither a sitemap nor a page"),
        ("<html><p>No JSON-LD</p></html>", "text/html", "neither a sitemap nor a page"),
        ("", "text/html", "neither a sitemap nor a page"),
        (b"%PDF-1.7 not a page", "application/pdf", "neither a sitemap nor a page"),
        (sitemap(), "text/xml", "no page in the sitemap"),
        (sitemap("/x")[:-20], "text/xml", "the sitemap cannot be read"),
        (gzip.compress(sitemap("/x").encode())[:-12], "application/gzip", "is cut off"),
        (b"\x1f\x8bnot packed", "application/gzip", "cannot be unpacked"),
    ],
)
def test_what_tells_of_nothing_is_refused_in_words(
    site: Site, client: Client, content: Any, kind: str, reason: str
) -> None:
    site.put("/page", content, kind)

    assert reason in refusal(source("jsonld", f"{site.url}/page"), client)


def test_a_sitemap_whose_pages_tell_of_nothing_is_an_error_and_not_an_empty_source(site: Site, client: Client) -> None:
    site.put("/sitemap.xml", sitemap(f"{site.url}/1"))
    site.put("/1", "<html><p>No JSON-LD</p></html>")

    assert "is `follow` right?" in refusal(source("jsonld", f"{site.url}/sitemap.xml"), client)


def test_a_page_that_was_chosen_and_tells_of_nothing_is_told(site: Site, client: Client) -> None:
    site.put("/sitemap.xml", sitemap(f"{site.url}/c/1", f"{site.url}/c/2"))
    site.put("/c/1", html(COURSE))
    site.put("/c/2", "<html><p>Without</p></html>")

    _, troubles = found(source("jsonld", f"{site.url}/sitemap.xml", follow="/c/"), client)

    assert [trouble.where for trouble in troubles] == [f"{site.url}/c/2"]


def test_entities_in_a_sitemap_do_not_grow(site: Site, client: Client) -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE x [<!ENTITY l0 "ha">{laughs}]><urlset><url><loc>&l9;</loc></url></urlset>'
    site.put("/sitemap.xml", bomb, "text/xml")

    assert f"{site.url}/sitemap.xml" in refusal(source("jsonld", f"{site.url}/sitemap.xml"), client)


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"follow": "("}, "no regular expression"), ({"pages": 0}, "a number of pages"), ({"pages": "all"}, "a number")],
)
def test_options_for_pages_that_make_no_sense_are_told(
    site: Site, client: Client, options: dict[str, Any], reason: str
) -> None:
    assert reason in refusal(source("jsonld", f"{site.url}/sitemap.xml", **options), client)
    assert "expected the address" in refusal(source("jsonld", "sitemap.xml"), client)


def test_pages_go_the_whole_way(sqlite: Database, site: Site, client: Client) -> None:
    of = source("jsonld", f"{site.url}/sitemap.xml", follow="/c/")
    site.put("/sitemap.xml", sitemap(*(f"{site.url}/c/{number}" for number in range(3))))
    site.put("/c/0", html(COURSE))
    site.put("/c/1", html({**COURSE, "name": "Online safety &amp; privacy", "provider": "Someone else"}))
    site.put("/c/2", html('{"@type": "Course"'))
    first = run(sqlite, of, client)
    site.put("/c/0", html({**COURSE, "isAccessibleForFree": False}))
    second = run(sqlite, of, client)

    assert first.summary() == "added 2, changed 0, ended 0, rejected 1"
    assert ": Online safety & privacy, Someone else [" in "\n".join(told(first))
    assert second.summary() == "added 0, changed 1, ended 0, rejected 1"
    assert "~ spreadsheets-for-beginners: cost: free → paid" in list(told(second))
