"""The serving process: page and API in front, retrieval, worker and sender behind."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import click
import structlog
import uvicorn

from bot import metrics
from bot.assembly import Assembly
from bot.logs import set_up
from bot.service import InUse, Service
from bot.signals import Signal
from bot.web import Server, create_app
from bot.webhooks import for_officers
from channels.contract import Inbound, Malformed, Press, SendError

if TYPE_CHECKING:
    from channels.telegram import TelegramChannel

log = structlog.get_logger("serve")


@contextmanager
def background(assembly: Assembly) -> Iterator[Service]:
    """The background of a serving process, stopped at the end. Raises `click.ClickException` if another has it."""
    from bot.console import build_bar

    set_up()
    bars = []

    def bar() -> tuple:  # type: ignore[type-arg]  # two callables
        expect, progress, close = build_bar()
        bars.append(close)
        return expect, progress

    service = Service(assembly, bar)
    try:
        service.claim()
    except InUse as error:
        raise click.ClickException(f"another Dalil serves from {error} already; stop it first") from None
    try:
        yield service
    finally:
        for close in bars:
            close()
        service.stop()


def run(assembly: Assembly) -> None:
    """Serve until a signal ends it."""
    with background(assembly) as service:
        _serve(assembly, service)


def work(assembly: Assembly) -> None:
    """Take turns and send, without a page, until a signal ends it."""
    if assembly.database.embedded:
        raise click.ClickException("several processes need PostgreSQL: set DALIL_DATABASE_URL")
    over = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: over.set())
    with background(assembly) as service:
        if port := assembly.settings.metrics_port:
            metrics.serve(port)
        service.start()
        click.echo("This worker takes turns and sends what is due. Ctrl-C ends it after the present turn.")
        over.wait()


def _read(channel: TelegramChannel, update: object) -> list[Inbound | Press]:
    try:
        return channel.read(update)
    except Malformed:
        log.warning("poll.malformed")  # it would come again and again
        return []


def poll(assembly: Assembly) -> None:
    """Fetch what people write on Telegram until a signal ends it. Takes the webhook away: never both."""
    from channels.telegram import TelegramChannel

    channel = assembly.providers.get(TelegramChannel.name)
    if not isinstance(channel, TelegramChannel):
        raise click.ClickException("Telegram is not set up: set DALIL_TELEGRAM_TOKEN")

    async def fetch() -> None:
        async for updates in channel.poll():
            brought = [entry for update in updates for entry in _read(channel, update)]
            heard, answers = await for_officers(assembly.group, brought)
            await asyncio.to_thread(assembly.intake.receive, heard, channel.name)
            for message in heard:
                if isinstance(message, Inbound):
                    await channel.typing(message.address, message.external_id)
            if assembly.group:
                await assembly.group.answer(answers)

    click.echo("Fetching from Telegram. `dalil serve` in another terminal answers. Ctrl-C ends it.")
    try:
        asyncio.run(fetch())
    except KeyboardInterrupt:
        pass
    except SendError as error:
        raise click.ClickException(str(error)) from None


def _serve(assembly: Assembly, service: Service) -> None:
    settings, stopping = assembly.settings, Signal()
    parts = assembly.parts_of_page(service.ready, stopping)
    app = create_app(parts)
    first = assembly.open_desk(app, stopping)
    config = uvicorn.Config(
        app,
        settings.host,
        settings.port,
        log_level="warning",
        access_log=False,
        server_header=False,
        log_config=None,
    )
    click.echo(f"Dalil is at {settings.address}  (health: {settings.address}/readyz)")
    if first:
        click.echo(f"The officers' desk has no administrator yet. Become one within 30 minutes: {first}")
    click.echo("The models load in the background; what is asked meanwhile is kept and answered.")
    click.echo("In another terminal: dalil tickets list · dalil doctor. Ctrl-C ends it.")
    with suppress(KeyboardInterrupt):  # uvicorn raises it again when it has ended
        Server(config, parts, service.start).run()
