"""The compiled kernels against the NumPy reference, and runs cut into chunks."""

from __future__ import annotations

import gc
import importlib.util
import weakref

import numpy as np
import pytest
from random_features import with_features
from random_worlds import random_case, random_world

from scenarios import NotFound
from simulation.calendar import Calendar
from simulation.conditions import Conditions
from simulation.demand import Demand
from simulation.disruptions import Disruption
from simulation.distributions import Distribution
from simulation.experiment import Case, Setup, longest_lanes, make_blows, run_cases
from simulation.kernels import kernels
from simulation.state import fresh_state

numba_only = pytest.mark.skipif(
    importlib.util.find_spec("numba") is None, reason="numba is not installed"
)


def same(first, second):
    """Assert that two records hold the same bits."""
    for name in type(first).__dataclass_fields__:
        one, other = getattr(first, name), getattr(second, name)
        assert one.tobytes() == other.tobytes(), name


@numba_only
@pytest.mark.parametrize("seed", range(100, 112))
def test_twins_give_the_same_bits(seed):
    """NumPy and numba agree in every figure, money included, on random networks."""
    world = random_world(seed)
    cases = [Case("calm"), random_case(world, seed)]
    slow = run_cases(world, cases, Setup(5, seed, kernels="numpy"))
    fast = run_cases(world, cases, Setup(5, seed, kernels="numba"))
    for name in slow:
        same(slow[name], fast[name])


@numba_only
@pytest.mark.parametrize("seed", range(120, 126))
@pytest.mark.slow
def test_twins_give_the_same_bits_with_every_feature(seed):
    """So do they where docks, lives, channels, orders and the rest are stated somewhere."""
    world = with_features(random_world(seed), seed)
    cases = [Case("calm"), random_case(world, seed)]
    slow = run_cases(world, cases, Setup(3, seed, kernels="numpy"))
    fast = run_cases(world, cases, Setup(3, seed, kernels="numba", chunk=2))
    for name in slow:
        same(slow[name], fast[name])


@pytest.mark.parametrize("chunk", [1, 3])
@pytest.mark.parametrize("seed", [200, 201, 202])
@pytest.mark.slow
def test_chunks_do_not_matter(seed, chunk):
    """However replications are cut into chunks, the figures are the same bits."""
    world = random_world(seed)
    cases = [Case("calm"), random_case(world, seed)]
    whole = run_cases(world, cases, Setup(7, seed, kernels="numpy", chunk=7))
    cut = run_cases(world, cases, Setup(7, seed, kernels="numpy", chunk=chunk))
    for name in whole:
        same(whole[name], cut[name])


def test_more_replications_keep_the_first():
    """The first replications of a longer run are those of a shorter one."""
    world = random_world(210)
    case = random_case(world, 210)
    few = run_cases(world, [case], Setup(3, 1))[case.name]
    many = run_cases(world, [case], Setup(8, 1))[case.name]
    np.testing.assert_array_equal(few.served, many.served[:, :3])


def test_seed_changes_the_demand():
    """Another seed is another demand; the same seed is the same."""
    world = random_world(211)
    first, again, other = (
        run_cases(world, [Case("calm")], Setup(3, seed))["calm"] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first.demand, again.demand)
    assert not np.array_equal(first.demand, other.demand)


def test_base_demand_is_common_to_all_cases():
    """Supply disruptions leave the demand as it was; a surge only adds to it."""
    world = random_world(212)
    week = Distribution("fixed", (7.0,))
    outage = Case("outage", (Disruption("o", "supplier_outage", "all", 3.0, week),))
    surge = Case("surge", (Disruption("s", "demand_surge", "all", 3.0, week, 2.0),))
    found = run_cases(world, [Case("calm"), outage, surge], Setup(4, 9))
    np.testing.assert_array_equal(found["outage"].demand, found["calm"].demand)
    extra = found["surge"].demand - found["calm"].demand
    assert (extra >= 0).all()
    assert extra[3:10].sum() > 0
    assert extra[:3].sum() == extra[10:].sum() == 0


def test_unknown_kernels_are_refused():
    """Only numpy and numba are known."""
    with pytest.raises(NotFound, match="known are numpy and numba"):
        kernels("fortran")


def test_a_finished_run_is_freed_at_once():
    """A run keeps no arrays in circles of references: memory is bounded by a chunk."""
    world = with_features(random_world(213), 213)
    numbers = np.arange(2)
    case = random_case(world, 213)
    setup = Setup(2, 1)
    state = fresh_state(world, numbers, longest_lanes(world, [case], setup))
    conditions = Conditions(world, make_blows(world, case, numbers, setup), 2)
    calendar = Calendar(
        world, state, conditions, Demand(world, numbers, kernels(), 1), kernels(), 1,
        on_night=lambda tick: None,
    )  # fmt: skip
    calendar.run()
    there = weakref.ref(calendar)
    gc.disable()
    del calendar
    gc.enable()
    assert there() is None
