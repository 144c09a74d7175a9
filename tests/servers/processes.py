"""Dalil as it runs: its processes, which a test may kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path


class Processes:
    """The processes of one Dalil, and the hand that kills them."""

    def __init__(self, home: Path, settings: dict[str, str], commands: Sequence[str]) -> None:
        """`settings` are those of `bot.settings` as environment variables, `DALIL_PORT` among them."""
        self.address = f"http://127.0.0.1:{settings['DALIL_PORT']}"
        self._environment = {**os.environ, "DALIL_HOME": str(home), **settings}
        self._commands = list(commands)
        self.running = [self._start(command) for command in self._commands]

    @contextmanager
    def stopping(self) -> Iterator[Processes]:
        """Stop them in the end."""
        try:
            yield self
        finally:
            self.stop()

    def _start(self, command: str) -> subprocess.Popen[bytes]:
        program = str(Path(sys.executable).with_name("dalil"))
        with (Path(self._environment["DALIL_HOME"]) / f"{command}.log").open("ab") as log:
            return subprocess.Popen([program, command], env=self._environment, stdout=log, stderr=log)

    def kill(self, which: int) -> None:
        """Kill one without warning and start it again."""
        self.running[which].send_signal(signal.SIGKILL)
        self.running[which].wait()
        self.running[which] = self._start(self._commands[which])

    def wait_until_ready(self, seconds: float = 60) -> None:
        """Wait until the page says that questions can be answered."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with suppress(OSError), urllib.request.urlopen(f"{self.address}/readyz", timeout=5):
                return
            time.sleep(0.1)
        raise AssertionError("not ready in time")

    def stop(self) -> None:
        """Ask all to end, and wait until they have."""
        for process in self.running:
            process.terminate()
        for process in self.running:
            process.wait(30)
