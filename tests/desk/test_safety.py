"""Whatever people or other officers write comes out as text, on every page that shows it."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from bot import referrals
from bot.offering import officer, read_record
from bot.pages import FOLDER as VISITORS
from desk.parts import FOLDER as DESK
from ingest.load import keep
from retrieval.records import Record
from store import inbox, outbox
from store.demand import ALL, public, table, wishes
from store.desk_tables import Gap, Note, Officer, Proposal, Referral, ReferralAddress
from store.tables import Audit, Delivery, Ticket
from tests.desk.conftest import House, Seat
from tests.desk.test_permissions import LOWEST
from tests.store.test_demand import determined

EVIL = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "\u202etxt.exe",
    "{{7*7919}}",
    "' onmouseover='alert(1)",
    "</textarea><svg onload=alert(1)>",
]
WAYS_IN = "".join(EVIL)


class Reader(HTMLParser):
    """Reads a page as a browser does, and notes whatever could run or lead astray."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.text = ""
        self.open: list[str] = []
        self.loose: list[str] = []
        """Texts that turn the direction of what stands beside them."""
        self.isolating: list[bool] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in {"img", "svg", "iframe", "object", "embed"} and not given.get("viewbox"):
            self.found.append(tag)
        if tag == "script" and not given.get("src", "").startswith("/desk/static/"):
            self.found.append("script")
        self.found += [name for name in given if name.startswith("on") or name == "style" or name.startswith("hx-on")]
        for name in ("href", "src", "action", "hx-get", "hx-post"):
            if (
                given.get(name, "/").split(":")[0].strip().lower() not in {"https", "http"}
                and given.get(name, "/")[0] != "/"
            ):
                self.found += [] if given[name].startswith("#") else [f"{name}={given[name]}"]
        if tag not in {"meta", "link", "input", "br", "img", "path", "circle"}:
            self.open.append(tag)
            isolates = tag in {"bdi", "textarea", "option", "title", "button"} or "dir" in given and tag != "html"
            self.isolating.append(isolates)

    def handle_endtag(self, tag: str) -> None:
        while self.open:
            closed = self.open.pop()
            self.isolating.pop()
            if closed == tag:
                break

    def handle_data(self, data: str) -> None:
        self.text += data
        if "\u202e" in data and not any(self.isolating):
            self.loose.append(data)


def check(page: str) -> Reader:
    """A page that is safe, read."""
    reader = Reader(page)
    assert reader.found == []
    assert reader.loose == []
    assert "55433" not in re.findall(r"\d+", reader.text.replace("{{7*7919}}", ""))
    return reader


@pytest.fixture
def harmed(stocked: House) -> tuple[House, Seat, int]:
    """An open ticket, held by an administrator, that is evil all over."""
    seat = stocked.seat("Amina", role="administrator", hours={})
    other = stocked.seat("Omar")
    question = {"topics": {"python": 1.0}, "text": WAYS_IN, "unknown": [WAYS_IN], "language": "en"}
    need = {"words": WAYS_IN, "question": question, "shown": [WAYS_IN], "before": [{"words": WAYS_IN}]}
    number = stocked.ticket(WAYS_IN, need=need)
    stocked.escalation.claim(number, seat.officer)
    with stocked.database.write() as session:
        ticket = session.get_one(Ticket, number)
        conversation = ticket.conversation_id or 0
        ticket.matched = [WAYS_IN]
        ticket.reason = WAYS_IN[:20]
        inbox.keep(session, conversation, "evil", "choice", WAYS_IN, WAYS_IN[:200])
        outbox.queue(session, conversation, "en", WAYS_IN, [(WAYS_IN, "x")], author="officer")
        session.flush()
        for delivery in session.query(Delivery):
            delivery.state, delivery.failure = "dead", WAYS_IN
        session.get_one(Officer, other.id).name = WAYS_IN[:80]
        session.add(Note(ticket_id=number, officer_id=other.id, text=WAYS_IN))
        session.add(Referral(ticket_id=number, record_id=WAYS_IN[:80], text=WAYS_IN, answer=WAYS_IN, state="by-hand"))
        session.add(Gap(topic="python", title=WAYS_IN, call=WAYS_IN, officer_id=other.id))
        keep(session, _record())
        session.add(Gap(topic="python", title=WAYS_IN, state="closed", record_id="evil", closed_at=datetime.now(UTC)))
        session.add(ReferralAddress(record_id="evil", address_sealed=stocked.vault.seal(WAYS_IN)))
        session.add(Audit(actor=WAYS_IN[:80], action=WAYS_IN[:40], subject=WAYS_IN[:120]))
    other.post(f"/tickets/{number}/presence", writing="1")
    seat.post("/canned", language="en", title=WAYS_IN[:80], text=WAYS_IN)
    seat.post(f"/chats/{number}/draft", text=WAYS_IN)
    seat.post(f"/chats/{number}/trust", give="1", reason=WAYS_IN)
    _learn(stocked, other, seat, number)
    return stocked, seat, number


