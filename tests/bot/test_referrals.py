"""A request reaches a provider only with consent, never with an address, once; and the answer comes back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from bot import referrals
from bot.acts import apply
from bot.mail import Mail, MailError, is_address
from bot.outcome import Act
from bot.referrals import MOST_ATTEMPTS, Referrals
from store import contacts, tickets
from store.database import Database
from store.desk_tables import Note, Officer, Referral, ReferralAddress
from store.tables import Delivery, Ticket, now
from store.vault import Vault
from tests.servers.smtp import Post

ADDRESS, PERSON = "desk@provider.example", "whatsapp:+254700000001"


class Desk:
    """An officer, a person with a request, and a provider with a mail box."""

    def __init__(self, database: Database, vault: Vault, post: Post, url: str) -> None:
        self.database, self.post = database, post
        mail = Mail(url, "Dalil <dalil@facility.example>")
        self.referrals = Referrals(database, vault, mail, "https://d.example", "The facility")
        with database.write() as session:
            self.officer = Officer(login="amina", name="Amina", role="lead")
            session.add(self.officer)
            self.conversation = contacts.meet(session, vault, "console", PERSON)[1].id
            ticket = tickets.open_one(session, self.conversation, reason="need", language="en", country="KE", need={})
            self.ticket = ticket.id

    def ask(self, text: str = "Welding and Excel for a group of ten in Kisumu") -> int:
        with self.database.write() as session:
            ticket = session.get_one(Ticket, self.ticket)
            return referrals.ask(session, {}, ticket, self.officer, "provider-x", "Provider X", text)

    def says(self, answer: str, number: int) -> None:
        with self.database.write() as session:
            apply(session, self.conversation, Act("consent", f"{number}.{answer}"))

    def work(self) -> None:
        while self.referrals.step():
            pass

    def time_passes(self) -> None:
        with self.database.write() as session:
            session.execute(update(Referral).values(due_at=now() - timedelta(seconds=1)))

    def has_address(self) -> None:
        self.referrals.enter_address("provider-x", ADDRESS, self.officer)
        with self.database.write() as session:
            link = referrals.follow(session, referrals.ADDRESS, self.token())
            assert link
            assert link.subject == "provider-x"
            session.get_one(ReferralAddress, "provider-x").confirmed_at = now()
        self.post.mails.clear()

    def token(self) -> str:
        return re.findall(r"/providers/\w+/(\S+)", self.post.texts[-1])[0]

    def state(self, number: int) -> str:
        with self.database.read() as session:
            return session.get_one(Referral, number).state

    def step(self) -> str:
        with self.database.read() as session:
            return session.get_one(Ticket, self.ticket).step


@pytest.fixture
def desk(database: Database, vault: Vault) -> Iterator[Desk]:
    post = Post()
    with post.serving() as url:
        yield Desk(database, vault, post, url)


def test_nothing_is_passed_on_before_the_person_says_yes(desk: Desk) -> None:
    desk.has_address()
    number = desk.ask()
    desk.work()

    assert desk.post.mails == []
    with desk.database.read() as session:
        asked = session.scalars(select(Delivery)).one()
    assert "Welding and Excel" in asked.text
    assert [payload for _, payload in asked.buttons] == [f"consent:{number}.yes", f"consent:{number}.no"]


def test_after_a_yes_it_is_mailed_once_and_without_the_person_s_address(desk: Desk) -> None:
    desk.has_address()
    number = desk.ask()
    desk.says("yes", number)
    desk.work()
    desk.time_passes()
    desk.work()

    ((to, mail),) = desk.post.mails
    assert to == ADDRESS
    assert "Welding and Excel" in desk.post.texts[0]
    assert "254700000001" not in mail.as_string()
    assert (desk.state(number), desk.step()) == ("sent", "referred")


def test_after_a_no_it_is_never_mailed(desk: Desk) -> None:
    desk.has_address()
    number = desk.ask()
    desk.says("no", number)
    desk.says("yes", number)  # a button that was pressed too late
    desk.work()

    assert desk.post.mails == []
    assert desk.state(number) == "refused"


def test_an_address_that_is_not_confirmed_is_not_used(desk: Desk) -> None:
    desk.referrals.enter_address("provider-x", ADDRESS, desk.officer)
    number = desk.ask()
    desk.says("yes", number)
    desk.work()

    assert len(desk.post.mails) == 1  # what asks for the confirmation
    assert desk.state(number) == "by-hand"


def test_the_provider_s_answer_comes_back_to_the_officer(desk: Desk) -> None:
    desk.has_address()
    number = desk.ask()
    desk.says("yes", number)
    desk.work()

    with desk.database.write() as session:
        link = referrals.follow(session, referrals.REFERRAL, desk.token())
        assert link
        referrals.answer(session, link, "accepted", "They can start on Monday")

    assert (desk.state(number), desk.step()) == ("accepted", "accepted")
    with desk.database.read() as session:
        assert "They can start on Monday" in session.scalars(select(Note.text)).one()


def test_a_link_is_no_longer_good_after_a_decline_or_its_time(desk: Desk) -> None:
    desk.has_address()
    number = desk.ask()
    desk.says("yes", number)
    desk.work()
    token = desk.token()

    with desk.database.write() as session:
        link = referrals.follow(session, referrals.REFERRAL, token)
        assert link
        referrals.answer(session, link, "declined", "")
    with desk.database.write() as session:
        assert referrals.follow(session, referrals.REFERRAL, token) is None
        assert referrals.follow(session, referrals.REFERRAL, "guessed") is None
        assert referrals.follow(session, referrals.ADDRESS, token) is None


def test_a_server_that_is_down_is_tried_again_and_in_the_end_a_person_sends_it(desk: Desk) -> None:
    desk.has_address()
    number = desk.ask()
    desk.says("yes", number)
    desk.post.refusals.extend(["451 later"] * 2)
    for _ in range(3):
        desk.work()
        desk.time_passes()
    assert desk.state(number) == "sent"

    other = desk.ask("Another one")
    desk.says("yes", other)
    desk.post.refusals.extend(["451 later"] * MOST_ATTEMPTS)
    for _ in range(MOST_ATTEMPTS):
        desk.work()
        desk.time_passes()
    assert desk.state(other) == "by-hand"


@pytest.mark.parametrize(
    "text", ["a@b", "a b@c.example", "a@b.example\nBcc: all@x.example", "<a@b.example>", "a@b.example,c@d.example", ""]
)
def test_what_is_no_plain_address_is_refused(desk: Desk, text: str) -> None:
    assert not is_address(text)
    with pytest.raises(ValueError, match="no e-mail address"):
        desk.referrals.enter_address("provider-x", text or " ", desk.officer)


def test_no_error_of_the_mail_server_names_an_address() -> None:
    with pytest.raises(MailError) as raised:
        Mail("smtp://127.0.0.1:9", "dalil@facility.example").send(ADDRESS, "Hello", "text", "1")
    assert "provider.example" not in f"{raised.value} {raised.value.__context__} {raised.value.__cause__}"
