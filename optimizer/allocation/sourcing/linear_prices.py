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
FIRST_REGRET = 1.0  # of the typical parcel: parcels taken at first
ROUNDS = 5
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

    The engine only proposes prices; what they prove is computed by `dual_value`.

    Returns
    -------
    found : the better prices
    work : units of about a second of one core
    settled : more parcels would not change the prices
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
        # where no parcel that was left out would come in, the prices prove the programme's value
        value = float(problem.pieces.penalty.sum()) + float(outcome.objective or 0.0)
        settled = bound >= value - 1e-6 * abs(value)
        if settled:
            break
        if gain <= 1e-3 * abs(found.bound):
            regret *= 2.0
    return found, work, settled
