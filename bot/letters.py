"""What mails to providers say: in their language, and in English below it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.offer_replies import OfferReplies
from locales import DEFAULT, LANGUAGES
from store import catalogue, sources
from store.source_tables import Revision
from store.tables import Record as Row

_BETWEEN = "\n\n— English —\n\n"


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail, still without an address."""

    subject: str
    text: str


def language_for(session: Session, record_id: str) -> str:
    """In which language whoever offers a record is written to: the one that they wrote in, else that of the record."""
    wrote = select(Revision.language).where(Revision.record_id == record_id, Revision.source == catalogue.PROVIDER)
    wrote = wrote.where(Revision.state == "approved", Revision.kind != sources.ENDED).order_by(Revision.id.desc())
    code = session.scalar(wrote.limit(1))
    if code is None:
        row = session.get(Row, record_id)
        taught = {str(each).split("-")[0] for each in (row.body.get("languages") or ())} if row else set()
        code = taught.pop() if len(taught) == 1 else DEFAULT
    return code if code in LANGUAGES else DEFAULT


def written(code: str, write: Callable[[Sentences], Letter]) -> Letter:
    """A letter in a language, with the English below it."""
    own = write(Sentences(code))
    if code == DEFAULT:
        return own
    return Letter(own.subject, f"{own.text.rstrip()}{_BETWEEN}{write(Sentences(DEFAULT)).text}")


class Sentences(OfferReplies):
    """The sentences of mails in one language."""

    def still_right_letter(self, operator: str, name: str, link: str, days: int) -> Letter:
        """Asks whether what is said of a record is still right. `days`: how long the link works."""
        told = self._("{operator} tells people who look for digital skills support about “{name}”.")
        asked = self._("Is what we say of it still right? You see it here, and can say so.")
        lines = [told.format(operator=self.run(operator), name=self.run(name)), f"{asked} {self._works(days)}"]
        return Letter(self._("Still right? {name}").format(name=name), _around(lines, self.in_it(link)))

    def address_letter(self, operator: str, link: str, days: int) -> Letter:
        """Asks whether requests may be sent to this address."""
        asked = self._("{operator} would like to pass requests for digital skills support on to you at this address.")
        how = self._("Nothing is sent before you confirm it.")
        lines = [asked.format(operator=self.run(operator)), f"{how} {self._works(days)}"]
        return Letter(self._("Please confirm this address"), _around(lines, link))

    def referral_letter(self, operator: str, number: int, text: str, link: str, days: int) -> Letter:
        """A request that is passed on. `number`: of the request; `text`: all that is told of it."""
        passed = self._("{operator} passes this request on to you, with the consent of the person who asked.")
        how = self._("You can accept, decline or answer by this link.")
        subject = self._("A request for you, number {number}").format(number=number)
        told = [passed.format(operator=self.run(operator)), "", text, "", f"{how} {self._works(days)}"]
        return Letter(subject, _around(told, link))

    def taken_letter(self, number: int, name: str, link: str) -> Letter:
        """What somebody sent in is in the catalogue."""
        return Letter(self.offer_subject(number), _around([self.offer_taken(name).text], self.in_it(link)))

    def refused_letter(self, number: int, reason: str | None) -> Letter:
        """What somebody sent in was not taken. Its name is left out: it may be an advertisement to somebody else."""
        said = filter(None, (self.offer_state(number, "refused"), reason))
        return Letter(self.offer_subject(number), "\n\n".join(said) + "\n")

    def _works(self, days: int) -> str:
        return self._n("The link works for {days} day:", "The link works for {days} days:", days).format(days=days)


def _around(lines: list[str], link: str) -> str:
    """Lines, and the link by itself below: no sign after it may be taken for a part of it."""
    return "\n".join(lines) + f"\n\n{link}\n"
