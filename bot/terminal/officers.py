"""Who works at the desk."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

import click

from bot.terminal import start

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from store.desk_tables import Officer


@click.group()
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
    assembly = start.assembly()
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

    with start.assembly().database.read() as session:
        for each in officers.listed(session):
            state = "locked" if not each.active else "invited" if each.password_hash is None else ""
            click.echo(f"{each.login:30} {each.role:13} {','.join(each.languages):12} {state:7} {each.name}")


@officer.command("lock")
@click.argument("login")
def lock_officer(login: str) -> None:
    """Sign an officer out everywhere and let them in no more."""
    from store import officers, tickets

    with start.assembly().database.write() as session:
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

    assembly = start.assembly()
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
