"""Pictures of the running desk for docs/officers.md: a throw-away Dalil, people who write to it, officers who answer.

`make pictures` makes them anew in docs/pictures; it needs Chromium.
"""

from __future__ import annotations

import base64
import re
import secrets
import struct
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import httpx
import numpy as np
import pyotp
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright
from sqlalchemy import select, update

from bot import referrals
from bot.assembly import Assembly
from bot.settings import Settings
from desk import filling
from desk.access import COOKIE, digest
from store import chat, contacts
from store.desk_tables import Canned, Note, Officer, Referral, SignIn
from store.tables import Ticket, now
from tests.acceptance.test_page import CHROMIUM, FLAGS
from tests.servers import telegram, twilio
from tests.servers.page import free_port
from tests.servers.processes import Processes
from tests.servers.smtp import Post

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
LARGEST = 150_000
"""Bytes of a picture."""
WIDE: ViewportSize = {"width": 1280, "height": 860}
SMALL: ViewportSize = {"width": 360, "height": 740}
COLOURS = 128
GROUP = -1002233445566
ALWAYS = {str(day): ["00:00", "23:59"] for day in range(7)}
"""Working hours, so that the pictures are the same whenever they are made."""

OFFICERS: tuple[tuple[str, str, list[str], str, list[str]], ...] = (
    ("Amina", "officer", ["en", "sw", "fr"], "Africa/Nairobi", ["KE", "RW", "SN", "SO"]),
    ("Omar", "officer", ["ar", "en", "ha", "am"], "Africa/Cairo", []),
    ("Meerim", "lead", ["ru", "en"], "Asia/Bishkek", []),
)
PAST: tuple[tuple[tuple[int, ...], str, str], ...] = (
    ((11, 9, 6), "cours de cybersécurité en wolof pour les femmes commerçantes à Dakar", "gap"),
    ((10, 7), "Kozi ya kilimo cha kidijitali kwa Kiswahili huko Turkana, ana kwa ana", "gap"),
    ((9, 5), "cybersecurity training in Somali for mobile money agents in Hargeisa", "gap"),
    ((8, 3), "data protection course in Kinyarwanda for civil servants in Rwanda", "referred"),
    ((8,), "Ciberseguridad en quechua para maestros en Cusco", "gap"),
    ((7, 4), "የግብርና ዲጂታል ስልጠና በትግርኛ በመቀሌ", "gap"),
    ((6, 2), "formation en intelligence artificielle en wolof pour enseignants à Thiès, Sénégal", "gap"),
    ((6,), "Nataka kozi ya bure ya kutengeneza tovuti kwa lugha ya Kiswahili huko Turkana, ana kwa ana", "matched"),
    ((5, 2), "курс по цифровому маркетингу на кыргызском языке в Оше, очно", "gap"),
    ((10, 4), "Curso presencial de programación en quechua para jóvenes en Ayacucho", "referred"),
    ((4, 2), "cybersecurity course in Wolof for shopkeepers in Saint-Louis, Senegal, in person", "gap"),
    ((3, 1), "digital marketing classes in Twi for market women in Kumasi, in person", "matched"),
    ((5, 3), "Kozi ya kilimo cha kidijitali kwa Kiswahili huko Marsabit, ana kwa ana", "gap"),
    ((3,), "AI course in Kinyarwanda for secondary school teachers, Kigali", "gap"),
    ((1,), "хочу курс по искусственному интеллекту на кыргызском языке в Оше", "gap"),
    ((1,), "formation en cybersécurité en wolof pour commerçants à Thiès au Sénégal", "gap"),
)
"""Weeks ago, what somebody wrote in each, and how their request ended."""
PRESENT = {
    "farmer": (52, "Evening classes in drone mapping for farmers in Turkana, taught in Swahili, in person"),
    "trader": (41, "Je cherche une formation en cybersécurité en wolof pour commerçants à Saint-Louis du Sénégal"),
    "clerk": (47, "Nataka kujifunza Excel kwa Kiswahili, ana kwa ana, Lodwar, bure"),
    "county": (33, "I need someone who can advise our county on a data protection policy, Turkana"),
    "seller": (26, "Busco un curso presencial de comercio electrónico en quechua en Cusco"),
    "teacher": (19, "በአማርኛ የሳይበር ደህንነት ስልጠና በባህር ዳር ከሰርተፍኬት ጋር"),
    "student": (12, "хочу курс по искусственному интеллекту на кыргызском языке в Оше"),
    "mender": (8, "Ina son koyon gyaran waya a cikin Hausa a Sakkwato, da takardar shaida"),
}
"""Who waits now: since how many minutes, and for what."""


