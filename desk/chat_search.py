"""The catalogue beside a chat: what fits the need, and what nearly does."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from bot.cards import Cards
from bot.replies import Replies
from desk.chat_words import Words
from retrieval.concepts import concepts
from retrieval.engine import Engine, Unavailable
from retrieval.filters import Barrier, barrier
from retrieval.places import is_place
from retrieval.question import Question
from retrieval.records import Record
from retrieval.search import Result
from retrieval.understanding import understand
from store.tables import Ticket

_CODE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
MOST = 8
"""Records that are shown at most."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A record that was found, in the officer's words."""

    id: str
    name: str
    provider: str
    url: str
    facts: str
    why: str
    broken: str
    """The demands that it does not meet; empty if it fits."""


def question_of(ticket: Ticket) -> Question:
    """The need as a question, as far as this version knows what it names: a search breaks on anything else."""
    try:
        written = Question.from_facts(ticket.need.get("question", {}))
    except TypeError:
        return Question()
    return replace(
        written,
        topics={key: sure for key, sure in written.topics.items() if key in concepts()},
        audiences=tuple(key for key in written.audiences if key in concepts()),
        level=written.level if written.level in concepts() else None,
        countries=tuple(code for code in written.countries if is_place(code)),
        taught_in=tuple(code for code in written.taught_in if _CODE.fullmatch(code)),
    )


def wanted(ticket: Ticket, text: str) -> Question:
    """What to look for: the officer's words with the person's demands, or the need itself."""
    need = question_of(ticket)
    if not text:
        return need
    asked = understand(text, ticket.language)
    return replace(
        asked,
        countries=asked.countries or need.countries,
        audiences=asked.audiences or need.audiences,
        taught_in=asked.taught_in or need.taught_in,
        free=asked.free or need.free,
        certificate=asked.certificate or need.certificate,
    )


def hits(engine: Engine | None, question: Question, language: str, words: Words) -> list[Hit]:
    """Up to `MOST` records: first those that fit, then those that break a demand. Raises `Unavailable`."""
    if engine is None:
        raise Unavailable("retrieval is not loaded yet")
    fitting = _found(engine, question, ())
    near = _found(engine, _without_demands(question), tuple(each.record.id for each in fitting))
    cards = Cards(Replies(language))
    return [_hit(each, question, cards, words) for each in (*fitting, *near)][:MOST]


def _found(engine: Engine, question: Question, skip: tuple[str, ...]) -> list[Result]:
    """Look again and again without what was found: each time gives a few."""
    found: list[Result] = []
    while len(found) < MOST:
        known = (*skip, *(each.record.id for each in found))
        more = engine.find(question, skip=known).results
        if not more:
            break
        found += more
    return found


def _without_demands(question: Question) -> Question:
    wishes = Question(text=question.text, language=question.language, topics=question.topics, likely=question.likely)
    return replace(wishes, intents=question.intents, level=question.level)


def broken(record: Record, question: Question) -> list[Barrier]:
    """Every demand of the question that the record does not meet."""
    alone = (
        Question(countries=question.countries),
        Question(audiences=question.audiences),
        Question(age=question.age),
        Question(free=question.free),
        Question(certificate=question.certificate, free=question.free),
        Question(taught_in=question.taught_in, not_taught_in=question.not_taught_in),
        Question(formats=question.formats, not_formats=question.not_formats),
    )
    found = (barrier(record, demand) for demand in alone)
    return list(dict.fromkeys(each for each in found if each))


def _hit(result: Result, question: Question, cards: Cards, words: Words) -> Hit:
    record = result.record
    return Hit(
        record.id,
        record.name,
        record.provider,
        str(record.url or ""),
        cards.terms(record),
        cards.why(result.reasons),
        ", ".join(words.barrier(each) for each in broken(record, question)),
    )
