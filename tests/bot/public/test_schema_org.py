"""The public catalogue in the words of schema.org."""

from __future__ import annotations

import json

import pytest

from tests.bot.public.house import Elements, House


@pytest.mark.parametrize(
    ("kind", "kind_there"),
    [
        ("provider", "EducationalOrganization"),
        ("programme", "Course"),
        ("resource", "LearningResource"),
        ("product", "SoftwareApplication"),
        ("experience", "CreativeWork"),
    ],
)
def test_each_kind_has_its_name_at_schema_org(house: House, kind: str, kind_there: str) -> None:
    house.has(kind=kind, checked="2026-03-01")
    [script] = Elements(house.get("/catalogue/typing-club")).scripts
    said = json.loads(script)
    assert (said["@context"], said["@type"], said["name"]) == ("https://schema.org", kind_there, "Typing Club")
    assert said["mainEntityOfPage"]["lastReviewed"] == "2026-03-01"


def test_software_that_is_free_and_where_an_experience_was_made_are_said_in_its_words(house: House) -> None:
    house.has("software", kind="product")
    house.has("experience", kind="experience", regions=["BD"], seat="BD", related=["software"])

    software, experience = (
        json.loads(Elements(house.get(f"/catalogue/{key}")).scripts[0]) for key in ("software", "experience")
    )
    assert software["offers"]["price"] == "0"
    assert experience["spatialCoverage"] == [{"@type": "Place", "name": "Bangladesh"}]
    assert not {"teaches", "hasCourseInstance"} & (set(software) | set(experience))


def test_of_a_course_only_what_is_known_is_said(house: House) -> None:
    nothing = {"languages": "unknown", "cost": "unknown"}
    house.has(**nothing)
    [script] = Elements(house.get("/catalogue/typing-club")).scripts
    unsaid = {"inLanguage", "isAccessibleForFree", "hasCourseInstance", "educationalCredentialAwarded", "alternateName"}
    assert not unsaid & set(json.loads(script))
    assert "lastReviewed" not in script

    house.has(cost=["paid"], certificate="yes", modality=["blended", "toolkit"], starts="2026-01-05")
    [script] = Elements(house.get("/catalogue/typing-club")).scripts
    said = json.loads(script)
    assert said["isAccessibleForFree"] is False
    assert said["inLanguage"] == ["en", "sw"]
    assert said["hasCourseInstance"] == {
        "@type": "CourseInstance",
        "courseMode": ["blended"],
        "startDate": "2026-01-05",
    }


def test_mixed_costs_are_neither_free_nor_not(house: House) -> None:
    house.has(cost=["free-audit"])
    [script] = Elements(house.get("/catalogue/typing-club")).scripts
    assert "isAccessibleForFree" not in json.loads(script)
