"""What the tests of these adapters share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from ingest.client import Client, Unreachable
from ingest.source import Item, Source, Trouble, adapter
from retrieval.records import Kind
from tests.servers.site import Answer

TOKEN = "0123456789abcdef0123456789abcdef"
POSTS = "/wp-json/wp/v2/posts"
MOODLE = "/webservice/rest/server.php"
TODAY = datetime.now(UTC).date()
HTML: Mapping[str, str] = {"Content-Type": "text/html; charset=UTF-8"}
SORRY: Answer = (
    200,
    HTML,
    "<!DOCTYPE html><html><head><title>Sorry</title></head><body><h1>Back soon</h1></body></html>",
)


@cache
def forgetful() -> Client:
    """A client without a memory, for all tests: it takes a twentieth of a second to make one."""
    return Client(private=["127.0.0.1"], pause=0)


def look(adapter_name: str, location: str, *, memory: Path | None = None, **options: Any) -> Iterator[Item | Trouble]:
    """What an adapter finds, as it finds it."""
    source = Source(name="there", adapter=adapter_name, location=location, kind=Kind.RESOURCE, options=options)
    client = Client(memory, private=["127.0.0.1"], pause=0) if memory else forgetful()
    yield from adapter(adapter_name)(source, client)


def taken(adapter_name: str, location: str, **options: Any) -> list[Item]:
    """All that is there, if nothing is wrong with it."""
    found = list(look(adapter_name, location, **options))
    assert [each for each in found if isinstance(each, Trouble)] == []
    return [each for each in found if isinstance(each, Item)]


def failure(adapter_name: str, location: str, **options: Any) -> str:
    """What an operator is told if nothing can be had."""
    with pytest.raises(Unreachable) as error:
        list(look(adapter_name, location, **options))
    return str(error.value)
