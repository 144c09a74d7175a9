"""Requests that a person must take up."""

from __future__ import annotations

import getpass

import click

from bot.terminal import start


@click.group()
def tickets() -> None:
    """Requests that a person must take up."""


@tickets.command("list")
@click.option("--closed", is_flag=True, help="The closed ones.")
def list_tickets(closed: bool) -> None:
    """List the requests: urgent ones first, then the oldest."""
    from store import tickets as store

    with start.assembly().database.read() as session:
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

    assembly = start.assembly()
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
        start.assembly().escalation.reply(number, text, getpass.getuser())
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
        start.assembly().escalation.close(number, outcome, getpass.getuser())
    except NoTicket:
        raise click.ClickException(f"there is no open request {number}") from None
    click.echo("closed")
