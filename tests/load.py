"""How much one Dalil carries, with the load and the double on the same cores: part of `make bench`."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import secrets
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import fastapi
from sqlalchemy import func, select, text

from channels.contract import Channel, Inbound, Kind, Malformed, Outgoing, Receipt, Request
from store.database import Database
from store.tables import Delivery, Message
from tests.servers.page import free_port
from tests.servers.processes import Processes
from tests.servers.twilio import ACCOUNT, NUMBER, TOKEN, Twilio

CONNECTIONS = 32
WARMING_UP = 200
"""Requests that are not measured: each process imports something at its first ones."""
QUESTIONS = Path(__file__).parent / "questions"
POSTGRES = os.environ.get("DALIL_TEST_POSTGRES_URL")


class Client:
    """Posts over connections that stay open; as little work as possible, it runs on the measured cores."""

    def __init__(self, url: str, requests: Sequence[Request]) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self._waiting = list(reversed([(number, self._raw(request)) for number, request in enumerate(requests)]))
        self.took: list[float] = [0.0] * len(requests)
        self.began: list[float] = [0.0] * len(requests)

    def _raw(self, request: Request) -> bytes:
        path = urlsplit(request.url).path
        headers = {"host": f"{self._host}:{self._port}", "content-length": str(len(request.body)), **request.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + request.body

    async def run(self, connections: int = CONNECTIONS, per_second: float | None = None) -> float:
        """Post everything, `per_second` if that is given, else as fast as it is answered; gives the seconds."""
        start = time.perf_counter()
        self._pace, self._start = per_second, start
        await asyncio.gather(*(self._ride() for _ in range(connections)))
        return time.perf_counter() - start

    async def _ride(self) -> None:
        reader, writer = await asyncio.open_connection(self._host, self._port)
        while self._waiting:
            number, raw = self._waiting.pop()
            if self._pace:
                await asyncio.sleep(max(0.0, self._start + number / self._pace - time.perf_counter()))
            self.began[number] = time.time()
            start = time.perf_counter()
            writer.write(raw)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 20"):
                raise SystemExit(f"refused: {head!r}")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
            if length:
                await reader.readexactly(length)
            self.took[number] = time.perf_counter() - start
        writer.close()


def _texts() -> list[str]:
    lines = [line for path in sorted(QUESTIONS.glob("*.jsonl")) for line in path.read_text("utf-8").splitlines()]
    return [json.loads(line)["text"] for line in lines]


def _said(twilio: Twilio, count: int, first: int, texts: Sequence[str]) -> list[Request]:
    """Signed messages of `count` people, one each."""
    people = [twilio.person(f"whatsapp:+2547{first + number:08}") for number in range(count)]
    return [twilio.request(person.says(texts[number % len(texts)])) for number, person in enumerate(people)]


def _settings(port: int, twilio: Twilio, url: str | None) -> dict[str, str]:
    return {
        "DALIL_PORT": str(port),
        "DALIL_PUBLIC_URL": twilio.public_url,
        "DALIL_DATABASE_URL": url or "",
        "DALIL_TWILIO_ACCOUNT_SID": ACCOUNT,
        "DALIL_TWILIO_AUTH_TOKEN": TOKEN,
        "DALIL_TWILIO_FROM": NUMBER,
        "DALIL_TWILIO_API_URL": twilio.url,
    }


# --- the acknowledgement -------------------------------------------------------------------------


def bare(port: int) -> None:
    """The floor: an endpoint that checks the signature and does nothing."""
    import uvicorn
    from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

    app, validator, public = fastapi.FastAPI(), RequestValidator(TOKEN), os.environ["DALIL_PUBLIC_URL"]

    @app.post("/channels/whatsapp")
    async def receive(request: fastapi.Request) -> fastapi.Response:
        form = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        valid = validator.validate(f"{public}/channels/whatsapp", form, request.headers["x-twilio-signature"])
        return fastapi.Response(status_code=200 if valid else 403)

    uvicorn.run(app, port=port, log_level="warning", access_log=False)


def front(port: int) -> None:
    """Dalil's web app alone: what comes in is written down and waits."""
    import uvicorn

    from bot.assembly import Assembly
    from bot.service import settle
    from bot.settings import Settings
    from bot.signals import Signal
    from bot.web import Server, create_app

    assembly = Assembly(Settings())
    assembly.prepare()
    parts = assembly.parts_of_page(lambda: True, Signal())
    app = create_app(parts)
    config = uvicorn.Config(app, port=port, log_level="warning", access_log=False, server_header=False, log_config=None)
    Server(config, parts, settle).run()


