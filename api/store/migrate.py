"""The metadata's tables, made and changed by numbered steps that can be undone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy.engine import Connection, Engine

NEWEST: Final = "head"
LOCK: Final = 7_244_831  # of PostgreSQL: one process migrates at a time


def migrate(engine: Engine, to: str = NEWEST) -> None:
    """Bring the tables to a step, up or down; all steps are made in one transaction, or none.

    Parameters
    ----------
    engine : of the database
    to : name of the step, "head" for the newest, "base" for none
    """
    from alembic import command
    from alembic.script import ScriptDirectory

    with engine.execution_options(holdfast_writes=True).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({LOCK})")
        config = _config(connection)
        steps = ScriptDirectory.from_config(config)
        now = current(connection)
        wanted = steps.as_revision_number(to)
        down = wanted is None or (now is not None and wanted in _before(steps, now))
        (command.downgrade if down else command.upgrade)(config, to)


def current(connection: Connection) -> str | None:
    """Return the step at which the tables are; None: there are none."""
    from alembic.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_revision()


def _before(steps: object, now: str) -> set[str]:
    from alembic.script import ScriptDirectory

    assert isinstance(steps, ScriptDirectory)
    return {step.revision for step in steps.iterate_revisions(now, "base")} - {now}


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config
