"""Somebody's web site on a real port: pages by their paths, and whatever goes wrong with them as a test says."""

from __future__ import annotations

import json
import socket
import struct
import sys
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

CUT: Final = "cut"
"""An answer that never comes: the connection is reset."""

Answer = tuple[int, Mapping[str, str], bytes | str | Iterable[bytes]]
"""Status, headers, body. A body in parts is sent as it comes, and ends with the connection."""


@dataclass(frozen=True)
class Call:
    """What was asked for."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    target: str
    """Path and query as they came."""


Route = Answer | str | Callable[[Call], Answer]


def as_json(value: object, status: int = 200, /, **headers: str) -> Answer:
    """An answer in JSON; `X_WP_Total` stands for the header `X-WP-Total`."""
    said = {name.replace("_", "-"): text for name, text in headers.items()}
    return status, {"Content-Type": "application/json; charset=UTF-8", **said}, json.dumps(value)


class Site:
    """The site. `routes`: path → its answer, or what gives it; any other path is answered with 404.

    A path with a query answers for just that query, one without for all others.
    """

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        self.calls: list[Call] = []
        self.url = ""
        self._faults: dict[str, deque[Answer | str]] = defaultdict(deque)
        self._lock = threading.Lock()

    @property
    def asked(self) -> list[str]:
        """Paths and queries of all calls, in turn."""
        return [call.target for call in self.calls]

    def put(self, path: str, content: Any, kind: str = "", *, status: int = 200, cut: bool = False) -> None:
        """Answer with bytes or a text as they are, all else as JSON. `cut`: the connection ends before the body."""
        usual, body = _packed(content)
        promised = {"Content-Length": str(len(body) + 100)} if cut else {}
        self.routes[path] = (status, {"Content-Type": kind or usual, **promised}, body)

    def fail(self, path: str, *faults: Answer | str) -> None:
        """The next calls of a path meet these instead, in turn."""
        self._faults[path].extend(faults)

    def count(self, path: str = "") -> int:
        """How often a path was asked for, or anything."""
        return sum(not path or call.path == path for call in self.calls)

    def answer(self, call: Call) -> Answer | str:
        """What a call gets."""
        with self._lock:
            self.calls.append(call)
            if self._faults[call.path]:
                return self._faults[call.path].popleft()
        missing: Route = (404, {"Content-Type": "text/html"}, "<h1>Not found</h1>")
        route = self.routes.get(call.target, self.routes.get(call.path, missing))
        return route(call) if callable(route) else route


def _packed(content: Any) -> tuple[str, bytes]:
    """The usual type of a content, and its bytes."""
    if isinstance(content, bytes):
        return "application/octet-stream", content
    if isinstance(content, str):
        return "text/html; charset=utf-8", content.encode()
    return "application/json; charset=utf-8", json.dumps(content, ensure_ascii=False).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    site: Site

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        answer = self.site.answer(Call(parts.path, query, headers, self.path))
        if isinstance(answer, str):
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return
        with suppress(OSError):  # whoever asked has heard enough
            self._send(*answer)

    def _send(self, status: int, headers: Mapping[str, str], body: bytes | str | Iterable[bytes]) -> None:
        whole = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        said = {name.lower(): value for name, value in headers.items()}.get("content-length")
        if said is not None:
            self.close_connection = True  # it may be a lie
        elif isinstance(whole, bytes):
            self.send_header("Content-Length", str(len(whole)))
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        for part in [whole] if isinstance(whole, bytes) else whole:
            self.wfile.write(part)
            self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *where: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # it is a test that is wrong
            super().handle_error(*where)


@contextmanager
def serving() -> Iterator[Site]:
    """A site without pages, served on a free port."""
    site = Site()
    server = _Server(("127.0.0.1", 0), type("_OfSite", (_Handler,), {"site": site}))
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
