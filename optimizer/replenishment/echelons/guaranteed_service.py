"""Guaranteed service on trees: which stage promises which service time, at least holding cost.

Stage k takes T_k periods, is served by its suppliers within SI_k and serves its customers within
S_k. It covers demand up to z sigma sqrt(tau) over its net replenishment time
tau = SI_k + T_k - S_k, and holds that much. Along an arc i -> k, SI_k >= S_i. Every tree is solved
exactly by Graves & Willems' dynamic program: leaves first, each stage towards the one neighbour
that is left.

Source: Graves & Willems (2000), Manufacturing & Service Operations Management 2(1); Snyder & Shen
(2019), Fundamentals of Supply Chain Theory, section 6.3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

CHUNK = 4_000_000  # numbers in one table of a batch
FOREVER = np.inf


@dataclass(frozen=True, slots=True)
class Forest:
    """Stages of one or more trees, each hung up at one of its stages.

    Attributes
    ----------
    neighbour : (n,) int64, the next stage on the way to where the tree is hung up; -1 there
    upstream : (n,) whether that neighbour supplies the stage (else the stage supplies it)
    time : (n,) int64, T, periods
    inbound : (n,) int64, service time of suppliers outside the tree, periods
    limit : (n,) int64, longest service time that customers accept, periods; -1: none is stated
    weight : (n,) money per root of a period: holding cost x z x sigma
    """

    neighbour: Ints
    upstream: Flags
    time: Ints
    inbound: Ints
    limit: Ints
    weight: Floats

    def __len__(self) -> int:
        return len(self.time)


@dataclass(frozen=True, slots=True)
class Promises:
    """What each stage promises and is promised.

    Attributes
    ----------
    service : (n,) int64, S, periods
    served : (n,) int64, SI, periods
    net : (n,) int64, periods of demand that the stage covers
    """

    service: Ints
    served: Ints
    net: Ints


def best_promises(forest: Forest) -> Promises:
    """Return the promises of least holding cost of every tree."""
    service, served = np.zeros(len(forest), np.int64), np.zeros(len(forest), np.int64)
    root, depth = _roots_and_depths(forest.neighbour)
    longest = np.bincount(root, forest.time + forest.inbound, minlength=len(forest))
    order = np.lexsort((depth, root, longest[root]))
    ends = np.flatnonzero(np.r_[root[order][1:] != root[order][:-1], True]) + 1
    start = 0
    while start < len(order):
        # whole trees of about the same length, as many as fit
        size = max(int(CHUNK // (longest[root[order[start]]] + 1) ** 2), 1)
        stop = int(ends[np.searchsorted(ends, min(start + size, len(order)))])
        rows = order[start:stop]
        part = _solve(_part(forest, rows), depth[rows], int(longest[root[rows]].max()) + 1)
        service[rows], served[rows] = part
        start = stop
    return Promises(service, served, served + forest.time - service)


def holding_cost(forest: Forest, net: Ints) -> Floats:
    """Return what each stage's safety stock costs, (n,) money."""
    cost: Floats = forest.weight * np.sqrt(net)
    return cost


def _roots_and_depths(neighbour: Ints) -> tuple[Ints, Ints]:
    """Return where each stage's tree is hung up, and how many arcs lie between."""
    at = np.arange(len(neighbour))
    depth = np.zeros(len(neighbour), np.int64)
    while (neighbour[at] >= 0).any():
        moves = neighbour[at] >= 0
        depth += moves
        if int(depth.max()) > len(neighbour):
            raise ValueError("the stages' neighbours run in a circle; each tree needs a root")
        at = np.where(moves, neighbour[at], at)
    return at, depth


def _part(forest: Forest, rows: NDArray[np.intp]) -> Forest:
    """Return some trees, numbered anew."""
    place = np.full(len(forest) + 1, -1)
    place[rows] = np.arange(len(rows))
    return Forest(
        place[forest.neighbour[rows]],
        forest.upstream[rows],
        forest.time[rows],
        forest.inbound[rows],
        forest.limit[rows],
        forest.weight[rows],
    )


