"""The one place that constructs things: everything that a running Dalil is made of."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

import structlog

from bot.confirming import Confirmations
from bot.escalation import Escalation
from bot.intake import Intake
from bot.referrals import Referrals, mail
from bot.schedule import Schedule
from bot.settings import Settings
from bot.signals import Signal
from bot.submissions import Letters
from channels.console import ConsoleChannel
from channels.contract import Channel, GroupChannel
from channels.web import WebChannel
from store import backup, contacts
from store.database import Database
from store.vault import Vault

if TYPE_CHECKING:
    from fastapi import FastAPI

    import desk.parts
    from bot.group import Group
    from bot.outcome import Manners
    from bot.turn import Assistant
    from bot.web import Parts
    from retrieval.engine import Engine

log = structlog.get_logger("assembly")


class Assembly:
    """One Dalil. Parts are made when they are first asked for; retrieval, which imports much, last."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.arrived = Signal()
        self.said = Signal()

    @cached_property
    def database(self) -> Database:
        """The database."""
        return Database(self.settings.database)

    @cached_property
    def vault(self) -> Vault:
        """The keys for addresses."""
        return Vault(self.settings.secrets)

    @cached_property
    def web(self) -> WebChannel:
        """The channel behind the page."""
        return WebChannel(self.settings.public)

    @cached_property
    def channels(self) -> dict[str, Channel]:
        """The channels that are set up, by name."""
        return {channel.name: channel for channel in (self.web, ConsoleChannel())} | self.providers

    @cached_property
    def providers(self) -> dict[str, Channel]:
        """The channels that a provider stands behind, as far as they are set up."""
        made = (_whatsapp(self.settings), _telegram(self.settings))
        return {channel.name: channel for channel in made if channel is not None}

    @cached_property
    def limits(self) -> dict[str, int]:
        """The longest text of each channel."""
        return {name: channel.text_limit for name, channel in self.channels.items()}

    @cached_property
    def intake(self) -> Intake:
        """Where messages come in."""
        return Intake(self.database, self.vault, self.arrived)

    @cached_property
    def escalation(self) -> Escalation:
        """What officers do."""
        return Escalation(self.database, self.said, self.limits)

    @cached_property
    def referrals(self) -> Referrals:
        """What passes requests on to providers."""
        settings = self.settings
        return Referrals(self.database, self.vault, mail(settings), settings.public, settings.operator)

    @cached_property
    def letters(self) -> Letters:
        """What mails outcomes to those who sent something in."""
        return Letters(self.database, self.vault, mail(self.settings), self.settings.public)

    @cached_property
    def confirmations(self) -> Confirmations:
        """What asks providers whether records are still right."""
        settings = self.settings
        return Confirmations(self.database, self.vault, mail(settings), settings.public, settings.operator)

    @cached_property
    def schedule(self) -> Schedule:
        """What is fetched by itself."""
        return Schedule(self.settings, self.database)

    @cached_property
    def group(self) -> Group | None:
        """The officers' group, if one is set up."""
        from bot.group import Group

        found = (each for each in self.providers.values() if isinstance(each, GroupChannel) and each.group)
        channel = next(found, None)
        if channel is None:
            return None
        return Group(self.database, self.vault, self.escalation, channel, self.settings.public)

    @cached_property
    def engine(self) -> Engine:
        """Retrieval."""
        from retrieval.embeddings import encoder
        from retrieval.engine import Engine
        from retrieval.index import Index

        embeddings = encoder(self.settings.embeddings)
        index = Index(self.database, self.settings.home / "index", self.settings.chroma_url, embeddings)
        return Engine(self.database, index, embeddings)

    @property
    def manners(self) -> Manners:
        """What people are told that the operator has set."""
        from bot.outcome import Manners

        settings = self.settings
        return Manners(
            settings.operator,
            f"{settings.public}/privacy",
            settings.retention_days,
            settings.helpline,
            settings.officer_hours,
            f"{settings.public}/join",
        )

    @cached_property
    def assistant(self) -> Assistant:
        """What takes turns."""
        from bot.turn import Assistant

        return Assistant(self.engine, self.manners)

    def prepare(self) -> None:
        """Migrate, after a backup of what was there, and check the key. Raises `WrongKey`."""
        if saved := backup.migrate(self.database, self.settings.home / "backups"):
            log.warning("database.migrated", before=str(saved))
        with self.database.alone("starting"), self.database.write() as session:
            contacts.check_key(session, self.vault)

    def stock(self) -> None:
        """Load the starter catalogue if there are no records at all."""
        from ingest.files import STARTER
        from ingest.load import load
        from store import catalogue

        with self.database.alone("starting"):
            with self.database.read() as session:
                empty = not catalogue.summary(session)
            if empty:
                load(self.database, STARTER)

    def parts_of_page(self, ready: Callable[[], bool], stopping: Signal) -> Parts:
        """What the web app needs."""
        from bot.web import Parts

        return Parts(
            settings=self.settings,
            database=self.database,
            vault=self.vault,
            intake=self.intake,
            web=self.web,
            providers=self.providers,
            said=self.said,
            group=self.group,
            ready=ready,
            stopping=stopping,
        )

    def desk(self, stopping: Signal) -> desk.parts.Parts:
        """What the officers' desk needs."""
        from desk.parts import Parts

        return Parts(
            settings=self.settings,
            database=self.database,
            vault=self.vault,
            escalation=self.escalation,
            channels=self.channels,
            engine=lambda: self.__dict__.get("engine"),
            said=self.said,
            arrived=self.arrived,
            stopping=stopping,
        )

    def open_desk(self, app: FastAPI, stopping: Signal) -> str | None:
        """Let the web app answer for the desk; gives the link for the first administrator while there is none."""
        from desk.app import add_to
        from desk.referrals import public_routes
        from desk.sign_in import first_link

        parts = self.desk(stopping)
        add_to(app, parts)
        app.include_router(public_routes(parts))
        return first_link(parts)


def _telegram(settings: Settings) -> Channel | None:
    if settings.telegram_token is None:
        return None
    from channels.telegram import TelegramChannel

    secret = settings.telegram_secret.get_secret_value() if settings.telegram_secret else ""
    token, group = settings.telegram_token.get_secret_value(), settings.telegram_group
    return TelegramChannel(token, secret, settings.telegram_api_url, group=group)


def _whatsapp(settings: Settings) -> Channel | None:
    if not (settings.twilio_account_sid and settings.twilio_auth_token and settings.twilio_from):
        return None
    from channels.whatsapp import WhatsAppChannel

    return WhatsAppChannel(
        settings.twilio_account_sid,
        tuple(token.get_secret_value() for token in settings.twilio_auth_token),
        settings.twilio_from,
        settings.public,
        api_url=settings.twilio_api_url,
        templates=settings.twilio_templates,
    )
