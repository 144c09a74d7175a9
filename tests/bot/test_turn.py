from __future__ import annotations

from dataclasses import replace

import pytest

from bot.controls import Control, control
from bot.outcome import Heard, Known, Manners, Outcome
from bot.replies import LONGEST_REPLY, Replies
from bot.turn import Assistant
from channels.contract import Kind
from locales import LANGUAGES
from retrieval.engine import Engine
from retrieval.fit import Action, Cause

MANNERS = Manners("the facility", "https://dalil.example/privacy", 180)


@pytest.fixture(scope="module")
def assistant(engine: Engine) -> Assistant:
    return Assistant(engine, MANNERS)


class Person:
    """Somebody who remembers, as the worker does, what a turn says is to be remembered."""

    def __init__(self, assistant: Assistant, known: Known) -> None:
        self._assistant, self.known = assistant, known

    def says(self, text: str = "", *, kind: Kind = Kind.TEXT, choice: str | None = None) -> Outcome:
        outcome = self._assistant.take([Heard(kind, text, choice)], self.known)
        self.known = replace(self.known, context=outcome.context, **outcome.remember)
        return outcome


@pytest.fixture
def person(assistant: Assistant) -> Person:
    return Person(assistant, Known())


def said(outcome: Outcome) -> str:
    return "\n".join(message.text for message in outcome.messages)


def test_at_first_contact_a_person_is_told_who_runs_this_and_how_to_stop(assistant: Assistant) -> None:
    outcome = Person(assistant, Known(welcomed=False)).says("free python course")

    welcome, answer = outcome.messages
    assert "the facility" in welcome.text
    assert "https://dalil.example/privacy" in welcome.text
    assert "/stop" in welcome.text
    assert outcome.action is Action.ANSWER
    assert answer.text.startswith("These 3")


def test_a_question_and_a_command_that_waited_together_are_both_answered(assistant: Assistant) -> None:
    heard = [Heard(Kind.TEXT, "free python course"), Heard(Kind.TEXT, "/me"), Heard(Kind.TEXT, "2")]

    outcome = assistant.take(heard, Known())

    answer, me, details = (message.text for message in outcome.messages)
    assert "Python" in answer
    assert "what I know about you" in me
    assert "Who can join" in details


def test_thanks_are_thanks_also_when_the_country_is_known(person: Person) -> None:
    person.says("I live in Ghana and want to learn Excel")

    assert person.says("thanks").action is Action.SMALLTALK


def test_somebody_in_danger_is_heard_after_a_stop(person: Person) -> None:
    person.says("/stop")

    outcome = person.says("I want to kill myself")

    assert outcome.ticket is not None
    assert outcome.ticket.urgent


def test_results_stay_while_something_is_not_understood(person: Person) -> None:
    shown = person.says("cybersecurity course, I live in Kenya").shown
    person.says("number two please")

    assert person.says("2").shown == shown[1:2]


def test_what_is_said_first_is_of_the_person_and_new_begins_anew(person: Person) -> None:
    person.says("I am a teacher in Kenya, I want AI training")
    person.says("and for my cousin in Nigeria, web design")
    assert (person.known.country, person.known.audience) == ("KE", "teachers")

    person.says("/new")
    assert (person.known.country, person.known.audience) == (None, None)


@pytest.mark.parametrize(
    ("asked", "narrowed"), [("ina son koyon python", "da Hausa"), ("أريد تعلم البرمجة", "بالعربية")]
)
def test_a_language_said_after_results_narrows_them(person: Person, asked: str, narrowed: str) -> None:
    assert person.says(asked).action is Action.ANSWER

    person.says(narrowed)

    assert person.known.context.get("asked") != "language"
    assert person.known.context["question"]["taught_in"]


@pytest.mark.parametrize("code", list(LANGUAGES))
def test_the_words_of_our_buttons_are_understood_in_every_language(person: Person, code: str) -> None:
    titles = [button.title for button in Replies(code).after_results(3).buttons]

    assert [control(title, None, code) for title in titles] == [
        Control("more"),
        Control("none-of-these"),
        Control("person"),
    ]


