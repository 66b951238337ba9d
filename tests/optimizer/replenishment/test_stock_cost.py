"""The newsvendor under normal demand, and whole packs around it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr, ndtri

from optimizer.replenishment.normal_tables import normal_loss, upper_quantile
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


def test_the_tables_agree_with_the_exact_functions() -> None:
    """Loss within 1e-13 and quantile within 1e-8 from 12 deviations under to 12 over."""
    z = np.linspace(-12.0, 12.0, 20_001)
    exact = np.exp(-0.5 * z * z) / np.sqrt(2.0 * np.pi) - z * ndtr(-z)
    assert np.abs(normal_loss(z) - exact).max() < 1e-13
    tail = np.r_[
        10.0 ** -np.linspace(0.31, 15.0, 2000), 1.0 - 10.0 ** -np.linspace(0.31, 14.0, 500)
    ]
    assert np.abs(upper_quantile(tail) + ndtri(tail)).max() < 1e-8


def test_chunks_and_threads_change_no_bit() -> None:
    """200,000 lines at once or in pieces of 1,000: the same quantities and costs."""
    rng = np.random.default_rng(3)
    n = 200_000
    mean = rng.lognormal(2.0, 1.0, n)
    columns = [
        mean * rng.uniform(0, 1.4, n), mean, mean * rng.uniform(0, 1, n), rng.uniform(0.01, 1, n),
        rng.uniform(0.1, 9, n), rng.choice([1.0, 0.9], n), rng.uniform(-1, 4, n),
        rng.choice([1.0, 6.0], n), np.full(n, 6.0), np.full(n, 600.0),
    ]  # fmt: skip
    qty, cost = best_quantity(*columns)
    for begin in range(0, n, 1000):
        part = slice(begin, begin + 1000)
        some, paid = best_quantity(*(column[part] for column in columns))
        assert (some == qty[part]).all()
        assert (paid == cost[part]).all()
