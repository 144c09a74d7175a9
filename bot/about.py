"""Questions about what was just shown: “is the second one free?”, “which is best?”, “how do I sign up?”."""

from __future__ import annotations

from bot.answers import Answers
from bot.cards import Cards
from bot.numbers import mentioned
from bot.outcome import Known, Outcome
from bot.replies import Replies
from retrieval.engine import Action
from retrieval.leaning import Way
from retrieval.question import Question
from retrieval.records import Record
from retrieval.search import SHOWN

COMPARE, PARTICULARS = "compare", "particulars"
_FEW = 3
"""Words up to which a bare digit beside a demand is a choice: “is 2 free?”."""


class About:
    """Answers from the records that were shown, without a new search."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def hear(self, question: Question, language: str, known: Known) -> Outcome | None:
        """The answer, if a message is about what was shown; none if it may ask for something new."""
        shown = known.context.get("last", [])
        if not shown or _needs_somebody(question):
            return None
        named = _numbers(question, known)
        numbers = [number for number in named if 1 <= number <= len(shown)]
        if numbers or COMPARE in question.about:
            if _topics(question) - known.question().topics.keys() or (not numbers and _narrows(question)):
                return None
            if COMPARE in question.about or len(numbers) > 1:
                every = range(1, min(len(shown), SHOWN) + 1)
                return self._compare(numbers if len(numbers) > 1 else list(every), language, known)
            record = self._record(numbers[0], known)
            return self._answers.details(record, language, known) if record else None
        if named and question.constrains:
            return Outcome(Action.CLARIFY, language, [Replies(language).no_number()], context=known.context)
        new = _topics(question) or _narrows(question) or PARTICULARS not in question.about
        return None if new else self._particulars(language, known)

    def _compare(self, numbers: list[int], language: str, known: Known) -> Outcome | None:
        records = {number: record for number in numbers[:SHOWN] if (record := self._record(number, known))}
        if not records:
            return None
        last, shown = known.context["last"], known.context.get("shown", [])
        best = 1 in records and shown[: len(last)] == last  # “more” goes on with what fits less
        message = Cards(Replies(language)).side_by_side(records, best=best)
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


def _needs_somebody(question: Question) -> bool:
    """Whether a message is for a person, or takes back what was shown, whatever numbers it names."""
    taken_back = {"person", "more", "none-of-these", "new", "cancel"} & set(question.controls)
    needs = question.needs or question.asks_someone or question.refuse or question.distress
    guessed = question.way == Way.PERSON and not question.constrains
    return bool(taken_back or needs or guessed or (question.elsewhere and not question.guessed))


def _topics(question: Question) -> set[str]:
    """What it names outright, or whom."""
    sure = {topic for topic, certainty in question.topics.items() if certainty >= 1}
    return sure.union(question.audiences, ["scholarship"] if question.scholarship else [])


def _narrows(question: Question) -> bool:
    return bool(question.constrains or question.level or question.countries or question.speaks)


def _numbers(question: Question, known: Known) -> list[int]:
    named = mentioned(question.text, (question.language, known.language))
    if named or not question.constrains or question.length > _FEW or "?" not in question.text:
        return named
    return [int(word) for word in question.text.rstrip(" ?").split() if word.isdecimal() and len(word) == 1]
