"""Wakes whoever waits in this process; other processes look every now and then."""

from __future__ import annotations

import asyncio
import threading


class Signal:
    """Something happened. Threads and coroutines can wait for it; any number of them is woken."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0
        self._waiting: set[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = set()
        self._listening: dict[int, set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = {}

    @property
    def count(self) -> int:
        """How often it happened: pass it to a wait, so that nothing between look and wait is missed."""
        return self._count

    def set(self, key: int | None = None) -> None:
        """It happened, to one conversation or (without `key`) to any: of those who `listen`, only these are woken."""
        with self._changed:
            self._count += 1
            self._changed.notify_all()
            listening = self._listening.values() if key is None else [self._listening.get(key, set())]
            for loop, event in self._waiting.union(*listening):
                loop.call_soon_threadsafe(event.set)

    def listen(self, key: int, event: asyncio.Event) -> None:
        """Set `event`, of the running loop, whenever it happens to `key`, until `hush`. Clear it before each look."""
        with self._changed:
            self._listening.setdefault(key, set()).add((asyncio.get_running_loop(), event))

    def hush(self, key: int, event: asyncio.Event) -> None:
        """Listen no more."""
        with self._changed:
            left = {entry for entry in self._listening.get(key, ()) if entry[1] is not event}
            if left:
                self._listening[key] = left
            else:
                self._listening.pop(key, None)

    def wait(self, seen: int, seconds: float) -> None:
        """Block this thread until it happens after `seen`, at most `seconds`."""
        with self._changed:
            self._changed.wait_for(lambda: self._count != seen, seconds)

    async def wait_async(self, seen: int, seconds: float) -> None:
        """Wait in a coroutine until it happens after `seen`, at most `seconds`."""
        event = asyncio.Event()
        entry = (asyncio.get_running_loop(), event)
        with self._changed:
            if self._count != seen:
                return
            self._waiting.add(entry)
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            pass
        finally:
            with self._changed:
                self._waiting.discard(entry)
