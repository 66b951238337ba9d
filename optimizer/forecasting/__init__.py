"""Forecasting: demand to come per site, product and bucket, as quantiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from optimizer.outcome import Limits
    from optimizer.stage import StageResult
    from scenarios import Scenario


def run(scenario: Scenario, upstream: Mapping[str, pd.DataFrame], limits: Limits) -> StageResult:
    """Forecast every site and product with history; see README.md for the methods."""
    from optimizer.forecasting.stage import run as run_stage

    return run_stage(scenario, upstream, limits)
