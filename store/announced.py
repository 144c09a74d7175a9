"""What the officers' group has been told: who tells it what next, so that it hears everything once."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, String, and_, case, cast, delete, func, literal, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from store.desk_tables import Announced
from store.tables import Ticket, now

MOST_SENDS = 2
"""Times that a message is sent while its outcome stays unknown."""
JUST_TOLD = timedelta(minutes=2)
"""Who has just heard of a request need not hear again that it has moved on."""
CLOSED = "closed"
_TAKEN, _FREE, _URGENT = "taken:", "free:", "!"


@dataclass(frozen=True, slots=True)
class Due:
    """A ticket of which the group knows less than it should."""

    ticket: Ticket
    wanted: str
    """What the group should know: `closed`, `taken:` by whom, or `free:` and how often it has moved, `!` if urgent."""
    known: Announced | None

    @property
    def state(self) -> str:
        """What the group knows."""
        return self.known.state if self.known else ""

    @property
    def is_free(self) -> bool:
        """Whether the ticket waits for somebody."""
        return self.wanted.startswith(_FREE)

    @property
    def edits(self) -> str | None:
        """The message to write anew, if that is to be done."""
        outdated = not self.is_free or self.state.startswith(_FREE)
        return self.known.external_id if self.known and outdated else None

    @property
    def is_news(self) -> bool:
        """Whether a message is to be sent for it."""
        return self.is_free and self.edits is None

    @property
    def given_up(self) -> bool:
        """Whether it was sent as often as may be without knowing what came of it."""
        return self.is_news and self.known is not None and self.known.attempts >= MOST_SENDS

    def needs_no_call(self, moment: datetime) -> bool:
        """Whether the group need not hear of it."""
        if self.given_up or not (self.is_news or self.edits):
            return True
        more_urgent = self.wanted.endswith(_URGENT) and not self.state.endswith(_URGENT)
        only_moved = self.is_free and self.state.startswith(_FREE) and not more_urgent
        return only_moved and self.known is not None and self.known.due_at > moment - JUST_TOLD


def _wanted() -> ColumnElement[str]:
    urgent = case((Ticket.urgent, _URGENT), else_="")
    return case(
        (Ticket.state != "open", CLOSED),
        (Ticket.officer_id.is_not(None), literal(_TAKEN).concat(cast(Ticket.officer_id, String))),
        else_=literal(_FREE).concat(cast(Ticket.moved, String)).concat(urgent),
    )


def due(session: Session, moment: datetime) -> list[Due]:
    """Tickets of which the group knows less than it should, the urgent first."""
    either = select(Ticket.id).where(Ticket.state == "open").union(select(Announced.ticket_id))
    behind = and_(Announced.state != _wanted(), Announced.due_at <= moment)
    query = select(Ticket, _wanted(), Announced).outerjoin(Announced, Announced.ticket_id == Ticket.id)
    query = query.where(Ticket.id.in_(either), or_(Announced.ticket_id.is_(None), behind))
    return [Due(*row) for row in session.execute(query.order_by(Ticket.urgent.desc(), Ticket.id))]


def _still(session: Session, each: Due, moment: datetime) -> ColumnElement[bool]:
    """That no other process has it in hand, or has told it, since it was read. Makes the row if there is none."""
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    if each.known is None:
        row = {"ticket_id": each.ticket.id, "state": "", "attempts": 0, "due_at": moment, "failed": False}
        session.execute(insert(Announced).values(row).on_conflict_do_nothing(index_elements=["ticket_id"]))
    same = and_(Announced.ticket_id == each.ticket.id, Announced.state == each.state)
    return and_(same, Announced.due_at <= moment)


def take(session: Session, each: Due, moment: datetime, lease: datetime) -> bool:
    """Take a ticket in hand; false if another process was faster."""
    sends = {"external_id": None, "attempts": Announced.attempts + 1} if each.is_news else {}
    taken = update(Announced).where(_still(session, each, moment)).values(due_at=lease, **sends)
    taken = taken.execution_options(synchronize_session=False)
    return session.execute(taken.returning(Announced.ticket_id)).first() is not None


def note(session: Session, each: Due, moment: datetime) -> None:
    """Write down that the group need not hear of it, or was told often enough. Of closed tickets nothing stays."""
    still = _still(session, each, moment)
    if each.wanted == CLOSED:
        session.execute(delete(Announced).where(still))
    else:
        values = {"state": each.wanted, "attempts": 0, "failed": each.given_up}
        session.execute(update(Announced).where(still).values(values))


def told(session: Session, number: int, lease: datetime, state: str, external_id: str | None) -> None:
    """The group knows `state` of a ticket now, by a message that can be written anew if it has an `external_id`."""
    mine = _held([number], lease)
    if state == CLOSED:
        session.execute(delete(Announced).where(mine))
        return
    values = {"state": state, "external_id": external_id, "attempts": 0, "due_at": now(), "failed": False}
    session.execute(update(Announced).where(mine).values(values))


def unknown(session: Session, numbers: Collection[int], lease: datetime, until: datetime) -> None:
    """The group may know it or not: look again at `until`."""
    session.execute(update(Announced).where(_held(numbers, lease)).values(due_at=until))


def refused(session: Session, numbers: Collection[int], lease: datetime, until: datetime) -> None:
    """The group does not know it: another try at `until`; this one does not count."""
    before = case((Announced.attempts > 0, Announced.attempts - 1), else_=0)
    session.execute(update(Announced).where(_held(numbers, lease)).values(due_at=until, attempts=before))


def count_free(session: Session) -> int:
    """How many tickets wait for somebody to take them."""
    free = select(func.count()).select_from(Ticket).where(Ticket.state == "open", Ticket.officer_id.is_(None))
    return session.scalar(free) or 0


def _held(numbers: Collection[int], lease: datetime) -> ColumnElement[bool]:
    """The rows that are in hand, unless the lease ran out and another process has them (fencing)."""
    return and_(Announced.ticket_id.in_(list(numbers)), Announced.due_at == lease)
