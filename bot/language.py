"""In which language a turn is answered, and which one people share with us whose own we do not write."""

from __future__ import annotations

from dataclasses import replace

from bot.outcome import Known, Outcome
from bot.own_words import OwnWords
from locales import DEFAULT, LANGUAGES, SHARED
from retrieval.concepts import Facet, concepts
from retrieval.fit import Action
from retrieval.places import official_languages
from retrieval.question import Question
from retrieval.vocabulary import vocabulary
from retrieval.words import words

_ASKED = 3
"""Languages to choose from: as many as WhatsApp has buttons."""
_SHORT = 3
"""Words from which a text is long enough to tell its language."""


def answered_in(question: Question, known: Known) -> str:
    """The language to answer in: the one that was chosen, the one they write, else one that they share with us."""
    if known.language_chosen and known.language in LANGUAGES:
        return known.language or DEFAULT
    if question.language in LANGUAGES and not (known.language in LANGUAGES and _just_names(question)):
        return question.language
    if known.language in LANGUAGES:
        return known.language or DEFAULT
    if len(words(question.text)) < _SHORT:
        return _greeting_in(question.text)
    return shared(question.language, next(iter(question.countries), known.country))[0]


def _just_names(question: Question) -> bool:
    """Whether a text says hardly more than the name of another language: “en wolof” is no Spanish."""
    return (
        len(words(question.text)) <= _SHORT and bool(question.taught_in) and question.language not in question.taught_in
    )


def _shares(question: Question, known: Known) -> bool:
    """Whether they are answered in a language that they chose or wrote, as far as can be told."""
    chosen = known.language_chosen and known.language in LANGUAGES
    short = len(words(question.text)) < _SHORT or _just_names(question)
    return chosen or question.language in LANGUAGES or short


def shared(code: str, country: str | None) -> tuple[str, ...]:
    """Our languages that speakers of `code` may read: first those of their country's schools and offices."""
    likely = SHARED.get(code, (DEFAULT, "fr", "ar"))
    schooled = sorted(official_languages(country) & LANGUAGES.keys()) if country else []
    schooled.sort(key=lambda each: likely.index(each) if each in likely else len(likely))
    return tuple(dict.fromkeys((*schooled, *likely)))[:_ASKED]


def explained(outcome: Outcome, question: Question, known: Known) -> Outcome:
    """Say first why the answer is not in their language, if it is not; ask, once, which of ours they read best."""
    if _shares(question, known) or (outcome.ticket and outcome.ticket.urgent):
        return outcome  # what is said to somebody in danger is in their language already
    own = OwnWords(question.language, outcome.language)
    _say_first(outcome, own.not_spoken())
    done = outcome.action in {Action.STOP, Action.ERASE} or known.stopped
    if not known.language_asked and not done:
        country = outcome.remember.get("country") or known.country
        outcome.afterwards = [own.ask(shared(question.language, country))]
        outcome.remember["language_asked"] = True
    return outcome


def _say_first(outcome: Outcome, line: str) -> None:
    if outcome.ticket:
        outcome.ticket = replace(outcome.ticket, before=f"{line}\n{outcome.ticket.before}".strip())
    elif outcome.messages:
        first = outcome.messages[0]
        outcome.messages[0] = replace(first, text=f"{line}\n{first.text}")


def _greeting_in(text: str) -> str:
    """A language that we write and in which a short text is small talk: several share “नमस्ते” and “السلام عليكم”."""
    found = words(text)
    if text.isascii():
        return DEFAULT
    for code in LANGUAGES:
        if any(concepts()[each].facet is Facet.SMALLTALK for each in vocabulary(code).concepts.whole(found)):
            return code
    return DEFAULT
