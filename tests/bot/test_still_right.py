"""Whoever offered something in the chat is asked there, seldom, whether it is still right; their answer counts."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from bot.assembly import Assembly
from bot.confirming import BETWEEN, NEAR, ask_due
from bot.delivery import Sender
from bot.intake import Intake
from bot.outcome import Manners
from bot.service import Service
from bot.settings import Settings
from bot.signals import Signal
from bot.submissions import change, digest, submit, told
from bot.turn import Assistant
from bot.worker import Worker
from channels.contract import Inbound, Kind
from ingest.load import publish
from locales import LANGUAGES
from retrieval.engine import Engine
from retrieval.records import Record
from store import contacts, sources, tickets
from store.database import Database
from store.desk_tables import Officer
from store.source_tables import Revision
from store.tables import Audit, Contact, Conversation, Delivery, now
from store.tables import Record as Row
from store.vault import Vault
from tests.bot.test_delivery import Scripted
from tests.ingest.test_links import PLAIN

DAY = timedelta(days=1)
PUBLIC, FORM = "https://dalil.example", "https://dalil.example/join"


def today() -> date:
    return datetime.now(UTC).date()


class Provider:
    """Somebody who has offered a typing club in the chat, and a lead who has approved it half a year ago."""

    channel = "console"

    def __init__(self, database: Database, vault: Vault, engine: Engine) -> None:
        self.database, self.vault, self._count = database, vault, 0
        arrived = Signal()
        self.intake = Intake(database, vault, arrived)
        manners = Manners("the facility", f"{PUBLIC}/privacy", 180, join=FORM)
        self.worker = Worker(database, Assistant(engine, manners), arrived, Signal())
        with database.write() as session:
            lead = Officer(login="lead", name="Lead", role="lead")
            session.add(lead)
            session.flush()
            self.lead = lead.id
            contact, conversation = contacts.meet(session, vault, self.channel, "somebody")
            contact.welcomed_at, contact.language = now(), "en"
            self.conversation = conversation.id
        self.number = self.offers("Typing Club")

    def offers(self, name: str, language: str = "en") -> int:
        """Something is offered and approved; its time to be looked at is soon. Gives its number."""
        record = Record.model_validate(PLAIN | {"id": "to-come", "name": name})
        with self.database.write() as session:
            sender: dict[str, Any] = {"conversation_id": self.conversation, "language": language}
            number = submit(session, record, (), **sender).id
            self.approves(session, number)
        self.is_due()
        return number

    def approves(self, session: Any, number: int) -> None:
        revision = sources.decide(session, number, self.lead, approve=True, reason=None)
        publish(session, revision.body, "lead")
        told(session, {}, revision)

    def is_due(self, days: int = 5) -> None:
        with self.database.write() as session:
            session.execute(update(Row).values(review_by=today() + timedelta(days=days)))

    def asked(self, moment: datetime | None = None) -> int:
        """How many are asked."""
        with self.database.write() as session:
            return ask_due(session, moment or now(), PUBLIC)

    def presses(self, answer: str, number: int | None = None, text: str = "Yes") -> str:
        """A button under the question; gives what is said then."""
        return self.says(text, f"still:{number or self.number}.{answer}")

    def says(self, text: str, choice: str | None = None, address: str = "somebody") -> str:
        before = len(self.rows(Delivery))
        self._count += 1
        kind = Kind.CHOICE if choice else Kind.TEXT
        self.intake.receive([Inbound(self.channel, address, f"m{self._count}", kind, text, choice)])
        while self.worker.step():
            pass
        return "\n".join(each.text for each in self.rows(Delivery)[before:])

    def rows(self, table: Any) -> list[Any]:
        with self.database.read() as session:
            return list(session.scalars(select(table).order_by(table.id)))

    @property
    def row(self) -> Row:
        found: Row = self.rows(Row)[0]
        return found

    def question(self) -> Delivery:
        found: Delivery = self.rows(Delivery)[-1]
        return found

    def audit(self) -> list[str]:
        return [each.action for each in self.rows(Audit)]

    def put(self, **values: Any) -> None:
        with self.database.write() as session:
            session.execute(update(Contact).values(values))


@pytest.fixture
def provider(database: Database, vault: Vault, engine: Engine) -> Provider:
    return Provider(database, vault, engine)


# --- the question -----------------------------------------------------------------------------


def test_who_offered_something_is_asked_with_its_name_its_page_and_three_buttons(provider: Provider) -> None:
    assert provider.asked() == 1

    question = provider.question()
    assert "“Typing Club” still right?" in question.text
    assert question.text.endswith(f"{PUBLIC}/catalogue/typing-club")
    number = provider.number
    assert question.buttons == [
        ["Yes", f"still:{number}.yes"],
        ["No longer", f"still:{number}.ended"],
        ["Change it", f"still:{number}.change"],
    ]
    assert question.conversation_id == provider.conversation


def test_they_are_asked_once_in_ninety_days(provider: Provider) -> None:
    later = now() + BETWEEN
    assert [provider.asked(each) for each in (now(), now() + DAY, later - DAY, later + DAY)] == [1, 0, 0, 1]


@pytest.mark.parametrize(("days", "asked"), [(NEAR.days + 1, 0), (NEAR.days, 1), (0, 1), (-200, 1)])
def test_they_are_asked_when_the_time_to_look_again_is_near_or_past(provider: Provider, days: int, asked: int) -> None:
    provider.is_due(days)

    assert provider.asked() == asked


def test_they_are_asked_in_the_language_that_they_write_now(provider: Provider) -> None:
    provider.put(language="sw")
    provider.asked()

    assert provider.question().language == "sw"
    assert "bado ni sahihi?" in provider.question().text
    assert provider.question().text.endswith(f"{PUBLIC}/catalogue/typing-club?lang=sw")


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_buttons_fit_whatsapp_in_every_language(provider: Provider, code: str) -> None:
    provider.put(language=code)
    provider.asked()

    titles = [title for title, _ in provider.question().buttons]
    assert len(set(titles)) == 3
    assert all(len(title) <= 20 for title in titles)


def test_who_has_stopped_is_not_asked(provider: Provider) -> None:
    provider.put(stopped_at=now())

    assert provider.asked() == 0


def test_who_has_an_open_request_is_not_asked_meanwhile_since_an_officer_may_have_the_talk(provider: Provider) -> None:
    with provider.database.write() as session:
        of: dict[str, Any] = {"reason": "need", "language": "en", "country": None, "need": {}}
        ticket = tickets.open_one(session, provider.conversation, **of)
        number = ticket.id

    assert provider.asked() == 0

    with provider.database.write() as session:
        session.get_one(tickets.Ticket, number).state = "closed"
    assert provider.asked() == 1


def test_who_offered_a_lot_is_asked_about_one_thing_a_day(provider: Provider) -> None:
    provider.offers("Spreadsheets for farmers")

    assert [provider.asked(now() + days * DAY) for days in (0, 0, 2, 2, 4)] == [1, 0, 1, 0, 0]
    said = " ".join(each.text for each in provider.rows(Delivery))
    assert "“Typing Club” still right?" in said
    assert "“Spreadsheets for farmers” still right?" in said


@pytest.mark.parametrize(
    "what", [{"withdrawn_at": datetime(2026, 1, 1, tzinfo=UTC)}, {"status": "ended"}, {"review_by": None}]
)
def test_nobody_is_asked_about_what_is_not_offered(provider: Provider, what: dict[str, Any]) -> None:
    with provider.database.write() as session:
        session.execute(update(Row).values(what))

    assert provider.asked() == 0


def test_nobody_is_asked_about_what_is_over(provider: Provider) -> None:
    with provider.database.write() as session:
        row = session.scalars(select(Row)).one()
        row.body = {**row.body, "ends": f"{today() - DAY}"}

    assert provider.asked() == 0


def test_who_has_just_sent_a_change_is_not_asked_before_it_is_looked_at(provider: Provider) -> None:
    with provider.database.write() as session:
        revision = session.get_one(Revision, provider.number)
        change(session, revision, Record.model_validate(revision.body), language="en")

    assert provider.asked() == 0


def test_who_was_forgotten_is_not_asked(provider: Provider) -> None:
    provider.says("/erase")
    provider.says("yes")

    assert provider.asked() == 0


def test_outside_the_window_they_are_invited_to_write_and_the_question_waits(
    database: Database, vault: Vault, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Provider, "channel", "scripted")
    provider, channel = Provider(database, vault, engine), Scripted()
    channel.window = timedelta(hours=24)
    with database.write() as session:
        session.execute(update(Delivery).values(state="sent"))
    provider.put(seen_at=now() - 170 * DAY, language="fr")
    provider.asked()
    sender = Sender(database, vault, {"scripted": channel}, Signal())

    asyncio.run(sender.step())

    assert (channel.invited, channel.sent) == ([("somebody", "fr")], [])
    assert provider.question().state == "parked"


# --- the answer -------------------------------------------------------------------------------


def test_yes_makes_it_checked_today_and_good_for_half_a_year(provider: Provider) -> None:
    provider.asked()

    assert "People see that you have checked it today." in provider.presses("yes")

    row = provider.row
    assert (row.checked_on, row.checked_by, row.review_by) == (today(), "provider", today() + 180 * DAY)
    assert provider.asked(now() + BETWEEN + DAY) == 0
    assert provider.audit()[-1] == "record.confirm"


def test_the_answer_may_be_typed(provider: Provider) -> None:
    provider.asked()

    assert "People see that you have checked it today." in provider.says("Yes")
    assert provider.row.checked_on == today()


def test_no_longer_goes_to_a_lead_and_changes_nothing_yet(provider: Provider) -> None:
    provider.asked()

    assert "Somebody looks at it" in provider.presses("ended")

    (waiting,) = [each for each in provider.rows(Revision) if each.state == "open"]
    assert (waiting.kind, waiting.record_id, waiting.body["status"]) == (sources.ENDED, "typing-club", "ended")
    assert (provider.row.status, provider.row.withdrawn_at) == ("active", None)
    assert provider.audit()[-1] == "record.ended"
    assert provider.asked(now() + BETWEEN + DAY) == 0, "a lead has to look first"


def test_who_says_yes_after_all_takes_that_back(provider: Provider) -> None:
    provider.asked()
    provider.presses("ended")
    provider.presses("yes")

    assert [each.state for each in provider.rows(Revision)] == ["approved", "replaced"]
    assert provider.row.checked_on == today()


def test_yes_leaves_what_a_source_says_of_it_to_a_lead(provider: Provider) -> None:
    provider.asked()
    with provider.database.write() as session:
        for kind, source in ((sources.ENDED, "a source"), (sources.CHANGED, "provider")):
            sources.propose(session, "typing-club", kind, source, provider.row.body)
    provider.presses("yes")

    assert [each.state for each in provider.rows(Revision)] == ["approved", "open", "open"]


def test_a_button_about_what_no_lead_has_approved_yet_changes_nothing(provider: Provider) -> None:
    with provider.database.write() as session:
        revision = session.get_one(Revision, provider.number)
        body = Record.model_validate(revision.body)
        waiting = change(session, revision, body, language="en").id

    assert provider.presses("yes", waiting) == "This button does not work any more."
    assert provider.row.checked_by == "lead"


def test_change_gives_the_link_by_which_what_was_sent_is_changed(provider: Provider) -> None:
    provider.asked()

    (token,) = re.findall(rf"{FORM}/(\S+)", provider.presses("change"))

    (revision,) = provider.rows(Revision)
    assert revision.token_digest == digest(token)
    assert provider.row.checked_by == "lead", "nothing is changed yet"
    assert provider.audit()[-1] == "record.change-link"


def test_the_outcome_of_a_change_is_told_in_the_chat_and_asked_about_later(provider: Provider) -> None:
    provider.asked()
    provider.presses("change")
    with provider.database.write() as session:
        revision = session.get_one(Revision, provider.number)
        record = Record.model_validate({**revision.body, "name": "Typing Circle"})
        kept = change(session, revision, record, language="en")
        provider.approves(session, kept.id)

    assert "“Typing Circle” is in the catalogue now." in provider.question().text
    provider.is_due()
    assert provider.asked(now() + 2 * DAY) == 1
    assert provider.question().buttons[0][1] == f"still:{kept.id}.yes"


def test_somebody_else_s_button_changes_nothing(provider: Provider) -> None:
    provider.asked()
    before = provider.audit()
    for answer in ("yes", "ended", "change"):
        said = provider.says("Yes", f"still:{provider.number}.{answer}", address="somebody else")
        assert "This button does not work any more." in said

    assert provider.row.checked_by == "lead"
    assert [(each.state, each.token_digest) for each in provider.rows(Revision)] == [("approved", None)]
    assert provider.audit() == before


@pytest.mark.parametrize(
    "forged",
    ["still:1.maybe", "still:x.yes", "still:99.yes", f"still:{'9' * 40}.yes", "still:1", "still:", "still:1.change.0"],
)
def test_a_forged_button_does_no_harm(provider: Provider, forged: str) -> None:
    assert provider.says("Yes", forged)

    assert provider.row.checked_by == "lead"
    assert [each.token_digest for each in provider.rows(Revision)] == [None]


def test_the_button_counts_while_an_officer_has_the_talk(provider: Provider) -> None:
    provider.asked()
    with provider.database.write() as session:
        of: dict[str, Any] = {"reason": "need", "language": "en", "country": None, "need": {}}
        ticket = tickets.open_one(session, provider.conversation, **of)
        ticket.officer_id = provider.lead
    provider.presses("yes")

    assert provider.row.checked_by == "provider"


def test_a_button_about_what_was_withdrawn_meanwhile_changes_nothing_and_says_so(provider: Provider) -> None:
    provider.asked()
    with provider.database.write() as session:
        session.execute(update(Row).values(withdrawn_at=now()))
    said = [provider.presses(answer) for answer in ("yes", "ended", "change")]

    assert said == ["This button does not work any more."] * 3
    assert provider.row.checked_by == "lead"
    assert [(each.state, each.token_digest) for each in provider.rows(Revision)] == [("approved", None)]


def test_a_button_about_what_has_ended_says_that_it_does_not_work_any_more(provider: Provider) -> None:
    provider.asked()
    with provider.database.write() as session:
        session.execute(update(Row).values(status="ended"))

    assert provider.presses("yes") == "This button does not work any more."
    assert provider.row.checked_by == "lead"


def test_the_question_is_remembered_as_what_may_be_typed(provider: Provider) -> None:
    provider.asked()

    assert provider.rows(Conversation)[0].context["offered"] == provider.question().buttons


def test_the_service_asks_while_it_tends_what_is_due(provider: Provider, tmp_path: Path) -> None:
    assembly = Assembly(Settings(_env_file=None, home=tmp_path / "home", public_url="https://dalil.example"))
    assembly.__dict__["database"] = provider.database
    Service(assembly, lambda: (lambda total: None, lambda done: None)).tend(now())

    assert f"{PUBLIC}/catalogue/typing-club" in provider.question().text
