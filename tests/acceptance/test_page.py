"""The chat page in a real browser: what a visitor sees and can do."""

from __future__ import annotations

import os
import re
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from store.tables import Contact, now
from tests.servers.page import Answer, Site

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = {"width": 360, "height": 740}
LAPTOP = {"width": 1280, "height": 800}

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: apt install chromium)")

CARDS = """I found two that fit.

1. *Introduction to Computers* – Example Academy
Why it fits: for beginners, online
English, Kiswahili · free · with a certificate · at your own pace
https://example.org/courses/introduction-to-computers?lang=sw
Not yet checked

2. *Office Skills* – Example Institute
Why it fits: for beginners, free
English · free · certificate: unknown · with a teacher
https://example.org/office_skills
Checked on 3 November 2026"""

ARABIC = """وجدتُ برنامجًا واحدًا يناسبك.

1. *أساسيات الحاسوب* – \u2066Example Academy\u2069
لماذا يناسبك: للمبتدئين، عبر الإنترنت
العربية، \u2066English\u2069 · مجاني · مع شهادة
\u2066https://example.org/ar/courses\u2069
لم يُتحقق منه بعد"""

MORE = [("Free ones only", "cost:free"), ("In French", "language:fr"), ("None of these", "none")]


def answer(text: str) -> list[Answer]:
    """Stand in for the worker."""
    if "silence" in text:
        return []
    if "computer" in text:
        return [("en", CARDS, MORE)]
    if "حاسوب" in text:
        return [("ar", ARABIC, [("المجانية فقط", "free"), ("لا شيء من هذه", "none")])]
    return [("en", f"You said: {text}")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        with playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS) as browser:
            yield browser


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path, answer)
    with site.serving():
        yield site


class Visitor:
    """Someone with a browser at the chat page."""

    def __init__(self, browser: Browser, site: Site, **options: Any) -> None:
        self.site = site
        self.context: BrowserContext = browser.new_context(
            **{"viewport": PHONE, "locale": "en-GB", "device_scale_factor": 2, "reduced_motion": "reduce"} | options
        )
        self.page: Page = self.context.new_page()
        self.problems: list[str] = []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", lambda said: self.problems.append(said.text) if said.type == "error" else None)

    def open(self, path: str = "/") -> Page:
        self.page.goto(self.site.url + path, wait_until="load")
        return self.page

    def write(self, text: str) -> None:
        self.page.locator("#text").fill(text)
        self.page.keyboard.press("Enter")

    @property
    def bubbles(self) -> list[str]:
        return self.page.locator(".bubble .said").all_inner_texts()

    def expect_said(self, author: str, text: str | re.Pattern[str]) -> None:
        expect(self.page.locator(f".bubble.{author} .said").last).to_have_text(text)


@pytest.fixture
def visit(browser: Browser, site: Site) -> Iterator[Any]:
    visitors: list[Visitor] = []

    def enter(**options: Any) -> Visitor:
        visitors.append(Visitor(browser, site, **options))
        return visitors[-1]

    yield enter
    for visitor in visitors:
        visitor.context.close()
        assert visitor.problems == []


@pytest.fixture
def picture(tmp_path: Path, request: pytest.FixtureRequest) -> Any:
    folder = Path(os.environ.get("DALIL_SCREENSHOTS") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)

    def take(page: Page, name: str) -> None:
        page.screenshot(path=folder / f"{name}.png")

    return take


