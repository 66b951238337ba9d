"""Better single-source solutions: a few sites and all their customers, solved again together."""

from __future__ import annotations

import numpy as np

from optimizer.allocation.network.duals import Dual, Prices
from optimizer.allocation.network.effort import Effort
from optimizer.allocation.network.kernel import solve_part
from optimizer.allocation.network.problem import (
    FacilityProblem,
    FacilitySolution,
    Flags,
    Floats,
    Ints,
    broken_rule,
    cost_of,
)
from optimizer.allocation.network.whole import Part, WholeSearch
from optimizer.outcome import OPTIMAL_GAP, Limits

SIZES = (
    30,
    60,
    90,
    120,
    180,
    240,
)  # about how many customers one neighbourhood has, from pass to pass
LEAST_SITES = 2  # open ones
LEAST_SHUT = 8  # closed sites that are looked at, and at least as many as open ones
ARCS = 8  # per customer, and all that it uses
WORK = 1.0  # of one neighbourhood at most
PARTS = 300  # of one search for whole customers


def reassign(
    problem: FacilityProblem,
    start: FacilitySolution,
    proven: Dual,
    price: Floats,
    closed: Flags,
    effort: Effort,
    limits: Limits,
    first: int,
    *,
    by_tables: bool,
) -> tuple[FacilitySolution, int]:
    """Solve neighbourhoods until none of them gets cheaper, or a limit of the part is reached.

    Parameters
    ----------
    proven : what the prices of the relaxation prove; neighbourhoods start where most is lost
        against its bound, and grow along small reduced costs
    price : (n,) money of serving each customer, to start from
    closed : (m,) sites that no better solution opens
    limits : of this part
    first : how many of the smallest sizes do not help any more
    by_tables : search by knapsacks, not by HiGHS: better where sites are filled to the brim

    Returns
    -------
    best : solution
    settled : how many of the smallest sizes do not improve it
    """
    best, spent, settled = start, Effort(limits), first
    for size in SIZES[first:]:
        tables = price if by_tables else None
        best = _pass(problem, best, proven, tables, closed, spent, size)
        settled += not spent.over()
        if spent.over() or 2 * size >= len(problem.demand):
            break
    effort.add(spent.spent)
    return best, settled


def _pass(
    problem: FacilityProblem,
    best: FacilitySolution,
    proven: Dual,
    price: Floats | None,
    closed: Flags,
    effort: Effort,
    size: int,
) -> FacilitySolution:
    """Solve neighbourhoods of one size until none of them gets cheaper."""
    cost = cost_of(problem, best)
    waiting = _losses(best, proven)
    while waiting and not effort.over():
        seed = waiting.pop(0)
        if not best.is_open[seed]:
            continue
        sites, customers = _around(problem, best, proven, closed, seed, size)
        better = _solve(problem, best, proven, price, sites, customers, effort)
        if better is None or broken_rule(problem, better) is not None:
            continue
        found = cost_of(problem, better)
        if found < cost - 1e-9 * abs(cost):
            best, cost = better, found
            touched = sites[better.is_open[sites]]
            waiting += [int(site) for site in touched if int(site) not in waiting]
    return best


def _losses(solution: FacilitySolution, proven: Dual) -> list[int]:
    """Return the open sites, those first whose customers and fixed cost lose most."""
    reduced = np.where(solution.share > 0.0, np.maximum(proven.arc_reduced, 0.0), 0.0)
    loss = reduced.sum(axis=1) + np.maximum(proven.site_reduced, 0.0)
    opened = np.flatnonzero(solution.is_open)
    order = opened[np.argsort(-loss[opened], kind="stable")]
    return [int(site) for site in order]


