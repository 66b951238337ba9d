"""The policies table: targets are reached and no more, the planner's numbers stay."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from optimizer.replenishment.facts import Facts, read_facts
from optimizer.replenishment.policies import policies, reorder_rules
from optimizer.replenishment.policies.intervals import Intervals
from optimizer.replenishment.policies.laws import DemandLaw
from optimizer.replenishment.policies.service import lowest_top, service
from scenarios import Scenario
from scenarios.library import demo_scenario
from scenarios.settings import Settings


def intervals(rate: float, ratio: float, lead: int, review: int) -> Intervals:
    """Return one pair whose daily demand has a mean and a variance / mean."""

    def over(days: int) -> DemandLaw:
        mean = np.array([rate * days])
        return DemandLaw.of(mean, np.sqrt(mean * ratio))

    one = np.ones(1)
    return Intervals(over(lead + review), over(lead), over(review), one, 9 * one, one, one, one)


def replayed(
    rate: float, ratio: float, lead: int, point: int, top: int, lot: int | None
) -> tuple[float, float]:
    """Return share of units served at once, and of days without a stockout, over 200,000 days.

    Reviewed every evening, unmet demand waits; the order of day t serves day t + lead + 1.
    """
    rng = np.random.default_rng(3)
    days = 200_000
    if ratio == 1.0:
        demand = rng.poisson(rate, days)
    else:
        demand = rng.negative_binomial(rate / (ratio - 1.0), 1.0 / ratio, days)
    position, net, late, dry = top, top, 0, 0
    coming = [0] * (lead + 1)
    for day, units in enumerate(demand.tolist()):
        net += coming[day % (lead + 1)]
        coming[day % (lead + 1)] = 0
        late += max(units - max(net, 0), 0)
        net -= units
        dry += net < 0
        position -= units
        if position <= point:
            order = top - position if lot is None else lot * math.ceil((point + 1 - position) / lot)
            position += order
            coming[day % (lead + 1)] += order
    return 1.0 - late / int(demand.sum()), 1.0 - dry / days


@pytest.mark.parametrize(
    ("ratio", "point", "top", "lot"),
    [(1.0, 12, 13, None), (3.0, 14, 15, None), (1.0, 9, 16, None), (3.0, 11, 23, None),
     (1.0, 9, 17, 8)],
)  # fmt: skip
def test_service_is_what_a_replay_measures(
    ratio: float, point: int, top: int, lot: int | None
) -> None:
    """Base stock, (s, S), (r, Q): fill rate and cycle service within 0.6 points of a replay."""
    fill, cycle = replayed(2.0, ratio, 3, point, top, lot)
    case = intervals(2.0, ratio, 3, 1)
    even = np.array([lot is not None])
    found = service(case, np.array([float(top)]), np.array([float(top - point)]), even)
    assert found.fill[0] == pytest.approx(fill, abs=0.006)
    assert found.cycle[0] == pytest.approx(cycle, abs=0.006)


@pytest.mark.parametrize("gap", [1.0, 7.0])
@pytest.mark.parametrize("even", [False, True])
def test_the_level_of_a_target_is_the_smallest_one(gap: float, even: bool) -> None:
    """It reaches the fill rate; one unit less does not."""
    case, lots = intervals(1.3, 2.0, 5, 2), np.array([even])
    target, none = np.array([0.96]), np.array([np.nan])
    top = lowest_top(case, np.array([gap]), lots, target, none, np.array([0]))
    assert service(case, top, np.array([gap]), lots).fill[0] >= 0.96 - 1e-9
    assert service(case, top - 1.0, np.array([gap]), lots).fill[0] < 0.96


def test_more_service_never_asks_for_less_stock() -> None:
    """The level of a target does not fall as the target rises, for fill rate and cycle service."""
    case, lots, none = intervals(0.4, 3.0, 9, 7), np.array([False]), np.array([np.nan])
    for kind in (0, 1):
        tops = []
        for target in np.linspace(0.3, 0.999, 30):
            asked = [none, none]
            asked[kind] = np.array([target])
            tops.append(lowest_top(case, np.ones(1), lots, *asked, np.array([0]))[0])
        assert (np.diff(tops) >= 0).all()


def shop_facts(row: int, **columns: object) -> Facts:
    """Return the corner shop's facts with a changed policy row."""
    shop = demo_scenario("corner-shop")
    rows = shop.table("inventory_policies").copy()
    blank = ["s", "S", "r", "Q", "target_cycle_service", "target_fill_rate"]
    rows.loc[row, blank] = np.nan
    for name, value in columns.items():
        rows.loc[row, name] = value
    return read_facts(Scenario(shop.settings, dict(shop.tables) | {"inventory_policies": rows}), {})


