"""The full circle, on a Dalil that really runs: a need that nothing meets, until something does and is told of."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

import httpx
import pyotp
import pytest

from bot.replies import Replies
from tests.servers import twilio
from tests.servers.page import free_port
from tests.servers.processes import Processes
from tests.servers.smtp import Post

QUESTION = "Nataka kozi ya bure ya kutengeneza tovuti kwa lugha ya Kiswahili huko Turkana, ana kwa ana"
ELSEWHERE = QUESTION.replace("Turkana", "Mwanza")
"""The same in another country, where nothing fits after Turkana has been helped either."""
PASSWORD = "four words that rhyme badly"
PROVIDER = "ajira"
SWAHILI = Replies("sw")

Found = TypeVar("Found")


def wait_for(look: Callable[[], Found | None], what: str, seconds: float = 30) -> Found:
    """Look again and again until there is something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} seconds: {what}")


# --- those who take part ----------------------------------------------------------------------


@dataclass
class Form:
    """A form of a page: where it is sent, and what it holds."""

    action: str
    fields: dict[str, list[str]] = field(default_factory=dict)


class Forms(HTMLParser):
    """The forms of a page that change something, filled in as a browser shows them first."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._inside = False
        self._select = self._text = ""
        self._several = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and given.get("method") == "post":
            self.found.append(Form(given.get("action", "")))
            self._inside = True
        elif tag == "option" and self._select:
            self._option(given)
        elif self._inside and "name" in given:
            self._field(tag, given)

    def _field(self, tag: str, given: dict[str, str]) -> None:
        values = self.found[-1].fields.setdefault(given["name"], [])
        if tag == "input" and (given.get("type") not in {"checkbox", "radio"} or "checked" in given):
            values.append(given.get("value", ""))
        if tag == "select":
            self._select, self._several = given["name"], "multiple" in given
        if tag == "textarea":
            self._text = given["name"]

    def _option(self, given: dict[str, str]) -> None:
        """Of those one of which must be chosen, the first is, until another one turns out to be."""
        values = self.found[-1].fields[self._select]
        if "selected" in given or not (values or self._several):
            values[:] = [*(values if self._several else []), given.get("value", "")]

    def handle_data(self, data: str) -> None:
        if self._text:
            self.found[-1].fields[self._text] = [data]

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "form"
        self._text = "" if tag == "textarea" else self._text
        self._select = "" if tag == "select" else self._select


class Browser:
    """A browser without scripts: it reads pages, follows links, and sends the forms that it has before it."""

    def __init__(self, address: str) -> None:
        headers = {"Accept-Language": "en"}
        self._client = httpx.Client(base_url=address, headers=headers, timeout=30, follow_redirects=True)
        self.page = self.path = ""

    def open(self, link: str) -> str:
        return self._show(self._client.get(link))

    def send(self, to: str = "", **told: str | list[str]) -> str:
        """Send the form of the page that goes `to` an address; to the page's own if none."""
        form = next((each for each in Forms(self.page).found if each.action == to), None)
        assert form, f"{self.path} has no form for {to!r}"
        assert not set(told) - set(form.fields), f"the form has only {sorted(form.fields)}"
        return self._show(self._client.post(urljoin(self.path, to), data={**form.fields, **told}))

    def _show(self, answer: httpx.Response) -> str:
        wrong = re.findall(r'<\w+[^>]* role="alert">.*', answer.text) if answer.is_error else []
        assert answer.status_code == 200, f"{answer.request.url} answers {answer.status_code} {wrong}"
        self.page, self.path = answer.text, answer.url.path
        return self.page


