"""Exact prices for small batches: the linear relaxation over the parcels that matter."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer.allocation.sourcing.ascent import Ascent
from optimizer.allocation.sourcing.blocks import Catalogue
from optimizer.allocation.sourcing.columns import columns_of
from optimizer.allocation.sourcing.large import LargeOrders
from optimizer.allocation.sourcing.master import Free, build_master
from optimizer.allocation.sourcing.placement import Placement
from optimizer.allocation.sourcing.prices import dual_value, piece_prices
from optimizer.allocation.sourcing.problem import SourcingProblem
from optimizer.engines.linear import solve_linear
from optimizer.outcome import Limits

MOST_CELLS = 200_000  # parcels priced ahead up to which a linear programme is quick
FIRST_REGRET, ENOUGH_REGRET = 1.0, 4.0  # of the typical parcel: columns taken
ROUNDS = 4
BUILD_WORK = 2e-6  # of a column


def sharpen(
    problem: SourcingProblem,
    catalogue: Catalogue,
    large: LargeOrders,
    found: Ascent,
    typical: float,
    limits: Limits,
) -> tuple[Ascent, float, bool]:
    """Improve prices by linear programmes over the parcels with little regret at the prices so far.

    The engine only proposes prices; what they prove is computed by `dual_value`. It ends when a
    wider choice of parcels brings no better bound.

    Returns
    -------
    found : the better prices
    work : units of about a second of one core
    settled : a much wider choice of parcels would not change the prices
    """
    work, settled = 0.0, False
    if len(large.orders) or catalogue.cells > MOST_CELLS:
        return found, work, settled
    limit = problem.resources
    free = Free(limit.stock, limit.room, limit.parcels)
    nothing, orders = Placement.nothing(problem), np.arange(problem.n_orders)
    regret, prices = FIRST_REGRET, found.prices
    for _ in range(ROUNDS):
        left = None if limits.work is None else limits.work - work
        if limits.cancelled() or limits.remaining <= 0.0 or (left is not None and left <= 0.0):
            break
        price = piece_prices(problem, prices)
        columns = columns_of(nothing, catalogue, orders, price, prices, regret * typical)
        master = build_master(problem, columns, free)
        outcome = solve_linear(master.linear.relaxed(), replace(limits, work=left))
        work += outcome.work + BUILD_WORK * len(columns.now)
        if outcome.solution is None or outcome.solution.row_price is None:
            break
        prices = master.prices(problem, outcome.solution.row_price)
        bound, _ = dual_value(problem, catalogue, large, prices)
        gain = bound - found.bound
        if gain > 0.0:
            found = Ascent(prices, bound, found.iterations)
        settled = gain <= 1e-6 * abs(found.bound) and regret >= ENOUGH_REGRET
        if settled:
            break
        if gain <= 1e-3 * abs(found.bound):
            regret *= 4.0
    return found, work, settled
