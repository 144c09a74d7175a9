"""The public catalogue for people who read it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from locales import LANGUAGES
from tests.bot.public.house import Elements, House


def test_a_page_needs_no_script_and_loads_nothing_from_elsewhere(house: House) -> None:
    house.has()
    for path in ("/catalogue", "/catalogue/typing-club"):
        answer = house.browser.get(path)
        page = Elements(answer.text)
        assert [script.get("type") for script in page.of("script")] in ([], ["application/ld+json"])
        loaded = [link["href"] for link in page.of("link") if link["rel"] in {"stylesheet", "icon"}]
        assert all(str(address).startswith("/static/") for address in loaded)
        assert "style=" not in answer.text
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert "set-cookie" not in answer.headers


def test_a_page_says_what_decides_and_leads_on(house: House) -> None:
    house.has(checked="2026-03-01", starts="2026-01-05", ends=(date.today() + timedelta(days=9)).isoformat())
    page = house.get("/catalogue/typing-club?lang=en")
    for said in ("Typing Club", "A club", "Learn to type.", "Language: English, Swahili", "Cost: free"):
        assert said in page
    for said in ("Certificate: not known", "Starts: Jan 5, 2026", "checked on Mar 1, 2026", "Source: a test"):
        assert said in page
    links = [str(link.get("href")) for link in Elements(page).of("a")]
    assert {"https://typing.example/start", "/?lang=en", "/catalogue?topic=typing&lang=en"} <= set(links)


@pytest.mark.parametrize("code", LANGUAGES)
def test_pages_are_in_the_reader_s_language(house: House, code: str) -> None:
    house.has(names={code: "Jina"}, summaries={"en": "Learn to type.", "ar": "تعلم الكتابة"})
    for page in (
        house.get(f"/catalogue/typing-club?lang={code}"),
        house.get("/catalogue/typing-club", **{"Accept-Language": f"{code};q=0.9, xx"}),
        house.get(f"/catalogue?lang={code}"),
    ):
        html = Elements(page).of("html")[0]
        assert html == {"lang": code, "dir": "rtl" if code == "ar" else "ltr"}
        assert "Jina" in page
        assert ("Ask Dalil" in page) == (code == "en")


def test_a_summary_says_in_which_language_it_is(house: House) -> None:
    house.has(summaries={"en": "Learn to type.", "ar": "تعلم الكتابة"})
    assert '<p class="summary" lang="ar" dir="rtl">تعلم الكتابة' in house.get("/catalogue/typing-club?lang=ar")
    assert '<p class="summary" lang="en" dir="ltr">Learn' in house.get("/catalogue/typing-club?lang=fr")


def test_the_chosen_language_stays_from_page_to_page(house: House) -> None:
    for number in range(30):
        house.has(f"course-{number:02}")
    links = [str(link.get("href")) for link in Elements(house.get("/catalogue?lang=sw&q=type")).of("a")]
    assert "/catalogue/course-00?lang=sw" in links
    assert "/catalogue?q=type&lang=sw&page=2" in links
    assert "/catalogue/course-20?lang=sw" in house.get("/catalogue?q=type&lang=sw&page=2")
    assert "/catalogue/course-20?" not in house.get("/catalogue?lang=sw")


@pytest.mark.parametrize(
    "query", ["page=0", "page=3", "page=x", "page=٣", "topic=flying", "country=XX", "page=9999999"]
)
def test_a_page_that_there_is_not_is_not_found(house: House, query: str) -> None:
    house.has()
    assert "There is nothing at this address." in house.get(f"/catalogue?{query}", 404)


def test_an_empty_catalogue_says_so(house: House) -> None:
    assert "Nothing found." in house.get("/catalogue")
    assert house.json("/catalogue.json")["pages"] == 1
    assert len(house.rows()) == 2
    house.get("/catalogue.atom")
    house.get("/sitemap.xml")
