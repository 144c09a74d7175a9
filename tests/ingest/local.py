"""A small web server for tests of sources: it answers with what a test has put there, also with what is broken."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

JSON = "application/json; charset=utf-8"
HTML = "text/html; charset=utf-8"


@dataclass(frozen=True)
class Answer:
    body: bytes
    kind: str = HTML
    status: int = 200
    cut: bool = False
    """The connection ends before the body does."""


class Site:
    """What is there, by path. A path without a query answers for all queries."""

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        self.there: dict[str, Callable[[str], Answer]] = {}
        self.asked: list[str] = []

    def put(self, path: str, content: Any, kind: str = "", **more: Any) -> None:
        """Bytes and texts go out as they are, all else as JSON."""
        if isinstance(content, Answer):
            answer = content
        elif isinstance(content, bytes):
            answer = Answer(content, kind or "application/octet-stream", **more)
        elif isinstance(content, str):
            answer = Answer(content.encode(), kind or HTML, **more)
        else:
            answer = Answer(json.dumps(content, ensure_ascii=False).encode(), kind or JSON, **more)
        self.there[path] = lambda _: answer

    def answer(self, path: str) -> Answer:
        self.asked.append(path)
        found = self.there.get(path) or self.there.get(path.partition("?")[0])
        return found(path) if found else Answer(b"<h1>Not here</h1>", status=404)


@contextmanager
def serving() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            answer = site.answer(self.path)
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(answer.body) + (100 if answer.cut else 0)))
            self.end_headers()
            self.wfile.write(answer.body)
            self.close_connection = answer.cut

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            pass  # a client that hangs up is what some tests are about

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.block_on_close = True, False
    site = Site(server)
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
