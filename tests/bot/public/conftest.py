"""The house that every test of the public catalogue looks at."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bot.public.house import House


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)
