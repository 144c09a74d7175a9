"""What officers propose to keep of their answers, and what leads have approved."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Delete, Select, delete, func, select
from sqlalchemy.orm import Session

from store.desk_tables import Proposal
from store.tables import now

RECORD, WORDS = "record", "words"


def propose(session: Session, kind: str, body: dict[str, Any], ticket_id: int | None, officer_id: int) -> int:
    """Keep a proposal for a lead; gives its number."""
    proposal = Proposal(kind=kind, body=body, ticket_id=ticket_id, proposed_by=officer_id)
    session.add(proposal)
    session.flush()
    return proposal.id


def waiting(session: Session, limit: int = 200) -> Sequence[Proposal]:
    """The proposals that nobody has decided, the oldest first."""
    return session.scalars(select(Proposal).where(Proposal.state == "open").order_by(Proposal.id).limit(limit)).all()


def decided(session: Session, limit: int = 100) -> Sequence[Proposal]:
    """The proposals that were decided last, the newest first."""
    done = select(Proposal).where(Proposal.state != "open").order_by(Proposal.decided_at.desc(), Proposal.id.desc())
    return session.scalars(done.limit(limit)).all()


def of_ticket(session: Session, ticket_id: int) -> Sequence[Proposal]:
    """What was proposed from a ticket, the oldest first."""
    return session.scalars(select(Proposal).where(Proposal.ticket_id == ticket_id).order_by(Proposal.id)).all()


def decide(
    session: Session, number: int, officer_id: int, *, approve: bool, reason: str | None = None
) -> Proposal | None:
    """Approve or refuse an open proposal; none if it is not open. Whether `officer_id` may is for the caller."""
    proposal = session.get(Proposal, number, with_for_update=True)
    if proposal is None or proposal.state != "open":
        return None
    proposal.state, proposal.decided_by = ("approved" if approve else "refused"), officer_id
    proposal.decided_at, proposal.reason = now(), reason
    return proposal


def withdraw(session: Session, number: int, officer_id: int, reason: str | None = None) -> Proposal | None:
    """Take back what was approved; none if it is not. Whether `officer_id` may is for the caller."""
    proposal = session.get(Proposal, number, with_for_update=True)
    if proposal is None or proposal.state != "approved":
        return None
    proposal.state, proposal.decided_by = "withdrawn", officer_id
    proposal.decided_at, proposal.reason = now(), reason
    return proposal


def version(session: Session) -> str:
    """Another one whenever words were approved or withdrawn: cheap enough to ask in every turn."""
    count, at = session.connection().execute(_version()).one()
    return f"{count} {at}"


@cache
def _version() -> Select[int, datetime | None]:
    """The statement, built once: building it takes longer than running it."""
    newest = select(func.count(), func.max(Proposal.decided_at))
    return newest.where(Proposal.kind == WORDS, Proposal.state == "approved")


def words(session: Session) -> list[tuple[str, str, str]]:
    """Approved words: language, pattern, concept."""
    query = select(Proposal.body).where(Proposal.kind == WORDS, Proposal.state == "approved").order_by(Proposal.id)
    return [(body["language"], body["words"], body["concept"]) for body in session.scalars(query)]


def _not_approved() -> Delete:
    return delete(Proposal).where(Proposal.kind == WORDS, Proposal.state != "approved")


def forget_words(session: Session, tickets: Collection[int]) -> None:
    """Words proposed from tickets may be those of their person: they go, but for what is common knowledge by now."""
    session.execute(_not_approved().where(Proposal.ticket_id.in_(tickets)))


def expire_words(session: Session, before: datetime) -> int:
    """Words that were proposed so long ago and not approved go; gives how many."""
    gone = session.scalars(_not_approved().where(Proposal.created_at < before).returning(Proposal.id)).all()
    return len(gone)
