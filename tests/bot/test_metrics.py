"""What is counted, who may see it, and that neither it nor the logs give anything away."""

from __future__ import annotations

import json
import logging
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import update

from bot import logs, metrics
from bot.intake import Intake
from bot.outcome import Heard, Known, Outcome
from bot.signals import Signal
from bot.turn import Assistant
from bot.worker import Worker
from channels.contract import Inbound, Kind
from channels.telegram import TelegramChannel
from store import contacts, outbox, tickets
from store.database import Database
from store.tables import Delivery, Message, now
from store.vault import Vault
from tests.servers.page import Site
from tests.servers.telegram import BotApi

TOKEN = "a token that only the monitoring knows"


def values(page: str | bytes) -> dict[tuple[str, ...], float]:
    """Each sample by its name and the values of its labels."""
    text = page if isinstance(page, str) else page.decode()
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, *sample.labels.values()): sample.value for sample in samples}


class Growth:
    """By how much the counters of this process have grown since this was made."""

    def __init__(self, database: Database) -> None:
        self._database, self._before = database, values(metrics.page(database))

    def of(self, *sample: str) -> float:
        return values(metrics.page(self._database)).get(sample, 0) - self._before.get(sample, 0)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path, metrics_token=TOKEN)
    with site.serving():
        yield site


def test_the_machine_itself_may_look(site: Site) -> None:
    answer = httpx.get(f"{site.url}/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == metrics.CONTENT_TYPE
    assert ("dalil_messages_waiting",) in values(answer.text)


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "Via", "X-Forwarded-Host"])
def test_what_a_proxy_hands_on_needs_the_token(site: Site, header: str) -> None:
    for authorization, status in [("", 404), (f"Bearer {TOKEN}x", 404), (TOKEN, 404), (f"Bearer {TOKEN}", 200)]:
        headers = {header: "127.0.0.1", "Authorization": authorization}
        assert httpx.get(f"{site.url}/metrics", headers=headers).status_code == status


def test_without_a_token_nobody_else_may_look(tmp_path: Path) -> None:
    site = Site(tmp_path, proxies="127.0.0.1")
    with site.serving():
        for authorization in ("", "Bearer", "Bearer None"):
            headers = {"X-Forwarded-For": "198.51.100.1", "Authorization": authorization}
            answer = httpx.get(f"{site.url}/metrics", headers=headers)
            assert answer.status_code == 404
            assert "dalil_" not in answer.text


def test_messages_and_repeats_are_counted_by_channel(sqlite: Database, vault: Vault) -> None:
    growth, intake = Growth(sqlite), Intake(sqlite, vault, Signal())
    for number in ("1", "1", "2"):
        intake.receive([Inbound("telegram", "somebody", number, Kind.TEXT, "habari")])

    assert growth.of("dalil_messages_total", "telegram", "text") == 2
    assert growth.of("dalil_repeats_total", "telegram") == 1


def test_messages_of_a_flood_are_counted_as_dropped(sqlite: Database, vault: Vault) -> None:
    growth, intake = Growth(sqlite), Intake(sqlite, vault, Signal())
    for number in range(33):
        intake.receive([Inbound("telegram", "somebody", str(number), Kind.IMAGE)])

    assert growth.of("dalil_messages_total", "telegram", "image") == 30
    assert growth.of("dalil_dropped_total", "telegram") == 3


def test_webhooks_are_timed_and_refusals_counted_by_reason(tmp_path: Path) -> None:
    telegram = BotApi()
    site = Site(tmp_path, providers=[TelegramChannel(telegram.token, telegram.secret, "http://127.0.0.1:1")])
    growth, update = Growth(site.database), telegram.request(telegram.person(1).says("hello"))
    with site.serving():
        url = f"{site.url}/channels/telegram"
        httpx.post(url, content=update.body, headers=dict(update.headers))
        httpx.post(url, content=b"{", headers=dict(update.headers))
        httpx.post(url, content=update.body)
        httpx.post(url, content=b" " * 300_000, headers=dict(update.headers))
        httpx.post(f"{site.url}/channels/web", json={}, headers={"Origin": "https://evil.example"})

    reasons = ("forged", "malformed", "too long")
    assert [growth.of("dalil_refused_total", "telegram", reason) for reason in reasons] == [1, 1, 1]
    assert growth.of("dalil_refused_total", "web", "forged") == 1
    assert growth.of("dalil_acknowledgement_seconds_count", "telegram") == 4


def test_turns_and_deliveries_are_counted_and_timed(sqlite: Database) -> None:
    growth = Growth(sqlite)
    metrics.turned("answer", "sw", 0.02, 1.5)
    metrics.sent("whatsapp", "sent", 0.3)
    metrics.sent("whatsapp", "parked")
    metrics.missed_window("whatsapp")
    metrics.invited("whatsapp")

    assert growth.of("dalil_turns_total", "answer", "sw") == 1
    assert growth.of("dalil_turn_seconds_sum") == pytest.approx(0.02)
    assert growth.of("dalil_waited_seconds_sum") == pytest.approx(1.5)
    assert growth.of("dalil_deliveries_total", "whatsapp", "sent") == 1
    assert growth.of("dalil_deliveries_total", "whatsapp", "parked") == 1
    assert growth.of("dalil_provider_seconds_count", "whatsapp") == 1
    assert growth.of("dalil_window_misses_total", "whatsapp") == 1
    assert growth.of("dalil_invitations_total", "whatsapp") == 1


def test_languages_that_we_do_not_write_are_one_label(sqlite: Database) -> None:
    growth = Growth(sqlite)
    metrics.turned("answer", "a whole sentence", 0.02, 1.5)

    assert growth.of("dalil_turns_total", "answer", "other") == 1
    assert b"a whole sentence" not in metrics.page(sqlite)


