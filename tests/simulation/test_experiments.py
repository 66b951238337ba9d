"""Processes, the stop rule and control variates."""

from __future__ import annotations

import numpy as np
import pytest
from plain_worlds import one_site
from random_worlds import random_case, random_world

from simulation.controls import controlled, expected_outage_days, outage_days
from simulation.disruptions import Disruption
from simulation.distributions import Distribution
from simulation.experiment import Cancelled, Case, Setup, run_cases
from simulation.intervals import estimate
from simulation.kernels import rows as at
from simulation.policies import order_up_to_policy
from simulation.stopping import run_until
from simulation.variates import LEAD_STEPS

OUTAGE = Disruption(
    "down", "supplier_outage", "all", Distribution("exponential", (120.0,)),
    Distribution("lognormal", (20.0, 16.0)),
)  # fmt: skip


def shop(n_ticks=365):
    """Return 20 SKUs that a supplier three days away refills, with ten days of buffer."""
    policy = order_up_to_policy(np.full(20, 70, np.int32))
    return one_site(
        policy, 5.0, opening=70, leads=np.full(LEAD_STEPS, 3, np.int32), n_skus=20,
        n_ticks=n_ticks, lost=True,
    )  # fmt: skip


def short_units(_name, record):
    """Return units short, per replication."""
    return record.site_rows[:, at.SHORT].sum(axis=0).astype(np.float64)


def test_processes_do_not_matter():
    """However many processes share the chunks, the figures are the same bits."""
    world = random_world(220)
    cases = [Case("calm"), random_case(world, 220)]
    alone = run_cases(world, cases, Setup(7, 3, kernels="numpy", processes=1))
    shared = run_cases(world, cases, Setup(7, 3, kernels="numpy", processes=2, chunk=3))
    for name, record in alone.items():
        for figure in type(record).__dataclass_fields__:
            one, other = getattr(record, figure), getattr(shared[name], figure)
            assert np.asarray(one).tobytes() == np.asarray(other).tobytes(), figure


def test_processes_can_be_cancelled():
    """A run that processes share ends when it is asked to."""
    with pytest.raises(Cancelled):
        run_cases(
            shop(), [Case("calm")], Setup(8, 1, kernels="numpy", processes=2, chunk=1),
            cancelled=lambda: True,
        )  # fmt: skip


def test_more_replications_number_on():
    """Replications 4 to 7 run by themselves are those of a run of eight."""
    whole = run_cases(shop(60), [Case("calm")], Setup(8, 1))["calm"]
    later = run_cases(shop(60), [Case("calm")], Setup(4, 1, first=4))["calm"]
    np.testing.assert_array_equal(whole.served[:, 4:], later.served)


def test_stop_rule_keeps_its_precision():
    """The run ends within the precision, and its figures are those of one run of as many."""
    case = Case("down", (OUTAGE,))
    found = run_until(shop(), [case], Setup(20, 1), short_units, 0.25, most=2000)
    assert found.reached
    assert found.estimates["down"].half_width <= 0.25 * found.estimates["down"].mean
    whole = run_cases(shop(), [case], Setup(found.replications, 1))["down"]
    np.testing.assert_array_equal(whole.served, found.records["down"].served)


def test_stop_rule_says_when_the_cap_came_first():
    """With too few replications allowed the precision is not called reached."""
    case = Case("down", (OUTAGE,))
    found = run_until(shop(), [case], Setup(20, 1), short_units, 0.001, most=30)
    assert (found.reached, found.replications) == (False, 30)


def test_control_variates_save_replications():
    """Of lost sales under random outages the residual spread is under a seventh of the whole."""
    world = shop()
    values = short_units("", run_cases(world, [Case("down", (OUTAGE,))], Setup(200, 5))["down"])
    own = outage_days([OUTAGE], np.arange(200), seed=5, n_ticks=world.n_ticks)
    others = expected_outage_days([OUTAGE], seed=5, n_ticks=world.n_ticks, count=4000)
    plain, better = estimate(values), controlled(values, own, others)
    assert (plain.half_width / better.half_width) ** 2 > 7.0


def test_control_variates_keep_the_mean():
    """Over many runs of 60 replications the controlled intervals hold what they promise."""
    g = np.random.default_rng(3)
    hits = 0
    for _ in range(400):
        controls, others = g.exponential(1.0, (60, 1)), g.exponential(1.0, (2000, 1))
        values = 3.0 * controls[:, 0] + g.normal(0.0, 0.5, 60)
        found = controlled(values, controls, others)
        hits += found.low <= 3.0 <= found.high
    assert 365 <= hits <= 396  # 380 expected, sd 4.4


def test_control_variates_need_replications():
    """With three replications no control is used, and the mean stays the plain one."""
    values = np.array([1.0, 2.0, 6.0])
    found = controlled(values, np.array([[1.0], [2.0], [3.0]]), np.ones((10, 1)))
    assert found.mean == pytest.approx(3.0)
