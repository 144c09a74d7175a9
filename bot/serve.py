"""The serving process: page and API in front, retrieval, worker and sender behind."""

from __future__ import annotations

from contextlib import suppress

import click
import uvicorn

from bot.assembly import Assembly, InUse, Service
from bot.logs import set_up
from bot.signals import Signal
from bot.web import Server, create_app


def run(assembly: Assembly) -> None:
    """Serve until a signal ends it. Raises `click.ClickException` where the operator must act."""
    from bot.console import build_bar

    set_up()
    settings, stopping = assembly.settings, Signal()
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
    parts = assembly.parts_of_page(service.ready, stopping)
    config = uvicorn.Config(
        create_app(parts), settings.host, settings.port, log_level="warning", access_log=False, server_header=False
    )
    click.echo(f"Dalil is at {settings.address}  (health: {settings.address}/readyz)")
    click.echo("The models load in the background; what is asked meanwhile is kept and answered.")
    click.echo("In another terminal: dalil tickets list · dalil doctor. Ctrl-C ends it.")
    try:
        with suppress(KeyboardInterrupt):  # uvicorn raises it again when it has ended
            Server(config, parts, service.start).run()
    finally:
        for close in bars:
            close()
        service.stop()
