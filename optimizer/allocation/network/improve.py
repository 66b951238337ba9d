"""Better sets of open sites: close one, open one, exchange two, judged by shipping."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from optimizer.allocation.network.duals import Prices, dual
from optimizer.allocation.network.effort import SETS_PER_WORK, Effort
from optimizer.allocation.network.problem import FacilityProblem, Flags, Floats
from optimizer.allocation.network.transport import Shipped, Transport

OPENED, CLOSED = 8, 12  # how many sites an exchange looks at on either side


def improve(
    problem: FacilityProblem,
    transport: Transport,
    start: Shipped,
    site_reduced: Floats,
    closed: Flags,
    tried: set[bytes],
    most: int,
    effort: Effort,
    consider: Callable[[Shipped], None],
) -> Shipped:
    """Return a set of sites that no close, open or exchange tried makes cheaper.

    Parameters
    ----------
    site_reduced : (m,) what opening costs at the prices of the relaxation: cheap ones go first
    closed : (m,) sites that no better solution opens
    tried : sets that have been shipped; grows
    most : sets to ship at most
    consider : told of every better shipment
    """
    best = start
    left = most
    better = True
    while better and left > 0:
        better = False
        for is_open in _neighbours(problem, best, site_reduced, closed):
            key = is_open.tobytes()
            if key in tried or left <= 0 or effort.over():
                continue
            tried.add(key)
            left -= 1
            shipped = transport.ship(is_open, effort.limits)
            effort.add(1.0 / SETS_PER_WORK)
            if shipped is not None and shipped.cost < best.cost - 1e-9 * abs(best.cost):
                best, better = shipped, True
                consider(shipped)
                break
    return best


def _neighbours(
    problem: FacilityProblem, best: Shipped, site_reduced: Floats, closed: Flags
) -> list[Flags]:
    """Return sets one move away that may pay, likely ones first.

    Opening site i saves at most what its reduced cost at the prices of the shipment says.
    """
    is_open = best.solution.is_open
    prices = Prices(best.customer_price, best.site_price, 0.0, 0.0)
    nobody = np.zeros(len(is_open), bool)
    here = dual(problem, prices, nobody, nobody).site_reduced
    shut = np.flatnonzero(~is_open & ~problem.must_close & ~closed)
    held = np.flatnonzero(is_open & ~problem.must_open)
    by_worth = held[np.argsort(-site_reduced[held], kind="stable")]
    by_hope = shut[np.argsort(site_reduced[shut], kind="stable")]
    by_gain = shut[np.argsort(here[shut], kind="stable")]
    moves: list[tuple[int, ...]] = [(int(i),) for i in by_gain[:OPENED] if here[i] < 0.0]
    moves += [(int(i),) for i in by_worth]
    entering = list(dict.fromkeys([*by_hope[:CLOSED].tolist(), *by_gain[: CLOSED // 2].tolist()]))
    moves += [(int(i), int(j)) for i in by_worth[:OPENED] for j in entering]
    sets = []
    for move in moves:
        changed = is_open.copy()
        changed[list(move)] ^= True
        if not problem.fewest_sites() <= int(changed.sum()) <= problem.most_sites:
            continue
        if float(problem.capacity[changed].sum()) >= problem.total_demand * (1.0 - 1e-12):
            sets.append(changed)
    return sets
