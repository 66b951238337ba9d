"""Quantiles on real sales: the UCI Online Retail history by week."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from optimizer.forecasting import run
from optimizer.outcome import Limits
from scenarios.importers.online_retail import read


@pytest.mark.slow
def test_coverage_is_within_two_points_on_held_back_weeks(
    outside_data: Callable[[str], Path],
) -> None:
    """Levels 0.1 to 0.9 of totals of one to three weeks, ties shared out; and 0.9 of four."""
    scenario = read(outside_data("data/online_retail/online_retail.parquet"))
    result = run(scenario, {}, Limits())
    found = {kpi.variant: kpi.value for kpi in result.kpis if kpi.kpi == "forecast_coverage"}
    for span in (1, 2, 3):
        for level in (0.1, 0.25, 0.5, 0.75, 0.9):
            variant = f"of the {level:g} quantile, ties shared out, totals of {span}"
            assert found[variant] == pytest.approx(level, abs=0.02)
    assert found["of the 0.9 quantile, ties shared out, totals of 4"] == pytest.approx(
        0.9, abs=0.025
    )
