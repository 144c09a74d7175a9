from __future__ import annotations

from typing import Any

import pytest

from retrieval.filters import Barrier, barrier
from retrieval.question import Question
from retrieval.records import Record

OPEN = {"countries": ["ALL"], "groups": ["everyone"], "how": "open"}


def record(**fields: Any) -> Record:
    return Record.model_validate(
        {
            "id": "some-school",
            "kind": "programme",
            "name": "Some School",
            "provider": "Some Body",
            "summaries": {"en": "It teaches."},
            "teaches": ["coding"],
            "topics": ["programming"],
            "focus_areas": ["ict-professional"],
            "audiences": ["everyone"],
            "eligibility": OPEN,
            "regions": ["GLOBAL"],
            "languages": ["en"],
            "modality": ["online-self-paced"],
            "cost": ["free"],
            "certificate": "yes",
            "url": "https://school.example",
            "status": "active",
            "source": "test",
            "evidence": "memory",
            "confidence": "high",
            **fields,
        }
    )


@pytest.mark.parametrize(
    ("fields", "asked", "stopped_by"),
    [
        ({}, {}, None),
        ({"status": "ended"}, {}, Barrier.ENDED),
        ({"eligibility": {**OPEN, "countries": ["SN"]}}, {"countries": ("GH",)}, Barrier.COUNTRY),
        ({"eligibility": {**OPEN, "countries": ["WEST_AFRICA"]}}, {"countries": ("GH",)}, None),
        (
            {"eligibility": {**OPEN, "countries": "unknown"}, "regions": ["ASIA"]},
            {"countries": ("GH",)},
            Barrier.COUNTRY,
        ),
        ({"eligibility": {**OPEN, "countries": "unknown"}}, {"countries": ("GH",)}, None),
        ({"kind": "experience", "eligibility": {**OPEN, "countries": ["SN"]}}, {"countries": ("GH",)}, None),
        ({"kind": "experience", "regions": ["SN"]}, {"language": "vi"}, None),
        ({"eligibility": {**OPEN, "groups": ["civil-servants"]}}, {"audiences": ("youth",)}, Barrier.GROUP),
        ({"eligibility": {**OPEN, "groups": ["civil-servants"]}}, {"audiences": ("civil-servants",)}, None),
        ({"eligibility": {**OPEN, "age": {"min": 18, "max": 35}}}, {"age": 40}, Barrier.AGE),
        ({"cost": ["paid"]}, {"free": True}, Barrier.COST),
        ({"cost": "unknown"}, {"free": True}, None),
        ({"certificate": "paid"}, {"free": True}, None),
        ({"certificate": "paid"}, {"free": True, "certificate": True}, Barrier.CERTIFICATE),
        ({"certificate": "no"}, {"certificate": True}, Barrier.CERTIFICATE),
        ({"languages": ["en"]}, {"taught_in": ("fr",)}, Barrier.LANGUAGE),
        ({"languages": "unknown"}, {"taught_in": ("fr",)}, None),
        ({"languages": ["en"]}, {"not_taught_in": ("en",)}, Barrier.LANGUAGE),
        ({}, {"formats": ("in-person",)}, Barrier.FORMAT),
        ({}, {"formats": ("in-person", "online")}, None),
        ({"modality": ["in-person"]}, {"not_formats": ("in-person",)}, Barrier.FORMAT),
    ],
)
def test_what_a_person_cannot_join_or_has_ruled_out_is_never_offered(
    fields: dict[str, Any], asked: dict[str, Any], stopped_by: Barrier | None
) -> None:
    assert barrier(record(**fields), Question(**asked)) is stopped_by


@pytest.mark.parametrize(
    ("male", "groups", "found"),
    [
        (True, ["women-girls"], Barrier.GROUP),
        (False, ["women-girls"], None),
        (True, ["women-girls", "youth"], None),
        (True, ["everyone"], None),
    ],
)
def test_a_man_or_a_boy_is_not_sent_to_what_is_for_women_alone(
    male: bool, groups: list[str], found: Barrier | None
) -> None:
    offer = record(eligibility={**OPEN, "groups": groups})

    assert barrier(offer, Question(male=male)) is found
