"""The frontier of stock and service."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.replenishment.analytics.frontier import stock_frontier
from optimizer.replenishment.facts import read_facts
from optimizer.replenishment.stock_cost import best_level, units_short
from scenarios.library import demo_scenario


def test_more_stock_means_more_service() -> None:
    """Along every scope stock value and fill rate rise together, units short fall."""
    rows = stock_frontier(read_facts(demo_scenario("corner-shop"), {}))
    assert {"all", "abc:A"} <= set(rows["scope"])
    for _, scope in rows.groupby("scope"):
        assert (np.diff(scope["stock_value"]) >= -1e-9).all()
        assert (np.diff(scope["fill_rate"]) >= -1e-9).all()
        assert (np.diff(scope["short_units_per_day"]) <= 1e-9).all()


def test_the_chosen_point_costs_least() -> None:
    """At the planned costs no other point is cheaper, and one point of each scope is chosen."""
    rows = stock_frontier(read_facts(demo_scenario("corner-shop"), {}))
    for _, scope in rows.groupby("scope"):
        chosen = scope[scope["chosen"]]
        assert len(chosen) == 1
        assert chosen["cost_per_day"].iloc[0] == pytest.approx(scope["cost_per_day"].min())


def test_classes_add_up() -> None:
    """Stock value, cost and units short of `all` are the sums over the classes."""
    rows = stock_frontier(read_facts(demo_scenario("corner-shop"), {}))
    names = ["stock_value", "cost_per_day", "short_units_per_day"]
    whole = rows[rows["scope"] == "all"].set_index("point")[names]
    parts = rows[rows["scope"] != "all"].groupby("point")[names].sum()
    assert parts.to_numpy() == pytest.approx(whole.to_numpy())


def test_the_cost_of_the_chosen_point_is_that_of_its_levels() -> None:
    """Holding and shortage at every counted pair's best level, per day, add up to it."""
    facts = read_facts(demo_scenario("corner-shop"), {})
    pairs = facts.pairs[facts.counted]
    mean, sd = pairs["mean"].to_numpy(float), pairs["sd"].to_numpy(float)
    review, shortage = pairs["review_days"].to_numpy(float), pairs["shortage_cost"].to_numpy(float)
    holding = pairs["holding_cost_per_unit_day"].to_numpy(float) * review
    level = best_level(mean, sd, holding, shortage, np.zeros(len(mean)))
    short = units_short(level, mean, sd)
    cost = ((holding * (level - mean + short) + shortage * short) / review).sum()
    rows = stock_frontier(facts)
    chosen = rows[(rows["scope"] == "all") & rows["chosen"]]
    assert chosen["cost_per_day"].iloc[0] == pytest.approx(cost)
