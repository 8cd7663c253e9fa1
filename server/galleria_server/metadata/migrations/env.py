"""What Alembic runs: the steps that are missing, within the caller's transaction."""

from alembic import context

from galleria_server.metadata.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
