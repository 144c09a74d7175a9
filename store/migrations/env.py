"""Run by alembic; the connection comes from `store.database.Database.migrate`."""

from typing import Any, Literal

from alembic import context

import store.desk_tables
import store.source_tables  # noqa: F401 - their tables too
from store.tables import Moment, Table


def render(kind: str, item: Any, _autogen: Any) -> str | Literal[False]:
    """Write our own types as what they are in the database: migrations must not change with the code."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, Moment) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    render_as_batch=True,
    render_item=render,
)
with context.begin_transaction():
    context.run_migrations()
