"""Questions about what was just shown."""

from __future__ import annotations

import pytest

from bot.numbers import mentioned
from bot.outcome import Known
from bot.replies import LONGEST_REPLY
from bot.turn import Assistant
from locales import LANGUAGES
from retrieval.engine import Engine
from retrieval.fit import Action
from retrieval.understanding import understand
from retrieval.vocabulary import languages
from tests.bot.test_turn import MANNERS, Person, said


@pytest.fixture
def person(engine: Engine) -> Person:
    """Somebody who was shown three courses."""
    person = Person(Assistant(engine, MANNERS), Known())
    assert len(person.says("i want to learn python").shown) == 3
    return person


def names(person: Person) -> list[str]:
    """Of what was shown."""
    records = map(person._assistant.engine.record, person.known.context["last"])
    return [record.name for record in records if record]


@pytest.mark.parametrize(
    "text", ["is the second one paid?", "does number 2 give a certificate", "is the 2nd in French", "is 2 free?"]
)
def test_who_asks_about_one_gets_its_details(person: Person, text: str) -> None:
    last = person.known.context["last"]
    outcome = person.says(text)

    assert outcome.shown == (last[1],)
    assert "Cost:" in said(outcome)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("which is best for me?", (1, 2, 3)),
        ("which one do you recommend", (1, 2, 3)),
        ("what is the difference between the first and the third", (1, 3)),
        ("is the third better than the second?", (3, 2)),
    ],
)
def test_who_compares_sees_what_decides_side_by_side(person: Person, text: str, numbers: tuple[int, ...]) -> None:
    known = names(person)
    shown = said(outcome := person.says(text))

    assert outcome.action is Action.ANSWER
    assert [f"{number}. *{known[number - 1]}" in shown for number in (1, 2, 3)] == [n in numbers for n in (1, 2, 3)]
    assert shown.count("Cost:") == len(numbers)
    assert len(shown) <= LONGEST_REPLY


def test_numbers_go_on_to_stand_for_what_was_shown(person: Person) -> None:
    last = person.known.context["last"]
    person.says("which is best for me?")

    assert person.says("3").shown == (last[2],)


def test_what_no_record_says_is_on_the_provider_s_page(person: Person) -> None:
    assert "Write a number" in said(person.says("how long does it take?"))
    person.says("1")
    link = str(person._assistant.engine.record(person.known.context["last"][0]).url)  # type: ignore[union-attr]

    assert link in said(person.says("how do i apply?"))


@pytest.mark.parametrize(
    "text",
    [
        "first I want a course on spreadsheets",
        "free excel course, second year student",
        "which is the best in French?",
        "what do you recommend for beginners",
        "how to apply formulas in excel",
        "which is best? i live in Kenya",
        "2 free courses",
        "not the first, show me others",
    ],
)
def test_what_adds_something_is_looked_for_anew(person: Person, text: str) -> None:
    assert "Cost:" not in said(outcome := person.says(text))
    assert outcome.action in {Action.ANSWER, Action.CLARIFY, Action.ESCALATE}
    assert "provider’s own page" not in said(outcome)


@pytest.mark.parametrize(
    "text",
    [
        "first i want to talk to a person",
        "let me first speak with a human please",
        "can a person tell me which one is best",
        "how do i apply, can a person help me",
    ],
)
def test_who_asks_for_a_person_gets_one_whatever_numbers_they_name(person: Person, text: str) -> None:
    assert person.says(text).ticket is not None


def test_what_they_add_of_themselves_is_remembered(person: Person) -> None:
    person.says("which is best? i live in Kenya")

    assert person.known.country == "KE"


def test_which_to_take_first_compares_all(person: Person) -> None:
    assert said(person.says("which one should i take first?")).count("Cost:") == 3


@pytest.mark.parametrize("text", ["is number 0 free?", "is number 9 free?"])
def test_a_number_that_nothing_has_is_told(person: Person, text: str) -> None:
    assert person.says(text).action is Action.CLARIFY


def test_only_the_first_page_s_first_is_called_the_best(person: Person) -> None:
    assert "fits your words best" in said(person.says("which is best?"))
    assert "fits your words best" not in said(person.says("is the third better than the second?"))
    person.says("more")

    assert "fits your words best" not in said(person.says("which is best?"))


