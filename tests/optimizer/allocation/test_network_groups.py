"""Design by product group against arithmetic by hand, the whole problem and the referee."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from network_worlds import hand_made, random_network

from optimizer.allocation.network import design as whole
from optimizer.allocation.network.decompose import decompose
from optimizer.allocation.network.effort import Effort
from optimizer.allocation.network.groups import Groups
from optimizer.allocation.network.layout import read_network
from optimizer.allocation.network.model import Model, build
from optimizer.audit.network import check
from optimizer.engines.linear import solve_linear
from optimizer.outcome import Limits
from optimizer.pipeline import plan
from optimizer.plan import Plan
from scenarios import InputError, Scenario


def by_group(scenario: Scenario, monkeypatch: pytest.MonkeyPatch, **options: str) -> Plan:
    """Plan the network as if it were too large to be solved whole."""
    monkeypatch.setattr(whole, "MOST_WHOLE", 0)
    return plan(scenario, ["network"], work=10.0, options=options or None)


def cost_with(model: Model, is_open: np.ndarray) -> float:
    """Return the least cost with these sites open, by the whole linear programme."""
    lower, upper = model.problem.lower.copy(), model.problem.upper.copy()
    lower[model.y] = upper[model.y] = is_open
    fixed = replace(model.problem.relaxed(), lower=lower, upper=upper)
    found = solve_linear(fixed, Limits()).objective
    assert found is not None
    return found


def with_plant() -> Scenario:
    """Return the two sites fed by a plant; it is made free of charge, 1 a unit to OLD, 2 to NEW."""
    base = hand_made()
    mill = pd.DataFrame(
        {"site_id": ["MILL"], "kind": "plant", "name": ["Mill"], "status": ["candidate"],
         "fixed_cost_per_day": [3.0], "opening_cost": [0.0], "closing_cost": [0.0]}
    )  # fmt: skip
    lanes = pd.DataFrame(
        [
            {"origin_id": "MILL", "destination_id": site, "mode": "road",
             "transit_mean_days": 1.0, "cost_per_unit": cost, "distance_km": 100.0}
            for site, cost in (("OLD", 1.0), ("NEW", 2.0))
        ]
    )  # fmt: skip
    return hand_made(
        more={
            "sites": pd.concat([base.table("sites"), mill], ignore_index=True),
            "lanes": pd.concat([base.table("lanes"), lanes], ignore_index=True),
        }
    )


def test_a_cut_by_hand() -> None:
    """With OLD alone open: 70 x 1 + 70 x 3 = 280; NEW open as well saves 70 x (3 - 1) = 140."""
    groups = Groups(build(read_network(hand_made())), 0)
    names = groups.network.sites.site_id
    old = np.array([name == "OLD" for name in names], np.float64)
    cut = groups.cut(old, np.zeros(len(groups.room)))
    assert cut.at(old) == pytest.approx(280.0)
    assert cut.at(np.ones(2)) == pytest.approx(140.0)


def test_a_cut_at_a_price_of_capacity_by_hand() -> None:
    """Each ships 98 at most; at 2 a unit OLD's room is worth 196: 140 x 2 + 280 - 196 = 364."""
    groups = Groups(build(read_network(hand_made(outbound=14.0))), 0)
    names = groups.network.sites.site_id
    old = np.array([name == "OLD" for name in names], np.float64)
    cut = groups.cut(old, np.full(len(groups.room), 2.0))
    assert cut.at(old) == pytest.approx(364.0)
    room = groups.site == int(np.argmax(old))
    assert cut.over[room] == pytest.approx((140.0 - 98.0) / 98.0)


def test_a_plant_is_opened_for_what_it_feeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """All open: 7 + 14 + 1.4 + 21 sites, 140 out, 70 x 1 + 70 x 2 in = 393.4; OLD alone with the
    mill 7 + 21 + 280 + 140 = 448.
    """
    made = by_group(with_plant(), monkeypatch)
    row = made.table("certificates").iloc[0]
    assert row["objective"] == pytest.approx(393.4)
    assert row["status"] == "optimal"


