from __future__ import annotations

import unicodedata

import pytest

from retrieval.language import identify
from retrieval.understanding import understand


def test_who_where_at_what_price_and_how_are_understood() -> None:
    question = understand("I am a teacher in Kumasi, any free online course on Excel with certificate?")

    assert question.language == "en"
    assert "spreadsheets" in question.topics
    assert question.audiences == ("teachers",)
    assert question.countries == ("GH",)
    assert question.free
    assert question.certificate
    assert "online" in question.formats


def test_a_format_that_is_not_wanted_is_no_wish() -> None:
    question = understand("cybersecurity training, not online please")

    assert "online" in question.not_formats or "in-person" in question.formats
    assert "online" not in question.formats


def test_a_language_asked_for_is_a_demand_and_one_written_in_is_not() -> None:
    assert understand("curso gratis de programación en español").taught_in == ("es",)
    assert understand("quiero aprender programación").taught_in == ()


@pytest.mark.parametrize(
    ("text", "demanded"),
    [
        ("a smartphone course for my aunt, she only speaks Mooré", ("mos",)),
        ("curso básico de computador em umbundu, a minha mãe só fala umbundu", ("umb",)),
        ("¿hay clases de computación en quechua?", ("qu",)),
        ("is there a computer class in Luganda?", ("lg",)),
    ],
)
def test_a_language_that_nothing_is_offered_in_is_a_demand_too(text: str, demanded: tuple[str, ...]) -> None:
    assert understand(text).taught_in == demanded


def test_words_that_look_like_the_name_of_a_small_language_are_no_demand() -> None:
    assert understand("Orí ìwé ni a ṣì ń kọ orúkọ àwọn ọmọ tuntun sí").taught_in == ()
    assert understand("I want more courses").taught_in == ()
    assert understand("saya akan belajar nama domain").taught_in == ()


def test_a_language_that_would_do_as_well_narrows_nothing() -> None:
    assert understand("free Excel course, English is fine too").taught_in == ()
    assert understand("Excel course in Nepali, English is fine too").taught_in == ("ne", "en")
    assert understand("curso gratis de Excel, también en inglés").taught_in == ()


def test_either_of_two_languages_is_asked_for_together() -> None:
    assert understand("курсы Excel на русском или украинском").taught_in == ("ru", "uk")
    assert understand("cours en français, l'anglais elle comprend pas").taught_in == ("fr",)


def test_a_price_that_is_mentioned_does_not_undo_free() -> None:
    assert understand("un cours sur les tarifs du mobile, gratuit").free


def test_an_age_says_who_is_asking() -> None:
    assert "youth" in understand("I am 19 years old and want to learn coding").audiences
    assert "older-persons" in understand("my mum is 67 years old, she wants computer basics").audiences


def test_a_town_far_from_where_a_language_is_spoken_is_taken_for_a_word() -> None:
    question = understand("ina neman darussa a yanar gizo kan kididdiga")

    assert question.language == "ha"
    assert "SB" not in question.countries


def test_a_question_of_any_length_and_kind_is_read_without_failing() -> None:
    for text in ("", "   ", "😀😀", "a" * 20_000, "\u202e\u200f", "?" * 300, "１２３", "مرحبا hello 你好"):
        understand(text)


def test_a_topic_may_be_named_in_a_third_language() -> None:
    # Swahili of Lubumbashi, with French inside.
    assert "web-development" in understand("nataka kuyua développement web hapa").topics


def test_a_parent_with_a_worry_about_a_child_is_read_as_one_about_its_safety() -> None:
    assert "child-online-protection" in understand("as a parent I fear for my child, always with strangers").topics


@pytest.mark.parametrize(
    ("text", "known", "code"),
    [("python course", None, "en"), ("excel", None, "en"), ("python, excel", "fr", "fr"), ("cours python", None, "fr")],
)
def test_words_that_everybody_borrows_are_english_unless_the_talk_is_in_another_language(
    text: str, known: str | None, code: str
) -> None:
    assert understand(text, known).language == code


@pytest.mark.parametrize(
    ("text", "male"),
    [
        ("coding class for my son", True),
        ("coding class for my daughter", False),
        ("coding class for my son and my daughter", False),
        ("cours de code pour mon fils", True),
        ("хочу записать моего сына на программирование", True),
        ("coding class for my child", False),
    ],
)
def test_a_learner_is_male_only_where_that_is_said_and_nobody_else_is_to_learn(text: str, male: bool) -> None:
    assert understand(text).male is male


def test_a_son_is_forgotten_once_a_follow_up_is_about_somebody_else() -> None:
    asked = understand("coding class for my son")

    assert asked.narrowed(understand("a free one")).male
    assert not asked.narrowed(understand("and for women?")).male


@pytest.mark.parametrize(
    ("text", "language"),
    [("o que é X-Road?", "pt"), ("é pago?", "pt"), ("no entendí", "es"), ("à Dakar", "fr"), ("ọfẹ ni?", "yo")],
)
def test_accents_tell_close_languages_apart(text: str, language: str) -> None:
    assert identify(text).code == language
    assert identify(unicodedata.normalize("NFD", text)).code == language
