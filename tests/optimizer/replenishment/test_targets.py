"""Targets of the planner and the shortage cost that they imply, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from optimizer.audit.replenishment import check
from optimizer.outcome import Limits
from optimizer.plan import conform
from optimizer.replenishment import run
from optimizer.replenishment.facts import Facts, read_facts
from optimizer.replenishment.stock_cost import best_level, units_short
from optimizer.replenishment.targets import level_of_fill_rate
from scenarios import Scenario
from scenarios.library import demo_scenario


def shop_with(**columns: float) -> Scenario:
    """Return the corner shop whose first policy row states targets and no shortage cost."""
    shop = demo_scenario("corner-shop")
    rows = shop.table("inventory_policies").copy()
    rows.loc[0, ["shortage_cost", "target_cycle_service"]] = np.nan
    for name, value in columns.items():
        rows.loc[0, name] = value
    return Scenario(shop.settings, dict(shop.tables) | {"inventory_policies": rows})


def newsvendor_level(facts: Facts) -> float:
    """Return the level that balances costs for the first pair."""
    row = facts.pairs.iloc[[0]]
    holding = (row["holding_cost_per_unit_day"] * row["review_days"]).to_numpy(np.float64)
    mean, sd = row["mean"].to_numpy(np.float64), row["sd"].to_numpy(np.float64)
    cost = row["shortage_cost"].to_numpy(np.float64)
    return float(best_level(mean, sd, holding, cost, np.zeros(1))[0])


def test_a_cycle_service_target_is_what_the_implied_cost_balances() -> None:
    """The newsvendor level of the implied cost has the target's probability of no stockout."""
    facts = read_facts(shop_with(target_cycle_service=0.93), {})
    row = facts.pairs.iloc[0]
    assert ndtr((newsvendor_level(facts) - row["mean"]) / row["sd"]) == pytest.approx(0.93)


def test_a_fill_rate_is_reached_without_a_lead_time() -> None:
    """With nothing sold before arrival, E[(D - y)+] is 2 % of the mean at the level for 98 %."""
    mean, sd, zero = np.array([40.0]), np.array([12.0]), np.zeros(1)
    level = level_of_fill_rate(mean, sd, zero, zero, np.array([0.98]))
    assert units_short(level, mean, sd) == pytest.approx(0.02 * 40.0)


def test_the_least_cover_lifts_the_level() -> None:
    """A least cover of 17 days lifts the level to the mean demand of those 17 days."""
    facts = read_facts(shop_with(min_cover_days=17.0), {})
    rows = facts.pairs["forecast_row"].to_numpy(np.int64)
    mean, _ = facts.forecast.over(rows, np.full(len(rows), 17.0))
    root = facts.pairs["root"].to_numpy(np.int64)
    assert newsvendor_level(facts) == pytest.approx(np.bincount(root, mean)[0], rel=1e-6)


@pytest.mark.parametrize(
    "targets",
    [
        pytest.param({"target_fill_rate": 0.97}, marks=pytest.mark.slow),
        {"target_cycle_service": 0.8, "target_fill_rate": 0.9},
        pytest.param({"min_cover_days": 15.0, "max_cover_days": 16.0}, marks=pytest.mark.slow),
        {"target_fill_rate": 1.0, "max_cover_days": 17.0},
    ],
)
@pytest.mark.slow
def test_the_referee_finds_the_same_implied_cost(targets: dict[str, float]) -> None:
    """Objective and terms agree where targets are priced."""
    scenario = shop_with(**targets)
    result = run(scenario, {}, Limits(work=2.0))
    tables = {name: conform(name, frame) for name, frame in result.tables.items()}
    report = check(scenario, tables)
    assert report.violations == ()
    assert result.certificate is not None
    assert report.objective == pytest.approx(result.certificate.objective, rel=1e-7)
    assert any("implies" in note for note in result.notes)


def test_a_stated_shortage_cost_stays() -> None:
    """A pair with a target and a cost keeps the cost, and a note says so."""
    facts = read_facts(shop_with(target_cycle_service=0.99, shortage_cost=3.25), {})
    assert facts.pairs["shortage_cost"].iloc[0] == 3.25
    assert any("the cost decides" in note for note in facts.notes)


@pytest.mark.slow
def test_a_higher_target_never_costs_less() -> None:
    """The implied cost grows with the fill rate asked for."""
    costs = [
        read_facts(shop_with(target_fill_rate=target), {}).pairs["shortage_cost"].iloc[0]
        for target in (0.6, 0.8, 0.9, 0.97, 0.995, 1.0)
    ]
    assert (np.diff(costs) > 0.0).all()
