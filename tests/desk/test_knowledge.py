"""What officers learn is known to everybody once a lead approves: a record is found, words are understood."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot import learned
from bot.assembly import Assembly
from bot.cards import Cards
from bot.offering import COSTS, FORMATS
from bot.outcome import Manners
from bot.replies import Replies
from bot.service import Service
from bot.settings import Settings
from bot.turn import Assistant
from bot.worker import Worker
from channels.contract import Inbound, Kind
from ingest.normalise import identifier
from retrieval.embeddings import SentenceEmbeddings
from retrieval.engine import Engine
from retrieval.fit import Action
from retrieval.index import Index
from retrieval.understanding import understand
from retrieval.vocabulary import lay_over
from store import catalogue, proposals
from store.database import Database
from store.desk_tables import Proposal
from store.tables import Audit, Conversation, Record, Turn
from store.vault import Vault
from tests.conftest import SECRET
from tests.desk.conftest import House, Seat

OFFER = {
    "kind": "programme",
    "name": "Beekeepers' Spreadsheet Evenings",
    "provider": "Asali Cooperative",
    "url": "https://asali.example/evenings",
    "summary": "Evening classes on spreadsheets for people who sell honey.",
    "teaches": "spreadsheets for honey sales\nstock lists of a small farm",
    "topics": "spreadsheets",
    "languages": "sw, en",
    "countries": "KE, UG",
    "cost": "free",
    "modality": "in-person",
}
ID = "beekeepers-spreadsheet-evenings"
WORDS = {"language": "sw", "concept": "python", "said": "kufuma msimbo"}
ASKED = "nataka kujifunza kufuma msimbo"


@pytest.fixture(autouse=True)
def only_the_words_of_the_files() -> Iterator[None]:
    """The vocabulary belongs to the process: what a test lays over it goes with the test."""
    yield
    lay_over({})


@pytest.fixture
def both(database: Database, vault: Vault, tmp_path: Path) -> House:
    """A desk on either database."""
    return House(database, vault, _settings(tmp_path), None)


@pytest.fixture
def library(catalogue: Database, engine: Engine, vault: Vault, tmp_path: Path) -> House:
    """A desk with a starter catalogue and an index of its own, which may change."""
    assert catalogue.checkpoint()
    shutil.copy(str(catalogue.engine.url.database), tmp_path / "library.db")
    database, embeddings = Database(f"sqlite:///{tmp_path / 'library.db'}"), SentenceEmbeddings()
    own = Engine(database, Index(database, tmp_path / "index", None, embeddings), embeddings)
    own.load()
    return House(database, vault, _settings(tmp_path), own)


def _settings(home: Path) -> Settings:
    return Settings(_env_file=None, home=home)  # type: ignore[call-arg]


def proposes(house: House, kind: str = "record", seat: Seat | None = None, **changes: str) -> int:
    """An officer proposes something from a chat; gives its number."""
    seat = seat or house.seat("Amina")
    fields = (OFFER if kind == "record" else WORDS) | changes
    assert seat.post(f"/chats/{house.ticket()}/propose/{kind}", **fields) == 303
    with house.database.read() as session:
        return session.scalars(select(Proposal.id).order_by(Proposal.id.desc())).first() or 0


def rows(house: House, table: type) -> list[Any]:
    with house.database.read() as session:
        return list(session.scalars(select(table)))


def audited(house: House) -> list[tuple[str, str, str]]:
    return [(each.actor, each.action, each.subject) for each in rows(house, Audit)]


def found(engine: Engine, question: str) -> list[str]:
    return [result.record.id for result in engine.judge(understand(question)).found.results]


def means(text: str) -> dict[str, float]:
    return understand(text, "sw").topics


# --- a record ---------------------------------------------------------------------------------


def test_what_an_officer_proposes_is_found_by_nobody_before_a_lead_approves(library: House) -> None:
    engine: Any = library.parts.engine()
    number = proposes(library)

    assert library.row(Proposal, number).state == "open"
    assert library.row(Record, ID) is None
    assert not engine.outdated()
    assert engine.record(ID) is None


def test_an_approved_record_is_found_within_a_minute(library: House) -> None:
    engine: Any = library.parts.engine()
    number, lead = proposes(library), library.seat("Lucía", "lead")
    assembly = Assembly(_settings(Path(library.parts.settings.home)))
    vars(assembly).update(database=library.database, engine=engine)  # in place of those it would make
    service = Service(assembly, lambda: (lambda total: None, lambda done: None))
    keeper = threading.Thread(target=service._keep)  # what a serving process runs beside its worker
    keeper.start()

    approved = time.monotonic()
    assert lead.post(f"/proposals/{number}", decision="approve") == 303
    while engine.record(ID) is None and time.monotonic() < approved + 60:
        time.sleep(0.1)
    took = time.monotonic() - approved
    service.stop()
    keeper.join(10)

    print(f"\nfound after {took:.1f} s")
    assert took < 60
    question = "spreadsheet classes for people who sell honey in Kenya"
    assert ID in found(engine, question)
    assert engine.judge(understand(question)).decision.action is Action.ANSWER


def test_a_withdrawn_record_is_offered_no_more_and_may_be_proposed_again(both: House) -> None:
    number, lead = proposes(both), both.seat("Lucía", "lead")
    lead.post(f"/proposals/{number}", decision="approve")
    with both.database.read() as session:
        assert ID in [record.id for record in catalogue.offered(session)]

    assert lead.post(f"/proposals/{number}", decision="withdraw") == 303
    with both.database.read() as session:
        assert catalogue.offered(session) == []
    assert ("lucía@desk.test", "proposal.withdraw", f"{number} record") in audited(both)

    again = proposes(both, seat=lead)
    assert lead.post(f"/proposals/{again}", decision="approve") == 303
    with both.database.read() as session:
        assert ID in [record.id for record in catalogue.offered(session)]


def test_only_what_was_approved_can_be_withdrawn(both: House) -> None:
    number, lead = proposes(both), both.seat("Lucía", "lead")
    assert lead.post(f"/proposals/{number}", decision="withdraw") == 409


def test_an_approved_record_is_complete_and_says_who_stands_for_it(both: House) -> None:
    number, lead = proposes(both), both.seat("Lucía", "lead")
    lead.post(f"/proposals/{number}", decision="approve")

    kept = both.row(Record, ID)
    assert kept.checked_by == "lucía@desk.test"
    assert kept.checked_on
    assert kept.review_by > kept.checked_on
    assert kept.source == "officer, request 1"
    assert (kept.body["eligibility"]["countries"], kept.body["languages"]) == (["KE", "UG"], ["sw", "en"])
    assert (kept.body["cost"], kept.body["modality"], kept.body["certificate"]) == (["free"], ["in-person"], None)


def test_what_is_not_known_stays_unknown(house: House) -> None:
    number = proposes(house, languages="", countries="", cost="unknown", modality="unknown", url="")
    body = house.row(Proposal, number).body
    assert [body[field] for field in ("languages", "cost", "modality", "url")] == [None] * 4
    assert body["eligibility"]["countries"] is None


def test_a_record_that_is_there_already_is_not_proposed_again(library: House) -> None:
    seat, before = library.seat(), library.row(Record, "freecodecamp")
    answer = seat.browser.post(f"/desk/chats/{library.ticket()}/propose/record", data=OFFER | {"name": "freeCodeCamp"})
    assert answer.status_code == 422
    assert "There is a record of this name already." in answer.text
    assert OFFER["summary"] in unescape(answer.text)
    assert rows(library, Proposal) == []
    assert library.row(Record, "freecodecamp").body == before.body


def test_of_two_proposals_of_one_name_the_second_overwrites_nothing(both: House) -> None:
    first, lead = proposes(both), both.seat("Lucía", "lead")
    second = proposes(both, seat=both.seat("Omar"), summary="Something else entirely.")
    assert lead.post(f"/proposals/{first}", decision="approve") == 303
    answer = lead.browser.post(f"/desk/proposals/{second}", data={"decision": "approve"})

    assert answer.status_code == 409
    assert "There is a record of this name already." in answer.text
    assert both.row(Record, ID).body["summaries"]["en"] == OFFER["summary"]
    assert both.row(Proposal, second).state == "open"
    assert lead.post(f"/proposals/{second}", decision="refuse") == 303


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("Éveil numérique – Python", "eveil-numerique-python"),
        ("C", "c-2e7d2c03"),
        ("ስልጠና", "record-"),
        ("Mafunzo ya ስልጠና", "mafunzo-ya-"),
        ("x" * 50 + " " + "y" * 50, "x-y"),
    ],
)
def test_a_name_in_any_script_makes_an_id(name: str, made: str) -> None:
    assert identifier(name).startswith(made)
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{1,79}", identifier(name))


def test_names_that_only_other_scripts_tell_apart_make_two_ids(house: House) -> None:
    assert identifier("ስልጠና") != identifier("تدريب")
    seat = house.seat()
    for name in ("ስልጠና", "تدريب"):
        proposes(house, seat=seat, name=name)
    assert len({each.body["id"] for each in rows(house, Proposal)}) == 2


# --- words ------------------------------------------------------------------------------------


class Listener:
    """A process that takes turns, and a person who writes in Swahili."""

    def __init__(self, house: House, vault: Vault, engine: Engine) -> None:
        from bot.intake import Intake

        self.house, self.count = house, 0
        self.intake = Intake(house.database, vault, house.arrived)
        assistant = Assistant(engine, Manners("the facility", "https://x.example/privacy", 180))
        self.worker = Worker(house.database, assistant, house.arrived, house.said)

    def hears(self, text: str, who: str = "somebody") -> tuple[str, list[str]]:
        """What the next turn does, and the topics that it understands."""
        self.count += 1
        self.intake.receive([Inbound("console", who, f"m{self.count}", Kind.TEXT, text)])
        while self.worker.step():
            pass
        with self.house.database.read() as session:
            turn = session.scalars(select(Turn).order_by(Turn.id.desc())).first()
            assert turn
            context = session.get_one(Conversation, turn.conversation_id).context
        return turn.action, list(context.get("question", {}).get("topics", {}))


def test_approved_words_are_understood_in_the_very_next_turn(both: House, vault: Vault, engine: Engine) -> None:
    listener, lead = Listener(both, vault, engine), both.seat("Lucía", "lead")
    assert "python" not in listener.hears(ASKED, "ama")[1]

    number = proposes(both, "words")
    assert "python" not in listener.hears(ASKED, "kofi")[1], "no lead has approved it"

    lead.post(f"/proposals/{number}", decision="approve")
    assert listener.hears(ASKED, "esi") == ("answer", ["python"])


def test_approved_words_help_to_tell_the_language_too(both: House, vault: Vault, engine: Engine) -> None:
    text = "kufumafuma bure"  # taken for Xhosa, until the first word is known
    listener, lead = Listener(both, vault, engine), both.seat("Lucía", "lead")
    assert listener.hears(text, "ama")[1] == []
    lead.post(f"/proposals/{proposes(both, 'words', said='kufumafuma')}", decision="approve")
    assert listener.hears(text, "esi")[1] == ["python"]


def test_refused_words_are_never_understood(both: House) -> None:
    number, lead = proposes(both, "words"), both.seat("Lucía", "lead")
    lead.post(f"/proposals/{number}", decision="refuse")
    with both.database.read() as session:
        learned.refresh(session)
    assert means(ASKED) == {}


def test_withdrawn_words_are_not_understood_any_more(both: House, vault: Vault, engine: Engine) -> None:
    listener, lead = Listener(both, vault, engine), both.seat("Lucía", "lead")
    number = proposes(both, "words")
    lead.post(f"/proposals/{number}", decision="approve")
    assert "python" in listener.hears(ASKED, "ama")[1]

    assert lead.post(f"/proposals/{number}", decision="withdraw", reason="It means weaving") == 303
    assert "python" not in listener.hears(ASKED, "kofi")[1]
    assert "It means weaving" in lead.get("/proposals")
    assert lead.post(f"/proposals/{number}", decision="withdraw") == 409, "it is withdrawn already"


OTHER_PROCESS = """
import sys
from bot.intake import Intake
from bot.outcome import Manners
from bot.signals import Signal
from bot.turn import Assistant
from bot.worker import Worker
from channels.contract import Inbound, Kind
from retrieval.embeddings import SentenceEmbeddings
from retrieval.engine import Engine
from retrieval.index import Index
from sqlalchemy import select
from store.database import Database
from store.tables import Ticket
from store.vault import Vault

