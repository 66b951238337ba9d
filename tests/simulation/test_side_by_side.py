"""Plans side by side under the same demand, and which is best over several scenarios."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from optimizer.pipeline import plan
from optimizer.plan import Plan
from scenarios import InputError, Scenario
from scenarios.deltas import Delta, apply
from scenarios.library import demo_scenario
from simulation.side_by_side import COMPARED, Choice, choose, figures, simulate


@pytest.fixture(scope="module")
def sides() -> list[tuple[str, Scenario, Plan]]:
    """The corner shop, and with twice the demand, each with its plan."""
    shop = demo_scenario("corner-shop")
    more = apply(shop, [Delta(table="forecasts", op="scale", column="qty", value=2.0)])
    return [(n, s, plan(s, ["replenishment"], work=2.0)) for n, s in (("a", shop), ("b", more))]


@pytest.mark.slow
def test_a_plan_does_not_differ_from_itself(sides: list[tuple[str, Scenario, Plan]]) -> None:
    """Under common random numbers the difference is 0 with no width at all."""
    _, shop, made = sides[0]
    values = [simulate(shop, made, 5, 3) for _ in range(2)]
    found = figures(["a", "again"], values)
    assert len(found) == 2 * len(COMPARED)
    assert all(figure.difference.mean == figure.difference.half_width == 0.0 for figure in found)


@pytest.fixture(scope="module")
def choice(sides: list[tuple[str, Scenario, Plan]]) -> Choice:
    """Both plans in both scenarios."""
    return choose([(n, p) for n, _, p in sides], [(n, s) for n, s, _ in sides], 5, 3)


def test_a_scenario_asks_the_same_of_every_plan(sides: list[tuple[str, Scenario, Plan]]) -> None:
    """One plan with two forecasts, 1 and 3 a day: each scenario costs both the same, the 2nd more.

    What a plan says of demand was made for its own scenario, and does not follow it into others.
    """
    _, shop, made = sides[0]
    days = pd.date_range(shop.settings.start_date, periods=4, freq="7D")
    told = [
        pd.DataFrame({"product_id": "TEA", "location_id": "W1", "bucket": days, "span_buckets": 1,
                      "qty": 7.0 * daily, "method": "given"})
        for daily in (1.0, 3.0)
    ]  # fmt: skip
    both = [
        (name, Plan(made.provenance, {**made.tables, "forecast": forecast}))
        for name, forecast in zip("ab", told, strict=True)
    ]
    found = choose(both, [("a", shop), ("b", shop)], 3, 3)
    assert found.cost[0] == found.cost[1]
    assert found.cost[0][0] < found.cost[0][1]
    assert found.regret == (0.0, 0.0)


@pytest.mark.slow
def test_regret_is_what_the_best_plan_would_have_saved(choice: Choice) -> None:
    """Worst, expected and regret follow from the costs."""
    cost = np.array(choice.cost, np.float64)
    assert choice.worst == pytest.approx(cost.max(axis=1))
    assert choice.expected == pytest.approx(cost.mean(axis=1))
    assert choice.regret == pytest.approx((cost - cost.min(axis=0)).max(axis=1))


def test_the_best_plan_has_the_least_figure(choice: Choice) -> None:
    """Each criterion names the plan with its least figure."""
    assert choice.best_regret == choice.plans[int(np.argmin(choice.regret))]
    assert choice.best_worst == choice.plans[int(np.argmin(choice.worst))]


def test_weights_that_are_not_one_per_scenario_are_refused(
    sides: list[tuple[str, Scenario, Plan]],
) -> None:
    """Two scenarios take two weights."""
    name, shop, made = sides[0]
    with pytest.raises(InputError, match="weights"):
        choose([(name, made)], [(name, shop)], 2, 3, [0.5, 0.5])
