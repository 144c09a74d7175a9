"""No message is lost and none answered twice, whatever is killed when. The full version is `make chaos`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos import Storm, blow
from tests.servers import telegram, twilio

# What Twilio neither takes nor refuses is looked for after two minutes, which is too long here: its faults either say
# that it did not take the message, or a callback tells that it did.
SHORT = Storm(
    messages=80,
    people=8,
    kills=2,
    between=(0.3, 6.0),
    telegram_faults=telegram.FAULTS,
    twilio_faults=(twilio.Fault(429, 20429, retry_after=1), twilio.ACCEPTED_THEN_RESET),
    callbacks=twilio.Callbacks(delay=(0.0, 1.0), copies=2, patience=60),
)


@pytest.mark.timeout(200)
def test_through_kills_and_faults_every_message_is_answered_once_and_in_order(tmp_path: Path) -> None:
    ledger = blow(SHORT, tmp_path)

    assert ledger.faults == []
    assert ledger.messages == 80
    assert set(ledger.sent) == {"telegram", "whatsapp"}