OFFER = {"kind": "programme", "name": WAYS_IN, "provider": WAYS_IN, "summary": WAYS_IN, "teaches": WAYS_IN}
OFFER |= {"topics": "python", "cost": "free", "modality": "blended", "languages": "en", "countries": "KE"}


def _record() -> Record:
    """A record of the catalogue whose words are evil."""
    return read_record(officer(1), {**OFFER, "url": "https://evil.example"}, ["python"], "en").model_copy(
        update={"id": "evil"}
    )


def _learn(house: House, officer: Seat, lead: Seat, number: int) -> None:
    """Proposals of both kinds, one of each refused for a reason that is evil too."""
    for offer in (OFFER, OFFER | {"name": f"Another {WAYS_IN}"}):
        assert officer.post(f"/chats/{number}/propose/record", **offer) == 303
    for said in (EVIL[0], EVIL[1]):
        assert officer.post(f"/chats/{number}/propose/words", language="en", concept="python", said=said) == 303
    for proposal in (1, 3):
        assert lead.post(f"/proposals/{proposal}", decision="refuse", reason=WAYS_IN) == 303
    with house.database.write() as session:  # what no form lets in
        session.get_one(Proposal, 2).body |= {"url": EVIL[2]}


def _is_asked(house: House, purpose: str, subject: str) -> str:
    with house.database.write() as session:
        return referrals.new_link(session, purpose, subject)


PAGES = [
    "/queue",
    "/queue?held=1",
    "/queue/rows?held=1",
    "/chats",
    "/chats/rows",
    "/chats/{number}",
    "/chats/{number}/live",
    "/chats/{number}/presence",
    "/chats/{number}/search",
    "/canned",
    "/canned?language=en",
    "/gaps",
    "/gaps/1",
    "/gaps?topic=python&days=0",
    "/gaps/2",
    "/coverage",
    "/coverage?country=KE",
    "/weakness?days=0",
    "/referrals",
    "/proposals",
    "/chats/{number}/propose",
    "/officers",
    "/officers/2",
    "/profile",
    "/telegram",
    "/audit",
]


@pytest.mark.parametrize("path", PAGES)
def test_no_page_runs_or_follows_what_people_wrote(path: str, harmed: tuple[House, Seat, int]) -> None:
    _, seat, number = harmed
    check(seat.get(path.format(number=number)))


def test_the_chat_shows_every_word_of_it(harmed: tuple[House, Seat, int]) -> None:
    _, seat, number = harmed
    page = seat.get(f"/chats/{number}")
    shown = unescape(page)
    for evil in EVIL:
        assert evil.replace("\u202e", "") in shown
    for raw in (EVIL[0], EVIL[1], EVIL[6]):
        assert raw not in page
    assert WAYS_IN in check(page).text


@pytest.mark.parametrize(
    "path", ["/chats/{number}/search?q={evil}", "/queue?language={evil}&country={evil}&topic={evil}"]
)
@pytest.mark.parametrize("evil", EVIL)
def test_what_is_in_an_address_is_text(path: str, evil: str, harmed: tuple[House, Seat, int]) -> None:
    _, seat, number = harmed
    page = seat.browser.get("/desk" + path.format(number=number, evil=evil))
    assert page.status_code == 200
    check(page.text)


def test_a_refusal_does_not_repeat_what_was_sent(harmed: tuple[House, Seat, int]) -> None:
    _, seat, number = harmed
    fields = {
        "outcome": "matched",
        "record": WAYS_IN,
        "typed": WAYS_IN,
        "until": WAYS_IN,
        "step": WAYS_IN,
        "to": WAYS_IN,
    }
    for act in ("close", "snooze", "step", "transfer", "share"):
        answer = seat.browser.post(f"/desk/chats/{number}/{act}", data=fields)
        assert answer.status_code == 422
        check(answer.text)


