"""Facility location against enumeration, and the properties that any solution must have."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from benchmarks.facilities import UnreadableInstanceError, read_instance
from optimizer.allocation.network.covers import Cover, holds, violated_covers
from optimizer.allocation.network.duals import Prices, dual
from optimizer.allocation.network.effort import Effort
from optimizer.allocation.network.kernel import strong_formulation
from optimizer.allocation.network.knapsack import fill
from optimizer.allocation.network.problem import (
    FacilityProblem,
    FacilitySolution,
    broken_rule,
    cost_of,
)
from optimizer.allocation.network.solve import solve
from optimizer.allocation.network.whole import Part, WholeSearch
from optimizer.engines.linear import solve_linear
from optimizer.outcome import Limits, Status

TIGHT = 1e-6


def random_problem(
    seed: int, m: int, n: int, *, single_source: bool, slack: float = 1.6
) -> FacilityProblem:
    """Return a problem with whole demands in which all sites together hold `slack` x demand."""
    rng = np.random.default_rng(seed)
    demand = rng.integers(1, 12, n).astype(float)
    weight = rng.uniform(0.5, 1.5, m)
    capacity = np.floor(weight / weight.sum() * demand.sum() * slack) + 1.0
    sites, customers = rng.uniform(0, 10, (m, 2)), rng.uniform(0, 10, (n, 2))
    metres = np.linalg.norm(sites[:, None] - customers[None], axis=2)
    return FacilityProblem.of(
        np.rint(rng.uniform(0, 60, m)),
        capacity,
        demand,
        np.rint(metres * demand[None, :]),
        single_source=single_source,
    )


def shipped_at_best(problem: FacilityProblem, is_open: np.ndarray) -> float:
    """Return the least cost of serving from given sites, by an independent linear programme."""
    sites = np.flatnonzero(is_open)
    m, n = len(sites), problem.shape[1]
    if not m:
        return np.inf
    capacity_rows = np.zeros((m, m * n))
    for row in range(m):
        capacity_rows[row, row * n : (row + 1) * n] = problem.demand
    demand_rows = np.tile(np.eye(n), m)
    found = linprog(
        problem.serve_cost[sites].ravel(),
        capacity_rows,
        problem.capacity[sites],
        demand_rows,
        np.ones(n),
        bounds=(0, 1),
    )
    return float(found.fun) if found.status == 0 else np.inf


def enumerated(problem: FacilityProblem) -> float:
    """Return the optimum by trying every set of sites, and every assignment to single sources."""
    m, n = problem.shape
    best = np.inf
    for bits in product((False, True), repeat=m):
        is_open = np.array(bits)
        if (problem.must_open & ~is_open).any() or (problem.must_close & is_open).any():
            continue
        if not problem.least_sites <= is_open.sum() <= problem.most_sites:
            continue
        fixed = float(problem.fixed_cost[is_open].sum())
        if not problem.single_source:
            best = min(best, fixed + shipped_at_best(problem, is_open))
            continue
        for places in product(np.flatnonzero(is_open), repeat=n):
            load = np.bincount(places, problem.demand, minlength=m)
            if (load <= problem.capacity).all():
                serving = problem.serve_cost[list(places), np.arange(n)].sum()
                best = min(best, fixed + float(serving))
    return best


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
def test_split_demand_reaches_the_enumerated_optimum(seed: int) -> None:
    """With demand that may split, cost and bound are those of the best of all sets of sites."""
    problem = random_problem(seed, 5, 8, single_source=False)
    outcome = solve(problem, Limits(work=5.0))
    best = enumerated(problem)
    assert outcome.status == Status.OPTIMAL
    assert outcome.objective == pytest.approx(best, rel=TIGHT)
    assert outcome.bound is not None
    assert outcome.bound <= best * (1 + 1e-9)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
@example(3965)  # a site was held open by a bound that its prices did not prove
def test_single_sources_reach_the_enumerated_optimum(seed: int) -> None:
    """With one site per customer, cost and bound are those of the best of all assignments."""
    problem = random_problem(seed, 4, 6, single_source=True, slack=2.0)
    outcome = solve(problem, Limits(work=5.0))
    best = enumerated(problem)
    if not np.isfinite(best):
        assert outcome.solution is None
        return
    assert outcome.status == Status.OPTIMAL
    assert outcome.objective == pytest.approx(best, rel=TIGHT)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 4), st.integers(0, 4), st.integers(1, 3))
def test_counts_and_fixed_sites_are_kept_and_still_best(
    seed: int, held: int, shut: int, most: int
) -> None:
    """Sites held open or closed and the count of sites bind exactly as in enumeration."""
    free = random_problem(seed, 5, 6, single_source=False, slack=3.0)
    problem = FacilityProblem.of(
        free.fixed_cost,
        free.capacity,
        free.demand,
        free.serve_cost,
        must_open=np.arange(5) == held,
        must_close=(np.arange(5) == shut) & (held != shut),
        least_sites=2,
        most_sites=most + 1,
    )
    outcome = solve(problem, Limits(work=5.0))
    best = enumerated(problem)
    if not np.isfinite(best):
        assert outcome.solution is None
    else:
        assert outcome.objective == pytest.approx(best, rel=TIGHT)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_any_prices_give_a_bound(seed: int, single_source: bool) -> None:
    """Prices drawn at random never prove more than the enumerated optimum."""
    problem = random_problem(seed, 3, 5, single_source=single_source, slack=2.0)
    rng = np.random.default_rng(seed)
    prices = Prices(rng.uniform(-20, 90, 5), rng.uniform(0, 5, 3), rng.uniform(0, 5), rng.normal())
    nobody = np.zeros(3, bool)
    assert dual(problem, prices, nobody, nobody).bound <= enumerated(problem)


@pytest.mark.parametrize("single_source", [False, True])
def test_permuting_sites_and_customers_changes_nothing(single_source: bool) -> None:
    """The order of rows does not change the optimum."""
    problem = random_problem(7, 8, 20, single_source=single_source)
    sites, customers = (
        np.random.default_rng(1).permutation(8),
        np.random.default_rng(2).permutation(20),
    )
    shuffled = FacilityProblem.of(
        problem.fixed_cost[sites],
        problem.capacity[sites],
        problem.demand[customers],
        problem.serve_cost[np.ix_(sites, customers)],
        single_source=single_source,
    )
    first, second = (solve(each, Limits(work=10.0)) for each in (problem, shuffled))
    assert first.status == second.status == Status.OPTIMAL
    assert first.objective == pytest.approx(second.objective, rel=TIGHT)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_one_more_free_site_never_costs_more(seed: int, single_source: bool) -> None:
    """A site without fixed cost can be left idle, so having it never raises the cost."""
    problem = random_problem(seed, 6, 12, single_source=single_source, slack=2.5)
    fixed = problem.fixed_cost.copy()
    fixed[2] = 0.0
    having = replace(problem, fixed_cost=fixed)
    without = replace(having, must_close=np.arange(6) == 2)
    less, more = solve(without, Limits(work=5.0)), solve(having, Limits(work=5.0))
    if less.status == Status.OPTIMAL:
        assert more.status == Status.OPTIMAL
        assert more.objective is not None
        assert less.objective is not None
        assert more.objective <= less.objective * (1 + TIGHT)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_more_room_never_raises_the_bound(seed: int, single_source: bool) -> None:
    """With more capacity at every site the proven bound stays at or below the cost with less."""
    problem = random_problem(seed, 5, 12, single_source=single_source, slack=2.0)
    roomy = replace(problem, capacity=problem.capacity + 3.0)
    tight, wide = solve(problem, Limits(work=5.0)), solve(roomy, Limits(work=5.0))
    assert wide.status == Status.OPTIMAL
    assert wide.bound is not None
    if tight.status == Status.OPTIMAL:
        assert tight.bound is not None
        assert wide.bound <= tight.bound * (1 + 2 * TIGHT)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000))
def test_the_search_for_whole_customers_is_exact(seed: int) -> None:
    """From no prices at all, with every site free, its bound is the enumerated optimum."""
    problem = random_problem(seed, 3, 6, single_source=True, slack=2.0)
    best = [np.inf]

    def keep(found: FacilitySolution | None) -> None:
        if found is not None and broken_rule(problem, found) is None:
            best[0] = min(best[0], cost_of(problem, found))

    nothing = np.zeros(3, bool)
    start = Part(-np.inf, np.zeros(6), np.zeros((3, 6), bool), nothing, nothing)
    prices = Prices(np.zeros(6), np.zeros(3), 0.0, 0.0)
    search = WholeSearch(problem, Effort(Limits()))
    bound, finished = search.run(start, prices, lambda: best[0] - 1e-6, keep, 10_000)
    assert finished
    assert best[0] == pytest.approx(enumerated(problem))
    assert bound >= best[0] - 1e-5


def test_single_sources_cost_at_least_as_much() -> None:
    """Forbidding splits never makes anything cheaper."""
    split, whole = (
        solve(random_problem(5, 8, 24, single_source=single), Limits(work=10.0))
        for single in (False, True)
    )
    assert split.objective is not None
    assert whole.objective is not None
    assert whole.objective >= split.objective * (1 - TIGHT)


def test_the_same_work_gives_the_same_bits() -> None:
    """Without seconds the answer depends on problem, work and seed alone."""
    problem = random_problem(3, 10, 30, single_source=True)
    first, second = (solve(problem, Limits(work=1.0)) for _ in range(2))
    assert (first.objective, first.bound, first.work) == (
        second.objective,
        second.bound,
        second.work,
    )


def test_too_little_room_is_proven_infeasible() -> None:
    """Two sites of 4 cannot hold a demand of 9, and the outcome says proven."""
    problem = FacilityProblem.of(np.ones(2), np.full(2, 4.0), np.full(3, 3.0), np.ones((2, 3)))
    assert solve(problem, Limits(work=1.0)).status == Status.INFEASIBLE


@pytest.mark.parametrize("seed", range(6))
def test_two_engines_agree_on_single_sources(seed: int) -> None:
    """Our search and the same formulation in HiGHS end at the same cost, and bounds hold there."""
    problem = random_problem(seed, 7, 24, single_source=True, slack=1.3 + 0.1 * seed)
    site, customer = np.nonzero(np.isfinite(problem.serve_cost))
    formulation = strong_formulation(problem, site, customer, problem.must_open, problem.must_close)
    other = solve_linear(formulation, Limits(work=20.0))
    ours = solve(problem, Limits(work=20.0))
    assert other.objective is not None
    assert ours.bound is not None
    assert ours.bound <= other.objective * (1 + 1e-9)
    assert ours.status == Status.OPTIMAL
    assert ours.objective == pytest.approx(other.objective, rel=TIGHT)


def test_a_missing_way_is_never_used() -> None:
    """Where the cheap site cannot reach a customer the dear one serves it: 0 + 1 + 9 = 10."""
    serve = np.array([[1.0, np.inf], [7.0, 9.0]])
    problem = FacilityProblem.of(np.zeros(2), np.full(2, np.inf), np.ones(2), serve)
    outcome = solve(problem, Limits(work=1.0))
    assert outcome.objective == pytest.approx(10.0)
    assert outcome.solution is not None
    assert broken_rule(problem, outcome.solution) is None
    assert cost_of(problem, outcome.solution) == outcome.objective


def test_a_cover_holds_only_if_its_smallest_members_overflow() -> None:
    """3 + 4 > 6 is a cover that leaves room for one; 2 + 4 = 6 fits, so it is none."""
    problem = FacilityProblem.of(
        np.ones(1), np.array([6.0]), np.array([3.0, 4.0, 2.0]), np.ones((1, 3))
    )
    assert holds(problem, Cover(0, np.array([0, 1]), 1))
    assert not holds(problem, Cover(0, np.array([1, 2]), 1))


def test_split_customers_break_a_cover() -> None:
    """A site of 6 with three customers of 3 serves 0.8 + 0.6 + 0.6 = 2 wholes at most as 2."""
    problem = FacilityProblem.of(np.ones(1), np.array([8.0]), np.full(3, 3.0), np.ones((1, 3)))
    found = violated_covers(problem, np.ones(1), np.array([[0.9, 0.9, 0.85]]))
    assert [(cover.customers.tolist(), cover.most) for cover in found] == [([0, 1, 2], 2)]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_knapsacks_are_exact(seed: int) -> None:
    """The gain of each site, and what it takes, is that of the best of all subsets that fit."""
    rng = np.random.default_rng(seed)
    worth, demand = rng.normal(size=(2, 6)), rng.integers(1, 6, 6)
    room = rng.integers(0, 14, 2)
    filled = fill(worth, demand, room)
    for site in range(2):
        subsets = [np.array(bits) for bits in product((0, 1), repeat=6)]
        fitting = [take for take in subsets if demand @ take <= room[site]]
        assert filled.gain[site] == pytest.approx(min(worth[site] @ take for take in fitting))
        assert worth[site] @ filled.taken[site] == pytest.approx(filled.gain[site])
        assert demand @ filled.taken[site] <= room[site]
        for customer in range(6):
            inside = [worth[site] @ take for take in fitting if take[customer]]
            least = min(inside, default=np.inf) - filled.gain[site]
            assert filled.joining[site, customer] <= least + 1e-12


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_knapsacks_have_the_same_bits_with_and_without_a_compiler(seed: int) -> None:
    """Tables filled row by row and cell by cell give the same numbers and the same customers."""
    pytest.importorskip("numba")
    rng = np.random.default_rng(seed)
    worth, demand = rng.normal(size=(4, 20)), rng.integers(0, 9, 20)
    room = rng.integers(0, 50, 4)
    rows, cells = (fill(worth, demand, room, kernel) for kernel in ("numpy", "numba"))
    assert (rows.gain == cells.gain).all()
    assert (rows.taken == cells.taken).all()
    assert (rows.joining == cells.joining).all()


def test_files_of_both_layouts_are_read(tmp_path: Path) -> None:
    """OR-Library states costs of the whole demand, TBED1 of one unit: 2 units x 5 = 10."""
    (tmp_path / "a").write_text("1 2\n9 4\n2 3\n10 6\x00\n")
    (tmp_path / "b").write_text("2 1\n2 3\n9\n4\n5 2\n")
    for name, form in (("a", "orlib"), ("b", "tbed")):
        problem = read_instance(tmp_path / name, form, single_source=False)
        assert problem.serve_cost.tolist() == [[10.0, 6.0]]
        assert problem.fixed_cost.tolist() == [4.0]
    (tmp_path / "c").write_text("1 1\n9 4\n")
    with pytest.raises(UnreadableInstanceError, match="take 4 numbers"):
        read_instance(tmp_path / "c", "orlib", single_source=False)
