"""How every command begins: settings and parts, or words that say what is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from pydantic import ValidationError

from bot.settings import Settings

if TYPE_CHECKING:
    from bot.assembly import Assembly


def settings() -> Settings:
    """The settings; a wrong one ends the command with words."""
    try:
        return Settings()
    except ValidationError as error:
        lines = [f"DALIL_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors() if e["loc"]]
        raise click.ClickException("a setting is wrong:\n  " + "\n  ".join(lines)) from None


def assembly(*, prepare: bool = True) -> Assembly:
    """Everything that a command works with. `prepare`: bring the database up to date first."""
    from bot.assembly import Assembly
    from bot.logs import set_up
    from store.vault import WrongKey

    set_up(quiet=True)
    made = Assembly(settings())
    try:
        if prepare:
            made.prepare()
    except WrongKey:
        where = "DALIL_SECRET_KEY" if made.settings.secret_key else str(made.settings.key_file)
        raise click.ClickException(
            f"the key in {where} is not the one that this database was made with.\n"
            "Put the old key back (several keys are separated by commas, the one in use first)."
        ) from None
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    return made
