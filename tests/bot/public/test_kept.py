"""What of the public catalogue may be kept, and for how long."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime

import pytest

from tests.bot.public.house import House

KEPT = ["/catalogue.json", "/catalogue/typing-club.json", "/catalogue.csv", "/catalogue", "/catalogue/typing-club"]
KEPT += ["/catalogue.atom", "/sitemap.xml"]


@pytest.mark.parametrize("path", KEPT)
def test_who_has_it_already_is_told_so_until_it_changes(house: House, path: str) -> None:
    house.has()
    first = house.browser.get(path)
    assert first.headers["cache-control"] == "public, max-age=300"
    etag, modified = first.headers["etag"], first.headers["last-modified"]
    for known in ({"If-None-Match": etag}, {"If-None-Match": f'"x", {etag}'}, {"If-Modified-Since": modified}):
        again = house.browser.get(path, headers=known)
        assert (again.status_code, again.text, again.headers["etag"]) == (304, "", etag)

    house.has(summaries={"en": "Learn to type fast."})
    assert house.browser.get(path, headers={"If-None-Match": etag}).status_code == 200


@pytest.mark.parametrize("path", KEPT)
def test_a_look_at_the_head_alone_is_answered(house: House, path: str) -> None:
    house.has()
    head = house.browser.head(path)
    assert (head.status_code, head.text) == (200, "")
    assert head.headers["etag"] == house.browser.get(path).headers["etag"]


def test_what_was_withdrawn_makes_what_was_kept_old(house: House) -> None:
    house.has()
    house.has("other")
    modified = format_datetime(datetime.now(UTC) + timedelta(days=1), usegmt=True)
    etag = house.browser.get("/catalogue.json").headers["etag"]
    house.withdraws("other")
    known = {"If-None-Match": etag, "If-Modified-Since": modified}
    assert house.browser.get("/catalogue.json", headers=known).status_code == 200


def test_a_day_that_ends_a_record_makes_what_was_kept_old(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    class Tomorrow(date):
        @classmethod
        def today(cls) -> date:
            return date.fromordinal(date.today().toordinal() + 1)

    house.has(ends=date.today().isoformat())
    etag = house.browser.get("/catalogue.json").headers["etag"]
    for module in ("bot.offers", "retrieval.records"):
        monkeypatch.setattr(f"{module}.date", Tomorrow)
    answer = house.browser.get("/catalogue.json", headers={"If-None-Match": etag})
    assert (answer.status_code, answer.json()["entries"]) == (200, [])


def test_the_languages_of_a_page_are_kept_apart(house: House) -> None:
    house.has()
    etag = house.browser.get("/catalogue/typing-club", headers={"Accept-Language": "fr"}).headers["etag"]
    other = house.browser.get("/catalogue/typing-club", headers={"Accept-Language": "sw", "If-None-Match": etag})
    assert (other.status_code, other.headers["content-language"]) == (200, "sw")
    assert "Accept-Language" in other.headers["vary"]


def test_nonsense_about_what_is_kept_is_passed_over(house: House) -> None:
    house.has()
    for known in ({"If-Modified-Since": "yesterday"}, {"If-None-Match": "W/"}, {"If-Modified-Since": ""}):
        assert house.browser.get("/catalogue", headers=known).status_code == 200
