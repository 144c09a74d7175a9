"""What the doubles of providers share: a real port, calls that go wrong as scripted, and posts to our webhook."""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from typing import Generic, Self, TypeVar
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener
from urllib.request import Request as Call

import uvicorn
from fastapi import FastAPI, Request, Response

from channels import contract


@dataclass(frozen=True)
class Fault:
    """What a call meets instead of its answer."""

    status: int = 0
    """Of an error."""
    _: KW_ONLY
    cut: str = ""
    """`reset` the connection, or be `silent` until the caller gives up."""
    accepted: bool = False
    """The call took effect all the same."""
    retry_after: int | None = None
    """Seconds, as told with the error."""


Scripted = TypeVar("Scripted", bound=Fault)
Said = TypeVar("Said")


class Provider(ABC, Generic[Scripted, Said]):
    """A double on a real port. `Scripted`: its faults; `Said`: what a person's deed becomes."""

    def __init__(self) -> None:
        self._port = 0
        self._server: uvicorn.Server | None = None
        self.forgive()

    @property
    def url(self) -> str:
        """Where it is served; give it to the channel."""
        return f"http://127.0.0.1:{self._port}"

    @abstractmethod
    def app(self) -> FastAPI:
        """The app alone."""

    @contextmanager
    def serving(self) -> Iterator[Self]:
        """Serve on a free port."""
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", 0))
            self._port = listener.getsockname()[1]
            config = uvicorn.Config(self.app(), log_config=None, log_level="critical", timeout_graceful_shutdown=1)
            self._server = uvicorn.Server(config)
            thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)
            thread.start()
            deadline = time.monotonic() + 10
            while not self._server.started:
                assert time.monotonic() < deadline, "the server did not start"
                time.sleep(0.005)
            try:
                yield self
            finally:
                self._server.should_exit = True
                thread.join(10)

    # --- what goes wrong ----------------------------------------------------------------------

    def forgive(self) -> None:
        """Let nothing go wrong any more."""
        self.trouble: Callable[[str], Scripted | None] | None = None
        """Asked at each call by its name; what was scripted for the next calls goes before."""
        self._faults: dict[str, deque[Scripted]] = defaultdict(deque)

    def _next_fault(self, call: str) -> Scripted | None:
        if self._faults[call]:
            return self._faults[call].popleft()
        return self.trouble(call) if self.trouble else None

    async def _cut(self, request: Request, fault: Fault) -> Response:
        if fault.cut == "silent":
            while (await request.receive())["type"] != "http.disconnect":
                pass
            return Response()
        assert self._server
        assert request.client
        for connection in list(self._server.server_state.connections):
            if connection.client == tuple(request.client):  # type: ignore[union-attr]
                plug = connection.transport.get_extra_info("socket")
                plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.transport.abort()
        return Response()

    # --- what it posts ------------------------------------------------------------------------

    @abstractmethod
    def _posts(self, said: Sequence[Said], url: str | None) -> list[contract.Request]:
        """What is posted of this, proven, and to where the webhook really is."""

    def deliver(
        self,
        said: Sequence[Said],
        url: str | None = None,
        *,
        copies: int = 1,
        disorder: int = 0,
        seed: int = 0,
        workers: int = 8,
        patience: float = 30.0,
        seconds: float = 0.0,
    ) -> list[float]:
        """Post what people did to the webhook, each until it is taken; gives the seconds that each took.

        `url`: of the webhook, if nobody has told. `disorder`: how many places one may come late; `copies`: how often
        each comes. Fails after `patience` seconds for one. `seconds`: over which all are spread.
        """
        chance = random.Random(seed)
        posts = enumerate(self._posts(said, url))
        several = [(place + chance.uniform(0, disorder), each) for place, each in posts for _ in range(copies)]
        ordered = [each for _, each in sorted(several, key=lambda entry: entry[0])]
        start = time.monotonic()

        def in_time(place: int) -> float:
            time.sleep(max(0.0, start + seconds * place / len(ordered) - time.monotonic()))
            return post(ordered[place], patience)

        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(in_time, range(len(ordered))))


def post(request: contract.Request, patience: float, over: Callable[[], bool] = lambda: False) -> float:
    """Post until it is taken, refused or `over`, at most for `patience` seconds; gives how many it took."""
    start = time.monotonic()
    while True:
        try:
            with _opener.open(Call(request.url, request.body, dict(request.headers)), timeout=15):
                return time.monotonic() - start
        except OSError as error:
            final = isinstance(error, HTTPError) and error.code in {400, 403}
            if over() or final or time.monotonic() - start > patience:
                raise AssertionError(f"the webhook never took it: {error}") from error
            time.sleep(0.05)


_opener = build_opener(ProxyHandler({}))
