"""The catalogue for others' programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bot.terminal import start

if TYPE_CHECKING:
    from retrieval.engine import Engine


@click.command()
def mcp() -> None:
    """Let an assistant search the catalogue, by the Model Context Protocol on standard input and output."""
    from bot.console import load_engine
    from bot.mcp_server import Loaded, create

    assembly = start.assembly()

    def load() -> Engine:
        load_engine(assembly)
        return assembly.engine

    create(assembly.database, Loaded(load), assembly.settings).run("stdio")
