"""A site, and visitors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.servers.page import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    with site.serving():
        yield site


@pytest.fixture
def visit(site: Site) -> Iterator[Callable[..., httpx.Client]]:
    opened: list[httpx.Client] = []

    def enter(**headers: str) -> httpx.Client:
        opened.append(httpx.Client(base_url=site.url, headers={"Origin": site.url} | headers, timeout=10))
        return opened[-1]

    yield enter
    for client in opened:
        client.close()
