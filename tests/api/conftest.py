"""What tests of the service share: an application, and somebody who may do everything with it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.app import create_app
from api.routes.context import Context, House
from api.settings import ServiceSettings
from benchmarks.databases import fresh_database


def settings_for(home: Path, **more: Any) -> ServiceSettings:
    """Return settings of a service of its own, on a database of its own where there is a server."""
    home.mkdir(parents=True, exist_ok=True)
    server = fresh_database()
    if server:
        more["database_url"] = server
    return ServiceSettings(home=home, **more)


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


def ended(service: TestClient, run_id: str, seconds: float = 300.0) -> dict[str, Any]:
    """Wait for a run to end."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        run: dict[str, Any] = service.get(f"/v1/runs/{run_id}").json()
        if run["state"] in ("succeeded", "failed", "cancelled"):
            return run
        time.sleep(0.1)
    raise AssertionError(f"run {run_id} has not ended")
