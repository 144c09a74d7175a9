"""Software and experiences of countries beside training: who is shown them, and who is not."""

from __future__ import annotations

import pytest

from ingest.files import STARTER, catalogue_files, read_records
from retrieval.engine import Engine
from retrieval.fit import Action
from retrieval.records import Kind, Record
from retrieval.search import Result
from retrieval.shelf import Shelf
from tests.records import PLAIN

BESIDE = {Kind.PRODUCT, Kind.EXPERIENCE}


def results(engine: Engine, text: str) -> tuple[Result, ...]:
    verdict = engine.judge(engine.understand(text))
    assert verdict.decision.action is Action.ANSWER, verdict.decision
    return verdict.found.results


def kinds(engine: Engine, text: str) -> list[Kind]:
    return [result.record.kind for result in results(engine, text)]


def ids(engine: Engine, text: str) -> list[str]:
    return [result.record.id for result in results(engine, text)]


@pytest.mark.parametrize(
    "text",
    [
        "which open software for an e-permit?",
        "quel logiciel libre pour un e-permis ?",
        "ni programu gani huria kwa ajili ya vibali vya mtandaoni?",
        "ما هو البرنامج مفتوح المصدر للتصاريح الإلكترونية؟",
    ],
)
def test_software_comes_first_and_who_teaches_it_beside_it(engine: Engine, text: str) -> None:
    first, *others = results(engine, text)

    assert first.record.id == "digit"
    assert {result.record.id for result in others} & set(first.record.related)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("open source software for civil registration", "opencrvs"),
        ("we need a free open source system for hospital records", "openmrs"),
        ("software to pay cash benefits from the government to people", "openg2p"),
        ("which building block for payments?", "govstack-building-blocks"),
        ("what is DHIS2?", "dhis2"),
        ("what is X-Road?", "x-road"),
    ],
)
def test_software_is_found_by_what_it_is_for_or_by_its_name(engine: Engine, text: str, expected: str) -> None:
    assert ids(engine, text)[0] == expected


@pytest.mark.parametrize(
    "text",
    [
        "who can teach us to run X-Road?",
        "qui peut nous apprendre à utiliser X-Road ?",
        "nani anaweza kutufundisha kuendesha X-Road?",
        "من يستطيع أن يعلمنا تشغيل X-Road؟",
    ],
)
def test_who_teaches_software_is_found_by_the_name_of_the_software(engine: Engine, text: str) -> None:
    assert ids(engine, text)[0] == "xroad-academy"
    assert not BESIDE & set(kinds(engine, text))


def test_who_teaches_software_is_found_where_no_training_has_its_name(engine: Engine) -> None:
    assert set(ids(engine, "who teaches MOSIP?")) <= {"wb-id4d", "cdpi", "govstack"}


@pytest.mark.parametrize(
    "text",
    [
        "which country has done digital centres?",
        "quel pays a fait des centres numériques ?",
        "nchi gani imefanya vituo vya kidijitali?",
        "أي دولة أنشأت مراكز رقمية؟",
    ],
)
def test_the_experience_of_a_country_is_found_when_it_is_asked_for(engine: Engine, text: str) -> None:
    assert results(engine, text)[0].record.kind is Kind.EXPERIENCE
    assert "bangladesh-udc" in ids(engine, text)


def test_an_experience_is_told_to_people_of_other_countries(engine: Engine) -> None:
    text = "what did other countries do for connecting schools? I am in Kenya"

    assert ids(engine, text)[0] in {"uruguay-ceibal", "colombia-vive-digital"}


def test_an_experience_that_nobody_has_made_goes_to_a_person(engine: Engine) -> None:
    verdict = engine.judge(engine.understand("which country has put its court archives on a blockchain?"))

    assert verdict.decision.action is Action.ESCALATE


@pytest.mark.parametrize(
    "text",
    [
        "Excel course",
        "Excel course in Kenya",
        "formation Excel gratuite",
        "kozi ya Excel bure",
        "دورة إكسل مجانية",
        "QGIS training for beginners",
        "DHIS2 course",
        "I want to learn Moodle",
        "course on digital public infrastructure for civil servants",
        "free digital skills course in Bangladesh",
        "training on digital ID for officials in Ethiopia",
    ],
)
def test_whoever_asks_for_a_course_is_shown_neither(engine: Engine, text: str) -> None:
    assert not BESIDE & set(kinds(engine, text))


def test_everything_that_the_starter_catalogue_links_is_there() -> None:
    records = {r.id: r for r in read_records(catalogue_files(STARTER)) if isinstance(r, Record)}
    linking = [record for record in records.values() if record.kind in BESIDE]

    assert {other for record in linking for other in record.related} <= set(records)
    assert {record.kind for record in linking} == BESIDE
    for record in linking:  # from each there is a way to training or people
        assert any(records[other].kind not in BESIDE for other in record.related), record.id


def test_links_lead_both_ways_and_follow_changes() -> None:
    def record(key: str, *related: str) -> Record:
        return Record.model_validate(PLAIN | {"id": key, "related": related})

    shelf = Shelf([record("software", "school", "gone"), record("school"), record("experience", "software")])
    assert [each.id for each in shelf.linked("software")] == ["school", "experience"]
    assert [each.id for each in shelf.linked("school")] == ["software"]

    later = shelf.changed([record("experience"), record("guide", "software")], gone=["school"])
    assert [each.id for each in later.linked("software")] == ["guide"]
    assert [each.id for each in shelf.linked("software")] == ["school", "experience"]
