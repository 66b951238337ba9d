"""The newsvendor under normal demand, and whole packs around it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.replenishment.stock_cost import (
    best_level,
    best_quantity,
    stock_cost,
    units_short,
)


def one(value: float) -> np.ndarray:
    return np.array([value])


def test_the_textbook_newsvendor() -> None:
    """Holding 0.18, shortage 0.70, Normal(50, 8): level 56.604, cost 1.99761 (Zipkin)."""
    level = best_level(one(50), one(8), one(0.18), one(0.70), one(0))
    assert level[0] == pytest.approx(56.604, abs=5e-4)
    cost = stock_cost(level, one(50), one(8), one(0.18), one(0.70))
    assert cost[0] == pytest.approx(1.99761, abs=5e-6)


def test_certain_demand_needs_no_safety() -> None:
    """Without spread the best level is the mean, and being 3 under costs 3 shortages."""
    level = best_level(one(10), one(0), one(0.1), one(2), one(0))
    assert level[0] == pytest.approx(10.0, abs=1e-6)
    assert units_short(one(7), one(10), one(0))[0] == pytest.approx(3.0)


def test_prices_at_the_ends() -> None:
    """A unit that costs more than being short is never bought; one that pays us always."""
    dear = best_level(one(10), one(3), one(0.1), one(2), one(2.0))
    given_away = best_level(one(10), one(3), one(0.1), one(2), one(-0.2))
    assert dear[0] == -np.inf
    assert given_away[0] == np.inf


@settings(deadline=None, max_examples=60)
@given(
    st.floats(-5, 20),
    st.floats(1, 30),
    st.floats(0, 9),
    st.floats(0.01, 2),
    st.floats(0, 8),
    st.floats(-1, 3),
    st.sampled_from([1.0, 2.0, 6.0]),
    st.integers(1, 4),
    st.integers(0, 9),
    st.sampled_from([1.0, 0.9, 0.5]),
)
def test_the_best_pack_is_the_enumerated_one(
    position: float,
    mean: float,
    sd: float,
    holding: float,
    shortage: float,
    price: float,
    multiple: float,
    packs: int,
    more: int,
    usable: float,
) -> None:
    """No multiple between the least and the most costs less than the one that is chosen."""
    low, high = packs * multiple, (packs + more) * multiple
    qty, cost = best_quantity(
        one(position), one(mean), one(sd), one(holding), one(shortage), one(usable), one(price),
        one(multiple), one(low), one(high),
    )  # fmt: skip
    every = np.arange(low, high + 1e-9, multiple)
    full = np.full(len(every), 1.0)
    costs = stock_cost(
        position + usable * every, mean * full, sd * full, holding * full, shortage * full
    )
    assert cost[0] == pytest.approx((costs + price * every).min(), abs=1e-7)
    assert qty[0] in every
