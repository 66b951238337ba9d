"""The infeasible day: what is missing, proven, and the least-cost soft plan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.brunel import find_missing, read_day, soft_plan, take_apart

NO = np.inf


def test_missing_capacity_is_a_set_of_orders_and_all_their_plants() -> None:
    """Three orders fit only plant 0, which holds one: two too many; the fourth fits plant 1."""
    cost = np.array([[1.0, 1.0, 1.0, 1.0], [NO, NO, NO, 2.0]])
    missing = find_missing(cost, np.array([1.0, 5.0]))
    assert missing is not None
    assert missing.orders.tolist() == [0, 1, 2]
    assert missing.plants.tolist() == [0]
    assert missing.orders_beyond == 2.0


def test_what_is_missing_is_told_plant_by_plant() -> None:
    """Three orders for plant 0 (holds one), two for plant 1 (holds one), one that fits plant 2."""
    cost = np.array(
        [[1, 1, 1, NO, NO, NO], [NO, NO, NO, 1, 1, NO], [NO, NO, NO, NO, NO, 1]], np.float64
    )
    room = np.array([1.0, 1.0, 1.0])
    missing = find_missing(cost, room)
    assert missing is not None
    parts = take_apart(missing, cost, room)
    assert [part.plants.tolist() for part in parts] == [[0], [1]]
    assert [part.orders.tolist() for part in parts] == [[0, 1, 2], [3, 4]]
    assert [part.orders_beyond for part in parts] == [2.0, 1.0]


def test_nothing_is_missing_where_all_orders_fit() -> None:
    """Two orders, two plants of one each."""
    assert find_missing(np.ones((2, 2)), np.ones(2)) is None


def test_the_soft_plan_moves_orders_before_it_pays_the_premium() -> None:
    """Plant 0 holds one: one order at 1, the other moves to plant 1 at 4 rather than pay 1 + 10."""
    found = soft_plan(np.array([[1.0, 1.0], [4.0, 4.0]]), np.array([1.0, 1.0]), 10.0)
    assert found is not None
    shipped, bound = found
    assert shipped.cost == pytest.approx(5.0)
    assert bound == pytest.approx(5.0)


@pytest.mark.slow
def test_the_real_day_is_infeasible_and_its_soft_plan_is_optimal(
    outside_data: Callable[[str], Path],
) -> None:
    """9,215 orders against 5,791: what is missing is proven, and what the soft plan goes beyond."""
    day = read_day(outside_data("data/brunel_logistics"))
    assert day.capacity.sum() == 5791.0
    reachable = np.isfinite(day.cost).any(axis=0)
    cost = day.cost[:, reachable]
    missing = find_missing(cost, day.capacity)
    assert missing is not None
    found = soft_plan(cost, day.capacity, float(cost[np.isfinite(cost)].max()) + 1.0)
    assert found is not None
    shipped, bound = found
    beyond = shipped.solution.share[len(day.plants) :].sum()
    assert beyond >= missing.orders_beyond - 1e-6
    assert shipped.cost - bound <= 1e-6 * shipped.cost
