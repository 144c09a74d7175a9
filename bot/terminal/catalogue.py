"""The catalogue: what comes in, what is looked at, which build answers."""

from __future__ import annotations

import getpass
import re
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click
from pydantic import ValidationError

from bot.terminal import start

if TYPE_CHECKING:
    from bot.assembly import Assembly
    from ingest.source import Source
    from store.source_tables import Run
    from store.tables import Record as Row

REVIEW = "review"
"""What a revision is from that waits because a reviewer found the record wrong."""


@click.group()
def catalogue() -> None:
    """Look after the records."""


@catalogue.command()
def review() -> None:
    """Walk through the records that nobody has checked yet, and say of each whether it is right."""
    from retrieval.engine import to_record
    from store import catalogue as records

    assembly = start.assembly()
    with assembly.database.read() as session:
        rows = records.unchecked(session)
    click.echo(f"{len(rows)} records are not yet checked. Open each link and read; a link that answers is no check.")
    click.echo(f"{_ANSWERS}\n")
    for number, row in enumerate(rows, 1):
        record = to_record(row)
        click.echo(f"[{number}/{len(rows)}] {record.name} ({record.kind}, {record.id})\n  {record.summaries['en']}")
        click.echo(f"  languages {record.languages}, cost {record.cost}, certificate {record.certificate}")
        click.echo(f"  {record.url}\n  evidence: {record.evidence}; confidence: {record.confidence}")
        said = _asked_about(record.id)
        if said.word == "quit":
            break
        if said.word != "skip":
            _take_in_review(assembly, row, said)


class _Said(NamedTuple):
    """What a reviewer says of a record: a word of `_WORDS`, and why it is wrong."""

    word: str
    why: str = ""


_WORDS = ("right", "wrong", "ended", "skip", "quit")
_ANSWERS = "Say “right”, “wrong: what is wrong with it”, “ended”, “skip” or “quit”; the first letter will do."
_LONGEST_WHY = 500


def _asked_about(record_id: str) -> _Said:
    """Ask until there is an answer that can be taken."""
    while True:
        said = _read_answer(click.prompt("  right, wrong: …, ended, skip, quit", default="skip"))
        if said and said.word == "wrong" and not said.why:
            said = _Said("wrong", click.prompt("  what is wrong with it?").strip()[:_LONGEST_WHY])
        if said:
            return said
        click.echo(f"  {record_id}: {_ANSWERS}")


def _read_answer(answer: str) -> _Said | None:
    first, *rest = re.split(r"[\s:,]+", answer.strip(), maxsplit=1)
    word = next((word for word in _WORDS if first and word.startswith(first.lower())), None)
    why = rest[0].strip()[:_LONGEST_WHY] if rest else ""
    return _Said(word, why) if word and (word == "wrong" or not why) else None


def _take_in_review(assembly: Assembly, read: Row, said: _Said) -> None:
    """Do what follows from a review. What is wrong is offered no more, and waits at the desk for a lead."""
    from ingest.load import publish
    from store import catalogue as records
    from store import sources, tickets
    from store.tables import Record as Row

    reviewer, record_id = getpass.getuser(), read.id
    with assembly.database.write() as session:
        row = session.get(Row, record_id, with_for_update=True)
        if row is None or row.withdrawn_at is not None:
            click.echo("  it is offered no more: somebody was faster")
            return
        if row.digest != read.digest:
            click.echo("  it was changed meanwhile: nothing is noted, it comes again at the next walk")
            return
        if said.word == "right":
            records.mark_checked(session, record_id, reviewer, date.today())
            tickets.note(session, reviewer, "record.checked", record_id)
        elif said.word == "ended":
            publish(session, {**row.body, "status": "ended"}, reviewer)
            tickets.note(session, reviewer, "record.ended", record_id)
        else:
            records.withdraw(session, record_id)
            sources.propose(session, record_id, sources.CHANGED, REVIEW, row.body, reason=said.why)
            tickets.note(session, reviewer, "record.wrong", f"{record_id}: {said.why}"[:120])


@click.group()
def index() -> None:
    """Look after the index."""


@index.command()
def rollback() -> None:
    """Answer from the build before the present one."""
    from store import tickets

    assembly = start.assembly()
    number = assembly.engine.rollback()
    if number is None:
        raise click.ClickException("there is no earlier build")
    with assembly.database.write() as session:
        tickets.note(session, getpass.getuser(), "index.rollback", str(number))
    click.echo(f"build {number} answers now; it stays until records change")