def test_counting_never_harms_who_counts() -> None:
    metrics.turned("answer", "sw", "no number", 1.0)  # type: ignore[arg-type]
    metrics.refused("web", object())  # type: ignore[arg-type]


def test_the_state_is_read_from_the_database(sqlite: Database, vault: Vault) -> None:
    Intake(sqlite, vault, Signal()).receive([Inbound("web", "somebody", n, Kind.TEXT, "habari") for n in "123"])
    with sqlite.write() as session:
        conversation = contacts.meet(session, vault, "web", "somebody")[1]
        session.execute(
            update(Message).where(Message.external_id == "1").values(received_at=now() - timedelta(hours=1))
        )
        tickets.open_one(session, conversation.id, reason="asked", language="sw", country=None, need={})
        for state in ("queued", "dead", "dead"):
            delivery = outbox.queue(session, conversation.id, "sw", "sawa")
            session.execute(update(Delivery).where(Delivery.id == delivery.id).values(state=state))

    found = values(metrics.page(sqlite))

    assert found["dalil_messages_waiting",] == 3
    assert 3600 <= found["dalil_oldest_wait_seconds",] < 3660
    assert (found["dalil_outbox", "queued"], found["dalil_outbox", "sent"]) == (1, 0)
    assert found["dalil_dead_letters",] == 2
    assert found["dalil_tickets_open",] == 1
    assert found["dalil_build_entries",] == 0


def test_without_a_database_there_are_still_the_counters(tmp_path: Path) -> None:
    metrics.invited("whatsapp")

    found = values(metrics.page(Database(f"sqlite:///{tmp_path / 'empty.db'}")))

    assert found["dalil_invitations_total", "whatsapp"] >= 1
    assert ("dalil_messages_waiting",) not in found


def test_a_worker_shows_its_own_on_a_local_port() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    metrics.invited("whatsapp")
    metrics.serve(port)

    assert values(httpx.get(f"http://127.0.0.1:{port}/metrics").text)["dalil_invitations_total", "whatsapp"] >= 1


def test_who_does_not_count_does_not_wait_for_the_library() -> None:
    check = "import sys, bot.metrics, bot.intake; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


# --- logs ---------------------------------------------------------------------------------------

WORDS, ADDRESS = "my very private words", "whatsapp:+254700000999"


class Failing(Assistant):
    """An assistant whose errors quote what it heard."""

    def __init__(self) -> None:
        pass

    def take(self, messages: list[Heard], known: Known) -> Outcome:
        """Fail in the way of a table that lacks a word."""
        try:
            raise ValueError(messages[0].text)
        except ValueError:
            raise KeyError(messages[0].text) from None


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> Iterator[StringIO]:
    """What the logs say, set up as in production."""
    said = StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    logs.set_up()
    yield said
    structlog.reset_defaults()


def test_a_turn_that_fails_logs_where_but_no_words_and_no_address(
    sqlite: Database, vault: Vault, logged: StringIO
) -> None:
    arrived = Signal()
    Intake(sqlite, vault, arrived).receive([Inbound("whatsapp", ADDRESS, "1", Kind.TEXT, WORDS)])

    Worker(sqlite, Failing(), arrived, Signal()).step()

    said = logged.getvalue()
    failed = json.loads(said.splitlines()[0])
    assert failed["event"] == "turn.failed"
    assert failed["exception"].splitlines()[-1] == "KeyError"
    assert "in take" in failed["exception"]
    assert WORDS not in said
    assert ADDRESS not in said


def test_an_intake_that_fails_logs_no_words_and_no_address(tmp_path: Path, logged: StringIO) -> None:
    class Quoting(TelegramChannel):
        """A channel that fails on what it should read."""

        def parse(self, request: Any) -> Any:
            """Fail with all of it."""
            raise RuntimeError(request.body.decode())

    telegram = BotApi()
    site = Site(tmp_path, providers=[Quoting(telegram.token, telegram.secret, "http://127.0.0.1:1")])
    with site.serving():
        answer = httpx.post(f"{site.url}/channels/telegram", json={"text": WORDS, "from": ADDRESS})

    said = logged.getvalue()
    assert answer.status_code == 500
    assert "webhook.broke" in said
    assert "RuntimeError" in said
    assert WORDS not in said
    assert ADDRESS not in said


def test_a_database_that_refuses_a_message_does_not_quote_it(sqlite: Database, vault: Vault, logged: StringIO) -> None:
    intake = Intake(sqlite, vault, Signal())
    with sqlite.write() as session:
        session.connection().exec_driver_sql("DROP TABLE message")

    with pytest.raises(Exception, match="message") as refused:
        intake.receive([Inbound("whatsapp", ADDRESS, "1", Kind.TEXT, WORDS)])
    logging.getLogger("anybody").error("it failed", exc_info=refused.value)

    said = logged.getvalue()
    assert "OperationalError" in said
    assert WORDS not in str(refused.value) + said
    assert ADDRESS not in str(refused.value) + said


def test_causes_and_groups_of_errors_are_told_by_name() -> None:
    try:
        try:
            raise KeyError(WORDS)
        except KeyError as error:
            raise ExceptionGroup(WORDS, [ValueError(WORDS), OSError(WORDS)]) from error
    except ExceptionGroup as error:
        told = logs.trace((type(error), error, error.__traceback__))

    names = [line for line in told.splitlines() if not line.startswith(" ")]
    assert names == ["KeyError", "ExceptionGroup", "ValueError", "OSError"]
    assert WORDS not in told
