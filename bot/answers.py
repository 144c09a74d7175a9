"""What the assistant answers with: cards, one question back, a word, or a ticket for a person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot import offer_talk
from bot.cards import Cards
from bot.outcome import Known, Manners, Outcome, TicketRequest
from bot.own_words import OwnWords
from bot.replies import Replies
from channels.contract import Outgoing
from retrieval.engine import Action, Cause, Engine, Unavailable, Verdict
from retrieval.filters import NOT_TRAINING, kinds_that_follow
from retrieval.leaning import likeliest_topic
from retrieval.question import Question
from retrieval.records import Kind, Record
from retrieval.search import SHOWN, Result, reasons

_NUMBERS = 30
"""Records that numbers stand for, after which only those of the answer keep theirs."""
_FOLLOWS = 10
"""Words up to which “who can teach us to run it?” may be about what was shown."""
_ELSEWHERE = 0.6
"""Probability of a topic from which it is not."""


class Answers:
    """Turns questions that were understood into outcomes."""

    def __init__(self, engine: Engine, manners: Manners) -> None:
        self.engine = engine
        self.manners = manners

    def look_up(self, question: Question, text: str, language: str, known: Known) -> Outcome:
        """Judge a question and act on it; if the index is gone, a person takes it up."""
        try:
            verdict = self.engine.judge(question)
        except Unavailable:
            return self.hand_over(Cause.FAILURE, question, text, language, known)
        return self._act(verdict, question, text, language, known)

    def _act(self, verdict: Verdict, question: Question, text: str, language: str, known: Known) -> Outcome:
        replies, decision = Replies(language), verdict.decision
        if decision.action is Action.ANSWER:
            return self.answer(verdict, question, language)
        if decision.cause is Cause.NEED and set(question.needs) == {offer_talk.NEED}:
            return offer_talk.ask(self.manners.join, language, known)
        if decision.action in {Action.ESCALATE, Action.HANDOFF}:
            return self.hand_over(decision.cause, question, text, language, known)
        if decision.action is Action.REFUSE:
            return Outcome(Action.REFUSE, language, [replies.refusal()], context=known.context)
        if decision.action is Action.SMALLTALK:
            return Outcome(Action.SMALLTALK, language, [self._small_talk(question, replies)], context=known.context)
        if (last := known.context.get("last")) and not question.searchable:  # the results stay
            return Outcome(Action.CLARIFY, language, [replies.which(len(last))], context=known.context)
        context = {"question": question.facts(), "asked": "topic"}
        return Outcome(Action.CLARIFY, language, [replies.which()], context=context)

    def _small_talk(self, question: Question, replies: Replies) -> Outgoing:
        said = question.smalltalk
        if "who-are-you" in said:
            return replies.who(self.manners.operator)
        if "thanks" in said:
            return replies.thanks()
        return replies.goodbye() if "goodbye" in said and "greeting" not in said else replies.greeting()

    def answer(self, verdict: Verdict, question: Question, language: str, before: Sequence[str] = ()) -> Outcome:
        """Cards, after those of `before` that were shown already."""
        return self._cards(verdict.found.results, question, language, before)

    def _cards(
        self, results: Sequence[Result], question: Question, language: str, before: Sequence[str] = ()
    ) -> Outcome:
        shown = tuple(result.record.id for result in results)
        context = {
            "question": question.facts(),
            "last": list(shown),
            "shown": [*before, *shown],
        }
        message = Cards(Replies(language)).answer(results)
        return Outcome(Action.ANSWER, language, [message], shown=shown, context=context)

    def again(self, language: str, known: Known) -> Outcome:
        """The cards that were shown last, in another language."""
        question = known.question()
        records = map(self.engine.record, known.context.get("last", ())[:SHOWN])
        results = _results((record for record in records if record), question)
        messages = [Cards(Replies(language)).answer(results)] if results else []
        return Outcome(Action.SMALLTALK, language, messages, context=known.settled())

    def details(self, record: Record, language: str, known: Known) -> Outcome:
        """The long card; under software or an experience also what belongs to it, numbered on after what was shown."""
        question, last = known.question(), list(known.context.get("last", ()))
        last = last if len(last) < _NUMBERS else last[:SHOWN]
        linked: list[Record] = []
        if record.kind in NOT_TRAINING:
            every = self.engine.linked(record.id, question)
            for kinds in (frozenset(Kind) - NOT_TRAINING, {Kind.EXPERIENCE}, {Kind.PRODUCT}):
                linked += [other for other in every if other.kind in kinds][:SHOWN]
        last += [other.id for other in linked if other.id not in last]
        numbered = [(last.index(other.id) + 1, other) for other in linked]
        message = Cards(Replies(language)).details(record, reasons(record, question), numbered)
        context = {**known.context, "last": last, "opened": record.id}
        return Outcome(Action.ANSWER, language, [message], shown=(record.id,), context=context)

    def linked(self, question: Question, language: str, known: Known) -> Outcome | None:
        """Cards of what belongs to the software or experience shown before: “who can teach us to run it?”."""
        kinds = kinds_that_follow(question)
        if not kinds or not self._follows(question) or (thing := self._shown_before(known)) is None:
            return None
        before = known.question()
        found = [r for r in self.engine.linked(thing.id, before) if r.kind in kinds][:SHOWN]
        results = _results(found, before)
        if not results:
            return None
        outcome = self._cards(results, before, language, known.context.get("shown", ()))
        outcome.context["opened"] = thing.id  # there may be more questions about it
        return outcome

    def _follows(self, question: Question) -> bool:
        """Whether it says nothing of its own that could be looked for."""
        said = any(sure >= 1 for sure in question.topics.values()) or question.audiences
        need = question.needs or question.elsewhere or question.refuse or question.distress
        wish = said or (need and not question.guessed)
        another = kinds_that_follow(question) - NOT_TRAINING and likeliest_topic(question) >= _ELSEWHERE
        if wish or another or question.length > _FOLLOWS:
            return False
        return not self.engine.named(question.text, question.language)

    def _shown_before(self, known: Known) -> Record | None:
        """The software or experience that the talk is about: the one that was opened, else the first of the answer."""
        keys = (known.context.get("opened"), *known.context.get("last", ()))
        records = (self.engine.record(key) for key in keys if key)
        return next((record for record in records if record and record.kind in NOT_TRAINING), None)

    def hand_over(self, cause: Cause, question: Question, text: str, language: str, known: Known) -> Outcome:
        """Open a ticket with the need written down."""
        replies, own = Replies(language), OwnWords(question.language, language)
        safety = [*own.in_danger(), *replies.helpline(self.manners.helpline), replies.read_first()]
        lines = {
            Cause.DISTRESS: "\n".join(safety),
            Cause.NEED: replies.needs_person(),
            Cause.FAILURE: replies.not_searchable(),
            Cause.NOTHING_FITS: replies.nothing_fits(),
            Cause.ELSEWHERE: replies.nothing_fits(),
        }
        need = {"words": text, "question": question.facts(), "shown": known.context.get("shown", [])}
        action = Action.HANDOFF if cause is Cause.PERSON else Action.ESCALATE
        request = TicketRequest(cause, need, lines.get(cause, ""), urgent=cause is Cause.DISTRESS)
        return Outcome(action, language, ticket=request, context=known.context)


def _results(records: Iterable[Record], question: Question) -> list[Result]:
    """Records that no search has ranked, with why they fit."""
    return [Result(record, 0.0, {}, reasons(record, question)) for record in records]
