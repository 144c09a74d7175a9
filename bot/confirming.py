"""Asks providers whether what is said of them is still right: by mail or in the chat; and takes in their answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from bot.letters import Letter, language_for, written
from bot.mail import Mail, MailError
from bot.offer_replies import OfferReplies
from bot.say import Limits, offer, say
from bot.submissions import SOURCE, digest, forget_replaced
from store import catalogue, contacts, officers, routing, sources, tickets
from store.database import Database
from store.desk_tables import Link, ReferralAddress
from store.source_tables import Revision
from store.tables import Contact, Conversation, Record, Ticket, now
from store.vault import Vault, WrongKey

log = structlog.get_logger("confirming")

CONFIRM = "confirm"
"""Purpose of links."""
VALID = timedelta(days=60)
"""How long a provider can answer by the link."""
BETWEEN = timedelta(days=90)
"""From one question about a record to the next. Links are kept for that long: they say when the mail was sent."""
TRY_AGAIN = timedelta(hours=1)
"""After a mail that could not be sent."""
NEAR = timedelta(days=30)
"""How long before its time to be looked at a record is asked about in the chat: who is silent for long is forgotten."""
ONE_A_DAY = timedelta(days=1)
"""Who offered a lot is asked about one thing a day."""
AT_A_TIME = 100


class Confirmations:
    """Mails what is to be confirmed."""

    def __init__(self, database: Database, vault: Vault, mail: Mail | None, public: str, operator: str) -> None:
        """`public`: where people reach the pages; `operator`: who asks."""
        self._database, self._vault, self._mail = database, vault, mail
        self._public, self._operator = public, operator

    def step(self, moment: datetime | None = None) -> bool:
        """Ask about one record whose time to be looked at has passed; false if there is none."""
        moment = moment or now()
        if self._mail is None:
            return False
        with self._database.read() as session:
            if session.scalar(_due(moment)) is None:
                return False
        # Before the mail: a process that is killed in between asks in ninety days, not twice.
        with self._database.alone("confirming"), self._database.write() as session:
            record_id = session.scalar(_due(moment))
            if record_id is None:
                return False
            to = self._address(session, record_id)
            token = officers.make_link(session, CONFIRM, record_id, VALID)
            session.get_one(Link, officers.digest(token)).expires_at = moment + VALID
            letter = self._letter(session, record_id, token)
        if to is not None:
            self._ask(self._mail, to, letter, record_id, token, moment)
        return True

    def _letter(self, session: Session, record_id: str, token: str) -> Letter:
        name = str(session.get_one(Record, record_id).body.get("name", record_id))
        link = f"{self._public}/providers/confirm/{token}"
        code = language_for(session, record_id)
        return written(code, lambda said: said.still_right_letter(self._operator, name, link, VALID.days))

    def _ask(self, mail: Mail, to: str, letter: Letter, record_id: str, token: str, moment: datetime) -> None:
        try:
            mail.send(to, letter.subject, letter.text, f"confirm-{officers.digest(token)[:24]}")
        except MailError as error:
            log.warning("confirm.failed", record=record_id, error=str(error))
            if not error.permanent:
                self._put_off(token, moment)

    def _put_off(self, token: str, moment: datetime) -> None:
        """Nobody has the link: make it void, and ask again soon."""
        with self._database.write() as session:
            link = session.get(Link, officers.digest(token))
            if link is not None:
                link.expires_at, link.used_at = moment - BETWEEN + VALID + TRY_AGAIN, moment

    def _address(self, session: Session, record_id: str) -> str | None:
        try:
            return self._vault.open(session.get_one(ReferralAddress, record_id).address_sealed)
        except WrongKey:
            return None


def _due(moment: datetime) -> Any:
    """A record about which its provider is to be asked."""
    asked = exists().where(
        Link.purpose == CONFIRM, Link.subject == Record.id, Link.expires_at > moment - BETWEEN + VALID
    )
    query = select(Record.id).join(ReferralAddress, ReferralAddress.record_id == Record.id)
    offered = (Record.withdrawn_at.is_(None), Record.status != "ended")
    late = Record.review_by < moment.date()
    return query.where(ReferralAddress.confirmed_at.is_not(None), *offered, late, ~asked).order_by(Record.id).limit(1)


# In the chat


def ask_due(session: Session, moment: datetime, public: str, limits: Limits | None = None) -> int:
    """Ask those who offered something in the chat about what is to be looked at soon; gives how many were asked.

    Nobody is asked who has stopped, or who has an open request: an officer may have the talk. For a writing
    transaction; `public`: where people reach the pages.
    """
    asked = set[int]()
    for revision, row in session.execute(_to_ask(moment)).all():
        conversation = revision.conversation_id
        if conversation in asked or not routing.free(session, conversation):
            continue
        _ask(session, revision, row, public, limits or {})
        revision.asked_at = moment
        asked.add(conversation)
    return len(asked)


def _ask(session: Session, revision: Revision, row: Record, public: str, limits: Limits) -> None:
    # They are written to in the language that they use now.
    language = contacts.of_conversation(session, revision.conversation_id or 0).language or revision.language
    replies, name = OfferReplies(language), str(row.body.get("name", row.id))
    question = replies.still_right(name, revision.id, f"{public}/catalogue/{row.id}")
    say(session, limits, revision.conversation_id or 0, language, question)
    offer(session, revision.conversation_id or 0, question)


def _to_ask(moment: datetime) -> Any:
    """The newest approved revision of each record that is to be asked about, locked, and the record."""
    theirs = (Revision.source == SOURCE, Revision.state == "approved", Revision.kind != sources.ENDED)
    newest = select(func.max(Revision.id)).where(*theirs).group_by(Revision.record_id)
    ends, other, lately = Record.body["ends"].as_string(), aliased(Revision), aliased(Revision)
    soon = Record.review_by <= moment.date() + NEAR
    offered = (Record.withdrawn_at.is_(None), Record.status != "ended")
    runs = or_(ends.is_(None), ends >= moment.date().isoformat())
    rested = or_(Revision.asked_at.is_(None), Revision.asked_at <= moment - BETWEEN)
    said = exists().where(other.record_id == Revision.record_id, other.source == SOURCE, other.state == "open")
    today = exists().where(lately.conversation_id == Revision.conversation_id, lately.asked_at > moment - ONE_A_DAY)
    waits = exists().where(Ticket.conversation_id == Revision.conversation_id, Ticket.state == "open")
    query = select(Revision, Record).join(Record, Record.id == Revision.record_id)
    query = query.join(Conversation, Conversation.id == Revision.conversation_id)
    query = query.join(Contact, Contact.id == Conversation.contact_id)
    query = query.where(Revision.id.in_(newest), *offered, runs, soon, rested, ~said, ~today, ~waits)
    query = query.where(Contact.stopped_at.is_(None), Contact.erased_at.is_(None))
    return query.order_by(Revision.id).limit(AT_A_TIME).with_for_update(of=Revision, skip_locked=True)


def answered(session: Session, conversation_id: int, number: int, answer: list[str]) -> None:
    """Take in what somebody answers in the chat about what they sent in under `number`, if it is theirs.

    `answer`: `yes`, `ended`, or `change` and the token of the link by which they change it.
    """
    if (theirs := offered_by(session, conversation_id, number)) is None:
        return
    revision, row = theirs
    if answer in (["yes"], ["ended"]):
        take(session, row, answer[0])
    elif len(answer) == 2 and answer[0] == "change":
        revision.token_digest = digest(answer[1])
        tickets.note(session, catalogue.PROVIDER, "record.change-link", row.id)


def offered_by(session: Session, conversation_id: int, number: int) -> tuple[Revision, Record] | None:
    """What somebody sent in under `number`, and its record, locked; none if it is not theirs or offered no more."""
    revision = session.get(Revision, number, with_for_update=True)
    if revision is None or revision.conversation_id != conversation_id or revision.state != "approved":
        return None
    row = session.get(Record, revision.record_id, with_for_update=True)
    return (revision, row) if row is not None and row.withdrawn_at is None and row.status != "ended" else None


def take(session: Session, row: Record, answer: str) -> None:
    """Do what follows from an answer, `yes` or `ended`, of whoever offers a record."""
    if answer == "yes":
        catalogue.confirm(session, row.id, datetime.now(UTC).date())
        for revision in sources.open_of(session, row.id):
            if revision.kind == sources.ENDED and revision.source == catalogue.PROVIDER:
                revision.state = "replaced"  # they said so before, and know better now
    else:
        forget_replaced(session, row.id)
        sources.propose(session, row.id, sources.ENDED, catalogue.PROVIDER, {**row.body, "status": "ended"})
    tickets.note(session, catalogue.PROVIDER, f"record.{'confirm' if answer == 'yes' else 'ended'}", row.id)
