"""Small random problems whose best orders can be found by trying them all."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from scipy.sparse import csr_array

from optimizer.replenishment.tonight.problem import (
    Arms,
    Groups,
    Options,
    Pairs,
    Problem,
    Rows,
    Segments,
)


def random_problem(seed: int, *, at_least: bool = False) -> Problem:
    """Return a problem of 2-4 pairs, 1-2 options each, 2-3 groups, with everything that binds."""
    rng = np.random.default_rng(seed)
    n_pairs, n_groups = int(rng.integers(2, 5)), int(rng.integers(2, 4))
    pairs = Pairs(
        position=rng.integers(-3, 8, n_pairs).astype(float),
        mean=rng.uniform(2, 14, n_pairs),
        sd=rng.uniform(0, 5, n_pairs) * (rng.random(n_pairs) < 0.9),
        holding=rng.uniform(0.05, 0.6, n_pairs),
        shortage=rng.uniform(0.2, 6, n_pairs),
    )
    chosen: list[tuple[int, int]] = []
    for pair in range(n_pairs):
        count = int(rng.integers(1, 3)) if len(chosen) < 4 else 1
        groups = rng.choice(n_groups, min(count, n_groups), replace=False)
        chosen += [(int(group), pair) for group in groups]
    chosen.sort()
    group = np.array([entry[0] for entry in chosen])
    pair = np.array([entry[1] for entry in chosen])
    n = len(chosen)
    multiple = rng.choice([1.0, 2.0, 3.0, 4.0], n)
    low = multiple * rng.integers(1, 3, n)
    high = low + multiple * rng.integers(2, 5, n)
    base = rng.uniform(1, 4, n)
    segments: list[tuple[int, float, float, float, float]] = []
    starts = [0]
    for option in range(n):
        cut = low[option] + multiple[option] * 2
        kind = rng.integers(0, 3)
        price = base[option] * rng.uniform(0.8, 0.97)
        if kind == 0 or cut > high[option]:
            segments.append((option, low[option], high[option], base[option], 0.0))
        else:
            offset = (base[option] - price) * cut if kind == 1 else 0.0
            segments.append((option, low[option], cut - multiple[option], base[option], 0.0))
            segments.append((option, cut, high[option], price, offset))
        starts.append(len(segments))
    columns = np.array(segments)
    cheapest = np.full(n_pairs, np.inf)
    np.minimum.at(cheapest, pair[columns[:, 0].astype(int)], columns[:, 3])
    usable = rng.choice([1.0, 1.0, 0.9], n)
    if rng.random() < 0.5:
        usable = np.ones(n)
    options = Options(
        pair=pair,
        group=group,
        usable=usable,
        kg=rng.uniform(0.5, 3, n),
        m3=rng.uniform(0.01, 0.05, n),
        cheapest=cheapest[pair],
        low=low,
        high=high,
        multiple=multiple,
        segment_start=np.array(starts),
    )
    arm_group = np.sort(np.r_[np.arange(n_groups), rng.integers(0, n_groups, 1)])
    n_arms = len(arm_group)
    has_lane = rng.random(n_arms) < 0.6
    arms = Arms(
        group=arm_group,
        per_shipment=has_lane * rng.uniform(0.5, 4, n_arms),
        per_kg=has_lane * rng.uniform(0, 0.1, n_arms),
        per_m3=has_lane * rng.uniform(0, 1, n_arms),
        per_unit=has_lane * rng.uniform(0, 0.1, n_arms),
        shipment_kg=np.where(rng.random(n_arms) < 0.5, rng.uniform(10, 40, n_arms), np.inf),
        shipment_m3=np.where(rng.random(n_arms) < 0.3, rng.uniform(0.1, 0.6, n_arms), np.inf),
        g_per_kg=100.0 + np.arange(n_arms),
        co2_per_kg=np.zeros(n_arms),
        mode=("road",) * n_arms,
    )
    budget = np.ones((1, n))
    room = np.where(group == 0, options.m3, 0.0)[None, :]
    money, units = np.vstack([budget, 0 * room]), np.vstack([0 * budget, room])
    limits = [rng.uniform(10, 70), rng.uniform(0.1, 0.6)]
    kinds, entities = ["budget", "storage"], ["all", "site:0"]
    if at_least:
        money = np.vstack([money, np.where(group == 1, -1.0, 0.0)])
        units = np.vstack([units, np.zeros(n)])
        limits.append(-rng.uniform(1, 12))
        kinds.append("budget")
        entities.append("supplier:1")
    return Problem(
        pairs,
        options,
        Segments(columns[:, 0].astype(int), *(columns[:, place] for place in range(1, 5))),
        Groups(rng.uniform(0, 3, n_groups), rng.choice([0.0, 8.0, 20.0], n_groups)),
        arms,
        Rows(
            csr_array(money),
            csr_array(units),
            np.array(limits, float),
            tuple(kinds),
            tuple(entities),
        ),
    )


def best_by_enumeration(problem: Problem) -> tuple[float, np.ndarray | None]:
    """Return the least cost over every quantity of every option, and where it is."""
    options = problem.options
    choices = [
        [0.0, *np.arange(low, high + 1e-9, step)]
        for low, high, step in zip(options.low, options.high, options.multiple, strict=True)
    ]
    best, where = np.inf, None
    for point in product(*choices):
        qty = np.array(point)
        if not problem.broken(qty):
            cost = problem.objective(qty)
            if cost < best:
                best, where = cost, qty
    return best, where


def count_points(problem: Problem) -> float:
    """Return how many points enumeration would look at."""
    options = problem.options
    return float(np.prod((options.high - options.low) / options.multiple + 2.0))


def small_seeds(first: int, last: int, most_points: int = 2500) -> list[int]:
    """Return seeds whose problems are quick to enumerate."""
    return [
        seed
        for seed in range(first, last)
        if count_points(random_problem(seed, at_least=seed % 4 == 3)) <= most_points
    ]


@pytest.fixture(scope="session")
def enumerated() -> Callable[[int], tuple[Problem, float, np.ndarray | None]]:
    """Return (problem, least cost, where) of a seed, enumerated once a session."""
    known: dict[int, tuple[Problem, float, np.ndarray | None]] = {}

    def look_up(seed: int) -> tuple[Problem, float, np.ndarray | None]:
        if seed not in known:
            problem = random_problem(seed, at_least=seed % 4 == 3)
            known[seed] = (problem, *best_by_enumeration(problem))
        return known[seed]

    return look_up


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give tests that ask for `small_seed` the seeds of quick problems."""
    if "small_seed" in metafunc.fixturenames:
        metafunc.parametrize("small_seed", small_seeds(0, 36))
