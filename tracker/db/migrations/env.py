"""Alembic's environment: runs revisions on the connection and inside the transaction it is handed."""

from alembic import context

from tracker.db.schema import METADATA

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=METADATA, transactional_ddl=True, render_as_batch=False)
with context.begin_transaction():
    context.run_migrations()
