"""What officers and providers left on requests about people: it goes when they do, and when its time is over."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from store import proposals
from store.desk_tables import Link, Note, Presence, Referral

REFERRAL = "referral"
"""Purpose of the links by which providers answer."""


def erase(session: Session, tickets: Collection[int]) -> None:
    """Erase it from some tickets. A request that was to be passed on is not passed on any more."""
    of_them = select(Referral.id).where(Referral.ticket_id.in_(tickets))
    _drop_referrals(session, session.scalars(of_them).all())
    session.execute(delete(Note).where(Note.ticket_id.in_(tickets)))
    session.execute(delete(Presence).where(Presence.ticket_id.in_(tickets)))  # drafts of answers are there
    proposals.forget_words(session, tickets)


def expire(session: Session, before: datetime, most: int) -> int:
    """Erase some of what is older than `before`, up to `most` of each kind; gives how much, 0 at the end."""
    referrals = select(Referral.id).where(Referral.created_at < before).limit(most)
    gone = _drop_referrals(session, session.scalars(referrals).all())
    notes = select(Note.id).where(Note.created_at < before).limit(most)
    drafts = select(Presence.id).where(Presence.seen_at < before).limit(most)
    gone += len(session.scalars(delete(Note).where(Note.id.in_(notes)).returning(Note.id)).all())
    gone += len(session.scalars(delete(Presence).where(Presence.id.in_(drafts)).returning(Presence.id)).all())
    return gone + proposals.expire_words(session, before)


def _drop_referrals(session: Session, numbers: Collection[int]) -> int:
    """With their links, which go first: a provider who answers at this moment locks them in that order."""
    subjects = [str(number) for number in numbers]
    session.execute(delete(Link).where(Link.purpose == REFERRAL, Link.subject.in_(subjects)))
    session.execute(delete(Referral).where(Referral.id.in_(numbers)))
    return len(numbers)
