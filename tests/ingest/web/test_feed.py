"""RSS and Atom."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ingest.source import Item, Trouble
from retrieval.records import Kind
from tests.ingest.web.looking import failure, look, taken
from tests.servers.site import Site

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


def test_a_feed_that_somebody_has_saved_is_read_from_its_file(site: Site, tmp_path: Path) -> None:
    (tmp_path / "feed.xml").write_text(ATOM, encoding="utf-8")

    assert taken("feed", str(tmp_path / "feed.xml")) == taken("feed", served(site, ATOM, "application/atom+xml"))