@dataclass
class Stage:
    """A Dalil that runs, and the hands that move people and officers."""

    assembly: Assembly
    numbers: twilio.Twilio
    post: Post
    seats: dict[str, int]

    def officer(self, name: str) -> Officer:
        """One of `OFFICERS`, as they are now."""
        with self.assembly.database.read() as session:
            return session.get_one(Officer, self.seats[name])

    def asks(self, address: str, text: str) -> int:
        """Somebody writes; gives the number of the request that this becomes."""
        self.says(address, text)
        return wait_for(lambda: self.ticket(address))

    def says(self, address: str, text: str) -> None:
        """Somebody writes."""
        self.numbers.deliver([self.numbers.person(address).says(text)])

    def presses(self, address: str, action: str) -> None:
        """Somebody presses the button whose payload is `action`."""

        def look() -> str | None:
            mine = [message for message in self.numbers.sent if message.to == address]
            return next((title for m in mine for title, payload in m.buttons if payload == action), None)

        self.numbers.deliver([self.numbers.person(address).presses(action, wait_for(look))])

    def ticket(self, address: str) -> int | None:
        """The open request of somebody."""
        with self.assembly.database.read() as session:
            contact = contacts.find(session, self.assembly.vault, "whatsapp", address)
            conversation = contacts.conversation_of(session, contact.id) if contact else None
            query = select(Ticket.id).where(Ticket.conversation_id == (conversation.id if conversation else 0))
            return session.scalars(query.where(Ticket.state == "open")).first()

    def mailed(self, part: str) -> str:
        """The link of the newest mail that says `part`."""
        text = wait_for(lambda: next((text for text in reversed(self.post.texts) if part in text), None))
        return re.search(r"http://\S+", text)[0]  # type: ignore[index]

    def answers(self, part: str, answer: str, text: str) -> None:
        """A provider follows the link of a mail and answers."""
        httpx.post(self.mailed(part), data={"answer": answer, "text": text}).raise_for_status()

    def change(self, number: int, **values: Any) -> None:
        """Set columns of a request."""
        with self.assembly.database.write() as session:
            session.execute(update(Ticket).where(Ticket.id == number).values(**values))


Found = TypeVar("Found")


