"""The tables are made by steps that can be undone, and are what the code thinks they are."""

from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect

from api.store.database import Database
from api.store.migrate import current, migrate
from api.store.rows import Base

from .conftest import settings_for


def test_the_steps_make_what_the_rows_say(tmp_path: Path) -> None:
    """After all steps, no table, column, type, key or index differs from the classes."""
    database = Database(settings_for(tmp_path, tables=False).url)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    database.close()


def test_every_step_can_be_undone_and_made_again(tmp_path: Path) -> None:
    """Down to nothing but alembic's own table, and up again."""
    database = Database(settings_for(tmp_path, tables=False).url)
    engine = database.writer
    made = set(inspect(engine).get_table_names())
    migrate(engine, "base")
    assert set(inspect(engine).get_table_names()) == {"alembic_version"}
    migrate(engine)
    assert set(inspect(engine).get_table_names()) == made
    with engine.connect() as connection:
        assert current(connection) is not None
    database.close()
