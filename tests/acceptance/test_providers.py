"""A provider comes in by the form, a lead approves, and whoever asks is told: in real browsers, on a real Dalil."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pyotp
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.acceptance.test_circle import PASSWORD, wait_for
from tests.acceptance.test_page import CHROMIUM, FLAGS, LAPTOP, PHONE, fits
from tests.servers.page import free_port
from tests.servers.processes import Processes

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: apt install chromium)")

NAME = "Mashinani Evenings of Lodwar"
LINK = "https://mashinani.example/evenings"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        with playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS) as browser:
            yield browser


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    port = free_port()
    with Processes(home, {"DALIL_PORT": str(port)}, ["serve"]).stopping() as dalil:
        dalil.wait_until_ready()
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def provider(browser: Browser) -> Iterator[Page]:
    """Somebody with a small phone that runs no scripts."""
    context = browser.new_context(viewport=PHONE, locale="en-GB", java_script_enabled=False)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def administrator(browser: Browser, address: str, home: Path) -> Iterator[Page]:
    """Lucía, who has come in by the link that the server printed."""
    context = browser.new_context(viewport=LAPTOP, locale="en-GB")
    page, log = context.new_page(), home / "serve.log"
    page.goto(wait_for(lambda: re.search(r"http://\S+/desk/first/\S+", log.read_text()), "a link")[0])
    for field, value in {"name": "Lucía", "login": "lucia", "password": PASSWORD}.items():
        page.fill(f"[name={field}]", value)
    page.click("form button")
    secret = page.locator("code").first.inner_text().replace(" ", "")
    page.fill("[name=code]", pyotp.TOTP(secret).now())
    page.click("form:has([name=code]) button")
    expect(page.get_by_role("link", name="Queue").first).to_be_visible()
    yield page
    context.close()


def fill(page: Page) -> None:
    """Fill in the form, all but the link."""
    for field, value in {
        "name": NAME,
        "provider": "Mashinani School",
        "summary": "Evening classes in Lodwar on building a website, in Swahili.",
        "teaches": "building a website\nputting it online",
        "languages": "Swahili",
        "countries": "Kenya",
    }.items():
        page.fill(f"#{field}", value)
    page.check('[name=topics][value="web-development"]')
    page.select_option("#cost", "free")
    page.select_option("#modality", "in-person")


def test_a_provider_comes_in_and_is_found(
    browser: Browser, address: str, provider: Page, administrator: Page, tmp_path: Path
) -> None:
    pictures = Path(os.environ.get("DALIL_SCREENSHOTS") or tmp_path)
    provider.goto(f"{address}/join")
    fill(provider)
    provider.fill("#url", LINK)
    provider.fill("#languages", "Klingonese")
    provider.locator("form > p > button").last.click()
    expect(provider.get_by_role("alert")).to_contain_text("Write languages by their names or codes")
    expect(provider.locator("#name")).to_have_value(NAME)
    provider.screenshot(path=pictures / "join.png", full_page=True)
    provider.fill("#languages", "Swahili")
    provider.locator("form > p > button").last.click()
    expect(provider.get_by_role("status")).to_contain_text("What you sent has number 1")
    link = provider.locator("#link").inner_text()

    administrator.goto(f"{address}/desk/changes")
    expect(administrator.locator("article")).to_contain_text(NAME)
    administrator.screenshot(path=pictures / "changes.png")
    administrator.get_by_role("button", name="Approve").click()
    expect(administrator.locator("article")).to_have_count(0)

    provider.goto(link)
    expect(provider.locator(".kept")).to_contain_text("Number 1 is in the catalogue.")

    someone = browser.new_context(viewport=PHONE, locale="en-GB").new_page()
    someone.goto(address)
    for _ in range(20):  # what was approved is found within seconds
        someone.locator("#text").fill(f"tell me of {NAME}")
        someone.keyboard.press("Enter")
        expect(someone.locator(".bubble.assistant, .bubble:not(.person)").last).to_be_visible(timeout=20_000)
        someone.wait_for_timeout(1500)
        if someone.locator(".bubble:not(.person)", has_text=NAME).count():
            break
    answer = someone.locator(".bubble:not(.person)", has_text=NAME).first
    expect(answer.locator(f'a[href^="{LINK}"]')).to_be_visible()
    someone.context.close()


@pytest.mark.parametrize("code", ["en", "ar", "am", "ru"])
def test_the_form_fits_a_small_phone_in_scripts_of_all_kinds(browser: Browser, address: str, code: str) -> None:
    context = browser.new_context(viewport=PHONE)
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    page.goto(f"{address}/join?lang={code}")
    assert fits(page)
    box = page.locator("#name").bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= PHONE["width"]
    assert page.evaluate("getComputedStyle(document.body).direction") == ("rtl" if code == "ar" else "ltr")
    trap = page.locator("#comment").locator("..").bounding_box()
    assert trap
    assert trap["width"] <= 1, "only programs see it"
    assert problems == []
    context.close()
