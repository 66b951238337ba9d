"""A real retailer's plan: every explanation is added up again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from optimizer.explanations.check import check_explanations
from optimizer.pipeline import plan
from scenarios.importers.online_retail import read


@pytest.mark.slow
def test_every_explanation_of_the_online_retailers_plan_adds_up(
    outside_data: Callable[[str], Path],
) -> None:
    """Thousands of decisions of all stages, differences 0."""
    scenario = read(outside_data("data/online_retail/online_retail.parquet"))
    count, faults = check_explanations(scenario, plan(scenario, work=6.0))
    assert faults == []
    assert count > 1_000
