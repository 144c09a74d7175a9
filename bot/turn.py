"""One turn of a conversation: from what a person wrote to what is said and remembered.

Nothing here touches a database or a channel: a turn is a function of what was heard and what is known, so that it
can be tried again after a crash and tested by itself. `bot.worker` commits its `Outcome`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from bot.about import About
from bot.answers import Answers
from bot.commands import ACTS, Commands
from bot.controls import Control, control, language_named
from bot.language import answered_in, explained
from bot.numbers import chosen
from bot.offer_talk import ASKED, OfferTalk, is_cancelled
from bot.outcome import Act, Heard, Known, Manners, Outcome
from bot.replies import Replies
from channels.contract import Kind
from retrieval.engine import Action, Engine
from retrieval.filters import asks_for_kinds
from retrieval.language import identify
from retrieval.leaning import Way
from retrieval.question import Question
from retrieval.understanding import understand
from retrieval.words import words

FOLLOW_UP = 7
"""Words up to which a message without a topic of its own belongs to the question before."""
SHORT = 8
"""Words up to which a message that asks when somebody answers can hardly ask for anything else."""
_OTHERS = frozenset({"children", "older-persons"})
"""Audiences that people mostly ask for others."""
HELD_COMMANDS = frozenset({"stop", "start", "erase", "export", "me", "privacy", "language", "new", "cancel"})
"""What the assistant obeys while an officer has the talk, said with a slash or a button."""
HELD_WORDS = frozenset({"stop", "erase"})
"""The same for what is said in words; everything else is said to the officer."""
_TROUBLE = frozenset({"account-trouble", "complaint"})
"""Needs that are about what was just closed, where no topic is named."""
_LINK = re.compile(r"https?://\S+|www\.\S+")


class Assistant:
    """Takes turns."""

    def __init__(self, engine: Engine, manners: Manners) -> None:
        self.engine = engine
        self.manners = manners
        self._answers = Answers(engine, manners)
        self._about = About(self._answers)
        self._commands = Commands(self._answers, self._reply)

    def take(self, heard: Sequence[Heard], known: Known) -> Outcome:
        """One turn for all messages that were waiting; none of them is passed over."""
        started = time.monotonic()
        welcomed = known.welcomed or known.stopped
        outcome: Outcome | None = None
        for part in _parts(heard, known):
            next_ = self._command(part, known) if isinstance(part, Control) else self._texts(part, known)
            known = known.after(next_)
            if Act("return") in next_.acts:  # what was written after it is for the assistant again
                known = replace(known, held=False)
            if next_.erase:  # what was written after it is of somebody new
                known = replace(known, held=False, tickets=(), closed=None, country=None, audience=None)
            outcome = outcome.followed_by(next_) if outcome else next_
        if outcome is None:
            raise ValueError("a turn needs a message")
        in_danger = outcome.ticket is not None and outcome.ticket.urgent  # then nothing goes before the safety message
        if not welcomed and not in_danger and (outcome.messages or outcome.ticket):
            self._welcome(outcome)
        if outcome.action is not Action.HELD or outcome.messages:  # what an officer had us ask may be answered later
            said = [*outcome.messages, *outcome.afterwards]
            outcome.context["offered"] = [[b.title, b.payload] for message in said for b in message.buttons]
        outcome.context["seconds"] = round(time.monotonic() - started, 4)
        return outcome

    def _welcome(self, outcome: Outcome) -> None:
        manners = self.manners
        welcome = Replies(outcome.language).welcome(manners.operator, manners.retention_days, manners.privacy)
        outcome.messages.insert(0, welcome)
        outcome.remember["welcomed"] = True

    def _command(self, command: Control, known: Known) -> Outcome:
        outcome = self._commands.obey(command, command.text, known)
        if command.name != "language" and not command.text.startswith("/"):
            said = Question(text=command.text, language=identify(command.text, known.language).code)
            outcome = explained(outcome, said, known)
        if known.held and command.name == "new":
            outcome.acts = (*outcome.acts, Act("return"))
        return outcome

    def _texts(self, heard: Sequence[Heard], known: Known) -> Outcome:
        """Messages that belong together, as one."""
        text = "\n".join(message.text for message in heard if message.kind is not Kind.CHOICE and message.text).strip()
        # Whoever is in danger is heard.
        silent = (known.stopped or known.held) and not self._understand(text, known).distress
        if silent and known.stopped:
            language = known.language or "en"
            return Outcome(Action.STOP, language, [Replies(language).still_stopped()], context=known.context)
        if silent:
            return _held(known, asks=any(_asks_when(message, known) for message in heard))
        if known.context.get("asked") == ASKED and text:
            if offered := OfferTalk(self._answers).hear(text, known):
                return offered
            known = replace(known, context=known.settled())
        if known.context.get("asked") in {"erase", "cancel", "person"}:  # a "yes" that comes later is of something else
            known = replace(known, context=known.settled())
        if not _LINK.sub("", text).strip():
            return self._unreadable(heard, text, known)
        return self._reply(text, known)

    def _understand(self, text: str, known: Known) -> Question:
        return self._answers.engine.understand(text, known.language)

    def _reply(self, text: str, known: Known) -> Outcome:
        question = self._understand(text, known)
        language = answered_in(question, known)
        if command := _command_inside(question, known):
            outcome = self._commands.obey(command, text, replace(known, language=language))
            return explained(outcome, question, known)
        said = self._answers.linked(question, language, known) or self._about.hear(question, language, known)
        question = Question(language=question.language, text=question.text) if said else _in_context(question, known)
        outcome = said or self._answers.look_up(question, text, language, known)
        trouble = bool(question.needs) and _TROUBLE.issuperset(question.needs) and not question.searchable
        if known.closed and (trouble or outcome.action is Action.CLARIFY):  # "the link does not work"
            message = Replies(language).reopened(known.closed)
            act = Act("reopen", str(known.closed))
            outcome = Outcome(Action.HELD, language, [message], context=known.context, acts=(act,))
        outcome.remember |= _to_remember(question, known, language)
        return explained(outcome, question, known)

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


def _obeyed_while_held(command: Control, message: Heard, known: Known) -> bool:
    """What was said with a slash or a button is for the assistant; of other words only those that end or erase."""
    if message.choice or message.text.strip().startswith("/"):
        return command.name in ACTS | HELD_COMMANDS
    asked = known.context.get("asked") in {"erase", "language", "cancel"}
    answers = asked and command.name in {"yes", "no", "erase", "language"}
    return answers or command.name in HELD_WORDS or command.name == "consent"  # typed where no button was shown


def _held(known: Known, *, asks: bool) -> Outcome:
    """Said to the officer: not an answer to what the assistant had asked before. `asks`: when they are answered."""
    acts = (Act("waiting"),) if asks else ()
    return Outcome(Action.HELD, known.language or "en", context=known.settled(), acts=acts)


def _asks_when(message: Heard, known: Known) -> bool:
    """Whether a message asks when somebody answers, and nothing else."""
    command = control(message.text, message.choice, known.language)
    return command is not None and command.name == "waiting"


def _parts(heard: Sequence[Heard], known: Known) -> Iterator[Control | list[Heard]]:
    """What the messages are, in order: commands, and texts that belong together. A "stop" goes before all else."""
    commands = [_command(message, known) for message in heard]
    if known.held:
        both = zip(commands, heard, strict=True)
        commands = [c if c and _obeyed_while_held(c, message, known) else None for c, message in both]
    if stop := next((command for command in commands if command and command.name == "stop"), None):
        yield stop
        return
    texts: list[Heard] = []
    for message, command in zip(heard, commands, strict=True):
        if command is None:
            texts.append(message)
            continue
        if texts:
            yield texts
            texts = []
        yield command
    if texts:
        yield texts


def _command(message: Heard, known: Known) -> Control | None:
    """The command that a message is, with its text."""
    if known.context.get("asked") == ASKED and not message.choice and is_cancelled(message.text, known):
        return Control("offer", "cancel", message.text)  # "cancel" means "stop" otherwise
    button = message.choice or _typed(message, known)
    if not button and (number := _number(message, known)):
        command: Control | None = Control("number", str(number))
    else:
        command = control(message.text, button, known.language)
    if known.context.get("asked") == "language" and (command is None or command.name == "number"):
        named = language_named(command.value if command else message.text)
        command = Control("language", named) if named else command
    if command and command.name == "language" and not button and known.context.get("last") and _narrows(message):
        return None  # "in Hausa", said of the results that were shown
    if command and command.name == "help" and not button and _is_vague(message.text):
        return None  # "can you help me?" asks for no list of commands
    return replace(command, text=message.text) if command else None


def _is_vague(text: str) -> bool:
    """Whether a text leans to being asked what is meant; "/help" and "help" do not."""
    return len(text.split()) > 1 and understand(text).way == Way.CLARIFY


def _number(message: Heard, known: Known) -> int | None:
    """The number that a message chooses in words, where there was something to choose from."""
    offered = {payload.partition(":")[0] for _, payload in known.context.get("offered", [])}
    if message.choice or not (known.context.get("last") or offered & {"topic", "example", "language"}):
        return None
    return chosen(message.text, (known.language, known.question().language))


def _narrows(message: Heard) -> bool:
    """Whether a message names a language in its own words, not by a command or a button."""
    if message.choice or message.text.strip().startswith("/"):
        return False
    question = understand(message.text)
    return bool(question.taught_in or question.speaks)


def _typed(message: Heard, known: Known) -> str | None:
    """The button whose words somebody typed instead of tapping it."""
    offered = known.context.get("offered", [])
    if known.closed:  # what is asked at the end of a request, it may be long ago
        buttons = Replies(known.language or "en").closed(known.closed).buttons
        offered = [*offered, *((button.title, button.payload) for button in buttons)]
    said = words(message.text)
    return next((payload for title, payload in offered if words(title) == said), None)


def _command_inside(question: Question, known: Known) -> Control | None:
    """“Stop”, “erase”, “when will you answer” … said in a longer message that asks for nothing else."""
    if question.topics or question.intents or question.distress:
        return None
    named: str | None = next((name for name in ("stop", "erase") if name in question.controls), None)
    waits = bool(known.tickets) or question.length <= SHORT
    if not named and waits and not question.needs and "person" not in question.controls:
        named = next((name for name in ("cancel", "waiting") if name in question.controls), None)
    if not named and not question.needs and not question.refuse and "privacy" in question.controls:
        named = "privacy"
    if not named and "me" in question.controls and question.length <= SHORT and question.way in _BARE:
        named = "me"  # "so what do you have about me?"
    return Control(named) if named else None


_BARE = {Way.CLARIFY, Way.SMALLTALK, Way.ERASE}
"""Ways to which a message leans that asks for nothing but what is kept."""


def _in_context(question: Question, known: Known) -> Question:
    """The question together with the one before, if it follows it up, and with what is known of the person."""
    before = known.question()
    asked = known.context.get("asked") == "topic"
    narrows = question.constrains or question.level or question.speaks
    wish = question.topics or question.needs or question.elsewhere or question.refuse or question.distress
    wishes = wish and not question.guessed
    most = 2 * FOLLOW_UP if question.language == "zh" else FOLLOW_UP  # there a character counts as a word
    if before.searchable and not wishes and narrows and question.length <= most:
        if question.speaks and not question.taught_in:
            question = replace(question, taught_in=question.speaks)
        question = before.narrowed(question)
    elif asked and question.searchable:
        merged = before.narrowed(question)
        topics = question.topics or before.topics
        wants = question.wants if asks_for_kinds(question) else before.wants
        question = replace(
            merged,
            topics=topics,
            likely=question.likely,
            wants=wants,
            leaning=question.leaning,
            text=question.text,
        )
    if not question.countries and known.country and question.searchable:
        question = replace(question, countries=(known.country,))
    if not question.audiences and known.audience and question.searchable:
        question = replace(question, audiences=(known.audience,))
    return question


def _to_remember(question: Question, known: Known, language: str) -> dict[str, Any]:
    remember: dict[str, Any] = {}
    if not known.language_chosen and language != known.language:
        remember["language"] = language
    # What is said first is of the person; later it may be of a cousin or a child. /new begins anew.
    if len(question.countries) == 1 and not known.country:
        remember["country"] = question.countries[0]
    if len(question.audiences) == 1 and not known.audience and question.audiences[0] not in _OTHERS:
        remember["audience"] = question.audiences[0]
    return remember
