"""A request goes to whom it suits, is promised a time, and moves on by itself when nobody keeps to it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from bot.escalation import Escalation
from bot.hours import Hours
from bot.replies import Replies
from bot.routing import choose, heard, move_on, route
from bot.signals import Signal
from locales import LANGUAGES
from store import contacts, tickets
from store.database import Database
from store.desk_tables import Note, Officer, Trust
from store.tables import Audit, Contact, Delivery, Ticket
from store.vault import Vault

NOON = datetime(2026, 11, 23, 9, tzinfo=UTC)
"""Monday, noon in Nairobi."""
NIGHT = datetime(2026, 11, 20, 19, tzinfo=UTC)
"""Friday, ten in the evening there."""
HOUR = timedelta(hours=1)
NAIROBI: Hours = {"zone": "Africa/Nairobi", "days": {str(day): ["08:00", "17:00"] for day in range(5)}}
EVENINGS: Hours = {"zone": "Africa/Nairobi", "days": {str(day): ["18:00", "23:00"] for day in range(5)}}


class Desk:
    """Officers and requests, with the hands of the clock held by the test."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self.database, self.vault = database, vault
        self.escalation = Escalation(database, Signal())

    def officer(self, name: str, hours: Hours = NAIROBI, role: str = "officer", **more: Any) -> Officer:
        values = {"languages": ["en"], "countries": [], "topics": [], **more}
        with self.database.write() as session:
            officer = Officer(login=name.lower(), name=name, role=role, hours=dict(hours), **values)
            session.add(officer)
        return officer

    def ticket(self, address: str = "somebody", at: datetime = NOON, **more: Any) -> int:
        return self.ask(address, at, **more)[0]

    def ask(self, address: str = "somebody", at: datetime = NOON, **more: Any) -> tuple[int, str | None]:
        """A person asks for a person; gives the number, and what they are told of the time."""
        asked = {"topics": {more.pop("topic", "python"): 1.0}, **more.pop("question", {})}
        need = {"words": "welding", "question": asked}
        values: dict[str, Any] = {"reason": "nothing-fits", "language": "en", "country": "KE", "need": need, **more}
        with self.database.write() as session:
            conversation = contacts.meet(session, self.vault, "console", address)[1]
            session.execute(update(Contact).values(seen_at=at))
            ticket = tickets.open_one(session, conversation.id, **values)
            return ticket.id, route(session, ticket, at)

    def move_on(self, at: datetime) -> int:
        with self.database.write() as session:
            return move_on(session, at)

    def claim(self, number: int, officer: Officer, at: datetime) -> None:
        self.escalation.claim(number, officer)
        self.put(number, claimed_at=at)

    def put(self, number: int, **values: Any) -> None:
        with self.database.write() as session:
            session.execute(update(Ticket).where(Ticket.id == number).values(values))

    def row(self, number: int) -> Ticket:
        with self.database.read() as session:
            return session.get_one(Ticket, number)

    def told(self, beginning: str = "It is taking longer") -> list[str]:
        with self.database.read() as session:
            said = session.scalars(select(Delivery.text).order_by(Delivery.id))
            return [text for text in said if text.startswith(beginning)]

    def audit(self) -> list[tuple[str, str, str]]:
        with self.database.read() as session:
            return [(row.actor, row.action, row.subject) for row in session.scalars(select(Audit).order_by(Audit.id))]


@pytest.fixture
def desk(database: Database, vault: Vault) -> Desk:
    return Desk(database, vault)


# --- whom a request suits -------------------------------------------------------------------------


def test_the_language_weighs_most_then_the_country_then_the_topic(desk: Desk) -> None:
    desk.officer("Topic", languages=["en"], topics=["python"], countries=["GH"])
    country = desk.officer("Country", languages=["en"], topics=["welding"], countries=["KE"])
    swahili = desk.officer("Swahili", languages=["sw"], topics=["welding"], countries=["GH"])

    assert desk.row(desk.ticket("one", language="sw")).offered_to == swahili.id
    assert desk.row(desk.ticket("two", language="en")).offered_to == country.id


def test_who_speaks_the_language_that_they_write_goes_before_who_speaks_the_one_they_share(desk: Desk) -> None:
    desk.officer("English", languages=["en"], countries=["KE"])
    urdu = desk.officer("Urdu", languages=["ur"], countries=["PK"])
    number = desk.ticket(language="en", question={"language": "ur", "countries": ["KE"]})

    assert desk.row(number).offered_to == urdu.id


def test_an_officer_without_countries_or_topics_takes_all(desk: Desk) -> None:
    desk.officer("Ghana", countries=["GH"])
    everywhere = desk.officer("Everywhere")

    assert desk.row(desk.ticket()).offered_to == everywhere.id


