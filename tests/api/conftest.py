"""What tests of the service share: an application, and somebody who may do everything with it."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import make_url

from api.app import create_app
from api.routes.context import Context, House
from api.runs.queue import RunQueue
from api.services import scenarios as scenario_service
from api.settings import ServiceSettings
from api.store.database import Database
from benchmarks.databases import SERVER, fresh_database
from scenarios import Findings, Scenario
from scenarios.validation import validate


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On a server, run again what has a database only: a service, or settings of one."""
    if not os.environ.get(SERVER):
        return
    here = Path(__file__).parent
    without = [item for item in items if here in item.path.parents and not _has_database(item)]
    config.hook.pytest_deselected(items=without)
    left_out = set(without)
    items[:] = [item for item in items if item not in left_out]


def _has_database(item: pytest.Item) -> bool:
    if item.get_closest_marker("no_database"):
        return False
    module = item.getparent(pytest.Module)
    asks = module is not None and hasattr(module.obj, settings_for.__name__)
    return asks or "service" in getattr(item, "fixturenames", ())


@pytest.fixture(scope="session", autouse=True)
def _rules_are_asked_once() -> Iterator[None]:
    """The same built-in scenario is kept by many tests: what the rules say of it is remembered."""
    said: dict[str, Findings] = {}

    def remembered(scenario: Scenario) -> Findings:
        if scenario.rows:  # of a file, whose lines are in the findings
            return validate(scenario)
        if scenario.content_hash not in said:
            said[scenario.content_hash] = validate(scenario)
        return said[scenario.content_hash]

    with patch.object(scenario_service, "validate", remembered):
        yield


def settings_for(home: Path, *, tables: bool = True, **more: Any) -> ServiceSettings:
    """Return settings of a service of its own, with a database of its own.

    Parameters
    ----------
    tables : the database is a copy of one that was made by all steps; else it is empty
    """
    home.mkdir(parents=True, exist_ok=True)
    if not tables:
        return ServiceSettings(home=home, database_url=fresh_database(), **more)
    ready = _ready_database()
    server = fresh_database(ready.database_url)
    if server:
        more["database_url"] = server
    settings = ServiceSettings(home=home, **more)
    if not server:
        shutil.copyfile(_file_of(ready), _file_of(settings))
    return settings


@functools.cache
def _ready_database() -> ServiceSettings:
    """Make the tables of a service and of its queue, and let go of them."""
    home = Path(tempfile.mkdtemp(prefix="holdfast-ready-"))
    atexit.register(shutil.rmtree, home)
    settings = ServiceSettings(home=home, database_url=fresh_database())
    Database(settings.url).close()
    RunQueue(settings.url).close()
    return settings


def _file_of(settings: ServiceSettings) -> str:
    file = make_url(settings.url).database
    assert file is not None
    return file


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service with its runs going, for all who ask over HTTP and need no empty house."""
    settings = settings_for(tmp_path_factory.mktemp("service"), max_upload_mib=4.0)
    with Door(settings).http as client:
        yield client


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
    """Wait for a run to end; ask the more seldom the longer it takes."""
    began = time.monotonic()
    while (waited := time.monotonic() - began) < seconds:
        run: dict[str, Any] = service.get(f"/v1/runs/{run_id}").json()
        if run["state"] in ("succeeded", "failed", "cancelled"):
            return run
        time.sleep(max(0.1, waited / 10.0))
    raise AssertionError(f"run {run_id} has not ended")
