"""The arrays against the slow scalar model, integer for integer, on random networks."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from random_features import script, with_features
from random_worlds import case_of_all_kinds, random_case, random_world
from scalar_oracle import run_oracle

from simulation.calendar import Calendar
from simulation.conditions import Conditions
from simulation.demand import Demand
from simulation.disruptions import KINDS, Disruption
from simulation.distributions import Distribution
from simulation.experiment import Case, Setup, longest_lanes, make_blows
from simulation.kernels import kernels
from simulation.kernels import rows as at
from simulation.state import check_conservation, fresh_state

GROUPS: dict = {}
REPLICATIONS = 2
ROWS = {
    "demand": at.DEMAND, "served": at.SERVED, "short": at.SHORT, "backlog": at.BACKLOG,
    "on_hand": at.ON_HAND, "received": at.RECEIVED, "issued": at.ISSUED, "shipped": at.SHIPPED,
    "destroyed": at.DESTROYED, "aside": at.ASIDE, "ordered": at.ORDERED, "cycles": at.CYCLES,
    "short_cycles": at.SHORT_CYCLES,
}  # fmt: skip
TOTALS = {
    "demand": at.T_DEMAND, "short": at.T_SHORT, "received": at.T_RECEIVED,
    "shipped": at.T_SHIPPED, "destroyed": at.T_DESTROYED,
}  # fmt: skip


COUNTS = (
    "refused", "outdated", "returned_shelf", "returned_exchange", "returned_scrap", "transshipped",
    *(f"{what}:{name}" for what in ("asked", "granted") for name in ("web", "shop", "rest")),
)  # fmt: skip


def run_arrays(world, case, seed, name, numbers, responses=None):
    """Run the arrays and return their final state, conservation proven."""
    setup = Setup(len(numbers), seed, GROUPS, name)
    numbers = np.asarray(numbers, np.int64)
    state = fresh_state(world, numbers, longest_lanes(world, [case], setup))
    conditions = Conditions(world, make_blows(world, case, numbers, setup), len(numbers))
    demand = Demand(world, numbers, kernels(name), seed)

    def respond(tick):
        for i in range(len(world.sites)):
            for r in range(len(numbers)):
                conditions.switching[i][r] = responses("switching", i, tick, r)
                conditions.lift[i][r] = responses("lift", i, tick, r)
        for i, kept in conditions.reserve.items():
            for c, r in np.ndindex(kept.shape):
                kept[c, r] = responses("reserve", (i, c), tick, r)
        for j in range(len(world.lanes)):
            for r in range(len(numbers)):
                conditions.mode[j][r] = responses("mode", j, tick, r)

    on_tick = respond if responses is not None else None
    Calendar(world, state, conditions, demand, kernels(name), seed, on_tick).run()
    check_conservation(world, state)
    return state


def compare(world, case, seed, name, responses=None):
    """Assert that every figure of the arrays is the scalar model's; return what went on."""
    state = run_arrays(world, case, seed, name, range(REPLICATIONS), responses)
    truth = run_oracle(world, case, seed, GROUPS, REPLICATIONS, responses)
    seen = dict.fromkeys((*ROWS, *COUNTS, "waiting", "owed", "quarantine", "pending"), 0)
    if any(site.first_come for site in world.sites):
        seen |= {what: sum(one.ties[what] for one in truth) for what in ("drawn", "in proportion")}
    for r, one in enumerate(truth):
        for (i, k), shelf in one.shelf.items():
            held = state.sites[i]
            where = f"replication {r}, site {i}, SKU {k}"
            assert held.on_hand[r, k] == shelf.on_hand, where
            assert held.backlog[r, k] == shelf.backlog, where
            assert held.on_order[r, k] == shelf.on_order, where
            if world.out_lanes[i]:
                assert held.owed[r, k] == shelf.owed, where
                seen["owed"] += shelf.owed
            if i in state.aside:
                assert state.aside[i][r, k] == one.aside[i, k], where
                seen["quarantine"] += one.aside[i, k]
            for what, row in TOTALS.items():
                assert held.totals[row, r, k] == one.total[i, k, what], (where, what)
        for (j, c), units in one.waiting.items():
            assert state.lanes[j].waiting[r, c] == units, (r, j, c)
            seen["waiting"] += units
            if state.lanes[j].pending is not None:
                assert state.lanes[j].pending[r, c] == one.pending[j, c], (r, j, c)
                seen["pending"] += one.pending[j, c]
    if world.orders is not None:
        for r, one in enumerate(truth):
            for tick, what in np.ndindex(state.orders.shape[:2]):
                assert state.orders[tick, what, r] == one.tallies[tick, what], (tick, what)
        seen["orders"] = int(state.orders.sum())
    for i in range(len(world.sites)):
        found = {what: state.sites[i].ledger[:, row] for what, row in ROWS.items()}
        found |= {what: state.count_of(what, i) for what in COUNTS}
        for what, figures in found.items():
            expected = np.zeros((world.n_ticks, REPLICATIONS), np.int64)
            for r, one in enumerate(truth):
                for tick in range(world.n_ticks):
                    expected[tick, r] += one.book[i, tick, what]
            np.testing.assert_array_equal(figures, expected, f"{i} {what}")
            seen[what] += int(expected.sum())
    return seen