def test_who_is_there_now_goes_before_who_comes_later(desk: Desk) -> None:
    desk.officer("Evening", EVENINGS)
    day = desk.officer("Day")

    assert desk.row(desk.ticket()).offered_to == day.id


def test_in_danger_who_is_there_now_goes_before_who_speaks_the_language(desk: Desk) -> None:
    evening = desk.officer("Evening", EVENINGS, languages=["sw"])
    day = desk.officer("Day")

    assert desk.row(desk.ticket("one", language="sw")).offered_to == evening.id
    assert desk.row(desk.ticket("two", language="sw", urgent=True)).offered_to == day.id


def test_requests_are_shared_out(desk: Desk) -> None:
    officers = {desk.officer(name).id for name in ("Amina", "Baraka", "Chipo")}

    assert {desk.row(desk.ticket(address)).offered_to for address in ("one", "two", "three")} == officers


def test_of_two_with_the_same_load_the_one_who_was_idle_longer_gets_it(desk: Desk) -> None:
    amina, baraka = desk.officer("Amina"), desk.officer("Baraka")
    for officer, ago in ((amina, HOUR), (baraka, 2 * HOUR)):
        number = desk.ticket(officer.name)
        desk.put(number, officer_id=officer.id, claimed_at=NOON - ago, state="closed")

    assert desk.row(desk.ticket()).offered_to == baraka.id


def test_nobody_gets_more_than_they_have_room_for_and_the_request_waits_with_the_leads(desk: Desk) -> None:
    amina = desk.officer("Amina", capacity=1)
    first = desk.ticket("one")
    desk.claim(first, amina, NOON)

    second, told = desk.ask("two")
    assert told is None
    assert (desk.row(second).offered_to, desk.row(second).with_lead) == (None, True)

    desk.escalation.close(first, "gap", "amina")
    assert desk.move_on(NOON + HOUR) == 1
    assert (desk.row(second).offered_to, desk.row(second).with_lead) == (amina.id, False)
    assert desk.row(second).moved == 0


def test_who_has_left_gets_nothing(desk: Desk) -> None:
    desk.officer("Gone", active=False)
    number = desk.ticket()

    assert desk.row(number).offered_to is None
    with desk.database.read() as session:
        assert choose(session, session.get_one(Ticket, number), NOON) is None


# --- what is promised -----------------------------------------------------------------------------


def test_without_officers_nothing_is_promised_and_nothing_moves(desk: Desk) -> None:
    number, told = desk.ask()

    assert told is None
    assert (desk.row(number).promised_at, desk.row(number).move_at) == (None, None)
    assert desk.move_on(NOON + timedelta(days=9)) == 0


def test_where_nobody_has_hours_no_time_is_told(desk: Desk) -> None:
    desk.officer("Amina", {})
    number, told = desk.ask()

    assert told is None
    assert desk.row(number).promised_at == NOON + 2 * HOUR


def test_an_officer_answers_within_two_working_hours_and_has_one_to_take_it(desk: Desk) -> None:
    desk.officer("Amina")
    number, told = desk.ask()

    assert told == "An officer answers within about 2 hours."
    assert (desk.row(number).promised_at, desk.row(number).move_at) == (NOON + 2 * HOUR, NOON + HOUR)


def test_in_danger_half_an_hour_and_for_trusted_people_an_hour_is_promised(desk: Desk) -> None:
    desk.officer("Amina")
    _, urgent = desk.ask("one", urgent=True)
    with desk.database.write() as session:
        session.add(Trust(contact_id=contacts.meet(session, desk.vault, "console", "ministry")[0].id, reason="x"))
    _, trusted = desk.ask("ministry")
    with desk.database.write() as session:
        contact = contacts.meet(session, desk.vault, "console", "former")[0]
        session.add(Trust(contact_id=contact.id, reason="x", active=False))
    _, former = desk.ask("former")

    assert urgent == "An officer answers within about 30 minutes."
    assert trusted == "An officer answers within about 60 minutes."
    assert former == "An officer answers within about 2 hours."


def test_out_of_hours_a_person_is_told_when_somebody_is_back(desk: Desk) -> None:
    desk.officer("Amina")
    number, told = desk.ask(at=NIGHT)

    assert told == "Our officers are back on Monday at 08:00 (Nairobi time)."
    assert desk.row(number).promised_at == datetime(2026, 11, 23, 7, tzinfo=UTC)


