"""What providers send in: kept for a lead to look at, and its outcome told to whoever sent it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog
from pydantic import ValidationError
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from bot.letters import Letter, Sentences, written
from bot.mail import Mail, MailError
from bot.offer_replies import OfferReplies
from bot.say import Limits, say
from store import catalogue, sources
from store.database import Database
from store.source_tables import Revision
from store.tables import Record as Row
from store.tables import now
from store.vault import Vault, WrongKey

if TYPE_CHECKING:
    from retrieval.records import Record

log = structlog.get_logger("submissions")

SOURCE = "provider"
TO_COME = "to-come-from-a-provider"
"""The id of what has none yet, and no other record."""
MOST_OPEN = 10
"""What one person can have waiting by chat: leads have others to look at too."""
KEPT = timedelta(days=30)
"""How long an address is kept once the outcome is known."""
TWICE = timedelta(minutes=10)
"""Within which the same once more is a button that was pressed twice."""
SENDING = timedelta(minutes=2)
"""How long one process may take for a mail before another tries."""
MOST_ATTEMPTS = 8
LONGEST_WAIT = timedelta(hours=2)

Alike = Sequence[tuple[str, float]]
"""Records that may be the same, and how alike they are (0–1)."""


def digest(token: str) -> str:
    """What is stored of a link's token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def offered(session: Session) -> list[Record]:
    """What is in the catalogue: something new may be there already."""
    from retrieval.engine import to_record

    return [to_record(row) for row in catalogue.offered(session)]


def alike(record: Record, others: Iterable[Record]) -> list[tuple[str, float]]:
    """Those of some records that may be the same, the most alike first."""
    from ingest.duplicates import Catalogue

    return [(each.record_id, each.score) for each in Catalogue(others).like(record)]


def submit(session: Session, record: Record, same: Alike, **sender: Any) -> Revision:
    """Keep something new for a lead to look at; `sender`: fields of a revision.

    `same`: records that are like it, of which its sender says that they are others.
    """
    body = record.model_dump(mode="json")
    free = _sent_twice(session, body) or _free_id(session, record.name)
    revision = _propose(session, free, body, sender)
    waiting = _waiting(session, free)
    for other, score in [*same[:3], *alike(record, waiting)[:3]]:
        sources.suggest(session, free, other, score)
    return revision


def change(session: Session, revision: Revision, record: Record, **sender: Any) -> Revision:
    """Keep what somebody has changed of what they sent in, in place of it if nobody has looked at it yet."""
    known = ("email_sealed", "token_digest", "conversation_id")
    sender = {name: getattr(revision, name) for name in known} | sender
    revision.token_digest = None
    if revision.state == "open":
        revision.email_sealed = None
    session.flush()
    return _propose(session, revision.record_id, record.model_dump(mode="json"), sender)


def _propose(session: Session, record_id: str, body: dict[str, Any], sender: dict[str, Any]) -> Revision:
    forget_replaced(session, record_id)
    kind = sources.CHANGED if session.get(Row, record_id) else sources.ADDED
    return sources.propose(session, record_id, kind, SOURCE, {**body, "id": record_id}, **sender)


def forget_replaced(session: Session, record_id: str) -> None:
    """Whoever sent in what waits about a record is told nothing of it any more."""
    older = (Revision.record_id == record_id, Revision.source == SOURCE, Revision.state == "open")
    session.execute(update(Revision).where(*older).values(token_digest=None, email_sealed=None))


def _open() -> tuple[ColumnElement[bool], ...]:
    return (Revision.source == SOURCE, Revision.state == "open")


def _sent_twice(session: Session, body: dict[str, Any]) -> str | None:
    """The id of the very same, if it was sent just now."""
    lately = select(Revision).where(*_open(), Revision.created_at > now() - TWICE)
    return next(
        (each.record_id for each in session.scalars(lately) if each.body | {"id": ""} == body | {"id": ""}), None
    )


def _free_id(session: Session, name: str) -> str:
    from ingest.normalise import identifier

    taken, plain = sources.ids_taken(session), identifier(name)
    numbered = (f"{plain[:70]}-{number}" for number in range(2, len(taken) + 3))
    return next(key for key in (plain, *numbered) if key not in taken)


