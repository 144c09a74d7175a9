"""What a person gets who asks for everything that is kept about them, in words that they can read."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bot.offer_replies import OfferReplies
from bot.replies import Replies
from retrieval.concepts import concepts
from store import chat, outbox, sources
from store.desk_tables import Note, Referral
from store.source_tables import Revision
from store.tables import Contact, Conversation, Delivery, Message, Record, Ticket

LONGEST_PART = 3_000
"""Characters of one message of an export."""
MOST_PARTS = 8
_ROOM = LONGEST_PART * MOST_PARTS
"""Characters of all of it; requests may take half."""


def export(session: Session, contact: Contact, conversation: Conversation, replies: Replies) -> list[str]:
    """Everything that is kept about a person, as messages; the newest that fits, and how much is left out."""
    facts = replies.facts(contact.channel, contact.language, contact.country, contact.audience)
    facts += replies.seen(contact.created_at.date(), contact.seen_at.date())
    if trust := chat.trust_of(session, contact.id):
        facts.append(replies._("Your requests are answered first: {reason}").format(reason=trust.reason))
    found = session.scalars(select(Ticket).where(Ticket.conversation_id == conversation.id).order_by(Ticket.id))
    requests = ["\n".join(_Request(session, ticket, replies).lines()) for ticket in found]
    requests += [_sent_in(each, replies) for each in sources.of_sender(session, conversation.id)]
    shown, left = _newest(requests, _ROOM // 2)
    said = [_line(entry, replies) for entry in outbox.transcript(session, conversation.id)]
    kept, cut = _newest(said, _ROOM - sum(len(each) + 1 for each in shown))
    lines = [
        replies.export_title(),
        *facts,
        *(["", *shown] if shown else []),
        *([_left(left, replies)] if left else []),
    ]
    return _parts("\n".join([*lines, "", *kept, *([replies.export_cut(cut)] if cut else [])]).split("\n"))


def _sent_in(revision: Revision, replies: Replies) -> str:
    """What somebody has offered for the catalogue, and what became of it."""
    name = replies.run(str(revision.body.get("name", "")))
    return " ".join(
        filter(
            None, (OfferReplies(replies.code).offer_state(revision.id, revision.state), f"“{name}”", revision.reason)
        )
    )


def _newest(texts: list[str], room: int) -> tuple[list[str], int]:
    """As many of the last texts as fit, and how many do not."""
    kept: list[str] = []
    for text in reversed(texts):
        room -= len(text) + 1
        if room < 0:
            break
        kept.insert(0, text)
    return kept, len(texts) - len(kept)


def _left(count: int, replies: Replies) -> str:
    text = replies._n(
        "{count} older request is left out here; ask for it with /person.",
        "{count} older requests are left out here; ask for them with /person.",
        count,
    )
    return text.format(count=count)


class _Request:
    """One request in lines: what was understood, what came of it, to whom it was passed on."""

    def __init__(self, session: Session, ticket: Ticket, replies: Replies) -> None:
        self._session, self._ticket, self._replies = session, ticket, replies
        self._ = replies._

    def lines(self) -> Iterator[str]:
        """The lines."""
        ticket, replies = self._ticket, self._replies
        heading = replies.request(ticket.id, ticket.opened_at.date(), is_open=ticket.state == "open")
        outcome = self._outcome()
        yield f"{heading}, {outcome}" if outcome else heading
        if understood := self._understood():
            yield self._("Understood: {need}").format(need=understood)
        if ticket.matched:
            yield self._("What fits: {names}").format(names=", ".join(map(self._name, ticket.matched)))
        yield from self._answers()
        passed_on = select(Referral).where(Referral.ticket_id == ticket.id).order_by(Referral.id)
        for referral in self._session.scalars(passed_on):
            yield from self._passed_on(referral)
        if count := self._session.scalar(select(func.count()).where(Note.ticket_id == ticket.id)):
            text = replies._n(
                "{count} note that officers wrote for each other is not shown here; ask for it with /person.",
                "{count} notes that officers wrote for each other are not shown here; ask for them with /person.",
                count,
            )
            yield text.format(count=count)

    def _outcome(self) -> str:
        words = {
            "matched": self._("matched with an offer"),
            "referred": self._("referred to a provider"),
            "gap": self._("a gap: nobody offers this"),
            "declined": self._("declined"),
        }
        return words.get(self._ticket.outcome or "", "")

    def _understood(self) -> str:
        question, replies = self._ticket.need.get("question") or {}, self._replies
        facets = ("topics", "elsewhere", "needs", "audiences")
        keys = (key for facet in facets for key in question.get(facet) or () if key in concepts())
        places = dict.fromkeys([*(question.get("countries") or ()), self._ticket.country])
        named = [replies.concept(concepts()[key].gloss) for key in keys]
        named += [replies.country(place) for place in places if place]
        return " · ".join([*named, *map(replies.tongue, question.get("taught_in") or ())])

    def _answers(self) -> Iterator[str]:
        """What the person said when they were asked."""
        ticket, titles = self._ticket, self._replies.results()
        if ticket.rating is not None:
            said = self._("It helped") if ticket.rating else self._("It did not help")
            yield self._("Your answer: {answer}").format(answer=said)
        if ticket.wants_news is not None:
            agreed = self._("You agreed that we write to you again about this.")
            yield agreed if ticket.wants_news else self._("You did not agree that we write to you again about this.")
        for answer in ticket.results.values():
            yield self._("Your answer: {answer}").format(answer=titles.get(answer, answer))

    def _passed_on(self, referral: Referral) -> Iterator[str]:
        _ = self._
        states = {
            "consent": _("you are asked whether you agree"),
            "refused": _("you did not agree"),
            "queued": _("you agreed, and it is on its way"),
            "by-hand": _("you agreed, and it is on its way"),
            "sent": _("you agreed, and it is sent"),
            "accepted": _("they can help"),
            "declined": _("they cannot help"),
            "answered": _("they have answered"),
        }
        name, state = self._name(referral.record_id), states.get(referral.state, referral.state)
        yield _("To be passed on to {name}: {state}").format(name=name, state=state)
        yield from (f"“{text}”" for text in (referral.text, referral.answer) if text)

    def _name(self, record_id: str) -> str:
        record = self._session.get(Record, record_id)
        return self._replies.run(str(record.body.get("name", record_id)) if record else record_id)


def _line(entry: Message | Delivery, replies: Replies) -> str:
    if isinstance(entry, Message):
        return f"{entry.received_at:%Y-%m-%d %H:%M} {replies.said_by('person')}: {entry.text or entry.kind}"
    return f"{entry.created_at:%Y-%m-%d %H:%M} {replies.said_by(entry.author)}: {entry.text}"


def _parts(lines: list[str]) -> list[str]:
    parts = [""]
    for line in lines:
        for piece in [line[i : i + LONGEST_PART] for i in range(0, max(1, len(line)), LONGEST_PART)]:
            if len(parts[-1]) + len(piece) + 1 > LONGEST_PART:
                parts.append("")
            parts[-1] += ("\n" if parts[-1] else "") + piece
    return parts
