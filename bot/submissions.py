"""What providers send in: kept for a lead to look at, and its outcome told to whoever sent it."""

from __future__ import annotations

from sqlalchemy.orm import Session

from bot.replies import Replies
from bot.say import Limits, say
from store.source_tables import Revision


def told(session: Session, limits: Limits, revision: Revision) -> None:
    """Tell whoever sent something in by chat what became of it, in the transaction that decides it."""
    if revision.conversation_id is None:
        return
    name = str(revision.body.get("name", ""))
    replies = Replies(revision.language)
    message = (
        replies.offer_taken(name) if revision.state == "approved" else replies.offer_refused(name, revision.reason)
    )
    say(session, limits, revision.conversation_id, revision.language, message)
