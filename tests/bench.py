"""Figures for docs/benchmarks.md: `make bench`. Nothing here passes or fails."""

from __future__ import annotations

import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

QUESTIONS = [
    "free course to learn python in Nairobi",
    "formation gratuite en cybersécurité à Dakar",
    "curso gratis de marketing digital en Lima",
    "Nataka kujifunza kompyuta bure",
    "دورة مجانية في الذكاء الاصطناعي",
    "我想免费学编程",
    "मुझे मुफ्त कंप्यूटर कोर्स चाहिए",
    "online training on spectrum management for regulators",
    "how can I sell my crafts on the internet?",
    "AI for public servants, with certificate",
]


def timed(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def turns() -> None:
    """A turn from the kept message to the committed reply, on one core."""
    os.sched_setaffinity(0, {0})
    from bot.console import Talk, throw_away
    from bot.logs import set_up
    from bot.settings import Settings

    set_up(quiet=True)
    start = time.perf_counter()
    with throw_away(Settings()) as assembly:
        print(f"index of the starter catalogue, models loaded: {time.perf_counter() - start:.1f} s")
        talk = Talk(assembly, "bench")
        for question in QUESTIONS:
            talk.say(question)
        taken = []
        for round_ in range(20):
            for question in QUESTIONS:
                talk = Talk(assembly, f"bench-{round_}-{len(taken)}")
                taken.append(timed(lambda talk=talk, question=question: talk.say(question)))  # type: ignore[misc]
    taken.sort()
    median, p95 = statistics.median(taken) * 1000, taken[int(len(taken) * 0.95)] * 1000
    print(
        f"turn, first contact, question in → reply committed: median {median:.1f} ms, p95 {p95:.1f} ms, n {len(taken)}"
    )
    print(f"memory at its highest: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def start() -> None:
    """From the command to the page, and to the first answer."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "DALIL_HOME": home, "DALIL_PORT": "8917"}
        for name in ("fresh", "again"):
            began = time.perf_counter()
            dalil = str(Path(sys.executable).with_name("dalil"))
            process = subprocess.Popen([dalil, "serve"], env=environment, stdout=-3, stderr=-3)
            for path in ("/", "/readyz"):
                while True:
                    try:
                        urllib.request.urlopen(f"http://127.0.0.1:8917{path}", timeout=5)
                        break
                    except OSError:
                        time.sleep(0.02)
                print(f"start ({name}): {path} after {time.perf_counter() - began:.1f} s")
            process.terminate()
            process.wait()


if __name__ == "__main__":
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    start()
    turns()
