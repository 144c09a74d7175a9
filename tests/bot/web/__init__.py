"""The web app over HTTP, without a browser: what all of its tests use."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx

from tests.servers.page import Site


def say(client: httpx.Client, text: str, message_id: str = "1", **more: str) -> httpx.Response:
    return client.post("/channels/web", json={"id": message_id, "text": text} | more)


def events(client: httpx.Client, most: int, path: str = "/channels/web/stream", **headers: str) -> list[dict[str, Any]]:
    """The first `most` events of the stream; an event without a name is a message."""
    found: list[dict[str, Any]] = []
    with client.stream("GET", path, headers=headers) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        event: dict[str, Any] = {}
        for line in stream.iter_lines():
            name, _, value = line.partition(": ")
            if name == "data":
                event["data"] = json.loads(value)
            elif line:
                event[name] = value
            elif "data" in event:
                found.append(event)
                event = {}
            if len(found) == most:
                break
    return found


def until(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 8
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def history(client: httpx.Client) -> list[tuple[str, str]]:
    return [(each["author"], each["text"]) for each in client.get("/channels/web/history").json()["messages"]]


def rows(site: Site, column: Any) -> list[Any]:
    with site.database.read() as session:
        return session.query(column).all()
