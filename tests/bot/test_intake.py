"""What came in is on disk when `receive` returns: together where many come at once, and each only once."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest
from sqlalchemy import event, func, select, update

from bot.intake import EPISODE, MOST, MOST_SHORT, SHORT, Intake
from bot.signals import Signal
from channels.contract import Inbound, Kind, OutsideWindow, Permanent, Status
from store import contacts, outbox
from store.database import Database
from store.tables import Contact, Delivery, Message, now
from store.vault import Vault


@pytest.fixture
def intake(database: Database, vault: Vault) -> Intake:
    return Intake(database, vault, Signal())


def text(number: int, address: str = "somebody") -> Inbound:
    return Inbound("web", address, str(number), Kind.TEXT, f"message {number}")


def delivery(database: Database, vault: Vault, state: str = "sent") -> int:
    with database.write() as session:
        conversation = contacts.meet(session, vault, "whatsapp", "somebody")[1]
        queued = outbox.queue(session, conversation.id, "en", "hello")
        queued.state, queued.external_id = state, "SM1"
        return queued.id


def state_of(database: Database, number: int) -> str:
    with database.read() as session:
        return session.get_one(Delivery, number).state


@contextmanager
def held_up(intake: Intake, until: int) -> Iterator[None]:
    """Let nothing be written before so many requests wait."""
    go = threading.Event()
    intake._writer.submit(go.wait)
    yield
    deadline = time.monotonic() + 10
    while len(intake._waiting) < until:
        assert time.monotonic() < deadline, "they do not line up"
        time.sleep(0.001)
    go.set()


def test_many_at_once_are_all_kept_in_one_transaction(database: Database, intake: Intake) -> None:
    commits: list[object] = []
    event.listen(database.engine, "commit", commits.append)
    threads = [threading.Thread(target=intake.receive, args=([text(n, f"person {n % 7}")],)) for n in range(60)]

    with held_up(intake, 60):
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join()

    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Message)) == 60
        assert session.scalar(select(func.count()).select_from(Contact)) == 7
    assert len(commits) == 1


def test_a_request_that_cannot_be_written_does_not_harm_the_others(database: Database, intake: Intake) -> None:
    bad = Inbound("a channel whose name is far too long for its column" * 9, "somebody", "1", Kind.TEXT, None)  # type: ignore[arg-type]
    results: dict[str, object] = {}

    def bring(name: str, message: Inbound) -> None:
        try:
            results[name] = intake.receive([message])
        except Exception as error:
            results[name] = error

    threads = [threading.Thread(target=bring, args=pair) for pair in (("bad", bad), ("good", text(1)))]
    with held_up(intake, 2):  # both wait for the same transaction
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join()

    assert results["good"] == 1
    assert isinstance(results["bad"], Exception)


def test_the_same_twice_in_one_request_is_kept_and_counted_once(database: Database, intake: Intake) -> None:
    assert intake.receive([text(1), text(1)]) == 1

    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Message)) == 1


def test_who_is_met_by_two_processes_at_once_is_one_person(database: Database, vault: Vault, intake: Intake) -> None:
    kept: list[int] = []
    second = threading.Thread(target=lambda: kept.append(intake.receive([text(1)])))
    with database.write() as session:
        contacts.meet_all(session, vault, [("web", "somebody")])
        second.start()
        time.sleep(0.2)  # it has looked by now, and waits for this transaction
    second.join()

    assert kept == [1]
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Contact)) == 1


def test_requests_of_several_event_loops_and_threads_share_a_transaction(database: Database, intake: Intake) -> None:
    commits: list[object] = []
    kept: list[int] = []

    async def take(first: int) -> None:
        kept.extend(await asyncio.gather(*(intake.take([text(n, f"person {n}")]) for n in range(first, first + 10))))

    threads = [threading.Thread(target=lambda first=first: asyncio.run(take(first))) for first in (0, 10)]
    threads.append(threading.Thread(target=lambda: kept.append(intake.receive([text(20)]))))
    with held_up(intake, 21):
        event.listen(database.engine, "commit", commits.append)
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join()

    assert kept == [1] * 21
    assert len(commits) == 1


def test_who_does_not_wait_for_the_answer_does_not_hold_up_the_others(database: Database, intake: Intake) -> None:
    """The provider hung up, and the loop that waited is gone: what was brought is written all the same."""

    async def give_up() -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(intake.take([text(1, "one")]), 0.01)

    with held_up(intake, 1):
        asyncio.run(give_up())

    assert intake.receive([text(2, "another")]) == 1
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Message)) == 2


def test_after_an_error_the_next_are_written(
    database: Database, intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> None:
        raise RuntimeError("nobody can be woken")

    monkeypatch.setattr(intake._arrived, "set", broken)

    assert intake.receive([text(1)]) == 1
    assert intake.receive([text(2)]) == 1


def test_people_are_found_however_many_others_there_are(database: Database, vault: Vault, intake: Intake) -> None:
    """By the index: without the channel in the condition every contact would be looked at."""
    if not database.embedded:
        pytest.skip("PostgreSQL plans by what is in the table")
    seen: list[str] = []
    intake.receive([text(1)])
    event.listen(database.engine, "before_cursor_execute", lambda *told: seen.append(told[2]))
    intake.receive([text(2)])
    (statement,) = [each for each in seen if "address_digest IN" in each]
    with database.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", ("web", "digest")).all()

    assert not [step for step in plan if "SCAN contact" in str(step)]


def test_a_repeat_neither_counts_nor_makes_a_person_seem_awake(database: Database, intake: Intake) -> None:
    assert intake.receive([text(1)]) == 1
    with database.write() as session:
        session.scalars(select(Contact)).one().seen_at = earlier = now() - timedelta(days=2)

    assert intake.receive([text(1)]) == 0

    with database.read() as session:
        assert session.scalars(select(Contact)).one().seen_at == earlier


@pytest.mark.parametrize("by", ["reference", "external id"])
def test_a_status_finds_its_message(database: Database, vault: Vault, intake: Intake, by: str) -> None:
    number = delivery(database, vault)
    reference, external_id = (str(number), "SM other") if by == "reference" else (None, "SM1")

    intake.receive([Status(external_id, "delivered", reference=reference)], "whatsapp")

    assert state_of(database, number) == "delivered"


def test_statuses_in_any_order_end_with_the_latest(database: Database, vault: Vault, intake: Intake) -> None:
    number = delivery(database, vault)

    for state in ("read", "delivered", "sent", "read"):
        intake.receive([Status("SM1", state)], "whatsapp")  # type: ignore[arg-type]
    intake.receive([Status("SM1", "failed", Permanent("too late"))], "whatsapp")

    assert state_of(database, number) == "read"


def test_another_channel_cannot_speak_of_the_message(database: Database, vault: Vault, intake: Intake) -> None:
    number = delivery(database, vault)

    intake.receive([Status("SM1", "read", reference=str(number))], "telegram")

    assert state_of(database, number) == "sent"


def test_a_message_outside_the_window_waits_until_the_person_writes(
    database: Database, vault: Vault, intake: Intake
) -> None:
    number = delivery(database, vault)

    intake.receive([Status("SM1", "failed", OutsideWindow("24 hours are over"))], "whatsapp")
    assert state_of(database, number) == "parked"

    intake.receive([Inbound("whatsapp", "somebody", "in1", Kind.TEXT, "I am here")])
    assert state_of(database, number) == "queued"


def test_a_message_that_could_not_be_delivered_is_a_dead_letter(
    database: Database, vault: Vault, intake: Intake
) -> None:
    number = delivery(database, vault)

    intake.receive([Status("SM1", "failed", Permanent("no such number"))], "whatsapp")

    assert state_of(database, number) == "dead"


LONG = "a sentence of more than twenty letters"


def flood(intake: Intake, count: int, words: str = LONG, start: int = 0, kind: Kind = Kind.TEXT) -> int:
    """How many of `count` messages of one person are kept."""
    return sum(
        intake.receive([Inbound("telegram", "somebody", str(n), kind, words, "more" if kind is Kind.CHOICE else None)])
        for n in range(start, start + count)
    )


def cautions(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(Delivery.text)))


def test_who_writes_too_fast_is_heard_no_more_and_told_once(database: Database, intake: Intake) -> None:
    assert flood(intake, MOST + 5) == MOST
    assert cautions(database) == ["You are writing faster than I can read. Please wait a minute."]


def test_they_are_told_in_their_language(database: Database, intake: Intake) -> None:
    intake.receive([Inbound("telegram", "somebody", "first", Kind.TEXT, "habari", language="sw")])
    flood(intake, MOST)

    (told,) = cautions(database)
    assert told != "You are writing faster than I can read. Please wait a minute."


def test_after_a_minute_they_are_heard_again_and_not_told_again_in_the_same_episode(
    database: Database, intake: Intake
) -> None:
    flood(intake, MOST + 1)
    with database.write() as session:
        session.execute(update(Message).values(received_at=now() - timedelta(seconds=61)))

    assert flood(intake, MOST + 1, start=100) == MOST
    assert len(cautions(database)) == 1

    with database.write() as session:
        session.scalars(select(Contact)).one().cautioned_at = now() - EPISODE
    flood(intake, 1, start=200)
    assert len(cautions(database)) == 2


@pytest.mark.parametrize(("words", "kind"), [("stop", Kind.TEXT), ("x" * SHORT, Kind.TEXT), (LONG, Kind.CHOICE)])
def test_a_stop_or_a_button_is_heard_beyond_the_flood_but_not_without_end(
    intake: Intake, words: str, kind: Kind
) -> None:
    flood(intake, MOST + 1)

    assert flood(intake, MOST_SHORT, words, 100, kind) == MOST_SHORT - MOST


def test_pictures_are_no_way_around_it(intake: Intake) -> None:
    assert flood(intake, MOST + 1, "", kind=Kind.IMAGE) == MOST


def test_one_persons_flood_does_not_hold_up_another(intake: Intake) -> None:
    flood(intake, MOST + 1)

    assert intake.receive([Inbound("telegram", "another", "1", Kind.TEXT, LONG)]) == 1


def test_who_asked_for_silence_is_not_even_told_that_they_write_too_fast(database: Database, intake: Intake) -> None:
    flood(intake, 1)
    with database.write() as session:
        session.scalars(select(Contact)).one().stopped_at = now()

    flood(intake, MOST, start=100)

    assert cautions(database) == []


def test_the_network_that_somebody_first_wrote_from_is_remembered(database: Database, intake: Intake) -> None:
    intake.receive([text(1)], "web", "digest of a school")
    intake.receive([text(2)], "web", "digest of a home")

    with database.read() as session:
        assert session.scalars(select(Contact.origin)).one() == "digest of a school"
