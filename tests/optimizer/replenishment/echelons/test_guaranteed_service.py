"""Guaranteed service: textbook networks and enumeration of small trees."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from optimizer.replenishment.echelons.guaranteed_service import (
    Forest,
    best_promises,
    holding_cost,
)


def forest(
    neighbour: list[int],
    upstream: list[bool],
    time: list[int],
    weight: list[float],
    inbound: list[int] | None = None,
    limit: list[int] | None = None,
) -> Forest:
    """Return a forest from lists."""
    count = len(neighbour)
    return Forest(
        np.array(neighbour),
        np.array(upstream),
        np.array(time),
        np.array(inbound or [0] * count),
        np.array(limit or [-1] * count),
        np.array(weight, float),
    )


def arcs(trees: Forest) -> list[tuple[int, int]]:
    """Return (supplier, customer) of every arc."""
    pairs = []
    for stage, (other, up) in enumerate(zip(trees.neighbour, trees.upstream, strict=True)):
        if other >= 0:
            pairs.append((int(other), stage) if up else (stage, int(other)))
    return pairs


def by_enumeration(trees: Forest) -> float:
    """Return the least cost over all service times."""
    longest = int(trees.time.sum() + trees.inbound.sum())
    choices = [range((longest if limit < 0 else min(limit, longest)) + 1) for limit in trees.limit]
    links = arcs(trees)
    best = np.inf
    for service in product(*choices):
        served = trees.inbound.copy()
        for supplier, customer in links:
            served[customer] = max(served[customer], service[supplier])
        net = served + trees.time - np.array(service)
        if (net >= 0).all():
            best = min(best, float(holding_cost(trees, net).sum()))
    return best


def test_a_textbook_tree() -> None:
    """Snyder & Shen, example 6.5: 8.277917, of which sqrt(6) + 2 sqrt(2) + 3.

    Stage 0 (T 2, h 1, served in 1) supplies 1 (T 1, h 2), which supplies 2 (T 1, h 3, serves at
    once) and 3 (T 1, h 3, may take 1); sigma 1 at the customers, sqrt(2) above.
    """
    root = 2.0**0.5
    trees = forest(
        [-1, 0, 1, 1], [True] * 4, [2, 1, 1, 1], [root, 2 * root, 3, 3],
        inbound=[1, 0, 0, 0], limit=[-1, -1, 0, 1],
    )  # fmt: skip
    found = best_promises(trees)
    assert found.service.tolist() == [0, 0, 0, 1]
    assert holding_cost(trees, found.net).sum() == pytest.approx(8.277916867529369)


def test_a_serial_line_pools_its_time() -> None:
    """Cheap stage of 4 periods before a dear one of 5 at weights 1 and 10: decoupling costs
    2 + 10 sqrt 5 = 24.36, covering all 9 at the end 30.
    """
    trees = forest([-1, 0], [True, True], [4, 5], [1.0, 10.0], limit=[-1, 0])
    found = best_promises(trees)
    assert found.service.tolist() == [0, 0]
    trees = forest([-1, 0], [True, True], [4, 5], [9.9, 10.0], limit=[-1, 0])
    # 9.9 x 2 + 10 sqrt 5 = 42.2 against 10 x 3
    assert best_promises(trees).net.tolist() == [0, 9]


@pytest.mark.parametrize("seed", range(25))
def test_no_other_promises_cost_less(seed: int) -> None:
    """Random trees with arcs both ways: the cost is that of trying everything."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 5))
    neighbour = [-1] + [int(rng.integers(0, k)) for k in range(1, count)]
    upstream = [bool(rng.random() < 0.5) for _ in range(count)]
    ends = set(range(count))
    trees = forest(
        neighbour, upstream, rng.integers(0, 3, count).tolist(), rng.uniform(0.5, 9, count).tolist()
    )
    ends -= {supplier for supplier, _ in arcs(trees)}
    starts = set(range(count)) - {customer for _, customer in arcs(trees)}
    limit = [int(rng.integers(0, 2)) if k in ends else -1 for k in range(count)]
    inbound = [int(rng.integers(0, 2)) if k in starts else 0 for k in range(count)]
    trees = forest(neighbour, upstream, trees.time.tolist(), trees.weight.tolist(), inbound, limit)
    found = best_promises(trees)
    for supplier, customer in arcs(trees):
        assert found.served[customer] >= found.service[supplier]
    assert (found.net >= 0).all()
    assert (found.served >= trees.inbound).all()
    for stage in ends:
        assert found.service[stage] <= limit[stage]
    cost = holding_cost(trees, found.net).sum()
    assert cost == pytest.approx(by_enumeration(trees))


def test_many_trees_are_solved_as_one() -> None:
    """A forest of 40 trees costs each of them what it costs alone."""
    rng = np.random.default_rng(1)
    single, offset = [], 0
    columns: list[list[float]] = [[], [], [], []]
    for _ in range(40):
        count = int(rng.integers(1, 6))
        neighbour = [-1] + [int(rng.integers(0, k)) for k in range(1, count)]
        time, weight = rng.integers(0, 6, count).tolist(), rng.uniform(1, 5, count).tolist()
        leaf = [k not in neighbour for k in range(count)]
        limit = [0 if end else -1 for end in leaf]
        one = forest(neighbour, [True] * count, time, weight, limit=limit)
        single.append(holding_cost(one, best_promises(one).net).sum())
        columns[0] += [k + offset if k >= 0 else -1 for k in neighbour]
        columns[1] += time
        columns[2] += weight
        columns[3] += limit
        offset += count
    whole = forest(
        [int(k) for k in columns[0]], [True] * offset, [int(k) for k in columns[1]], columns[2],
        limit=[int(k) for k in columns[3]],
    )  # fmt: skip
    assert holding_cost(whole, best_promises(whole).net).sum() == pytest.approx(sum(single))


def test_a_circle_is_refused() -> None:
    """Two stages that hang on each other are no tree."""
    with pytest.raises(ValueError, match="circle"):
        best_promises(forest([1, 0], [True, True], [1, 1], [1.0, 1.0]))
