"""Run by alembic: the steps go through the connection that `migrate` opened."""

from alembic import context

from api.store.rows import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
)
context.run_migrations()
