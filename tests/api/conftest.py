"""What tests of the service share: an application, and somebody who may do everything with it."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import create_engine, make_url, text

from api.app import create_app
from api.routes.context import Context, House
from api.settings import ServiceSettings

SERVER = "HOLDFAST_TEST_DATABASE_URL"  # of a PostgreSQL server; blank: each service has its SQLite


def settings_for(home: Path, **more: Any) -> ServiceSettings:
    """Return settings of a service of its own, on a database of its own where there is a server."""
    home.mkdir(parents=True, exist_ok=True)
    server = os.environ.get(SERVER, "")
    if server:
        more["database_url"] = _fresh_database(server)
    return ServiceSettings(home=home, **more)


def _fresh_database(server: str) -> str:
    url = make_url(server)
    name = f"holdfast_{secrets.token_hex(6)}"
    engine = create_engine(url.set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return url.set(database=name).render_as_string(hide_password=False)


class Door:
    """An application and a key of its first tenant that is good for everything.

    Parameters
    ----------
    settings : of the service
    secret : of a key that another application on the same database made
    more : of create_app
    """

    def __init__(self, settings: ServiceSettings, secret: str = "", **more: Any) -> None:
        self.app: FastAPI = create_app(settings, **more)
        self.house: House = self.app.state.house
        first = self.house.keys.first()
        self.secret = secret if first is None else first.secret
        self.http = TestClient(
            self.app,
            base_url="http://testserver",
            headers={"Authorization": f"Bearer {self.secret}"},
        )

    @property
    def desk(self) -> Context:
        """What the key's holder sees."""
        who = self.house.keys.known(self.secret)
        assert who is not None
        return self.house.as_seen_by(who)

    def close(self) -> None:
        """Close all connections."""
        self.http.close()
        self.house.queue.close()
        self.house.database.close()