class Person:
    """Somebody on WhatsApp."""

    def __init__(self, numbers: twilio.Twilio, address: str) -> None:
        self._numbers = numbers
        self._phone = numbers.person(address)

    def writes(self, text: str) -> None:
        self._numbers.deliver([self._phone.says(text)])

    def reads(self, part: str) -> twilio.Sent:
        """What arrived with `part` in it, the newest."""
        return wait_for(lambda: next((m for m in self._arrived() if part in m.body), None), part)

    def reads_number(self) -> int:
        """The number of the request that they were told; what welcomed them may speak of numbers, too."""

        def look() -> str | None:
            found = (re.search(r"namba (?:ya|yake)?\D*(\d+)", message.body) for message in self._arrived())
            return next((match[1] for match in found if match), None)

        return int(wait_for(look, "the number of the request"))

    def presses(self, title: str) -> None:
        """The newest button of that title."""
        offered = [pair for message in self._arrived() for pair in message.buttons]
        payload = next((payload for shown, payload in offered if shown == title), None)
        assert payload, f"no button {title!r} among {offered}"
        self._numbers.deliver([self._phone.presses(payload, title)])

    def _arrived(self) -> list[twilio.Sent]:
        return [message for message in reversed(self._numbers.sent) if message.to == self._phone.address]


@dataclass
class World:
    """A Dalil that runs, and what is around it."""

    address: str
    home: Path
    numbers: twilio.Twilio
    post: Post

    def browser(self) -> Browser:
        return Browser(self.address)

    def printed(self, pattern: str) -> str:
        """What the server has written to its terminal."""
        log = self.home / "serve.log"
        return wait_for(lambda: (found := re.search(pattern, log.read_text())) and found[0], pattern)

    def mailed(self, to: str, part: str) -> str:
        """The link in the mail to somebody that says `part`."""

        def look() -> str | None:
            mails = zip(self.post.mails, self.post.texts, strict=False)
            return next((text for (whom, _), text in mails if whom == to and part in text), None)

        return re.search(r"http://\S+", wait_for(look, part))[0]  # type: ignore[index]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home, port = tmp_path_factory.mktemp("home"), free_port()
    address = f"http://127.0.0.1:{port}"
    numbers, post = twilio.Twilio(public_url=address, webhook=address), Post()
    with numbers.serving(), post.serving() as smtp:
        settings = {
            "DALIL_PORT": str(port),
            "DALIL_TWILIO_ACCOUNT_SID": numbers.account,
            "DALIL_TWILIO_AUTH_TOKEN": numbers.token,
            "DALIL_TWILIO_FROM": twilio.NUMBER,
            "DALIL_TWILIO_API_URL": numbers.url,
            "DALIL_SMTP_URL": smtp,
            "DALIL_MAIL_FROM": "desk@dalil.example",
        }
        with Processes(home, settings, ["serve"]).stopping() as dalil:
            dalil.wait_until_ready()
            yield World(address, home, numbers, post)


@pytest.fixture(scope="module")
def administrator(world: World) -> Browser:
    """Lucía, who has come in by the link that the server printed."""
    browser = world.browser()
    browser.open(world.printed(r"http://\S+/desk/first/\S+"))
    page = browser.send(name="Lucía", login="lucia", password=PASSWORD)
    secret = re.search(r"<code[^>]*>([^<]+)</code>", page)[1].replace(" ", "")  # type: ignore[index]
    assert "Queue" in browser.send(code=pyotp.TOTP(secret).now())
    return browser


@pytest.fixture(scope="module")
def officer(world: World, administrator: Browser) -> Browser:
    """Amina, who was invited."""
    administrator.open("/desk/officers")
    page = administrator.send("/desk/officers", name="Amina", login="amina", role="officer", language="en")
    browser = world.browser()
    browser.open(re.search(r"http://\S+/desk/password/[\w-]+", page)[0])  # type: ignore[index]
    browser.send(password=PASSWORD)
    return browser


# --- what they do -----------------------------------------------------------------------------


def ask(person: Person, question: str) -> int:
    """Write something that nothing fits; gives the number of the request."""
    person.writes(question)
    return person.reads_number()


def confirm_address(world: World, administrator: Browser) -> str:
    """Enter where the provider takes requests, and follow the link that is mailed there."""
    administrator.open("/desk/referrals")
    address = f"desk@{PROVIDER}.example"
    administrator.send("/desk/referrals/addresses", record=PROVIDER, address=address)
    link = world.mailed(address, "confirm")
    browser = world.browser()
    browser.open(link)
    browser.send(urlsplit(link).path)
    return address


