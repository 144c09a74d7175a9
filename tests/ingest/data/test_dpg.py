"""The registry of digital public goods."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingest.client import Client
from ingest.run import run, told
from retrieval.records import Kind
from store.database import Database
from tests.ingest.data.looking import found, refusal, source
from tests.servers.site import Site

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
