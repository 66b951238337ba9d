"""Databases for measurements of the service: SQLite, or a server that is named outside."""

from __future__ import annotations

import os
import secrets

from sqlalchemy import create_engine, make_url, text

SERVER = "HOLDFAST_TEST_DATABASE_URL"  # of a PostgreSQL server; blank: each service has its SQLite


def fresh_database(like: str = "") -> str:
    """Return the URL of a new database on the server; blank where there is none.

    Parameters
    ----------
    like : URL of a database of the same server to copy, to which nobody is connected
    """
    server = os.environ.get(SERVER, "")
    if not server:
        return ""
    url = make_url(server)
    name = f"holdfast_{secrets.token_hex(6)}"
    engine = create_engine(url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        template = f" TEMPLATE {make_url(like).database}" if like else ""
        connection.execute(text(f"CREATE DATABASE {name}{template}"))
    engine.dispose()
    return url.set(database=name).render_as_string(hide_password=False)