def claim(officer: Browser, number: int) -> str:
    """Take a request out of the queue; gives the address of its chat."""
    officer.open("/desk/queue")
    officer.send(f"/desk/tickets/{number}/claim")
    assert officer.path == f"/desk/chats/{number}"
    return officer.path


def learn(officer: Browser, administrator: Browser, chat: str) -> str:
    """Propose an offer for the catalogue, which the administrator approves; gives its id."""
    officer.open(f"{chat}/propose")
    officer.send(
        f"{chat}/propose/record",
        name="Websites in Lodwar",
        provider="Ajira Digital",
        url="https://ajira.example/lodwar",
        summary="Evening classes in Lodwar on making a website, in Swahili.",
        teaches="making a website\nputting it online",
        topics=["web-development"],
        languages="sw",
        countries="KE",
        cost="free",
        modality="in-person",
    )
    administrator.open("/desk/proposals")
    administrator.send("/desk/proposals/1", decision="approve")
    return "websites-in-lodwar"


# --- the circle -------------------------------------------------------------------------------


def test_a_need_that_nothing_meets_goes_round_until_it_is_met_and_the_person_is_told(
    world: World, administrator: Browser, officer: Browser
) -> None:
    person = Person(world.numbers, "whatsapp:+254700000001")
    number = ask(person, QUESTION)
    address = confirm_address(world, administrator)

    chat = claim(officer, number)
    person.reads(SWAHILI.taken("Amina", number).text)
    officer.send(f"{chat}/reply", text="Habari, nitawauliza Ajira.")
    person.reads("Habari, nitawauliza Ajira.")

    officer.send(f"{chat}/refer", record=PROVIDER, text="Somebody in Turkana looks for a class on websites.")
    person.reads("Somebody in Turkana looks for a class on websites.")
    person.presses("Ndiyo")
    provider = world.browser()
    link = world.mailed(address, "Somebody in Turkana looks for a class on websites.")
    assert "Somebody in Turkana" in provider.open(link)
    provider.send(urlsplit(link).path, answer="answered", text="Not yet; in Lodwar, from March.")
    assert "has answered.\nNot yet; in Lodwar, from March." in officer.open(chat)
    assert "254700000001" not in "".join(world.post.texts)

    officer.send(f"{chat}/close", outcome="gap")
    person.reads(SWAHILI.closed(number).text)
    person.presses("Imesaidia")
    person.reads(SWAHILI.acted("rate", number, "1").text)
    person.presses("Ndiyo")
    person.reads(SWAHILI.acted("news", number, "yes").text)
    assert "The person says: it helped." in officer.open(chat)

    record = learn(officer, administrator, chat)
    assert "web development" in officer.open("/desk/gaps")
    officer.open("/desk/gaps?topic=web-development&country=KE&language=sw")
    officer.send("/desk/gaps")
    assert f'href="{chat}"' in officer.page
    officer.send(f"{officer.path}/close", record=record)
    assert "1 person who had agreed is told." in officer.page
    assert "Websites in Lodwar" in person.reads("https://ajira.example/lodwar").body
    assert "gap.close" in administrator.open("/desk/audit?actor=amina")


def test_who_says_no_is_passed_on_to_nobody_and_the_officer_sees_it(world: World, officer: Browser) -> None:
    person = Person(world.numbers, "whatsapp:+254700000002")
    chat = claim(officer, ask(person, ELSEWHERE))
    before = len(world.post.mails)

    officer.send(f"{chat}/refer", record=PROVIDER, text="Somebody looks for a class.")
    person.reads("Somebody looks for a class.")
    person.presses("Hapana")

    person.reads(SWAHILI.acted("consent", 0, "no").text)
    assert "the person does not agree" in officer.open(chat)
    assert len(world.post.mails) == before
