"""Scenarios and plans that many tests share, and where outside data lies."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

from optimizer.pipeline import plan
from optimizer.plan import Plan
from scenarios import Scenario
from scenarios.library import demo_scenario

# the same examples on every run of one commit; HOLDFAST_TEST_EXPLORE=1 draws others
hypothesis.settings.register_profile("same", derandomize=True)
if not os.environ.get("HOLDFAST_TEST_EXPLORE"):
    hypothesis.settings.load_profile("same")


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
def corner_plan(corner_shop: Scenario) -> Plan:
    """A plan of all stages for the corner shop."""
    return plan(corner_shop, work=4.0)


@pytest.fixture(scope="session")
def double_eleven() -> Scenario:
    """The retailer before the festival."""
    return demo_scenario("double-eleven")


@pytest.fixture(scope="session")
def double_plan(double_eleven: Scenario) -> Plan:
    """A plan of all stages for the retailer, with little work."""
    return plan(double_eleven, work=6.0)
