"""Decides what to order tonight, and proves how good the decision is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from optimizer.outcome import Limits
    from optimizer.stage import StageResult
    from scenarios import Scenario


def run(
    scenario: Scenario, upstream: Mapping[str, pd.DataFrame], limits: Limits, *, brief: str = ""
) -> StageResult:
    """Decide tonight's orders; the solver is loaded only now."""
    from optimizer.replenishment.stage import run as run_stage

    return run_stage(scenario, upstream, limits, brief=brief)


def run_buyer(
    scenario: Scenario, upstream: Mapping[str, pd.DataFrame], limits: Limits, scope: str = ""
) -> StageResult:
    """Plan a buyer's orders over the horizon; the solver is loaded only now."""
    from optimizer.replenishment.buyer.stage import run as run_stage

    return run_stage(scenario, upstream, limits, scope)
