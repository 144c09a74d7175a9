"""The command line: `dalil …`. Heavy parts are imported by the commands that need them."""

from __future__ import annotations

import gc
import getpass
import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.terminal import catalogue, links, officers, public, start, tickets

if TYPE_CHECKING:
    pass


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="dalil")
def main() -> None:
    """Dalil: the chat desk of a clearing house for digital skills."""
    # Loading makes a million small things that stay. Looking through them for rubbish at every 700th doubles the time.
    gc.set_threshold(100_000)
    os.umask(0o077)  # database, index, backups and key are for their owner only


@main.command()
def serve() -> None:
    """Migrate, load the catalogue, build the index, and serve the page."""
    from bot.serve import run

    run(start.assembly())


@main.command()
def worker() -> None:
    """Take turns and send, beside `dalil serve`; any number of them, on PostgreSQL."""
    from bot.serve import work

    work(start.assembly())


@main.command()
@click.argument("question")
@click.option("--json", "as_json_", is_flag=True, help="Answer as JSON.")
def ask(question: str, as_json_: bool) -> None:
    """Ask one question."""
    from bot.console import Talk, as_json, dump, load_engine

    assembly = start.assembly()
    load_engine(assembly)
    talk = Talk(assembly, f"ask-{secrets.token_hex(8)}")
    if as_json_:
        click.echo(dump(as_json(assembly, talk, question)))
    else:
        _, said = talk.say(question)
        click.echo("\n\n".join(delivery.text for delivery in said))
    talk.deliver()


@main.command()
def chat() -> None:
    """Talk in the terminal; Ctrl-D ends it."""
    from bot.console import Talk, load_engine

    assembly = start.assembly()
    load_engine(assembly)
    talk = Talk(assembly, f"terminal-{getpass.getuser()}")
    click.echo("Write your question. Ctrl-D ends the talk.\n")
    while True:
        try:
            text = input("> ")
        except (EOFError, KeyboardInterrupt):
            click.echo()
            return
        _, said = talk.say(text)
        for delivery in said:
            click.echo(f"\n{delivery.text}\n")
        talk.deliver()


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--details", type=click.Path(dir_okay=False, path_type=Path), help="Write what was done with each.")
def evaluate(file: Path, details: Path | None) -> None:
    """Put labelled questions to a throw-away Dalil and print the scores per language."""
    from tqdm import tqdm

    from bot import console
    from bot.logs import set_up
    from retrieval import evaluation

    set_up(quiet=True)
    try:
        questions = evaluation.read_questions(file)
    except evaluation.BadQuestions as error:
        raise click.ClickException(str(error)) from None
    with (
        console.throw_away(start.settings()) as assembly,
        tqdm(total=len(questions), desc="Asking", delay=1, disable=None, leave=False) as bar,
    ):

        def progress(done: int) -> None:
            bar.update(done)

        pairs = evaluation.evaluate(questions, lambda text: console.ask_for_evaluation(assembly, text), progress)
    click.echo(evaluation.table(pairs))
    if details:
        details.write_text(evaluation.details(pairs), encoding="utf-8")


@main.command()
@click.option("--create", is_flag=True, help="Make those that are missing and ask WhatsApp to approve them.")
def templates(create: bool) -> None:
    """Show WhatsApp's templates: what may be sent when somebody has not written for 24 hours."""
    import asyncio

    from bot.templates import show
    from channels.contract import SendError

    try:
        lines = asyncio.run(show(start.assembly(prepare=False), create=create))
    except SendError as error:
        raise click.ClickException(str(error)) from None
    click.echo("\n".join(lines))


@main.group()
def poll() -> None:
    """Fetch messages where no webhook can be called: on a machine of one's own."""


@poll.command("telegram")
def poll_telegram() -> None:
    """Fetch Telegram's messages and keep them; `dalil serve` in another terminal answers."""
    from bot.serve import poll

    poll(start.assembly())


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Write everything but the key and the index into FILE; serving may go on."""
    from tqdm import tqdm

    from store.backup import save

    assembly = start.assembly()
    try:
        with tqdm(desc="Saving", unit=" rows", delay=1, disable=None, leave=False) as bar:
            rows = save(assembly.database, file, bar.update)
    except FileExistsError:
        raise click.ClickException(f"{file} exists already; nothing was written") from None
    click.echo(f"{rows} rows saved. Keep the key apart from it: without it the addresses cannot be read.")


@main.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def restore(file: Path) -> None:
    """Fill a new, empty database from a backup. Put the key of then into place first."""
    from tqdm import tqdm

    from store import backup
    from store.vault import WrongKey

    assembly = start.assembly(prepare=False)
    try:
        with tqdm(desc="Restoring", unit=" rows", delay=1, disable=None, leave=False) as bar:
            rows = backup.restore(assembly.database, file, bar.update)
        assembly.prepare()
    except backup.BadBackup as error:
        raise click.ClickException(str(error)) from None
    except WrongKey:
        raise click.ClickException(
            "the rows are back, but the key is another one: put the key of then into place"
        ) from None
    click.echo(f"{rows} rows are back. `dalil serve` builds the index.")


@main.command()
def doctor() -> None:
    """Say what is set, what is missing, and what to do."""
    from bot.doctor import report

    settings = start.settings()
    lines, fine = report(settings)
    click.echo("\n".join(lines))
    sys.exit(0 if fine else 1)


for command in (catalogue.ingest, catalogue.sources, catalogue.catalogue, catalogue.index):
    main.add_command(command)
catalogue.catalogue.add_command(links.links)
main.add_command(tickets.tickets)
main.add_command(officers.officer)
main.add_command(public.mcp)
