"""WordPress, Moodle, feeds and calendars: what they publish is taken, and what goes wrong there is told in words."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ingest.client import Client, Unreachable
from ingest.normalise import normalised
from ingest.source import Item, Source, Trouble, adapter
from retrieval.records import Kind
from tests.servers.site import CUT, Answer, Call, Site, as_json, serving

TOKEN = "0123456789abcdef0123456789abcdef"
POSTS = "/wp-json/wp/v2/posts"
MOODLE = "/webservice/rest/server.php"
TODAY = datetime.now(UTC).date()
HTML: Mapping[str, str] = {"Content-Type": "text/html; charset=UTF-8"}
SORRY: Answer = (
    200,
    HTML,
    "<!DOCTYPE html><html><head><title>Sorry</title></head><body><h1>Back soon</h1></body></html>",
)


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as running:
        yield running


@cache
def forgetful() -> Client:
    """A client without a memory, for all tests: it takes a twentieth of a second to make one."""
    return Client(private=["127.0.0.1"], pause=0)


def look(adapter_name: str, location: str, *, memory: Path | None = None, **options: Any) -> Iterator[Item | Trouble]:
    """What an adapter finds, as it finds it."""
    source = Source(name="there", adapter=adapter_name, location=location, kind=Kind.RESOURCE, options=options)
    client = Client(memory, private=["127.0.0.1"], pause=0) if memory else forgetful()
    yield from adapter(adapter_name)(source, client)


def taken(adapter_name: str, location: str, **options: Any) -> list[Item]:
    """All that is there, if nothing is wrong with it."""
    found = list(look(adapter_name, location, **options))
    assert [each for each in found if isinstance(each, Trouble)] == []
    return [each for each in found if isinstance(each, Item)]


def failure(adapter_name: str, location: str, **options: Any) -> str:
    """What an operator is told if nothing can be had."""
    with pytest.raises(Unreachable) as error:
        list(look(adapter_name, location, **options))
    return str(error.value)


# WordPress


def post(number: int, title: str = "Typing for all", **more: Any) -> dict[str, Any]:
    """As WordPress 6 gives it with `_embed`."""
    return {
        "id": number,
        "date": "2026-01-05T09:00:00",
        "modified": "2026-02-01T10:11:12",
        "guid": {"rendered": f"https://site.example/?p={number}"},
        "slug": f"post-{number}",
        "status": "publish",
        "type": "post",
        "link": f"https://site.example/typing-{number}/",
        "title": {"rendered": title},
        "content": {"rendered": "\n<p>Learn to type with <strong>ten</strong> fingers.</p>\n", "protected": False},
        "excerpt": {"rendered": "<p>Learn to type [&hellip;]</p>\n", "protected": False},
        "author": 1,
        "featured_media": 0,
        "meta": [],
        "acf": [],
        "_links": {"self": [{"href": f"https://site.example/wp-json/wp/v2/posts/{number}"}]},
        "_embedded": {
            "wp:term": [
                [{"id": 1, "name": "Uncategorized", "slug": "uncategorized", "taxonomy": "category"}],
                [{"id": 7, "name": "Arts &amp; Crafts", "slug": "arts", "taxonomy": "post_tag"}],
            ]
        },
        **more,
    }


def paged(posts: list[dict[str, Any]], size: int = 100, **promised: str) -> Any:
    """The posts as WordPress serves them, page by page."""
    pages = -(-len(posts) // size)

    def route(call: Call) -> Answer:
        number = int(call.query["page"])
        if number > max(pages, 1):
            fault = {
                "code": "rest_post_invalid_page_number",
                "message": "The page number requested is larger than the number of pages available.",
                "data": {"status": 400},
            }
            return as_json(fault, 400)
        shown = posts[(number - 1) * size : number * size]
        said = promised or {"X_WP_Total": str(len(posts)), "X_WP_TotalPages": str(pages)}
        return as_json(shown, **{name: value for name, value in said.items() if value})

    return route


def test_a_post_is_taken_as_wordpress_keeps_it(site: Site) -> None:
    site.routes[POSTS] = paged([post(12, "Typing &#8211; for <em>all</em> &amp; everyone 🎉")])

    (item,) = taken("wordpress", site.url + "/")

    assert item.key == "12"
    assert item.name == "Typing &#8211; for <em>all</em> &amp; everyone 🎉"
    assert item.url == "https://site.example/typing-12/"
    assert "with <strong>ten</strong> fingers" in item.text
    assert item.tags == ("Arts & Crafts",)
    assert item.kind is Kind.RESOURCE
    asked = site.calls[0].query
    assert asked == {"per_page": "100", "page": "1", "orderby": "id", "order": "asc", "_embed": "wp:term"}


def test_a_post_becomes_a_record_with_a_readable_name(site: Site) -> None:
    site.routes[POSTS] = paged([post(12, "Typing &#8211; for <em>all</em> &amp; everyone 🎉")])
    source = Source(name="there", adapter="wordpress", location=site.url)

    (item,) = taken("wordpress", site.url)
    record = normalised(item, source, "typing").record

    assert record is not None
    assert record.name == "Typing – for all & everyone 🎉"
    assert record.summaries["en"] == "Learn to type with ten fingers."


def test_two_pages_are_read_and_no_third_is_asked_for(site: Site) -> None:
    site.routes[POSTS] = paged([post(number) for number in range(1, 151)])

    found = taken("wordpress", site.url)

    assert [item.key for item in found] == [str(number) for number in range(1, 151)]
    assert site.count(POSTS) == 2


def test_without_a_number_of_pages_the_end_is_where_wordpress_says_so(site: Site) -> None:
    site.routes[POSTS] = paged([post(number) for number in range(1, 151)], X_WP_TotalPages="")

    assert len(taken("wordpress", site.url)) == 150
    assert site.count(POSTS) == 3


@pytest.mark.parametrize("said", ["", "many", "-1", "9" * 5000])
def test_a_site_that_gives_the_same_page_for_ever_is_read_once(site: Site, said: str) -> None:
    site.routes[POSTS] = lambda _: as_json([post(1), post(2)], X_WP_TotalPages=said)

    assert len(taken("wordpress", site.url)) == 2
    assert site.count(POSTS) == 2


def test_an_empty_page_is_the_end(site: Site) -> None:
    site.routes[POSTS] = lambda call: as_json([post(1)] if call.query["page"] == "1" else [])

    assert len(taken("wordpress", site.url)) == 1


def test_a_site_without_posts_has_none(site: Site) -> None:
    site.routes[POSTS] = paged([])

    assert taken("wordpress", site.url) == []


def test_where_pages_are_missing_nothing_is_taken_for_ended(site: Site) -> None:
    site.routes[POSTS] = lambda _: as_json([post(1)], X_WP_TotalPages="7")

    assert "page 2 of 7 repeats what was there" in failure("wordpress", site.url)


def test_endless_paging_is_broken_off(site: Site) -> None:
    site.routes[POSTS] = lambda call: as_json([{"id": int(call.query["page"]), "title": {"rendered": "More"}}])

    assert "more than 1000 pages" in failure("wordpress", site.url)
    assert site.count(POSTS) == 1000


def test_a_post_that_is_there_twice_is_taken_once(site: Site) -> None:
    posts = [post(1), post(2), post(2, "moved to the next page meanwhile"), post(3)]
    site.routes[POSTS] = paged(posts, size=2)

    assert [item.key for item in taken("wordpress", site.url, per_page=2)] == ["1", "2", "3"]


def test_fields_of_the_site_are_mapped_to_ours(site: Site) -> None:
    acf = {
        "country": [{"value": "KE", "label": "Kenya"}, {"value": "UG", "label": "Uganda"}],
        "modules": [{"title": "The keyboard"}, {"title": "Ten fingers"}, {"title": ""}],
        "price": 0,
        "language": "English; Kiswahili",
        "certificate": True,
        "level": False,
        "begins": "20270131",
        "ends": "28/02/2027",
        "kind": "Programme",
        "partner": {"ID": 5, "post_title": "A Club"},
        "apply": {"title": "Apply", "url": "https://apply.example/1", "target": ""},
    }
    site.routes["/wp-json/wp/v2/course"] = paged([post(1, acf=acf, meta={"audience": ["Women", "Youth"]})])

    (item,) = taken(
        "wordpress",
        site.url + "/wp-json",
        type="course",
        fields={
            "countries": "acf.country",
            "teaches": "acf.modules.title",
            "cost": "acf.price",
            "languages": "acf.language",
            "certificate": "acf.certificate",
            "level": "acf.level",
            "starts": "acf.begins",
            "ends": "acf.ends",
            "kind": "acf.kind",
            "provider": ["acf.nobody", "acf.partner", "acf.language"],
            "audiences": "meta.audience",
            "url": ["acf.apply.url", "link"],
        },
    )

    assert item.countries == ("Kenya", "Uganda")
    assert item.teaches == ("The keyboard", "Ten fingers")
    assert (item.cost, item.certificate, item.level) == ("0", "yes", ())
    assert item.languages == ("English", "Kiswahili")
    assert (item.starts, item.ends) == (date(2027, 1, 31), date(2027, 2, 28))
    assert (item.kind, item.provider, item.url) == (Kind.PROGRAMME, "A Club", "https://apply.example/1")
    assert item.audiences == ("Women", "Youth")
    assert item.tags == ("Arts & Crafts",)


def test_ugly_posts_are_told_and_the_others_taken(site: Site) -> None:
    bare = {"id": 5, "title": {"rendered": "Bare"}}
    nulls = dict.fromkeys(post(6), None) | {"id": 6, "title": {"rendered": "Nulls"}, "_embedded": {"wp:term": None}}
    refused = {"code": "rest_forbidden", "message": "Sorry", "data": {"status": 401}}
    site.routes[POSTS] = lambda _: as_json(
        [
            None,
            "a post",
            post(1, ""),
            post(2, "   "),
            {**post(3), "id": None, "link": None},
            post(4, content={"rendered": "", "protected": True}),
            bare,
            nulls,
            post(7, link="javascript:alert(1)", _embedded={"wp:term": [refused, [[["deep"]]]]}),
            {**post(8), "id": None},
            {**post(9), "title": "A plain name"},
        ],
        X_WP_TotalPages="1",
    )

    found = list(look("wordpress", site.url, fields={"starts": "acf.begins", "cost": "meta.a.b.c"}))

    assert [str(each) for each in found if isinstance(each, Trouble)] == [
        "there: a post was expected, “None” came",
        "there: a post was expected, “a post” came",
        "there 1: has no name",
        "there 2: has no name",
        "there post: has neither id nor link",
        "there 4: is behind a password",
    ]
    items = [each for each in found if isinstance(each, Item)]
    assert [item.key for item in items] == ["5", "6", "7", "https://site.example/typing-8/", "9"]
    assert (items[0].url, items[0].text, items[0].tags, items[0].starts) == ("", "", (), None)
    assert (items[2].url, items[4].name) == ("", "A plain name")


def test_leftovers_of_page_builders_are_not_text(site: Site) -> None:
    text = '[vc_row][vc_column width="1/2"]Learn [online] to type.[/vc_column][/vc_row]'
    site.routes[POSTS] = paged([post(1, content={"rendered": text, "protected": False})])

    (item,) = taken("wordpress", site.url)

    assert item.text.split() == ["Learn", "[online]", "to", "type."]


@pytest.mark.parametrize(
    "path", ["/blog", "/blog/", "/blog/wp-json", "/blog/wp-json/wp/v2/posts", "/blog/wp-json/wp/v2/posts?lang=fr"]
)
def test_the_location_may_be_a_site_or_a_whole_address(site: Site, path: str) -> None:
    site.routes["/blog" + POSTS] = paged([post(1)])

    assert len(taken("wordpress", site.url + path)) == 1
    assert site.calls[0].query.get("lang") == ("fr" if "lang" in path else None)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fields": {"price": "acf.price"}}, "the option `fields` maps our fields to paths; ours: key, name,"),
        ({"fields": ["acf.price"]}, "the option `fields` maps our fields"),
        ({"fields": {"cost": 5}}, "`fields.cost` is a path such as acf.cost"),
        ({"fields": {"cost": ["a", None]}}, "`fields.cost` is a path"),
        ({"per_page": 500}, "`per_page` is a number from 1 to 100"),
        ({"per_page": "all"}, "`per_page` is a number from 1 to 100"),
    ],
)
def test_a_wrong_option_is_told(options: dict[str, Any], words: str) -> None:
    assert words in failure("wordpress", "https://site.example", **options)


def test_a_location_that_is_no_address_is_told() -> None:
    assert "such as https://site.example" in failure("wordpress", "site.example")
    assert "such as https://moodle.example" in failure("moodle", "moodle.example", token="x")


@pytest.mark.parametrize(
    ("status", "code", "words"),
    [
        (404, "rest_no_route", "or no such type: see /wp-json/wp/v2/types"),
        (401, "rest_forbidden", "only members"),
        (403, "rest_forbidden", "nobody"),
        (400, "rest_invalid_param", "No &amp; never"),
    ],
)
def test_what_wordpress_refuses_is_told_in_its_words_and_ours(site: Site, status: int, code: str, words: str) -> None:
    site.routes[POSTS] = as_json({"code": code, "message": "No &amp; never", "data": {"status": status}}, status)

    said = failure("wordpress", site.url)

    assert f"the server answers {status}: No &amp; never" in said
    assert words in said


def test_an_object_where_posts_were_expected_is_told(site: Site) -> None:
    site.routes[POSTS] = as_json({"namespaces": ["wp/v2"]})

    assert "a list of posts was expected" in failure("wordpress", site.url)


def test_a_failure_on_a_later_page_keeps_what_was_read(site: Site) -> None:
    site.routes[POSTS] = paged([post(number) for number in range(1, 151)])
    found = look("wordpress", site.url)
    first = next(found)
    site.fail(POSTS, *[(500, {"Retry-After": "0"}, "<b>Fatal error</b>")] * 3)

    assert isinstance(first, Item)
    with pytest.raises(Unreachable, match="the server answers 500"):
        list(found)


# Moodle


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


# Feeds


RSS = """\
<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/">
<channel>
  <title>News of a club</title><link>https://club.example/</link><language>fr-FR</language>
  <item>
    <title>Typing &#8211; for all &amp;amp; everyone 🎉</title>
    <link>/typing?a=1&amp;b=2</link>
    <guid isPermaLink="false">urn:club:1</guid>
    <pubDate>{new}</pubDate>
    <category>Typing</category><category>Office &amp; more</category>
    <dc:creator>Amina Writer</dc:creator><dc:publisher>A Club</dc:publisher>
    <description>Short</description>
    <content:encoded><![CDATA[<p>Learn to <b>type</b>.</p><script>alert(1)</script>]]></content:encoded>
  </item>
  <item><title>Old</title><link>https://club.example/old</link><pubDate>Sat, 01 Jan 2000 00:00:00 GMT</pubDate></item>
  <item><title>Undated</title><link>https://club.example/undated</link></item>
  <item><title>Badly dated</title><guid>https://club.example/bad</guid><pubDate>31/31/2026 soon</pubDate></item>
  <item><title>Only a name</title></item>
  <item><description>Without a title</description><link>https://club.example/untitled</link></item>
  <item><title>Dangerous</title><link>javascript:alert(1)</link><guid>urn:club:9</guid></item>