def test_a_short_word_is_not_taken_for_a_language_that_nobody_wrote(person: Person) -> None:
    assert person.says("Hi").language == "en"


def test_a_stop_among_other_messages_is_heeded_at_once(assistant: Assistant) -> None:
    outcome = assistant.take([Heard(Kind.TEXT, "free python course"), Heard(Kind.TEXT, "/stop")], Known())

    assert outcome.action is Action.STOP
    assert outcome.remember["stopped"]
    assert len(outcome.messages) == 1


def test_the_words_of_a_button_may_be_typed(person: Person) -> None:
    offered = person.says("/erase").messages[0].buttons[0]

    assert person.says(offered.title.upper()).erase


def test_an_answer_is_one_short_message_with_links(person: Person) -> None:
    outcome = person.says("I want a free course on digital marketing in English")

    (message,) = outcome.messages
    assert len(message.text) <= LONGEST_REPLY
    assert message.text.count("https://") == len(outcome.shown) <= 3
    assert "not yet checked" in message.text


def test_more_shows_others(person: Person) -> None:
    first = person.says("free python course")
    second = person.says("more")

    assert second.action is Action.ANSWER
    assert not set(first.shown) & set(second.shown)


def test_a_number_shows_details_of_that_result(person: Person) -> None:
    first = person.says("free python course")
    second = person.says("2")

    assert second.shown == (first.shown[1],)
    assert "Who can join" in said(second)


def test_a_follow_up_narrows_the_question_before(person: Person) -> None:
    person.says("online course on artificial intelligence")
    outcome = person.says("in French please")

    assert outcome.action is Action.ANSWER
    assert outcome.context["question"]["taught_in"] == ("fr",)
    assert "artificial-intelligence" in outcome.context["question"]["topics"]


def test_none_of_these_hands_over_with_the_question_written_down(person: Person) -> None:
    person.says("free python course in Nairobi")
    outcome = person.says(choice="none", kind=Kind.CHOICE)

    assert outcome.action is Action.ESCALATE
    assert outcome.ticket is not None
    assert "python" in outcome.ticket.need["question"]["topics"]
    assert outcome.ticket.need["shown"]


def test_somebody_in_distress_gets_a_safety_message_and_goes_first(person: Person) -> None:
    outcome = person.says("I want to kill myself")

    assert outcome.ticket is not None
    assert outcome.ticket.urgent
    assert outcome.ticket.cause is Cause.DISTRESS
    assert "emergency number" in outcome.ticket.before


def test_no_helpline_is_named_that_the_operator_has_not_set(engine: Engine, person: Person) -> None:
    with_helpline = Assistant(engine, replace(MANNERS, helpline="call 116"))

    assert "116" in Person(with_helpline, Known()).says("I want to kill myself").ticket.before  # type: ignore[union-attr]
    assert "reach" not in person.says("I want to kill myself").ticket.before  # type: ignore[union-attr]


def test_stop_is_obeyed_and_start_opens_again(person: Person) -> None:
    assert person.says("stop").remember == {"stopped": True}
    assert "/start" in said(person.says("free python course"))
    assert person.says("/start").remember == {"stopped": False}


def test_stop_inside_a_question_is_no_command(person: Person) -> None:
    assert person.says("how do I stop a DDoS attack on our ministry network").action is not Action.STOP


def test_erase_asks_once(person: Person) -> None:
    assert not person.says("/erase").erase
    assert person.says("yes").erase


def test_a_language_can_be_chosen_by_name_or_number(person: Person) -> None:
    person.says("/language")
    assert person.says("Français").remember == {"language": "fr", "language_chosen": True}
    person.says("/language")
    assert person.says("3").remember == {"language": "ar", "language_chosen": True}


@pytest.mark.parametrize("text", ["", "😀", "https://example.org/x", "\u202e\u0007", "a" * 20_000])
def test_bad_input_gets_a_helpful_reply(person: Person, text: str) -> None:
    outcome = person.says(text)

    assert outcome.messages or outcome.ticket


