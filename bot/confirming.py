"""Asks providers by mail, where they take requests, whether what is said of them is still right."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from bot.mail import Mail, MailError
from store import officers
from store.database import Database
from store.desk_tables import Link, ReferralAddress
from store.tables import Record, now
from store.vault import Vault, WrongKey

log = structlog.get_logger("confirming")

CONFIRM = "confirm"
"""Purpose of links."""
VALID = timedelta(days=60)
"""How long a provider can answer by the link."""
BETWEEN = timedelta(days=90)
"""From one mail about a record to the next. Links are kept for that long: they say when the mail was sent."""
TRY_AGAIN = timedelta(hours=1)
"""After a mail that could not be sent."""


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
            name = str(session.get_one(Record, record_id).body.get("name", record_id))
            to = self._address(session, record_id)
            token = officers.make_link(session, CONFIRM, record_id, VALID)
            session.get_one(Link, officers.digest(token)).expires_at = moment + VALID
        if to is not None:
            self._ask(self._mail, to, name, record_id, token, moment)
        return True

    def _ask(self, mail: Mail, to: str, name: str, record_id: str, token: str, moment: datetime) -> None:
        text = (
            f"{self._operator} tells people who look for digital skills support about “{name}”.\n"
            f"Is what we say of it still right? You see it here, and can say so (works for {VALID.days} days):\n\n"
            f"{self._public}/providers/confirm/{token}\n"
        )
        try:
            mail.send(to, f"Still right? {name}", text, f"confirm-{officers.digest(token)[:24]}")
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
