"""What goes wrong with any of these sources."""

from __future__ import annotations

import json

import pytest

from ingest.client import Client
from ingest.run import run
from store.database import Database
from tests.ingest.data.looking import source
from tests.ingest.data.test_dial import DHIS2, page_of
from tests.ingest.data.test_dpg import KOLIBRI
from tests.ingest.data.test_jsonld import COURSE, html
from tests.ingest.data.test_mslearn import MODULE
from tests.servers.site import Site


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
