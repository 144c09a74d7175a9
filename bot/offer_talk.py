"""The talk in which somebody offers something for the catalogue: one message is read as a record."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bot.offer_replies import OfferReplies
from bot.outcome import Act, Known, Outcome, Submission
from bot.submissions import SOURCE, TO_COME, alike
from locales import LANGUAGES
from retrieval.engine import Action, Cause
from retrieval.leaning import likeliest_topic
from retrieval.question import Question
from retrieval.understanding import understand
from retrieval.words import words

if TYPE_CHECKING:
    from bot.answers import Answers
    from ingest.source import Source
    from retrieval.records import Record

NEED = "offer-training"
ASKED = "offer"
"""What the context says while the assistant waits for an offer."""
STILL = ("yes", "ended", "change")
"""What can be said of whether something is still right."""
MOST_TRIES = 2
"""How often the assistant says what is missing, before a person takes it."""
LONGEST = 4000
"""Characters of an offer, all its messages together."""
MOST_NAMED = 3

_LINK = re.compile(r"(?:https?://|www\.)[^\s<>\"]+", re.I)
_PART = re.compile(r"\s*[,;|،؛，；、።]\s*|\s+[-–—]\s+")
_QUESTION = re.compile(r"[?？؟]\s*$")
_PRICE = re.compile(r"[$€£₹₦]\s?\d|\d\s?(?:[$€£₹₦]|[A-Z]{3}\b)")
_LIKELY = 0.6
"""Probability from which a line is about a topic that none of its words names."""
_WISHES = frozenset({"learn", "provider-wanted", "event"})


@dataclass(frozen=True, slots=True)
class Read:
    """What was read of an offer: a record, or what is missing for one."""

    record: Record | None
    lacks_link: bool = False
    lacks_topic: bool = False


class OfferTalk:
    """Listens while somebody offers something."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def hear(self, text: str, known: Known) -> Outcome | None:
        """What to do about a message; none if it is no offer but something else."""
        if _leaves(understand(text, known.language), text):
            return None
        before = known.context.get("offer", {})
        said = "\n".join(filter(None, (before.get("said", ""), text)))[:LONGEST]
        language, read = _language(known), read_offer(said, known.language)
        if read.record is None:
            return self._lacking(read, said, int(before.get("tries", 0)) + 1, language, known)
        same = self._alike(read.record)
        if not same:
            return _send(Submission(read.record), language, known)
        names = [record.name if (record := self._answers.engine.record(key)) else key for key, _ in same[:MOST_NAMED]]
        message = OfferReplies(language).offer_exists(names)
        return Outcome(Action.CLARIFY, language, [message], context=_waiting(known, said, before.get("tries", 0)))

    def obey(self, decision: str, known: Known) -> Outcome:
        """What the buttons say: it is another one, or nothing is to be sent."""
        language, said = _language(known), known.context.get("offer", {}).get("said", "")
        record = read_offer(said, known.language).record if said else None
        if decision == "another" and record:
            return _send(Submission(record, tuple(self._alike(record))), language, known)
        if decision == "another":
            return ask(self._answers.manners.join, language, known)
        return Outcome(Action.SMALLTALK, language, [OfferReplies(language).offer_left()], context=known.settled())

    def _lacking(self, read: Read, said: str, tries: int, language: str, known: Known) -> Outcome:
        if tries > MOST_TRIES:
            settled = replace(known, context=known.settled())
            question = replace(understand(said, known.language), needs=(NEED,))
            return self._answers.hand_over(Cause.NEED, question, said, language, settled)
        message = OfferReplies(language).offer_lacks(link=read.lacks_link, topic=read.lacks_topic)
        return Outcome(Action.CLARIFY, language, [message], context=_waiting(known, said, tries))

    def _alike(self, record: Record) -> list[tuple[str, float]]:
        return alike(record, self._answers.engine.records())


def ask(form: str, language: str, known: Known) -> Outcome:
    """Say how something is offered, and wait for it. `form`: the link of the form."""
    message = OfferReplies(language).offer_how(form)
    return Outcome(Action.CLARIFY, language, [message], context=_waiting(known, "", 0))


