"""A site on a real port, and a client for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ingest.client import Client
from tests.ingest.local import Site, serving


@pytest.fixture(scope="module")
def server() -> Iterator[Site]:
    with serving() as site:
        yield site


@pytest.fixture
def site(server: Site) -> Site:
    server.there.clear()
    server.asked.clear()
    return server


@pytest.fixture
def client() -> Iterator[Client]:
    with Client(private=["127.0.0.1"], pause=0) as made:
        yield made
