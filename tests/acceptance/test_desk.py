"""The desk in real browsers: two officers at once, and the person they answer."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from sqlalchemy import update

from bot.escalation import Escalation
from bot.privacy import forget
from desk.access import COOKIE, digest
from desk.app import add_to
from desk.parts import Parts
from store import contacts, tickets
from store.desk_tables import Officer, SignIn
from store.tables import Message, Ticket, Turn
from tests.acceptance.test_page import CHROMIUM, FLAGS, LAPTOP, PHONE, fits
from tests.servers.page import Site

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: apt install chromium)")

QUESTION = {"topics": {"python": 1.0}, "text": "python in Kumasi", "language": "en", "countries": ["GH"]}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        with playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS) as browser:
            yield browser


class Desk(Site):
    """The visitors' page and the desk on one port. The assistant says nothing."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, lambda text: [])
        parts = self.parts
        escalation = Escalation(self.database, parts.said, {"web": parts.web.text_limit})
        self.desk = Parts(
            settings=self.settings,
            database=self.database,
            vault=parts.intake._vault,
            escalation=escalation,
            channels={"web": parts.web},
            engine=lambda: None,
            said=parts.said,
            arrived=parts.intake._arrived,
            stopping=parts.stopping,
        )
        add_to(self.app, self.desk)

    def ticket(self) -> int:
        """The request of the only visitor."""
        conversation = self.messages()[0].conversation_id
        need = {"words": "python in Kumasi", "question": QUESTION}
        with self.database.write() as session:
            number = tickets.open_one(
                session, conversation, reason="nothing-fits", language="en", country="GH", need=need
            ).id
        self.parts.said.set()
        return number

    def seat(self, name: str, role: str = "officer", language: str = "en") -> str:
        """The cookie of a signed-in officer."""
        token = secrets.token_urlsafe(32)
        with self.database.write() as session:
            officer = Officer(login=f"{name.lower()}@desk.test", name=name, role=role, language=language)
            session.add(officer)
            session.flush()
            session.add(SignIn(digest=digest(token), officer_id=officer.id, csrf=secrets.token_urlsafe(32)))
        return token


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    with desk.serving():
        yield desk


class Someone:
    """A person, or an officer, with a browser of their own."""

    def __init__(self, browser: Browser, desk: Desk, token: str | None, **options: Any) -> None:
        self.desk = desk
        self.context: BrowserContext = browser.new_context(**{"viewport": LAPTOP, "locale": "en-GB"} | options)
        if token:
            self.context.add_cookies([{"name": COOKIE, "value": token, "url": f"{desk.url}/desk"}])
        self.page: Page = self.context.new_page()
        self.problems: list[str] = []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", lambda said: self.problems.append(said.text) if said.type == "error" else None)

    def open(self, path: str) -> Page:
        self.page.goto(self.desk.url + path, wait_until="load")
        return self.page


@pytest.fixture
def enter(browser: Browser, desk: Desk) -> Iterator[Any]:
    present: list[Someone] = []

    def enter(name: str = "", role: str = "officer", language: str = "en", **options: Any) -> Someone:
        token = desk.seat(name, role, language) if name else None
        present.append(Someone(browser, desk, token, **options))
        return present[-1]

    yield enter
    for someone in present:
        someone.context.close()
        # A claim that comes too late is a 409, which Chromium notes.
        assert [problem for problem in someone.problems if "409" not in problem] == []


