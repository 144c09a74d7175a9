"""The officers' group on Telegram: it is told what waits, and officers who have linked their account claim there."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic

import structlog
from babel.dates import format_datetime, format_timedelta
from sqlalchemy.orm import Session

from bot.escalation import Escalation, NoTicket, Taken
from bot.pace import Pace
from bot.replies import Replies
from channels.contract import (
    Button,
    GroupChannel,
    Inbound,
    Kind,
    Outgoing,
    Permanent,
    Press,
    RetryAfter,
    SendError,
    Status,
    Unknown,
)
from locales import translations
from retrieval.concepts import concepts
from store import accounts, announced
from store.announced import Due
from store.database import Database
from store.desk_tables import Officer
from store.queue import waiting_since
from store.tables import Ticket, now
from store.vault import Vault

log = structlog.get_logger("group")

LANGUAGE = "en"
"""Of the group."""
LOOK_EVERY = 1.0
"""Seconds between looks whether there is something to tell."""
LONGEST = 30.0
"""Seconds that one call may take."""
LEASE = timedelta(minutes=1)
"""How long a process may take to tell something before another tries: longer than a call."""
MOST_SINGLE = 5
"""Requests that are told one by one; when more are to be told at once, one message sums them up."""
AGAIN = timedelta(seconds=10)
"""After an outcome that is unknown."""
UNREACHED = 60.0
"""Seconds to wait when the group takes nothing: only the operator can mend that."""
MOST_TOPICS = 4

MOST_TRIES = 5
"""Codes that one account may try in an hour."""
_LINK = re.compile(r"/link(?:@\w+)?(?:\s+(.*))?", re.IGNORECASE | re.DOTALL)
_CLAIM = re.compile(r"claim:([0-9]{1,9})")

Answer = tuple[Press | Inbound, str]
"""Who is to be told what."""


@dataclass(frozen=True, slots=True)
class _Job:
    """One call to make for some tickets that this process has in hand."""

    told: Mapping[int, str]
    """What the group knows then of which ticket; see `Due.wanted`."""
    lease: datetime
    message: Outgoing
    edits: str | None = None
    """The message that is written anew; a new one is sent if none."""
    sums_up: bool = False


class Group:
    """Tells the group what waits, and takes what comes from there."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        escalation: Escalation,
        channel: GroupChannel,
        public: str,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """`channel`: one that has a group; `public`: the address of the desk's server; `clock` gives seconds."""
        self._database, self._vault, self._escalation = database, vault, escalation
        self._channel, self._public, self._clock = channel, public, clock
        self._replies = Replies(LANGUAGE)
        self._stopping = False
        self._calls: list[float] = []
        self._quiet_until = 0.0
        self._counting = threading.Lock()
        self._tries, self._cautions = Pace(MOST_TRIES, 3600.0, clock), Pace(1, 3600.0, clock)

    # --- telling ------------------------------------------------------------------------------

    async def run(self) -> None:
        """Tell the group what there is until `stop`. Nothing that goes wrong ends it."""
        while not self._stopping:
            try:
                await self.step()
            except Exception:
                log.exception("group.failed")
            await asyncio.sleep(LOOK_EVERY)

    def stop(self) -> None:
        """End `run` after the present call."""
        self._stopping = True

    async def step(self) -> bool:
        """Tell one thing, if there is one and the group's limits allow it; gives whether it tried."""
        if self._is_quiet():
            return False
        job = await asyncio.to_thread(self._next)
        if job is None:
            return False
        self._calls.append(self._clock())
        self._quiet(self._channel.interval.total_seconds())
        external_id: str | None = None
        error: SendError | None = None
        try:
            async with asyncio.timeout(LONGEST):
                external_id = await self._tell(job)
        except SendError as raised:
            error = raised
        except Exception as raised:
            error = Unknown(f"our own fault, or too slow: {type(raised).__name__}")
        if error is not None:
            log.warning("group.not_told", tickets=len(job.told), error=type(error).__name__, reason=str(error))
        await asyncio.to_thread(self._settle, job, external_id, error)
        return True

    def _is_quiet(self) -> bool:
        moment = self._clock()
        self._calls = [at for at in self._calls if at > moment - 60.0]
        return moment < self._quiet_until or len(self._calls) >= self._channel.per_minute_in_group

    def _quiet(self, seconds: float) -> None:
        self._quiet_until = max(self._quiet_until, self._clock() + seconds)

    async def _tell(self, job: _Job) -> str | None:
        group = self._channel.group or ""
        if job.edits is None:
            return (await self._channel.send(group, job.message)).external_id
        await self._channel.edit(group, job.edits, job.message)
        return job.edits

    def _next(self) -> _Job | None:
        """What is to be told next, taken in hand so that no other process tells it."""
        with self._database.read() as session:
            if not announced.due(session, now()):
                return None
        with self._database.write() as session:
            return self._choose(session, now())

    def _choose(self, session: Session, moment: datetime) -> _Job | None:
        calls = []
        for each in announced.due(session, moment):
            if each.needs_no_call(moment):
                announced.note(session, each, moment)
            else:
                calls.append(each)
        plain = [each for each in calls if each.is_news and not each.ticket.urgent]
        if len(plain) > MOST_SINGLE and calls[0] is plain[0]:
            return self._summary(session, plain, moment)
        return next((job for each in calls if (job := self._single(session, each, moment))), None)

    def _single(self, session: Session, each: Due, moment: datetime) -> _Job | None:
        lease, number = moment + LEASE, each.ticket.id
        if not announced.take(session, each, moment, lease):
            return None
        if each.is_news:
            return _Job({number: each.wanted}, lease, self._news(each.ticket, moment))
        if each.is_free:  # asked anew: the old message steps back, and a new one comes next
            return _Job({number: ""}, lease, Outgoing(self._again(number)), each.edits)
        return _Job({number: each.wanted}, lease, Outgoing(self._gone(session, each.ticket)), each.edits)

    def _summary(self, session: Session, plain: Sequence[Due], moment: datetime) -> _Job | None:
        lease = moment + LEASE
        told = {each.ticket.id: each.wanted for each in plain if announced.take(session, each, moment, lease)}
        words = self._many(announced.count_free(session))
        return _Job(told, lease, Outgoing(words), sums_up=True) if told else None

    def _settle(self, job: _Job, external_id: str | None, error: SendError | None) -> None:
        with self._database.write() as session:
            if error is None or (job.edits and isinstance(error, Permanent)):  # who has deleted it knows enough
                for number, state in job.told.items():
                    kept = None if job.sums_up or not state else external_id
                    announced.told(session, number, job.lease, state, kept)
            elif isinstance(error, Unknown):
                announced.unknown(session, job.told, job.lease, now() + AGAIN)
            else:
                seconds = error.seconds if isinstance(error, RetryAfter) else UNREACHED
                self._quiet(seconds)
                announced.refused(session, job.told, job.lease, now() + timedelta(seconds=seconds))

    # --- words --------------------------------------------------------------------------------

    def _news(self, ticket: Ticket, moment: datetime) -> Outgoing:
        """What waits, in words that tell nobody who it is."""
        _, replies = translations(LANGUAGE).gettext, self._replies
        question = ticket.need.get("question") or {}
        topics = [key for key in question.get("topics") or question.get("elsewhere") or () if key in concepts()]
        words = [replies.concept(concepts()[key].gloss) for key in topics[:MOST_TOPICS]]
        parts = [f"*{ticket.id}*", *([_("URGENT")] if ticket.urgent else [])]
        parts += [_(", ").join(words) or _("topic not understood")]
        parts += [replies.country(ticket.country)] if ticket.country else []
        parts += [replies.tongue(ticket.language)]
        since = waiting_since(ticket)
        length = format_timedelta(max(timedelta(0), moment - since), "minute", format="short", locale=LANGUAGE)
        at = f"{format_datetime(since, 'd MMM, HH:mm', UTC, LANGUAGE)} UTC"
        waits = _("Waiting for {time}, since {since}").format(time=length, since=at)
        return Outgoing(" · ".join(parts) + f"\n{waits}", (Button(_("Claim"), f"claim:{ticket.id}"),))

    def _many(self, count: int) -> str:
        words = translations(LANGUAGE).ngettext("{count} request waits: {link}", "{count} requests wait: {link}", count)
        return words.format(count=count, link=f"{self._public}/desk/queue")

    def _again(self, number: int) -> str:
        _ = translations(LANGUAGE).gettext
        return _("{number} · waits again, see below").format(number=number)

    def _gone(self, session: Session, ticket: Ticket) -> str:
        _ = translations(LANGUAGE).gettext
        if ticket.state != "open" or ticket.officer_id is None:
            return _("{number} · closed").format(number=ticket.id)
        officer = session.get(Officer, ticket.officer_id)
        name = officer.name if officer else _("an officer")
        return _("{number} · taken by {name}").format(number=ticket.id, name=name)

    # --- what comes from there ----------------------------------------------------------------

    def take(self, brought: Iterable[Inbound | Status | Press]) -> tuple[list[Inbound | Status], list[Answer]]:
        """Do what officers ask for by Telegram; gives what is not for us, and what is to be answered afterwards."""
        rest: list[Inbound | Status] = []
        answers: list[Answer] = []
        for entry in brought:
            if isinstance(entry, Press):
                answers.append((entry, self.pressed(entry)))
            elif isinstance(entry, Inbound) and (words := self.link(entry)) is not None:
                answers.append((entry, words))
            else:
                rest.append(entry)
        return rest, answers

    async def answer(self, answers: Iterable[Answer]) -> None:
        """Tell them what came of it. Never raises: the desk shows it too."""
        for asked, words in answers:
            if isinstance(asked, Press):
                await self._channel.answer(asked, words)
            elif words:
                try:
                    await self._channel.send(asked.address, Outgoing(words))
                except SendError as error:
                    log.warning("group.not_answered", error=type(error).__name__)

    def pressed(self, press: Press) -> str:
        """Claim for the officer whose account pressed the button; gives what they are told."""
        claim = _CLAIM.fullmatch(press.payload)
        with self._database.write() as session:
            officer = accounts.officer_of(session, self._vault, press.account)
        _ = translations(officer.language if officer else LANGUAGE).gettext
        if officer is None:
            return _("Link your Telegram account at the desk first: {link}").format(link=self._link("telegram"))
        if claim is None:
            return _("This button does not work any more.")
        number = int(claim[1])
        try:
            self._escalation.claim(number, officer)
        except Taken as taken:
            return _("{name} has it.").format(name=taken.by or _("an officer"))
        except NoTicket:
            return _("This request is closed already.")
        return _("Yours: {link}").format(link=self._link(f"chats/{number}"))

    def link(self, inbound: Inbound) -> str | None:
        """Link an account by the code that its officer got at the desk, if a message is about that: no turn for it.

        Gives what they are told: nothing ("") if they have been told a short while ago, None if it is another message.
        """
        found = _LINK.fullmatch(inbound.text[:200].strip())
        if found is None or inbound.kind is not Kind.TEXT or inbound.channel != self._channel.name:
            return None
        _ = translations(Replies(inbound.language or LANGUAGE).code).gettext
        with self._counting:
            if self._tries.wait(inbound.address):
                too_many = _("Too many tries. Please try again in an hour.")
                return "" if self._cautions.wait(inbound.address) else too_many
        with self._database.write() as session:
            officer = accounts.use_code(session, self._vault, found[1] or "", inbound.address)
        if officer is None:
            refusal = _("This code does not work. Officers get a new one at the desk: {link}")
            return refusal.format(link=self._link("telegram"))
        _ = translations(Replies(officer.language).code).gettext
        return _("Linked. You can now claim requests in the group, {name}.").format(name=officer.name)

    def _link(self, path: str) -> str:
        return f"{self._public}/desk/{path}"
