"""What officers propose to keep of their answers, and what leads have approved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
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


def listed(session: Session, state: str, limit: int = 200) -> Sequence[Proposal]:
    """The proposals in a state, the oldest first while they are open, else the newest."""
    order = Proposal.id if state == "open" else Proposal.id.desc()
    return session.scalars(select(Proposal).where(Proposal.state == state).order_by(order).limit(limit)).all()


def decide(
    session: Session, number: int, officer_id: int, *, approve: bool, reason: str | None = None
) -> Proposal | None:
    """Approve or refuse an open proposal; none if it is not open. Who decides must not be who proposed."""
    proposal = session.get(Proposal, number, with_for_update=True)
    if proposal is None or proposal.state != "open":
        return None
    proposal.state, proposal.decided_by = ("approved" if approve else "refused"), officer_id
    proposal.decided_at, proposal.reason = now(), reason
    return proposal


def version(session: Session) -> int:
    """Changes whenever words were approved: cheap enough to ask in every turn."""
    query = select(func.count()).where(Proposal.kind == WORDS, Proposal.state == "approved")
    return session.scalar(query) or 0


def words(session: Session) -> list[tuple[str, str, str]]:
    """Approved words: language, pattern, concept."""
    query = select(Proposal.body).where(Proposal.kind == WORDS, Proposal.state == "approved").order_by(Proposal.id)
    return [(body["language"], body["words"], body["concept"]) for body in session.scalars(query)]
