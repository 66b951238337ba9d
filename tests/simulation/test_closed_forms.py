"""The simulator against textbook results, inside joint 99 % Student-t intervals (Bonferroni)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from plain_worlds import lead_choices, one_site
from scipy import special

from simulation.calendar import Calendar
from simulation.conditions import Conditions
from simulation.demand import Demand
from simulation.experiment import Case, Setup, longest_lanes, run_cases
from simulation.kernels import kernels
from simulation.kernels import rows as at
from simulation.policies import MovingAverageLevels, order_up_to_policy
from simulation.state import check_conservation, fresh_state

JOINT = 0.99
FIGURES = 11  # intervals that must hold together
TIGHTEST = 0.005  # half-width over value that the slow runs reach

# (rate, S, lead times, mean stock at the end of a day, mean backlog then)
PERIODIC = (
    (2.0, 9, (1, 2, 3, 6), 3.35709, 0.35709),
    (20.0, 75, (2, 2, 3, 4), 20.87062, 0.87062),
    (0.3, 3, (3, 5, 9, 14), 1.03932, 0.36432),
)
BULLWHIP = ((2, 10, 1.48), (4, 5, 3.88), (2, 5, 2.12))


def states(world, warm_up, replications, seed=1):
    """Return the daily ledger after the warm-up: (ticks, rows, replications) per SKU."""
    numbers = np.arange(replications)
    setup = Setup(replications, seed)
    state = fresh_state(world, numbers, longest_lanes(world, [Case("calm")], setup))
    demand = Demand(world, numbers, kernels(), seed, keep=False)
    Calendar(world, state, Conditions(world, [], replications), demand, kernels(), seed).run()
    check_conservation(world, state, signed=world.sites[0].policy.signed)
    return state.sites[0].ledger[warm_up:].astype(np.float64)


def interval(values):
    """Return mean and half-width of one of the joint intervals."""
    n = len(values)
    quantile = special.stdtrit(n - 1, 1.0 - (1.0 - JOINT) / (2.0 * FIGURES))
    return float(values.mean()), float(quantile * values.std(ddof=1) / np.sqrt(n))


def check(values, expected, widest):
    """Assert that the value lies in its interval, and that the interval says something."""
    mean, half = interval(values)
    assert abs(mean - expected) <= half, f"{mean:.5f} ± {half:.5f}, expected {expected}"
    assert half <= widest * abs(expected), f"half-width {half:.5f} of {expected}"


def base_stock(rate, level, leads, n_skus, n_ticks, warm_up, replications=20):
    """Return per-SKU daily means of stock, backlog and orders, (replications,) each."""
    policy = order_up_to_policy(np.full(n_skus, level, np.int32))
    world = one_site(
        policy, rate, opening=level, leads=lead_choices(*leads), n_skus=n_skus, n_ticks=n_ticks
    )
    ledger = states(world, warm_up, replications)
    return ledger.mean(axis=0) / n_skus


def case_2(n_skus, n_ticks):
    """Newsvendor, Poisson(50): a base stock of 56 that is refilled before every day."""
    ledger = base_stock(50.0, 56, (1,), n_skus, n_ticks, warm_up=3)
    return 0.18 * ledger[at.ON_HAND] + 0.70 * ledger[at.BACKLOG]


def case_3(n_skus, n_ticks):
    """(s, S) = (4, 10), Poisson 6, holding 1, penalty 4, order 5."""
    policy = order_up_to_policy(
        np.full(n_skus, 10, np.int32), reorder_point=np.full(n_skus, 4, np.int32)
    )
    world = one_site(policy, 6.0, opening=10, n_skus=n_skus, n_ticks=n_ticks)
    ledger = states(world, 30, 20).mean(axis=0) / n_skus
    # every order arrives the next morning, so cycles that end are orders
    return ledger[at.ON_HAND] + 4.0 * ledger[at.BACKLOG] + 5.0 * ledger[at.CYCLES]


def bullwhip(lead, window, n_ticks, replications):
    """Return the variance of orders over that of demand, per replication."""
    base = 500_000
    plain = order_up_to_policy(np.array([base], np.int32), signed=True)
    policy = replace(plain, levels=MovingAverageLevels(window, lead, base))
    world = one_site(policy, 10_000.0, opening=base, n_ticks=n_ticks, variance=1e6)
    book = states(world, 40, replications)
    return book[:, at.ORDERED].var(axis=0, ddof=1) / book[:, at.DEMAND].var(axis=0, ddof=1)


def test_newsvendor_poisson():
    """Case 2: the cost of base stock 56 against Poisson(50) is 1.797235 a day."""
    check(case_2(200, 120), 1.797235, 0.02)


def test_s_s_policy():
    """Case 3: (4, 10) against Poisson(6) costs 8.034112 a day."""
    check(case_3(200, 200), 8.034112, 0.02)


@pytest.mark.parametrize(("rate", "level", "leads", "stock", "debt"), PERIODIC)
def test_base_stock_with_lead_times_that_cross(rate, level, leads, stock, debt):
    """Case 7: with independent lead times per order line stock and backlog are those of Palm."""
    ledger = base_stock(rate, level, leads, n_skus=200, n_ticks=400, warm_up=40)
    check(ledger[at.ON_HAND], stock, 0.03)
    check(ledger[at.BACKLOG], debt, 0.08)


@pytest.mark.parametrize(("lead", "window", "ratio"), BULLWHIP)
def test_bullwhip_of_the_moving_average(lead, window, ratio):
    """Case 12: order-up-to on a moving average amplifies variance by 1 + 2 L / p + 2 L^2 / p^2."""
    check(bullwhip(lead, window, 800, replications=100), ratio, 0.04)


@pytest.mark.slow
def test_closed_forms_tightly():
    """All of them with half-widths of at most half a percent."""
    check(case_2(2000, 300), 1.797235, TIGHTEST)
    check(case_3(2000, 400), 8.034112, TIGHTEST)
    for rate, level, leads, stock, debt in PERIODIC:
        ledger = base_stock(rate, level, leads, n_skus=2000, n_ticks=1500, warm_up=60)
        check(ledger[at.ON_HAND], stock, TIGHTEST)
        check(ledger[at.BACKLOG], debt, 2 * TIGHTEST)
    for lead, window, ratio in BULLWHIP:
        check(bullwhip(lead, window, 6000, replications=600), ratio, TIGHTEST)


def test_a_wrong_level_is_noticed():
    """The interval of case 2 excludes what a base stock of 52 costs."""
    mean, half = interval(case_2(200, 120))
    ledger = base_stock(50.0, 52, (1,), 200, 120, warm_up=3)
    other = 0.18 * ledger[at.ON_HAND] + 0.70 * ledger[at.BACKLOG]
    assert abs(float(other.mean()) - mean) > half


def test_cases_run_together_give_the_same_figures():
    """A case's figures do not depend on the cases beside it."""
    policy = order_up_to_policy(np.full(5, 60, np.int32))
    world = one_site(policy, 50.0, opening=60, n_skus=5, n_ticks=20)
    alone = run_cases(world, [Case("calm")], Setup(6, 1))["calm"]
    both = run_cases(world, [Case("calm"), Case("again")], Setup(6, 1))
    np.testing.assert_array_equal(alone.served, both["calm"].served)
    np.testing.assert_array_equal(alone.served, both["again"].served)
