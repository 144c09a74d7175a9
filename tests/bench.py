"""Figures for docs/benchmarks.md: `make bench`. Nothing here passes or fails."""

from __future__ import annotations

import json
import os
import platform
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests import load, many

FOLDER = Path(__file__).parent / "questions"
SHORT = 60
"""Characters of the questions that a turn is measured with."""
ADDRESS = "http://127.0.0.1:8917"


def questions() -> list[str]:
    """All written questions, each different: nothing is answered out of a cache."""
    lines = [line for path in sorted(FOLDER.glob("*.jsonl")) for line in path.read_text(encoding="utf-8").splitlines()]
    return [json.loads(line)["text"] for line in lines]


def timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def turns() -> None:
    """A turn from the message that came in to the committed reply, on one core."""
    os.sched_setaffinity(0, {0})
    from bot.console import Talk, throw_away
    from bot.logs import set_up
    from bot.settings import Settings

    set_up(quiet=True)
    short = [text for text in questions() if len(text) <= SHORT]
    start = time.perf_counter()
    with throw_away(Settings()) as assembly:
        print(f"index of the starter catalogue, models loaded: {time.perf_counter() - start:.1f} s")
        for text in questions():
            if len(text) > SHORT:  # others than those that are measured
                Talk(assembly, secrets.token_hex(8)).say(text)
        for kind, before in (("first contact", []), ("later", ["hello"])):
            taken = []
            for text in short:
                talk = Talk(assembly, secrets.token_hex(8))
                for earlier in before:
                    talk.say(earlier)
                asked = f"{text}{' ' if before else ''}?"  # the encoder has not seen this one yet
                taken.append(timed(lambda talk=talk, asked=asked: talk.say(asked)) * 1000)  # type: ignore[misc]
            report(f"turn, {kind}, up to {SHORT} characters, message in → reply committed", taken)


def report(name: str, taken: list[float]) -> None:
    """Median and 95th percentile of some milliseconds."""
    p95 = sorted(taken)[int(len(taken) * 0.95)]
    print(f"{name}: median {statistics.median(taken):.1f} ms, p95 {p95:.1f} ms, n {len(taken)}")


@contextmanager
def served(home: str) -> Iterator[subprocess.Popen[bytes]]:
    """A serving process of its own, started as `make run` does."""
    environment = {
        **os.environ,
        "DALIL_HOME": home,
        "DALIL_PORT": ADDRESS.rpartition(":")[2],
        "DALIL_PROXIES": "127.0.0.1",
        "MALLOC_ARENA_MAX": "1",
    }
    command = [str(Path(sys.executable).with_name("dalil")), "serve"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def get(path: str, cookie: str = "") -> bytes:
    """Ask until there is an answer."""
    request = urllib.request.Request(ADDRESS + path, headers={"Cookie": f"dalil={cookie}"})
    while True:
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                return bytes(response.read())
        except OSError:
            time.sleep(0.02)


def post(text: str, cookie: str) -> None:
    """Send a message as the page does."""
    body = json.dumps({"id": secrets.token_hex(8), "text": text}).encode()
    headers = {"Cookie": f"dalil={cookie}", "Content-Type": "application/json", "Origin": ADDRESS}
    headers["X-Forwarded-For"] = f"10.{secrets.randbelow(250)}.{secrets.randbelow(250)}.{secrets.randbelow(250)}"
    urllib.request.urlopen(urllib.request.Request(f"{ADDRESS}/channels/web", body, headers), timeout=5).close()


def answered(cookie: str, messages: int) -> None:
    """Wait until so many messages of both sides are there."""
    patience = time.monotonic() + 60
    while len(json.loads(get("/channels/web/history", cookie))["messages"]) < messages:
        if time.monotonic() > patience:
            raise SystemExit("no answer after a minute")
        time.sleep(0.05)


def memory(pid: int) -> dict[str, int]:
    """Resident memory of a process, now and at its highest, in MB (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    fields = dict(line.split(":", 1) for line in status)
    return {name: int(fields[name].split()[0]) // 1024 for name in ("VmRSS", "VmHWM")}


def starts() -> None:
    """From the command to the page and to the answer of a question asked at once; memory after many questions."""
    with tempfile.TemporaryDirectory() as home:
        for name in ("fresh", "again"):
            began = time.perf_counter()
            with served(home) as process:
                get("/")
                print(f"start ({name}): the page after {time.perf_counter() - began:.1f} s")
                cookie = secrets.token_urlsafe(32)
                post(questions()[0], cookie)
                answered(cookie, 3)
                print(f"start ({name}): a question asked at once is answered after {time.perf_counter() - began:.1f} s")
                some = questions()[::3]
                for text in some:
                    post(text, cookie := secrets.token_urlsafe(32))
                answered(cookie, 2)  # without a welcome, if it is of somebody in danger
                used = memory(process.pid)
                print(f"memory ({name}, {len(some)} questions): {used['VmRSS']} MB, peak {used['VmHWM']} MB")


if __name__ == "__main__":
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    starts()
    turns()
    load.main()
    many.main(many.MANY)
