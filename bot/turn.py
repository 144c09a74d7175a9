"""One turn of a conversation: from what a person wrote to what is said and remembered.

Nothing here touches a database or a channel: a turn is a function of what was heard and what is known, so that it
can be tried again after a crash and tested by itself. `bot.worker` commits its `Outcome`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from bot.cards import Cards
from bot.controls import Control, control, language_named
from bot.replies import Replies
from channels.contract import Kind, Outgoing
from locales import LANGUAGES
from retrieval.concepts import concepts
from retrieval.engine import Action, Cause, Decision, Engine, Unavailable, Verdict
from retrieval.question import Question
from retrieval.understanding import understand
from retrieval.words import words

NEIGHBOURS = {
    "uk": "ru",
    "be": "ru",
    "kk": "ru",
    "ky": "ru",
    "uz": "ru",
    "ca": "es",
    "gl": "es",
    "mg": "fr",
    "wo": "fr",
}
"""Languages that we do not write → one that most of their speakers read."""
SURE = 0.75
"""Confidence from which a message changes the language of a conversation."""
FOLLOW_UP = 7
"""Words up to which a message without a topic of its own belongs to the question before."""
_LINK = re.compile(r"https?://\S+|www\.\S+")


@dataclass(frozen=True, slots=True)
class Heard:
    """A message as the turn sees it."""

    kind: Kind
    text: str = ""
    choice: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of the person and of the conversation before the turn."""

    language: str | None = None
    language_chosen: bool = False
    country: str | None = None
    audience: str | None = None
    stopped: bool = False
    welcomed: bool = True
    tickets: tuple[int, ...] = ()
    context: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TicketRequest:
    """A ticket to open. Its number is known only at the commit, so the words around it come as a template."""

    cause: Cause
    need: dict[str, Any]
    before: str
    urgent: bool = False


@dataclass(slots=True)
class Outcome:
    """What a turn did: committed as a whole or not at all."""

    action: Action
    language: str
    messages: list[Outgoing] = field(default_factory=list)
    shown: tuple[str, ...] = ()
    context: dict[str, Any] = field(default_factory=dict)
    remember: dict[str, Any] = field(default_factory=dict)
    """Fields of the contact to set."""
    ticket: TicketRequest | None = None
    erase: bool = False
    export: bool = False


@dataclass(frozen=True, slots=True)
class Manners:
    """What the operator has set that people are told."""

    operator: str
    privacy: str
    retention_days: int
    helpline: str | None = None
    hours: str | None = None