@pytest.mark.parametrize("seed", range(6))
def test_no_cut_is_above_the_cost_of_any_set_of_sites(seed: int) -> None:
    """Cuts at random points and random prices stay below the linear programme of random sets."""
    model = build(read_network(random_network(seed)))
    groups = Groups(model, 0)
    rng = np.random.default_rng(seed)
    problem = replace(model.problem, cost=model.problem.cost.copy(), offset=0.0)
    problem.cost[: int(model.x.min())] = 0.0
    flows_only = replace(model, problem=problem)
    sets = rng.integers(0, 2, (4, len(model.y))).astype(np.float64)
    costs = [cost_with(flows_only, is_open) for is_open in sets]
    for _ in range(10):
        price = rng.uniform(0.0, 3.0, len(groups.room)) * rng.integers(0, 2, len(groups.room))
        cut = groups.cut(rng.uniform(0.0, 1.0, len(model.y)).round(1), price)
        for is_open, cost in zip(sets, costs, strict=True):
            assert cut.at(is_open) <= cost * (1.0 + 1e-9)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.slow
def test_the_same_optimum_as_the_whole_problem(seed: int) -> None:
    """Cost and bound meet at the optimum of the mixed-integer problem."""
    model = build(read_network(random_network(seed, 5, 6, 3)))
    best = solve_linear(model.problem, Limits()).objective
    found = decompose(model, None, Effort(Limits(work=30.0)), today=False)
    assert found.x is not None
    assert best is not None
    assert model.problem.objective(found.x) == pytest.approx(best, rel=1e-6)
    assert found.bound <= best * (1.0 + 1e-9)
    assert found.finished


def test_a_limit_reached_is_not_called_optimal() -> None:
    """Without work left there is a bound that holds, and no claim."""
    model = build(read_network(random_network(0)))
    best = solve_linear(model.problem, Limits()).objective
    found = decompose(model, None, Effort(Limits(work=0.0)), today=False)
    assert not found.finished
    assert best is not None
    assert 0.0 < found.bound <= best


@pytest.mark.parametrize("seed", range(3))
def test_the_referee_passes_it_and_finds_the_same_cost(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No violation, and the objective of the certificate."""
    scenario = random_network(seed)
    made = by_group(scenario, monkeypatch)
    report = check(scenario, made.tables)
    assert not report.violations
    stated = made.table("certificates")["objective"].iloc[0]
    assert report.objective == pytest.approx(stated, rel=1e-6)


def test_futures_are_weighed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two futures with limits: the same expected cost as the whole problem."""
    futures = {"low": (10.0, 20.0), "high": (90.0, 120.0)}
    scenario = hand_made(cases=futures, outbound=15.0)
    together = plan(scenario, ["network"], work=10.0).table("certificates")["objective"].iloc[0]
    made = by_group(scenario, monkeypatch).table("certificates").iloc[0]
    assert made["objective"] == pytest.approx(together, rel=1e-6)


def test_limits_on_sites_that_leave_nothing_are_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three open sites out of two cannot be."""
    limit = {"limit_id": "L3", "kind": "site_count", "scope": "all", "sense": ">=",
             "value": 3.0, "hard": True}  # fmt: skip
    made = by_group(hand_made(limits=[limit]), monkeypatch)
    assert made.table("certificates")["status"].iloc[0] == "infeasible"


def test_groups_in_another_order_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of every table reversed: the same sites, and the same flows within rounding."""
    scenario = random_network(2)
    turned = {
        name: table.iloc[::-1].reset_index(drop=True) for name, table in scenario.tables.items()
    }
    first = by_group(scenario, monkeypatch)
    second = by_group(Scenario(scenario.settings, turned), monkeypatch)
    assert first.table("network").equals(second.table("network"))
    keys = ["origin_id", "destination_id", "mode", "product_id"]
    one, two = (made.table("flows").groupby(keys)["qty"].sum() for made in (first, second))
    assert one.index.equals(two.index)
    assert np.abs(one - two).max() <= 1e-6


def test_what_does_not_come_apart_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Single sources tie products together; the message says what can be done."""
    with pytest.raises(InputError, match="plan fewer products"):
        by_group(hand_made(), monkeypatch, single_source="yes")
