"""Small ruin and recreate on the exact price: breaks, lateness and balance as they are paid.

Every route is priced by `schedule`, so it keeps every rule there is; it is slow, and comes last.
Source: Shaw (1998), CP-98, 417-431, for what is taken out; cheapest places by `insertion`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from optimizer.outcome import Limits
from optimizer.routing.insertion import NEW, best_insertion, without_stop
from optimizer.routing.problem import RoutingProblem, left_out
from optimizer.routing.schedule import Timed, price

STEPS_PER_WORK = (4_000.0, 10.0, 40.0)  # a / (stops + b), at least c: about a second of one core
MOST_OUT = 6  # stops that a step takes out
OVERLOOKED = 0.2  # chance that a route is not looked at for a stop
ROUTES = 6  # nearest routes in which they look for a place
TRIES = 3  # feasible places priced for each
PATIENCE = (200, 20)  # steps without a better plan that end the search: fixed, per stop

Rank = tuple[float, ...]


def polish(
    problem: RoutingProblem,
    plan: Sequence[Timed],
    chosen: Sequence[int],
    limits: Limits,
    rank: Callable[[Sequence[Timed]], Rank],
    *,
    on_better: Callable[[Sequence[Timed]], None] = lambda _plan: None,
) -> tuple[list[Timed], float]:
    """Improve a plan as long as the limits allow; deterministic in work.

    Parameters
    ----------
    plan : feasible routes
    chosen : stops that some van might serve
    rank : less is better
    on_better : told every better plan

    Returns
    -------
    plan : at least as good
    work : done
    """
    rng = np.random.default_rng(limits.seed)
    best, least = list(plan), rank(plan)
    scale, offset, least_steps = STEPS_PER_WORK
    per_work = max(scale / (len(chosen) + offset), least_steps)
    most = None if limits.work is None else max(1, round(per_work * limits.work))
    patience = PATIENCE[0] + PATIENCE[1] * len(chosen)
    steps = since = 0
    while chosen and since < patience and (most is None or steps < most):
        if limits.cancelled() or limits.remaining <= 0.0:
            break
        steps, since = steps + 1, since + 1
        tried = _step(problem, best, chosen, rng)
        if tried is None:
            continue
        found = rank(tried)
        if found < least:
            best, least, since = tried, found, 0
            on_better(best)
    return best, steps / per_work


# ---- inside ---------------------------------------------------------------------------------


def _step(
    problem: RoutingProblem, plan: list[Timed], chosen: Sequence[int], rng: np.random.Generator
) -> list[Timed] | None:
    """Take a stop and some near it out, and put them back one by one where they cost least."""
    place = problem.stops.place
    centre = int(chosen[int(rng.integers(len(chosen)))])
    away = problem.metres[place[centre], place[list(chosen)]]
    near = [int(chosen[k]) for k in np.argsort(away, kind="stable")]
    count = int(rng.integers(1, MOST_OUT + 1))
    pool = near[: 3 * count]
    out = {centre, *(int(s) for s in rng.choice(pool, size=min(count, len(pool)), replace=False))}
    unserved = set(left_out(problem, tuple(t.route for t in plan)))
    wanted = (unserved & set(near[: 10 * MOST_OUT])) | out
    kept: list[Timed] = []
    touched: list[bool] = []
    for timed in plan:
        mine = out.intersection(timed.route.stops)
        if not mine:
            kept.append(timed)
            touched.append(False)
            continue
        shorter = timed.route
        for stop in sorted(mine):
            rest = without_stop(shorter, stop)
            if rest is None:
                break
            shorter = rest
        else:
            priced = price(problem, shorter)
            if isinstance(priced, str):
                return None
            kept.append(priced)
            touched.append(True)
    order = [int(s) for s in rng.permutation(sorted(wanted))]
    order.sort(key=lambda s: bool(problem.stops.optional[s]))
    for stop in order:
        _put_back(problem, kept, touched, stop, rng)
    return kept


def _put_back(
    problem: RoutingProblem,
    kept: list[Timed],
    touched: list[bool],
    stop: int,
    rng: np.random.Generator,
) -> None:
    """Put a stop into one of the nearest routes, a touched one or a new one, if that pays."""
    place = problem.stops.place
    away = [
        int(problem.metres[place[stop], place[list(timed.route.stops)]].min()) for timed in kept
    ]
    nearest = sorted(range(len(kept)), key=lambda k: (away[k], k))
    seen = rng.random(len(kept)) >= OVERLOOKED
    window = [k for at, k in enumerate(nearest) if seen[k] and (at < ROUTES or touched[k])]
    found = best_insertion(
        problem,
        [kept[k] for k in window],
        stop,
        tries=TRIES,
        used=[timed.route for timed in kept],
    )
    optional = bool(problem.stops.optional[stop])
    if found is None or (optional and found.extra_cost > problem.stops.loss[stop]):
        return
    if found.route == NEW:
        kept.append(found.timed)
        touched.append(True)
    else:
        kept[window[found.route]] = found.timed
        touched[window[found.route]] = True
