"""Warehouse allocation: which sites to open, what lies where, which site ships, and when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from optimizer.outcome import Limits
    from optimizer.stage import StageResult
    from scenarios import Scenario


def run_sourcing(
    scenario: Scenario, upstream: Mapping[str, pd.DataFrame], limits: Limits, **options: str
) -> StageResult:
    """Decide which site ships each order line, by which carrier; see `sourcing/`."""
    from optimizer.allocation.sourcing.run import run

    return run(scenario, upstream, limits, **options)


def run_positioning(
    scenario: Scenario, upstream: Mapping[str, pd.DataFrame], limits: Limits, **options: str
) -> StageResult:
    """Decide what lies where, and what is moved tonight; see `positioning/`."""
    from optimizer.allocation.positioning.stage import run

    return run(scenario, upstream, limits, **options)


def run_network(
    scenario: Scenario, upstream: Mapping[str, pd.DataFrame], limits: Limits, **options: str
) -> StageResult:
    """Decide which sites to open or close, and what flows between them; see `network/`."""
    from optimizer.allocation.network.stage import run

    return run(scenario, upstream, limits, **options)


def run_waves(
    scenario: Scenario, upstream: Mapping[str, pd.DataFrame], limits: Limits
) -> StageResult:
    """Decide when each parcel is picked and loaded, so that it leaves in time; see `waves/`."""
    from optimizer.allocation.waves.stage import run

    return run(scenario, upstream, limits)