</channel></rss>
"""
ATOM = """\
<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="es">
  <title>Club</title><id>urn:feed</id><updated>2026-01-01T00:00:00Z</updated>
  <entry>
    <id>urn:entry:1</id><title type="html">Mecanograf&amp;iacute;a</title>
    <link rel="enclosure" href="https://club.example/a.mp3"/><link rel="alternate" href="https://club.example/a"/>
    <updated>2026-01-01T00:00:00Z</updated><category term="typing" label="Mecanografía"/>
    <summary>Resumen</summary>
    <content type="html" xml:lang="pt-BR">&lt;p&gt;Aprenda&lt;/p&gt;</content>
  </entry>
</feed>
"""


def rss() -> str:
    """A feed with an entry of today."""
    return RSS.replace("{new}", datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT"))


def served(site: Site, body: str | bytes, kind: str = "application/rss+xml; charset=utf-8", path: str = "/feed") -> str:
    """The address under which something is served."""
    site.routes[path] = (200, {"Content-Type": kind}, body)
    return site.url + path


def test_entries_of_rss_are_taken(site: Site) -> None:
    found = list(look("feed", served(site, rss())))

    items = {item.key: item for item in found if isinstance(item, Item)}
    first = items["urn:club:1"]
    assert first.name == "Typing – for all &amp; everyone 🎉"
    assert first.url == f"{site.url}/typing?a=1&b=2"
    assert (first.provider, first.tags, first.languages) == ("A Club", ("Typing", "Office & more"), ("fr-FR",))
    assert "Learn to <b>type</b>." in first.text
    assert "alert" not in first.text
    assert first.kind is Kind.RESOURCE
    assert [item.name for item in items.values()][1:] == ["Old", "Undated", "Badly dated", "Only a name", "Dangerous"]
    assert "https://club.example/bad" in items
    assert (items["urn:club:9"].url, items["https://club.example/old"].text) == ("", "")
    (trouble,) = [each for each in found if isinstance(each, Trouble)]
    assert str(trouble) == "there https://club.example/untitled: has no title"


def test_keys_stay_the_same_from_one_look_to_the_next(site: Site) -> None:
    address = served(site, rss())

    first, second = list(look("feed", address)), list(look("feed", address))

    assert first == second


def test_entries_of_atom_are_taken(site: Site) -> None:
    (item,) = taken("feed", served(site, ATOM, "application/atom+xml"))

    assert (item.key, item.url) == ("urn:entry:1", "https://club.example/a")
    assert (item.text, item.tags, item.languages) == ("<p>Aprenda</p>", ("Mecanografía",), ("pt-BR",))


def test_old_entries_are_left_out_if_the_operator_says_so(site: Site) -> None:
    names = [item.name for item in look("feed", served(site, rss()), days=30) if isinstance(item, Item)]

    assert "Old" not in names
    assert {"Undated", "Badly dated"} < set(names)


@pytest.mark.parametrize("days", [0, "a month", -3, 10**9])
def test_an_odd_number_of_days_is_told(days: object) -> None:
    assert "`days` is a number of days" in failure("feed", "https://club.example/feed", days=days)


def test_events_of_a_feed_have_their_days(site: Site) -> None:
    days = "<ev:startdate>2027-01-31T10:00</ev:startdate><ev:enddate>2027-02-01</ev:enddate>"
    feed = f"""<rss version="2.0" xmlns:ev="http://purl.org/rss/1.0/modules/event/"><channel>
        <item><title>A day</title>{days}</item></channel></rss>"""

    (item,) = taken("feed", served(site, feed))

    assert (item.starts, item.ends) == (date(2027, 1, 31), date(2027, 2, 1))


def test_a_broken_feed_gives_what_can_be_read_and_says_so(site: Site) -> None:
    cut = rss().partition("<title>Only a name")[0]

    trouble, *found = look("feed", served(site, cut))

    assert isinstance(trouble, Trouble)
    assert "the feed is broken, entries may be missing (no element found, line" in trouble.message
    assert {"urn:club:1", "https://club.example/bad"} <= {each.key for each in found if isinstance(each, Item)}


@pytest.mark.parametrize("kind", ["text/html", "text/plain; charset=us-ascii", "text/xml; charset=iso-8859-1", "odd"])
def test_a_wrong_content_type_is_no_fault_of_the_feed(site: Site, kind: str) -> None:
    (item,) = taken("feed", served(site, ATOM, kind))

    assert item.key == "urn:entry:1"


def test_an_empty_feed_has_no_entries(site: Site) -> None:
    assert taken("feed", served(site, "<rss version='2.0'><channel><title>Quiet</title></channel></rss>")) == []


@pytest.mark.parametrize(
    "body",
    ["", "<html><body><p>Hello</p></body></html>", "<p>Hello<br>", '{"items": []}', b"\x00\xff\xfe" * 50, "[" * 9000],
)
def test_what_is_no_feed_is_told(site: Site, body: str | bytes) -> None:
    assert "neither RSS nor Atom" in failure("feed", served(site, body))


def test_a_feed_that_breaks_before_its_first_entry_is_told(site: Site) -> None:
    assert "the feed is broken" in failure("feed", served(site, "<rss version='2.0'><channel><title>Cut"))


def test_a_body_that_looks_like_a_file_or_an_address_is_not_opened(site: Site, tmp_path: Path) -> None:
    (tmp_path / "feed.xml").write_text(ATOM)

    for body in (str(tmp_path / "feed.xml"), served(site, ATOM, path="/other")):
        assert "neither RSS nor Atom" in failure("feed", served(site, body))

    assert site.count("/other") == 0


def test_entities_of_a_feed_bring_in_nothing_from_elsewhere(site: Site, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("of the house")
    feed = f"""<!DOCTYPE rss [<!ENTITY file SYSTEM "file://{tmp_path}/secret"><!ENTITY web SYSTEM "{site.url}/web">]>
        <rss version="2.0"><channel><item><title>A &file; B &web;</title></item></channel></rss>"""

    found = list(look("feed", served(site, feed)))

    assert "of the house" not in repr(found)
    assert site.count("/web") == 0


# Calendars


def calendar(*events: str, head: str = "") -> str:
    """A calendar with these events, as calendars write their lines."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//A club//EN", *head.split("\n"), *events, "END:VCALENDAR", ""]
    return "\r\n".join(line for part in lines for line in part.split("\n") if line or part == "")


