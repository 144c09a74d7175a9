"""What the assistant answers with: cards, one question back, a word, or a ticket for a person."""

from __future__ import annotations

from collections.abc import Sequence

from bot import offer_talk
from bot.cards import Cards
from bot.outcome import Known, Manners, Outcome, TicketRequest
from bot.replies import Replies
from channels.contract import Outgoing
from retrieval.engine import Action, Cause, Engine, Unavailable, Verdict
from retrieval.question import Question


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
        if known.context.get("last") and not question.searchable:
            return Outcome(Action.CLARIFY, language, [replies.which()], context=known.context)  # the results stay
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
        results = verdict.found.results
        shown = tuple(result.record.id for result in results)
        context = {
            "question": question.facts(),
            "last": list(shown),
            "shown": [*before, *shown],
        }
        message = Cards(Replies(language)).answer(results)
        return Outcome(Action.ANSWER, language, [message], shown=shown, context=context)

    def hand_over(self, cause: Cause, question: Question, text: str, language: str, known: Known) -> Outcome:
        """Open a ticket with the need written down."""
        replies = Replies(language)
        lines = {
            Cause.DISTRESS: replies.safety(self.manners.helpline),
            Cause.NEED: replies.needs_person(),
            Cause.FAILURE: replies.not_searchable(),
            Cause.NOTHING_FITS: replies.nothing_fits(),
            Cause.ELSEWHERE: replies.nothing_fits(),
        }
        need = {"words": text, "question": question.facts(), "shown": known.context.get("shown", [])}
        action = Action.HANDOFF if cause is Cause.PERSON else Action.ESCALATE
        request = TicketRequest(cause, need, lines.get(cause, ""), urgent=cause is Cause.DISTRESS)
        return Outcome(action, language, ticket=request, context=known.context)
