"""Posts of WordPress sites."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ingest.client import Unreachable
from ingest.normalise import normalised
from ingest.source import Item, Source, Trouble
from retrieval.records import Kind
from tests.ingest.web.looking import POSTS, failure, look, taken
from tests.servers.site import Answer, Call, Site, as_json


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
