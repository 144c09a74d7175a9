"""Courses of Moodle sites."""

from __future__ import annotations

import logging
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ingest.source import Item, Trouble
from retrieval.records import Kind
from tests.ingest.web.looking import HTML, MOODLE, SORRY, TOKEN, failure, look, taken
from tests.servers.site import CUT, Answer, Call, Site, as_json


def course(number: int, name: str = "Safe passwords", **more: Any) -> dict[str, Any]:
    """As Moodle 4 gives it to somebody who may see the course."""
    return {
        "id": number,
        "fullname": name,
        "displayname": name,
        "shortname": f"SP{number}",
        "courseimage": "https://moodle.example/pluginfile.php/1/image.png",
        "categoryid": 3,
        "categoryname": "Security &amp; Safety",
        "sortorder": 10001,
        "summary": "<p>How to <b>choose</b> a password.</p>",
        "summaryformat": 1,
        "summaryfiles": [],
        "overviewfiles": [{"filename": "a.png", "fileurl": "https://moodle.example/webservice/pluginfile.php/1/a.png"}],
        "contacts": [{"id": 2, "fullname": "Amina Teacher"}],
        "enrollmentmethods": ["manual", "self"],
        "customfields": [],
        "format": "topics",
        "startdate": 1798675200,
        "enddate": 0,
        "visible": 1,
        "lang": "",
        **more,
    }


def courses(*found: Any, **more: Any) -> Answer:
    """An answer of either function."""
    return as_json({"courses": list(found), "warnings": [], **more})


def custom(name: str, value: object, kind: str = "text", raw: object = None) -> dict[str, Any]:
    """A custom field of a course."""
    return {
        "name": name.title(),
        "shortname": name,
        "type": kind,
        "value": value,
        "valueraw": value if raw is None else raw,
    }


