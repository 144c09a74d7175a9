"""Requests that are passed on to providers: with consent, without the person's address, answered by a link."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

import structlog
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bot.letters import language_for, written
from bot.mail import Mail, MailError, is_address
from bot.replies import Replies
from bot.say import Limits, offer, say
from bot.settings import Settings
from channels.text import clean
from locales import translations
from store import tickets, traces
from store.catalogue import names
from store.database import Database
from store.desk_tables import Link, Note, Officer, Referral, ReferralAddress
from store.tables import Ticket, now
from store.vault import Vault, WrongKey

log = structlog.get_logger("referrals")

ANSWERS = ("accepted", "declined", "answered")
VALID = timedelta(days=60)
"""How long a provider can answer by the link."""
SENDING = timedelta(minutes=2)
"""How long one process may take for a mail before another tries."""
MOST_ATTEMPTS = 8
LONGEST_WAIT = timedelta(hours=2)
REFERRAL, ADDRESS = traces.REFERRAL, "address"
"""Purposes of links."""


def mail(settings: Settings) -> Mail | None:
    """The operator's mail server, if one is set."""
    if settings.smtp_url is None:
        return None
    return Mail(settings.smtp_url.get_secret_value(), settings.mail_from or "")


def digest(token: str) -> str:
    """What is stored of a link's token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def ask(
    session: Session, limits: Limits, ticket: Ticket, officer: Officer, record_id: str, name: str, text: str
) -> int:
    """Ask the person whether their request may be passed on; gives the referral's number. Raises `ValueError`.

    `name`: of the provider; `text`: all that the provider will read.
    """
    text = clean(text)
    if not text or ticket.conversation_id is None:
        raise ValueError("there is nothing to pass on, or nobody to ask")
    referral = Referral(ticket_id=ticket.id, record_id=record_id, officer_id=officer.id, text=text, state="consent")
    session.add(referral)
    session.flush()
    message = Replies(ticket.language).may_pass_on(name, text, referral.id)
    say(session, limits, ticket.conversation_id, ticket.language, message, ticket_id=ticket.id)
    offer(session, ticket.conversation_id, message)
    tickets.note(session, officer.login, "referral.ask", f"{referral.id} {record_id}")
    return referral.id


def new_link(session: Session, purpose: str, subject: str) -> str:
    """The token of a new link; earlier ones for the same are void."""
    old = select(Link).where(Link.purpose == purpose, Link.subject == subject, Link.used_at.is_(None))
    for link in session.scalars(old):
        session.delete(link)
    token = secrets.token_urlsafe(32)
    session.add(Link(digest=digest(token), purpose=purpose, subject=subject, expires_at=now() + VALID))
    return token


def follow(session: Session, purpose: str, token: str) -> Link | None:
    """The link of a token, locked, if it is still good."""
    link = session.get(Link, digest(token), with_for_update=True) if len(token) <= 100 else None
    good = link is not None and link.purpose == purpose and link.used_at is None and link.expires_at > now()
    return link if good else None


def answer(session: Session, link: Link, answer: str, text: str) -> Referral | None:
    """Take in what a provider says: one of `ANSWERS`, and words. Raises `ValueError`."""
    if answer not in ANSWERS:
        raise ValueError("no such answer")
    referral = session.get(Referral, int(link.subject), with_for_update=True)
    if referral is None:
        return None
    referral.state, referral.answer, referral.answered_at = answer, clean(text) or None, now()
    link.used_at = now() if answer == "declined" else None  # who accepted may still write what comes next
    ticket = session.get(Ticket, referral.ticket_id, with_for_update=True)
    if ticket is not None:
        ticket.step = "accepted" if answer == "accepted" and ticket.state == "open" else ticket.step
        ticket.changed_at = now()
        session.add(Note(ticket_id=ticket.id, officer_id=None, text=_told(session, referral)))
    tickets.note(session, f"provider {referral.record_id}", f"referral.{answer}", str(referral.id))
    return referral


def _told(session: Session, referral: Referral) -> str:
    """What a provider answered, in words of the officer who asked."""
    officer = session.get(Officer, referral.officer_id) if referral.officer_id else None
    _ = translations(officer.language if officer else "en").gettext
    words = {
        "accepted": _("{name} can help."),
        "declined": _("{name} cannot help."),
        "answered": _("{name} has answered."),
    }
    name = names(session).get(referral.record_id, referral.record_id)
    return "\n".join(filter(None, (words[referral.state].format(name=name), referral.answer)))


class Referrals:
    """Sends what may be passed on."""

    def __init__(self, database: Database, vault: Vault, mail: Mail | None, public: str, operator: str) -> None:
        self._database, self._vault, self._mail = database, vault, mail
        self._public, self._operator = public, operator

    def enter_address(self, record_id: str, address: str, officer: Officer) -> None:
        """Keep a provider's referral address and ask there for a confirmation. Raises `ValueError`, `MailError`."""
        address = address.strip()
        if not is_address(address):
            raise ValueError("this is no e-mail address")
        with self._database.write() as session:
            kept = session.get(ReferralAddress, record_id) or ReferralAddress(record_id=record_id)
            kept.address_sealed, kept.entered_by = self._vault.seal(address), officer.id
            kept.asked_at, kept.confirmed_at = now(), None
            session.add(kept)
            token, code = new_link(session, ADDRESS, record_id), language_for(session, record_id)
            tickets.note(session, officer.login, "referral.address", record_id)
        if self._mail is None:
            raise MailError("no mail server is set: DALIL_SMTP_URL", permanent=True)
        link = f"{self._public}/providers/address/{token}"
        letter = written(code, lambda said: said.address_letter(self._operator, link, VALID.days))
        self._mail.send(address, letter.subject, letter.text, f"address-{digest(token)[:24]}")

    def step(self) -> bool:
        """Send one referral that is due; false if none is."""
        with self._database.write() as session:
            due = select(Referral.id).where(Referral.state == "queued", Referral.due_at <= now()).limit(1)
            taken = update(Referral).where(Referral.id.in_(due.with_for_update(skip_locked=True).cte("due").select()))
            values = {"due_at": now() + SENDING, "attempts": Referral.attempts + 1}
            number = session.scalar(taken.values(values).returning(Referral.id))
            if number is None:
                return False
            referral = session.get_one(Referral, number, populate_existing=True)
            to = self._address(session, referral.record_id)
            token = new_link(session, REFERRAL, str(number)) if to and self._mail else ""
            code = language_for(session, referral.record_id)
        if not to or not self._mail:
            self._note(number, "by-hand", "no confirmed address" if not to else "no mail server is set")
            return True
        link = f"{self._public}/providers/referral/{token}"
        told = (referral.ticket_id, referral.text, link, VALID.days)
        letter = written(code, lambda said: said.referral_letter(self._operator, *told))
        try:
            self._mail.send(to, letter.subject, letter.text, f"referral-{number}")
        except MailError as error:
            log.warning("referral.failed", referral=number, error=str(error))
            over = error.permanent or referral.attempts >= MOST_ATTEMPTS
            self._note(number, "by-hand" if over else "queued", str(error), referral.attempts)
        else:
            self._note(number, "sent")
        return True

    def _address(self, session: Session, record_id: str) -> str | None:
        kept = session.get(ReferralAddress, record_id)
        if kept is None or kept.confirmed_at is None:
            return None
        try:
            return self._vault.open(kept.address_sealed)
        except WrongKey:
            return None

    def _note(self, number: int, state: str, failure: str | None = None, attempts: int = 0) -> None:
        with self._database.write() as session:
            referral = session.get(Referral, number, with_for_update=True)
            if referral is None or referral.state != "queued":  # none: the person had it erased meanwhile
                return
            referral.state, referral.failure = state, failure
            if state == "queued":
                referral.due_at = now() + min(timedelta(seconds=30 * 2.0**attempts), LONGEST_WAIT)
            elif state == "sent":
                referral.sent_at = now()
            ticket = session.get(Ticket, referral.ticket_id, with_for_update=True)
            if ticket is not None and ticket.state == "open" and state in {"sent", "by-hand"}:
                ticket.step, ticket.changed_at = "referred", now()
            tickets.note(session, "dalil", f"referral.{state}", str(number))