@pytest.fixture
def picture(tmp_path: Path) -> Any:
    folder = Path(os.environ.get("DALIL_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)
    return lambda page, name: page.screenshot(path=folder / f"{name}.png", caret="initial")


def ask(enter: Any, desk: Desk) -> tuple[Someone, int]:
    """A visitor who has asked, and their ticket."""
    visitor = enter(viewport=PHONE)
    page = visitor.open("/")
    page.locator("#text").fill("python in Kumasi")
    page.keyboard.press("Enter")
    expect(page.locator(".bubble.person")).to_have_count(1)
    page.wait_for_function("!document.querySelector('.bubble.unsent')")
    for _ in range(100):
        if desk.messages():
            break
        page.wait_for_timeout(50)
    return visitor, desk.ticket()


def holder(desk: Desk, number: int) -> str:
    with desk.database.read() as session:
        ticket = session.get_one(Ticket, number)
        officer = session.get(Officer, ticket.officer_id) if ticket.officer_id else None
        return officer.name if officer else ""


def test_of_two_who_claim_at_once_one_gets_it_and_the_other_is_told_who(desk: Desk, enter: Any) -> None:
    _, number = ask(enter, desk)
    officers = {name: enter(name) for name in ("Amina", "Omar")}
    for officer in officers.values():
        officer.open("/desk/queue")
    claim = f"form[hx-post='/desk/tickets/{number}/claim'] button, button[hx-post='/desk/tickets/{number}/claim']"
    for officer in officers.values():
        expect(officer.page.locator(claim)).to_be_visible()
    moment = (time.time() + 0.5) * 1000  # of both browsers, so that neither has heard of the other
    press = "([at, when]) => { setTimeout(() => document.querySelector(at).click(), when - Date.now()); }"
    for officer in officers.values():
        officer.page.evaluate(press, [claim, moment])
    for officer in officers.values():
        officer.page.wait_for_timeout(1000)
    winner = holder(desk, number)
    assert winner in officers
    loser = next(name for name in officers if name != winner)
    expect(officers[winner].page).to_have_url(f"{desk.url}/desk/chats/{number}")
    expect(officers[winner].page.locator("#text")).to_be_visible()
    expect(officers[loser].page.locator("#work, #told").get_by_text(winner).first).to_be_visible()
    assert "/chats/" not in officers[loser].page.url


def test_others_see_at_once_that_somebody_is_writing_and_the_answer_reaches_the_person(
    desk: Desk, enter: Any, picture: Any
) -> None:
    visitor, number = ask(enter, desk)
    amina, omar = enter("Amina"), enter("Omar")
    page = amina.open(f"/desk/chats/{number}")
    page.get_by_role("button", name="Take it").click()
    expect(page.locator("#text")).to_be_visible()
    omar.open(f"/desk/chats/{number}")
    expect(omar.page.locator("#reply")).to_contain_text("Amina has this request.")
    page.locator("#text").press_sequentially("Good day, there is a course ", delay=10)
    expect(omar.page.locator(".present .writing")).to_have_text("Amina is writing …", timeout=3000)
    page.locator("#text").press_sequentially("in Accra.", delay=10)
    picture(page, "desk-chat")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#text")).to_have_value("")
    expect(page.locator("#transcript .officer .said")).to_have_text("Good day, there is a course in Accra.")
    expect(visitor.page.locator(".bubble.officer .said")).to_have_text("Good day, there is a course in Accra.")
    expect(omar.page.locator("#transcript .officer .said")).to_have_text("Good day, there is a course in Accra.")
    expect(omar.page.locator(".present .writing")).to_have_count(0, timeout=3000)
    assert page.evaluate("document.activeElement.id") == "text"


def test_what_somebody_writes_is_never_replaced_and_outlives_the_page(desk: Desk, enter: Any) -> None:
    visitor, number = ask(enter, desk)
    amina = enter("Amina")
    page = amina.open(f"/desk/chats/{number}")
    page.get_by_role("button", name="Take it").click()
    page.locator("#text").fill("half a sen")
    page.locator("#part-notes textarea").fill("half a note")
    visitor.page.locator("#text").fill("are you there?")
    visitor.page.keyboard.press("Enter")
    expect(page.locator("#transcript .person .said").last).to_have_text("are you there?")
    expect(page.locator("#text")).to_have_value("half a sen")
    expect(page.locator("#part-notes textarea")).to_have_value("half a note")
    page.wait_for_timeout(900)
    amina.open(f"/desk/chats/{number}")
    expect(page.locator("#text")).to_have_value("half a sen")


def test_who_writes_to_somebody_who_is_just_forgotten_sees_it_and_nothing_of_them_stays(desk: Desk, enter: Any) -> None:
    _, number = ask(enter, desk)
    amina = enter("Amina").open(f"/desk/chats/{number}")
    amina.locator("#reply button").click()
    amina.locator("#text").fill("Dear Zubeida, about your")
    expect(amina.locator(".bubble.person")).to_have_count(1)
    with desk.database.write() as session:
        contact = contacts.of_conversation(session, desk.messages()[0].conversation_id)
        conversation = contacts.conversation_of(session, contact.id)
        turn = Turn(conversation_id=conversation.id, action="erase", language="en")
        session.add(turn)
        session.flush()
        session.execute(update(Message).values(turn_id=turn.id))
        forget(session, contact, conversation)
    desk.parts.said.set()

    expect(amina.locator("#reply")).to_contain_text("has had everything about them deleted")
    expect(amina.locator("#text")).to_have_count(0)
    expect(amina.locator(".bubble")).to_have_count(0)
    assert "Kumasi" not in amina.locator("#side").inner_text()
    assert "Zubeida" not in amina.evaluate("JSON.stringify(sessionStorage) + document.body.innerHTML")
    amina.reload()
    expect(amina.locator("#reply")).to_contain_text("has had everything about them deleted")


def test_a_double_click_sends_once(desk: Desk, enter: Any) -> None:
    visitor, number = ask(enter, desk)
    page = enter("Amina").open(f"/desk/chats/{number}")
    page.get_by_role("button", name="Take it").click()
    page.locator("#text").fill("once")
    page.get_by_role("button", name="Send").dblclick()
    expect(visitor.page.locator(".bubble.officer .said")).to_have_text("once")
    page.wait_for_timeout(400)
    expect(page.locator("#transcript .officer")).to_have_count(1)


def test_the_chat_fits_a_phone_the_dark_and_right_to_left(desk: Desk, enter: Any, picture: Any) -> None:
    _, number = ask(enter, desk)
    amina = enter("Amina", "lead", viewport=PHONE, device_scale_factor=2, color_scheme="dark")
    page = amina.open(f"/desk/chats/{number}")
    page.get_by_role("button", name="Take it").click()
    expect(page.locator("#text")).to_be_visible()
    assert fits(page)
    picture(page, "desk-chat-phone-dark")
    with desk.database.write() as session:
        session.get_one(Officer, 1).language = "ar"
    amina.open(f"/desk/chats/{number}")
    assert page.locator("html").get_attribute("dir") == "rtl"
    assert fits(page)
    picture(page, "desk-chat-phone-arabic")
    for path in ("/desk/canned", "/desk/queue", "/desk/chats"):
        amina.open(path)
        assert fits(page)
    page.set_viewport_size(LAPTOP)
    amina.open(f"/desk/chats/{number}")
    assert fits(page)
    picture(page, "desk-chat-laptop-arabic")