@contextmanager
def _program(name: str, settings: dict[str, str], home: str) -> Iterator[str]:
    environment = {**os.environ, **settings, "DALIL_HOME": home}
    command = [sys.executable, "-m", "tests.load", name, settings["DALIL_PORT"]]
    process = subprocess.Popen(command, env=environment)
    url = f"http://127.0.0.1:{settings['DALIL_PORT']}"
    try:
        _wait_for(int(settings["DALIL_PORT"]))
        yield url
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int) -> None:
    import socket

    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("it did not start")


def acknowledgement(name: str, url: str | None, runs: int = 5, count: int = 3000) -> None:
    """Requests a second and the slowest, beside the floor; runs take turns so that both meet the same machine."""
    rates: dict[str, list[float]] = {"bare": [], "front": []}
    slowest: list[float] = []
    first = secrets.randbelow(10**6) * 10
    with TemporaryDirectory() as home, Twilio().serving() as twilio:
        for program in ["bare", "front"] * runs:
            settings = _settings(free_port(), twilio, url)
            with _program(program, settings, home) as address:
                words = ["how can i learn to code for free"]
                asyncio.run(Client(address, _said(twilio, WARMING_UP, first, words)).run())
                client = Client(address, _said(twilio, count, first + WARMING_UP, words))
                first += WARMING_UP + count
                rates[program].append(count / asyncio.run(client.run()))
                if program == "front":
                    slowest.append(sorted(client.took)[int(count * 0.99)] * 1000)
    floor, ours = (statistics.median(rates[program]) for program in ("bare", "front"))
    print(
        f"webhook acknowledged after the durable write, {name}: {ours:.0f}/s, signature only {floor:.0f}/s, "
        f"ratio {ours / floor:.2f}; p99 {statistics.median(slowest):.0f} ms at {CONNECTIONS} connections"
    )


# --- full turns ----------------------------------------------------------------------------------


def turns(name: str, url: str | None, workers: int, people: int = 400) -> None:
    """Message in → reply handed to the double: as fast as it goes, then at half of that."""
    twilio = Twilio()
    texts = [each for each in _texts() if len(each) <= 80]
    port = free_port()
    twilio.webhook = f"http://127.0.0.1:{port}"
    commands = ["serve", *["worker"] * (workers - 1)]
    with TemporaryDirectory() as home, twilio.serving():
        dalil = Processes(Path(home), _settings(port, twilio, url), commands)
        try:
            dalil.wait_until_ready()
            address = f"http://127.0.0.1:{port}"
            _through(twilio, address, ["hello"], people)  # who is welcomed is not measured
            start, latencies = time.time(), _through(twilio, address, texts, people)
            rate = people / (max(at for at, _ in latencies) - start)
            print(f"full turns, {name}: {rate:.0f}/s sustained over {people} people")
            half = [took for _, took in _through(twilio, address, texts[::-1], people, rate / 2)]
            p95 = sorted(half)[int(len(half) * 0.95)]
            print(f"full turns, {name}, at {rate / 2:.0f}/s: median {statistics.median(half):.2f} s, p95 {p95:.2f} s")
        finally:
            dalil.stop()


def _through(
    twilio: Twilio, address: str, texts: Sequence[str], people: int, per_second: float | None = None
) -> list[tuple[float, float]]:
    """Let everybody write once; gives when each had the last of the reply, and how long it took, in seconds."""
    before = len(twilio.sent)
    requests = _said(twilio, people, 10_000_000, texts)
    client = Client(address, requests)
    asyncio.run(client.run(per_second=per_second))
    answered: dict[str, float] = {}
    quiet = time.monotonic()
    while len(answered) < people or time.monotonic() - quiet < 1:
        for sent in twilio.sent[before:]:
            answered[sent.to] = sent.created.timestamp()
            quiet, before = time.monotonic(), before + 1
        if time.monotonic() - quiet > 60:
            raise SystemExit(f"{people - len(answered)} people were not answered")
        time.sleep(0.05)
    wrote = [
        (dict(parse_qsl(each.body.decode()))["From"], began) for each, began in zip(requests, client.began, strict=True)
    ]
    return [(answered[who], answered[who] - began) for who, began in wrote]


