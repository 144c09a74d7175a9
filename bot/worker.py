"""Takes turns: claims a conversation, lets the assistant decide, and commits everything at once."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from functools import cache
from typing import Any

import structlog
from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session

from bot import learned, metrics, routing, submissions
from bot.acts import CANCELLED, apply, told_of
from bot.export import export
from bot.offer_replies import OfferReplies
from bot.outcome import Heard, Known, Outcome, TicketRequest
from bot.privacy import forget
from bot.replies import Replies
from bot.say import Limits, put
from bot.signals import Signal
from bot.turn import Assistant
from channels.contract import Kind, Outgoing
from retrieval.engine import Action, Cause
from store import inbox, tickets
from store.database import Database
from store.inbox import Claim
from store.tables import Contact, Conversation, Message, Ticket, now

log = structlog.get_logger("worker")

PATIENCE = 3
"""Turns that may break off before a person gets the conversation."""
ABOUT_CLOSED = timedelta(hours=24)
"""How long after a request was closed words without a topic of their own are taken to be about it."""
AT_ONCE = 4
"""Conversations that are claimed together: a claim costs as much as an empty turn."""
MOST_FROM_NETWORK = 40
"""Open requests of one network address, beyond which only people in danger get another: officers have others too."""
LOOK_EVERY = 0.5
"""Seconds between looks into the inbox, for what other processes put there."""
_MEDIA = frozenset({Kind.IMAGE, Kind.AUDIO, Kind.VIDEO, Kind.FILE, Kind.LOCATION})


class Worker:
    """One thread that takes one turn after the other."""

    def __init__(
        self, database: Database, assistant: Assistant, arrived: Signal, said: Signal, limits: Limits | None = None
    ) -> None:
        """`arrived`: a message came in; `said`: something was put into the outbox; `limits`: the channels' longest."""
        self._limits = limits or {}
        self._database = database
        self._assistant = assistant
        self._arrived = arrived
        self._said = said
        self._stopping = threading.Event()

    def run(self) -> None:
        """Take turns until `stop`. Nothing that goes wrong in one turn ends it."""
        while not self._stopping.is_set():
            seen = self._arrived.count
            try:
                if not self.step():
                    self._arrived.wait(seen, LOOK_EVERY)
            except Exception:
                log.exception("worker.failed")
                self._stopping.wait(1.0)

    def stop(self) -> None:
        """End `run` after the present turn."""
        self._stopping.set()
        self._arrived.set()

    def step(self) -> bool:
        """Take the next turns if somebody waits; false if nobody does."""
        with self._database.write() as session:
            claims = inbox.claim(session, AT_ONCE)
            if claims:
                learned.refresh(session)
        for claim in claims:
            if self._stopping.is_set():
                self._release(claim)
                continue
            try:
                self._turn(claim)
            except Exception:
                log.exception("turn.failed", conversation=claim.conversation_id)
                self._give_back(claim)
            self._said.set(claim.conversation_id)
        return bool(claims)

    def _turn(self, claim: Claim) -> None:
        start = time.monotonic()
        with self._database.read() as session:
            messages = inbox.unread(session, claim.conversation_id)
            known, tired = _known(session, claim.conversation_id)
        if not messages:
            return self._release(claim)
        outcome = _sorry(messages, known) if tired else self._assistant.take(_heard(messages), known)
        with self._database.write() as session:
            context = {k: v for k, v in outcome.context.items() if k != "seconds"}
            if not inbox.finish(session, claim, context):  # our lease ran out and another worker has the turn
                log.warning("turn.overtaken", conversation=claim.conversation_id)
                return None
            self._commit(session, claim.conversation_id, messages, known, outcome)
        if outcome.erase:
            self._database.checkpoint()  # what was erased is not to be found in the log of writes either
        seconds = outcome.context.get("seconds")
        waited = (now() - messages[0].received_at).total_seconds()
        metrics.turned(outcome.action, outcome.language, time.monotonic() - start, waited)
        log.info(
            "turn",
            conversation=claim.conversation_id,
            action=outcome.action,
            language=outcome.language,
            seconds=seconds,
        )
        return None

    def _commit(
        self, session: Session, conversation_id: int, messages: list[Message], known: Known, outcome: Outcome
    ) -> None:
        turn = {"conversation_id": conversation_id, "action": outcome.action, "language": outcome.language}
        turn_id = inbox.note(session, {**turn, "shown": list(outcome.shown)})
        for act in outcome.acts:
            apply(session, conversation_id, act)
            if told := told_of(session, conversation_id, act, self._assistant.manners, outcome.language):
                outcome.messages.append(told)
        if known.tickets or outcome.acts:
            tickets.heard(session, conversation_id)
        if known.held and (outcome.action is Action.HELD or len(messages) > 1):
            routing.heard(session, conversation_id, now())
        inbox.take_up(session, [message.id for message in messages], turn_id)
        if outcome.remember or outcome.erase:
            _remember(session, conversation_id, outcome)
        kept_turn = None if outcome.erase else turn_id
        ticket_id = self._ticket(session, conversation_id, known, outcome)
        _send_in(session, conversation_id, outcome)
        tickets.add_media(session, conversation_id, [message.kind for message in messages if message.kind in _MEDIA])
        for message in [*outcome.messages, *self._exported(session, conversation_id, outcome), *outcome.afterwards]:
            limit = self._limits.get(known.channel)
            of: dict[str, Any] = {"turn_id": kept_turn, "ticket_id": ticket_id}
            put(session, limit, conversation_id, outcome.language, message, **of, locked=True)

    def _ticket(self, session: Session, conversation_id: int, known: Known, outcome: Outcome) -> int | None:
        request = outcome.ticket
        if request is None:
            return None
        if not request.urgent and not known.tickets and self._is_crowded(session, conversation_id):
            outcome.messages.append(Outgoing(Replies(outcome.language).crowded()))
            return None
        countries = request.need.get("question", {}).get("countries", [])
        ticket = tickets.open_one(
            session,
            conversation_id,
            reason=request.cause,
            language=outcome.language,
            country=next(iter(countries), outcome.remember.get("country") or known.country),
            need=request.need,
            urgent=request.urgent,
        )
        _person(session, conversation_id)[1].erased_at = None  # who asks for something is here again
        manners, replies = self._assistant.manners, Replies(outcome.language)
        expected = routing.route(session, ticket, now(), outcome.language)
        promise = replies.handed_over(ticket.id, manners.operator, manners.hours, expected)
        outcome.messages.append(Outgoing("\n".join(line for line in (request.before, promise) if line)))
        return ticket.id

    def _is_crowded(self, session: Session, conversation_id: int) -> bool:
        """Whether this person's network keeps the officers busy already. Only the page knows networks."""
        origin = _person(session, conversation_id)[1].origin
        return origin is not None and tickets.count_open_from(session, origin) >= MOST_FROM_NETWORK

    def _exported(self, session: Session, conversation_id: int, outcome: Outcome) -> list[Outgoing]:
        if not outcome.export:
            return []
        conversation, contact = _person(session, conversation_id)
        return [Outgoing(text) for text in export(session, contact, conversation, Replies(outcome.language))]

    def _release(self, claim: Claim) -> None:
        with self._database.write() as session:
            if conversation := inbox.holds(session, claim):
                inbox.release(conversation)

    def _give_back(self, claim: Claim) -> None:
        with self._database.write() as session:
            if conversation := inbox.holds(session, claim):
                inbox.release(conversation, failed=True)


