"""Run by alembic; the connection comes from `store.database.Database.migrate`."""

from alembic import context

from store.tables import Table

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Table.metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
