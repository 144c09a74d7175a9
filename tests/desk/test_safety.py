"""Whatever people or other officers write comes out as text, on every page that shows it."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest

from store import inbox, outbox
from store.desk_tables import Gap, Note, Officer, Referral
from store.tables import Delivery, Ticket
from tests.desk.conftest import House, Seat

EVIL = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "\u202etxt.exe",
    "{{7*7}}",
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
    assert "49" not in re.findall(r"\d+", reader.text.replace("{{7*7}}", ""))
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
    other.post(f"/tickets/{number}/presence", writing="1")
    seat.post("/canned", language="en", title=WAYS_IN[:80], text=WAYS_IN)
    seat.post(f"/chats/{number}/draft", text=WAYS_IN)
    seat.post(f"/chats/{number}/trust", give="1", reason=WAYS_IN)
    return stocked, seat, number


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
    "/referrals",
    "/officers",
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


def test_a_draft_of_an_answer_is_plain_text(harmed: tuple[House, Seat, int]) -> None:
    _, seat, number = harmed
    answer = seat.browser.get(f"/desk/chats/{number}/drafting", params={"record": WAYS_IN})
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "{{7*7}}" not in answer.text


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