def still(number: str, answer: str, language: str, known: Known) -> Outcome:
    """What whoever sent something in under `number` says of it when they are asked.

    Whether it is theirs, and still offered, is known to the database alone: `bot.acts` answers.
    """
    if answer == "change":
        answer = f"change.{secrets.token_urlsafe(32)}"  # of the link by which they change it
    return Outcome(Action.SMALLTALK, language, context=known.context, acts=(Act("still", f"{number}.{answer}"),))


def is_cancelled(text: str, known: Known) -> bool:
    """Whether a message says no more than that nothing is to be offered."""
    said = words(text)
    return said in (words("cancel"), words(OfferReplies(known.language or "en").cancel_button().title))


def _language(known: Known) -> str:
    return known.language if known.language in LANGUAGES else "en"


def _waiting(known: Known, said: str, tries: int) -> dict[str, object]:
    return {**known.settled(), "asked": ASKED, "offer": {"said": said, "tries": tries}}


def _send(submission: Submission, language: str, known: Known) -> Outcome:
    return Outcome(Action.SMALLTALK, language, context=known.settled(), submissions=(submission,))


def _leaves(question: Question, text: str) -> bool:
    """Whether somebody who was asked for an offer writes about something else."""
    if question.distress:
        return True
    if _LINK.search(text) or "\n" in text.strip():
        return False
    asks = _WISHES & set(question.intents) or ("course" in question.intents and question.constrains)
    chats = question.smalltalk and not question.topics
    return bool(_QUESTION.search(text) or question.needs or asks or chats)


def _names_topic(line: Question) -> bool:
    return bool(line.topics) and (not line.guessed or likeliest_topic(line) >= _LIKELY)


def read_offer(said: str, spoken: str | None) -> Read:
    """Read an offer: the name in the first line, then a link, what is taught, languages, countries and cost.

    `spoken`: the language of who wrote it. The link is not looked at.
    """
    from ingest.normalise import normalised
    from ingest.source import Item

    link, source = _LINK.search(said), _source()
    name, *lines = _lines(said) or [""]
    question, rest = understand("\n".join(lines), spoken), "\n".join(lines)
    about = tuple(line for line in lines if _names_topic(understand(line, spoken)))
    item = Item(
        key="",
        name=name,
        text=". ".join(about) or rest,
        teaches=about,
        languages=_those_with_a_language(lines),
        countries=question.countries,
        audiences=question.audiences and (rest,),
        cost=_cost(lines, question),
        modality=(rest,),
        certificate="yes" if question.certificate else "",
    )
    plain = normalised(item, source, TO_COME).record
    if link is None or plain is None:
        return Read(None, lacks_link=link is None, lacks_topic=plain is None)
    url = link[0].rstrip(".,;:!?)]}،。")
    url = url if url.lower().startswith("http") else f"https://{url}"
    host = (urlsplit(url).hostname or "").removeprefix("www.")
    record = normalised(replace(item, url=url, provider=host), source, TO_COME).record
    return Read(record, lacks_link=record is None)


def _source() -> Source:
    """Providers, as a source that is not trusted."""
    from ingest.source import Source

    return Source(name=SOURCE, adapter="csv", location=SOURCE)


def _lines(said: str) -> list[str]:
    """Its lines without the link; the parts of the line if there is but one."""
    lines = [line.strip(" \t-–—•·:,;") for line in _LINK.sub("\n", said).splitlines() if words(line)]
    return lines if len(lines) > 1 else [part for line in lines for part in _PART.split(line) if words(part)]


def _those_with_a_language(lines: list[str]) -> tuple[str, ...]:
    from ingest.normalise import language_codes

    return tuple(part for line in lines for part in _PART.split(line) if len(words(part)) > 0 and language_codes(part))


def _cost(lines: list[str], question: Question) -> str:
    if question.free:
        return "free"
    if question.scholarship:
        return "scholarships"
    parts = [part for line in lines for part in _PART.split(line)]
    return next((part for part in parts if _PRICE.search(part)), "")
