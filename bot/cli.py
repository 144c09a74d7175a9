"""The command line: `dalil …`. Heavy parts are imported by the commands that need them."""

from __future__ import annotations

import gc
import getpass
import os
import secrets
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click
from pydantic import ValidationError

from bot.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from bot.assembly import Assembly
    from store.desk_tables import Officer


def _settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        lines = [f"DALIL_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors() if e["loc"]]
        raise click.ClickException("a setting is wrong:\n  " + "\n  ".join(lines)) from None


def _assembly(*, prepare: bool = True) -> Assembly:
    from bot.assembly import Assembly
    from bot.logs import set_up
    from store.vault import WrongKey

    set_up(quiet=True)
    assembly = Assembly(_settings())
    try:
        if prepare:
            assembly.prepare()
    except WrongKey:
        where = "DALIL_SECRET_KEY" if assembly.settings.secret_key else str(assembly.settings.key_file)
        raise click.ClickException(
            f"the key in {where} is not the one that this database was made with.\n"
            "Put the old key back (several keys are separated by commas, the one in use first)."
        ) from None
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    return assembly


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

    run(_assembly())


@main.command()
def worker() -> None:
    """Take turns and send, beside `dalil serve`; any number of them, on PostgreSQL."""
    from bot.serve import work

    work(_assembly())


@main.command()
@click.argument("question")
@click.option("--json", "as_json_", is_flag=True, help="Answer as JSON.")
def ask(question: str, as_json_: bool) -> None:
    """Ask one question."""
    from bot.console import Talk, as_json, dump, load_engine

    assembly = _assembly()
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

    assembly = _assembly()
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
        console.throw_away(_settings()) as assembly,
        tqdm(total=len(questions), desc="Asking", delay=1, disable=None, leave=False) as bar,
    ):

        def progress(done: int) -> None:
            bar.update(done)

        pairs = evaluation.evaluate(questions, lambda text: console.ask_for_evaluation(assembly, text), progress)
    click.echo(evaluation.table(pairs))
    if details:
        details.write_text(evaluation.details(pairs), encoding="utf-8")


@main.command()
@click.argument("path", required=False, type=click.Path(exists=True, path_type=Path))
def ingest(path: Path | None) -> None:
    """Load the starter catalogue, or a catalogue file or folder, and bring the index up to date."""
    from bot.console import load_engine
    from ingest.files import STARTER
    from ingest.load import load

    assembly = _assembly()
    loaded = load(assembly.database, path or STARTER)
    for problem in loaded.problems:
        click.echo(str(problem), err=True)
    if assembly.engine.outdated():
        load_engine(assembly)
    rejected = len(loaded.problems)
    click.echo(f"added {loaded.added}, changed {loaded.changed}, unchanged {loaded.unchanged}, rejected {rejected}")
    if rejected:
        sys.exit(1)


@main.command()
@click.option("--create", is_flag=True, help="Make those that are missing and ask WhatsApp to approve them.")
def templates(create: bool) -> None:
    """Show WhatsApp's templates: what may be sent when somebody has not written for 24 hours."""
    import asyncio

    from bot.templates import show
    from channels.contract import SendError

    try:
        lines = asyncio.run(show(_assembly(prepare=False), create=create))
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

    poll(_assembly())


@main.group()
def catalogue() -> None:
    """Look after the records."""


@catalogue.command()
def review() -> None:
    """Walk through the records that nobody has checked yet."""
    from retrieval.engine import to_record
    from store import catalogue as records
    from store import tickets

    assembly = _assembly()
    with assembly.database.read() as session:
        rows = records.unchecked(session)
    click.echo(f"{len(rows)} records are not yet checked. Open each link and read; a link that answers is no check.\n")
    for number, row in enumerate(rows, 1):
        record = to_record(row)
        click.echo(f"[{number}/{len(rows)}] {record.name} ({record.kind}, {record.id})\n  {record.summaries['en']}")
        click.echo(f"  languages {record.languages}, cost {record.cost}, certificate {record.certificate}")
        click.echo(f"  {record.url}\n  evidence: {record.evidence}; confidence: {record.confidence}")
        answer = click.prompt("  right as it stands?", type=click.Choice(["y", "n", "q"]), default="n")
        if answer == "q":
            break
        if answer == "y":
            with assembly.database.write() as session:
                records.mark_checked(session, record.id, getpass.getuser(), date.today())
                tickets.note(session, getpass.getuser(), "record.checked", record.id)


@main.group()
def index() -> None:
    """Look after the index."""


@index.command()
def rollback() -> None:
    """Answer from the build before the present one."""
    from store import tickets

    assembly = _assembly()
    number = assembly.engine.rollback()
    if number is None:
        raise click.ClickException("there is no earlier build")
    with assembly.database.write() as session:
        tickets.note(session, getpass.getuser(), "index.rollback", str(number))
    click.echo(f"build {number} answers now; it stays until records change")


@main.group()
def tickets() -> None:
    """Requests that a person must take up."""


@tickets.command("list")
@click.option("--closed", is_flag=True, help="The closed ones.")
def list_tickets(closed: bool) -> None:
    """List the requests: urgent ones first, then the oldest."""
    from store import tickets as store

    with _assembly().database.read() as session:
        for ticket in store.listed(session, closed=closed):
            mark = "!" if ticket.urgent else " "
            words = " ".join(str(ticket.need.get("words", "")).split())[:70]
            click.echo(
                f"{mark}{ticket.id:>5}  {ticket.opened_at:%Y-%m-%d %H:%M}  {ticket.language:3} "
                f"{ticket.country or '–':3} {ticket.reason:13} {words}"
            )


