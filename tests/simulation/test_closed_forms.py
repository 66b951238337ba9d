"""The simulator against textbook results, inside joint 99 % Student-t intervals (Bonferroni)."""

from __future__ import annotations

import numpy as np
import pytest
from plain_worlds import one_site

from benchmarks.closed_forms import CLOSED_FORMS
from benchmarks.closed_grids import lost_share, waiting
from benchmarks.closed_queues import DOOR_TICKS, LOSS_TICKS, two_echelons
from benchmarks.closed_worlds import fixed_table, normal_table, outage_of_all, run
from benchmarks.closed_worlds import one_site as shaped
from benchmarks.validation import TIGHTEST, check
from simulation.experiment import Case, Setup, run_cases
from simulation.kernels import rows as at
from simulation.policies import order_up_to_policy

SAMPLE = 0.02  # share of the replications of the full check
LONG = (10, 13, 14)  # cases that need long runs even for a sample
WIDEST = 0.10  # half-width over value in a sample; most are below 0.01


@pytest.mark.parametrize("case", [form.case for form in CLOSED_FORMS if form.case not in LONG])
def test_closed_form_in_a_sample(case):
    """A short run's intervals contain the expected values, and say something."""
    for each in check(SAMPLE, [case]):
        assert each.met, (each.figure.name, each.mean, each.half_width, each.figure.expected)
        assert each.relative <= WIDEST


@pytest.mark.slow
@pytest.mark.parametrize("case", [form.case for form in CLOSED_FORMS])
def test_closed_form_tightly(case):
    """The full run's intervals contain the expected values within half a percent."""
    for each in check(1.0, [case]):
        assert each.met, (each.figure.name, each.mean, each.half_width, each.figure.expected)
        assert each.relative <= TIGHTEST


@pytest.mark.parametrize(("servers", "exact"), [(8, 0.121876), (10, 0.043142)])
def test_ticks_hardly_move_what_is_lost(servers, exact):
    """On the grid of case 10 the bias is below a quarter of the half-width; it falls with it."""
    bias, twice = (lost_share(6.0, servers, ticks) / exact - 1 for ticks in (LOSS_TICKS, 1200))
    assert abs(bias) < TIGHTEST / 4
    assert abs(twice) == pytest.approx(2 * abs(bias), rel=0.02)


def test_ticks_hardly_move_the_queue_at_the_dock():
    """On the grid of case 11 both biases are below a quarter of the half-width."""
    for figure in waiting(2.0, 3, DOOR_TICKS):
        assert abs(figure * 9 / 4 - 1) < TIGHTEST / 4


@pytest.mark.slow
def test_a_depot_that_shares_in_proportion_is_noticed():
    """The backlog of base 1 in case 8 is another where the depot does not serve by age."""
    (right,) = (each for each in check(SAMPLE, [8]) if each.figure.name == "backlog, base 1")
    wrong = next(
        each for each in two_echelons(SAMPLE, first_come=False) if each.name == "backlog, base 1"
    )
    assert abs(wrong.values.mean() - right.mean) > 10 * right.half_width


def test_a_wrong_level_is_noticed():
    """The interval of the Poisson newsvendor excludes what a base stock of 52 costs."""
    (right,) = check(SAMPLE, [2])
    policy = order_up_to_policy(np.full(200, 52, np.int32))
    world = one_site(policy, 50.0, opening=52, n_skus=200, n_ticks=120)
    rows = run(world, 12, 1).sites[0].ledger[3:].mean(axis=(0, 2)) / 200
    wrong = 0.18 * rows[at.ON_HAND] + 0.70 * rows[at.BACKLOG]
    assert abs(wrong - right.mean) > right.half_width


def test_normal_table_has_the_mean_and_spread_asked_for():
    """Drawn through the kernels, normal demand has mean 500 and standard deviation 100."""
    policy = order_up_to_policy(np.full(1, 10_000, np.int32))
    world = shaped(policy, 1.0, 400, opening=10_000, shape=normal_table(500.0, 100.0))
    asked = run(world, 50, 1).sites[0].ledger[:, at.DEMAND]
    assert asked.mean() == pytest.approx(500.0, abs=3.0)
    assert asked.std() == pytest.approx(100.0, abs=2.5)


def test_an_outage_given_as_flags_holds_goods_back():
    """With the supplier out on days 2 and 3 of a demand of 1 a day, nothing leaves on them."""
    policy = order_up_to_policy(np.full(1, 10, np.int32))
    world = shaped(policy, 1.0, 6, opening=10, shape=fixed_table(1))
    down = np.zeros((7, 1), np.bool_)
    down[2:4] = True
    state = run(world, 1, 1, down=down)
    assert state.lanes[0].departures[:, 0].tolist() == [1, 1, 0, 0, 3, 1]
    assert outage_of_all(world, down).flips == [2, 4]


def test_cases_run_together_give_the_same_figures():
    """A case's figures do not depend on the cases beside it."""
    policy = order_up_to_policy(np.full(5, 60, np.int32))
    world = one_site(policy, 50.0, opening=60, n_skus=5, n_ticks=20)
    alone = run_cases(world, [Case("calm")], Setup(6, 1))["calm"]
    both = run_cases(world, [Case("calm"), Case("again")], Setup(6, 1))
    np.testing.assert_array_equal(alone.served, both["calm"].served)
    np.testing.assert_array_equal(alone.served, both["again"].served)
