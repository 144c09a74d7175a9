"""The contract that every channel keeps."""

from __future__ import annotations

from tests.contracts.channel import ChannelContract


class TestContract(ChannelContract):
    pass
