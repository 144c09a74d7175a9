"""Sources that publish data: workbooks, catalogue APIs, registries, and what pages say to search engines."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ingest.client import Client, Unreachable
from ingest.run import run, told
from ingest.source import Item, Source, Trouble, adapter
from retrieval.records import Kind
from store.database import Database
from tests.ingest.local import Answer, Site, serving

TODAY = date.today()
SOON, LATER, LONG_AGO = TODAY + timedelta(20), TODAY + timedelta(90), TODAY - timedelta(400)


@pytest.fixture(scope="module")
def server() -> Iterator[Site]:
    with serving() as site:
        yield site


@pytest.fixture
def site(server: Site) -> Site:
    server.there.clear()
    server.asked.clear()
    return server


@pytest.fixture
def client() -> Iterator[Client]:
    with Client(private=["127.0.0.1"], pause=0) as made:
        yield made


def source(name: str, location: object, **more: Any) -> Source:
    options = {key: more.pop(key) for key in list(more) if key not in Source.model_fields}
    return Source(name=f"our-{name}", adapter=name, location=str(location), options=options, trusted=True, **more)


def found(of: Source, client: Client) -> tuple[dict[str, Item], list[Trouble]]:
    """The items by their keys, and the troubles."""
    everything = list(adapter(of.adapter)(of, client))
    items = [each for each in everything if isinstance(each, Item)]
    assert len({each.key for each in items}) == len(items)
    return {each.key: each for each in items}, [each for each in everything if isinstance(each, Trouble)]


def refusal(of: Source, client: Client) -> str:
    """Why nothing can be had."""
    with pytest.raises(Unreachable) as caught:
        list(adapter(of.adapter)(of, client))
    return str(caught.value)


# --- xlsx ---

COURSES = {"name": "Course", "url": "Link", "provider": "By", "text": "About", "starts": "From", "tags": "Topics"}
HEADER = ["Course", "By", "About", "From", "Topics", "Link"]
TYPING = ["Typing & tables ⌨️", "Club Éducation", "Learn to type.", datetime(2031, 3, 1, 9, 30), "typing; spreadsheets"]


def workbook(rows: list[list[Any]], *, links: dict[str, str] | None = None, merged: tuple[str, ...] = ()) -> bytes:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    for row in rows:
        sheet.append(row)
    for place, address in (links or {}).items():
        sheet[place].hyperlink = address
    for place in merged:
        sheet.merge_cells(place)
    book.create_sheet("Old")
    book["Old"].append(["nothing", "of use"])
    return saved(book)


def saved(book: Any) -> bytes:
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def test_a_workbook_is_read_from_a_file_and_from_an_address_alike(site: Site, client: Client, tmp_path: Path) -> None:
    content = workbook([HEADER, [*TYPING, "https://type.example/course"]])
    (tmp_path / "courses.xlsx").write_bytes(content)
    site.put("/courses.xlsx", content)

    here, none = found(source("xlsx", tmp_path / "courses.xlsx", columns=COURSES), client)
    there, _ = found(source("xlsx", f"{site.url}/courses.xlsx", columns=COURSES), client)

    assert here == there
    assert none == []
    (item,) = here.values()
    assert (item.key, item.url) == ("https://type.example/course",) * 2
    assert (item.name, item.provider) == ("Typing & tables ⌨️", "Club Éducation")
    assert item.starts == date(2031, 3, 1)
    assert item.tags == ("typing", "spreadsheets")


def test_a_link_behind_a_cell_counts_as_its_address(site: Site, client: Client) -> None:
    rows = [HEADER, [*TYPING, "go there"], ["Second", *TYPING[1:], '=HYPERLINK("https://type.example/2","here")']]
    site.put("/a.xlsx", workbook(rows, links={"F2": "https://type.example/1", "A3": "mailto:someone@type.example"}))

    items, _ = found(source("xlsx", f"{site.url}/a.xlsx", columns=COURSES), client)

    assert list(items) == ["https://type.example/1", "https://type.example/2"]


def test_a_title_that_is_a_link_gives_name_and_address(site: Site, client: Client) -> None:
    rows = [["Course", "By"], ["Typing", "A club"], ["Tables", "A club"]]
    site.put("/a.xlsx", workbook(rows, links={"A2": "https://type.example/1"}))

    items, troubles = found(source("xlsx", f"{site.url}/a.xlsx", columns={"name": "Course", "url": "Course"}), client)

    assert [(item.name, item.url) for item in items.values()] == [("Typing", "https://type.example/1"), ("Tables", "")]
    assert troubles == []


def test_titles_over_the_table_and_empty_rows_are_passed_over_and_rows_keep_their_numbers(
    site: Site, client: Client
) -> None:
    rows = [[None], ["Our courses 2031"], [], HEADER, [], [*TYPING, "https://type.example/1"], [None, "nobody"]]
    site.put("/a.xlsx", workbook(rows, merged=("A2:F2",)))

    items, troubles = found(source("xlsx", f"{site.url}/a.xlsx", columns=COURSES), client)

    assert list(items) == ["https://type.example/1"]
    assert [str(trouble) for trouble in troubles] == [f"{site.url}/a.xlsx row 7: has no name"]


def test_what_is_merged_over_several_rows_holds_for_each_of_them(site: Site, client: Client) -> None:
    rows = [["name", "provider"], ["Typing", "A club"], ["Tables", None], ["Safety", None], ["Alone", None]]
    site.put("/a.xlsx", workbook(rows, merged=("B2:B4",)))

    items, _ = found(source("xlsx", f"{site.url}/a.xlsx"), client)

    assert [item.provider for item in items.values()] == ["A club", "A club", "A club", ""]


def test_a_header_of_two_rows_is_read_by_the_lower_one(site: Site, client: Client) -> None:
    rows = [["name", "When", None], [None, "starts", "ends"], ["Typing", date(2031, 3, 1), "02.04.2031"]]
    site.put("/a.xlsx", workbook(rows, merged=("A1:A2", "B1:C1")))

    items, _ = found(source("xlsx", f"{site.url}/a.xlsx"), client)

    assert [(item.name, item.starts, item.ends) for item in items.values()] == [
        ("Typing", date(2031, 3, 1), date(2031, 4, 2))
    ]


def test_a_sheet_is_chosen_by_name_or_number_and_a_hidden_one_is_not_chosen_by_itself(
    site: Site, client: Client
) -> None:
    from openpyxl import Workbook

    book = Workbook()
    book.active.title, book.active.sheet_state = "Lists", "hidden"
    book.active.append(["name"])
    book.active.append(["Hidden"])
    book.create_sheet("2031").append(["name"])
    book["2031"].append(["Seen"])
    site.put("/a.xlsx", saved(book))

    def names(**more: Any) -> list[str]:
        return [item.name for item in found(source("xlsx", f"{site.url}/a.xlsx", **more), client)[0].values()]

    assert [names(), names(sheet="2031"), names(sheet=2), names(sheet=1)] == [["Seen"], ["Seen"], ["Seen"], ["Hidden"]]
    assert "there are Lists, 2031" in refusal(source("xlsx", f"{site.url}/a.xlsx", sheet="1999"), client)


def test_errors_of_formulas_are_no_words_and_far_empty_cells_are_no_rows(site: Site, client: Client) -> None:
    from openpyxl import Workbook

    book = Workbook()
    book.active.append(["name", "provider", "tags"])
    book.active.append(["Typing", "#N/A", "#REF!"])
    book.active["A1048576"] = "far away"
    site.put("/a.xlsx", saved(book))

    items, _ = found(source("xlsx", f"{site.url}/a.xlsx"), client)

    assert [(item.name, item.provider, item.tags) for item in items.values()] == [("Typing", "", ())]


def zipped(**parts: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"<html><h1>Please sign in</h1></html>", "no .xlsx file"),
        (b"", "no .xlsx file"),
        (b"\xd0\xcf\x11\xe0 old", "save it as .xlsx"),
        (zipped(readme=b"hello"), "no .xlsx file"),
        (workbook([["name"], ["Typing"]])[:-200], "no .xlsx file"),
    ],
)
def test_what_is_no_workbook_is_refused_in_words(site: Site, client: Client, content: bytes, reason: str) -> None:
    site.put("/a.xlsx", content)

    assert reason in refusal(source("xlsx", f"{site.url}/a.xlsx"), client)


def test_a_file_that_becomes_too_large_when_unpacked_is_refused(
    site: Site, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingest.sources.xlsx._LARGEST", 1_000_000)
    site.put("/bomb.xlsx", zipped(sheet=bytes(2_000_000)))

    assert "larger than 1 MB when unpacked" in refusal(source("xlsx", f"{site.url}/bomb.xlsx"), client)


def test_a_workbook_that_is_not_there_is_told(client: Client, tmp_path: Path) -> None:
    assert "No such file" in refusal(source("xlsx", tmp_path / "nothing.xlsx"), client)


def test_a_workbook_goes_the_whole_way(sqlite: Database, site: Site, client: Client) -> None:
    of = source("xlsx", f"{site.url}/a.xlsx")
    header = ["name", "url", "tags", "cost"]
    site.put(
        "/a.xlsx", workbook([header, ["Typing", "https://t.example/1", "typing", "free"], ["", "https://t.example/2"]])
    )
    first = run(sqlite, of, client)
    site.put("/a.xlsx", workbook([header, ["Typing", "https://t.example/1", "typing", "20 EUR"]]))
    second = run(sqlite, of, client)

    assert first.summary() == "added 1, changed 0, ended 0, rejected 1"
    assert second.summary() == "added 0, changed 1, ended 0, rejected 0"
    assert list(told(second)) == ["~ typing: cost: free → paid"]


# --- dial ---

DHIS2 = {
    "name": "DHIS2 &amp; friends 🌍",
    "slug": "dhis2",
    "website": "dhis2.org",
    "tags": None,
    "aliases": ["District Health Information Software"],
    "organizations": [{"name": "HISP, University of Oslo", "slug": "hisp", "website": "hisp.uio.no"}],
    "origins": [{"name": "Digital Public Goods Alliance", "slug": "dpga"}],
    "building_blocks": [{"name": "Registration", "slug": "registration"}, {"name": "Consent", "slug": "consent"}],
    "sectors": [
        {"name": "Health", "slug": "health", "locale": "en"},
        {"name": "Gesundheit", "slug": "health", "locale": "de"},
    ],
    "sustainable_development_goals": [{"name": "Good Health", "slug": "good_health", "number": 3}],
}
CONSENT = {
    "name": "Consent",
    "slug": "consent",
    "maturity": "DRAFT",
    "building_block_descriptions": [
        {"description": "<p>Erlaubnis.</p>", "locale": "de"},
        {"description": "<p>Allows people to agree to the use of their data.</p>", "locale": "en"},
    ],
    "products": [{"name": "DHIS2", "slug": "dhis2", "website": "dhis2.org"}],
    "workflows": [{"name": "Marketplace", "slug": "marketplace"}],
}
PROJECT = {
    "name": "DHIS2 in Kenya",
    "slug": "dhis2_kenya",
    "start_date": "2011-01-01",
    "end_date": "2014-12-31",
    "project_url": "https://hiskenya.org",
    "project_description": {"description": "Digital health records in all counties.", "locale": "en"},
    "countries": [{"name": "Kenya", "slug": "kenya", "code": "KE"}],
    "organizations": [{"name": "Ministry of Health", "slug": "moh"}],
    "products": [{"name": "DHIS2", "slug": "dhis2"}],
}
CALL = {
    "name": "E-learning for officials",
    "slug": "e_learning",
    "web_address": "https://tenders.example/7",
    "description": None,
    "opportunity_status": "OPEN",
    "opening_date": "2031-01-01",
    "closing_date": "2031-02-01T00:00:00.000Z",
    "countries": [{"name": "Ghana", "slug": "ghana"}],
}


def page_of(*rows: object, count: int = 0, following: object = None) -> dict[str, Any]:
    return {"count": count or len(rows), "page_size": 100, "next_page": following, "results": rows}


def test_entries_of_the_exchange_become_what_they_are_to_us(site: Site, client: Client) -> None:
    site.put("/api/v1/products", page_of(DHIS2))
    site.put("/api/v1/building_blocks", page_of(CONSENT))
    site.put("/api/v1/projects", page_of(PROJECT))
    site.put("/api/v1/organizations", page_of({"name": "HISP", "slug": "hisp", "website": "https://hisp.org"}))
    site.put("/api/v1/opportunities", page_of(CALL, {**CALL, "slug": "old", "opportunity_status": "CLOSED"}))
    lists = ["products", "building_blocks", "projects", "organizations", "opportunities"]

    items, troubles = found(source("dial", f"{site.url}/api/v1/", type=lists), client)

    assert troubles == []
    assert {key: item.kind for key, item in items.items()} == {
        "products/dhis2": Kind.PRODUCT,
        "building_blocks/consent": Kind.PRODUCT,
        "projects/dhis2_kenya": Kind.EXPERIENCE,
        "organizations/hisp": Kind.PROVIDER,
        "opportunities/e_learning": Kind.PROGRAMME,
    }
    assert items["products/dhis2"].provider == "HISP, University of Oslo"
    assert items["organizations/hisp"].provider == "HISP"
    call = items["opportunities/e_learning"]
    assert (call.starts, call.ends, call.countries) == (date(2031, 1, 1), date(2031, 2, 1), ("Ghana",))


def test_what_belongs_together_is_named_by_keys(site: Site, client: Client) -> None:
    site.put("/api/v1/products", page_of(DHIS2))
    site.put("/api/v1/projects", page_of(PROJECT))

    items, _ = found(source("dial", site.url, type=["products", "projects"]), client)

    blocks = ("building_blocks/registration", "building_blocks/consent")
    assert items["products/dhis2"].related == ("organizations/hisp", *blocks)
    assert items["projects/dhis2_kenya"].related == ("organizations/moh", "products/dhis2", "countries/kenya")
    assert items["projects/dhis2_kenya"].countries == ("KE",)


def test_a_project_that_is_over_can_still_be_told_of(site: Site, client: Client) -> None:
    site.put("/api/v1/projects", page_of(PROJECT))

    items, _ = found(source("dial", f"{site.url}/api/v1/projects"), client)

    assert items["projects/dhis2_kenya"].ends is None


def test_descriptions_and_names_are_taken_in_english_and_addresses_are_made_whole(site: Site, client: Client) -> None:
    site.put("/api/v1/products", page_of(DHIS2))
    site.put("/api/v1/building_blocks", page_of(CONSENT))

    items, _ = found(source("dial", site.url, type=["products", "building_blocks"]), client)

    assert items["building_blocks/consent"].text == "<p>Allows people to agree to the use of their data.</p>"
    assert items["building_blocks/consent"].url == f"{site.url}/building-blocks/consent"
    assert items["products/dhis2"].url == "https://dhis2.org"
    assert items["products/dhis2"].tags == ("Registration", "Consent", "Health", "Digital Public Goods Alliance")


@pytest.mark.parametrize(
    "following",
    [
        "{url}/api/v1/products?page_size=100&page=2",
        "http%3A%2F%2Fbackend.internal%3A3000%2Fapi%2Fv1%2Fproducts%3Fpage_size%3D100%26page%3D2",
        "http://backend.internal:3000/api/v1/products?page_size=100&page=2",
        "/api/v1/products?page_size=100&page=2",
        2,
    ],
)
def test_pages_are_followed_however_the_next_one_is_named(site: Site, client: Client, following: Any) -> None:
    named = following.format(url=site.url) if isinstance(following, str) else following
    site.put("/api/v1/products?page_size=100", page_of(DHIS2, following=named))
    site.put("/api/v1/products?page_size=100&page=2", page_of({"name": "OpenMRS", "slug": "openmrs"}))

    items, _ = found(source("dial", site.url, type="products"), client)

    assert list(items) == ["products/dhis2", "products/openmrs"]


def test_pages_without_an_end_are_left_at_the_first_that_says_nothing_new(site: Site, client: Client) -> None:
    def more(path: str) -> Answer:
        number = int(path.rpartition("page=")[2] or 1) if "&page=" in path else 1
        body = page_of(DHIS2, following=f"{site.url}/api/v1/products?page_size=100&page={number + 1}")
        return Answer(json.dumps(body).encode(), "application/json")

    site.there["/api/v1/products"] = more

    assert "have no end" in refusal(source("dial", site.url, type="products"), client)
    assert len(site.asked) == 2


def test_pages_that_lead_back_are_left(site: Site, client: Client) -> None:
    site.put("/api/v1/products", page_of(DHIS2, following=f"{site.url}/api/v1/products?page_size=100"))

    assert "have no end" in refusal(source("dial", site.url, type="products"), client)


def test_entries_without_slug_or_name_are_told_and_the_others_taken(site: Site, client: Client) -> None:
    odd = [{"name": "No slug", "slug": None}, {"name": None, "slug": "no-name"}, None, {}]
    site.put("/api/v1/products", page_of(*odd, DHIS2))

    items, troubles = found(source("dial", site.url, type="products"), client)

    assert list(items) == ["products/dhis2"]
    assert [trouble.where for trouble in troubles] == [
        "our-dial products/", "our-dial products/no-name", "our-dial products", "our-dial products/"
    ]  # fmt: skip


@pytest.mark.parametrize("content", ["<h1>Sorry</h1>", {"message": "no"}, [], "[1,"])
def test_an_answer_that_is_no_list_of_the_exchange_is_refused(site: Site, client: Client, content: Any) -> None:
    site.put("/api/v1/products", content)

    assert "/api/v1/products" in refusal(source("dial", site.url, type="products"), client)


@pytest.mark.parametrize("kind", [None, "product", ["products", 3], [], {"products": 1}])
def test_without_a_list_to_read_an_operator_is_told_which_there_are(site: Site, client: Client, kind: Any) -> None:
    assert "organizations, products, building_blocks" in refusal(source("dial", site.url, type=kind), client)


def test_the_exchange_has_no_files(client: Client) -> None:
    assert "https://exchange.dial.global/api/v1" in refusal(source("dial", "/tmp/x.json", type="products"), client)


def test_the_exchange_goes_the_whole_way(sqlite: Database, site: Site, client: Client) -> None:
    of = source("dial", site.url, type=["products", "building_blocks"])
    site.put("/api/v1/products", page_of(DHIS2, DHIS2, {"name": "Nameless"}))
    site.put("/api/v1/building_blocks", page_of(CONSENT))
    first = run(sqlite, of, client)
    site.put("/api/v1/products", page_of({**DHIS2, "website": "dhis2.example"}))
    site.put("/api/v1/building_blocks", page_of())
    second = run(sqlite, of, client)

    assert first.summary() == "added 2, changed 0, ended 0, rejected 1"
    assert "! our-dial products/dhis2: it is there twice" in list(told(first))
    assert second.summary() == "added 0, changed 1, ended 1, rejected 0"
    lines = "\n".join(told(second))
    assert "url: https://dhis2.org/ → https://dhis2.example/" in lines
    assert "- consent: no longer at the source (building_blocks/consent); ended?" in lines


# --- dpg ---

KOLIBRI = {
    "id": "kolibri",
    "name": "Kolibri",
    "aliases": [""],
    "description": "Offline learning platform &amp; content 📚 for classrooms.",
    "website": "https://learningequality.org/kolibri",
    "license": [{"spdx": "MIT", "licenseURL": "https://example.org/mit"}, {"spdx": "CC-BY-4.0"}],
    "SDGs": [{"SDGNumber": 4, "evidenceText": "…"}],
    "sectors": ["Education"],
    "type": ["software", "content"],
    "repositories": [{"name": "main", "url": "https://github.com/learningequality/kolibri"}],
    "organizations": [
        {"name": "A foundation", "org_type": "funder"},
        {"name": "Learning Equality", "org_type": "owner", "contact_email": "someone@example.org"},
    ],
    "stage": "DPG",
}
NEWER = {
    "id": 10363,
    "name": "Industrial Analytics Platform",
    "categories": ["Open Content"],
    "description": "A data-driven knowledge platform.",
    "website": "",
    "repositories": [{"name": "main", "url": "iap.example.org"}],
    "sdgs": [{"sdg": "SDG4: Quality Education", "relevance": "…"}],
    "openlicenses": [{"openLicense": "CC-BY-SA-4.0", "openLicenseEvidenceURLs": "https://example.org"}],
    "stage": "DPG",
}
NOMINEE = {
    "name": "Altinn",
    "description": "A portal for digital dialogue between people and public agencies.",
    "website": "https://www.altinn.no/",
    "license": "BSD-3-Clause",
    "SDGs": [[16, "Peace, Justice and Strong Institutions"]],
    "sectors": None,
    "type": ["software"],
    "repositoryURL": "https://github.com/Altinn/altinn-studio",
    "organizations": [{"name": "Norwegian Digitalisation Agency", "org_type": "owner"}],
    "stage": "nominee",
}


def test_the_registry_is_read_in_each_form_that_it_has_had(site: Site, client: Client) -> None:
    site.put("/dpgs/", b"\xef\xbb\xbf" + json.dumps([KOLIBRI, NEWER, NOMINEE]).encode(), "application/json")

    items, troubles = found(source("dpg", f"{site.url}/dpgs/"), client)

    assert troubles == []
    kolibri, newer, nominee = items["kolibri"], items["10363"], items["altinn"]
    assert {item.kind for item in items.values()} == {Kind.PRODUCT}
    assert (kolibri.provider, kolibri.licence, kolibri.cost) == ("Learning Equality", "MIT, CC-BY-4.0", "free")
    assert kolibri.tags == ("DPG", "Education", "open source software", "open content", "SDG4")
    assert (newer.url, newer.licence) == ("https://iap.example.org", "CC-BY-SA-4.0")
    assert newer.tags == ("DPG", "Open Content", "SDG4: Quality Education")
    assert nominee.tags == ("nominee", "open source software", "SDG16: Peace, Justice and Strong Institutions")
    assert nominee.licence == "BSD-3-Clause"


def test_nominees_are_read_from_files_and_known_by_their_names(client: Client, tmp_path: Path) -> None:
    (tmp_path / "altinn.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(NOMINEE).encode())
    (tmp_path / "broken.json").write_text('{"name": "Broken",')
    (tmp_path / "nameless.json").write_text('{"id": "x", "name": null}')
    (tmp_path / "README.md").write_text("# Nominees")

    items, troubles = found(source("dpg", tmp_path), client)
    alone, _ = found(source("dpg", tmp_path / "altinn.json"), client)

    assert list(items) == ["altinn"]
    assert alone == items
    assert [trouble.where for trouble in troubles] == ["our-dpg broken.json", "our-dpg x"]


def test_a_funder_is_not_whose_good_it_is(site: Site, client: Client) -> None:
    site.put("/dpgs/", [{**KOLIBRI, "organizations": [{"name": "A fund", "org_type": "funder"}, None, "odd"]}])

    items, _ = found(source("dpg", f"{site.url}/dpgs/"), client)

    assert items["kolibri"].provider == ""


@pytest.mark.parametrize("content", ["<h1>Sorry</h1>", {"dpgs": "https://api.example/dpgs"}, '"text"'])
def test_what_is_no_list_of_goods_is_refused(site: Site, client: Client, content: Any) -> None:
    site.put("/dpgs/", content)

    assert f"{site.url}/dpgs/" in refusal(source("dpg", f"{site.url}/dpgs/"), client)


def test_a_folder_or_file_with_nothing_in_it_is_told(client: Client, tmp_path: Path) -> None:
    (tmp_path / "odd.json").mkdir()
    (tmp_path / "bad.txt").write_text("no json")

    assert "no .json files" in refusal(source("dpg", tmp_path / "odd.json"), client)
    assert "No such file" in refusal(source("dpg", tmp_path / "nothing.json"), client)
    assert "cannot be read as JSON" in refusal(source("dpg", tmp_path / "bad.txt"), client)


def test_a_connection_that_is_cut_ends_nothing(sqlite: Database, site: Site, client: Client) -> None:
    of = source("dpg", f"{site.url}/dpgs/")
    site.put("/dpgs/", [KOLIBRI, NOMINEE])
    run(sqlite, of, client)
    site.put("/dpgs/", [KOLIBRI], cut=True)

    outcome = run(sqlite, of, client)

    assert outcome.summary() == "added 0, changed 0, ended 0, rejected 0"
    assert f"{site.url}/dpgs/" in outcome.failure


def test_the_registry_goes_the_whole_way(sqlite: Database, site: Site, client: Client) -> None:
    of = source("dpg", f"{site.url}/dpgs/")
    site.put("/dpgs/", [KOLIBRI, NOMINEE, {**NOMINEE, "name": ""}])
    first = run(sqlite, of, client)
    site.put("/dpgs/", [{**KOLIBRI, "license": [{"spdx": "AGPL-3.0"}]}, NOMINEE])
    second = run(sqlite, of, client)

    assert first.summary() == "added 2, changed 0, ended 0, rejected 1"
    assert second.summary() == "added 0, changed 1, ended 0, rejected 0"
    assert list(told(second)) == ["~ kolibri: licence: MIT, CC-BY-4.0 → AGPL-3.0"]


# --- jsonld ---

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


# --- mslearn ---

MODULE: dict[str, Any] = {
    "uid": "learn.azure.intro",
    "type": "module",
    "title": "Introduction to Azure &amp; the cloud ☁️",
    "summary": "<p>Learn what cloud computing is.</p>",
    "url": "https://learn.microsoft.com/en-us/training/modules/intro/?WT.mc_id=api_CatalogApi",
    "levels": ["beginner"],
    "roles": ["student", "solution-architect"],
    "products": ["azure", "azure-virtual-machines"],
    "subjects": ["cloud-computing"],
    "locale": "en-us",
    "duration_in_minutes": 30,
    "last_modified": "2030-01-01T00:00:00+00:00",
}
PATH = {**MODULE, "uid": "learn.path", "title": "Cloud path", "modules": ["learn.azure.intro", "learn.azure.more"]}
TAUGHT = {
    "uid": "course.az-900t00",
    "title": "Azure Fundamentals",
    "summary": None,
    "url": "/en-us/training/courses/az-900t00?view=1&WT.mc_id=x&wt.MC_ID=y",
    "locales": ["en", "fr"],
    "study_guide": [{"uid": "learn.path", "type": "learningPath"}],
    "levels": [],
}
CERTIFICATION = {
    "uid": "certification.az-900",
    "title": "Azure Fundamentals",
    "subtitle": "Show what you know.",
    "url": "",
}


def learn(site: Site, **lists: Any) -> None:
    """The catalogue as the API gives it: only what is asked for."""
    everything = {"modules": [], "learningPaths": [], "courses": [], "certifications": [], **lists}
    for kind, rows in everything.items():
        site.put(f"/api/catalog/?locale=en-us&type={kind}", {kind: rows})


def test_all_of_microsoft_learn_is_read_and_certifications_are_not_said_to_be_free(site: Site, client: Client) -> None:
    learn(site, modules=[MODULE], learningPaths=[PATH], courses=[TAUGHT], certifications=[CERTIFICATION])

    items, troubles = found(source("mslearn", site.url), client)

    assert troubles == []
    assert {key: (item.cost, item.modality, item.certificate) for key, item in items.items()} == {
        "learn.azure.intro": ("free", ("online-self-paced",), ""),
        "learn.path": ("free", ("online-self-paced",), ""),
        "course.az-900t00": ("free", ("online-instructor-led",), ""),
        "certification.az-900": ("", (), "yes"),
    }
    assert items["learn.path"].related == ("learn.azure.intro", "learn.azure.more")
    assert items["course.az-900t00"].related == ("learn.path",)
    assert items["course.az-900t00"].languages == ("en", "fr")
    assert items["certification.az-900"].text == "Show what you know."


def test_addresses_are_made_whole_and_lose_what_only_tracks(site: Site, client: Client) -> None:
    learn(site, modules=[MODULE], courses=[TAUGHT], certifications=[CERTIFICATION])

    items, _ = found(source("mslearn", f"{site.url}/api/catalog/"), client)

    assert items["learn.azure.intro"].url == "https://learn.microsoft.com/en-us/training/modules/intro/"
    assert items["course.az-900t00"].url == f"{site.url}/en-us/training/courses/az-900t00?view=1"
    assert items["certification.az-900"].url == ""


def test_roles_that_are_people_are_told_from_those_that_are_work(site: Site, client: Client) -> None:
    learn(site, modules=[MODULE])

    item = found(source("mslearn", site.url), client)[0]["learn.azure.intro"]

    assert item.audiences == ("student",)
    assert item.tags == ("cloud computing", "azure", "azure virtual machines", "solution architect")
    assert (item.level, item.languages, item.provider) == (("beginner",), ("en-us",), "Microsoft Learn")


def test_types_and_locale_are_chosen_by_options(site: Site, client: Client) -> None:
    site.put("/api/catalog/?locale=fr-fr&type=learningPaths", {"learningPaths": [{**PATH, "locale": None}]})

    items, _ = found(source("mslearn", site.url, types=["learningPaths"], locale="fr-fr"), client)

    assert items["learn.path"].languages == ("fr-fr",)
    assert site.asked == ["/api/catalog/?locale=fr-fr&type=learningPaths"]


def test_entries_without_uid_or_title_are_told(site: Site, client: Client) -> None:
    learn(site, modules=[{**MODULE, "uid": None}, {**MODULE, "title": ""}, "odd", MODULE])

    items, troubles = found(source("mslearn", site.url), client)

    assert list(items) == ["learn.azure.intro"]
    assert len(troubles) == 3


@pytest.mark.parametrize("content", ["<h1>Sorry</h1>", {"modules": None}, {"error": "gone"}, [MODULE]])
def test_an_answer_that_is_no_catalogue_is_refused(site: Site, client: Client, content: Any) -> None:
    site.put("/api/catalog/", content)

    assert f"{site.url}/api/catalog/" in refusal(source("mslearn", site.url), client)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"types": ["videos"]}, "set the option `types`"),
        ({"types": 3}, "set the option `types`"),
        ({"locale": "English (US)"}, "a code such as en-us"),
    ],
)
def test_options_that_microsoft_learn_does_not_know_are_told(
    site: Site, client: Client, options: dict[str, Any], reason: str
) -> None:
    assert reason in refusal(source("mslearn", site.url, **options), client)
    assert "https://learn.microsoft.com/api/catalog/" in refusal(source("mslearn", "catalog.json"), client)


def test_microsoft_learn_goes_the_whole_way(sqlite: Database, site: Site, client: Client) -> None:
    of = source("mslearn", site.url)
    learn(site, modules=[MODULE, {**MODULE, "uid": None}], certifications=[CERTIFICATION])
    first = run(sqlite, of, client)
    learn(site, modules=[{**MODULE, "levels": ["advanced"], "last_modified": "2031-01-01T00:00:00+00:00"}])
    second = run(sqlite, of, client)

    assert first.summary() == "added 2, changed 0, ended 0, rejected 1"
    assert second.summary() == "added 0, changed 1, ended 1, rejected 0"
    lines = "\n".join(told(second))
    assert ": level: beginners → advanced" in lines
    assert "(certification.az-900); ended?" in lines


@pytest.mark.parametrize("name", ["dial", "dpg", "jsonld", "mslearn"])
def test_half_an_emoji_where_a_text_was_cut_stops_nobody(
    sqlite: Database, site: Site, client: Client, name: str
) -> None:
    cut = "Learn digital skills \ud83d\0"
    site.put("/api/v1/products", json.dumps(page_of({**DHIS2, "description": cut})))
    site.put("/dpgs/", json.dumps([{**KOLIBRI, "description": cut}]))
    site.put("/page", html(json.dumps({**COURSE, "description": cut})))
    site.put("/api/catalog/", json.dumps({"modules": [{**MODULE, "summary": cut}]}))
    place = {"dial": "", "dpg": "/dpgs/", "jsonld": "/page", "mslearn": ""}[name]
    options = {"dial": {"type": "products"}, "mslearn": {"types": ["modules"]}}.get(name, {})

    outcome = run(sqlite, source(name, site.url + place, **options), client)

    assert outcome.summary() == "added 1, changed 0, ended 0, rejected 0"
    assert outcome.added[0][1].summaries["en"] == "Learn digital skills"