def event(*lines: str, uid: str = "one@club.example", name: str = "Typing day") -> str:
    """An event."""
    return "\n".join(
        ["BEGIN:VEVENT", f"UID:{uid}", "DTSTAMP:20260101T000000Z", f"SUMMARY:{name}", *lines, "END:VEVENT"]
    )


def day(offset: int) -> str:
    """So many days from now, as calendars write it."""
    return f"{TODAY + timedelta(days=offset):%Y%m%d}"


def events(site: Site, *found: str, head: str = "") -> list[Item]:
    """What is taken of a calendar with these events."""
    return taken("ical", served(site, calendar(*found, head=head), "text/calendar; charset=utf-8"))


def test_an_event_is_taken_with_its_days(site: Site) -> None:
    (item,) = events(
        site,
        event(
            f"DTSTART;VALUE=DATE:{day(10)}",
            f"DTEND;VALUE=DATE:{day(12)}",
            "DESCRIPTION:Learn to type\\, with ten\n  fingers.\\nBring a friend",
            "LOCATION:Library\\, Main Street",
            "URL:https://club.example/day",
            "CATEGORIES:Typing,Office",
            "CATEGORIES:Skills",
            name="Typing\\; for all 🎉",
        ),
    )

    assert item == Item(
        key="one@club.example",
        name="Typing; for all 🎉",
        url="https://club.example/day",
        kind=Kind.RESOURCE,
        text="Learn to type, with ten fingers.\nBring a friend\nLibrary, Main Street",
        tags=("Typing", "Office", "Skills"),
        modality=("in-person",),
        starts=TODAY + timedelta(days=10),
        ends=TODAY + timedelta(days=11),
    )


