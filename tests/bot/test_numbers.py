"""Numbers by which people choose from what was shown, in twenty languages."""

from __future__ import annotations

import pytest

from bot.numbers import chosen
from bot.outcome import Known
from bot.turn import Assistant
from retrieval.engine import Engine
from retrieval.vocabulary import languages
from tests.bot.test_turn import MANNERS, Person, said

SECOND = {
    "am": ("ሁለተኛው", "ቁጥር 2 እባክዎ", "hulet"),
    "ar": ("الثاني", "رقم ٢ من فضلك", "أريد الثانية"),
    "bn": ("দ্বিতীয়টা", "২ নম্বর", "dui number"),
    "en": ("2 please", "the second one", "number 2", "2nd", "Number two, please!", "#2", "details of 2"),
    "es": ("la segunda", "el 2 por favor", "2º", "opción dos"),
    "fa": ("گزینه دوم", "شماره ۲ لطفا"),
    "fr": ("le 2", "la deuxième", "numéro deux s’il vous plaît", "2e"),
    "ha": ("na biyu", "lamba 2 don Allah"),
    "hi": ("दूसरा वाला", "नंबर दो", "do number"),
    "id": ("yang kedua", "nomor dua", "no 2 ya"),
    "ne": ("दोस्रो", "नम्बर २"),
    "pt": ("o segundo", "número 2 por favor", "a segunda"),
    "ru": ("второй", "номер два, пожалуйста", "2-й"),
    "so": ("ka labaad", "lambarka 2 fadlan"),
    "sw": ("ya pili", "namba mbili tafadhali"),
    "tr": ("ikincisi", "2. lütfen", "iki numara"),
    "ur": ("دوسرا والا", "نمبر ۲"),
    "vi": ("cái thứ hai", "số 2 nhé"),
    "yo": ("ekeji", "nọmba kejì"),
    "zh": ("第二个", "第2个", "请给我看第二个", "选二"),
}


def test_every_language_can_choose() -> None:
    assert set(SECOND) == set(languages())


@pytest.mark.parametrize(("code", "text"), [(code, text) for code, texts in SECOND.items() for text in texts])
def test_a_number_is_understood_in_words(code: str, text: str) -> None:
    assert chosen(text, [code]) == 2


@pytest.mark.parametrize(
    "text",
    ["2 years of Excel course", "two courses", "3D", "5G", "no", "the one in French", "1 and 3", "2 laptops", "do", ""],
)
def test_a_message_that_says_more_is_no_number(text: str) -> None:
    assert chosen(text, ["en"]) is None


@pytest.fixture
def person(engine: Engine) -> Person:
    return Person(Assistant(engine, MANNERS), Known())


def test_no_one_is_nobody() -> None:
    assert chosen("no one", ["en"]) is None
    assert chosen("no 1", ["en"]) == 1


def test_the_second_one_shows_details_of_the_second_result(person: Person) -> None:
    first = person.says("free python course")

    assert person.says("the second one, please").shown == (first.shown[1],)


def test_a_language_that_we_only_understand_can_choose_too(person: Person) -> None:
    first = person.says("Ücretsiz Python kursu arıyorum")

    assert person.says("üç").shown == (first.shown[2],)


def test_where_nothing_was_shown_a_number_in_words_is_no_choice(person: Person) -> None:
    assert "no result with that number" not in said(person.says("the second one"))


def test_a_topic_of_the_menu_can_be_chosen_by_its_place(person: Person) -> None:
    person.says("I want to learn something")

    person.says("the second one")

    assert list(person.known.context["question"]["topics"]) == ["programming"]


def test_a_language_can_be_chosen_by_its_place_in_words(person: Person) -> None:
    person.says("/language")

    assert person.says("number 2 please").remember == {"language": "fr", "language_chosen": True}


def test_the_article_tells_the_second_one_from_another_one(person: Person) -> None:
    first = person.says("أريد تعلم البرمجة")

    assert person.says("الثاني").shown == (first.shown[1],)
    assert not set(person.says("تاني").shown) & set(first.shown)
