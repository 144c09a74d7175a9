"""Microsoft Learn's catalogue."""

from __future__ import annotations

from typing import Any

import pytest

from ingest.client import Client
from ingest.run import run, told
from store.database import Database
from tests.ingest.data.looking import found, refusal, source
from tests.servers.site import Site

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


def test_microsoft_learn_is_read_and_what_may_cost_money_is_not_said_to_be_free(site: Site, client: Client) -> None:
    learn(site, modules=[MODULE], learningPaths=[PATH], courses=[TAUGHT], certifications=[CERTIFICATION])

    items, troubles = found(source("mslearn", site.url), client)

    assert troubles == []
    assert {key: (item.cost, item.modality, item.certificate) for key, item in items.items()} == {
        "learn.azure.intro": ("free", ("online-self-paced",), ""),
        "learn.path": ("free", ("online-self-paced",), ""),
        "course.az-900t00": ("", ("online-instructor-led",), ""),
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