def wait_for(look: Callable[[], Found | None], seconds: float = 30) -> Found:
    """Look again and again until there is something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.05)
    raise SystemExit("what was waited for did not come")


# --- what happens -----------------------------------------------------------------------------


def phone(number: int) -> str:
    """The address of somebody on WhatsApp."""
    return f"whatsapp:+254700000{number:03}"


def hire(assembly: Assembly) -> dict[str, int]:
    """Put the officers at their desks, beside the administrator who is there."""
    with assembly.database.write() as session:
        lucia = session.scalars(select(Officer)).one()
        lucia.languages, lucia.hours = ["es", "en", "pt"], {"zone": "America/Lima", "days": ALWAYS}
        made = [lucia] + [
            Officer(
                login=name.lower(),
                name=name,
                role=role,
                languages=languages,
                countries=countries,
                hours={"zone": zone, "days": ALWAYS},
                password_hash="none: they are signed in by their cookies",
                seen_at=now(),
            )
            for name, role, languages, zone, countries in OFFICERS
        ]
        session.add_all(made)
        hello = "Good day, this is {name}. I have read your request {number} and look for something that fits."
        session.add(Canned(language="en", title="I am looking", text=hello))
        session.flush()
        return {officer.name: officer.id for officer in made}


def remember(stage: Stage) -> None:
    """Let the people of the last weeks ask, and close their requests as of then."""
    asked = [(ago, text, outcome) for weeks, text, outcome in PAST for ago in weeks]
    for place, (weeks, text, outcome) in enumerate(asked):
        number = stage.asks(phone(100 + place), text)
        opened = now() - timedelta(days=7 * weeks - 1, hours=place)
        stage.change(
            number,
            state="closed",
            step="closed",
            outcome=outcome,
            opened_at=opened,
            closed_at=opened + timedelta(hours=20),
            officer_id=stage.seats["Amina"],
            rating=place % 3 != 0,
            wants_news=place % 4 != 3,
            promised_at=None,
            move_at=None,
            offered_to=None,
        )


def write_gaps(stage: Stage) -> int:
    """Write three gaps down: one is called out, one is filled; gives the number of the first."""
    lead, database = stage.officer("Meerim"), stage.assembly.database
    with database.write() as session:
        called = filling.from_cell(session, lead, {"topic": "cybersecurity", "country": "SN", "language": "wo"})
        called.officer_id = stage.seats["Amina"]
        filling.from_cell(session, lead, {"topic": "digital-agriculture", "country": "KE"})
        filled = filling.from_cell(session, lead, {"topic": "artificial-intelligence", "country": "KG"})
        filled.state, filled.record_id, filled.closed_at = "closed", "stepik", now()
        return called.id


def gather(stage: Stage) -> dict[str, int]:
    """Let those who wait now ask; gives the numbers of their requests."""
    found = {}
    for place, (name, (minutes, text)) in enumerate(PRESENT.items()):
        found[name] = number = stage.asks(phone(place), text)
        with stage.assembly.database.read() as session:
            ticket = session.get_one(Ticket, number)
        back = timedelta(minutes=minutes)
        promised = ticket.promised_at - back if ticket.promised_at else None
        stage.change(number, opened_at=ticket.opened_at - back, promised_at=promised)
    return found


def confirm(stage: Stage, record: str) -> None:
    """Enter a provider's address, and follow the link that is mailed there."""
    stage.assembly.referrals.enter_address(record, f"desk@{record}.example", stage.officer("Lucía"))
    httpx.post(stage.mailed("/providers/address/")).raise_for_status()


def pass_on(stage: Stage, number: int, record: str, name: str, text: str) -> None:
    """Ask a person whether their request may go to a provider."""
    with stage.assembly.database.write() as session:
        officer = session.get_one(Officer, stage.seats["Amina"])
        ticket = session.get_one(Ticket, number)
        referrals.ask(session, stage.assembly.limits, ticket, officer, record, name, text)


def work(stage: Stage, requests: dict[str, int]) -> None:
    """Amina takes three requests and talks with two of the people."""
    amina, desk = stage.officer("Amina"), stage.assembly.escalation
    for name in ("farmer", "trader", "clerk"):
        desk.claim(requests[name], amina)
    farmer, trader = phone(0), phone(1)
    desk.reply(requests["farmer"], "Good day! How many of you are there, and do you have phones?", "amina", amina)
    stage.says(farmer, "We are 14, all have phones. Two have flown a drone before.")
    confirm(stage, "digitruck")
    confirm(stage, "force-n")
    asked = "14 farmers in Turkana, Kenya, look for evening classes in drone mapping in Swahili. All have phones."
    pass_on(stage, requests["farmer"], "digitruck", "DigiTruck", asked)
    stage.presses(farmer, "consent:1.yes")
    stage.answers("14 farmers", "accepted", "We are in Lodwar from the 9th on and can add an evening class.")
    desk.reply(requests["trader"], "Bonjour, je cherche et je vous réponds aujourd’hui.", "amina", amina)
    pass_on(stage, requests["trader"], "force-n", "FORCE-N", "Un commerçant cherche une formation en wolof.")
    stage.says(trader, "Merci ! Nous serions trois.")
    stage.says(farmer, "Thank you, an evening class would be good.")
    desk.snooze(requests["clerk"], amina, now() + timedelta(hours=4))
    decorate(stage, requests)


def decorate(stage: Stage, requests: dict[str, int]) -> None:
    """What else a desk has: a trusted person, a note, an older referral."""
    with stage.assembly.database.write() as session:
        county = contacts.find(session, stage.assembly.vault, "whatsapp", phone(3))
        chat.give_trust(session, county.id if county else 0, stage.seats["Lucía"], "county government")
        note = "The county pays for the fuel of the generator: ask Joseph."
        session.add(Note(ticket_id=requests["farmer"], officer_id=stage.seats["Omar"], text=note))
        old = session.scalars(select(Ticket.id).where(Ticket.outcome == "referred").order_by(Ticket.id)).first()
        session.add(
            Referral(ticket_id=old or 0, record_id="gikace", text="…", state="declined", answer="Not before May.")
        )


