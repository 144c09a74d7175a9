"""Software to use and examples of what others did, heard also where no word says so."""

from __future__ import annotations

import pytest

from retrieval.concepts import concepts
from retrieval.engine import Engine
from retrieval.question import Question
from retrieval.weighing import weights
from retrieval.wishes import EXAMPLE, SOFTWARE, WEIGHTS, WISHES, features


def wish(engine: Engine, text: str) -> str:
    wants = engine.understand(text).wants
    return max(wants, key=lambda each: wants[each])


@pytest.mark.parametrize(
    "text",
    [
        "all our patients' files are on paper, what could the clinic keep them in on the computer?",
        "a tool and no course please: our people fill in questionnaires where there is no network",
        "quel outil gratuit pour que les citoyens votent en ligne une partie du budget de la ville ?",
        "qué sistema libre podemos instalar para los certificados de nacimiento",
        "有没有免费的系统可以登记出生和死亡",
        "kuna mfumo wa bure wa kuweka rekodi za wagonjwa wa zahanati yetu?",
    ],
)
def test_a_wish_for_software_is_heard(engine: Engine, text: str) -> None:
    assert wish(engine, text) == SOFTWARE


@pytest.mark.parametrize(
    "text",
    [
        "how did India bring payments by phone to everybody, and what went wrong?",
        "comment le Kenya a-t-il mis ses services dans un seul guichet ?",
        "что получилось у других стран с электронными медицинскими картами?",
        "nchi nyingine zilifanyaje kuweka huduma zote za serikali mahali pamoja?",
    ],
)
def test_a_wish_for_the_experience_of_others_is_heard(engine: Engine, text: str) -> None:
    assert wish(engine, text) == EXAMPLE


@pytest.mark.parametrize(
    "text",
    [
        "a course on electronic medical records for nurses",
        "formation sur DHIS2 pour les agents de santé",
        "who trains registrars to register births?",
        "quiero aprender a usar QGIS",
        "I want to learn to code",
    ],
)
def test_whoever_wants_to_learn_wants_neither(engine: Engine, text: str) -> None:
    assert wish(engine, text) not in {SOFTWARE, EXAMPLE}


def test_what_was_chosen_by_a_button_wishes_for_neither() -> None:
    assert Question(topics={"medical-records": 1.0}).wants == {}


def test_the_weights_are_of_concepts_and_features_that_there_are() -> None:
    table = weights(WEIGHTS)

    assert set(table) == set(WISHES)
    assert {name for each in table.values() for name in each} <= {*concepts(), *features(Question())}