@pytest.mark.parametrize(
    "text", ["is it safe? someone hacked me", "this is my first message: is this safe, a man asks me for money"]
)
def test_whether_something_else_is_safe_is_no_question_about_privacy(person: Person, text: str) -> None:
    assert "/erase" not in said(person.says(text))


def test_where_nothing_was_shown_nothing_is_compared(engine: Engine) -> None:
    outcome = Person(Assistant(engine, MANNERS), Known()).says("which is best?")

    assert "Cost:" not in said(outcome)


@pytest.mark.parametrize(
    ("text", "language", "numbers"),
    [
        ("est-ce que le deuxième est gratuit", "fr", [2]),
        ("el primero o el tercero", "es", [1, 3]),
        ("هل الثاني مجاني", "ar", [2]),
        ("вторая бесплатная?", "ru", [2]),
        ("第二个免费吗", "zh", [2]),
        ("ya pili ni bure?", "sw", [2]),
        ("number 3 kya free hai", "hi", [3]),
        ("I have two years and one child", "en", []),
        ("j'ai deux enfants", "fr", []),
        ("in 2 weeks", "en", []),
        ("it is my first time using a computer", "en", []),
        ("starts on the 1st of march?", "en", []),
        ("no, 2 of my friends also want it", "en", []),
        ("học thứ hai và thứ ba được không", "vi", []),
        ("começa na segunda?", "pt", []),
        ("और कोई दूसरी ट्रेनिंग", "hi", []),
        ("c'est ma première fois", "fr", []),
    ],
)
def test_numbers_within_a_sentence(text: str, language: str, numbers: list[int]) -> None:
    assert mentioned(text, (language,)) == numbers


@pytest.mark.parametrize(
    "text",
    [
        "who can read my messages?",
        "is this safe? what do you do with my data",
        "mais qui peut lire mes messages ?",
        "/privacy",
    ],
)
def test_who_asks_what_happens_to_their_words_is_told(person: Person, text: str) -> None:
    outcome = person.says(text)

    assert outcome.action is Action.SMALLTALK
    assert "180" in said(outcome)
    assert MANNERS.privacy in said(outcome)
    assert outcome.ticket is None


ASKED = {
    "ar": ("أيهما أفضل", "كم مدة الدورة", "من يقرأ رسائلي"),
    "en": ("which one is better", "how do i sign up", "who reads my messages"),
    "es": ("cuál es mejor", "cómo me inscribo", "quién lee mis mensajes"),
    "fr": ("lequel est le meilleur", "comment s'inscrire", "qui lit mes messages"),
    "pt": ("qual é o melhor", "como me inscrevo", "quem lê as minhas mensagens"),
    "ru": ("какой лучше", "как записаться", "кто читает мои сообщения"),
    "sw": ("ipi ni bora", "najiungaje", "nani anasoma ujumbe wangu"),
    "zh": ("哪个更好", "怎么报名", "谁能看到我的消息"),
}


@pytest.mark.parametrize(("code", "number"), [(code, number) for code in ASKED for number in range(3)])
def test_they_are_understood_in(code: str, number: int) -> None:
    question = understand(ASKED[code][number], code)

    assert ("compare", "particulars", "privacy")[number] in (*question.about, *question.controls)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("fr", "compare les deux premiers"),
        ("es", "compara los dos primeros"),
        ("pt", "compara os dois primeiros"),
        ("ru", "сравни первые два"),
        ("zh", "比较前两个"),
        ("sw", "linganisha ya kwanza na ya pili"),
        ("hi", "पहले दो की तुलना करो"),
    ],
)
def test_to_compare_is_understood_as_an_order_too_in(code: str, text: str) -> None:
    assert "compare" in understand(text, code).about


@pytest.mark.parametrize("code", languages())
def test_every_language_has_words_for_them(code: str) -> None:
    from retrieval.vocabulary import FOLDER
    from retrieval.yaml import read

    entries = read(FOLDER / f"{code}.yaml")["concepts"]
    assert all(len(entries[control]) >= 15 for control in ("compare", "particulars", "privacy"))


@pytest.mark.parametrize("code", LANGUAGES)
def test_three_compared_fit_into_one_message(engine: Engine, code: str) -> None:
    person = Person(Assistant(engine, MANNERS), Known(language=code, language_chosen=True))
    person.says("i want to learn python")

    (message,) = person.says("which is best for me?").messages
    assert not message.text.endswith("…")
    assert len(message.text) <= LONGEST_REPLY
