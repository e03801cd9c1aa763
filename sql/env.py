"""Alembic's entry. Online with the connection that `hub.store.migrations` hands in; offline to print MySQL's SQL."""

from alembic import context

connection = context.config.attributes.get("connection")
if connection is None:
    context.configure(dialect_name="mysql", literal_binds=True)
else:
    context.configure(connection=connection)
with context.begin_transaction():
    context.run_migrations()