def _around(
    problem: FacilityProblem,
    solution: FacilitySolution,
    proven: Dual,
    closed: Flags,
    seed: int,
    size: int,
) -> tuple[Ints, Ints]:
    """Return sites near one, and the customers of the open ones among them."""
    place = solution.share.argmax(axis=0)
    reduced = np.maximum(proven.arc_reduced, 0.0)
    own = np.flatnonzero(place == seed)
    nearness = reduced[:, own].mean(axis=1) if len(own) else reduced.mean(axis=1)
    opened = np.flatnonzero(solution.is_open)
    order = opened[np.argsort(nearness[opened], kind="stable")]
    chosen = [seed]
    count = len(own)
    for site in order:
        if site == seed:
            continue
        more = int((place == site).sum())
        if len(chosen) >= LEAST_SITES and count + more > size:
            break
        chosen.append(int(site))
        count += more
    customers = np.flatnonzero(np.isin(place, chosen))
    shut = np.flatnonzero(~solution.is_open & ~closed & ~problem.must_close)
    pull = np.minimum(proven.arc_reduced[np.ix_(shut, customers)], 0.0).sum(axis=1)
    pull += np.maximum(proven.site_reduced[shut], 0.0)
    near = shut[np.argsort(pull, kind="stable")][: max(LEAST_SHUT, len(chosen))]
    sites = np.unique(np.concatenate([np.array(chosen, np.int64), near]))
    return sites, customers


def _solve(
    problem: FacilityProblem,
    best: FacilitySolution,
    proven: Dual,
    price: Floats | None,
    sites: Ints,
    customers: Ints,
    effort: Effort,
) -> FacilitySolution | None:
    if not len(customers):
        return None
    grid = np.ix_(sites, customers)
    elsewhere = int(best.is_open.sum() - best.is_open[sites].sum())
    part = FacilityProblem.of(
        problem.fixed_cost[sites],
        problem.capacity[sites],
        problem.demand[customers],
        problem.serve_cost[grid],
        single_source=True,
        must_open=problem.must_open[sites],
        must_close=problem.must_close[sites],
        least_sites=max(0, problem.least_sites - elsewhere),
        most_sites=min(len(sites), problem.most_sites - elsewhere),
    )
    start = FacilitySolution(best.is_open[sites], best.share[grid])
    if price is not None:
        found = _search_whole(part, start, price[customers], effort)
    else:
        arcs = _cheap(np.maximum(proven.arc_reduced[grid], 0.0))
        limits = effort.part(1.0, WORK)
        found, work = solve_part(part, part.must_open, part.must_close, arcs, start, limits)
        effort.add(max(work, 0.01))
    if found is None:
        return None
    is_open = best.is_open.copy()
    is_open[sites] = found.is_open
    share = best.share.copy()
    share[:, customers] = 0.0
    share[grid] = found.share
    return FacilitySolution(is_open, share)


def _search_whole(
    part: FacilityProblem, start: FacilitySolution, price: Floats, effort: Effort
) -> FacilitySolution | None:
    """Search a neighbourhood by knapsacks; return a cheaper solution, if any was found."""
    best: list[FacilitySolution] = [start]
    cost = [cost_of(part, start)]

    def keep(found: FacilitySolution | None) -> None:
        if found is not None and broken_rule(part, found) is None:
            found_cost = cost_of(part, found)
            if found_cost < cost[0]:
                best[0], cost[0] = found, found_cost

    def cutoff() -> float:
        return cost[0] - OPTIMAL_GAP * abs(cost[0])

    barred = ~np.isfinite(part.serve_cost)
    barred[part.must_close] = True
    whole = Part(-np.inf, price, barred, part.must_open, part.must_close)
    nothing = Prices(price, np.zeros(part.shape[0]), 0.0, 0.0)
    WholeSearch(part, effort).run(whole, nothing, cutoff, keep, PARTS)
    return None if best[0] is start else best[0]


def _cheap(reduced: Floats) -> Flags:
    most = min(ARCS, len(reduced))
    best = np.argpartition(reduced, most - 1, axis=0)[:most]
    chosen = np.zeros(reduced.shape, bool)
    chosen[best.ravel(), np.tile(np.arange(reduced.shape[1]), most)] = True
    return chosen