def test_before_the_day_begins_no_day_is_named(desk: Desk) -> None:
    desk.officer("Amina")

    assert desk.ask(at=NOON - 6 * HOUR)[1] == "Our officers are back at 08:00 (Nairobi time)."


def test_a_promise_that_goes_into_the_next_day_names_the_day(desk: Desk) -> None:
    desk.officer("Amina")

    assert desk.ask(at=NOON + 4 * HOUR)[1] == "An officer answers on Tuesday by about 09:00 (Nairobi time)."


@pytest.mark.parametrize("code", LANGUAGES)
def test_times_can_be_told_in_every_language(code: str) -> None:
    from zoneinfo import ZoneInfo

    replies, zone = Replies(code), ZoneInfo("Africa/Nairobi")

    assert "08:00" in replies.back_at(NOON + 20 * HOUR, NOON, zone)
    assert "16:00" in replies.answer_by(NOON + 4 * HOUR, NOON, zone)
    assert "4" in replies.answer_by(NOON + 4 * HOUR, NOON, None)


def test_who_asks_again_is_told_the_same_time_and_in_danger_a_shorter_one(desk: Desk) -> None:
    desk.officer("Amina")
    number = desk.ticket()
    later = NOON + HOUR / 2

    assert desk.ask(at=later)[1] == "An officer answers within about 90 minutes."
    assert desk.row(number).promised_at == NOON + 2 * HOUR
    assert desk.ask(at=later, urgent=True)[1] == "An officer answers within about 30 minutes."
    assert desk.row(number).promised_at == later + HOUR / 2


# --- what moves on --------------------------------------------------------------------------------


def test_what_nobody_takes_goes_to_the_next_officer_and_then_to_a_lead(desk: Desk) -> None:
    amina, baraka = desk.officer("Amina"), desk.officer("Baraka")
    lead = desk.officer("Lulu", role="lead")
    number = desk.ticket()

    assert desk.move_on(NOON + HOUR - timedelta(seconds=1)) == 0
    assert desk.row(number).offered_to == amina.id

    assert desk.move_on(NOON + HOUR) == 1
    assert (desk.row(number).offered_to, desk.row(number).moved) == (baraka.id, 1)
    assert desk.told() == []  # the promise can still be kept

    assert desk.move_on(NOON + 2 * HOUR) == 1
    assert (desk.row(number).offered_to, desk.row(number).moved) == (lead.id, 2)
    assert desk.row(number).with_lead
    assert desk.told() == [
        "It is taking longer than it should, and I am sorry for that. Another officer looks at your request now."
    ]

    assert desk.move_on(NOON + 9 * HOUR) == 0  # a lead has it before their eyes
    assert [entry[:2] for entry in desk.audit()] == [("dalil", "ticket.move")] * 2


def test_a_single_officer_is_not_called_another_one(desk: Desk) -> None:
    amina = desk.officer("Amina")
    number = desk.ticket()
    desk.move_on(NOON + HOUR)
    assert (desk.row(number).offered_to, desk.row(number).with_lead) == (amina.id, True)
    assert desk.told() == []

    desk.move_on(NOON + 2 * HOUR)

    (told,) = desk.told()
    assert "Another officer" not in told
    assert desk.move_on(NOON + 9 * HOUR) == 0


def test_who_took_it_and_did_not_answer_loses_it_to_the_next(desk: Desk) -> None:
    amina, baraka = desk.officer("Amina"), desk.officer("Baraka")
    number = desk.ticket()
    desk.claim(number, amina, NOON)
    assert desk.move_on(NOON + 2 * HOUR - timedelta(seconds=1)) == 0

    assert desk.move_on(NOON + 2 * HOUR) == 1

    ticket = desk.row(number)
    assert (ticket.officer_id, ticket.offered_to, ticket.moved) == (None, baraka.id, 1)
    with desk.database.read() as session:
        assert session.scalars(select(Note.text)).all() == ["Amina: not answered in time"]
    assert ("dalil", "ticket.release", f"{number} amina") in desk.audit()
    assert len(desk.told()) == 1


def test_who_took_it_late_has_time_to_answer(desk: Desk) -> None:
    amina, baraka = desk.officer("Amina"), desk.officer("Baraka")
    number = desk.ticket()
    desk.claim(number, amina, NOON)
    desk.move_on(NOON + 2 * HOUR)
    desk.claim(number, baraka, NOON + 2.5 * HOUR)

    assert desk.move_on(NOON + 3 * HOUR) == 0
    assert desk.move_on(NOON + 3.5 * HOUR) == 1


