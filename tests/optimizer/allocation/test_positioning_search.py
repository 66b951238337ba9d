"""The search for positions against the exact optimum of small problems, and what must hold."""

from __future__ import annotations

import importlib.util
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from positioning_worlds import exact_optimum, hand_made, random_problem

from optimizer.allocation.positioning.costs import objective, terms
from optimizer.allocation.positioning.effort import Effort
from optimizer.allocation.positioning.flows import Flows
from optimizer.allocation.positioning.from_scenario import read_problem
from optimizer.allocation.positioning.multipliers import Prices, here_cost, lower_bound
from optimizer.allocation.positioning.open_trips import open_trips
from optimizer.allocation.positioning.plan_state import PlanState
from optimizer.allocation.positioning.problem import Problem
from optimizer.allocation.positioning.sample import restricted
from optimizer.allocation.positioning.search import search, stay_put
from optimizer.outcome import Limits, Status, Termination

CLOSE = 1e-6


def small(seed: int) -> Problem:
    """Return one of the small problems: some without trips, some without limits."""
    return random_problem(
        seed, 2 + seed % 3, 2 + seed % 2, trips=seed % 4 != 0, limited=seed % 3 != 0
    )


def _check_against_optimum(seed: int) -> None:
    problem = small(seed)
    optimum, proven = exact_optimum(problem)
    found = search(problem, Limits())
    assert found.objective is not None
    assert found.bound is not None
    assert found.bound <= optimum + CLOSE * abs(optimum)
    assert found.objective >= proven - CLOSE * abs(proven)


@pytest.mark.slow
def test_bound_is_below_and_cost_above_the_exact_optimum() -> None:
    """On small problems that HiGHS solves unit by unit."""
    for seed in range(8):
        _check_against_optimum(seed)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(8, 240, 16))
def test_bound_is_below_and_cost_above_the_exact_optimum_on_more(first: int) -> None:
    """Two hundred further small problems."""
    for seed in range(first, first + 16):
        _check_against_optimum(seed)


def with_co2_limit(problem: Problem) -> tuple[Problem, np.ndarray, float]:
    """Add a limit of half the grams that the plan without it emits; lanes emit 1 to 3 g a kg."""
    grams = 1.0 + np.arange(len(problem.lanes)) % 3
    free = search(problem, Limits(work=0.3)).solution
    assert free is not None
    room = 0.5 * float(grams @ free.moves.load(problem)[1])
    rows, none = problem.rows, np.zeros((1, len(grams)))
    rows = replace(
        rows,
        units=np.vstack([rows.units, none]),
        kg=np.vstack([rows.kg, grams[None]]),
        m3=np.vstack([rows.m3, none]),
        room=np.r_[rows.room, room],
        kind=(*rows.kind, "co2"),
        entity=(*rows.entity, "CAP"),
        day=(*rows.day, ""),
    )
    return replace(problem, rows=rows), grams, room


@pytest.mark.parametrize("seed", range(3))
def test_a_limit_on_co2_is_kept_between_bound_and_optimum(seed: int) -> None:
    """Small problems that HiGHS solves unit by unit, the limit among their rows."""
    problem, grams, room = with_co2_limit(small(seed))
    optimum, proven = exact_optimum(problem)
    found = search(problem, Limits(work=0.5))
    assert found.solution is not None
    assert found.objective is not None
    assert found.bound is not None
    assert float(grams @ found.solution.moves.load(problem)[1]) <= room * (1.0 + 1e-9)
    assert found.bound <= optimum + CLOSE * abs(optimum)
    assert found.objective >= proven - CLOSE * abs(proven)


@pytest.mark.parametrize("seed", range(6))
def test_flows_of_products_that_share_nothing_are_proven_cheapest(seed: int) -> None:
    """One look at the bound closes the gap to what the table of the normal law leaves."""
    problem = random_problem(seed, 20, 5, pairs=0, limited=False, trips=False)
    flows = Flows(problem)
    flows.at(Prices.zero(problem))
    bound = lower_bound(problem, Prices.zero(problem), flows.value_here, flows.value)
    cost = objective(problem, flows.moves())
    assert bound.value <= cost
    assert cost - bound.value <= 2e-6 * cost
    assert cost < objective(problem, stay_put())


@given(
    seed=st.integers(0, 10_000),
    scale=st.floats(0.0, 3.0),
    share=st.floats(0.0, 1.0),
)
@settings(max_examples=25, deadline=None)
@pytest.mark.slow
def test_any_prices_prove_a_bound(seed: int, scale: float, share: float) -> None:
    """Whatever prices and values are handed in, the bound is below the cost of a plan."""
    problem = random_problem(seed, 4, 3)
    draw = np.random.default_rng(seed)
    prices = Prices(
        scale * draw.random(len(problem.rows.room)),
        np.full(len(problem.lanes), share),
        np.full(problem.together.cost.shape, 1.0 - share),
        draw.random(len(problem.lanes)),
        draw.random((problem.shape[0], len(problem.lanes))),
    )
    value = scale * 10.0 * draw.normal(size=problem.shape)
    here = value + draw.random(problem.shape) * 10.0 - 5.0
    found = search(problem, Limits(work=0.01))
    assert found.objective is not None
    assert lower_bound(problem, prices, here, value).value <= found.objective + 1e-9