def test_a_proposal_that_is_refused_comes_back_as_text(harmed: tuple[House, Seat, int]) -> None:
    _, seat, number = harmed
    for kind in ("record", "words"):
        fields = dict.fromkeys((*OFFER, "url", "said", "language", "concept"), WAYS_IN)
        answer = seat.browser.post(f"/desk/chats/{number}/propose/{kind}", data=fields)
        assert answer.status_code == 422
        assert EVIL[0] in check(answer.text).text or EVIL[0] in unescape(answer.text)


def test_a_link_that_no_form_lets_in_is_not_a_link_for_the_lead_either(harmed: tuple[House, Seat, int]) -> None:
    _, seat, _ = harmed
    assert 'href="javascript' not in seat.get("/proposals")


def test_officers_pages_show_an_evil_name_as_text(harmed: tuple[House, Seat, int]) -> None:
    _, seat, _ = harmed
    fields = {"login": WAYS_IN[:80], "name": WAYS_IN[:80], "role": "officer", "language": "en"}
    check(seat.browser.post("/desk/officers", data=fields).text)
    answer = seat.browser.post("/desk/officers", data=fields | {"login": "evil@desk.test"})
    assert answer.status_code == 200
    assert EVIL[0] in check(answer.text).text
    check(seat.browser.post("/desk/profile", data={"name": WAYS_IN, "language": "en"}).text)


@pytest.mark.parametrize("what", ["referral", "address"])
def test_a_provider_sees_text_and_what_a_provider_writes_is_text(what: str, harmed: tuple[House, Seat, int]) -> None:
    house, seat, number = harmed
    token = _is_asked(house, what, "1" if what == "referral" else "evil")
    browser, path = house.browser(), f"/providers/{what}/{token}"
    page = browser.get(path)
    assert page.status_code == 200
    check(page.text)
    done = browser.post(path, data={"answer": "accepted", "text": WAYS_IN})
    assert done.status_code == 200
    check(done.text)
    for again in ("/referrals", f"/chats/{number}", f"/chats/{number}/live", "/audit"):
        check(seat.get(again))
    for evil in EVIL:
        check(browser.get(f"/providers/{what}/{evil}").text)


def test_a_provider_s_page_cannot_be_answered_in_words_of_its_own(harmed: tuple[House, Seat, int]) -> None:
    house, _, _ = harmed
    path = f"/providers/referral/{_is_asked(house, 'referral', '1')}"
    answer = house.browser().post(path, data={"answer": WAYS_IN, "text": WAYS_IN})
    assert answer.status_code == 422
    assert EVIL[0] not in answer.text
    assert house.row(Referral, 1).state == "by-hand"


def test_a_draft_of_an_answer_is_plain_text(harmed: tuple[House, Seat, int]) -> None:
    _, seat, number = harmed
    answer = seat.browser.get(f"/desk/chats/{number}/drafting", params={"record": WAYS_IN})
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "{{7*7919}}" not in answer.text


def test_a_need_that_names_what_nobody_knows_breaks_neither_page_nor_search(stocked: House) -> None:
    seat = stocked.seat()
    strange: dict[str, Any] = {
        "topics": {"python": 1.0, WAYS_IN: 1.0},
        "audiences": [WAYS_IN],
        "taught_in": ["sw", WAYS_IN],
        "countries": ["KE", WAYS_IN],
        "level": WAYS_IN,
        "language": "en",
    }
    number = stocked.ticket("python", need={"words": "python", "question": strange})
    stocked.escalation.claim(number, seat.officer)
    assert 'name="topic" value="python" checked' in seat.get(f"/chats/{number}")
    assert '<article class="hit">' in seat.get(f"/chats/{number}/search")


# --- files --------------------------------------------------------------------------------------

STARTS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1"]
"""How a cell begins that a spreadsheet would run."""


@pytest.mark.parametrize("path", ["/gaps.csv?days=0", "/coverage.csv?country=KE", "/audit.csv", "/gaps/public.csv"])
@pytest.mark.parametrize("start", STARTS)
def test_no_cell_of_any_file_runs_in_a_spreadsheet(house: House, path: str, start: str) -> None:
    seat = house.seat("Amina", role="administrator")
    past = datetime(2025, 2, 1, tzinfo=UTC)
    facts = {"topics": {start: 1.0}, "audiences": [start], "taught_in": [start], "needs": [start], "language": start}
    for number in range(6):
        house.ticket(address=f"person {number}", need={"words": start, "question": facts}, country=start[:2])
    with house.database.write() as session:
        for ticket in session.query(Ticket):
            ticket.opened_at, ticket.language = past, start
        session.add(Audit(actor=start, action=start, subject=start))
    answer = seat.browser.get(f"/desk{path}")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment")
    rows = list(csv.reader(io.StringIO(answer.text, newline="")))
    assert len(rows) > 2
    running = ("=", "+", "-", "@", "\t", "\r", "\n", "＝")
    assert [cell for row in rows for cell in row if cell.lstrip(" ").startswith(running)] == []


