"""What each command does: stop, erase, export, more, a number, cancel, /language."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bot.answers import Answers
from bot.controls import Control
from bot.language import answered_in
from bot.offer_talk import ASKED, STILL, OfferTalk, still
from bot.outcome import Act, Known, Outcome
from bot.replies import Replies
from locales import LANGUAGES
from retrieval.concepts import concepts
from retrieval.engine import Action, Cause, Unavailable
from retrieval.question import Question
from retrieval.understanding import understand
from retrieval.words import words

ACTS = frozenset({"rate", "reopen", "news", "result", "consent", "still"})
"""Buttons under what is said about a request, or about what somebody offered; each means a change of it."""
_ANSWERS = frozenset({"yes", "no", "number", "language", "erase", "topic", "offer", "cancel"})
"""Commands that may answer what was asked back."""
_BARE = 2
"""Words of a "cancel" that names nothing: it is said of what was asked back."""


class Commands:
    """Obeys commands."""

    def __init__(self, answers: Answers, reply: Callable[[str, Known], Outcome]) -> None:
        """`reply` answers a text as if the person had written it."""
        self._answers = answers
        self._reply = reply

    def obey(self, command: Control, text: str, known: Known) -> Outcome:
        """Do what a command says. `text`: what was written, if anything was."""
        language = known.language if known.language in LANGUAGES else answered_in(understand(text), known)
        handlers = {
            "stop": self._stop,
            "start": self._start,
            "erase": self._erase,
            "export": self._export,
            "me": self._me,
            "privacy": self._privacy,
            "help": self._help,
            "language": self._language,
            "person": self._person,
            "new": self._new,
            "more": self._more,
            "none": self._none,
            "none-of-these": self._none,
            "number": self._number,
            "example": self._example,
            "topic": self._topic,
            **dict.fromkeys(ACTS, self._act),
            "offer": self._offer,
            "cancel": self._cancel,
            "waiting": self._waiting,
            "yes": self._yes,
            "no": self._no,
        }
        if known.stopped and command.name not in {"start", "erase", "export", "me", "privacy", "stop"}:
            return Outcome(Action.STOP, language, [Replies(language).still_stopped()], context=known.context)
        if command.name not in _ANSWERS:  # what was asked back is no longer waited for
            known = replace(known, context=known.settled())
        handler = handlers.get(command.name, self._help)
        return handler(command, text, language, known)

    def _stop(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        return Outcome(Action.STOP, language, [Replies(language).stopped()], remember={"stopped": True})

    def _start(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        replies = Replies(language)
        message = replies.restarted() if known.stopped else replies.greeting()
        return Outcome(Action.SMALLTALK, language, [message], remember={"stopped": False})

    def _erase(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        replies = Replies(language)
        if command.value == "yes":
            return Outcome(Action.ERASE, language, [replies.erased()], erase=True)
        if command.value == "no":
            return Outcome(Action.SMALLTALK, language, [replies.kept()], context=known.settled())
        return Outcome(Action.ERASE, language, [replies.erase_ask()], context={**known.context, "asked": "erase"})

    def _export(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        return Outcome(Action.SMALLTALK, language, context=known.context, export=True)

    def _me(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        days = self._answers.manners.retention_days
        message = Replies(language).me(language, known.country, known.audience, known.tickets, days)
        return Outcome(Action.SMALLTALK, language, [message], context=known.context)

    def _privacy(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        manners = self._answers.manners
        message = Replies(language).privacy(manners.operator, manners.retention_days, manners.privacy)
        return Outcome(Action.SMALLTALK, language, [message], context=known.context)

    def _help(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        return Outcome(Action.SMALLTALK, language, [Replies(language).help()], context=known.context)

    def _language(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        if command.value in LANGUAGES:
            remember = {"language": command.value, "language_chosen": True}
            outcome = self._again(command.value, known)
            outcome.messages.insert(0, Replies(command.value).language_set())
            outcome.remember |= remember
            return outcome
        context = {**known.context, "asked": "language"}
        return Outcome(Action.SMALLTALK, language, [Replies(language).choose_language()], context=context)

    def _again(self, language: str, known: Known) -> Outcome:
        """What was said last, if that were results or the question what they look for, in another language."""
        if known.context.get("last"):
            return self._answers.again(language, known)
        messages = [Replies(language).which()] if known.context.get("asked") == "topic" else []
        context = known.context if messages else known.settled()
        return Outcome(Action.SMALLTALK, language, messages, context=context)

    def _person(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        return self._hand_over(Cause.PERSON, text, language, known)

    def _hand_over(self, cause: Cause, text: str, language: str, known: Known) -> Outcome:
        """Hand over with the words of the question: those of the button say nothing of the need."""
        question = known.question() if known.context.get("question") else Question(language=language)
        return self._answers.hand_over(cause, question, question.text or text, language, known)

    def _new(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        forgotten = {"country": None, "audience": None}
        return Outcome(Action.SMALLTALK, language, [Replies(language).fresh()], remember=forgotten)

    def _act(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        replies, act = Replies(language), Act(command.name, command.value)
        number, _, answer = command.value.partition(".")
        if not number.isdecimal() or (command.name == "still" and answer not in STILL):
            return self._help(command, text, language, known)
        if command.name == "still":
            return still(number, answer, language, known)
        message = replies.acted(command.name, int(number), answer.rpartition(".")[2])
        return Outcome(Action.SMALLTALK, language, [message], context=known.context, acts=(act,))

    def _more(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        question, shown = known.question(), list(known.context.get("shown", []))
        if not shown:
            return Outcome(Action.CLARIFY, language, [Replies(language).which()], context=known.context)
        try:
            verdict = self._answers.engine.judge(question, skip=shown)
        except Unavailable:
            return self._hand_over(Cause.FAILURE, text, language, known)
        if verdict.decision.action is not Action.ANSWER:
            context = {**known.context, "asked": "person"}
            return Outcome(Action.ANSWER, language, [Replies(language).no_more()], context=context)
        return self._answers.answer(verdict, question, language, shown)

    def _none(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        return self._hand_over(Cause.NOTHING_FITS, text, language, known)

    def _number(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        last = known.context.get("last", [])
        number = int(command.value) if command.value.isdecimal() else 0
        record = self._answers.engine.record(last[number - 1]) if 1 <= number <= len(last) else None
        if not last and (button := _in_menu(number, known)):
            name, _, value = button.partition(":")
            handler = self._topic if name == "topic" else self._example
            return handler(Control(name, value), text, language, known)
        if record is None:
            return Outcome(Action.CLARIFY, language, [Replies(language).no_number()], context=known.context)
        return self._answers.details(record, language, known)

    def _example(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        examples = Replies(language).examples()
        number = int(command.value) if command.value.isdecimal() else 0
        if not 1 <= number <= len(examples):
            return self._help(command, text, language, known)
        return self._reply(examples[number - 1], replace(known, language=language))

    def _topic(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        if command.value not in concepts():
            return self._help(command, text, language, known)
        before = known.question() if known.context.get("asked") == "topic" else Question(language=language)
        question = replace(before, language=language, topics={command.value: 1.0})
        return self._answers.look_up(question, question.text or text, language, known)

    def _offer(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        return OfferTalk(self._answers).obey(command.value, known)

    def _cancel(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        """Leave what is going on: what was asked back, an offer, or, once that is sure, a request that waits."""
        replies, asked, settled = Replies(language), known.context.get("asked"), known.settled()
        number, _, answer = command.value.partition(".")
        if answer == "no":
            return Outcome(Action.SMALLTALK, language, [replies.still_open()], context=settled)
        if asked == "erase":
            return self._erase(Control("erase", "no"), text, language, known)
        if asked == ASKED:
            return OfferTalk(self._answers).obey("cancel", known)
        if asked in {"topic", "language"} and not command.value and len(words(text)) <= _BARE:
            kept = {key: value for key, value in settled.items() if key != "question" or settled.get("last")}
            return Outcome(Action.SMALLTALK, language, [replies.left()], context=kept)
        ticket = int(number) if number.isdecimal() else next(iter(known.tickets), 0)
        if ticket not in known.tickets:
            return Outcome(Action.SMALLTALK, language, [replies.nothing_to_cancel()], context=settled)
        if answer == "yes" or asked == "cancel":
            act = Act("cancel", f"{ticket}.yes")
            return Outcome(Action.SMALLTALK, language, [replies.cancelled(ticket)], context=settled, acts=(act,))
        context = {**settled, "asked": "cancel"}
        return Outcome(Action.SMALLTALK, language, [replies.cancel_ask(ticket)], context=context)

    def _waiting(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        """When somebody answers is known to the database alone: `bot.acts` says it."""
        replies = Replies(language)
        if known.tickets:
            return Outcome(Action.SMALLTALK, language, context=known.context, acts=(Act("waiting"),))
        if known.closed:
            message = replies.closed(known.closed)
        elif "greeting" in understand(text, known.language).smalltalk:  # "are you there?" is one in some languages
            message = replies.greeting()
        else:
            message = replies.no_request()
        return Outcome(Action.SMALLTALK, language, [message], context=known.context)

    def _yes(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        if known.context.get("asked") == "erase":
            return self._erase(Control("erase", "yes"), text, language, known)
        if known.context.get("asked") == "cancel":
            return self._cancel(Control("cancel"), text, language, known)
        if known.context.get("asked") == "person":  # "shall a person look for you?"
            return self._person(command, "", language, replace(known, context=known.settled()))
        if _asked_to_rate(known):
            return self._act(Control("rate", f"{known.closed}.1"), text, language, known)
        replies, is_said = Replies(language), known.context.get("last") or known.tickets
        message = replies.thanks() if is_said else replies.greeting()
        return Outcome(Action.SMALLTALK, language, [message], context=known.context)

    def _no(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        if known.context.get("asked") == "erase":
            return self._erase(Control("erase", "no"), text, language, known)
        if known.context.get("asked") == "cancel":
            return self._cancel(Control("cancel", ".no"), text, language, known)
        if known.context.get("asked") == "person":
            return Outcome(Action.SMALLTALK, language, [Replies(language).left()], context=known.settled())
        if known.context.get("asked") == ASKED:
            return OfferTalk(self._answers).obey("cancel", known)
        if _asked_to_rate(known):
            return self._act(Control("rate", f"{known.closed}.0"), text, language, known)
        if known.context.get("last"):
            return self._none(command, text, language, known)
        return Outcome(Action.SMALLTALK, language, [Replies(language).goodbye()], context=known.context)


def _in_menu(number: int, known: Known) -> str | None:
    """The topic or example of that number among what was offered last."""
    offered = [payload for _, payload in known.context.get("offered", [])]
    menu = [payload for payload in offered if payload.partition(":")[0] in {"topic", "example"}]
    return menu[number - 1] if 1 <= number <= len(menu) else None


def _asked_to_rate(known: Known) -> bool:
    """Whether the last thing that was said is that a request is closed: "did it help you?" (the talk begins anew)."""
    return known.closed is not None and not known.context
