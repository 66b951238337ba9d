"""Scenarios and plans that many tests share, and where outside data lies."""

from __future__ import annotations

import fcntl
import gc
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

from optimizer.pipeline import plan
from optimizer.plan import Plan
from scenarios import Scenario
from scenarios.library import demo_scenario

PlannedOnce = Callable[[str, Callable[[], Plan]], Plan]

# the same examples on every run of one commit; HOLDFAST_TEST_EXPLORE=1 draws others
hypothesis.settings.register_profile("same", derandomize=True)
if not os.environ.get("HOLDFAST_TEST_EXPLORE"):
    hypothesis.settings.load_profile("same")


def pytest_collection_finish() -> None:
    """What is imported by now stays to the end: collections of garbage need not look at it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def planned_once(tmp_path_factory: pytest.TempPathFactory) -> PlannedOnce:
    """Let one process of a session make a plan and all read it: each would make the same bits."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent

    def read(name: str, make: Callable[[], Plan]) -> Plan:
        kept = folder / f"{name}.pickle"
        with (folder / f"{name}.lock").open("w") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            if not kept.exists():
                made = make()
                parts = made.provenance, dict(made.tables), made.notes
                kept.write_bytes(pickle.dumps(parts))
        return Plan(*pickle.loads(kept.read_bytes()))

    return read


@pytest.fixture(scope="session")
def outside_data() -> Callable[[str], Path]:
    """Return a path below HOLDFAST_DATA, or skip saying why."""

    def find(place: str) -> Path:
        home = os.environ.get("HOLDFAST_DATA", "")
        if not home:
            pytest.skip("HOLDFAST_DATA is not set: it names the folder of outside data")
        path = Path(home) / place
        if not path.exists():
            pytest.skip(f"HOLDFAST_DATA holds no {place}")
        return path

    return find


@pytest.fixture(scope="session")
def corner_shop() -> Scenario:
    """The tiny scenario that has every table."""
    return demo_scenario("corner-shop")


@pytest.fixture(scope="session")
def corner_plan(corner_shop: Scenario, planned_once: PlannedOnce) -> Plan:
    """A plan of all stages for the corner shop."""
    return planned_once("corner-shop", lambda: plan(corner_shop, work=4.0))


@pytest.fixture(scope="session")
def double_eleven() -> Scenario:
    """The retailer before the festival."""
    return demo_scenario("double-eleven")


@pytest.fixture(scope="session")
def double_plan(double_eleven: Scenario, planned_once: PlannedOnce) -> Plan:
    """A plan of all stages for the retailer, with little work."""
    return planned_once("double-eleven", lambda: plan(double_eleven, work=6.0))
