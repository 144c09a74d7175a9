"""E-mail to providers, through the operator's own server."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import parseaddr
from urllib.parse import unquote, urlsplit

TIMEOUT = 20.0
"""Seconds for each step of the talk with the server."""
PORTS = {"smtp": 587, "smtps": 465}


class MailError(Exception):
    """It was not sent. The text names no address."""

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        """`permanent`: trying again will not help."""
        super().__init__(reason)
        self.permanent = permanent


class Mail:
    """Sends plain text."""

    def __init__(self, url: str, sender: str) -> None:
        """`url`: `smtp://user:password@host:587` (STARTTLS if it is offered) or `smtps://…`; `sender`: our address."""
        parts = urlsplit(url)
        if parts.scheme not in PORTS or not parts.hostname:
            raise ValueError("the mail server is given as smtp://user:password@host:port or smtps://…")
        self._secure, self._host = parts.scheme == "smtps", parts.hostname
        self._port = parts.port or PORTS[parts.scheme]
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._sender = sender

    def send(self, to: str, subject: str, text: str, key: str) -> None:
        """Hand one message over; blocks. `key`: the same for the same message, so that a repeat can be recognised.

        Raises `MailError`.
        """
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, to, " ".join(subject.split())
        message["Message-ID"] = f"<{key}@{parseaddr(self._sender)[1].rpartition('@')[2] or 'dalil'}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        failure: MailError
        try:
            self._hand_over(message)
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            failure = MailError("the server refuses the address", permanent=all(code >= 500 for code in codes))
        except smtplib.SMTPResponseException as error:
            permanent = error.smtp_code >= 500 and not isinstance(error, smtplib.SMTPAuthenticationError)
            failure = MailError(f"the server answered {error.smtp_code}", permanent=permanent)
        except (smtplib.SMTPException, OSError) as error:
            failure = MailError(f"the server cannot be reached ({type(error).__name__})")
        else:
            return
        raise failure  # not where it was caught: the library's errors hold addresses

    def _hand_over(self, message: EmailMessage) -> None:
        context = ssl.create_default_context()
        if self._secure:
            server: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, timeout=TIMEOUT, context=context)
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=TIMEOUT)
        with server:
            server.ehlo()
            if not self._secure and server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
            elif self._user and not self._secure:
                raise smtplib.SMTPException("a password is not sent without encryption")
            if self._user:
                server.login(self._user, self._password)
            server.send_message(message)


def is_address(text: str) -> bool:
    """Whether a text can be an e-mail address: one line, one @, nothing that a header could be made of."""
    name, address = parseaddr(text)
    plain = text.isprintable() and not any(character in text for character in ' ,;<>"()[]\\')
    local, _, host = address.rpartition("@")
    return plain and not name and bool(local) and "." in host and len(text) <= 200
