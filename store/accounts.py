"""Officers' Telegram accounts: kept as keyed digests, linked by a code that works once."""

from __future__ import annotations

import re
import secrets
from base64 import b32encode
from datetime import timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from store import tickets
from store.desk_tables import Link, Officer
from store.tables import now
from store.vault import Vault

VALID = timedelta(minutes=15)
"""How long a code works."""
_PURPOSE = "telegram"
"""Of the links that codes are, and of their digests."""
_OFFICER = "officer"
"""Of the digests of accounts."""


def new_code(session: Session, vault: Vault, officer: Officer) -> str:
    """A code with which an officer proves to the bot who they are; earlier ones are void."""
    code = b32encode(secrets.token_bytes(7)).decode()[:10]
    session.execute(delete(Link).where(Link.purpose == _PURPOSE, Link.subject == str(officer.id)))
    kept = {"digest": vault.digests(_PURPOSE, code)[0], "expires_at": now() + VALID}
    session.add(Link(purpose=_PURPOSE, subject=str(officer.id), **kept))
    tickets.note(session, officer.login, "telegram.code", officer.login)
    return code


def use_code(session: Session, vault: Vault, code: str, account: str) -> Officer | None:
    """Link an account to the officer who got the code; none if the code does not work.

    The account that has used it may bring it again: providers deliver messages more than once.
    """
    digests = vault.digests(_PURPOSE, re.sub(r"[\s-]", "", code).upper())
    query = select(Link).where(Link.digest.in_(digests), Link.purpose == _PURPOSE)
    link = session.scalars(query.with_for_update()).first()
    officer = session.get(Officer, int(link.subject)) if link else None
    if link is None or officer is None or not officer.active:
        return None
    mine = vault.digests(_OFFICER, account)
    if link.used_at is not None:
        return officer if officer.telegram_digest in mine else None
    if link.expires_at <= now():
        return None
    session.execute(update(Officer).where(Officer.telegram_digest.in_(mine)).values(telegram_digest=None))
    session.execute(update(Officer).where(Officer.id == officer.id).values(telegram_digest=mine[0]))
    link.used_at = now()
    tickets.note(session, officer.login, "telegram.link", officer.login)
    return officer


def unlink(session: Session, officer: Officer) -> None:
    """Nobody claims by Telegram for an officer any more, and codes that they have not used are void."""
    session.execute(update(Officer).where(Officer.id == officer.id).values(telegram_digest=None))
    session.execute(delete(Link).where(Link.purpose == _PURPOSE, Link.subject == str(officer.id)))
    tickets.note(session, officer.login, "telegram.unlink", officer.login)


def officer_of(session: Session, vault: Vault, account: str) -> Officer | None:
    """The officer who linked an account, if they are still one. For a writing transaction."""
    digests = vault.digests(_OFFICER, account)
    officer = session.scalars(select(Officer).where(Officer.telegram_digest.in_(digests), Officer.active)).first()
    if officer is not None:
        officer.telegram_digest = digests[0]  # the secret may have changed since
    return officer
