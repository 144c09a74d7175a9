"""Cards: why each result fits, said whole and not three times the same."""

from __future__ import annotations

import pytest

from bot.cards import Cards
from bot.replies import LONGEST_REPLY, Replies
from locales import LANGUAGES
from retrieval.records import Record
from retrieval.search import Reason, Result
from tests.records import PLAIN

TOPIC, FREE = Reason("topic", "typing"), Reason("free")
ENGLISH, YOUTH = Reason("language", "en"), Reason("audience", "youth")
LONG = Reason("topic", "cybercrime")


def result(number: int, *reasons: Reason, name: str = "") -> Result:
    record = Record.model_validate({**PLAIN, "id": f"club-{number}", "name": name or f"Club {number}"})
    return Result(record, 1.0, {}, reasons)


def reasons_of(text: str) -> list[str]:
    return [line.removeprefix("✓ ") for line in text.splitlines() if line.startswith("✓")]


def test_reasons_that_all_have_are_said_once_above_the_cards() -> None:
    text = Cards(Replies("en")).answer([result(1, TOPIC, FREE), result(2, TOPIC, FREE), result(3, TOPIC, FREE)]).text

    assert reasons_of(text) == ["typing on a keyboard, free"]
    assert text.index("✓") < text.index("1. *Club 1*")


def test_a_card_says_what_sets_it_apart() -> None:
    found = [result(1, TOPIC, YOUTH, FREE), result(2, TOPIC, FREE), result(3, TOPIC, ENGLISH)]

    text = Cards(Replies("en")).answer(found).text

    assert reasons_of(text) == ["typing on a keyboard", "for young people, free", "free", "English"]


def test_a_single_card_has_all_its_reasons() -> None:
    assert reasons_of(Cards(Replies("en")).answer([result(1, TOPIC, FREE)]).text) == ["typing on a keyboard, free"]


@pytest.mark.parametrize("code", list(LANGUAGES))
def test_a_reason_is_said_whole_or_not_at_all(code: str) -> None:
    cards, name = Cards(Replies(code)), "A course with a name that takes nearly all the room there is"
    long = (LONG, Reason("topic", "e-procurement"), Reason("topic", "customs-trade-facilitation"), YOUTH, FREE)
    found = [result(number, *long[number:], *long[:number], name=name) for number in range(3)]
    found = [Result(r.record, 1.0, {}, r.reasons[number:]) for number, r in enumerate(found)]

    text = cards.answer(found).text

    whole = {cards.why([reason]) for reason in (*long, TOPIC)}
    assert len(text) <= LONGEST_REPLY
    assert reasons_of(text)
    for line in reasons_of(text):
        rest = line
        for said in sorted(whole, key=len, reverse=True):
            rest = rest.replace(said, "")
        assert rest.strip(" ,،、፣") == ""


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != "en"])
def test_groups_of_countries_have_a_name_in_every_language(code: str) -> None:
    english, own = Replies("en"), Replies(code)

    for group in ("DEVELOPING", "ARAB", "ASIA_PACIFIC", "EU"):
        assert own.country(group) != english.country(group)


def test_a_summary_that_is_not_in_the_reader_s_language_says_which_it_is_in() -> None:
    record = Record.model_validate({**PLAIN, "summaries": {"en": "Learn to type.", "sw": "Jifunze kuchapa."}})

    assert "Learn to type. (anglais)\n" in Cards(Replies("fr")).details(record).text
    assert "Jifunze kuchapa.\n" in Cards(Replies("sw")).details(record).text
    assert "Learn to type.\n" in Cards(Replies("en")).details(record).text