@pytest.mark.parametrize(
    ("times", "starts", "ends"),
    [
        (["DTSTART:20990301T100000Z", "DTEND:20990301T120000Z"], date(2099, 3, 1), date(2099, 3, 1)),
        (["DTSTART;TZID=Asia/Tokyo:20990301T003000"], date(2099, 3, 1), date(2099, 3, 1)),
        (["DTSTART;TZID=W. Europe Standard Time:20990301T233000", "DURATION:PT1H"], date(2099, 3, 1), date(2099, 3, 2)),
        (["DTSTART;TZID=Nowhere/Land:20990301T100000", "DURATION:P3D"], date(2099, 3, 1), date(2099, 3, 4)),
        (["DTSTART:20990301T100000", "DTEND:20990302T000000"], date(2099, 3, 1), date(2099, 3, 1)),
        (["DTSTART;VALUE=DATE:20990301"], date(2099, 3, 1), date(2099, 3, 1)),
        (["DTSTART:20990301"], date(2099, 3, 1), date(2099, 3, 1)),
        (["DTSTART;VALUE=DATE:20990301", "DTEND;VALUE=DATE:20990227"], date(2099, 3, 1), date(2099, 3, 1)),
        (["DTSTART;VALUE=DATE:20990301", "DTEND:nonsense"], date(2099, 3, 1), date(2099, 3, 1)),
        (["DTSTART;VALUE=DATE:20990301", "DURATION:nonsense"], date(2099, 3, 1), date(2099, 3, 1)),
    ],
)
def test_the_days_are_those_where_the_event_is(site: Site, times: list[str], starts: date, ends: date) -> None:
    (item,) = events(site, event(*times))

    assert (item.starts, item.ends) == (starts, ends)


