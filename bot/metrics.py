"""What is counted and measured, for Prometheus. No label holds a text or an address, and each has few values.

Whoever counts is never harmed by it: nothing here raises. The client library is imported when first needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, wraps
from threading import Lock
from typing import TYPE_CHECKING, ParamSpec

import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from locales import LANGUAGES
from store import builds, inbox, outbox, tickets
from store.database import Database
from store.tables import Message, now

if TYPE_CHECKING:
    from prometheus_client import Histogram, Metric

P = ParamSpec("P")
log = structlog.get_logger("metrics")

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
STATES = ("queued", "sending", "unknown", "parked", "sent", "delivered", "read", "dead")
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_WAITS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)


class _Instruments:
    """Everything that this process counts and measures."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics

        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = into = CollectorRegistry()
        ProcessCollector(registry=into)
        channel = ["channel"]
        self.messages = Counter("dalil_messages", "Messages kept", ["channel", "kind"], registry=into)
        self.repeats = Counter("dalil_repeats", "Messages that were there already", channel, registry=into)
        self.dropped = Counter("dalil_dropped", "Messages of people who wrote too fast", channel, registry=into)
        self.refused = Counter("dalil_refused", "Requests refused", ["channel", "reason"], registry=into)
        self.turns = Counter("dalil_turns", "Turns taken", ["action", "language"], registry=into)
        self.turn = Histogram("dalil_turn_seconds", "Thinking of one turn", buckets=_SECONDS, registry=into)
        self.waited = Histogram("dalil_waited_seconds", "From message to answer", buckets=_WAITS, registry=into)
        self.deliveries = Counter("dalil_deliveries", "Messages sent, or not", ["channel", "result"], registry=into)
        self.provider = Histogram(
            "dalil_provider_seconds", "Handing one message over", channel, buckets=_SECONDS, registry=into
        )
        self.misses = Counter("dalil_window_misses", "Messages outside the window", channel, registry=into)
        self.invitations = Counter("dalil_invitations", "Invitations to write again", channel, registry=into)
        self.acknowledgement = Histogram(
            "dalil_acknowledgement_seconds", "Answering a webhook", channel, buckets=_SECONDS, registry=into
        )


_made = cache(_Instruments)
_making = Lock()


def _instruments() -> _Instruments:
    with _making:  # two threads may be the first
        return _made()


def _harmless(count: Callable[P, None]) -> Callable[P, None]:
    @wraps(count)
    def counted(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            count(*args, **kwargs)
        except Exception:
            log.exception("metrics.failed")

    return counted


@_harmless
def heard(channel: str, kind: str, count: int = 1) -> None:
    """Messages were kept. `kind`: a `channels.contract.Kind`."""
    _instruments().messages.labels(channel, str(kind)).inc(count)


@_harmless
def repeated(channel: str, count: int = 1) -> None:
    """Messages came that were there already."""
    _instruments().repeats.labels(channel).inc(count)


@_harmless
def dropped(channel: str, count: int = 1) -> None:
    """Messages were not kept, because their person writes too fast."""
    _instruments().dropped.labels(channel).inc(count)


@_harmless
def refused(channel: str, reason: str) -> None:
    """A request was refused: `forged`, `malformed`, `too long`, `too fast`, `crowded`."""
    _instruments().refused.labels(channel, reason).inc()


@_harmless
def acknowledged(channel: str, seconds: float) -> None:
    """A webhook was answered, `seconds` after it came."""
    _acknowledgement(channel).observe(seconds)


@cache
def _acknowledgement(channel: str) -> Histogram:
    return _instruments().acknowledgement.labels(channel)


@_harmless
def turned(action: str, language: str, seconds: float, waited: float) -> None:
    """A turn was committed: `seconds` after it began, `waited` after its first message came in."""
    instruments = _instruments()
    instruments.turns.labels(str(action), language if language in LANGUAGES else "other").inc()
    instruments.turn.observe(seconds)
    instruments.waited.observe(waited)


@_harmless
def sent(channel: str, result: str, seconds: float | None = None) -> None:
    """What became of a try to send: `sent`, `retry`, `unknown`, `parked`, `dead`, `stopped`.

    `seconds`: how long the provider took; none if it was not asked.
    """
    instruments = _instruments()
    instruments.deliveries.labels(channel, result).inc()
    if seconds is not None:
        instruments.provider.labels(channel).observe(seconds)


@_harmless
def missed_window(channel: str) -> None:
    """A message came too late for the channel's window."""
    _instruments().misses.labels(channel).inc()


@_harmless
def invited(channel: str) -> None:
    """A person was asked, by template, to write again."""
    _instruments().invitations.labels(channel).inc()


def page(database: Database) -> bytes:
    """All that this process has counted, and the state of the house as the database has it. Blocks."""
    from prometheus_client import CollectorRegistry, generate_latest

    state = CollectorRegistry()
    state.register(_State(database))
    return generate_latest(_instruments().registry) + generate_latest(state)


def serve(port: int) -> None:
    """Show what this process counts on a port of this machine: for a worker, which has no page."""
    from prometheus_client import start_http_server

    start_http_server(port, "127.0.0.1", _instruments().registry)


class _State:
    """Gauges that are read from the database whenever somebody looks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def describe(self) -> list[Metric]:
        """Nothing: asking at registration would ask the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Read them; none at all if the database does not answer."""
        try:
            with self._database.read() as session:
                found = list(_gauges(session))
        except Exception:
            log.exception("metrics.failed")
            return
        yield from found


def _gauges(session: Session) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily as Gauge

    counts, build = outbox.counts(session), builds.published(session)
    oldest = session.scalar(select(func.min(Message.received_at)).where(Message.turn_id.is_(None)))
    waited = (now() - oldest).total_seconds() if oldest else 0.0
    yield Gauge("dalil_messages_waiting", "Messages without an answer yet", inbox.waiting(session))
    yield Gauge("dalil_oldest_wait_seconds", "How long the first of them has waited", max(0.0, waited))
    outgoing = Gauge("dalil_outbox", "Deliveries", labels=["state"])
    for state in STATES:
        outgoing.add_metric([state], counts.get(state, 0))
    yield outgoing
    yield Gauge("dalil_dead_letters", "Deliveries that were given up", counts.get("dead", 0))
    yield Gauge("dalil_tickets_open", "Requests that wait for an officer", tickets.count_open(session))
    yield Gauge("dalil_build_entries", "Entries of the index in use", build.entries if build else 0)
