"""First come, first served: whose orders a short depot fills first."""

from __future__ import annotations

from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest
from test_capacities import added
from test_oracle import run_arrays
from test_stress import facts, plan_for

from benchmarks.closed_worlds import fixed_table, lead_choices, make_lane, make_site, make_world
from simulation.assembly import build_world
from simulation.disruptions import Disruption
from simulation.distributions import Distribution
from simulation.experiment import Case
from simulation.kernels.coupled import coupled
from simulation.policies import order_up_to_policy
from simulation.world import Batch, World

CALM = Case("calm")
NEVER = order_up_to_policy(np.array([0], np.int32))
TWINS = ("numpy", "numba") if find_spec("numba") else ("numpy",)


def one(tick: int, units: int) -> Batch:
    """Return units of the only SKU that a date brings."""
    return Batch(tick, np.array([0]), np.array([units], np.int32))


def depot(orders: list[list[Batch]], stock: Batch, *, first_come: bool = True) -> World:
    """Return a depot that gets stock once, and a shop a day away for each list of orders."""
    n = len(orders)
    shops = [make_site(f"S{i}", NEVER, 0.0, 0) for i in range(n)]
    source = replace(make_site("D", NEVER, 0.0, 0, depth=1), coming=(stock,), first_come=first_come)
    lanes = [
        replace(make_lane("D", n, i, 1, lead_choices(1)), orders=tuple(each))
        for i, each in enumerate(orders)
    ]
    return make_world([*shops, source], lanes, 8, shape=fixed_table(0))


def arrived(world: World, case: Case = CALM, replications: int = 1) -> list[list[int]]:
    """Return per replication what each shop holds in the end."""
    state = run_arrays(world, case, 1, "", range(replications))
    return np.stack([held.on_hand[:, 0] for held in state.sites[:-1]], axis=1).tolist()


@pytest.mark.parametrize(("first_come", "got"), [(True, [4, 1]), (False, [2, 3])])
def test_the_older_order_is_filled_first(first_come, got):
    """Of 5 units the order of day 0 gets its 4 and that of day 1 the rest; else 20 / 8 is 2, and 3.

    In proportion: floor(5 x 4 / 8) = 2, floor(5 x 8 / 8) - 2 = 3.
    """
    world = depot([[one(0, 4)], [one(1, 4)]], one(2, 5), first_come=first_come)
    assert arrived(world) == [got]


def test_a_queue_is_filled_order_by_order():
    """Orders of days 0, 1 and 2 over 2, 3 and 4 units, by turns: 6 units fill the first two whole.

    The third order, of the first shop, gets what is left: 1 of 4.
    """
    world = depot([[one(0, 2), one(2, 4)], [one(1, 3)]], one(3, 6))
    assert arrived(world) == [[3, 3]]


def test_orders_of_one_day_are_equally_likely():
    """One unit for orders of 3 and 1 units goes to the first in 3 of 4 cases: 0.75 ± 4 x 0.0097."""
    world = depot([[one(0, 3)], [one(0, 1)]], one(1, 1))
    got = np.array(arrived(world, replications=2000))
    assert (got.sum(axis=1) == 1).all()
    assert got[:, 0].mean() == pytest.approx(0.75, abs=0.039)


def test_many_units_of_one_day_are_left_in_proportion():
    """200 units for orders of 300 and 100: 150 and 50 are left, whatever the draw."""
    world = depot([[one(0, 300)], [one(0, 100)]], one(1, 200))
    assert arrived(world, replications=3) == [[150, 50]] * 3


def test_a_closed_lane_keeps_its_place():
    """The oldest order waits behind a closed lane; on day 3 it goes before those that came later.

    Of 6 units the second shop gets 2 at once (ordered on day 1), the first its 3 on day 3, and the
    order of day 3 over 4 units the last one.
    """
    shut = Disruption("shut", "lane_closure", "lane:D>S0", 0.0, Distribution("fixed", (3.0,)))
    world = depot([[one(0, 3)], [one(1, 2), one(3, 4)]], one(2, 6))
    assert arrived(world, Case("shut", (shut,))) == [[3, 3]]


@pytest.mark.parametrize("name", TWINS)
def test_what_is_held_back_is_the_newest(name):
    """Of 2 + 2 units the last 2 are held back: then the 2 units of another lane are the newest.

    With 3 units in stock one unit is left, and it is the other lane's.
    """
    asked = np.array([[[[2]], [[0]]], [[[2]], [[2]]]], np.int32)
    held = np.array([[[2]], [[0]]], np.int32)
    wants = np.array([[[2]], [[2]]], np.int32)
    granted = np.empty_like(wants)
    keys = np.ones(1, np.uint64)
    coupled(name).fill_oldest(asked, 1, held, wants, np.array([[3]], np.int32), keys, keys, granted)
    assert granted.ravel().tolist() == [2, 1]


@pytest.mark.parametrize("seed", range(5))
def test_twins_fill_the_same_orders(seed):
    """Both twins grant the same: all that is wanted, or where that is short, all of the stock."""
    g = np.random.default_rng(seed)
    asked = g.choice([0, 0, 1, 3, 200], (6, 3, 4, 5)).astype(np.int32)
    waits = np.minimum(asked.sum(axis=0), g.integers(0, 500, (3, 4, 5))).astype(np.int32)
    held = (waits // 3).astype(np.int32)
    wants = waits - held
    stock = g.integers(0, 600, (4, 5)).astype(np.int32)
    rows, skus = (g.integers(0, 2**63, n).astype(np.uint64) for n in (4, 5))
    found = []
    for name in TWINS:
        granted = np.empty_like(wants)
        coupled(name).fill_oldest(asked, 5, held, wants, stock, rows, skus, granted)
        found.append(granted)
    np.testing.assert_array_equal(found[0], found[-1])
    assert ((found[0] >= 0) & (found[0] <= wants)).all()
    np.testing.assert_array_equal(found[0].sum(axis=0), np.minimum(stock, wants.sum(axis=0)))


@pytest.mark.parametrize(("rationing", "oldest"), [("first_come", True), ("proportional", False)])
@pytest.mark.slow
def test_a_site_states_first_come(rationing, oldest):
    """`sites.rationing` says whether a site serves its shops first come, first served."""
    scenario = facts(sites=added("sites", rationing=rationing))
    world = build_world(scenario, plan_for(scenario))
    assert all(site.first_come == oldest for site in world.sites)
