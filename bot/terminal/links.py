"""`dalil catalogue links`: whether the addresses of records still answer."""

from __future__ import annotations

import click

from bot.terminal import start


@click.command()
@click.option("--most", type=click.IntRange(1), help="Look at no more than this many; all that are due if empty.")
def links(most: int | None) -> None:
    """Look whether the addresses of records answer, each at most once a week, and print those that do not."""
    from tqdm import tqdm

    from ingest.links import check_some, looking
    from store import links as store
    from store.tables import now

    assembly, moment = start.assembly(), now()
    with assembly.database.read() as session:
        count = min(store.count_due(session, moment), most or 1_000_000)
    with (
        looking(assembly.settings.public_url) as client,
        tqdm(total=count, desc="Links", unit=" links", delay=1, disable=None, leave=False) as bar,
    ):

        def progress(done: int) -> None:
            bar.update(done)

        looked = check_some(assembly.database, client, moment, count, progress) if count else 0
    with assembly.database.read() as session:
        troubled = store.troubled(session)
    for check, name in troubled:
        how = f"{check.failures} times in a row" if check.failures else "not counted: the host may live"
        click.echo(f"{'-' if check.failures else '?'} {check.record_id}: {name}: {check.url}: {check.reason} ({how})")
    click.echo(f"looked at {looked}, broken {sum(check.failures > 0 for check, _ in troubled)}")
