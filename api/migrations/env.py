"""Run by Alembic inside api/schema.py, on the connection given there: no URL, no settings and no file of its own."""

from alembic import context

from api.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite alters a table by building it anew
    render_as_batch=True,
    # one transaction for all, on both databases: a failed upgrade leaves everything as it was
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
