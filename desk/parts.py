"""What the desk needs of the rest of the house."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bot.escalation import Escalation
from bot.pages import FOLDER as BASE
from bot.pages import Pages
from bot.referrals import Referrals, mail
from bot.settings import Settings
from bot.signals import Signal
from store.database import Database
from store.vault import Vault

if TYPE_CHECKING:
    from channels.contract import Channel
    from retrieval.engine import Engine

FOLDER = Path(__file__).parent / "pages"


@dataclass(frozen=True)
class Parts:
    """Made by `bot.assembly`."""

    settings: Settings
    database: Database
    vault: Vault
    escalation: Escalation
    channels: Mapping[str, Channel]
    engine: Callable[[], Engine | None]
    """Retrieval, once it is loaded."""
    said: Signal
    """Raised when something was put into the outbox."""
    arrived: Signal
    """Raised when somebody wrote."""
    stopping: Signal = field(default_factory=Signal)
    """Raised when the server goes down."""

    @property
    def limits(self) -> dict[str, int]:
        """The channels' longest texts."""
        return {name: channel.text_limit for name, channel in self.channels.items()}

    @cached_property
    def referrals(self) -> Referrals:
        """What passes requests on to providers."""
        return Referrals(self.database, self.vault, mail(self.settings), self.settings.public, self.settings.operator)

    @property
    def pages(self) -> Pages:
        """The desk's templates, above those of the visitors' pages."""
        return _pages()


@cache
def _pages() -> Pages:
    return Pages(FOLDER, FOLDER / "vendor", BASE, at="/desk/static")