def fits(page: Page) -> bool:
    """Whether nothing sticks out at the sides."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_the_first_view_says_what_this_is_and_offers_examples(visit: Any, picture: Any) -> None:
    visitor = visit()
    page = visitor.open()
    expect(page.get_by_role("heading", name="Ask in your own language.")).to_be_visible()
    expect(page.get_by_text("An automatic assistant of the ITU–UNDP facility")).to_be_visible()
    assert page.locator(".examples button").count() == 3
    assert fits(page)
    assert visitor.context.cookies() == []
    picture(page, "phone-empty")


def test_a_question_is_answered_with_links_and_buttons(visit: Any, picture: Any) -> None:
    visitor = visit()
    page = visitor.open()
    page.get_by_role("button", name="A free computer course for beginners").click()
    expect(page.locator(".bubble.assistant strong").first).to_have_text("Introduction to Computers")
    link = page.locator(".bubble.assistant a").first
    expect(link).to_have_attribute("href", "https://example.org/courses/introduction-to-computers?lang=sw")
    expect(link).to_have_attribute("rel", "noopener nofollow")
    expect(page.locator(".examples")).to_be_hidden()
    picture(page, "phone-answer")
    page.get_by_role("button", name="In French").click()
    visitor.expect_said("assistant", "You said: language:fr")
    visitor.expect_said("person", "In French")
    assert page.locator(".chip").count() == 0
    assert visitor.site.messages()[-1].kind == "choice"
    assert fits(page)


def test_it_looks_right_on_a_laptop_and_in_the_dark(visit: Any, picture: Any) -> None:
    for name, options in {
        "laptop": {"viewport": LAPTOP, "device_scale_factor": 1},
        "phone-dark": {"color_scheme": "dark"},
        "laptop-dark": {"viewport": LAPTOP, "device_scale_factor": 1, "color_scheme": "dark"},
    }.items():
        visitor = visit(**options)
        page = visitor.open()
        picture(page, f"{name}-empty")
        visitor.write("A free computer course")
        expect(page.locator(".chip")).to_have_count(3)
        picture(page, f"{name}-answer")
        assert fits(page)


def test_in_arabic_the_page_runs_from_right_to_left(visit: Any, picture: Any) -> None:
    visitor = visit(locale="ar-EG")
    page = visitor.open()
    assert page.locator("html").get_attribute("dir") == "rtl"
    picture(page, "phone-arabic-empty")
    visitor.write("أريد دورة حاسوب مجانية")
    answer = page.locator(".bubble.assistant").last
    expect(answer.locator("a")).to_have_attribute("href", "https://example.org/ar/courses")
    expect(answer.locator(".said")).to_have_attribute("dir", "rtl")
    box = answer.locator(".said").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] > PHONE["width"] - 40
    assert fits(page)
    picture(page, "phone-arabic-answer")


def test_each_language_can_be_chosen_and_is_remembered(visit: Any, picture: Any) -> None:
    visitor = visit()
    page = visitor.open()
    page.locator(".languages summary").click()
    assert page.locator(".languages li").count() == 12
    picture(page, "phone-languages")
    page.get_by_role("link", name="አማርኛ").click()
    assert page.locator("html").get_attribute("lang") == "am"
    visitor.open()
    assert page.locator("html").get_attribute("lang") == "am"


def test_who_picks_a_language_in_the_talk_is_answered_in_it(visit: Any) -> None:
    visitor = visit()
    page = visitor.open()
    visitor.write("habari")
    visitor.expect_said("assistant", "You said: habari")
    page.locator(".languages summary").click()
    page.get_by_role("link", name="Kiswahili").click()
    page.wait_for_url("**/?lang=sw")
    assert page.locator("html").get_attribute("lang") == "sw"
    visitor.expect_said("assistant", "You said: language:sw")
    assert [message.choice for message in visitor.site.messages()] == [None, "language:sw"]


def test_what_was_written_after_a_language_was_picked_is_not_lost_with_the_page(visit: Any) -> None:
    visitor = visit()
    page = visitor.open()
    visitor.write("habari")
    visitor.expect_said("assistant", "You said: habari")
    visitor.context.set_offline(True)
    page.locator(".languages summary").click()
    page.get_by_role("link", name="Kiswahili").click()
    said = ["naomba kozi", "ya kompyuta", "ya bure"]
    for text in said:
        visitor.write(text)
    visitor.context.set_offline(False)
    page.wait_for_url("**/?lang=sw")
    visitor.expect_said("assistant", "You said: ya bure")
    assert [message.text for message in visitor.site.messages()] == ["habari", "Kiswahili", *said]
    visitor.problems = [problem for problem in visitor.problems if "ERR_INTERNET_DISCONNECTED" not in problem]


def test_everything_can_be_done_by_keyboard(visit: Any, picture: Any) -> None:
    visitor = visit(viewport=LAPTOP)
    page = visitor.open()
    page.evaluate("document.activeElement.blur()")
    focused = "(({id, ariaLabel, innerText}) => id || ariaLabel || innerText)(document.activeElement)"
    order = []
    while len(order) < 8:
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement !== document.body"):  # the first press may only enter the page
            order.append(page.evaluate(focused))
    assert order[:4] == ["Go to the message box", "Language: English", "Menu", "talk"]
    assert order[4] == "A free computer course for beginners"
    assert order[7] == "text"
    page.locator(".more summary").focus()
    page.keyboard.press("Enter")
    picture(page, "laptop-menu")
    page.keyboard.press("Escape")
    expect(page.locator(".more ul")).to_be_hidden()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    visitor.expect_said("person", "New question")
    visitor.expect_said("assistant", "You said: /new")
    assert page.evaluate("document.activeElement.id") == "text"


def test_enter_sends_and_shift_enter_begins_a_new_line(visit: Any) -> None:
    visitor = visit()
    page = visitor.open()
    page.locator("#text").focus()
    page.keyboard.type("one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("two")
    page.keyboard.press("Enter")
    visitor.expect_said("person", re.compile("one\ntwo"))


def test_what_looks_like_html_is_shown_as_text(visit: Any) -> None:
    visitor = visit()
    page = visitor.open()
    evil = '<img src=x onerror="document.title=1"><script>document.title=2</script> javascript:alert(1)'
    visitor.write(evil)
    visitor.expect_said("person", evil)
    visitor.expect_said("assistant", f"You said: {evil}")
    assert page.locator(".said img, .said script, .said a").count() == 0
    page.reload()
    visitor.expect_said("assistant", f"You said: {evil}")
    assert page.title().startswith("Dalil")


@pytest.mark.parametrize(
    ("text", "links", "bold"),
    [
        ("see https://a.example/b, then", ["https://a.example/b"], []),
        ("(https://a.example/b)", ["https://a.example/b"], []),
        ("https://a.example/x_(y)", ["https://a.example/x_(y)"], []),
        ("见 https://a.example/路。", ["https://a.example/路"], []),
        ("2*3*4 and * no * but *yes*!", [], ["yes"]),
        ("*a* *b*", [], ["a", "b"]),
        ("课程*名字*：", [], ["名字"]),
        ("javascript:alert(1) ftp://a.example", [], []),
        ("https://", [], []),
    ],
)
def test_links_and_bold_are_found(visit: Any, text: str, links: list[str], bold: list[str]) -> None:
    visitor = visit()
    page = visitor.open()
    visitor.write(text)
    visitor.expect_said("person", text.replace("*", "") if bold == ["a", "b"] else re.compile(".+"))
    said = page.locator(".bubble.person .said")
    assert [a.get_attribute("title") for a in said.locator("a").all()] == links
    assert said.locator("strong").all_inner_texts() == bold


def test_a_reload_shows_what_was_said(visit: Any) -> None:
    visitor = visit()
    page = visitor.open()
    visitor.write("first")
    visitor.expect_said("assistant", "You said: first")
    visitor.write("second")
    visitor.expect_said("assistant", "You said: second")
    before = visitor.bubbles
    page.reload()
    visitor.expect_said("assistant", "You said: second")
    assert visitor.bubbles == before
    visitor.write("third")
    visitor.expect_said("assistant", "You said: third")
    assert len(visitor.bubbles) == 6


def test_an_officers_reply_reaches_the_open_page(visit: Any, picture: Any) -> None:
    visitor = visit()
    page = visitor.open()
    visitor.write("Can somebody advise our ministry?")
    visitor.expect_said("assistant", re.compile("You said"))
    visitor.site.say("Good morning, this is Amina. I have read your request.", tell=False)
    visitor.expect_said("officer", re.compile("this is Amina"))
    expect(page.locator(".bubble.officer .who")).to_have_text("Officer")
    picture(page, "phone-officer")


def test_waiting_is_shown_and_then_said_honestly(visit: Any, picture: Any) -> None:
    visitor = visit(viewport=PHONE)
    visitor.page.clock.install()
    page = visitor.open()
    visitor.write("silence, please")
    expect(page.locator(".dots")).to_be_visible()
    picture(page, "phone-waiting")
    expect(page.locator("#waiting-text")).to_have_text("Dalil is writing…")
    page.clock.fast_forward(8_100)
    expect(page.locator("#waiting-text")).to_have_text("Still working on it…")
    page.clock.fast_forward(60_000)
    expect(page.locator("#waiting-text")).to_contain_text("Your message is kept")
    visitor.site.say("Here I am.", author="assistant")
    visitor.expect_said("assistant", "Here I am.")
    expect(page.locator("#waiting")).to_be_hidden()


def test_what_is_written_offline_is_sent_once_when_the_line_is_back(visit: Any, picture: Any) -> None:
    visitor = visit()
    page = visitor.open()
    visitor.write("before")
    visitor.expect_said("assistant", "You said: before")
    visitor.context.set_offline(True)
    visitor.write("from a tunnel")
    visitor.write("and again")
    expect(page.locator(".again")).to_have_count(2)
    expect(page.locator("#line")).to_be_visible()
    picture(page, "phone-offline")
    visitor.context.set_offline(False)
    visitor.expect_said("assistant", "You said: and again")
    expect(page.locator(".again")).to_have_count(0)
    expect(page.locator("#line")).to_be_hidden()
    assert [message.text for message in visitor.site.messages()] == ["before", "from a tunnel", "and again"]
    visitor.problems = [problem for problem in visitor.problems if "ERR_INTERNET_DISCONNECTED" not in problem]


def test_a_message_whose_answer_was_lost_is_kept_once(visit: Any) -> None:
    visitor = visit()
    page = visitor.open()
    visitor.write("hello")
    visitor.expect_said("assistant", "You said: hello")
    lost = threading.Event()

    def lose(route: Any) -> None:
        if lost.is_set():
            route.continue_()
            return
        lost.set()
        route.fetch()
        route.abort()

    page.route("**/channels/web", lose)
    visitor.write("once")
    visitor.expect_said("assistant", "You said: once")
    expect(page.locator(".state")).to_have_count(0)
    assert [message.text for message in visitor.site.messages()] == ["hello", "once"]
    visitor.problems.clear()  # the browser reports the aborted request


def test_leaving_forgets_the_device(visit: Any, picture: Any) -> None:
    visitor = visit()
    page = visitor.open()
    visitor.write("something private")
    visitor.expect_said("assistant", "You said: something private")
    page.locator(".more summary").click()
    picture(page, "phone-menu")
    page.get_by_role("button", name="Leave this device").click()
    expect(page.get_by_text("What was said is kept for 180 days")).to_be_visible()
    picture(page, "phone-leave")
    page.locator("dialog").get_by_role("button", name="Leave this device").click()
    expect(page.locator("#empty")).to_be_visible()
    assert visitor.context.cookies() == []
    assert "private" not in page.content()
    page.go_back()
    page.wait_for_load_state("load")
    assert "private" not in page.content()


def test_leaving_empties_the_other_tabs_too(visit: Any) -> None:
    visitor = visit()
    visitor.open()
    visitor.write("something private")
    visitor.expect_said("assistant", "You said: something private")
    other = visitor.context.new_page()
    other.goto(visitor.site.url)
    expect(other.locator(".bubble")).to_have_count(2)
    visitor.page.locator(".more summary").click()
    visitor.page.get_by_role("button", name="Leave this device").click()
    visitor.page.locator("dialog").get_by_role("button", name="Leave this device").click()
    expect(other.locator(".bubble")).to_have_count(0)


def test_what_was_erased_goes_from_the_open_page_too(visit: Any) -> None:
    visitor = visit()
    visitor.open()
    visitor.write("something private")
    visitor.expect_said("assistant", "You said: something private")
    with visitor.site.database.write() as session:
        session.query(Contact).one().erased_at = now()
    visitor.site.say("Everything is erased.", author="assistant")
    visitor.expect_said("assistant", "Everything is erased.")
    assert visitor.bubbles == ["Everything is erased."]


def test_a_text_that_is_too_long_is_counted_and_not_sent(visit: Any) -> None:
    visitor = visit()
    page = visitor.open()
    page.locator("#text").fill("x" * 3_900)
    expect(page.locator("#count")).to_have_text("Characters left: 100")
    page.locator("#text").fill("x" * 4_005)
    expect(page.locator("#count")).to_have_text("Too long by 5 characters")
    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    page.keyboard.press("Enter")
    assert visitor.site.messages() == []


def test_the_privacy_page_can_be_read(visit: Any, picture: Any) -> None:
    for name, options in {"phone": {}, "laptop-dark": {"viewport": LAPTOP, "color_scheme": "dark"}}.items():
        page = visit(**options).open("/privacy")
        expect(page.get_by_role("heading", name="Privacy", exact=True)).to_be_visible()
        expect(page.get_by_text("180 days")).to_be_visible()
        assert fits(page)
        picture(page, f"{name}-privacy")


def test_without_javascript_the_page_says_what_it_needs(visit: Any, picture: Any) -> None:
    visitor = visit(java_script_enabled=False)
    page = visitor.open()
    expect(page.locator(".notice")).to_contain_text("This page needs JavaScript.")


def test_everything_has_a_name_for_screen_readers(visit: Any) -> None:
    visitor = visit()
    page = visitor.open()
    visitor.write("A free computer course")
    expect(page.locator(".chip")).to_have_count(3)
    expect(page.get_by_role("log", name="Messages")).to_have_attribute("aria-live", "polite")
    expect(page.get_by_role("textbox", name="Your message")).to_be_visible()
    expect(page.get_by_role("group", name="Suggested replies")).to_be_visible()
    expect(page.get_by_role("article").first).to_contain_text("You")
    nameless = page.evaluate(
        "[...document.querySelectorAll('button, a, summary, textarea')]"
        ".filter((e) => !(e.innerText || e.textContent).trim() && !e.ariaLabel && !e.labels?.length).length"
    )
    assert nameless == 0