@click.command()
@click.argument("target", required=False)
@click.option("--source", "adapter", metavar="ADAPTER", help="Read TARGET, an address or a file, with this adapter.")
@click.option("--option", "options", multiple=True, metavar="NAME=VALUE", help="What the adapter wants to know.")
@click.option("--trusted", is_flag=True, help="Offer what is found at once, without a review.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
def ingest(target: str | None, adapter: str | None, options: tuple[str, ...], trusted: bool, dry_run: bool) -> None:
    """Take in the starter catalogue, a catalogue file, or a source.

    TARGET is the name of a source of sources.yaml, a catalogue file or folder, or with --source an address or a file.
    """
    from ingest.source import BadSources, configured

    assembly = start.assembly()
    try:
        known = configured(assembly.settings.home / "sources.yaml")
        if adapter:
            source = _typed(adapter, target or "", options, trusted=trusted)
        elif target in known:
            source = known[target]
        else:
            _load(assembly, target, dry_run=dry_run)
            return
    except BadSources as error:
        raise click.ClickException(str(error)) from None
    _take_in(assembly, source, dry_run=dry_run)


def _typed(adapter: str, location: str, options: tuple[str, ...], *, trusted: bool) -> Source:
    from ingest.source import Source, name_of

    pairs = [option.partition("=") for option in options]
    given = {"name": name_of(location), "adapter": adapter, "location": location, "trusted": trusted}
    try:
        return Source.model_validate(given | {"options": {name: value for name, _, value in pairs}})
    except ValidationError as error:
        raise click.ClickException(str(error.errors()[0]["msg"])) from None


def _load(assembly: Assembly, target: str | None, *, dry_run: bool) -> None:
    """Load catalogue files."""
    from ingest.files import STARTER
    from ingest.load import load

    path = Path(target) if target else STARTER
    if not path.exists():
        raise click.ClickException(f"“{target}” is neither a source of sources.yaml nor a file")
    loaded = load(assembly.database, path, dry_run=dry_run)
    for problem in loaded.problems:
        click.echo(str(problem), err=True)
    if not dry_run:
        _bring_up_to_date(assembly)
    click.echo(f"added {loaded.added}, changed {loaded.changed}, ended 0, rejected {len(loaded.problems)}")
    if loaded.problems:
        sys.exit(1)


def _take_in(assembly: Assembly, source: Source, *, dry_run: bool) -> None:
    from tqdm import tqdm

    from ingest.run import fetching, run, told

    with (
        fetching(assembly.settings.home, source, assembly.settings.public_url) as client,
        tqdm(desc=source.name, unit=" items", delay=1, disable=None, leave=False) as bar,
    ):

        def progress(done: int) -> None:
            bar.update(done)

        outcome = run(assembly.database, source, client, dry_run=dry_run, progress=progress)
    for line in told(outcome):
        click.echo(line)
    if outcome.failure:
        click.echo(f"broken off: {outcome.failure}", err=True)
    if not dry_run:
        _bring_up_to_date(assembly)
        if not source.trusted and (outcome.added or outcome.changed or outcome.ended):
            click.echo("Somebody has to look at these first: the desk, “Catalogue”.")
    click.echo(outcome.summary())
    if outcome.failure:
        sys.exit(1)


def _bring_up_to_date(assembly: Assembly) -> None:
    from bot.console import load_engine

    if assembly.engine.outdated():
        load_engine(assembly)


@click.command()
def sources() -> None:
    """List the sources of sources.yaml, with their last run and how they are."""
    from ingest.source import BadSources, adapters, configured
    from store import sources as store

    assembly = start.assembly()
    path = assembly.settings.home / "sources.yaml"
    try:
        known = configured(path)
    except BadSources as error:
        raise click.ClickException(str(error)) from None
    with assembly.database.read() as session:
        runs, waiting = store.last_runs(session), store.count_waiting(session)
    for name in dict.fromkeys((*known, *runs)):
        source, last = known.get(name), runs.get(name)
        how = f"{source.adapter:10} {'trusted' if source.trusted else 'reviewed':8}" if source else f"{'by hand':19}"
        click.echo(f"{name:24} {how} {_health(last)}")
    if not known:
        click.echo(f"There is no source in {path} (docs/sources.md). Adapters: {', '.join(adapters())}.")
    if waiting:
        click.echo(f"{waiting} changes wait for somebody to look at them.")


def _health(last: Run | None) -> str:
    if last is None:
        return "never run"
    figures = f"added {last.added}, changed {last.changed}, ended {last.ended}, rejected {last.rejected}"
    how = f"failed: {last.failure}" if last.failure else "ok" if last.finished_at else "not finished"
    return f"{last.started_at:%Y-%m-%d %H:%M}  {how}; {figures}"