url, secret, folder = sys.argv[1:]
database, embeddings = Database(url), SentenceEmbeddings()
engine = Engine(database, Index(database, folder, None, embeddings), embeddings)  # it has no index: a person answers
assistant = Assistant(engine, Manners("the facility", "https://x.example/privacy", 180))
intake = Intake(database, Vault([secret]), Signal())
worker = Worker(database, assistant, Signal(), Signal())
for number, line in enumerate(sys.stdin):
    intake.receive([Inbound("console", f"person {number}", "1", Kind.TEXT, line)])
    while worker.step():
        pass
    with database.read() as session:
        ticket = session.scalars(select(Ticket).order_by(Ticket.id.desc())).first()
        question = ticket.need["question"] if ticket and line.strip() in ticket.need["words"] else {}
    print("heard:", ",".join(question.get("topics", {})) or "nothing", flush=True)
"""


def test_another_process_understands_them_in_its_next_turn(both: House, tmp_path: Path) -> None:
    url = both.database.engine.url.render_as_string(hide_password=False)
    call = [sys.executable, "-c", OTHER_PROCESS, url, SECRET, str(tmp_path / "none")]
    other = subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)  # noqa: S603

    def hears(text: str) -> str:
        assert other.stdin
        assert other.stdout
        other.stdin.write(f"{text}\n")
        return next(line.split()[1] for line in other.stdout if line.startswith("heard:"))

    try:
        number, lead = proposes(both, "words"), both.seat("Lucía", "lead")
        assert hears(ASKED) == "nothing"
        lead.post(f"/proposals/{number}", decision="approve")
        assert hears(ASKED) == "python"
    finally:
        other.kill()
        other.communicate()


def test_each_approval_is_another_version_and_nothing_else_is(both: House) -> None:
    def version() -> str:
        with both.database.read() as session:
            return proposals.version(session)

    lead, seat = both.seat("Lucía", "lead"), both.seat("Amina")
    seen = [version()]
    numbers = [proposes(both, "words", seat, said=said) for said in ("kufuma msimbo", "kusuka programu")]
    record = proposes(both, "record", seat)
    assert version() == seen[0]
    lead.post(f"/proposals/{record}", decision="approve")
    assert version() == seen[0]
    for number in numbers:
        lead.post(f"/proposals/{number}", decision="approve")
        seen.append(version())
    assert len(set(seen)) == 3


# --- who decides ------------------------------------------------------------------------------


def test_an_officer_does_not_decide_not_even_on_their_own_proposal(house: House) -> None:
    amina = house.seat("Amina")
    number = proposes(house, seat=amina)
    assert amina.post(f"/proposals/{number}", decision="approve") == 403
    assert amina.browser.get("/desk/proposals").status_code == 403
    assert house.row(Proposal, number).state == "open"
    assert house.row(Record, ID) is None


@pytest.mark.parametrize("kind", ["record", "words"])
def test_it_is_kept_and_shown_who_proposed_and_decided_when_and_from_which_request(house: House, kind: str) -> None:
    number, lead = proposes(house, kind), house.seat("Lucía", "lead")
    waiting = lead.get("/proposals")
    assert "<bdi>Amina</bdi>" in waiting
    assert '<a href="/desk/chats/1">Request 1</a>' in waiting
    lead.post(f"/proposals/{number}", decision="approve")

    kept = house.row(Proposal, number)
    assert (kept.ticket_id, kept.state) == (1, "approved")
    assert kept.proposed_by != kept.decided_by == lead.id
    assert kept.created_at < kept.decided_at
    page = lead.get("/proposals")
    assert f'Approved by <bdi>Lucía</bdi> · <time datetime="{kept.decided_at.isoformat()}">' in page
    assert '<a href="/desk/chats/1">Request 1</a>' in page
    about = ID if kind == "record" else "sw python"
    assert audited(house)[0] == ("amina@desk.test", f"proposal.{kind}", f"{number} {about}")
    assert ("lucía@desk.test", "proposal.approve", f"{number} {kind}") in audited(house)


@pytest.mark.parametrize("kind", ["record", "words"])
def test_a_refusal_keeps_its_reason_and_the_officer_can_read_it(house: House, kind: str) -> None:
    number, lead = proposes(house, kind), house.seat("Lucía", "lead")
    lead.post(f"/proposals/{number}", decision="refuse", reason="The link leads nowhere.")

    kept = house.row(Proposal, number)
    assert (kept.state, kept.reason) == ("refused", "The link leads nowhere.")
    assert rows(house, Record) == []
    for page in (lead.get("/proposals"), house.seat("Omar").get("/chats/1/propose")):
        assert "Refused by <bdi>Lucía</bdi>" in page
        assert "The link leads nowhere." in page


@pytest.mark.parametrize(("first", "second"), [("approve", "approve"), ("approve", "refuse"), ("refuse", "approve")])
def test_what_is_decided_is_not_decided_again(both: House, first: str, second: str) -> None:
    number, lead = proposes(both), both.seat("Lucía", "lead")
    assert lead.post(f"/proposals/{number}", decision=first) == 303
    answer = both.seat("Li", "lead").browser.post(f"/desk/proposals/{number}", data={"decision": second})
    assert answer.status_code == 409
    assert "This proposal is decided already" in answer.text
    assert both.row(Proposal, number).state == ("approved" if first == "approve" else "refused")
    assert len(rows(both, Record)) == (first == "approve")


def test_of_two_leads_who_decide_at_once_one_is_told_that_it_is_decided(both: House) -> None:
    number = proposes(both)
    leads = [both.seat(name, "lead") for name in ("Lucía", "Li", "Leila", "Lars")]
    answers: list[int] = []
    line = threading.Barrier(len(leads))

    def decide(lead: Seat) -> None:
        line.wait()
        answers.append(lead.post(f"/proposals/{number}", decision="approve"))

    threads = [threading.Thread(target=decide, args=(lead,)) for lead in leads]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [303, 409, 409, 409]
    assert len(rows(both, Record)) == 1


def test_of_two_of_one_name_that_are_approved_at_once_one_is_kept(both: House) -> None:
    numbers = [proposes(both, seat=both.seat(name), summary=f"The words of {name}.") for name in ("Amina", "Omar")]
    leads = [both.seat(name, "lead") for name in ("Lucía", "Li")]
    answers: list[int] = []
    line = threading.Barrier(2)

    def decide(lead: Seat, number: int) -> None:
        line.wait()
        answers.append(lead.post(f"/proposals/{number}", decision="approve"))

    threads = [threading.Thread(target=decide, args=each) for each in zip(leads, numbers, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [303, 409]
    assert sorted(each.state for each in rows(both, Proposal)) == ["approved", "open"]


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("/proposals/1", {}, 422),
        ("/proposals/1", {"decision": "perhaps"}, 422),
        ("/proposals/2", {"decision": "approve"}, 409),
        ("/proposals/99999999999999999999", {"decision": "approve"}, 400),
        ("/chats/7/propose/record", OFFER, 404),
        ("/chats/7/propose/words", WORDS, 404),
    ],
)
def test_what_there_is_not_is_told(house: House, path: str, fields: dict[str, str], status: int) -> None:
    proposes(house)
    assert house.seat("Lucía", "lead").post(path, **fields) == status
    assert [each.state for each in rows(house, Proposal)] == ["open"]


# --- what makes no sense ----------------------------------------------------------------------

RAW = re.compile(r"Input should|should have|should match|[Vv]alue error|\bloc\b|validation|[Ff]ield required")
"""What the checks of records say, which is not meant for officers."""


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"kind": "thing"}, "Choose what it is."),
        ({"name": "!!!"}, "Write the name, in at most 160 characters."),
        ({"name": "n" * 161}, "Write the name, in at most 160 characters."),
        ({"provider": ""}, "Write who offers it, in at most 160 characters."),
        ({"url": "asali"}, "Write the whole link, such as https://example.org/course, or leave it empty."),
        ({"url": "javascript:alert(1)"}, "Write the whole link"),
        ({"summary": ""}, "Say what it is in one or two English sentences, in at most 400 characters."),
        ({"summary": "s" * 401}, "Say what it is in one or two English sentences"),
        ({"teaches": " \n "}, "Write what is taught or offered"),
        ({"teaches": "t" * 161}, "English phrases of at most 160 characters, one a line."),
        ({"topics": ""}, "Choose at least one topic."),
        ({"topics": "no-such-topic"}, "Choose at least one topic."),
        ({"languages": "Swahili"}, "Write languages by their codes, such as en, sw."),
        ({"languages": "qq"}, "Write languages by their codes, such as en, sw."),
        ({"countries": "Kenya"}, "Write countries by their codes, such as KE, UG, or GLOBAL for everybody."),
        ({"cost": "cheap"}, "Choose what it costs."),
        ({"modality": ""}, "Choose how it is given."),
    ],
)
def test_a_record_that_makes_no_sense_is_told_in_words_and_what_was_typed_stays(
    house: House, changes: dict[str, str], told: str
) -> None:
    given = OFFER | changes
    answer = house.seat().browser.post(f"/desk/chats/{house.ticket()}/propose/record", data=given)
    assert answer.status_code == 422
    alert = re.search(r'<ul role="alert">(.*?)</ul>', answer.text, re.DOTALL)
    assert alert
    assert told in unescape(alert[1])
    assert alert[1].count("<li") == 1
    assert not RAW.search(alert[1])
    for field in ("name", "provider", "url", "languages", "countries"):
        assert f'value="{given[field]}"'.replace("'", "&#39;") in answer.text
    for field in ("summary", "teaches"):
        assert given[field].strip() in unescape(answer.text)
    for field in ("topics", "cost", "modality", "kind"):
        if field not in changes:
            assert f'<option value="{given[field]}" selected>' in answer.text
    assert rows(house, Proposal) == []


def test_everything_that_is_wrong_is_told_at_once(house: House) -> None:
    answer = house.seat().browser.post(f"/desk/chats/{house.ticket()}/propose/record", data={"kind": "programme"})
    assert answer.status_code == 422
    assert answer.text.count("<li dir=") >= 5
    assert not RAW.search(answer.text)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"said": "   "}, "write the words as people say them"),
        ({"said": "!?"}, "write the words as people say them"),
        ({"said": "kufuma*"}, "write the words as people say them"),
        ({"said": "kufuma ... msimbo"}, "write the words as people say them"),
        ({"said": "kufuma … msimbo"}, "write the words as people say them"),
        ({"said": "a\nb"}, "write the words as people say them"),
        ({"said": "w" * 81}, "write the words as people say them"),
        ({"language": "qq"}, "Choose a language and a topic"),
        ({"concept": "erase"}, "Choose a language and a topic"),
        ({"concept": "no-such"}, "Choose a language and a topic"),
        ({"said": "na ya"}, "These words are too common"),
        ({"said": "the"}, "These words are too common"),
        ({"said": "x"}, "These words are too common"),
        ({"said": "python"}, "The assistant understands these words already."),
    ],
)
def test_words_that_make_no_sense_are_told_in_words_and_stay(house: House, changes: dict[str, str], told: str) -> None:
    given = WORDS | changes
    answer = house.seat().browser.post(f"/desk/chats/{house.ticket()}/propose/words", data=given)
    assert answer.status_code == 422
    assert told in answer.text
    assert f'value="{" ".join(given["said"].split())}"' in answer.text or "\n" in given["said"]
    for field in ("language", "concept"):
        if field not in changes:
            assert f'<option value="{given[field]}" selected>' in answer.text
    assert rows(house, Proposal) == []


@pytest.mark.parametrize("language", ["en", "ar", "fr", "sw"])
def test_the_pages_name_everything_in_the_officers_language(house: House, language: str) -> None:
    seat, cards = house.seat("Leila", "lead", language=language), Cards(Replies(language))
    proposes(house, seat=seat, cost="free-audit", modality="online-self-paced")
    proposes(house, "words", seat=seat)
    propose, decide = unescape(seat.get("/chats/1/propose")), unescape(seat.get("/proposals"))
    for code in COSTS:
        assert f'<option value="{code}">{cards.costs()[code]}</option>' in propose
    for code in FORMATS:
        assert f'<option value="{code}">{cards.modalities()[code]}</option>' in propose
    assert f'<option value="am">{Replies(language).tongue("am")}</option>' in propose
    shown = re.sub(r"<[^>]+>", " ", decide)
    assert cards.costs()["free-audit"] in shown
    assert cards.modalities()["online-self-paced"] in shown
    assert Replies(language).country("KE") in shown
    assert not re.search(r"\b(free-audit|online-self-paced|KE|UG)\b", shown)
