"""Software and the experiences of countries: shown to whoever asks for them, with who teaches them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.outcome import Heard, Known, Manners, Outcome
from bot.replies import LONGEST_REPLY
from bot.turn import Assistant
from channels.contract import Kind as Message
from retrieval.engine import Engine
from retrieval.fit import Action
from retrieval.records import Kind

MANNERS = Manners("the facility", "https://dalil.example/privacy", 180)


class Person:
    """Somebody who remembers what a turn says is to be remembered."""

    def __init__(self, engine: Engine, **known: str) -> None:
        self.engine, self.known = engine, Known(**known)  # type: ignore[arg-type]
        self._assistant = Assistant(engine, MANNERS)

    def says(self, text: str) -> Outcome:
        outcome = self._assistant.take([Heard(Message.TEXT, text)], self.known)
        self.known = replace(self.known, context=outcome.context, **outcome.remember)
        return outcome

    def kinds(self, outcome: Outcome) -> list[Kind]:
        found = [self.engine.record(key) for key in outcome.shown]
        return [record.kind for record in found if record]


@pytest.fixture
def person(engine: Engine) -> Person:
    return Person(engine)


def said(outcome: Outcome) -> str:
    return "\n".join(message.text for message in outcome.messages)


def test_the_card_of_software_says_what_it_is_and_that_of_an_experience_where_it_was_made(person: Person) -> None:
    assert "open-source software · free" in said(person.says("which open software for an e-permit?"))
    assert "experience of Bangladesh" in said(person.says("which country has done digital centres?"))


def test_the_details_of_software_list_who_teaches_it_and_where_it_is_used(person: Person) -> None:
    person.says("what is X-Road?")

    outcome = person.says("1")

    assert "Who teaches it or helps:" in said(outcome)
    assert "X-Road Academy" in said(outcome)
    assert "What countries have done:" in said(outcome)
    assert "Estonia" in said(outcome)
    assert "Who can join" not in said(outcome)
    assert len(said(outcome)) <= LONGEST_REPLY


def test_what_is_listed_there_is_opened_by_its_number_and_earlier_numbers_hold(person: Person) -> None:
    first = person.says("what is MOSIP?")
    person.says("1")
    last = person.known.context["last"]

    assert last[: len(first.shown)] == list(first.shown)
    assert len(last) > len(first.shown)
    assert [person.says(str(number)).shown for number in range(1, len(last) + 1)] == [(key,) for key in last]


def test_numbers_do_not_grow_for_ever(person: Person) -> None:
    person.says("which open software for an e-permit?")
    for _ in range(40):
        person.says(str(len(person.known.context["last"])))

    assert len(person.known.context["last"]) < 45


@pytest.mark.parametrize(
    ("asked", "follow_up"),
    [
        ("what is X-Road?", "who can teach us to run it?"),
        ("what is X-Road?", "is there a course?"),
        ("X-Road, c'est quoi ?", "qui peut nous apprendre à l'utiliser ?"),
        ("X-Road ni nini?", "nani anaweza kutufundisha kuitumia?"),
        ("ما هو X-Road؟", "من يستطيع أن يعلمنا تشغيله؟"),
        ("qué es X-Road?", "quién puede enseñarnos a usarlo?"),
        ("o que é X-Road?", "quem pode nos ensinar a usá-lo?"),
        ("что такое X-Road?", "кто может научить нас им пользоваться?"),
        ("X-Road 是什么？", "谁能教我们使用它？"),
        ("X-Road क्या है?", "हमें इसे चलाना कौन सिखा सकता है?"),
        ("X-Road কী?", "কে আমাদের এটা চালাতে শেখাতে পারে?"),
        ("X-Road menene?", "wa zai iya koya mana yadda ake amfani da ita?"),
        ("X-Road ምንድን ነው?", "ማን ሊያስተምረን ይችላል?"),
    ],
)
def test_who_teaches_what_was_shown_is_found_without_naming_it_again(
    person: Person, asked: str, follow_up: str
) -> None:
    assert "x-road" in person.says(asked).shown

    outcome = person.says(follow_up)

    assert outcome.action is Action.ANSWER
    assert outcome.shown[0] == "xroad-academy"
    assert not {Kind.PRODUCT, Kind.EXPERIENCE} & set(person.kinds(outcome))
    assert person.known.country is None


def test_after_who_teaches_it_one_can_ask_who_has_done_it(person: Person) -> None:
    person.says("what is MOSIP?")
    person.says("who can teach us to run it?")

    outcome = person.says("which country uses it?")

    assert set(person.kinds(outcome)) == {Kind.EXPERIENCE}
    assert "philippines-philsys" in outcome.shown


def test_a_new_question_is_not_taken_for_one_about_what_was_shown(person: Person) -> None:
    person.says("what is X-Road?")

    assert "xroad-academy" not in person.says("I want to learn Excel").shown
    assert "xroad-academy" not in person.says("who can teach us to run DHIS2?").shown


def test_people_of_other_countries_see_an_experience(engine: Engine) -> None:
    outcome = Person(engine, country="KE", language="en").says("which country has done digital centres?")

    assert "bangladesh-udc" in outcome.shown


def test_whoever_asks_for_a_course_is_shown_neither_and_no_link_to_them(engine: Engine) -> None:
    person = Person(engine, country="KE", language="en")
    outcome = person.says("free Excel course")

    assert not {Kind.PRODUCT, Kind.EXPERIENCE} & set(person.kinds(outcome))
    assert "Software for it" not in said(person.says("1"))


def test_what_is_wished_for_may_come_with_the_answer_to_which_topic(person: Person) -> None:
    assert person.says("can you help me with something").action is Action.CLARIFY

    outcome = person.says("we want free software for patients' records")

    assert Kind.PRODUCT in person.kinds(outcome)