def test_times_of_utc_are_read_where_the_calendar_is(site: Site) -> None:
    (item,) = events(site, event("DTSTART:20990301T223000Z"), head="X-WR-TIMEZONE:Asia/Tokyo")
    (odd,) = events(site, event("DTSTART:20990301T223000Z"), head="X-WR-TIMEZONE:../../etc/passwd")

    assert (item.starts, odd.starts) == (date(2099, 3, 2), date(2099, 3, 1))


def test_what_is_over_cancelled_or_private_is_left_out(site: Site) -> None:
    found = events(
        site,
        event(f"DTSTART;VALUE=DATE:{day(-3)}", uid="over"),
        event(f"DTSTART;VALUE=DATE:{day(3)}", "STATUS:CANCELLED", uid="cancelled"),
        event(f"DTSTART;VALUE=DATE:{day(3)}", "CLASS:PRIVATE", uid="private"),
        event(f"DTSTART;VALUE=DATE:{day(-3)}", f"DTEND;VALUE=DATE:{day(2)}", uid="going on"),
        event(f"DTSTART;VALUE=DATE:{day(3)}", "STATUS:CONFIRMED", "CLASS:PUBLIC", uid="to come"),
    )

    assert [item.key for item in found] == ["going on", "to come"]


@pytest.mark.parametrize(
    ("lines", "after"),
    [
        (["RRULE:FREQ=WEEKLY"], 4),
        (["RRULE:FREQ=WEEKLY;INTERVAL=2"], 4),
        (["RRULE:FREQ=DAILY;INTERVAL=3"], 2),
        (["RRULE:FREQ=WEEKLY", f"EXDATE;VALUE=DATE:{day(4)}"], 11),
        (["RRULE:FREQ=WEEKLY", f"EXDATE;VALUE=DATE:{day(4)},{day(11)}", f"EXDATE;VALUE=DATE:{day(18)}"], 25),
        (["RRULE:FREQ=WEEKLY", f"RDATE;VALUE=DATE:{day(1)}"], 1),
        (["RRULE:FREQ=WEEKLY;COUNT=3", f"RDATE;VALUE=DATE:{day(60)}"], 4),
        (["RRULE:FREQ=WEEKLY;COUNT=2", f"RDATE;VALUE=DATE:{day(60)},{day(50)}"], 50),
        ([f"RRULE:FREQ=WEEKLY;UNTIL={day(4)}"], 4),
        ([f"RRULE:FREQ=WEEKLY;UNTIL={day(3)}"], None),
        (["RRULE:FREQ=WEEKLY;COUNT=2"], None),
        (["RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"], None),
    ],
)
def test_of_what_repeats_the_next_occurrence_is_taken(site: Site, lines: list[str], after: int | None) -> None:
    found = events(site, event(f"DTSTART;VALUE=DATE:{day(-10)}", *lines))

    assert [item.starts for item in found] == ([] if after is None else [TODAY + timedelta(days=after)])