def test_what_is_answered_does_not_move(desk: Desk) -> None:
    amina, _ = desk.officer("Amina"), desk.officer("Baraka")
    number = desk.ticket()
    desk.claim(number, amina, NOON)
    desk.escalation.reply(number, "There is a school.", "amina", amina)

    assert desk.move_on(NOON + timedelta(days=9)) == 0
    assert desk.row(number).officer_id == amina.id


def test_what_a_person_writes_after_an_answer_is_to_be_answered_within_four_hours(desk: Desk) -> None:
    amina, baraka = desk.officer("Amina"), desk.officer("Baraka")
    number = desk.ticket()
    desk.claim(number, amina, NOON)
    desk.escalation.reply(number, "There is a school.", "amina", amina)
    with desk.database.write() as session:
        conversation = session.get_one(Ticket, number).conversation_id
        assert conversation
        heard(session, conversation, NOON)
        heard(session, conversation, NOON + HOUR)  # what was promised first holds

    assert desk.move_on(NOON + 4 * HOUR - timedelta(seconds=1)) == 0
    assert desk.move_on(NOON + 4 * HOUR) == 1
    assert desk.row(number).offered_to == baraka.id


def test_what_is_put_aside_does_not_move_and_its_officer_has_time_afterwards(desk: Desk) -> None:
    amina = desk.officer("Amina")
    number = desk.ticket()
    desk.claim(number, amina, NOON)
    desk.put(number, snoozed_until=NOON + 3 * HOUR)

    assert desk.move_on(NOON + 2.5 * HOUR) == 0
    assert desk.move_on(NOON + 3 * HOUR) == 0
    assert desk.move_on(NOON + 4 * HOUR) == 1


def test_what_an_officer_gives_back_is_offered_again(desk: Desk) -> None:
    amina, baraka = desk.officer("Amina"), desk.officer("Baraka")
    number = desk.ticket()
    desk.claim(number, amina, NOON)
    desk.escalation.release(number, amina)
    desk.put(number, move_at=NOON)

    assert desk.move_on(NOON + HOUR / 4) == 1
    assert desk.row(number).offered_to == baraka.id
    assert desk.told() == []


def test_requests_from_before_there_were_officers_are_offered_to_the_first(desk: Desk) -> None:
    number = desk.ticket()
    amina = desk.officer("Amina")

    assert desk.move_on(NOON + HOUR) == 1
    assert desk.row(number).offered_to == amina.id
    assert desk.move_on(NOON + HOUR) == 0


def test_nobody_is_told_more_often_than_every_two_hours(desk: Desk) -> None:
    names = ("Amina", "Baraka", "Chipo")
    officers = {officer.id: officer for officer in (desk.officer(name, {}) for name in names)}
    number = desk.ticket(urgent=True)
    for half_hours in range(8):
        at = NOON + HOUR / 2 * half_hours
        desk.move_on(at)
        if desk.row(number).officer_id is None:
            desk.claim(number, officers[desk.row(number).offered_to or 0], at)
        with desk.database.write() as session:  # what was said is as old as the test's clock has it
            told = select(Delivery.id).where(Delivery.text.startswith("It is taking longer"), Delivery.created_at > at)
            session.execute(update(Delivery).where(Delivery.id.in_(told)).values(created_at=at))

    assert desk.row(number).moved > 3
    assert len(desk.told()) == 2


def test_who_has_stopped_is_told_nothing(desk: Desk) -> None:
    desk.officer("Amina")
    desk.ticket()
    with desk.database.write() as session:
        session.execute(update(Contact).values(stopped_at=NOON))

    desk.move_on(NOON + HOUR)
    desk.move_on(NOON + 2 * HOUR)

    assert desk.told() == []


def test_no_template_is_spent_on_saying_that_it_takes_longer(desk: Desk) -> None:
    desk.officer("Amina")
    desk.ticket()
    desk.move_on(NOON + HOUR)
    with desk.database.write() as session:
        assert move_on(session, NOON + 25 * HOUR, {}, {"console": timedelta(hours=24)}) == 1

    assert desk.told() == []


def test_of_two_keepers_only_one_moves_a_request(desk: Desk) -> None:
    desk.officer("Amina")
    desk.officer("Baraka")
    numbers = [desk.ticket(f"person {number}") for number in range(6)]
    counts: list[int] = []
    keepers = [threading.Thread(target=lambda: counts.append(desk.move_on(NOON + HOUR))) for _ in range(4)]
    for keeper in keepers:
        keeper.start()
    for keeper in keepers:
        keeper.join()
    counts.append(desk.move_on(NOON + HOUR))  # what a keeper left because another had it in hand

    assert sum(counts) == len(numbers)
    assert [desk.row(number).moved for number in numbers] == [1] * len(numbers)
