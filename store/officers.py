"""Officers, their sign-ins, and links that work once. Browsers and links hold tokens; the tables only digests."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from store.desk_tables import Link, Officer, SignIn
from store.tables import Audit, now

MOST_FAILURES = 5
"""Failed tries after which nobody gets in for a while."""
FIRST_LOCK, LONGEST_LOCK = timedelta(minutes=5), timedelta(hours=1)
"""Each failure after that doubles the time."""


def digest(token: str) -> str:
    """What is stored of a token that a browser or a link holds."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def by_login(session: Session, login: str) -> Officer | None:
    """The officer with a login, however it is written."""
    return session.scalars(select(Officer).where(Officer.login == login.strip().lower())).first()


def listed(session: Session) -> list[Officer]:
    """Everybody, by name; those who have left last."""
    return list(session.scalars(select(Officer).order_by(Officer.active.desc(), Officer.name, Officer.id)))


def administrators(session: Session) -> list[Officer]:
    """Those who may still sign in, held until the transaction ends: the last of them must stay."""
    query = select(Officer).where(Officer.role == "administrator", Officer.active).order_by(Officer.id)
    return list(session.scalars(query.with_for_update()))


# --- tries -----------------------------------------------------------------------------------


def begin_try(session: Session, officer_id: int) -> bool:
    """Count a try to sign in, before it is looked at: many at once are no way around the lock. False if locked."""
    officer = session.get_one(Officer, officer_id, with_for_update=True, populate_existing=True)
    if not officer.active or (officer.locked_until and officer.locked_until > now()):
        return False
    officer.failures += 1
    beyond = officer.failures - MOST_FAILURES
    if beyond >= 0:
        officer.locked_until = now() + min(FIRST_LOCK * 2 ** min(beyond, 10), LONGEST_LOCK)
    return True


def take_back_try(session: Session, officer_id: int) -> None:
    """The password of a try was right; whether the code is, shows later."""
    officer = session.get_one(Officer, officer_id, with_for_update=True, populate_existing=True)
    officer.failures = max(0, officer.failures - 1)
    if officer.failures < MOST_FAILURES:
        officer.locked_until = None


def forget_tries(session: Session, officer_id: int) -> None:
    """The officer got in."""
    session.execute(update(Officer).where(Officer.id == officer_id).values(failures=0, locked_until=None))


def use_step(session: Session, officer_id: int, step: int) -> bool:
    """Accept a one-time code of a time step; false if one of that step or a later one has been accepted before."""
    fresh = update(Officer).where(Officer.id == officer_id, Officer.totp_used < step).values(totp_used=step)
    return session.execute(fresh.returning(Officer.id)).first() is not None


# --- sign-ins --------------------------------------------------------------------------------


def sign_in(session: Session, officer: Officer, idle: timedelta, longest: timedelta) -> str:
    """Sign a browser in; gives the token for its cookie. Sign-ins that are over are swept away."""
    moment, token = now(), secrets.token_urlsafe(32)
    session.execute(delete(SignIn).where(or_(SignIn.seen_at < moment - idle, SignIn.created_at < moment - longest)))
    session.add(SignIn(digest=digest(token), officer_id=officer.id, csrf=secrets.token_urlsafe(32)))
    session.get_one(Officer, officer.id).seen_at = moment
    return token


def sign_out(session: Session, token: str) -> None:
    """End one sign-in."""
    session.execute(delete(SignIn).where(SignIn.digest == digest(token)))


def sign_out_everywhere(session: Session, officer_id: int) -> None:
    """End all sign-ins of an officer, and what they had begun."""
    session.execute(delete(SignIn).where(SignIn.officer_id == officer_id))
    begun = (Link.purpose.in_(("password", "code", "set-up")), Link.subject == str(officer_id))
    session.execute(delete(Link).where(*begun))


# --- links -----------------------------------------------------------------------------------


def make_link(session: Session, purpose: str, subject: str, lifetime: timedelta) -> str:
    """A token for a link, in place of earlier ones for the same; those that are over are swept away."""
    same = (Link.purpose == purpose) & (Link.subject == subject)
    session.execute(delete(Link).where(or_(same, Link.expires_at < now() - timedelta(days=30))))
    token = secrets.token_urlsafe(32)
    session.add(Link(digest=digest(token), purpose=purpose, subject=subject, expires_at=now() + lifetime))
    return token


def subject_of(session: Session, purpose: str, token: str) -> str | None:
    """What a link is for, if it still works."""
    return session.scalar(select(Link.subject).where(*_works(purpose, token)))


def use_link(session: Session, purpose: str, token: str) -> str | None:
    """Use a link up; gives what it is for, to exactly one of those who come with it."""
    statement = update(Link).where(*_works(purpose, token)).values(used_at=now())
    return session.scalar(statement.returning(Link.subject))


def _works(purpose: str, token: str) -> tuple:  # type: ignore[type-arg]  # conditions
    return Link.digest == digest(token), Link.purpose == purpose, Link.used_at.is_(None), Link.expires_at > now()


# --- audit -----------------------------------------------------------------------------------


def audited(session: Session, actor: str, action: str, before: int | None, most: int) -> list[Audit]:
    """Entries of the audit log, the newest first; `before` is the number of an entry."""
    query = select(Audit).order_by(Audit.id.desc()).limit(most)
    if actor:
        query = query.where(Audit.actor == actor)
    if action:
        query = query.where(Audit.action.startswith(action, autoescape=True))
    if before is not None:
        query = query.where(Audit.id < before)
    return list(session.scalars(query))


def audited_names(session: Session) -> tuple[list[str], list[str]]:
    """All actors and all actions of the audit log."""
    actors = session.scalars(select(Audit.actor).distinct().order_by(Audit.actor)).all()
    actions = session.scalars(select(Audit.action).distinct().order_by(Audit.action)).all()
    return list(actors), list(actions)
