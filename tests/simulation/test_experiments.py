"""Processes, the stop rule and control variates."""

from __future__ import annotations

import numpy as np
import pytest
from plain_worlds import one_site
from random_worlds import random_case, random_world

from optimizer.executor import Cancelled
from simulation.chances import strikes_of
from simulation.controls import Stakes, controlled
from simulation.disruptions import Disruption, histories
from simulation.distributions import Distribution
from simulation.experiment import Case, Setup, run_cases
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
    found = run_until(shop(), [case], Setup(20, 1), short_units, 0.1, most=2000)
    assert found.reached
    assert found.means["down"].controlled
    assert found.estimates["down"].half_width <= 0.1 * found.estimates["down"].mean
    whole = run_cases(shop(), [case], Setup(found.replications, 1))["down"]
    np.testing.assert_array_equal(whole.served, found.records["down"].served)


def test_stop_rule_says_when_the_cap_came_first():
    """With too few replications allowed the precision is not called reached."""
    case = Case("down", (OUTAGE,))
    found = run_until(shop(), [case], Setup(20, 1), short_units, 0.001, most=30)
    assert (found.reached, found.replications) == (False, 30)


def test_stop_rule_does_not_depend_on_chunks():
    """Cut into chunks of 7 the run stops at the same number with the same bits."""
    case = Case("down", (OUTAGE,))
    one, other = (
        run_until(shop(120), [case], Setup(20, 1, chunk=chunk), short_units, 0.2, most=400)
        for chunk in (0, 7)
    )
    assert one.replications == other.replications
    assert one.estimates == other.estimates


def test_stop_rule_ends_where_next_to_nothing_is_lost():
    """A mean that counts as 100 units is known to 5 % once the half-width is 5 units."""
    calm = Case("calm")
    world = shop(30)
    found = run_until(world, [calm], Setup(20, 1), short_units, 0.05, most=2000, least=1e6)
    assert (found.reached, found.replications) == (True, 20)


def test_control_variates_save_replications():
    """Of lost sales under random outages the residual spread is under a seventh of the whole."""
    world = shop()
    values = short_units("", run_cases(world, [Case("down", (OUTAGE,))], Setup(200, 5))["down"])
    plain = estimate(values)
    better = Stakes(world, [OUTAGE], 5, {}).means(0, values).estimate(values)
    assert (plain.half_width / better.half_width) ** 2 > 7.0


def test_stakes_of_later_replications_are_those_of_a_longer_run():
    """Sums of replications 30 to 59 are rows of those of replications 0 to 59."""
    stakes = Stakes(shop(), [OUTAGE], 5, {})
    whole, part = stakes.chance(0, 60), stakes.chance(30, 30)
    np.testing.assert_array_equal(whole.own[30:], part.own)


def test_units_at_stake_are_the_demand_of_the_days_out():
    """20 SKUs x 5 a day, out on 3 of the days 3 to 6 (lead time 3): 300 units; none beyond 7."""
    short = Disruption("gone", "supplier_outage", "all", 0.0, Distribution("fixed", (3.0,)),
                       probability=0.5)  # fmt: skip
    own = Stakes(shop(30), [short], 1, {}).chance(0, 40).own
    assert set(own[:, 0]) == {0.0, 300.0}
    assert own.shape[1] == 1


def test_what_is_certain_has_no_controls():
    """A fixed outage strikes alike in every replication: there is no chance to take out."""
    sure = Disruption("gone", "supplier_outage", "all", 3.0, Distribution("fixed", (3.0,)))
    values = np.arange(20.0)
    assert Stakes(shop(30), [sure], 1, {}).chance(0, 40) is None
    assert not Stakes(shop(30), [sure], 1, {}).means(0, values).controlled


def test_very_many_disruptions_have_sums_by_kind_alone():
    """Two have five sums together and five each, 41 of one kind five in all."""
    listed = [
        Disruption(f"D{number}", "supplier_outage", "all", Distribution("exponential", (90.0,)),
                   Distribution("lognormal", (40.0, 40.0)))
        for number in range(41)
    ]  # fmt: skip
    world = shop()
    assert Stakes(world, listed[:2], 1, {}).chance(0, 30).own.shape == (30, 15)
    assert Stakes(world, listed, 1, {}).chance(0, 30).own.shape == (30, 5)


def test_controlled_costs_still_add_up():
    """The controlled mean of a sum is the sum of the controlled means."""
    g = np.random.default_rng(1)
    controls, others = g.exponential(1.0, (60, 2)), g.exponential(1.0, (2000, 2))
    one, two = controls @ [3.0, 1.0] + g.normal(0, 1, 60), g.normal(0, 1, 60)
    parts = controlled(one, controls, others).mean + controlled(two, controls, others).mean
    assert controlled(one + two, controls, others).mean == pytest.approx(parts)


@pytest.mark.parametrize("seed", range(8))
def test_strikes_of_many_replications_are_those_of_one(seed):
    """Begin and end are those of the histories, whatever the distributions, groups and causes."""
    g = np.random.default_rng(seed)
    days = [Distribution("exponential", (30.0,)), Distribution("lognormal", (9.0, 8.0)),
            Distribution("uniform", (2.0, 40.0)), Distribution("normal", (8.0, 6.0)),
            Distribution("empirical", (1.0, 4.0, 20.0)), Distribution("fixed", (6.0,))]  # fmt: skip
    listed = []
    for number in range(6):
        start = [days[g.integers(6)], float(g.integers(-5, 60))][g.integers(2)]
        cause = f"D{number - 1}" if number and g.random() < 0.5 else ""
        if cause and g.random() < 0.5:
            start = None
        listed.append(
            Disruption(f"D{number}", "supplier_outage", "all", start, days[g.integers(6)],
                       probability=float(g.uniform(0.5, 1.0)), after=cause,
                       group="storm" if g.random() < 0.3 else "")
        )  # fmt: skip
    told = histories(listed, range(40), seed=seed, n_ticks=120, ticks_per_day=2)
    made = strikes_of(listed, np.arange(40), seed=seed, n_ticks=120, ticks_per_day=2)
    for name, rows in told.items():
        for r, strikes in enumerate(rows):
            there = made[name].begin[r] >= 0
            pairs = zip(made[name].begin[r][there], made[name].end[r][there], strict=True)
            assert [(each.begin, each.end) for each in strikes] == list(pairs)


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
