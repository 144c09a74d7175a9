"""The files that people edit: what is wrong in one is said here, before anybody chats with it."""

from __future__ import annotations

import pytest

from retrieval.concepts import concepts
from retrieval.places import FOLDER, countries
from retrieval.vocabulary import languages
from retrieval.yaml import read


@pytest.mark.parametrize("language", languages())
def test_a_language_has_words_for_every_concept_and_only_for_those(language: str) -> None:
    entry = read(FOLDER / f"{language}.yaml")

    assert entry["language"] == language
    assert set(entry["concepts"]) == set(concepts())


@pytest.mark.parametrize("language", languages())
def test_every_pattern_is_text(language: str) -> None:
    entry = read(FOLDER / f"{language}.yaml")

    parts = (entry["concepts"], entry.get("places", {}), entry.get("languages", {}))
    wrong = [
        (key, word) for part in parts for key, found in part.items() for word in found if not isinstance(word, str)
    ]
    assert wrong == [], "put these into quotation marks"


@pytest.mark.parametrize("language", languages())
def test_places_are_countries(language: str) -> None:
    assert set(read(FOLDER / f"{language}.yaml").get("places", {})) <= countries()


@pytest.mark.parametrize("language", languages())
def test_a_stem_is_long_enough_not_to_catch_other_words(language: str) -> None:
    entry = read(FOLDER / f"{language}.yaml")
    stems = (word for found in entry["concepts"].values() for pattern in found for word in pattern.split())

    assert [stem for stem in stems if "*" in stem and len(stem.strip("*")) < 2] == []
