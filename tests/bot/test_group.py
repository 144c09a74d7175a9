"""The officers' group on Telegram hears what waits, never who it is, and claims work there for linked accounts only."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import update

from bot.escalation import Escalation
from bot.group import MOST_SINGLE, MOST_TRIES, Group
from bot.signals import Signal
from channels.telegram import TelegramChannel
from store import accounts, contacts, tickets
from store.database import Database
from store.desk_tables import Announced, Officer
from store.tables import Audit, Ticket, now
from store.vault import Vault
from tests.servers.telegram import BUSY, RESET, SECRET, TOKEN, BotApi

OFFICERS = -1002233445566
AMINA, BEN, STRANGER = 7100000001, 7100000002, 7100000003
WORDS = "my name is Zainab and I look for welding"


class Room:
    """A group, the officers in it, and what waits."""

    def __init__(self, database: Database, vault: Vault, api: BotApi) -> None:
        self.database, self.vault, self.api = database, vault, api
        self.escalation = Escalation(database, Signal())
        self.channel = TelegramChannel(TOKEN, SECRET, api.url, timeout=0.5, connect_timeout=0.5, group=OFFICERS)
        self.time = 1_000.0
        self.group = self.another()

    def another(self) -> Group:
        """One of another process."""
        public = "https://dalil.example"
        return Group(self.database, self.vault, self.escalation, self.channel, public, lambda: self.time)

    def officer(self, name: str) -> Officer:
        with self.database.write() as session:
            officer = Officer(login=f"{name.lower()}@desk.test", name=name, role="officer", language="fr")
            session.add(officer)
        return officer

    def linked(self, name: str, account: int) -> Officer:
        officer = self.officer(name)
        self.says(f"/link {self.code(officer)}", account)
        return officer

    def code(self, officer: Officer) -> str:
        with self.database.write() as session:
            return accounts.new_code(session, self.vault, officer)

    def ticket(self, address: str = "zainab", **more: Any) -> int:
        need = {"words": WORDS, "question": {"topics": {"python": 1.0}, "text": WORDS}}
        values: dict[str, Any] = {"reason": "nothing-fits", "language": "ha", "country": "NG", "need": need} | more
        with self.database.write() as session:
            conversation = contacts.meet(session, self.vault, "console", address)[1]
            return tickets.open_one(session, conversation.id, **values).id

    def tell(self, rounds: int = 1, group: Group | None = None) -> None:
        """Let time pass, and the group be told what there is."""
        for _ in range(rounds):
            self.time += 4.0
            asyncio.run((group or self.group).step())

    def says(self, words: str, account: int = STRANGER) -> str | None:
        """A message to the bot; gives what it is answered, none if it is an ordinary one."""
        written = self.api.person(account).says(words)
        rest, answers = self.group.take(self.channel.parse(self.api.request(written)))
        asyncio.run(self.group.answer(answers))
        return None if rest else answers[0][1]

    def presses(self, number: int, account: int, payload: str | None = None) -> str:
        """A press below a message in the group; gives what the presser is shown."""
        press_id = f"press-{account}-{number}-{len(self.api.alerts)}"
        person = self.api.person(account)
        pressed = person.presses(payload or f"claim:{number}", "Claim", press_id=press_id, group=OFFICERS)
        rest, answers = self.group.take(self.channel.parse(self.api.request(pressed)))
        assert rest == []
        asyncio.run(self.group.answer(answers))
        return self.api.alerts[press_id]

    def row(self, number: int) -> Ticket:
        with self.database.read() as session:
            return session.get_one(Ticket, number)

    def put(self, number: int, **values: Any) -> None:
        with self.database.write() as session:
            session.execute(update(Ticket).where(Ticket.id == number).values(values))

    def later(self) -> None:
        """Whatever is in hand, or waits for another try, may be told now."""
        with self.database.write() as session:
            session.execute(update(Announced).values(due_at=now()))


@pytest.fixture(scope="module")
def served() -> Iterator[BotApi]:
    with BotApi().serving() as api:
        yield api


@pytest.fixture
def room(database: Database, vault: Vault, served: BotApi) -> Room:
    served.forget()
    served.chats.add(OFFICERS)
    return Room(database, vault, served)


def test_the_group_hears_number_topic_country_and_language_and_nothing_of_the_person(room: Room) -> None:
    number = room.ticket()
    room.tell(3)
    (said,) = room.api.sent
    assert said.chat == OFFICERS
    assert said.bold == [str(number)]
    assert "Nigeria" in said.text
    assert "Hausa" in said.text
    assert "Waiting for" in said.text
    assert "Zainab" not in said.text
    assert "welding" not in said.text
    assert [button["callback_data"] for row in said.rows for button in row] == [f"claim:{number}"]


def test_an_urgent_request_is_told_first_and_named_so(room: Room) -> None:
    room.ticket("one")
    urgent = room.ticket("two", urgent=True)
    room.tell()
    assert room.api.sent[0].text.startswith(f"{urgent} · URGENT")


def test_many_at_once_are_summed_up_so_that_the_limit_of_the_group_is_kept(room: Room) -> None:
    for index in range(MOST_SINGLE + 1):
        room.ticket(f"person {index}")
    room.tell(4)
    assert room.api.texts == ["6 requests wait: https://dalil.example/desk/queue"]


def test_the_limit_of_messages_a_minute_is_kept(room: Room) -> None:
    for index in range(30):
        room.ticket(f"person {index}", urgent=True)
    for _ in range(100):
        room.time += 0.5
        asyncio.run(room.group.step())
    assert len(room.api.sent) <= room.channel.per_minute_in_group


def test_a_linked_officer_claims_by_a_button_and_the_message_then_says_who_has_it(room: Room) -> None:
    amina, number = room.linked("Amina", AMINA), room.ticket()
    room.tell()
    assert f"https://dalil.example/desk/chats/{number}" in room.presses(number, AMINA)
    assert room.row(number).officer_id == amina.id
    room.tell()
    assert room.api.edits[-1].text == f"{number} · taken by Amina"
    assert room.api.edits[-1].rows == ()


def test_of_two_who_press_one_gets_it_and_the_other_is_told_who(room: Room) -> None:
    room.linked("Amina", AMINA)
    room.linked("Ben", BEN)
    number = room.ticket()
    room.presses(number, AMINA)
    assert "Amina" in room.presses(number, BEN)


def test_an_account_that_no_officer_has_linked_claims_nothing(room: Room) -> None:
    room.officer("Amina")
    number = room.ticket()
    assert "https://dalil.example/desk/telegram" in room.presses(number, STRANGER)
    assert room.row(number).officer_id is None


def test_an_officer_who_may_not_work_any_more_claims_nothing(room: Room) -> None:
    amina, number = room.linked("Amina", AMINA), room.ticket()
    with room.database.write() as session:
        session.get_one(Officer, amina.id).active = False
    room.presses(number, AMINA)
    assert room.row(number).officer_id is None


def test_a_payload_that_we_never_made_claims_nothing(room: Room) -> None:
    room.linked("Amina", AMINA)
    number = room.ticket()
    for payload in (f"claim:{number} or 1=1", "claim:", f"claim:-{number}", "claim:99999999999", "delete:1"):
        room.presses(number, AMINA, payload)
    assert room.row(number).officer_id is None


def test_a_code_links_the_account_that_brings_it_once_and_is_audited(room: Room) -> None:
    amina = room.officer("Amina")
    code = room.code(amina)
    assert "Amina" in (room.says(f"/link {code[:5]} {code[5:].lower()}", AMINA) or "")
    room.says(f"/link {code}", STRANGER)
    number = room.ticket()
    room.presses(number, STRANGER)
    assert room.row(number).officer_id is None
    with room.database.read() as session:
        assert [row.action for row in session.query(Audit)][:2] == ["telegram.code", "telegram.link"]
        assert str(AMINA) not in str([(row.actor, row.subject) for row in session.query(Audit)])


def test_a_new_code_makes_the_old_one_worthless(room: Room) -> None:
    amina = room.officer("Amina")
    old = room.code(amina)
    room.code(amina)
    room.says(f"/link {old}", AMINA)
    assert room.row(room.ticket()).officer_id is None
    with room.database.read() as session:
        assert session.get_one(Officer, amina.id).telegram_digest is None


def test_codes_cannot_be_guessed(room: Room) -> None:
    amina = room.officer("Amina")
    code = room.code(amina)
    answers = [room.says(f"/link AAAAAAAAA{index}") for index in range(MOST_TRIES + 3)]
    assert sum(bool(answer) for answer in answers) == MOST_TRIES + 1  # told once, then silent
    assert room.says(f"/link {code}") == ""
    with room.database.read() as session:
        assert session.get_one(Officer, amina.id).telegram_digest is None


def test_what_people_write_is_not_for_the_group(room: Room) -> None:
    assert room.says("I link my shop to the internet") is None
    assert room.says("where is a course about /link building") is None


def test_two_processes_tell_it_once(room: Room) -> None:
    room.ticket()
    room.tell()
    room.tell(group=room.another())
    assert len(room.api.sent) == 1


def test_a_group_that_is_busy_is_told_later_and_once(room: Room) -> None:
    room.ticket()
    room.api.fail(BUSY)
    room.tell()
    room.tell()
    assert room.api.sent == []
    room.time += BUSY.retry_after or 0.0
    room.later()
    room.tell(2)
    assert len(room.api.sent) == 1


def test_what_may_have_been_told_is_told_twice_at_most(room: Room) -> None:
    room.ticket()
    room.api.fail(RESET, RESET, RESET)
    for _ in range(5):
        room.later()
        room.tell()
    assert len([call for call, _ in room.api.calls if call == "sendMessage"]) == 2


def test_a_request_that_is_given_back_is_offered_again(room: Room) -> None:
    amina, number = room.linked("Amina", AMINA), room.ticket()
    room.tell()
    room.presses(number, AMINA)
    room.tell()
    room.escalation.release(number, amina)
    room.put(number, moved=1)
    with room.database.write() as session:
        session.query(Announced).update({"due_at": now().replace(year=2020)})
    room.tell(3)
    assert [said.rows != () for said in room.api.sent if said.chat == OFFICERS][-1]


def test_a_closed_request_says_so_and_leaves_nothing_behind(room: Room) -> None:
    amina, number = room.linked("Amina", AMINA), room.ticket()
    room.tell()
    room.escalation.claim(number, amina)
    room.escalation.close(number, "declined", amina.login, amina)
    room.tell(2)
    assert room.api.edits[-1].text == f"{number} · closed"
    room.presses(number, AMINA)
    assert room.row(number).state == "closed"
    with room.database.read() as session:
        assert session.get(Announced, number) is None
