from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import select

from bot import worker
from bot.delivery import Sender
from bot.escalation import Escalation, NoTicket
from bot.intake import Intake
from bot.outcome import Heard, Known, Manners, Outcome
from bot.signals import Signal
from bot.turn import Assistant
from bot.worker import PATIENCE, Worker
from channels.console import ConsoleChannel
from channels.contract import Inbound, Kind
from retrieval.engine import Engine
from store import inbox
from store.database import Database
from store.desk_tables import Officer
from store.tables import Audit, Contact, Conversation, Delivery, Message, Ticket, Turn, now
from store.vault import Vault


class House:
    """Intake, worker and sender on one database."""

    def __init__(self, database: Database, vault: Vault, assistant: Assistant) -> None:
        self.database, self.arrived, self.said = database, Signal(), Signal()
        self.intake = Intake(database, vault, self.arrived)
        self.worker = Worker(database, assistant, self.arrived, self.said)
        self.sender = Sender(database, vault, {"console": ConsoleChannel()}, self.said)
        self.escalation = Escalation(database, self.said)

    def write(self, text: str, external_id: str = "1", address: str = "somebody") -> int:
        return self.intake.receive([Inbound("console", address, external_id, Kind.TEXT, text)])

    def work(self) -> None:
        while self.worker.step():
            pass

    def rows(self, table: type) -> list:  # type: ignore[type-arg]
        with self.database.read() as session:
            return list(session.scalars(select(table).order_by(table.id)))  # type: ignore[attr-defined]


@pytest.fixture
def house(database: Database, vault: Vault, engine: Engine) -> House:
    return House(database, vault, Assistant(engine, Manners("the facility", "https://x.example/privacy", 180)))


def test_a_message_becomes_one_turn_and_its_answer_is_sent(house: House) -> None:
    house.write("free python course")
    house.work()

    async def send() -> None:
        while await house.sender.step():
            pass

    asyncio.run(send())

    (turn,) = house.rows(Turn)
    assert turn.action == "answer"
    assert [message.turn_id for message in house.rows(Message)] == [turn.id]
    assert {delivery.state for delivery in house.rows(Delivery)} == {"sent"}


def test_a_repeated_message_is_answered_once(house: House) -> None:
    assert house.write("free python course") == 1
    assert house.write("free python course") == 0
    house.work()

    assert len(house.rows(Turn)) == 1


def test_messages_that_wait_together_are_one_turn(house: House) -> None:
    house.write("hello", "1")
    house.write("free python course", "2")
    house.work()

    (turn,) = house.rows(Turn)
    assert turn.action == "answer"


def test_a_worker_whose_claim_was_taken_over_commits_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.write("free python course")

    class Slow(Assistant):
        def take(self, heard: Sequence[Heard], known: Known) -> Outcome:
            with house.database.write() as session:  # meanwhile the lease ran out and another took over
                conversation = session.scalars(select(Conversation)).one()
                conversation.lease = "another"
            return super().take(heard, known)

    slow = Slow(house.worker._assistant.engine, house.worker._assistant.manners)
    Worker(house.database, slow, house.arrived, house.said).step()

    assert house.rows(Turn) == []
    assert house.rows(Delivery) == []


def test_an_assistant_that_keeps_failing_hands_over_to_a_person(house: House) -> None:
    class Broken(Assistant):
        def take(self, heard: Sequence[Heard], known: Known) -> Outcome:
            raise RuntimeError("it breaks")

    broken = Broken(house.worker._assistant.engine, house.worker._assistant.manners)
    worker = Worker(house.database, broken, house.arrived, house.said)
    house.write("free python course")
    for _ in range(PATIENCE + 1):
        worker.step()
        with house.database.write() as session:
            session.scalars(select(Conversation)).one().leased_until = None

    (ticket,) = house.rows(Ticket)
    assert ticket.reason == "failure"
    assert ticket.need["words"] == "free python course"


def test_a_ticket_is_answered_and_closed_in_the_same_conversation(house: House) -> None:
    house.write("where can i learn welding around kumasi")
    house.work()
    (ticket,) = house.rows(Ticket)

    house.escalation.reply(ticket.id, "There is a school in Kumasi.", "amina")
    house.escalation.close(ticket.id, "gap", "amina")

    texts = [(d.author, d.text) for d in house.rows(Delivery)]
    assert str(ticket.id) in texts[-3][1]
    assert texts[-2] == ("officer", "There is a school in Kumasi.")
    assert [entry.action for entry in house.rows(Audit)] == ["ticket.reply", "ticket.close"]
    with pytest.raises(NoTicket):
        house.escalation.reply(ticket.id, "again", "amina")


