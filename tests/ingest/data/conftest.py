"""A site on a real port, and a client for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ingest.client import Client
from tests.servers.site import Site, serving


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as running:
        yield running


@pytest.fixture
def client() -> Iterator[Client]:
    with Client(private=["127.0.0.1"], pause=0) as made:
        yield made