def _published(house: House, seat: Seat) -> dict[str, dict[tuple[str, str], int]]:
    """What the public file says: quarter → cells."""
    found: dict[str, dict[tuple[str, str], int]] = {}
    for quarter, topic, _, country, _, people in list(csv.reader(io.StringIO(seat.get("/gaps/public.csv"))))[1:]:
        if quarter.startswith("20"):
            found.setdefault(quarter, {})[topic, country] = int(people)
    return found


def _ask(house: House, who: str, topic: str, country: str, day: datetime, **more: Any) -> None:
    need = {"words": f"the words of {who}", "question": {"topics": {topic: 1.0}, "language": "en"}}
    number = house.ticket(address=who, need=need, country=country)
    with house.database.write() as session:
        ticket = session.get_one(Ticket, number)
        ticket.opened_at = day
        ticket.state, ticket.outcome = more.get("state", "closed"), more.get("outcome", "gap")


CROWDS = {("python", "GH"): 9, ("python", "KE"): 6, ("cloud", "GH"): 3, ("cloud", "KE"): 7, ("iot", "SN"): 2}
"""How many people ask for what, from where."""


def test_the_public_file_has_no_number_under_five_and_none_can_be_worked_out(house: House) -> None:
    seat, spring = house.seat(), datetime(2025, 5, 1, tzinfo=UTC)
    for (topic, country), people in CROWDS.items():
        for number in range(people):
            _ask(house, f"{topic} {country} {number}", topic, country, spring)
    shown = _published(house, seat)
    assert set(shown) == {"2025-Q2"}
    assert shown["2025-Q2"], "something can be told"
    assert min(shown["2025-Q2"].values()) >= 5
    with house.database.read() as session:
        real = table(wishes(session), "topic", "country")
    assert shown["2025-Q2"] == public(real)
    assert determined(real, shown["2025-Q2"]) == set()
    for row in ("cloud", "iot", ALL):
        _hides_enough(real, shown["2025-Q2"], row)


def _hides_enough(real: dict[tuple[str, str], int], shown: dict[tuple[str, str], int], row: str) -> None:
    """Whoever subtracts what is shown of a row from its total is left with five people or more, or with nobody."""
    if (row, ALL) in shown:
        rest = shown[row, ALL] - sum(people for (r, c), people in shown.items() if r == row and c != ALL)
        assert rest <= 0 or rest >= 5, row
    assert all(cell in real for cell in shown)


def test_one_person_who_asks_again_and_again_is_not_five_people(house: House) -> None:
    seat, spring = house.seat(), datetime(2025, 5, 1, tzinfo=UTC)
    for _ in range(7):
        _ask(house, "one and the same", "python", "GH", spring)
    assert _published(house, seat) == {}


def test_nor_is_one_person_who_was_forgotten(house: House) -> None:
    from bot.privacy import forget
    from store import contacts

    seat, spring = house.seat(), datetime(2025, 5, 1, tzinfo=UTC)
    for topic in ("python", "python", "cloud", "python", "iot", "python", "cloud"):
        _ask(house, "one and the same", topic, "GH", spring)
    with house.database.write() as session:
        forget(session, *contacts.meet(session, house.vault, "console", "one and the same"))
    with house.database.read() as session:
        assert len({wish.person for wish in wishes(session)}) == 1
    assert _published(house, seat) == {}
    assert "7" not in seat.get("/gaps/public.csv")


def test_no_filter_and_no_quarter_that_runs_lets_two_files_be_subtracted(house: House) -> None:
    seat = house.seat()
    for number in range(9):
        _ask(house, f"early {number}", "python", "GH", datetime(2025, 5, 1, tzinfo=UTC))
        _ask(house, f"today {number}", "python", "GH", datetime.now(UTC))
    plain = seat.get("/gaps/public.csv")
    for query in ("country=GH", "topic=python", "days=30", "language=en", "since=2025-01-01"):
        assert seat.get(f"/gaps/public.csv?{query}") == plain
    assert set(_published(house, seat)) == {"2025-Q2"}