# --- the pictures -----------------------------------------------------------------------------


class Camera:
    """Takes pictures of the desk, as its officers see it."""

    def __init__(self, assembly: Assembly, browser: Browser) -> None:
        self._database, self._browser = assembly.database, browser
        self._darkroom = browser.new_page()
        self.settings = assembly.settings

    def page(self, name: str = "", size: ViewportSize | None = None) -> Page:
        """A browser in which an officer is signed in, or nobody."""
        phone = size == SMALL
        context = self._browser.new_context(
            viewport=size or WIDE, locale="en-GB", device_scale_factor=2 if phone else 1
        )
        if name:
            address = f"{self.settings.address}/desk"
            context.add_cookies([{"name": COOKIE, "value": self._sign_in(name), "url": address}])
        return context.new_page()

    def _sign_in(self, name: str) -> str:
        token = secrets.token_urlsafe(32)
        with self._database.write() as session:
            officer = session.scalars(select(Officer.id).where(Officer.name == name)).one()
            session.add(SignIn(digest=digest(token), officer_id=officer, csrf=secrets.token_urlsafe(32)))
        return token

    def open(self, page: Page, path: str) -> Page:
        """A page of the desk, when it is at rest."""
        page.goto(self.settings.address + path, wait_until="load")
        page.wait_for_timeout(900)  # charts move, and lists are drawn anew
        return page

    def take(self, page: Page, name: str, **how: Any) -> None:
        """Keep what the page shows."""
        self._keep(name, page.screenshot(**how))

    def _keep(self, name: str, picture: bytes) -> None:
        small = shrunk(self._darkroom, picture)
        if len(small) > LARGEST:
            raise SystemExit(f"{name} is too large: {len(small)} bytes")
        (FOLDER / f"{name}.png").write_bytes(small)
        print(f"{name}.png {len(small) // 1000} kB")


_PIXELS = """async (picture) => {
  const image = new Image();
  image.src = `data:image/png;base64,${picture}`;
  await image.decode();
  const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
  context.drawImage(image, 0, 0);
  const bytes = context.getImageData(0, 0, image.width, image.height).data;
  let text = "";
  for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
  return [image.width, image.height, btoa(text)];
}"""


def shrunk(page: Page, picture: bytes) -> bytes:
    """The same picture in few colours: a third of the size. `page`: any, its browser reads the pixels."""
    width, height, told = page.evaluate(_PIXELS, base64.b64encode(picture).decode())
    pixels = np.frombuffer(base64.b64decode(told), np.uint8).reshape(height * width, 4)[:, :3]
    colours, which, counts = np.unique(pixels, axis=0, return_inverse=True, return_counts=True)
    palette = colours[np.argsort(-counts)[:COLOURS]]
    nearest = _nearest(colours, palette)[which.reshape(-1)].reshape(height, width)
    return _png(nearest, palette)


