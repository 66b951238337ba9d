"""Covers of a site's capacity: customers that do not fit together, however they are chosen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.allocation.network.problem import FIT, FacilityProblem, Floats, Ints


@dataclass(frozen=True, slots=True)
class Cover:
    """At most `most` of these customers fit into the site: sum_j x_ij <= most y_i.

    Valid for single-source problems only: x is whole there.
    """

    site: int
    customers: Ints
    most: int


def holds(problem: FacilityProblem, cover: Cover) -> bool:
    """Whether any `most` + 1 of the customers are too many for the site."""
    smallest = np.sort(problem.demand[cover.customers])[: cover.most + 1]
    room = problem.capacity[cover.site] * (1.0 + FIT)
    return len(smallest) > cover.most and float(smallest.sum()) > room


def violated_covers(
    problem: FacilityProblem, opened: Floats, share: Floats, least: float = 0.02
) -> list[Cover]:
    """Return covers that a split solution breaks, at most two per site.

    Greedy covers in two orders, extended by all customers at least as large as the largest in it
    (Balas 1975; Crowder, Johnson and Padberg 1983).

    Parameters
    ----------
    opened, share : (m,) and (m, n), y and x
    least : by how much sum x must exceed most y
    """
    found = []
    demand = problem.demand
    for site in np.flatnonzero(opened > 1e-6):
        used = np.flatnonzero(share[site] > 1e-6)
        part = np.minimum(share[site, used] / opened[site], 1.0)
        if len(used) < 2 or (part > 1.0 - 1e-6).all():
            continue
        units = demand[used]
        orders = (
            np.lexsort((-units, (1.0 - part) / np.maximum(units, 1e-9))),
            np.lexsort((-units, -part)),
        )
        seen: set[tuple[int, ...]] = set()
        for order in orders:
            total = np.cumsum(units[order])
            over = total > problem.capacity[site] * (1.0 + FIT)
            if not over.any():
                continue
            members = order[: int(np.argmax(over)) + 1]
            members = _minimal(members, units, part, problem.capacity[site])
            most = len(members) - 1
            largest = units[members].max()
            others = np.flatnonzero(demand >= largest)
            customers = np.union1d(used[members], others)
            key = tuple(customers.tolist())
            excess = float(share[site, customers].sum() - most * opened[site])
            cover = Cover(int(site), customers, most)
            if key not in seen and excess > least and holds(problem, cover):
                seen.add(key)
                found.append(cover)
    return found


def _minimal(members: Ints, units: Floats, part: Floats, room: float) -> Ints:
    """Drop customers that the cover does without, those served least first."""
    total = float(units[members].sum())
    kept = []
    for at in members[np.argsort(part[members], kind="stable")]:
        if total - units[at] > room * (1.0 + FIT):
            total -= units[at]
        else:
            kept.append(at)
    return np.array(sorted(kept), np.int64)