def made(facts: Facts) -> pd.DataFrame:
    """Return the policies table."""
    return policies(facts, reorder_rules(facts))


@pytest.mark.parametrize("policy", ["base_stock", "s_S", "r_Q", "min_max"])
def test_the_rule_that_decides_is_told(policy: str) -> None:
    """A fill rate without a cost decides, and the table states a fill rate of at least that."""
    facts = shop_facts(0, policy=policy, target_fill_rate=0.99, shortage_cost=np.nan)
    row = made(facts).iloc[0]
    assert row["decided_by"] == "fill_rate"
    assert row["expected_fill_rate"] >= 0.99 - 1e-9


def test_cover_cuts_the_level() -> None:
    """With at most 9 days of cover the level is the mean demand of 9 days, rounded down."""
    facts = shop_facts(0, policy="base_stock", max_cover_days=9.0)
    rules = reorder_rules(facts)
    assert rules.decided_by[0] == "max_cover"
    # W1 and the S1 that it feeds sell 18 of tea a week: 18 x 9 / 7 = 23.1
    assert rules.top[0] == 23.0


def test_classes_decide_where_the_planner_set_targets_for_them() -> None:
    """Class targets of the planner's own decide for rows without a target and a cost."""
    shop = demo_scenario("corner-shop")
    rows = shop.table("inventory_policies").assign(
        shortage_cost=np.nan, target_cycle_service=np.nan, target_fill_rate=np.nan,
        s=np.nan, S=np.nan, r=np.nan, Q=np.nan,
    )  # fmt: skip
    own = Settings(**shop.settings.model_dump() | {"service_targets": dict.fromkeys("ABC", 0.999)})
    facts = read_facts(Scenario(own, dict(shop.tables) | {"inventory_policies": rows}), {})
    rules = reorder_rules(facts)
    moving = rules.intervals.law.mean > 0.0
    assert set(rules.decided_by[moving]) == {"class_target"}


def test_bands_hold_whole_units_and_leave_room() -> None:
    """Points lie under tops, in whole units, and safety stock is the point less the mean."""
    facts = shop_facts(0, policy="s_S")
    row = made(facts).iloc[0]
    assert row["s"] < row["S"]
    assert row["s"] == round(row["s"])
    rules = reorder_rules(facts)
    assert row["safety_stock"] == pytest.approx(rules.point[0] - rules.intervals.law.mean[0])


@pytest.mark.parametrize(
    "numbers",
    [
        {"policy": "base_stock", "S": 2.0},
        {"policy": "base_stock", "s": 90.0},
        {"policy": "s_S", "S": 3.0},
        {"policy": "s_S", "s": 80.0},
        {"policy": "min_max", "s": 3.0, "S": 9.0},
        {"policy": "r_Q", "r": 50.0},
        {"policy": "r_Q", "Q": 7.0},
    ],
)
@pytest.mark.slow
def test_computed_numbers_make_room_for_the_planner_s(numbers: dict[str, object]) -> None:
    """What the planner states stays, and points lie under tops whatever it is."""
    facts = shop_facts(0, **numbers)
    row = made(facts).iloc[0]
    for name in set(numbers) - {"policy"}:
        assert row[name] == numbers[name]
    rules = reorder_rules(facts)
    assert rules.own_point[0] < rules.own_top[0]
    if numbers["policy"] != "r_Q":
        assert row["s"] < row["S"]