def _nearest(colours: NDArray[np.uint8], palette: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """For each colour the place of the one in the palette that looks most like it."""
    found = [np.square(part[:, None].astype(int) - palette).sum(2).argmin(1) for part in np.array_split(colours, 64)]
    return np.concatenate(found).astype(np.uint8)


def _png(places: NDArray[np.uint8], palette: NDArray[np.uint8]) -> bytes:
    """A PNG with a palette."""
    height, width = places.shape

    def part(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = np.pad(places, ((0, 0), (1, 0))).tobytes()
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    body = part(b"IHDR", head) + part(b"PLTE", palette.tobytes()) + part(b"IDAT", zlib.compress(rows, 9))
    return b"\x89PNG\r\n\x1a\n" + body + part(b"IEND", b"")


def enter(camera: Camera, link: str) -> None:
    """Lucía comes in by the link that the server has printed."""
    page = camera.page(size={**WIDE, "height": 720})
    page.goto(link)
    for field, value in {"name": "Lucía", "login": "lucia", "password": "four words that rhyme badly"}.items():
        page.fill(f"#{field}", value)
    page.get_by_role("button", name="Go on").click()
    camera.take(page, "codes")
    page.fill("#code", pyotp.TOTP(page.locator("code").inner_text().replace(" ", "")).now())
    page.get_by_role("button", name="Go on").click()
    page.locator(".rooms").wait_for()


def shoot(camera: Camera, requests: dict[str, int], gap: int) -> None:
    """All pictures, in the order of docs/officers.md."""
    chat = f"/desk/chats/{requests['farmer']}"
    camera.take(camera.open(camera.page(size={**WIDE, "height": 560}), "/desk/sign-in"), "sign-in")
    amina, lead = camera.page("Amina"), camera.page("Lucía")
    camera.take(camera.open(lead, "/desk/queue"), "queue")
    camera.open(amina, f"/desk/chats/{requests['clerk']}")  # who has read it can put it aside
    camera.take(camera.open(amina, chat), "chat")
    close(camera, amina)
    camera.take(camera.open(amina, "/desk/chats"), "my-chats", clip={"x": 0, "y": 0, **WIDE, "height": 480})
    camera.take(camera.open(lead, "/desk/gaps"), "gaps")
    camera.take(camera.open(lead, f"/desk/gaps/{gap}"), "gap")
    camera.take(camera.open(lead, "/desk/coverage?country=SN&area=cybersecurity"), "coverage")
    camera.take(camera.open(lead, "/desk/referrals"), "referrals")
    camera.open(amina, "/desk/telegram").get_by_role("button", name="Get a code").click()
    camera.take(amina, "telegram", clip={"x": 0, "y": 0, **WIDE, "height": 480})
    small = camera.page("Amina", SMALL)
    camera.take(camera.open(small, "/desk/queue"), "phone-queue")
    camera.take(camera.open(small, chat), "phone-chat")


def close(camera: Camera, page: Page) -> None:
    """The end of a chat's page, where a request is closed."""
    part = page.locator("#part-close")
    part.locator("summary").click()
    part.get_by_text("referred to a provider").click()
    part.get_by_role("button").scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    camera.take(page, "close")


def main() -> None:
    """Set the stage, and take the pictures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    address = f"http://127.0.0.1:{(port := free_port())}"
    numbers, post = twilio.Twilio(public_url=address, webhook=address), Post()
    bots = telegram.BotApi()
    bots.person(GROUP)
    with TemporaryDirectory() as folder, numbers.serving(), bots.serving(), post.serving() as smtp:
        settings = {
            "DALIL_PORT": str(port),
            "DALIL_OPERATOR": "The digital skills desk",
            "DALIL_TWILIO_ACCOUNT_SID": numbers.account,
            "DALIL_TWILIO_AUTH_TOKEN": numbers.token,
            "DALIL_TWILIO_FROM": twilio.NUMBER,
            "DALIL_TWILIO_API_URL": numbers.url,
            "DALIL_TELEGRAM_TOKEN": bots.token,
            "DALIL_TELEGRAM_SECRET": bots.secret,
            "DALIL_TELEGRAM_GROUP": str(GROUP),
            "DALIL_TELEGRAM_API_URL": bots.url,
            "DALIL_SMTP_URL": smtp,
            "DALIL_MAIL_FROM": "desk@dalil.example",
        }
        given: dict[str, Any] = {name.removeprefix("DALIL_").lower(): value for name, value in settings.items()}
        assembly = Assembly(Settings(home=Path(folder), **given))
        with Processes(Path(folder), settings, ["serve"]).stopping() as dalil, sync_playwright() as playwright:
            dalil.wait_until_ready()
            camera = Camera(assembly, playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS))
            log = (Path(folder) / "serve.log").read_text()
            enter(camera, re.search(r"http://\S+/desk/first/\S+", log)[0])  # type: ignore[index]
            stage = Stage(assembly, numbers, post, hire(assembly))
            remember(stage)
            gap = write_gaps(stage)
            requests = gather(stage)
            work(stage, requests)
            shoot(camera, requests, gap)
        assembly.database.close()


if __name__ == "__main__":
    main()
