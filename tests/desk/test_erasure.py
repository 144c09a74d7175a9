"""Who asks for it gets everything that is kept about them, or has it erased: wherever in the house it is."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from bot import submissions
from bot.delivery import Sender
from bot.export import LONGEST_PART, MOST_PARTS
from bot.intake import Intake
from bot.offering import PROVIDER, read_record
from bot.outcome import Manners
from bot.privacy import LAST_WORD, expire
from bot.referrals import Referrals
from bot.settings import Settings
from bot.turn import Assistant
from bot.worker import Worker
from channels.console import ConsoleChannel
from channels.contract import Inbound, Kind
from retrieval.engine import Engine
from retrieval.vocabulary import lay_over
from store import builds, contacts, demand, tickets
from store.database import Database
from store.demand import unmet, wishes
from store.desk_tables import Announced, Link, Note, Presence, Proposal, Referral, Trust
from store.source_tables import LinkCheck, Origin, Revision, Run
from store.tables import Audit, Contact, Conversation, Delivery, Message, Record, Table, Ticket, Vector
from store.vault import Vault
from tests.desk.conftest import House
from tests.servers.smtp import Post

ADDRESS = "+255754321987"
NAME = "Zubeïda Mwinyi"
FIRST = f"I am {NAME} of Kijitonyama, where can i learn welding around kumasi"
MARKS = ("Zubeïda", "Mwinyi", "Kijitonyama", "karakana", "kumasi", "255754321987")
"""What tells who it was, or what they wrote."""


class Clinic(House):
    """A whole house: people write, turns are taken, officers answer, mail goes to a provider."""

    def __init__(self, database: Database, vault: Vault, home: Path, engine: Engine, post: Post, url: str) -> None:
        values = {"smtp_url": url, "mail_from": "Dalil <dalil@facility.example>", "public": "http://desk.test"}
        settings = Settings(_env_file=None, home=home, **values)  # type: ignore[call-arg, arg-type]
        super().__init__(database, vault, settings, engine)
        self.post, self.home, self._count = post, home, 0
        assistant = Assistant(engine, Manners("the facility", "https://x.example/privacy", 180))
        self.intake = Intake(database, vault, self.arrived)
        self.worker = Worker(database, assistant, self.arrived, self.said, {"console": 4000})
        self.sender = Sender(database, vault, {"console": ConsoleChannel()}, self.said)

    def hears(self, *texts: str, choice: str | None = None, who: str = ADDRESS) -> list[str]:
        """The person writes, or presses a button; gives what they are told by the turn."""
        before = self.last_told()
        for text in texts:
            self._count += 1
            kind = Kind.CHOICE if choice else Kind.TEXT
            self.intake.receive([Inbound("console", who, f"m{self._count}", kind, text, choice)])
        self.work()
        with self.database.read() as session:
            return list(session.scalars(select(Delivery.text).where(Delivery.id > before).order_by(Delivery.id)))

    def last_told(self) -> int:
        with self.database.read() as session:
            return session.scalar(select(func.max(Delivery.id))) or 0

    def work(self) -> None:
        while self.worker.step():
            pass

    def sends(self) -> None:
        async def send() -> None:
            while await self.sender.step():
                pass

        asyncio.run(send())

    def erases(self) -> list[str]:
        """The person wants to be forgotten, and says so twice."""
        self.hears("/erase")
        return self.hears("yes")

    def count(self, table: type) -> int:
        with self.database.read() as session:
            return session.scalar(select(func.count()).select_from(table)) or 0

    def contact(self) -> Contact | None:
        with self.database.read() as session:
            return contacts.find(session, self.vault, "console", ADDRESS)

    def open_ticket(self) -> Ticket:
        with self.database.read() as session:
            return session.scalars(select(Ticket).where(Ticket.state == "open")).one()


@pytest.fixture
def clinic(database: Database, vault: Vault, tmp_path: Path, engine: Engine) -> Iterator[Clinic]:
    post = Post()
    with post.serving() as url:
        yield Clinic(database, vault, tmp_path, engine, post, url)


class Story:
    """A person with two requests, and everything that officers and a provider can write about them."""

    def __init__(self, clinic: Clinic) -> None:
        self.clinic = clinic
        self.amina, self.lead = clinic.seat("Amina"), clinic.seat("Lucía", "administrator")
        self.first = self.asks(FIRST)
        self.talk(self.first)
        self.propose(self.first)
        self.pass_on(self.first)
        self.amina.post(f"/chats/{self.first}/close", outcome="gap")
        clinic.hears("It helped", choice=f"rate:{self.first}.1")
        clinic.hears("Yes", choice=f"news:{self.first}.yes")
        self.lead.post("/gaps", ticket=str(self.first))
        self.second = self.asks("where can i learn welding for my karakana in kumasi")
        self.amina.post(f"/chats/{self.second}/draft", text=f"Dear {NAME}, about your karakana")
        self.stock()

    def asks(self, text: str) -> int:
        self.clinic.hears(text)
        number = self.clinic.open_ticket().id
        self.clinic.escalation.claim(number, self.amina.officer)
        return number

    def talk(self, number: int) -> None:
        amina, lead = self.amina, self.lead
        amina.get(f"/chats/{number}")
        amina.post(f"/chats/{number}/reply", text=f"Dear {NAME}, I am asking in Kijitonyama.")
        self.clinic.hears("my karakana is behind the mosque")
        amina.post(f"/chats/{number}/note", text=f"{NAME} has a karakana")
        amina.post(f"/chats/{number}/transfer", to=str(lead.id), text=f"{ADDRESS} wants to be called")
        lead.post(f"/chats/{number}/transfer", to=str(amina.id), text="")
        lead.post(f"/chats/{number}/trust", give="1", reason=f"{NAME} works for the ministry")
        amina.post(f"/tickets/{number}/address")

    def propose(self, number: int) -> None:
        for said in ("karakana ya chuma", "karakana ya Kijitonyama"):
            self.amina.post(f"/chats/{number}/propose/words", language="sw", concept="entrepreneurship", said=said)
        self.lead.post("/proposals/2", decision="refuse", reason=f"Only {NAME} says so.")

    def pass_on(self, number: int) -> None:
        """With consent, to a provider who answers."""
        clinic = self.clinic
        with clinic.database.write() as session:
            session.add(_record())
        clinic.parts.referrals.enter_address("school", "desk@school.example", self.lead.officer)
        browser = clinic.browser()
        browser.post(self.link("address"))
        self.amina.post(f"/chats/{number}/refer", record="school", text="Welding for a karakana in Kijitonyama")
        clinic.hears("Yes", choice="consent:1.yes")
        while clinic.parts.referrals.step():
            pass
        browser.post(self.link("referral"), data={"answer": "accepted", "text": f"{NAME} may come on Monday"})

    def link(self, what: str) -> str:
        found = re.findall(rf"/providers/{what}/\S+", "\n".join(self.clinic.post.texts))
        assert found, f"no link for {what} was mailed"
        return str(found[-1])

    def stock(self) -> None:
        """What is in the remaining tables, and in columns that only mishaps fill."""
        clinic = self.clinic
        clinic.seat("Omar").post("/telegram/code")
        self.lead.post("/canned", language="en", title="Hello", text="Hello {name}")
        with clinic.database.write() as session:
            contacts.check_key(session, clinic.vault)
            builds.publish(session, builds.begin(session, "digest").id)
            session.add(Vector(model="model", digest="digest", values=b"0000"))
            session.add(Announced(ticket_id=self.second, external_id="17", state="free:0"))
            session.add(Run(source="dial"))
            session.add(Origin(source="dial", key="1", record_id="school", digest="d"))
            session.add(LinkCheck(record_id="school", url="https://school.example"))
            session.execute(update(Delivery).where(Delivery.author == "officer").values(failure=f"to {ADDRESS}"))
            session.execute(update(Referral).values(failure=f"about {NAME}"))
            contact = session.scalars(select(Contact)).one()
            contact.country, contact.audience, contact.origin = "TZ", "youth", "a network"
            conversation = session.scalars(select(Conversation)).one()
            conversation.context = {**conversation.context, "question": {"text": FIRST}}
        self.offer()

    def offer(self) -> None:
        """What the person has sent in: one thing is refused, two wait, each beside something that it may be."""
        clinic = self.clinic
        given = {"kind": "programme", "provider": NAME, "summary": f"By {NAME}.", "teaches": "Welding"}
        given |= dict.fromkeys(("cost", "modality"), "unknown")
        with clinic.database.write() as session:
            sender = {"conversation_id": session.scalars(select(Conversation.id)).one(), "language": "en"}
            for name in ("Karakana of Mwinyi", "The Kumasi school", "Evenings in the karakana"):
                record = read_record(PROVIDER, given | {"name": name}, ["entrepreneurship"], "en")
                sealed = clinic.vault.seal("zubeida@karakana.example")
                submissions.submit(session, record, [("school", 0.9)], email_sealed=sealed, **sender)
        self.lead.post("/changes/1", decision="refuse", reason=f"I do not know {NAME}.")


def _record() -> Record:
    body = {"name": "The School of Welding", "eligibility": {"countries": None}}
    return Record(id="school", kind="provider", body=body, digest="d", status="active", source="a test")


@pytest.fixture
def story(clinic: Clinic) -> Story:
    return Story(clinic)


def everything(database: Database) -> dict[str, str]:
    """Table → all that stands in its rows."""
    with database.engine.connect() as connection:
        return {
            name: "\n".join(str(dict(row)) for row in connection.execute(select(table)).mappings())
            for name, table in Table.metadata.tables.items()
        }


def traces(database: Database) -> list[tuple[str, str]]:
    """Where which mark is found."""
    return [(name, mark) for name, text in everything(database).items() for mark in MARKS if _holds(text, mark)]


def _holds(text: str, mark: str) -> bool:
    written = (mark, json.dumps(mark)[1:-1], mark.encode("unicode_escape").decode())
    return any(each.casefold() in text.casefold() for each in written)


# --- erasing ----------------------------------------------------------------------------------


def test_the_story_leaves_traces_in_every_table_that_can_hold_them(story: Story) -> None:
    kept = everything(story.clinic.database)
    assert [name for name, text in kept.items() if not text] == [], "the story should fill every table"
    marked = {name for name, _ in traces(story.clinic.database)}
    assert marked >= {"message", "delivery", "ticket", "note", "presence", "referral", "proposal", "trust"}
    assert marked >= {"revision", "duplicate"}
    assert "conversation" in marked


def test_the_audit_log_holds_neither_words_nor_addresses_not_even_before(story: Story) -> None:
    assert [found for found in traces(story.clinic.database) if found[0] == "audit"] == []
    actions = {entry.action for entry in _rows(story.clinic, Audit)}
    assert actions >= {
        "ticket.note",
        "ticket.transfer",
        "trust.give",
        "referral.ask",
        "proposal.words",
        "ticket.address",
    }


def test_after_an_erasure_no_row_of_any_table_tells_who_it_was_or_what_they_wrote(story: Story) -> None:
    (last,) = story.clinic.erases()
    assert "deleted" in last
    assert traces(story.clinic.database) == []


def test_once_the_last_word_is_out_the_address_is_gone_too(story: Story) -> None:
    clinic, contact = story.clinic, story.clinic.contact()
    assert contact
    clinic.erases()
    clinic.sends()
    _pass(clinic, LAST_WORD)
    assert expire(clinic.database, 180) == 1

    kept = "\n".join(everything(clinic.database).values())
    assert contact.address_digest not in kept
    assert contact.address_sealed not in kept
    assert (clinic.count(Contact), clinic.count(Conversation), clinic.count(Message)) == (0, 0, 0)


def test_not_a_byte_of_it_is_left_in_the_file(story: Story) -> None:
    clinic = story.clinic
    if not clinic.database.embedded:
        pytest.skip("PostgreSQL's files are not ours to read")
    contact = clinic.contact()
    assert contact
    marks = [*MARKS, contact.address_sealed, contact.address_digest]
    assert [mark for mark in marks if _in_files(clinic.home, mark)] == marks
    clinic.erases()
    assert [mark for mark in MARKS if _in_files(clinic.home, mark)] == []
    clinic.sends()
    _pass(clinic, LAST_WORD)
    expire(clinic.database, 180)
    assert [mark for mark in marks if _in_files(clinic.home, mark)] == []


def test_what_a_reader_held_up_is_wiped_off_the_file_an_hour_later(story: Story) -> None:
    clinic = story.clinic
    if not clinic.database.embedded:
        pytest.skip("PostgreSQL has no such file")
    with clinic.database.read() as session:
        session.scalars(select(Message)).all()  # somebody reads, so that the log of writes cannot be emptied
        clinic.erases()
        assert any(_in_files(clinic.home, mark) for mark in MARKS)
    expire(clinic.database, 180)
    assert [mark for mark in MARKS if _in_files(clinic.home, mark)] == []


def _in_files(folder: Path, mark: str) -> bool:
    files = b"".join(path.read_bytes() for path in folder.glob("dalil.db*"))
    return any(each.encode() in files for each in (mark, json.dumps(mark)[1:-1]))


def test_nothing_of_it_is_in_the_logs(clinic: Clinic, capfd: pytest.CaptureFixture[str]) -> None:
    Story(clinic).clinic.erases()
    out, errors = capfd.readouterr()
    assert out + errors, "something is logged"
    assert [mark for mark in MARKS if _holds(out + errors, mark)] == []


def test_what_stays_are_numbers_and_topics(story: Story) -> None:
    clinic = story.clinic
    clinic.erases()
    first, second = clinic.row(Ticket, story.first), clinic.row(Ticket, story.second)
    assert [(t.conversation_id, t.state, t.wordless) for t in (first, second)] == [(None, "closed", True)] * 2
    assert (first.outcome, second.outcome) == ("gap", "declined")
    assert set(first.need) == {"question", demand.SAME}
    assert set(first.need["question"]) <= {"topics", "language"}


def test_what_a_lead_approved_stays_common_knowledge(story: Story) -> None:
    clinic, approved = story.clinic, {"language": "sw", "concept": "entrepreneurship", "words": "warsha ya chuma"}
    with clinic.database.write() as session:
        session.execute(update(Proposal).where(Proposal.id == 1).values(state="approved", body=approved))
    clinic.erases()
    assert [(each.id, each.body) for each in _rows(clinic, Proposal)] == [(1, approved)]
    lay_over({})


def test_what_was_sent_in_is_forgotten_but_for_what_everybody_may_know(story: Story) -> None:
    clinic = story.clinic
    known = {"name": "The school", "summaries": {"en": "Welding."}}
    with clinic.database.write() as session:
        values = {"state": "approved", "record_id": "the-school", "body": known}
        session.execute(update(Revision).where(Revision.id == 2).values(values))
    clinic.erases()
    theirs = _rows(clinic, Revision)
    assert {(each.conversation_id, each.email_sealed, each.reason) for each in theirs} == {(None, None, None)}
    assert [(each.state, each.body) for each in sorted(theirs, key=lambda each: int(each.id))] == [
        ("refused", {}),
        ("approved", known),
        ("refused", {}),
    ]


@pytest.mark.parametrize(
    "path",
    [
        "/chats/{first}",
        "/chats/{first}/live",
        "/chats/{second}",
        "/chats/{second}/live",
        "/chats/{first}/search",
        "/chats/{first}/propose",
        "/queue?held=1",
        "/chats",
        "/gaps",
        "/gaps/1",
        "/gaps.csv",
        "/referrals",
        "/proposals",
        "/changes",
        "/alike",
        "/audit",
        "/audit.csv",
        "/weakness",
    ],
)
def test_no_page_of_the_desk_shows_any_of_it_any_more(story: Story, path: str) -> None:
    story.clinic.erases()
    page = story.lead.get(path.format(first=story.first, second=story.second))
    assert [mark for mark in MARKS if _holds(page, mark)] == []


def test_the_officer_who_has_the_chat_open_sees_that_it_was_erased(story: Story) -> None:
    before = story.amina.get(f"/chats/{story.second}/live")
    assert 'data-state="open"' in before
    changed = story.clinic.row(Ticket, story.second).changed_at
    story.clinic.erases()

    assert story.clinic.row(Ticket, story.second).changed_at > changed, "live pages look for that"
    page = story.amina.get(f"/chats/{story.second}/live")
    assert 'data-state="gone"' in page
    assert "The person has had everything about them deleted, and cannot be answered." in page
    assert "Nothing that was said is kept." in page
    assert story.amina.post(f"/chats/{story.second}/reply", text="Are you there?") == 404


def test_what_an_officer_was_writing_does_not_come_back(story: Story) -> None:
    story.clinic.erases()
    assert story.amina.post(f"/chats/{story.second}/draft", text=f"Dear {NAME}") == 409
    assert story.amina.post(f"/chats/{story.second}/note", text=f"{NAME} is gone") == 404
    assert traces(story.clinic.database) == []


# --- erasing while something is under way ------------------------------------------------------


def test_a_provider_s_link_is_dead_afterwards(story: Story) -> None:
    browser, link = story.clinic.browser(), story.link("referral")
    assert browser.get(link).status_code == 200
    story.clinic.erases()
    assert browser.get(link).status_code == 410
    assert browser.post(link, data={"answer": "accepted", "text": f"{NAME} may come"}).status_code == 410
    assert story.clinic.count(Note) == 0
    assert [each.subject for each in _rows(story.clinic, Link) if each.purpose == "referral"] == []


def test_what_was_to_be_passed_on_is_not_passed_on_any_more(story: Story) -> None:
    clinic = story.clinic
    story.amina.post(f"/chats/{story.second}/refer", record="school", text="Welding once more")
    clinic.hears("Yes", choice="consent:2.yes")
    mails = len(clinic.post.mails)
    clinic.erases()
    assert not clinic.parts.referrals.step()
    assert len(clinic.post.mails) == mails


def test_an_erasure_while_a_mail_is_on_its_way_breaks_nothing(story: Story) -> None:
    clinic = story.clinic
    story.amina.post(f"/chats/{story.second}/refer", record="school", text="Welding once more")
    clinic.hears("Yes", choice="consent:2.yes")

    class Slow:
        """A mail server that takes its time: meanwhile the person has themselves erased."""

        def send(self, *_mail: str) -> None:
            clinic.erases()

    settings = clinic.parts.settings
    mailer: Any = Slow()
    assert Referrals(clinic.database, clinic.vault, mailer, settings.public, settings.operator).step()
    assert clinic.count(Referral) == 0


def test_who_asks_for_something_new_in_the_same_breath_is_heard(story: Story) -> None:
    clinic = story.clinic
    clinic.hears("/erase")
    told = clinic.hears("yes", "where can i learn welding around Tamale")
    assert any("passed your request on" in text for text in told)

    ticket = clinic.open_ticket()
    assert ticket.id > story.second
    assert ticket.country != "TZ", "what was known of them is forgotten"
    clinic.escalation.claim(ticket.id, story.amina.officer)
    assert 'data-state="open"' in story.amina.get(f"/chats/{ticket.id}")
    clinic.sends()
    _pass(clinic, LAST_WORD)
    expire(clinic.database, 180)
    assert clinic.row(Ticket, ticket.id).conversation_id is not None


def test_a_message_that_comes_in_during_the_erasure_begins_a_new_talk(story: Story) -> None:
    clinic = story.clinic
    clinic.hears("/erase")

    class Late(Assistant):
        def take(self, heard: Any, known: Any) -> Any:
            outcome = super().take(heard, known)
            if outcome.erase:
                clinic.intake.receive([Inbound("console", ADDRESS, "late", Kind.TEXT, "free python course")])
            return outcome

    late = Late(clinic.worker._assistant.engine, clinic.worker._assistant.manners)
    clinic.worker = Worker(clinic.database, late, clinic.arrived, clinic.said)
    clinic.hears("yes")
    clinic.sends()
    _pass(clinic, LAST_WORD)

    assert expire(clinic.database, 180) == 0
    assert [message.text for message in _rows(clinic, Message)] == ["free python course"]


# --- what is counted afterwards ----------------------------------------------------------------


def test_somebody_who_is_forgotten_goes_on_to_count_as_one_person(clinic: Clinic) -> None:
    with clinic.database.write() as session:
        person = contacts.meet(session, clinic.vault, "console", ADDRESS)[1].id
        for topic in ("python", "python", "python", "cloud", "python", "python"):
            need = {"question": {"topics": {topic: 1.0}, "language": "en"}, "words": "mine"}
            tickets.open_one(session, person, reason="nothing-fits", language="en", country="GH", need=need)
            session.execute(update(Ticket).values(state="closed", outcome="gap"))

    def counted() -> dict[tuple[str, ...], int]:
        with clinic.database.read() as session:
            return unmet(wishes(session), "topic") | unmet(wishes(session))

    before = counted()
    clinic.erases()
    assert counted() == before == {("python",): 1, ("cloud",): 1, (): 1}


# --- what a person can have ---------------------------------------------------------------------


def test_an_export_tells_everything_in_words(story: Story) -> None:
    clinic = story.clinic
    with clinic.database.write() as session:
        session.get_one(Ticket, story.first).matched = ["school"]
        session.get_one(Ticket, story.first).results = {"30": "enrolled"}
    text = "\n".join(clinic.hears("/export"))
    for part in (
        "This is everything that is kept about you:",
        "Channel: console",
        "Language: English",
        "Country: Tanzania",
        f"Your requests are answered first: {NAME} works for the ministry",
        f"Request {story.first}, made on",
        "closed, a gap: nobody offers this",
        f"Request {story.second}, made on",
        ": open",
        "Understood: ",
        "What fits: The School of Welding",
        "Your answer: It helped",
        "You agreed that we write to you again about this.",
        "Your answer: I have enrolled",
        "To be passed on to The School of Welding: they can help",
        "“Welding for a karakana in Kijitonyama”",
        f"“{NAME} may come on Monday”",
        "notes that officers wrote for each other are not shown here; ask for them with /person.",
        f"You: {FIRST}",
        f"Officer: Dear {NAME}, I am asking in Kijitonyama.",
        "You: my karakana is behind the mosque",
        f"Number 1 was not taken into the catalogue. “Karakana of Mwinyi” I do not know {NAME}.",
        "Number 3 waits for a person to look at it. “Evenings in the karakana”",
    ):
        assert part in text
    assert "has a karakana" not in text, "that is for officers"
    assert "about your karakana" not in text, "nobody has sent that"


@pytest.mark.parametrize("language", ["ar", "sw", "fr", "am"])
def test_an_export_comes_in_the_persons_language(story: Story, language: str) -> None:
    story.clinic.hears("", choice=f"language:{language}")
    text = "\n".join(story.clinic.hears("/export"))
    assert "This is everything" not in text
    assert FIRST in text


def test_an_export_shows_nothing_of_another_person(story: Story) -> None:
    text = "\n".join(story.clinic.hears("/export", who="somebody else"))
    assert [mark for mark in MARKS if _holds(text, mark)] == []


def test_a_long_export_says_what_it_leaves_out(clinic: Clinic) -> None:
    seat = clinic.seat()
    with clinic.database.write() as session:
        person = contacts.meet(session, clinic.vault, "console", ADDRESS)[1].id
        for number in range(60):
            need = {"words": "mine", "question": {"topics": {"python": 1.0}}}
            ticket = tickets.open_one(
                session, person, reason="person", language="en", country="GH", need={**need, "number": number}
            )
            session.add(Referral(ticket_id=ticket.id, record_id="x", officer_id=seat.id, text=f"{number} " + "t" * 500))
            ticket.state = "closed"
            session.flush()
    clinic.hears(*(f"{number} " + "w" * 900 for number in range(20)))
    clinic.hears(*(f"{number} " + "w" * 900 for number in range(20, 28)))
    texts = clinic.hears("/export")
    assert len(texts) <= MOST_PARTS + 2
    assert max(map(len, texts)) <= LONGEST_PART
    text = "\n".join(texts)
    assert re.search(r"\d+ older requests are left out here; ask for them with /person\.", text)
    assert re.search(r"\d+ older messages are left out here; ask for them with /person\.", text)
    assert "“59 ttt" in text
    assert "27 www" in text
    assert "“0 ttt" not in text


# --- what goes by itself ------------------------------------------------------------------------


def test_what_officers_wrote_goes_when_its_time_is_over_though_the_person_writes_on(story: Story) -> None:
    clinic = story.clinic
    _pass(clinic, timedelta(days=181))
    clinic.hears("free python course")
    clinic.seat("Brian").post(f"/chats/{story.second}/note", text="a new note")
    expire(clinic.database, 180)

    assert {name for name, _ in traces(clinic.database)} == {"trust"}, "that stays as long as the person"
    assert [note.text for note in _rows(clinic, Note)] == ["a new note"]
    assert (clinic.count(Referral), clinic.count(Presence)) == (0, 0)


def test_who_was_silent_for_the_whole_time_leaves_no_trace(story: Story) -> None:
    clinic = story.clinic
    _pass(clinic, timedelta(days=181))
    assert expire(clinic.database, 180) == 1
    assert traces(clinic.database) == []
    assert clinic.count(Trust) == 0


def test_within_its_time_nothing_goes(story: Story) -> None:
    clinic = story.clinic
    before = {name: text.count("\n") for name, text in everything(clinic.database).items()}
    _pass(clinic, timedelta(days=179))
    expire(clinic.database, 180)
    assert {name: text.count("\n") for name, text in everything(clinic.database).items()} == before


def test_words_that_are_written_down_again_after_their_time_go_again(story: Story) -> None:
    clinic = story.clinic
    _pass(clinic, timedelta(days=181))
    clinic.hears("hello")
    expire(clinic.database, 180)
    with clinic.database.write() as session:
        person = session.scalars(select(Conversation.id)).one()
        need = {"words": f"{NAME} again", "question": {}}
        tickets.open_one(session, person, reason="person", language="en", country=None, need=need)
    expire(clinic.database, 180)
    assert [found for found in traces(clinic.database) if found[0] == "ticket"] == []


def _rows(clinic: Clinic, table: type) -> list[Any]:
    with clinic.database.read() as session:
        return list(session.scalars(select(table)))


def _pass(clinic: Clinic, time: timedelta) -> None:
    """Let everything have happened earlier."""
    earlier = time + timedelta(minutes=1)
    with clinic.database.write() as session:
        for table in Table.metadata.sorted_tables:
            moments = [column for column in table.columns if column.type.__class__.__name__ == "Moment"]
            keys = list(table.primary_key.columns)
            for row in session.execute(select(table)).mappings().all():
                values = {column: row[column.name] - earlier for column in moments if row[column.name]}
                if values:
                    session.execute(update(table).where(*(key == row[key.name] for key in keys)).values(values))