def test_a_voice_note_is_answered_kindly(person: Person) -> None:
    assert "only read text" in said(person.says(kind=Kind.AUDIO))


def test_what_is_remembered_is_shown(person: Person) -> None:
    person.says("I am a teacher in Kumasi, free Excel course?")
    shown = said(person.says("/me"))

    assert "Ghana" in shown
    assert "teachers" in shown


def test_a_language_that_was_picked_stays_whatever_is_written(person: Person) -> None:
    person.says("free python course")
    person.says("Français", kind=Kind.CHOICE, choice="language:fr")

    assert person.says("free python course").language == "fr"
    assert person.says("nataka kujifunza kompyuta bure").action is Action.ANSWER


def test_who_picked_nothing_is_answered_in_the_language_they_write(person: Person) -> None:
    person.says("free python course")

    assert person.says("nataka kujifunza kompyuta bure").language == "sw"


def test_what_is_not_understood_about_results_points_to_their_details(person: Person) -> None:
    person.says("free python course")

    assert said(person.says("who can join?")).startswith("Write a number for details")


@pytest.mark.parametrize(("text", "code"), [("السلام عليكم", "ar"), ("नमस्ते", "hi")])
def test_a_greeting_that_several_languages_share_is_answered_in_one_that_we_write(
    person: Person, text: str, code: str
) -> None:
    assert person.says(text).language == code


def test_somebody_in_danger_who_says_stop_is_heard(person: Person) -> None:
    outcome = person.says("please stop writing to me, I want to kill myself today")

    assert outcome.ticket is not None
    assert outcome.ticket.urgent


@pytest.mark.parametrize("text", ["ok but vous gardez quoi sur moi ?", "so what do you have about me then?"])
def test_who_asks_what_is_kept_of_them_is_told_though_they_say_more(person: Person, text: str) -> None:
    outcome = person.says(text)

    assert outcome.action is Action.SMALLTALK
    assert outcome.ticket is None
    assert "/erase" in "\n".join(message.text for message in outcome.messages)


@pytest.mark.parametrize("text", ["can you help me?", "ممكن تساعدوني؟"])
def test_who_asks_for_help_with_nothing_in_particular_is_asked_what_it_is_about(person: Person, text: str) -> None:
    assert person.says(text).action is Action.CLARIFY


def test_somebody_who_asks_whether_they_talk_to_a_machine_gets_an_answer_and_no_ticket(person: Person) -> None:
    outcome = person.says("are you a robot or a real human?")

    assert outcome.action is Action.SMALLTALK
    assert outcome.ticket is None


@pytest.mark.parametrize("text", ["i am 16 and still in school, will they take me?", "is it ok for girls too?"])
def test_who_asks_whether_they_may_join_is_in_no_danger(person: Person, text: str) -> None:
    assert person.says(text).ticket is None


@pytest.mark.parametrize("text", ["i failed again, no one would miss me", "no, i dont see the point of living anymore"])
def test_danger_is_heard_beside_other_words(person: Person, text: str) -> None:
    ticket = person.says(text).ticket

    assert ticket is not None
    assert ticket.urgent


@pytest.mark.parametrize(
    ("before", "text", "code"),
    [
        ("je cherche un cours de bureautique", "en wolof", "fr"),
        ("we want to sell shea butter online", "en bambara", "en"),
        ("we want to sell shea butter online", "en français", "fr"),
    ],
)
def test_who_just_names_a_language_is_answered_in_the_one_of_the_talk_or_that_one(
    person: Person, before: str, text: str, code: str
) -> None:
    person.says(before)

    assert person.says(text).language == code


def test_an_ok_is_no_call_for_help(person: Person) -> None:
    assert "/help" not in said(person.says("ok"))
    assert person.says("ok").language == "en"
    person.says("free python course")
    assert said(person.says("ok")).startswith("You are welcome")
