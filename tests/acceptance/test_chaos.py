"""No message is lost and none answered twice, whatever is killed when. The full version is `make chaos`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos import storm


@pytest.mark.timeout(200)
def test_through_kills_and_faults_every_message_is_answered_once_and_in_order(tmp_path: Path) -> None:
    ledger = storm(tmp_path, None, messages=80, people=9, kills=2)

    assert ledger.faults == []
    assert ledger.messages == 80
