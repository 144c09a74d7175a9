"""In which language people are answered whose own we understand but do not write."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.language import shared
from bot.outcome import Heard, Known, Outcome
from bot.own_words import OwnWords
from bot.turn import Assistant
from channels.contract import Kind
from channels.twilio.contents import content_of
from locales import LANGUAGES, SHARED, UNDERSTOOD
from retrieval.engine import Engine
from retrieval.fit import Action
from tests.bot.test_turn import MANNERS, Person, said

ASKED = {
    "ur": "مجھے مفت کمپیوٹر کورس چاہیے",
    "id": "saya ingin belajar komputer gratis",
    "ne": "म निःशुल्क कम्प्युटर सिक्न चाहन्छु",
    "so": "Waxaan rabaa koorso bilaash ah oo kombuyuutar",
    "yo": "mo fẹ́ kọ́ bí a ṣe ń lo kọ̀ǹpútà",
    "tr": "ücretsiz bilgisayar kursu arıyorum",
    "fa": "می‌خواهم رایگان کامپیوتر یاد بگیرم",
    "vi": "tôi muốn học máy tính miễn phí",
}


@pytest.fixture(scope="module")
def assistant(engine: Engine) -> Assistant:
    return Assistant(engine, MANNERS)


@pytest.fixture
def person(assistant: Assistant) -> Person:
    return Person(assistant, Known())


def asks(outcome: Outcome) -> bool:
    """Whether a reply asks which language they read best."""
    return any(b.payload == "language:en" for message in outcome.afterwards for b in message.buttons)


@pytest.mark.parametrize("code", UNDERSTOOD)
def test_they_get_the_answer_at_once_a_word_in_their_own_language_and_one_question(person: Person, code: str) -> None:
    outcome = person.says(ASKED[code])

    (answer,), (question,) = outcome.messages, outcome.afterwards
    own = OwnWords(code, "en")
    assert (outcome.action, outcome.language) == (Action.ANSWER, "en")
    assert answer.text.startswith(f"{own.not_spoken()}\nThese 3 fit best")
    assert question == own.ask(shared(code, None))


@pytest.mark.parametrize("code", UNDERSTOOD)
def test_their_own_words_are_no_english(code: str) -> None:
    own, english = OwnWords(code, "en"), OwnWords("en", "en")

    assert own.not_spoken() != english.not_spoken()
    assert own.ask(("en",)) != english.ask(("en",))
    assert not set(own.in_danger()) & set(english.in_danger())


def test_they_are_asked_once(person: Person) -> None:
    assert asks(person.says(ASKED["tr"]))
    assert not asks(person.says("python öğrenmek istiyorum"))


@pytest.mark.parametrize("answer", [Heard(Kind.CHOICE, "", "language:fr"), Heard(Kind.TEXT, "Français")])
def test_what_they_choose_is_remembered_and_what_was_shown_comes_again_in_it(
    assistant: Assistant, answer: Heard
) -> None:
    person = Person(assistant, Known())
    shown = person.says(ASKED["vi"]).shown

    outcome = person.says(answer.text, kind=answer.kind, choice=answer.choice)

    chosen, again = outcome.messages
    assert "Français" in chosen.text
    assert again.text.startswith("Voici les 3 meilleurs résultats")
    assert person.says("2").shown == shown[1:2]
    later = person.says("tôi muốn học Excel")
    assert later.language == "fr"
    assert said(later).startswith("Voici")


def test_what_was_asked_back_is_asked_again_in_the_language_they_choose(person: Person) -> None:
    person.says("tôi muốn học một cái gì đó")
    outcome = person.says(kind=Kind.CHOICE, choice="language:fr")

    assert any(button.payload.startswith("topic:") for button in outcome.messages[-1].buttons)
    assert person.says("Python").action is Action.ANSWER


def test_who_has_written_one_of_our_languages_before_is_answered_in_it(person: Person) -> None:
    person.says("je cherche un cours gratuit de bureautique")

    assert person.says("mo fẹ́ kọ́ nípa kọ̀ǹpútà lọ́fẹ̀ẹ́").language == "fr"


def test_the_languages_of_a_country_s_schools_come_first() -> None:
    assert shared("yo", "BJ") == ("fr", "en", "ha")
    assert shared("yo", "NG")[0] == "en"
    assert shared("xx", None) == ("en", "fr", "ar")


@pytest.mark.parametrize("code", [*SHARED, "xx"])
def test_the_question_fits_whatsapp_s_buttons(code: str) -> None:
    message = OwnWords(code, "en").ask(shared(code, None))

    assert {button.payload.removeprefix("language:") for button in message.buttons} <= LANGUAGES.keys()
    content = content_of(message.text, message.buttons)
    assert content is not None
    assert content.types.keys() == {"twilio/quick-reply"}


def test_every_language_that_is_understood_has_one_that_its_speakers_share_with_us() -> None:
    assert UNDERSTOOD.keys() <= SHARED.keys()
    assert not UNDERSTOOD.keys() & LANGUAGES.keys()


def test_in_danger_nothing_but_the_safety_message_is_said_and_in_their_own_language(person: Person) -> None:
    outcome = person.says("yaşamak istemiyorum artık, kendimi öldürmek istiyorum")

    assert outcome.messages == []
    assert outcome.ticket is not None
    assert outcome.ticket.before.startswith(OwnWords("tr", "en").in_danger()[0])


def test_a_hand_over_says_it_too(person: Person) -> None:
    outcome = person.says("tôi muốn học nghề hàn ở Hà Nội")

    assert outcome.ticket is not None
    assert outcome.ticket.before.startswith(OwnWords("vi", "en").not_spoken())
    assert asks(outcome)


def test_a_wish_said_in_words_for_a_person_says_it_too(assistant: Assistant) -> None:
    heard = [Heard(Kind.TEXT, "مجھے کسی انسان سے بات کرنی ہے")]

    outcome = assistant.take(heard, Known())

    assert outcome.ticket is not None
    assert outcome.ticket.before.startswith(OwnWords("ur", "en").not_spoken())


def test_who_is_not_welcomed_yet_is_told_who_runs_this_first(assistant: Assistant) -> None:
    outcome = Person(assistant, replace(Known(), welcomed=False)).says(ASKED["id"])

    welcome, answer = outcome.messages

    assert "the facility" in welcome.text
    assert answer.text.startswith(OwnWords("id", "en").not_spoken())
    assert asks(outcome)


@pytest.mark.parametrize("text", ["berhenti kirim pesan", "đừng nhắn tin cho tôi nữa"])
def test_who_wants_no_more_messages_is_asked_nothing(person: Person, text: str) -> None:
    outcome = person.says(text)

    assert outcome.action is Action.STOP
    assert outcome.afterwards == []


def test_a_command_inside_a_message_says_it_too(person: Person) -> None:
    assert said(person.says("mesajlarımı kim okuyor acaba")).startswith(OwnWords("tr", "en").not_spoken())
