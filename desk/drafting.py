"""A draft of an answer in the person's language, made of sentences that are translated; an officer edits it."""

from __future__ import annotations

from collections.abc import Sequence

from bot.cards import Cards
from bot.replies import Replies
from desk.needs import need_line
from retrieval.records import Record
from store.tables import Ticket


def draft(ticket: Ticket, officer: str, records: Sequence[Record]) -> str:
    """Greeting, what the request was about, the records that were chosen as short lines, closing."""
    replies = Replies(ticket.language)
    _ = replies._
    hello = _("Hello, I am {name} and I answer your request number {number}.")
    lines = [hello.format(name=replies.run(officer), number=replies.run(str(ticket.id)))]
    if ticket.need.get("question", {}).get("topics"):
        lines.append(_("You asked about: {need}.").format(need=need_line(ticket, ticket.language)))
    if records:
        lines += ["", _("This may help you:"), *(_line(record, replies) for record in records), ""]
        lines.append(_("Does one of these fit? Write to me here, also if you have questions."))
    else:
        lines.append(_("To help you well I need to know a little more:"))
        lines += ["• ", "", _("Just write back here.")]
    return "\n".join(lines)


def _line(record: Record, replies: Replies) -> str:
    cards = Cards(replies)
    name = record.name_in(replies.code).replace("*", "")
    facts = (replies.run(name), cards.languages(record), cards.cost(record), cards.link(record))
    return "• " + " · ".join(fact for fact in facts if fact)


def fill(text: str, officer: str, number: int) -> str:
    """A ready-made answer with its placeholders filled in: `{name}` of the officer, `{number}` of the request."""
    return text.replace("{name}", officer).replace("{number}", str(number))
