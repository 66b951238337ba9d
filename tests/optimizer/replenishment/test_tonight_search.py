"""Tonight's search: bounds that hold, orders that keep every rule, limits that are kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest

from optimizer.outcome import Limits, Status, Termination
from optimizer.replenishment.tonight.bounds import BoundEvaluator
from optimizer.replenishment.tonight.line_prices import Prices
from optimizer.replenishment.tonight.prices import ascend
from optimizer.replenishment.tonight.problem import Problem
from optimizer.replenishment.tonight.saddle import find_saddle
from optimizer.replenishment.tonight.search import search

Enumerated = Callable[[int], tuple[Problem, float, "np.ndarray | None"]]
ENOUGH = Limits(work=4.0)


def test_any_prices_bound_the_enumerated_optimum(small_seed: int, enumerated: Enumerated) -> None:
    """Whatever the prices, the bound is at or under the cost of the best orders there are."""
    problem, best, _ = enumerated(small_seed)
    evaluator = BoundEvaluator(problem)
    rng = np.random.default_rng(small_seed)
    bounds = [ascend(evaluator, lambda: True, 40), find_saddle(evaluator, lambda: True, 60)]
    for size in (0.02, 0.2, 1.0):
        prices = Prices(rng.exponential(size, len(problem.rows)), rng.random(len(problem.arms)))
        share, theta = rng.random(len(problem.arms)), rng.exponential(size, len(problem.arms))
        bounds += [
            evaluator.evaluate(prices),
            evaluator.evaluate(prices, share=share),
            evaluator.evaluate(prices, theta=theta, share=share),
        ]
    assert max(bound.value for bound in bounds) <= best + 1e-7 * max(1.0, abs(best))


def test_small_nights_are_solved_to_proof(small_seed: int, enumerated: Enumerated) -> None:
    """On small problems the search finds the enumerated optimum, or proves there is none."""
    problem, best, _ = enumerated(small_seed)
    outcome = search(problem, ENOUGH)
    if not np.isfinite(best):
        assert outcome.solution is None
        assert outcome.status in (Status.INFEASIBLE, Status.NO_SOLUTION_FOUND)
        return
    assert outcome.solution is not None
    assert not problem.broken(outcome.solution.qty)
    assert outcome.objective == pytest.approx(problem.objective(outcome.solution.qty))
    assert outcome.objective == pytest.approx(best, abs=1e-6)
    assert outcome.status == Status.OPTIMAL


def medium(seed: int, n_pairs: int = 400, n_groups: int = 12, sites: int = 3) -> Problem:
    """Return a night too large for every pattern: one option a pair, budget and storage tight."""
    rng = np.random.default_rng(seed)
    from scipy.sparse import csr_array

    from optimizer.replenishment.tonight.problem import Arms, Groups, Options, Pairs, Rows, Segments

    mean = rng.lognormal(2.5, 0.8, n_pairs)
    group = np.sort(rng.integers(0, n_groups, n_pairs))
    multiple = rng.choice([1.0, 6.0, 12.0], n_pairs)
    low = multiple * rng.integers(1, 3, n_pairs)
    price = rng.lognormal(2.0, 0.7, n_pairs)
    high = low + multiple * np.ceil(4 * mean / multiple)
    each = np.arange(n_pairs)
    options = Options(
        each, group, np.ones(n_pairs), np.ones(n_pairs), rng.lognormal(-4, 0.5, n_pairs), price,
        low, high, multiple, np.arange(n_pairs + 1),
    )  # fmt: skip
    site = (np.arange(n_groups) % sites)[group]
    volume = np.array([np.where(site == k, options.m3, 0.0) for k in range(sites)])
    need = np.maximum(mean * 0.6, 0.0)
    room = np.r_[0.5 * (price * need).sum(), 0.6 * volume @ need]
    return Problem(
        Pairs(mean * 0.5, mean, 0.4 * mean, 0.005 * price, 0.3 * price),
        options,
        Segments(each, low, high, price, np.zeros(n_pairs)),
        Groups(np.full(n_groups, 2.0), rng.choice([0.0, 300.0, 900.0], n_groups)),
        Arms(
            np.arange(n_groups),
            *np.zeros((4, n_groups)),
            *np.full((2, n_groups), np.inf),
            *np.zeros((2, n_groups)),
        ),
        Rows(
            csr_array(np.vstack([np.ones(n_pairs), 0 * volume])),
            csr_array(np.vstack([np.zeros(n_pairs), volume])),
            room,
            ("budget", *["storage"] * sites),
            ("all", *(f"site:{k}" for k in range(sites))),
        ),
    )


def test_a_medium_night_is_within_one_percent_of_its_bound() -> None:
    """400 pairs, budget, storage and least order values: no rule broken, gap under 1 %."""
    outcome = search(medium(1), Limits(work=5.0))
    assert outcome.solution is not None
    assert not medium(1).broken(outcome.solution.qty)
    assert outcome.gap_pct is not None
    assert outcome.gap_pct < 1.0


@pytest.mark.parametrize("factor", [1.1, 2.0, np.inf])
def test_more_room_never_costs_more_than_the_gaps(factor: float) -> None:
    """Relaxing budget and storage lowers the cost, but for what the two gaps leave open."""
    problem = medium(2)
    tight = search(problem, Limits(work=3.0))
    wide = search(
        replace(
            problem, rows=replace(problem.rows, room=np.minimum(problem.rows.room * factor, 1e12))
        ),
        Limits(work=3.0),
    )
    assert tight.objective is not None
    assert wide.objective is not None
    assert wide.bound is not None
    gap = wide.objective - wide.bound
    assert wide.objective <= tight.objective + gap + 1e-9


def scaled(problem: Problem, factor: float) -> Problem:
    """Return the problem in another currency."""
    money_row = np.array([kind == "budget" for kind in problem.rows.kind])
    return replace(
        problem,
        pairs=replace(
            problem.pairs,
            holding=problem.pairs.holding * factor,
            shortage=problem.pairs.shortage * factor,
        ),
        options=replace(problem.options, cheapest=problem.options.cheapest * factor),
        segments=replace(
            problem.segments,
            price=problem.segments.price * factor,
            offset=problem.segments.offset * factor,
        ),
        groups=replace(
            problem.groups,
            cost=problem.groups.cost * factor,
            minimum=problem.groups.minimum * factor,
        ),
        arms=replace(
            problem.arms,
            **{
                name: getattr(problem.arms, name) * factor
                for name in ("per_shipment", "per_kg", "per_m3", "per_unit")
            },
        ),
        rows=replace(
            problem.rows,
            room=np.where(money_row, problem.rows.room * factor, problem.rows.room),
        ),
    )


def test_another_currency_scales_the_cost(small_seed: int, enumerated: Enumerated) -> None:
    """Eight times the money everywhere is eight times the proven cost."""
    problem, best, _ = enumerated(small_seed)
    if not np.isfinite(best) or small_seed % 3:
        return
    outcome = search(scaled(problem, 8.0), ENOUGH)
    assert outcome.objective == pytest.approx(8.0 * best, rel=1e-7)


def reordered(problem: Problem) -> Problem:
    """Return the problem with its pairs in the opposite order."""
    last = len(problem.pairs) - 1
    pairs = replace(
        problem.pairs,
        **{field.name: getattr(problem.pairs, field.name)[::-1] for field in fields(problem.pairs)},
    )
    return replace(
        problem, pairs=pairs, options=replace(problem.options, pair=last - problem.options.pair)
    )


def test_other_names_change_nothing(small_seed: int, enumerated: Enumerated) -> None:
    """Pairs in the opposite order have the same proven cost."""
    problem, best, _ = enumerated(small_seed)
    if not np.isfinite(best) or small_seed % 3:
        return
    outcome = search(reordered(problem), ENOUGH)
    assert outcome.objective == pytest.approx(best, abs=1e-6)


def test_prices_of_another_night_start_the_search() -> None:
    """Warm prices give valid orders; prices of other limits are left aside."""
    problem = medium(1)
    cold = search(problem, Limits(work=5.0))
    assert cold.solution is not None
    warm = search(problem, Limits(work=0.05), cold.solution.bound.prices)
    assert warm.bound is not None
    assert cold.bound is not None
    assert warm.bound >= cold.bound - 1e-4 * abs(cold.bound)
    other = search(problem, Limits(work=5.0), Prices(np.ones(1), np.ones(1)))
    assert other.objective == cold.objective


def test_the_same_work_gives_the_same_orders() -> None:
    """Two runs with the same limit of work agree in every bit, and say how much they did."""
    first, again = (search(medium(3), Limits(work=1.5)) for _ in range(2))
    assert first.solution is not None
    assert again.solution is not None
    assert first.solution.qty.tobytes() == again.solution.qty.tobytes()
    assert (first.bound, first.work) == (again.bound, again.work)


def test_a_limit_reached_is_not_optimal() -> None:
    """With hardly any work there are orders, a valid bound, and a termination that says why."""
    problem = medium(4)
    outcome = search(problem, Limits(work=0.02))
    assert outcome.solution is not None
    assert outcome.status == Status.FEASIBLE
    assert outcome.termination == Termination.WORK_LIMIT
    assert not problem.broken(outcome.solution.qty)


def test_cancelling_ends_the_search_with_what_there_is() -> None:
    """A cancelled search hands back feasible orders at once."""
    began = time.perf_counter()
    outcome = search(medium(5), Limits(seconds=60.0, cancelled=lambda: True))
    assert time.perf_counter() - began < 10.0
    assert outcome.termination == Termination.CANCELLED
    assert outcome.solution is not None


def test_seconds_are_kept() -> None:
    """Two seconds of wall time are two seconds, and a tenth."""
    began = time.perf_counter()
    outcome = search(medium(6, 1500, 30), Limits(seconds=2.0))
    assert outcome.solution is not None
    assert time.perf_counter() - began < 2.6