def test_a_course_is_taken_as_moodle_keeps_it(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEIR_TOKEN", f" {TOKEN}\n")
    site.routes[MOODLE] = courses(course(8, "Passwords &amp; more 🔐", lang="es_mx", enddate=1801353600))

    (item,) = taken("moodle", site.url + "/", token_env="THEIR_TOKEN")

    assert item == Item(
        key="8",
        name="Passwords &amp; more 🔐",
        url=f"{site.url}/course/view.php?id=8",
        kind=Kind.RESOURCE,
        text="<p>How to <b>choose</b> a password.</p>",
        tags=("Security &amp; Safety",),
        languages=("es_mx",),
        starts=date(2026, 12, 31),
        ends=date(2027, 1, 31),
    )
    assert site.calls[0].query == {
        "wstoken": TOKEN,
        "wsfunction": "core_course_get_courses_by_field",
        "moodlewsrestformat": "json",
        "moodlewssettingfilter": "true",
    }


def test_the_site_itself_and_hidden_courses_are_left_out(site: Site) -> None:
    bare = {name: value for name, value in course(4).items() if name not in {"visible", "format", "startdate", "lang"}}
    site.routes[MOODLE] = courses(
        course(1), course(2, visible=0), course(3, format="site"), course(5, visible=False), bare
    )

    (item,) = taken("moodle", site.url, token=TOKEN)

    assert (item.key, item.starts, item.languages) == ("4", None, ())


def test_no_day_and_odd_days_are_no_days(site: Site) -> None:
    odd = [0, None, -5, "soon", 10**30, True]
    site.routes[MOODLE] = courses(*(course(number, startdate=day) for number, day in enumerate(odd, 2)))

    assert {item.starts for item in taken("moodle", site.url, token=TOKEN)} == {None}


def test_a_day_is_that_of_the_site(site: Site) -> None:
    site.routes[MOODLE] = courses(course(2, startdate=1798664400))  # midnight in Nairobi

    (there,) = taken("moodle", site.url, token=TOKEN, timezone="Africa/Nairobi")
    (greenwich,) = taken("moodle", site.url, token=TOKEN)

    assert (there.starts, greenwich.starts) == (date(2026, 12, 31), date(2026, 12, 30))


def test_custom_fields_tell_more(site: Site) -> None:
    told = [
        custom("Country", "Kenya; Uganda", "select", 2),
        custom("cost", None),
        custom("audiences", "Women\nYouth", "textarea"),
        custom("certificate", "Oui", "checkbox", 1),
        custom("schwierigkeit", "Beginner", "select", 1),
        custom("secret", "for us alone"),
        None,
    ]
    site.routes[MOODLE] = courses(course(2, customfields=told, tags=[{"rawname": "Passwords"}, "Safety", None]))

    (item,) = taken("moodle", site.url, token=TOKEN, fields={"level": ["schwierigkeit", "nothing"]})

    assert item.countries == ("Kenya", "Uganda")
    assert item.audiences == ("Women", "Youth")
    assert (item.cost, item.certificate, item.level) == ("", "yes", ("Beginner",))
    assert item.tags == ("Security &amp; Safety", "Passwords", "Safety")


def test_entities_are_no_separators(site: Site) -> None:
    told = [custom("tags", "Arts &amp; Crafts; Typing"), custom("cost", "5 &euro;; 10 &euro;")]
    site.routes[MOODLE] = courses(course(2, customfields=told))

    (item,) = taken("moodle", site.url, token=TOKEN)

    assert (item.tags, item.cost) == (("Arts & Crafts", "Typing"), "5 &euro;; 10 &euro;")


def test_a_plain_text_is_not_read_as_markup(site: Site) -> None:
    site.routes[MOODLE] = courses(course(2, summary="Use <tags> & more", summaryformat=2))

    (item,) = taken("moodle", site.url, token=TOKEN)

    assert item.text == "Use &lt;tags&gt; &amp; more"


def test_ugly_courses_and_warnings_are_told(site: Site) -> None:
    warning = {"item": "course", "itemid": 9, "warningcode": "1", "message": "No access rights in course context"}
    site.routes[MOODLE] = courses(
        None, course(2, fullname=None, displayname=""), {"fullname": "No number"}, course(3), warnings=[warning]
    )

    found = list(look("moodle", site.url, token=TOKEN))

    assert [str(each) for each in found if isinstance(each, Trouble)] == [
        "there: a course was expected, “None” came",
        "there 2: has no name",
        "there course: has no number",
        "there 9: No access rights in course context",
    ]
    assert [each.key for each in found if isinstance(each, Item)] == ["3"]


def test_courses_are_searched_page_by_page(site: Site) -> None:
    everything = [course(number, categoryid=number % 2) for number in range(2, 152)]

    def route(call: Call) -> Answer:
        first = int(call.query["page"]) * 100
        return courses(*everything[first : first + 100], total=len(everything))

    site.routes[MOODLE] = route

    assert len(taken("moodle", site.url, token=TOKEN, search="pass & word")) == 150
    assert [call.query["page"] for call in site.calls] == ["0", "1"]
    assert site.calls[0].query["wsfunction"] == "core_course_search_courses"
    assert site.calls[0].query["criteriavalue"] == "pass & word"
    assert len(taken("moodle", site.url, token=TOKEN, search="pass", category=1)) == 75


def test_a_search_that_repeats_itself_ends(site: Site) -> None:
    site.routes[MOODLE] = lambda _: courses(course(2), total=5000)

    assert len(taken("moodle", site.url, token=TOKEN, search="pass")) == 1
    assert site.count(MOODLE) == 2


def test_one_category_is_asked_for(site: Site) -> None:
    site.routes[MOODLE] = courses(course(2))

    assert len(taken("moodle", site.url + MOODLE, token=TOKEN, category=3)) == 1
    assert (site.calls[0].query["field"], site.calls[0].query["value"]) == ("category", "3")


@pytest.mark.parametrize(
    ("code", "message", "words"),
    [
        ("invalidtoken", "Invalid token - token not found", "make a new token"),
        ("accessexception", "Access control exception", "add the function to the service"),
        ("unheard", f"Do not know {TOKEN}", "Do not know …"),
    ],
)
def test_what_moodle_refuses_with_a_friendly_status_is_told(site: Site, code: str, message: str, words: str) -> None:
    site.routes[MOODLE] = as_json({"exception": "moodle_exception", "errorcode": code, "message": message})

    said = failure("moodle", site.url, token=TOKEN)

    assert f"({code}) to core_course_get_courses_by_field" in said
    assert words in said
    assert TOKEN not in said


@pytest.mark.parametrize("answer", [None, [], {"courses": None}, "courses"])
def test_what_is_no_list_of_courses_is_told(site: Site, answer: object) -> None:
    site.routes[MOODLE] = as_json(answer)

    assert "something else came" in failure("moodle", site.url, token=TOKEN)


@pytest.mark.parametrize(
    "fault",
    [
        SORRY,
        (403, HTML, ""),
        (404, HTML, ""),
        (302, {"Location": f"http://10.0.0.1/?wstoken={TOKEN}"}, ""),
        (302, {"Location": f"ftp://files.example/?wstoken={TOKEN}"}, ""),
        (503, {"Retry-After": "0"}, ""),
        CUT,
    ],
)
def test_the_token_is_told_to_nobody(
    site: Site, fault: Answer | str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    site.routes[MOODLE] = fault

    said = failure("moodle", site.url, token=TOKEN, memory=tmp_path)

    assert any(call.query["wstoken"] == TOKEN for call in site.calls)
    assert TOKEN not in said + caplog.text
    site.routes[MOODLE] = courses(course(2))
    list(look("moodle", site.url + "/", token=TOKEN, memory=tmp_path, category=7))
    kept = [place.name.encode() + place.read_bytes() for place in tmp_path.iterdir()]
    assert kept
    assert TOKEN.encode() not in b"".join(kept)
    assert TOKEN not in caplog.text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "the option `token_env` names the environment variable"),
        ({"token": ""}, "the option `token_env` names the environment variable"),
        ({"token_env": "NOT_THERE"}, "into the environment as NOT_THERE"),
        ({"token": "x", "category": "Security"}, "`category` is the number"),
        ({"token": "x", "timezone": "Nairobi time"}, "“Nairobi time” is no time zone"),
        ({"token": "x", "timezone": "../etc"}, "is no time zone"),
        ({"token": "x", "fields": {"price": "cost"}}, "maps our fields to custom fields"),
        ({"token": "x", "fields": "cost"}, "maps our fields to custom fields"),
    ],
)
def test_a_wrong_option_for_moodle_is_told(options: dict[str, Any], words: str) -> None:
    assert words in failure("moodle", "https://moodle.example", **options)