def test_a_rule_is_that_of_the_zone_in_which_it_is_written(site: Site) -> None:
    monday = TODAY + timedelta(days=-TODAY.weekday() - 7)
    rule = "RRULE:FREQ=WEEKLY;BYDAY=MO"

    (item,) = events(site, event(f"DTSTART:{monday:%Y%m%d}T223000Z", rule), head="X-WR-TIMEZONE:Asia/Tokyo")

    assert item.starts is not None
    assert item.starts.weekday() == 1


@pytest.mark.parametrize(("until", "after"), [("T090000Z", None), ("T080000Z", None), ("T100000Z", 4)])
def test_a_rule_ends_at_its_moment(site: Site, until: str, after: int | None) -> None:
    rule = f"RRULE:FREQ=WEEKLY;UNTIL={day(4)}{until}"

    found = events(site, event(f"DTSTART;TZID=Africa/Nairobi:{day(-10)}T123000", rule))  # half past nine in UTC

    assert [item.starts for item in found] == ([] if after is None else [TODAY + timedelta(days=after)])


def test_occurrences_that_were_moved_or_cancelled_are_heeded(site: Site) -> None:
    weekly = event(f"DTSTART;TZID=Africa/Nairobi:{day(-10)}T100000", "RRULE:FREQ=WEEKLY")
    cancelled = event(
        f"RECURRENCE-ID;TZID=Africa/Nairobi:{day(4)}T100000", f"DTSTART:{day(4)}T070000Z", "STATUS:CANCELLED"
    )
    moved = event(
        f"RECURRENCE-ID;TZID=Africa/Nairobi:{day(11)}T100000", f"DTSTART:{day(12)}T070000Z", name="A day later"
    )

    (item,) = events(site, weekly, cancelled, moved)

    assert (item.starts, item.name) == (TODAY + timedelta(days=12), "A day later")
    (item,) = events(site, weekly, cancelled)
    assert (item.starts, item.name) == (TODAY + timedelta(days=11), "Typing day")