def _solve(forest: Forest, depth: Ints, width: int) -> tuple[Ints, Ints]:
    """Return S and SI of every stage; times run from 0 to width - 1.

    `out[k, s]` is the least cost of what hangs below k when k's customers are served in s,
    `into[k, t]` when k's suppliers serve in t; each is kept for the side of k's neighbour only.
    """
    count, times = len(forest), np.arange(width)
    from_suppliers = np.zeros((count, width))  # by SI: stages below that supply k
    from_customers = np.zeros((count, width))  # by S: stages below that k supplies
    toward = np.zeros((count, width))
    other = np.zeros((count, width), np.int64)  # the best time of the side away from the neighbour
    for level in range(int(depth.max(initial=0)), -1, -1):
        for rows in _batches(forest, np.flatnonzero(depth == level), width):
            cost = _stage_costs(forest, rows, width) + from_suppliers[rows][:, :, None]
            cost += from_customers[rows][:, None, : cost.shape[2]]
            by_served = forest.upstream[rows]
            least = np.full((len(rows), width), np.inf)  # by S, where S may be that long
            least[:, : cost.shape[2]] = cost.min(axis=1)
            place = np.zeros((len(rows), width), np.int64)
            place[:, : cost.shape[2]] = cost.argmin(axis=1)
            toward[rows] = np.where(by_served[:, None], cost.min(axis=2), least)
            other[rows] = np.where(by_served[:, None], cost.argmin(axis=2), place)
            above = forest.neighbour[rows]
            # a customer waits no shorter than it is promised; a supplier may promise less
            waits = np.minimum.accumulate(toward[rows][:, ::-1], axis=1)[:, ::-1]
            sooner = np.minimum.accumulate(toward[rows], axis=1)
            hung = above >= 0
            np.add.at(from_customers, above[hung & by_served], waits[hung & by_served])
            np.add.at(from_suppliers, above[hung & ~by_served], sooner[hung & ~by_served])
    service, served = np.zeros(count, np.int64), np.zeros(count, np.int64)
    for level in range(int(depth.max(initial=0)) + 1):
        rows = np.flatnonzero(depth == level)
        above, up = forest.neighbour[rows], forest.upstream[rows]
        least_time = np.where((above >= 0) & up, service[above], 0)
        most_time = np.where((above >= 0) & ~up, served[above], width)
        allowed = (times >= least_time[:, None]) & (times <= most_time[:, None])
        best = np.where(allowed, toward[rows], np.inf).argmin(axis=1)
        answer = other[rows, best]
        served[rows] = np.where(up, best, answer)
        service[rows] = np.where(up, answer, best)
    return service, served


def _batches(forest: Forest, rows: NDArray[np.intp], width: int) -> list[NDArray[np.intp]]:
    """Split stages so that their tables stay small: those whose promise is limited apart."""
    limited = forest.limit[rows] >= 0
    result = []
    for part in (rows[limited], rows[~limited]):
        if len(part):
            columns = _columns(forest, part, width)
            pieces = max(1, len(part) * width * columns // CHUNK)
            result += np.array_split(part, pieces)
    return result


def _columns(forest: Forest, rows: NDArray[np.intp], width: int) -> int:
    """Return how many service times some stages may promise."""
    limit = forest.limit[rows]
    return width if (limit < 0).any() else min(int(limit.max()) + 1, width)


def _stage_costs(forest: Forest, rows: NDArray[np.intp], width: int) -> Floats:
    """Return the holding cost of each stage by SI and S, infinite where it cannot be."""
    times, promised = np.arange(width), np.arange(_columns(forest, rows, width))
    roots = np.sqrt(np.arange(2 * width + int(forest.time.max(initial=0))))
    net = forest.time[rows][:, None, None] + times[None, :, None] - promised
    cost = forest.weight[rows][:, None, None] * roots[np.maximum(net, 0)]
    limit = np.where(forest.limit[rows] < 0, width, forest.limit[rows])
    never = (net < 0) | (promised > limit[:, None, None])
    never |= times[None, :, None] < forest.inbound[rows][:, None, None]
    result: Floats = np.where(never, FOREVER, cost)
    return result