class Assistant:
    """Takes turns."""

    def __init__(self, engine: Engine, manners: Manners) -> None:
        self.engine = engine
        self.manners = manners

    def take(self, heard: Sequence[Heard], known: Known) -> Outcome:
        """One turn for all messages that were waiting."""
        started = time.monotonic()
        command = _command(heard, known)
        text = "\n".join(message.text for message in heard if message.kind is Kind.TEXT and message.text).strip()
        if command is not None:
            outcome = self._obey(command, text, known)
        elif known.stopped:
            language = known.language or "en"
            outcome = Outcome(Action.STOP, language, [Replies(language).still_stopped()], context=known.context)
        elif not _LINK.sub("", text).strip():
            outcome = self._unreadable(heard, text, known)
        else:
            outcome = self._reply(text, known)
        if not known.welcomed and not known.stopped:
            self._welcome(outcome)
        outcome.context["offered"] = [[b.title, b.payload] for message in outcome.messages for b in message.buttons]
        outcome.context["seconds"] = round(time.monotonic() - started, 4)
        return outcome

    def _welcome(self, outcome: Outcome) -> None:
        manners = self.manners
        welcome = Replies(outcome.language).welcome(manners.operator, manners.retention_days, manners.privacy)
        outcome.messages.insert(0, welcome)
        outcome.remember["welcomed"] = True

    # --- what was written ----------------------------------------------------------------------

    def _reply(self, text: str, known: Known) -> Outcome:
        question = understand(text, known.language)
        language, speaks = _interface_language(question, known)
        if command := _command_inside(question):
            return self._obey(command, text, replace(known, language=language))
        context = dict(known.context)
        question, follows = _in_context(question, known)
        try:
            verdict = self.engine.judge(question)
        except Unavailable:
            return self._hand_over(Cause.FAILURE, question, text, language, known)
        outcome = self._act(verdict, question, text, language, known)
        if not speaks and outcome.messages:
            first = outcome.messages[0]
            line = Replies(language).not_spoken(question.language)
            outcome.messages[0] = replace(first, text=f"{line}\n{first.text}")
        if not follows:
            context.pop("shown", None)
        outcome.remember |= _to_remember(question, known, language)
        return outcome

    def _act(self, verdict: Verdict, question: Question, text: str, language: str, known: Known) -> Outcome:
        replies, decision = Replies(language), verdict.decision
        if decision.action is Action.ANSWER:
            return self._answer(verdict, question, language)
        if decision.action in {Action.ESCALATE, Action.HANDOFF}:
            return self._hand_over(decision.cause, question, text, language, known)
        if decision.action is Action.REFUSE:
            return Outcome(Action.REFUSE, language, [replies.refusal()], context=known.context)
        if decision.action is Action.SMALLTALK:
            return Outcome(Action.SMALLTALK, language, [self._small_talk(question, replies)], context=known.context)
        context = {"question": question.facts(), "asked": "topic"}
        return Outcome(Action.CLARIFY, language, [replies.which()], context=context)

    def _small_talk(self, question: Question, replies: Replies) -> Outgoing:
        said = question.smalltalk
        if "who-are-you" in said:
            return replies.who(self.manners.operator)
        if "thanks" in said:
            return replies.thanks()
        return replies.goodbye() if "goodbye" in said and "greeting" not in said else replies.greeting()

    def _answer(self, verdict: Verdict, question: Question, language: str, before: Sequence[str] = ()) -> Outcome:
        results = verdict.found.results
        shown = tuple(result.record.id for result in results)
        context = {
            "question": question.facts(),
            "last": list(shown),
            "shown": [*before, *shown],
        }
        message = Cards(Replies(language)).answer(results)
        return Outcome(Action.ANSWER, language, [message], shown=shown, context=context)

    def _hand_over(self, cause: Cause, question: Question, text: str, language: str, known: Known) -> Outcome:
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

    def _unreadable(self, heard: Sequence[Heard], text: str, known: Known) -> Outcome:
        language = known.language or "en"
        replies = Replies(language)
        if text:
            message = replies.only_link()
        elif any(message.kind not in {Kind.TEXT, Kind.CHOICE} for message in heard):
            message = replies.only_text()
        else:
            message = replies.greeting()
        return Outcome(Action.CLARIFY, language, [message], context=known.context)

    # --- commands ------------------------------------------------------------------------------

    def _obey(self, command: Control, text: str, known: Known) -> Outcome:
        language = known.language or understand(text).language
        language = language if language in LANGUAGES else "en"
        handlers = {
            "stop": self._stop,
            "start": self._start,
            "erase": self._erase,
            "export": self._export,
            "me": self._me,
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
            "yes": self._yes,
            "no": self._no,
        }
        if known.stopped and command.name not in {"start", "erase", "export", "me", "stop"}:
            return Outcome(Action.STOP, language, [Replies(language).still_stopped()], context=known.context)
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
            return Outcome(Action.SMALLTALK, language, [replies.kept()], context=_settled(known))
        return Outcome(Action.ERASE, language, [replies.erase_ask()], context={**known.context, "asked": "erase"})

    def _export(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        return Outcome(Action.SMALLTALK, language, context=known.context, export=True)

    def _me(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        audience = concepts()[known.audience].gloss if known.audience in concepts() else None
        days = self.manners.retention_days
        message = Replies(language).me(language, known.country, audience, known.tickets, days)
        return Outcome(Action.SMALLTALK, language, [message], context=known.context)

    def _help(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        return Outcome(Action.SMALLTALK, language, [Replies(language).help()], context=known.context)

    def _language(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        if command.value in LANGUAGES:
            remember = {"language": command.value, "language_chosen": True}
            message = Replies(command.value).language_set()
            return Outcome(Action.SMALLTALK, command.value, [message], context=_settled(known), remember=remember)
        context = {**known.context, "asked": "language"}
        return Outcome(Action.SMALLTALK, language, [Replies(language).choose_language()], context=context)

    def _person(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        return self._hand_over(Cause.PERSON, _question_before(known), text, language, known)

    def _new(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        return Outcome(Action.SMALLTALK, language, [Replies(language).fresh()])

    def _more(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        question, shown = _question_before(known), list(known.context.get("shown", []))
        if not shown:
            return Outcome(Action.CLARIFY, language, [Replies(language).which()], context=known.context)
        try:
            verdict = self.engine.judge(question, skip=shown)
        except Unavailable:
            return self._hand_over(Cause.FAILURE, question, text, language, known)
        if verdict.decision.action is not Action.ANSWER:
            return Outcome(Action.ANSWER, language, [Replies(language).no_more()], context=known.context)
        return self._answer(verdict, question, language, shown)

    def _none(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        return self._hand_over(Cause.NOTHING_FITS, _question_before(known), text, language, known)

    def _number(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        last = known.context.get("last", [])
        number = int(command.value)
        record = self.engine.record(last[number - 1]) if 1 <= number <= len(last) else None
        if record is None:
            return Outcome(Action.CLARIFY, language, [Replies(language).no_number()], context=known.context)
        from retrieval.search import reasons

        message = Cards(Replies(language)).details(record, reasons(record, _question_before(known)))
        return Outcome(Action.ANSWER, language, [message], shown=(record.id,), context=known.context)

    def _example(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        examples = Replies(language).examples()
        number = int(command.value) if command.value.isdigit() else 0
        if not 1 <= number <= len(examples):
            return self._help(command, text, language, known)
        return self._reply(examples[number - 1], replace(known, language=language))

    def _topic(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        if command.value not in concepts():
            return self._help(command, text, language, known)
        before = _question_before(known) if known.context.get("asked") == "topic" else Question(language=language)
        question = replace(before, language=language, topics={command.value: 1.0})
        try:
            verdict = self.engine.judge(question)
        except Unavailable:
            return self._hand_over(Cause.FAILURE, question, text, language, known)
        return self._act(verdict, question, text, language, known)

    def _yes(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        if known.context.get("asked") == "erase":
            return self._erase(Control("erase", "yes"), text, language, known)
        return self._help(command, text, language, known)

    def _no(self, command: Control, text: str, language: str, known: Known) -> Outcome:
        if known.context.get("asked") == "erase":
            return self._erase(Control("erase", "no"), text, language, known)
        if known.context.get("last"):
            return self._none(command, text, language, known)
        return Outcome(Action.SMALLTALK, language, [Replies(language).goodbye()], context=known.context)


def _command(heard: Sequence[Heard], known: Known) -> Control | None:
    """The command among the messages: any “stop” counts, of the others the last."""
    commands = [control(message.text, message.choice or _typed(message, known), known.language) for message in heard]
    stop = next((command for command in commands if command and command.name == "stop"), None)
    if stop or not commands:
        return stop
    last = commands[-1]
    asked = known.context.get("asked") == "language" and (last is None or last.name == "number")
    named = language_named(heard[-1].text) if asked else None
    return Control("language", named) if named else last


def _typed(message: Heard, known: Known) -> str | None:
    """The button whose words somebody typed instead of tapping it."""
    said = words(message.text)
    return next((payload for title, payload in known.context.get("offered", []) if words(title) == said), None)


def _command_inside(question: Question) -> Control | None:
    """“Stop” or “erase” said in a longer message that asks for nothing else."""
    if question.topics or question.intents:
        return None
    return next((Control(name) for name in ("stop", "erase") if name in question.controls), None)


def _interface_language(question: Question, known: Known) -> tuple[str, bool]:
    """The language to answer in, and whether it is the one that the person wrote."""
    if known.language_chosen and known.language in LANGUAGES:
        return known.language or "en", True
    if question.language in LANGUAGES:
        return question.language, True
    fallback = known.language if known.language in LANGUAGES else NEIGHBOURS.get(question.language, "en")
    return fallback or "en", len(words(question.text)) < 3


def _in_context(question: Question, known: Known) -> tuple[Question, bool]:
    """The question together with the one before, if it follows it up, and with what is known of the person."""
    before = _question_before(known)
    asked = known.context.get("asked") == "topic"
    narrows = question.constrains or question.level or question.speaks
    wish = question.topics or question.needs or question.elsewhere or question.refuse or question.distress
    follows = bool(before.searchable) and not wish and bool(narrows) and question.length <= FOLLOW_UP
    if follows:
        if question.speaks and not question.taught_in:
            question = replace(question, taught_in=question.speaks)
        question = before.narrowed(question)
    elif asked and question.searchable:
        merged = before.narrowed(question)
        question = replace(merged, topics=question.topics or before.topics, text=question.text)
    if not question.countries and known.country:
        question = replace(question, countries=(known.country,))
    if not question.audiences and known.audience and question.searchable:
        question = replace(question, audiences=(known.audience,))
    return question, follows


def _question_before(known: Known) -> Question:
    try:
        return Question.from_facts(known.context.get("question", {}))
    except TypeError:  # written by another version: begin anew
        return Question()


def _to_remember(question: Question, known: Known, language: str) -> dict[str, Any]:
    remember: dict[str, Any] = {}
    if not known.language_chosen and language != known.language:
        remember["language"] = language
    if len(question.countries) == 1 and question.countries[0] != known.country:
        remember["country"] = question.countries[0]
    if len(question.audiences) == 1 and question.audiences[0] != known.audience:
        remember["audience"] = question.audiences[0]
    return remember


def _settled(known: Known) -> dict[str, Any]:
    return {key: value for key, value in known.context.items() if key != "asked"}


__all__ = ["Assistant", "Decision", "Heard", "Known", "Manners", "Outcome", "TicketRequest"]