def _waiting(session: Session, but: str) -> list[Record]:
    """What others have sent in and nobody has looked at yet."""
    from retrieval.records import Record

    found = []
    for each in session.scalars(select(Revision).where(*_open(), Revision.record_id != but).limit(500)):
        try:
            found.append(Record.model_validate(each.body))
        except ValidationError:  # it was written by an older Dalil
            continue
    return found


def count_open(session: Session, conversation_id: int) -> int:
    """How much of what one person sent by chat nobody has looked at yet."""
    theirs = select(Revision.id).where(*_open(), Revision.conversation_id == conversation_id)
    return len(session.scalars(theirs).all())


def told(session: Session, limits: Limits, revision: Revision) -> None:
    """Tell whoever sent something in by chat what became of it, in the transaction that decides it."""
    if revision.conversation_id is None:
        return
    name = str(revision.body.get("name", ""))
    replies = OfferReplies(revision.language)
    message = (
        replies.offer_taken(name) if revision.state == "approved" else replies.offer_refused(name, revision.reason)
    )
    say(session, limits, revision.conversation_id, revision.language, message)


class Letters:
    """Mails the outcome to those who sent something in by the form."""

    def __init__(self, database: Database, vault: Vault, mail: Mail | None, public: str) -> None:
        """`public`: where people reach the pages."""
        self._database, self._vault, self._mail, self._public = database, vault, mail, public

    def step(self) -> bool:
        """Send one that is due; false if none is."""
        if self._mail is None:
            return False
        with self._database.write() as session:
            number = session.scalar(_claim())
            if number is None:
                return False
            revision = session.get_one(Revision, number, populate_existing=True)
            to = self._address(revision)
        if to is None:
            self._note(number, over=True)
            return True
        letter = _letter(revision, self._public)
        try:
            self._mail.send(to, letter.subject, letter.text, f"outcome-{number}")
        except MailError as error:
            log.warning("outcome.failed", revision=number, error=str(error))
            self._note(number, over=error.permanent or revision.attempts >= MOST_ATTEMPTS)
        else:
            self._note(number, sent=True)
        return True

    def _address(self, revision: Revision) -> str | None:
        try:
            return self._vault.open(revision.email_sealed or "")
        except WrongKey:
            return None

    def _note(self, number: int, *, sent: bool = False, over: bool = False) -> None:
        with self._database.write() as session:
            revision = session.get(Revision, number, with_for_update=True)
            if revision is None:
                return
            if sent:
                revision.mailed_at = now()
            elif over:
                revision.email_sealed = None  # it can never be used
            else:
                revision.due_at = now() + min(timedelta(seconds=30 * 2.0**revision.attempts), LONGEST_WAIT)


def _claim() -> Any:
    """Take a revision whose outcome is to be mailed; gives its number."""
    due = select(Revision.id).where(
        Revision.state.in_(("approved", "refused")),
        Revision.email_sealed.is_not(None),
        Revision.mailed_at.is_(None),
        (Revision.due_at.is_(None)) | (Revision.due_at <= now()),
    )
    one = due.order_by(Revision.id).limit(1).with_for_update(skip_locked=True).cte("due")
    taken = update(Revision).where(Revision.id.in_(one.select()))
    return taken.values(due_at=now() + SENDING, attempts=Revision.attempts + 1).returning(Revision.id)


def _letter(revision: Revision, public: str) -> Letter:
    """What is told of it, in the language that they wrote in."""

    def write(said: Sentences) -> Letter:
        if revision.state != "approved":
            return said.refused_letter(revision.id, revision.reason)
        name = str(revision.body.get("name", ""))
        return said.taken_letter(revision.id, name, f"{public}/catalogue/{revision.record_id}")

    return written(revision.language, write)


def forget_addresses(session: Session) -> int:
    """Forget the addresses of those whose outcome has long been known; gives how many."""
    long_known = (Revision.email_sealed.is_not(None), Revision.decided_at < now() - KEPT)
    return len(
        session.scalars(update(Revision).where(*long_known).values(email_sealed=None).returning(Revision.id)).all()
    )
