"""Questions about what was just shown: “is the second one free?”, “which is best?”, “how do I sign up?”."""

from __future__ import annotations

from bot.answers import Answers
from bot.controls import ABOUT
from bot.numbers import mentioned
from bot.outcome import Known, Outcome
from bot.replies import Replies
from retrieval.engine import Action
from retrieval.question import Question
from retrieval.records import Record
from retrieval.search import SHOWN

COMPARE, PARTICULARS = ABOUT
_FEW = 4
"""Words up to which a bare digit beside a demand is a choice: “is 2 free?”."""


class About:
    """Answers from the records that were shown, without a new search."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def hear(self, question: Question, language: str, known: Known) -> Outcome | None:
        """The answer, if a message is about what was shown; none if it may ask for something new."""
        shown = known.context.get("last", [])
        if not shown or _asks_anew(question, known):
            return None
        numbers = [number for number in _numbers(question, known) if number <= len(shown)]
        if len(numbers) > 1 or COMPARE in question.controls:
            return self._compare(numbers or list(range(1, min(len(shown), SHOWN) + 1)), language, known)
        if not numbers and PARTICULARS in question.controls:
            return self._particulars(language, known)
        record = self._record(numbers[0], known) if numbers else None
        return self._answers.details(record, language, known) if record else None

    def _compare(self, numbers: list[int], language: str, known: Known) -> Outcome:
        records = {number: record for number in numbers[:SHOWN] if (record := self._record(number, known))}
        if len(records) < 2:
            return self._particulars(language, known)
        message = self._answers.side_by_side(records, language)
        return Outcome(Action.ANSWER, language, [message], context=known.context)

    def _particulars(self, language: str, known: Known) -> Outcome:
        """The catalogue does not know them; the page of the provider does."""
        opened = known.context.get("opened")
        shown = known.context["last"]
        record = self._answers.engine.record(opened or shown[0]) if opened or len(shown) == 1 else None
        message = Replies(language).particulars(str(record.url) if record and record.url else None)
        return Outcome(Action.ANSWER, language, [message], context=known.context)

    def _record(self, number: int, known: Known) -> Record | None:
        return self._answers.engine.record(known.context["last"][number - 1])


def _asks_anew(question: Question, known: Known) -> bool:
    """Whether it names something to look for that was not asked for before, or needs a person."""
    topics = {topic for topic, sure in question.topics.items() if sure >= 1} - known.question().topics.keys()
    needs = (question.needs or question.elsewhere) and not question.guessed
    wishes = topics or question.audiences or question.scholarship
    return bool(wishes or needs or question.refuse or question.distress)


def _numbers(question: Question, known: Known) -> list[int]:
    named = mentioned(question.text, (question.language, known.language))
    if named or not question.constrains:
        return named
    digits = [int(word) for word in question.text.split() if word.isdecimal()] if question.length <= _FEW else []
    return digits if len(digits) == 1 and digits[0] > 0 else []
