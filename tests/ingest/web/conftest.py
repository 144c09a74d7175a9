"""A site on a real port, and a client for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.site import Site, serving


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as running:
        yield running