def test_a_request_is_offered_to_an_officer_and_the_person_is_told_when_they_answer(house: House) -> None:
    with house.database.write() as session:
        hours = {"zone": "Africa/Nairobi", "days": {str(day): ["00:00", "24:00"] for day in range(7)}}
        amina = Officer(login="amina", name="Amina", role="officer", languages=["en"], hours=hours)
        session.add(amina)
    house.write("where can i learn welding around kumasi")
    house.work()

    (ticket,) = house.rows(Ticket)
    assert ticket.offered_to == amina.id
    assert ticket.promised_at > now()
    assert "An officer answers within about 2 hours." in house.rows(Delivery)[-1].text


def test_where_no_officer_has_hours_those_of_the_operator_are_told(house: House) -> None:
    assistant = house.worker._assistant
    manners = Manners("the facility", "https://x.example/privacy", 180, hours="Monday to Friday, 8 to 17")
    house.worker = Worker(house.database, Assistant(assistant.engine, manners), house.arrived, house.said)
    with house.database.write() as session:
        session.add(Officer(login="amina", name="Amina", role="officer", languages=["en"], hours={}))
    house.write("where can i learn welding around kumasi")
    house.work()

    assert "They answer at these times: Monday to Friday, 8 to 17." in house.rows(Delivery)[-1].text


def test_who_writes_first_for_something_that_nothing_fits_is_told_who_runs_this_too(house: House) -> None:
    house.write("where can i learn welding around kumasi")
    house.work()

    welcome, handed_over = house.rows(Delivery)
    assert "https://x.example/privacy" in welcome.text
    assert "passed your request on" in handed_over.text


def test_nothing_goes_before_the_safety_message(house: House) -> None:
    house.write("I want to kill myself")
    house.work()

    assert "emergency number" in house.rows(Delivery)[0].text


def test_after_an_erasure_nothing_personal_is_left(house: House) -> None:
    house.write("I am Musa, where can i learn welding around kumasi", "1")
    house.work()
    house.write("/erase", "2")
    house.work()
    house.write("yes", "3")
    house.work()

    (ticket,) = house.rows(Ticket)
    assert ticket.conversation_id is None
    assert "Musa" not in str(ticket.need)
    assert house.rows(Message) == []
    (last,) = house.rows(Delivery)
    assert "deleted" in last.text
    (contact,) = house.rows(Contact)
    assert contact.country is None


def test_messages_that_came_before_a_restart_are_answered_after_it(house: House) -> None:
    house.write("free python course")
    with house.database.write() as session:
        assert inbox.claim(session)  # a worker that is killed now
    assert not house.worker.step()

    with house.database.write() as session:
        session.scalars(select(Conversation)).one().leased_until = now()
        inbox.release_all(session)
    house.work()

    assert len(house.rows(Turn)) == 1


def test_a_network_that_keeps_the_officers_busy_opens_no_more_requests_except_in_danger(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "MOST_FROM_NETWORK", 2)
    for number in range(4):
        words = "I want to kill myself" if number == 3 else "I want to talk to a human"
        written = Inbound("console", f"person {number}", str(number), Kind.TEXT, words)
        house.intake.receive([written], origin="a network")
        house.work()

    assert [ticket.urgent for ticket in house.rows(Ticket)] == [False, False, True]
    told = [delivery.text for delivery in house.rows(Delivery)]
    assert sum("Many requests from your network" in text for text in told) == 1


def test_who_chooses_a_language_is_written_to_in_it_about_an_open_request_too(house: House) -> None:
    house.write("tôi muốn học nghề hàn ở Hà Nội")
    house.work()
    house.write("Français", "2")
    house.work()

    assert house.rows(Ticket)[0].language == "fr"
    assert house.rows(Contact)[0].language_asked_at is not None


def test_they_are_asked_for_a_language_after_all_else_is_said(house: House) -> None:
    house.write("tôi muốn học nghề hàn ở Hà Nội")
    house.work()

    said = [delivery.text for delivery in house.rows(Delivery)]
    assert said[-1].startswith("Bạn đọc tốt nhất")
    assert "number 1" in said[-2]


def test_who_asks_for_a_person_first_of_all_gets_one_who_speaks_their_language(house: House) -> None:
    with house.database.write() as session:
        session.add(Officer(login="e", name="E", role="officer", languages=["en"]))
        french = Officer(login="f", name="F", role="officer", languages=["fr"])
        session.add(french)
    house.write("je veux parler à une personne")
    house.work()

    assert house.rows(Ticket)[0].offered_to == french.id