# --- what pages are made of ---------------------------------------------------------------------

TEMPLATES = sorted([*DESK.glob("*.html"), *VISITORS.glob("*.html")])
SCRIPTS = sorted([*DESK.glob("*.js"), *VISITORS.glob("*.js")])
ATTRIBUTE = r"""(?:"[^"]*"|'[^']*'|[^>"'])*"""


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_has_scripts_styles_or_handlers_of_its_own(path: Path) -> None:
    source = path.read_text()
    for tag in re.findall(r"<script\b[^>]*>", source):
        assert 'src="{{ asset(' in tag or re.search(r'type="application/(ld\+)?json"', tag), tag
    assert not re.search(r"<style\b|<iframe\b|<object\b|<embed\b|<base\b", source)
    assert not re.search(rf"<\w+\b{ATTRIBUTE}\s(?:on\w+|style|srcdoc|hx-on[\w:-]*)\s*=", source)
    assert "javascript:" not in source
    assert not re.search(r"\bjs:", source), "htmx would evaluate it"


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_passes_anything_on_unescaped(path: Path) -> None:
    source = path.read_text()
    assert not re.search(r"\|\s*safe\b|autoescape\s+false|Markup\(", source)
    for link in re.findall(r"<a\b[^>]*target=[^>]*>", source):
        assert "noopener" in link, link


@pytest.mark.parametrize("path", sorted(DESK.glob("*.html")), ids=lambda path: path.name)
def test_every_form_of_the_desk_that_changes_something_proves_where_it_is_from(path: Path) -> None:
    source = path.read_text()
    for form in re.findall(r"<form\b.*?</form>", source, re.DOTALL):
        changes = 'method="post"' in form or "{{ act(" in form or "{{ beside(" in form
        if changes and "/providers/" not in form:  # there the link is the proof
            assert 'name="csrf"' in form or "{{ csrf() }}" in form or "{{ fields(" in form, form[:120]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_script_makes_markup_or_code_of_words(path: Path) -> None:
    found = re.findall(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", path.read_text()
    )
    assert found == []


def _answers(house: House, seat: Seat) -> dict[str, Any]:
    """What every page answers, those of providers and those that refuse among them."""
    pages = {path: re.sub(r"{[^}]*}", "1", path.split(" ")[1]) for path in LOWEST if path.startswith("GET ")}
    endless = {"GET /desk/live"}
    inside = {
        name: seat.browser.get(path, follow_redirects=False) for name, path in pages.items() if name not in endless
    }
    outside = {name: house.browser().get(path, follow_redirects=False) for name, path in pages.items()}
    outside = {f"{name} (not signed in)": answer for name, answer in outside.items()}
    for what, subject in (("referral", "1"), ("address", "evil")):
        path = f"/providers/{what}/{_is_asked(house, what, subject)}"
        outside[f"GET {path}"] = house.browser().get(path)
        outside[f"POST {path}"] = house.browser().post(path, data={"answer": "answered", "text": ""})
        outside[f"GET /providers/{what}/gone"] = house.browser().get(f"/providers/{what}/gone")
    return inside | outside


def test_every_answer_tells_the_browser_to_run_nothing_but_our_own_files(harmed: tuple[House, Seat, int]) -> None:
    house, seat, _ = harmed
    answers = _answers(house, seat)
    assert len(answers) > 60
    for name, answer in answers.items():
        policy = {part.split()[0]: part.split()[1:] for part in answer.headers["content-security-policy"].split(";")}
        assert policy["default-src"] == ["'none'"], name
        assert policy["script-src"] == ["'self'"], name
        assert policy["style-src"] == ["'self'"], name
        assert policy["base-uri"] == policy["frame-ancestors"] == ["'none'"], name
        assert policy["form-action"] == ["'self'"], name
        assert "unsafe" not in answer.headers["content-security-policy"], name
        assert answer.headers["x-content-type-options"] == "nosniff", name
        assert answer.status_code < 500, name


def test_every_page_is_safe_whatever_it_answers(harmed: tuple[House, Seat, int]) -> None:
    house, seat, _ = harmed
    shown = {
        n: a.text for n, a in _answers(house, seat).items() if a.headers.get("content-type", "").startswith("text/html")
    }
    assert len(shown) > 30
    for text in shown.values():
        assert Reader(text).found == []