def _known(session: Session, conversation_id: int) -> tuple[Known, bool]:
    """What the turn must know, and whether earlier tries have failed too often."""
    conversation, contact = _person(session, conversation_id)
    open_, closed = tickets.present(session, conversation_id, now() - ABOUT_CLOSED)
    if closed is not None and session.get_one(Ticket, closed).outcome == CANCELLED:
        closed = None  # they have done with it
    known = Known(
        channel=contact.channel,
        language=contact.language,
        language_chosen=contact.language_chosen,
        language_asked=contact.language_asked_at is not None,
        country=contact.country,
        audience=contact.audience,
        stopped=contact.stopped_at is not None,
        welcomed=contact.welcomed_at is not None,
        tickets=tuple(ticket.id for ticket in open_),
        held=any(ticket.officer_id and not ticket.handed_back_at for ticket in open_),
        closed=closed,
        context=conversation.context,
    )
    return known, conversation.failures > PATIENCE


def _heard(messages: list[Message]) -> list[Heard]:
    return [Heard(Kind(message.kind), message.text, message.choice) for message in messages]


def _sorry(messages: list[Message], known: Known) -> Outcome:
    """The assistant fails on these messages again and again: a person takes them."""
    language = known.language or "en"
    words = "\n".join(message.text for message in messages)
    request = TicketRequest(Cause.FAILURE, {"words": words, "question": {}}, Replies(language).failed())
    return Outcome(Action.ESCALATE, language, ticket=request, context=known.context)


def _person(session: Session, conversation_id: int) -> tuple[Conversation, Contact]:
    """A conversation and whose it is."""
    conversation, contact = session.execute(_both(), {"talk": conversation_id}).one()
    return conversation, contact


@cache
def _both() -> Select[Conversation, Contact]:
    """The statement, built once: building it takes longer than running it."""
    both = select(Conversation, Contact).join(Contact, Contact.id == Conversation.contact_id)
    return both.where(Conversation.id == bindparam("talk"))


def _send_in(session: Session, conversation_id: int, outcome: Outcome) -> None:
    """Keep what the person offers, and say under which number."""
    replies = OfferReplies(outcome.language)
    for each in outcome.submissions:
        if submissions.count_open(session, conversation_id) >= submissions.MOST_OPEN:
            outcome.messages.append(replies.offers_wait())
            return
        sender: dict[str, Any] = {"conversation_id": conversation_id, "language": outcome.language}
        revision = submissions.submit(session, each.record, each.alike, **sender)
        _person(session, conversation_id)[1].erased_at = None  # who sends something in is here again
        outcome.messages.append(replies.offer_kept(revision.id))


def _remember(session: Session, conversation_id: int, outcome: Outcome) -> None:
    conversation, contact = _person(session, conversation_id)
    for field, value in outcome.remember.items():
        if field == "stopped":
            contact.stopped_at = now() if value else None
        elif field in {"welcomed", "language_asked"}:
            setattr(contact, f"{field}_at", now())
        else:
            setattr(contact, field, value)
    if "language_chosen" in outcome.remember:
        tickets.speak(session, conversation_id, outcome.remember["language"])
    if outcome.erase:
        forget(session, contact, conversation)
