"""Simulated futures against closed forms."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from optimizer.replenishment.alerting.futures import (
    FUTURES,
    draw_demand,
    simulate_leftovers,
    simulate_stockouts,
)
from optimizer.replenishment.facts import Facts, read_facts
from optimizer.replenishment.suppliers import read_lateness
from scenarios import Scenario
from scenarios.library import demo_scenario

NO_ORDERS = pd.DataFrame()
NOTHING = pd.Series(dtype=np.float64)


@pytest.mark.parametrize(
    ("mean", "variance"), [(3.0, 3.0), (3.0, 12.0), (0.2, 0.9), (50.0, 9.0), (7.0, 0.0), (0.0, 0.0)]
)
def test_demand_has_the_mean_and_variance_asked_for(mean: float, variance: float) -> None:
    """Poisson, negative binomial, gamma and certain demand, within 4 standard errors."""
    drawn = draw_demand(np.array([mean]), np.array([variance]), np.random.default_rng(0), 200_000)[
        0
    ]
    assert (drawn >= 0.0).all()
    assert drawn.mean() == pytest.approx(mean, abs=4 * (variance / 200_000) ** 0.5 + 1e-12)
    assert drawn.var() == pytest.approx(variance, rel=0.06, abs=1e-12)


def test_leftovers_are_those_of_poisson_demand() -> None:
    """12 units, the last 5 of them a lot, Poisson 9: P(D < 12) and E[min(5, (12 - D)+)]."""
    many = np.ones(200)
    often, left = simulate_leftovers(
        9 * many, 9 * many, 12 * many, 5 * many, np.random.default_rng(1)
    )
    demand = stats.poisson(9)
    masses = demand.pmf(np.arange(13))
    assert often.mean() == pytest.approx(demand.cdf(11), abs=0.008)
    expected = (masses * np.minimum(5, 12 - np.arange(13))).sum()
    assert left.mean() == pytest.approx(expected, abs=0.04)


def shop_facts(**tables: pd.DataFrame) -> Facts:
    """Return the corner shop's facts with tables replaced."""
    shop = demo_scenario("corner-shop")
    return read_facts(Scenario(shop.settings, dict(shop.tables) | tables), {})


def tea(facts: Facts) -> np.ndarray:
    """Return the row of tea at W1."""
    pairs = facts.pairs
    return np.flatnonzero((pairs["product_id"] == "TEA") & (pairs["site_id"] == "W1"))


def run_tea(facts: Facts, seed: int = 0) -> tuple[float, float]:
    """Return frequency and mean shortage of tea at W1."""
    found = simulate_stockouts(
        facts, tea(facts), NO_ORDERS, NOTHING, read_lateness(facts), np.random.default_rng(seed)
    )
    return float(found.frequency[0]), float(found.short[0])


def test_without_stock_and_orders_all_demand_is_lost() -> None:
    """Mean shortage is the mean demand of the protection interval, and it always runs out."""
    shop = demo_scenario("corner-shop")
    empty = shop.table("inventory").assign(on_hand=0.0, reserved=0.0, quarantined=0.0)
    facts = shop_facts(inventory=empty, open_orders=shop.table("open_orders").iloc[:0])
    often, short = run_tea(facts)
    row = facts.pairs.iloc[tea(facts)[0]]
    assert often == 1.0
    assert short == pytest.approx(row["mean"], abs=4 * row["sd"] / FUTURES**0.5)


def test_plenty_never_runs_out() -> None:
    """With 500 on hand no future runs out."""
    shop = demo_scenario("corner-shop")
    assert run_tea(shop_facts(inventory=shop.table("inventory").assign(on_hand=500.0))) == (0, 0)


def test_late_suppliers_make_stockouts_more_frequent() -> None:
    """An order that was always two weeks late in the past helps less than a punctual one."""
    shop = demo_scenario("corner-shop")
    stock = shop.table("inventory").assign(on_hand=2.0, reserved=0.0, quarantined=0.0)
    orders = shop.table("open_orders").iloc[[0]].assign(
        kind="purchase", source_id="FARM", site_id="W1", product_id="TEA", qty=60.0,
        due_on=pd.Timestamp("2026-10-13"),
    )  # fmt: skip
    past = pd.concat([shop.table("receipts").iloc[[0]]] * 30, ignore_index=True)
    past["order_id"] = [f"P{k}" for k in range(30)]
    late = past.assign(received_on=past["promised_on"] + pd.Timedelta(days=14))
    punctual = past.assign(received_on=past["promised_on"])
    often = [
        run_tea(shop_facts(inventory=stock, open_orders=orders, receipts=receipts))[0]
        for receipts in (punctual, late)
    ]
    assert often[0] < 0.2 < 0.9 < often[1]


def test_the_same_seed_gives_the_same_futures() -> None:
    """Two runs agree bit for bit."""
    facts = shop_facts()
    assert run_tea(facts, 7) == run_tea(facts, 7)