# --- the queue alone -----------------------------------------------------------------------------


class Nowhere(Channel):
    """Takes everything at once."""

    name = "nowhere"
    text_limit = 10_000

    def parse(self, request: Request) -> Sequence[Inbound]:
        raise Malformed("it only sends")

    async def send(self, address: str, message: Outgoing) -> Receipt:
        return Receipt("1")


class Nothing:
    """Takes empty turns."""

    manners: Any = None

    def take(self, heard: Any, known: Any) -> Any:
        from bot.outcome import Outcome
        from retrieval.fit import Action

        return Outcome(Action.SMALLTALK, "en", [Outgoing("yes")])


def _carry(url: str, over: Any) -> None:
    """A process that takes empty turns and sends into nowhere until `over`."""
    from bot.delivery import Sender
    from bot.logs import set_up
    from bot.signals import Signal
    from bot.worker import Worker
    from store.vault import Vault

    set_up(quiet=True)
    database, said, arrived = Database(url), Signal(), Signal()
    worker = Worker(database, Nothing(), arrived, said)  # type: ignore[arg-type]
    sender = Sender(database, Vault(["x" * 40]), {"nowhere": Nowhere()}, said)
    threading.Thread(target=worker.run, daemon=True).start()
    threading.Thread(target=lambda: asyncio.run(sender.run()), daemon=True).start()
    over.wait()


def queue(name: str, url: str | None, workers: int, people: int = 1500) -> None:
    """Empty turns: what the durable way itself takes."""
    from bot.intake import Intake
    from bot.signals import Signal
    from store.vault import Vault

    with TemporaryDirectory() as home:
        address = url or f"sqlite:///{home}/dalil.db"
        database = Database(address)
        database.migrate()
        intake = Intake(database, Vault(["x" * 40]), Signal())
        intake.receive(
            [Inbound("nowhere", f"person {n}", f"{secrets.token_hex(4)}", Kind.TEXT, "x") for n in range(people)]
        )
        context = multiprocessing.get_context("spawn")
        over = context.Event()
        processes = [context.Process(target=_carry, args=(address, over)) for _ in range(workers)]
        for process in processes:
            process.start()
        marks: list[tuple[float, int]] = []
        while not marks or marks[-1][1] < people:
            time.sleep(0.1)
            with database.read() as session:
                sent = session.scalar(select(func.count()).select_from(Delivery).where(Delivery.state == "sent")) or 0
            if sent or marks:
                marks.append((time.perf_counter(), sent))
        over.set()
        for process in processes:
            process.join()
        seconds = marks[-1][0] - marks[0][0]
        print(f"the queue alone (empty turns), {name}: {(people - marks[0][1]) / seconds:.0f}/s")
        with database.read() as session:
            assert not session.scalar(select(func.count()).select_from(Message).where(Message.turn_id.is_(None)))
        database.close()


def _empty(url: str) -> str:
    with Database(url).engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    return url


def main() -> None:
    """Everything, on SQLite and, if there is one, on PostgreSQL, whose database is emptied."""
    acknowledgement("SQLite", None)
    queue("SQLite, one process", None, 1)
    turns("SQLite, one process", None, 1)
    if POSTGRES:
        acknowledgement("PostgreSQL", _empty(POSTGRES))
        queue("PostgreSQL, two processes", _empty(POSTGRES), 2)
        turns("PostgreSQL, two processes", _empty(POSTGRES), 2)


if __name__ == "__main__":
    if sys.argv[1:2] in (["bare"], ["front"]):
        {"bare": bare, "front": front}[sys.argv[1]](int(sys.argv[2]))
    else:
        main()
