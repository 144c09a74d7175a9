"""Inbox and outbox: once, in order, one at a time; on both kinds of database."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select, update

from store import contacts, inbox, outbox
from store.database import Database
from store.tables import Conversation, Delivery, now
from store.vault import Vault


def talk(database: Database, vault: Vault, address: str = "somebody") -> int:
    with database.write() as session:
        return contacts.meet(session, vault, "web", address)[1].id


def keep(database: Database, conversation: int, external_id: str) -> bool:
    with database.write() as session:
        return inbox.keep(session, conversation, external_id, "text", f"message {external_id}")


def claim(database: Database) -> inbox.Claim | None:
    with database.write() as session:
        return next(iter(inbox.claim(session)), None)


def queue(database: Database, conversation: int, text: str) -> int:
    with database.write() as session:
        return outbox.queue(session, conversation, "en", text).id


def send(database: Database) -> str | None:
    with database.write() as session:
        taken = outbox.claim(session, ["web"])
        return taken[0][0].text if taken else None


def test_a_repeated_message_is_kept_once(database: Database, vault: Vault) -> None:
    conversation = talk(database, vault)

    assert keep(database, conversation, "a")
    assert not keep(database, conversation, "a")
    with database.read() as session:
        assert inbox.waiting(session) == 1


def test_two_conversations_may_have_the_same_external_id(database: Database, vault: Vault) -> None:
    assert keep(database, talk(database, vault, "one"), "a")
    assert keep(database, talk(database, vault, "two"), "a")


def test_one_worker_at_a_time_has_a_conversation_and_the_longest_waiting_comes_first(
    database: Database, vault: Vault
) -> None:
    first, second = talk(database, vault, "one"), talk(database, vault, "two")
    keep(database, first, "a")
    keep(database, second, "b")
    keep(database, first, "c")

    claims = [claim(database), claim(database), claim(database)]

    assert [each and each.conversation_id for each in claims] == [first, second, None]


def test_a_turn_whose_lease_ran_out_is_taken_by_another_and_the_first_holds_nothing(
    database: Database, vault: Vault
) -> None:
    conversation = talk(database, vault)
    keep(database, conversation, "a")
    lost = claim(database)
    with database.write() as session:
        session.get_one(Conversation, conversation).leased_until = now() - timedelta(seconds=1)

    taken = claim(database)

    assert lost is not None
    assert taken is not None
    with database.write() as session:
        assert inbox.holds(session, lost) is None
        assert inbox.holds(session, taken) is not None


def test_a_turn_that_failed_waits_longer_each_time(database: Database, vault: Vault) -> None:
    conversation = talk(database, vault)
    keep(database, conversation, "a")
    waits = []
    for _ in range(2):
        assert claim(database)
        with database.write() as session:
            row = session.get_one(Conversation, conversation)
            inbox.release(row, failed=True)
            assert row.leased_until is not None
            waits.append(row.leased_until - now())
            assert inbox.claim(session) == []
            row.leased_until = None

    assert waits[1] > waits[0]


def test_a_turn_that_kills_its_worker_counts_as_a_failure(database: Database, vault: Vault) -> None:
    conversation = talk(database, vault)
    keep(database, conversation, "a")
    assert claim(database)

    with database.write() as session:  # the process is gone, and another one starts
        inbox.release_all(session)
        assert session.get_one(Conversation, conversation).failures == 1


def test_the_messages_of_a_conversation_go_out_one_after_the_other(database: Database, vault: Vault) -> None:
    one, two = talk(database, vault, "one"), talk(database, vault, "two")
    first = queue(database, one, "1a")
    queue(database, one, "1b")
    queue(database, two, "2a")

    assert [send(database), send(database), send(database)] == ["1a", "2a", None]
    with database.write() as session:
        outbox.advance(session, first, "sent", "sid")
    assert send(database) == "1b"


def test_a_status_moves_forward_only(database: Database, vault: Vault) -> None:
    delivery = queue(database, talk(database, vault), "hello")

    with database.write() as session:
        assert outbox.advance(session, delivery, "delivered")
        assert not outbox.advance(session, delivery, "sent")
        assert session.get_one(Delivery, delivery).state == "delivered"
        assert outbox.advance(session, delivery, "read")


def test_a_message_that_is_put_off_is_not_sent_before_its_time(database: Database, vault: Vault) -> None:
    delivery = queue(database, talk(database, vault), "hello")
    assert send(database) == "hello"
    with database.write() as session:
        outbox.postpone(session, session.get_one(Delivery, delivery), now() + timedelta(minutes=5), "too many")

    assert send(database) is None
    with database.read() as session:
        assert session.scalar(select(Delivery.failure)) == "too many"


def test_what_a_sender_tells_after_another_has_taken_its_message_changes_nothing(
    database: Database, vault: Vault
) -> None:
    queue(database, talk(database, vault), "hello")
    with database.write() as session:
        ((overtaken, _),) = outbox.claim(session, ["web"])
        session.execute(update(Delivery).values(due_at=now()))  # its time is over
    with database.write() as session:
        ((holder, _),) = outbox.claim(session, ["web"])

    with database.write() as session:
        outbox.bury(session, overtaken, "refused")
        outbox.postpone(session, overtaken, now() + timedelta(minutes=5), "too many")
    with database.read() as session:
        assert session.get_one(Delivery, holder.id).state == "unknown"

    with database.write() as session:
        outbox.bury(session, holder, "refused")
        assert session.get_one(Delivery, holder.id).state == "dead"


def test_several_messages_are_taken_at_once_but_one_of_each_conversation(database: Database, vault: Vault) -> None:
    for address in ("one", "two", "three"):
        conversation = talk(database, vault, address)
        queue(database, conversation, f"{address}, first")
        queue(database, conversation, f"{address}, second")

    with database.write() as session:
        taken = [delivery.text for delivery, _ in outbox.claim(session, ["web"], 2)]
    with database.write() as session:
        rest = [delivery.text for delivery, _ in outbox.claim(session, ["web"], 9)]

    assert taken == ["one, first", "two, first"]
    assert rest == ["three, first"]