@given(seed=st.integers(0, 10_000), factor=st.floats(1.0, 4.0))
@settings(max_examples=12, deadline=None)
@pytest.mark.slow
def test_more_room_never_raises_the_bound(seed: int, factor: float) -> None:
    """At the same prices, and against the plan that keeps the smaller room."""
    problem = random_problem(seed, 4, 3)
    wider = replace(problem, rows=replace(problem.rows, room=problem.rows.room * factor))
    tight, wide = search(problem, Limits(work=0.03)), search(wider, Limits(work=0.03))
    assert tight.solution is not None
    assert wide.bound is not None
    assert tight.objective is not None
    flows = Flows(problem)
    flows.at(tight.solution.prices)
    values = (flows.value_here, flows.value)
    at_tight = lower_bound(problem, tight.solution.prices, *values).value
    assert lower_bound(wider, tight.solution.prices, *values).value <= at_tight + 1e-9
    assert wide.bound <= tight.objective + 1e-9


@pytest.mark.slow
@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_plans_keep_every_limit(seed: int) -> None:
    """Rows fit, no site gives more than it may, shipments are filled as far as they must be."""
    problem = random_problem(seed, 5, 3)
    fill = np.where(np.arange(len(problem.lanes)) % 2 == 0, 0.5, 0.0)
    problem = replace(problem, lanes=replace(problem.lanes, trip_fill=fill))
    found = search(problem, Limits(work=0.05))
    assert found.solution is not None
    moves = found.solution.moves
    units, kg, m3 = load = moves.load(problem)
    room = problem.rows.room
    assert (problem.rows.loads(load) <= room + 1e-6 * np.maximum(room, 1.0)).all()
    left = problem.free.copy()
    np.add.at(left, (moves.product, problem.lanes.origin[moves.lane]), -moves.qty)
    np.add.at(left, (moves.held_product, moves.held_at), -moves.held_qty)
    assert (left >= 0).all()
    trips = problem.lanes.trips(kg, m3, units)
    filled = np.maximum(kg / problem.lanes.trip_kg, m3 / problem.lanes.trip_m3)
    assert (filled >= trips * fill - 1e-6).all()


def test_terms_add_up_to_the_objective() -> None:
    """Seven terms, one sum."""
    problem = random_problem(3, 6, 4)
    found = search(problem, Limits())
    assert found.solution is not None
    assert sum(terms(problem, found.solution.moves).values()) == pytest.approx(found.objective)


@pytest.mark.slow
def test_the_same_work_gives_the_same_plan() -> None:
    """Two searches agree bit for bit."""
    problem = random_problem(5, 30, 4, pairs=5)
    one, two = (search(problem, Limits(work=0.2)) for _ in range(2))
    assert one.solution is not None
    assert two.solution is not None
    assert (one.objective, one.bound) == (two.objective, two.bound)
    assert np.array_equal(one.solution.moves.qty, two.solution.moves.qty)


@pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="numba is not installed")
def test_loops_give_the_same_bits_compiled_or_not() -> None:
    """Plain Python and numba find the same plan, bound and prices."""
    problem = random_problem(7, 4, 3)
    plain, fast = (search(problem, Limits(work=0.01), kernel) for kernel in ("numpy", "numba"))
    assert plain.solution is not None
    assert fast.solution is not None
    assert (plain.objective, plain.bound) == (fast.objective, fast.bound)
    assert np.array_equal(plain.solution.prices.row, fast.solution.prices.row)
    assert np.array_equal(plain.solution.moves.qty, fast.solution.moves.qty)


def test_a_cancelled_search_still_has_a_plan_and_a_bound() -> None:
    """What there is is handed back, and called cancelled."""
    found = search(random_problem(9, 20, 4), Limits(cancelled=lambda: True))
    assert found.termination == Termination.CANCELLED
    assert found.solution is not None
    assert found.bound is not None
    assert found.objective is not None
    assert found.bound <= found.objective
    assert found.status in (Status.FEASIBLE, Status.OPTIMAL)


def test_a_sample_has_its_share_of_every_room() -> None:
    """Half of the products, half of the room, and only pairs that are both inside."""
    problem = random_problem(11, 10, 3, pairs=6)
    part = restricted(problem, np.arange(5))
    assert np.allclose(part.rows.room, problem.rows.room / 2.0)
    inside = (problem.together.first < 5) & (problem.together.second < 5)
    assert len(part.together.first) == int(inside.sum())


def test_slow_passes_over_a_sample_do_not_end_the_search() -> None:
    """18 of 60 s went on a sample; a pass over all takes 1 s, so 14 for a plan are left."""
    now = [0.0]
    effort = Effort(Limits(seconds=60.0, clock=lambda: now[0]), random_problem(9, 20, 4))
    effort.add_pass(4.0)
    now[0] = 18.0
    assert effort.time_to_plan()  # 4.5 s a pass would be 63 s for a plan
    effort.begin()
    effort.add_pass()
    now[0] = 19.0
    assert not effort.time_to_plan()
    now[0] = 45.0  # 27 s a pass
    assert effort.time_to_plan()


def test_a_trip_is_opened_for_many_units_of_one_product() -> None:
    """350 units save 4 - 1 each, 1,050 in all: worth a trip of 1,000, which fewer would not be."""
    lane = {"cost_per_shipment": 1000.0, "shipment_kg": 20000.0}
    scenario = hand_made(
        stock={("A", "W1"): 700.0}, demand={("A", "W1"): 50, ("A", "W2"): 50}, lane=lane
    )
    problem = read_problem(scenario, {}, None).problem
    flows, prices = Flows(problem), Prices.zero(problem)
    flows.at(prices)
    state = PlanState(problem, stay_put())
    assert open_trips(state, here_cost(problem, prices, flows.least), flows.least)
    assert state.moved.sum() >= 334  # of which on the trip pays
