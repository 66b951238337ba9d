"""Which van drives where: delivery routes over several depots, vehicle types and days."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from optimizer.outcome import Limits
    from optimizer.stage import StageResult
    from scenarios import Scenario


def run(
    scenario: Scenario, upstream: Mapping[str, pd.DataFrame], limits: Limits, **options: str
) -> StageResult:
    """Plan the routes of all days; see :func:`optimizer.routing.stage.run`."""
    from optimizer.routing.stage import run as run_stage

    return run_stage(scenario, upstream, limits, **options)


def run_rerouting(
    scenario: Scenario, upstream: Mapping[str, pd.DataFrame], limits: Limits, **options: str
) -> StageResult:
    """Plan the rest of a day under way; see :func:`optimizer.routing.rerouting.run`."""
    from optimizer.routing.rerouting import run as run_stage

    return run_stage(scenario, upstream, limits, **options)
