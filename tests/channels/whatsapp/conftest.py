"""The double, and a channel that calls it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from channels.whatsapp import WhatsAppChannel
from tests.channels.whatsapp import TwilioProvider, connect
from tests.servers.twilio import Twilio


@pytest.fixture(scope="module")
def server() -> Iterator[Twilio]:
    with Twilio().serving() as made:
        yield made


@pytest.fixture
def twilio(server: Twilio) -> Twilio:
    """The double as new; to start it anew for each test would take longer than the tests."""
    running = (server._server, server._port, server._waiting)
    server.__init__()  # type: ignore[misc]
    server._server, server._port, server._waiting = running
    return server


@pytest.fixture
def channel(twilio: Twilio) -> WhatsAppChannel:
    return connect(twilio)


@pytest.fixture
def provider(twilio: Twilio, channel: WhatsAppChannel) -> TwilioProvider:
    return TwilioProvider(twilio, channel)