def test_a_series_that_is_cancelled_is_left_out_whatever_was_moved(site: Site) -> None:
    series = event(f"DTSTART;VALUE=DATE:{day(-10)}", "RRULE:FREQ=WEEKLY", "STATUS:CANCELLED")
    moved = event(f"RECURRENCE-ID;VALUE=DATE:{day(4)}", f"DTSTART;VALUE=DATE:{day(5)}")

    assert events(site, series, moved) == []


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=SECONDLY", "FREQ=DAILY;INTERVAL=0", "FREQ=DAILY;INTERVAL=-1", "FREQ=SOMETIMES", "nonsense", "INTERVAL=2",
        "RSCALE=CHINESE;FREQ=YEARLY", "FREQ=WEEKLY;BYDAY=XX", "FREQ=WEEKLY;UNTIL=later",
    ],
)  # fmt: skip
def test_a_rule_that_is_not_understood_is_told_and_the_first_day_counts(site: Site, rule: str) -> None:
    address = served(site, calendar(event(f"DTSTART;VALUE=DATE:{day(3)}", f"RRULE:{rule}")), "text/calendar")

    trouble, item = look("ical", address)

    assert isinstance(trouble, Trouble)
    assert "repeats by a rule that is not understood" in trouble.message
    assert isinstance(item, Item)
    assert item.starts == TODAY + timedelta(days=3)