@pytest.mark.parametrize("seed", range(32))
def test_arrays_match_the_scalar_model(seed):
    """Stocks, orders, debts and daily figures are the scalar model's, whatever strikes."""
    world = random_world(seed)
    seen = compare(world, random_case(world, seed), seed, "numpy")
    assert seen["demand"] > 0
    assert seen["received"] > 0


def compare_with_everything(seed, name):
    """Compare a network with every feature, struck by every kind of disruption and by responses."""
    world = with_features(random_world(seed), seed)
    return compare(world, case_of_all_kinds(world, seed), seed, name, script(world, seed))


@pytest.mark.slow
def test_every_feature_and_kind_matches_the_scalar_model():
    """With every feature and every kind of disruption the two agree, and all of it occurs."""
    seen: Counter = Counter()
    for seed in range(300, 320):
        seen.update(compare_with_everything(seed, "numpy" if seed % 2 else ""))
    assert {what for what, units in seen.items() if not units} == set(), seen


@pytest.mark.parametrize("seed", [5018, 10043, 10089])
@pytest.mark.slow
def test_recalls_that_overlap_are_judged_apart(seed):
    """A recall that begins before the last one ends has its own goods, even if both end at once."""
    compare_with_everything(seed, "numpy")


@pytest.mark.slow
@pytest.mark.parametrize("block", range(25))
def test_every_feature_matches_the_scalar_model_on_many_networks(block):
    """The same on a thousand more networks, forty at a time, with the fastest kernels."""
    for seed in range(2000 + 40 * block, 2040 + 40 * block):
        compare_with_everything(seed, "")


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_arrays_match_the_scalar_model_on_many_networks(block):
    """The same on four hundred more networks, forty at a time, with the fastest kernels."""
    for seed in range(1000 + 40 * block, 1040 + 40 * block):
        world = random_world(seed)
        compare(world, random_case(world, seed), seed, "")


@pytest.mark.slow
def test_random_networks_exercise_everything():
    """Over the default networks every flow and every kind of disruption occurs."""
    seen: dict[str, int] = {}
    kinds = set()
    for seed in range(32):
        world = random_world(seed)
        case = random_case(world, seed)
        kinds |= {disruption.kind for disruption in case.disruptions}
        state = run_arrays(world, case, seed, "", range(REPLICATIONS))
        for held in state.sites:
            for what, row in ROWS.items():
                seen[what] = seen.get(what, 0) + int(held.ledger[:, row].sum())
    assert all(seen.values()), seen
    assert kinds == set(KINDS)


STACKED = (
    ("supplier_capacity_loss", 0.3), ("supplier_outage", 0.7), ("lead_time_blowup", 1.5),
    ("lead_time_blowup", 1.4), ("lane_delay", 2.0), ("lane_delay", 3.0), ("demand_surge", 1.5),
    ("demand_surge", 2.2), ("demand_collapse", 0.3), ("demand_collapse", 0.5),
)  # fmt: skip


@pytest.mark.parametrize("seed", [3, 11, 19])
@pytest.mark.slow
def test_disruptions_that_overlap_match_the_scalar_model(seed):
    """Several blows of one kind on the same nodes at once combine as in the scalar model."""
    blows = tuple(
        Disruption(f"D{i}", kind, "all", 4.0 + i, Distribution("fixed", (24.0,)), severity)
        for i, (kind, severity) in enumerate(STACKED)
    )
    compare(random_world(seed), Case("stacked", blows), seed, "numpy")


def test_a_calm_world_matches_the_scalar_model():
    """Without disruptions the two agree as well."""
    world = random_world(7)
    compare(world, Case("calm"), 3, "numpy")