@tickets.command()
@click.argument("number", type=int)
def show(number: int) -> None:
    """Show a request: the need, and what was said."""
    from bot.console import dump
    from store import outbox
    from store import tickets as store
    from store.tables import Message, Ticket

    assembly = _assembly()
    with assembly.database.write() as session:
        ticket = session.get(Ticket, number)
        if ticket is None:
            raise click.ClickException(f"there is no request {number}")
        store.note(session, getpass.getuser(), "ticket.show", str(number))
        said = outbox.transcript(session, ticket.conversation_id) if ticket.conversation_id else []
    # Printed when the database is free again: a pager may take as long as it likes.
    click.echo(f"request {ticket.id}: {ticket.state}, {ticket.reason}, {ticket.language}, {ticket.country or '–'}")
    click.echo(dump(ticket.need))
    for entry in said:
        who = "person" if isinstance(entry, Message) else entry.author
        words = entry.text.replace("\n", "\n    ")  # indented: nobody can write a line that looks like ours
        click.echo(f"\n[{who}] {words}")


@tickets.command()
@click.argument("number", type=int)
@click.argument("text")
def reply(number: int, text: str) -> None:
    """Answer the person of a request."""
    from bot.escalation import NoTicket

    try:
        _assembly().escalation.reply(number, text, getpass.getuser())
    except NoTicket:
        raise click.ClickException(f"there is no open request {number} whose person can be reached") from None
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.echo("on its way")


@tickets.command()
@click.argument("number", type=int)
@click.option("--outcome", required=True, type=click.Choice(["matched", "referred", "gap", "declined"]))
def close(number: int, outcome: str) -> None:
    """Close a request and tell the person."""
    from bot.escalation import NoTicket

    try:
        _assembly().escalation.close(number, outcome, getpass.getuser())
    except NoTicket:
        raise click.ClickException(f"there is no open request {number}") from None
    click.echo("closed")


@main.group()
def officer() -> None:
    """Who works at the desk."""


@officer.command("add")
@click.argument("login")
@click.argument("name")
@click.option("--role", type=click.Choice(["officer", "lead", "administrator"]), default="officer", show_default=True)
@click.option("--language", default="en", show_default=True, help="Of the desk's pages for them, and to answer in.")
def add_officer(login: str, name: str, role: str, language: str) -> None:
    """Add an officer; prints a link with which they set their password."""
    from desk.officers import Known, create
    from desk.sign_in import login_and_name
    from locales import LANGUAGES
    from store import tickets

    if language not in LANGUAGES:
        raise click.ClickException(f"there is no language {language}; choose of {' '.join(LANGUAGES)}")
    assembly = _assembly()
    try:
        login, name = login_and_name(login, name, LANGUAGES["en"])
        with assembly.database.write() as session:
            _, link = create(assembly.settings, session, login, name, role, language)
            tickets.note(session, getpass.getuser(), "officer.add", f"{login} {role}")
    except Known:
        raise click.ClickException(f"there is an officer {login} already") from None
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{link}\nThis link works once, for 24 hours. Give it to {name} only.")


@officer.command("list")
def list_officers() -> None:
    """List the officers."""
    from store import officers

    with _assembly().database.read() as session:
        for each in officers.listed(session):
            state = "locked" if not each.active else "invited" if each.password_hash is None else ""
            click.echo(f"{each.login:30} {each.role:13} {','.join(each.languages):12} {state:7} {each.name}")


@officer.command("lock")
@click.argument("login")
def lock_officer(login: str) -> None:
    """Sign an officer out everywhere and let them in no more."""
    from store import officers, tickets

    with _assembly().database.write() as session:
        administrators = officers.administrators(session)
        found = _officer(session, login)
        if [each.id for each in administrators] == [found.id]:
            raise click.ClickException("this is the only administrator; add another one first")
        found.active = False
        officers.sign_out_everywhere(session, found.id)
        tickets.note(session, getpass.getuser(), "officer.lock", found.login)
    click.echo("locked")


@officer.command("link")
@click.argument("login")
@click.option("--codes", is_flag=True, help="They have lost the one-time codes as well.")
def link_officer(login: str, codes: bool) -> None:
    """Print a new link with which an officer sets their password; it signs them out everywhere."""
    from desk.sign_in import password_link
    from store import tickets

    assembly = _assembly()
    with assembly.database.write() as session:
        found = _officer(session, login)
        if not found.active:
            raise click.ClickException(f"{found.login} is locked; an administrator can change that at the desk")
        link = password_link(assembly.settings, session, found)
        if codes:
            found.totp_sealed = None
        tickets.note(session, getpass.getuser(), "officer.link", found.login)
    click.echo(f"{link}\nThis link works once, for 24 hours. Give it to {found.name} only.")


def _officer(session: Session, login: str) -> Officer:
    from store import officers

    found = officers.by_login(session, login)
    if found is None:
        raise click.ClickException(f"there is no officer {login}")
    return found


@main.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Write everything but the key and the index into FILE; serving may go on."""
    from tqdm import tqdm

    from store.backup import save

    assembly = _assembly()
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

    assembly = _assembly(prepare=False)
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

    settings = _settings()
    lines, fine = report(settings)
    click.echo("\n".join(lines))
    sys.exit(0 if fine else 1)