@pytest.mark.parametrize(
    ("lines", "modality"),
    [
        (["LOCATION:Library\\, Main Street"], ("in-person",)),
        (["LOCATION:https://anything.example/room"], ("online-instructor-led",)),
        (["LOCATION:Online"], ("online-instructor-led",)),
        (["LOCATION:Microsoft Teams Meeting"], ("online-instructor-led",)),
        (["LOCATION:En ligne (Zoom)"], ("online-instructor-led",)),
        (["LOCATION:Onlineville Hall"], ("in-person",)),
        (["LOCATION:https://maps.example/maps/library"], ("in-person",)),
        (["URL:https://us02web.zoom.us/j/1"], ("online-instructor-led",)),
        (["DESCRIPTION:Join: https://meet.google.com/abc"], ("online-instructor-led",)),
        (["CONFERENCE;VALUE=URI:https://chat.example/1"], ("online-instructor-led",)),
        (["LOCATION:Library", "X-GOOGLE-CONFERENCE:https://meet.google.com/abc"], ("blended",)),
        (["DESCRIPTION:See https://club.example/zoom.us"], ()),
        ([], ()),
    ],
)
def test_an_event_is_where_its_location_says_or_online(site: Site, lines: list[str], modality: tuple[str, ...]) -> None:
    (item,) = events(site, event(f"DTSTART;VALUE=DATE:{day(3)}", *lines))

    assert item.modality == modality


def test_ugly_events_are_told_and_the_others_taken(site: Site) -> None:
    ugly = calendar(
        event("DTSTART:nonsense", uid="a"),
        event(uid="b"),
        event(f"DTSTART;VALUE=DATE:{day(3)}", uid="c", name=""),
        event("DTSTART;VALUE=DATE:99991231", "DTEND;VALUE=DATE:99991231", "RRULE:FREQ=DAILY", uid="d"),
        event(f"DTSTART;VALUE=DATE:{day(3)}", "this is no line", "EXDATE:nonsense", "CATEGORIES:", uid="e", name="Été"),
        f"BEGIN:VEVENT\nSUMMARY;LANGUAGE=fr:Sans clé\nDTSTART;VALUE=DATE:{day(4)}\nURL:javascript:a\nEND:VEVENT",
        "BEGIN:VTODO\nUID:f\nSUMMARY:Not an event\nEND:VTODO",
    )

    found = list(look("ical", served(site, ugly, "text/calendar")))

    assert [each.where for each in found if isinstance(each, Trouble)] == ["there a", "there b", "there c", "there d"]
    accented, keyless = [each for each in found if isinstance(each, Item)]
    assert (accented.key, accented.name, accented.tags) == ("e", "Été", ())
    assert (len(keyless.key), keyless.url, keyless.languages) == (16, "", ("fr",))


def test_several_calendars_in_one_file_are_all_read(site: Site) -> None:
    both = calendar(event("DTSTART:20990301", uid="a")) + calendar(event("DTSTART:20990302", uid="b"))

    assert [item.key for item in taken("ical", served(site, "\ufeff" + both, "text/calendar"))] == ["a", "b"]


def test_a_calendar_that_is_cut_off_is_not_taken_for_an_empty_one(site: Site) -> None:
    whole = calendar(event("DTSTART:20990301"))

    assert "the calendar is cut off" in failure("ical", served(site, whole[:-20], "text/calendar"))


@pytest.mark.parametrize("body", ["", "<html>Sorry</html>", "not a calendar\r\nEND:VCALENDAR\r\n", b"\x00\xff" * 50])
def test_what_is_no_calendar_is_told(site: Site, body: str | bytes) -> None:
    said = failure("ical", served(site, body, "text/calendar"))

    assert "there is no calendar" in said or "the calendar cannot be read" in said


def test_hostile_rules_do_not_hold_us_up_for_long(site: Site) -> None:
    never = "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;BYHOUR=0,1,2,3;BYMINUTE=1,2,3;BYSECOND=1,2,3"
    found = events(site, *(event("DTSTART:19000101", never, uid=str(number)) for number in range(3)))

    assert found == []


# Whatever the source


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
