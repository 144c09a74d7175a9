"""The whole product as an operator starts it: one process, one port, one data folder."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

DALIL = str(Path(sys.executable).with_name("dalil"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Running:
    """`dalil serve` with a data folder of its own."""

    def __init__(self, home: Path) -> None:
        self.address = f"http://127.0.0.1:{(port := free_port())}"
        self.environment = {**os.environ, "DALIL_HOME": str(home), "DALIL_PORT": str(port)}
        self._start()

    def _start(self) -> None:
        self.process = subprocess.Popen([DALIL, "serve"], env=self.environment, stderr=subprocess.DEVNULL)
        self.browser = httpx.Client(base_url=self.address, headers={"Origin": self.address}, timeout=30)
        self._until(lambda: self.browser.get("/healthz").is_success)

    def _until(self, true: object, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if true():  # type: ignore[operator]
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"not within {seconds} seconds")

    def write(self, text: str, number: int) -> None:
        response = self.browser.post("/channels/web", json={"id": f"m{number}", "text": text})
        assert response.status_code == 202, response.text

    def told(self, part: str) -> str:
        """Wait until the page shows a message of ours with `part` in it."""
        found: list[str] = []

        def look() -> bool:
            said = self.browser.get("/channels/web/history").json()["messages"]
            found[:] = [m["text"] for m in said if m["author"] != "person" and part in m["text"]]
            return bool(found)

        self._until(look)
        return found[-1]

    def command(self, *words: str) -> str:
        return subprocess.run([DALIL, *words], env=self.environment, check=True, capture_output=True, text=True).stdout

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def start_again(self) -> None:
        cookies = self.browser.cookies
        self._start()
        self.browser.cookies = cookies

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    made = Running(tmp_path_factory.mktemp("home"))
    yield made
    if made.process.poll() is None:
        made.stop()


def test_what_is_asked_at_once_is_kept_and_answered_when_the_models_are_there(running: Running) -> None:
    running.write("free online course to learn python, I live in Nairobi", 1)

    assert "https://" in running.told("freeCodeCamp")


def test_an_officer_answers_from_the_command_line_into_the_open_page(running: Running) -> None:
    running.write("where can i learn welding around kumasi", 2)
    text = running.told("kept under number")
    number = "".join(filter(str.isdigit, text.split("number")[1].split(".")[0]))

    assert "welding" in running.command("tickets", "list")
    running.command("tickets", "reply", number, "Ask the Kumasi Technical Institute.")

    assert running.told("Kumasi Technical") == "Ask the Kumasi Technical Institute."


def test_a_message_that_was_acknowledged_before_a_kill_is_answered_after_it(running: Running) -> None:
    running.write("free course on digital marketing in English", 3)
    running.kill()
    running.start_again()

    running.told("marketing")


def test_a_program_can_ask(running: Running) -> None:
    running.stop()

    answer = json.loads(running.command("ask", "--json", "free cybersecurity course for beginners"))

    assert answer["action"] == "answer"
    assert {"id", "kind", "name", "url", "why"} <= set(answer["results"][0])
