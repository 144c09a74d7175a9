"""DIAL's Exchange."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from ingest.client import Client
from ingest.run import run, told
from retrieval.records import Kind
from store.database import Database
from tests.ingest.data.looking import found, refusal, source
from tests.servers.site import Answer, Call, Site, as_json

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


def test_a_project_tells_where_it_was_made_is_for_everybody_and_leads_to_its_product(
    site: Site, client: Client, database: Database
) -> None:
    site.put("/api/v1/products", page_of(DHIS2))
    site.put("/api/v1/projects", page_of(PROJECT))

    outcome = run(database, source("dial", site.url, type=["products", "projects"]), client, dry_run=True)

    records = {record.kind: record for _, record in outcome.added}
    experience = records[Kind.EXPERIENCE]
    assert (experience.regions, experience.seat) == (("KE",), "KE")
    assert experience.eligibility.countries == ("ALL",)
    assert experience.related == (records[Kind.PRODUCT].id,)


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
    def more(call: Call) -> Answer:
        number = int(call.query.get("page", 1))
        return as_json(page_of(DHIS2, following=f"{site.url}/api/v1/products?page_size=100&page={number + 1}"))

    site.routes["/api/v1/products"] = more

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
