"""A plan within limits on CO2e takes over what a cheaper plan beyond them does, while it fits."""

from __future__ import annotations

import numpy as np

from optimizer.allocation.sourcing.assign import LEFT
from optimizer.allocation.sourcing.co2_caps import Cap
from optimizer.allocation.sourcing.ledger import Ledger
from optimizer.allocation.sourcing.placement import Placement, parcels_of
from optimizer.allocation.sourcing.problem import SourcingProblem
from optimizer.allocation.sourcing.tariff import Floats

LEAST_GAIN = 1e-7  # money; less is rounding


def merge(ledger: Ledger, caps: tuple[Cap, ...], other: Placement) -> int:
    """Let orders do as in another plan, the most money per gram first; return how many.

    Parameters
    ----------
    ledger : of a plan within the limits, every parcel with its rate
    other : a plan of the same orders, every parcel with its rate
    """
    problem, now = ledger.problem, ledger.placement
    assert now.row is not None
    assert other.row is not None
    cost, grams = _by_order(problem, caps, now)
    other_cost, other_grams = _by_order(problem, caps, other)
    left = [cap.grams - float(used.sum()) for cap, used in zip(caps, grams, strict=True)]
    saving, more = cost - other_cost, other_grams - grams
    size = np.array([max(cap.grams, 1.0) for cap in caps])
    weight = np.maximum(more, 0.0) / size[:, None]
    better = np.flatnonzero(saving > LEAST_GAIN)
    ratio = saving[better] / np.maximum(weight.sum(axis=0)[better], 1e-12)
    first, moved = problem.orders.first_piece, 0
    for order in better[np.argsort(-ratio, kind="stable")].tolist():
        if any(extra > room for extra, room in zip(more[:, order], left, strict=True)):
            continue
        span = slice(int(first[order]), int(first[order + 1]))
        choice = (other.site[span].tolist(), other.label[span].tolist(), other.group[span].tolist())
        if ledger.move(order, *choice):
            now.row[span] = other.row[span]
            left = [room - extra for extra, room in zip(more[:, order], left, strict=True)]
            moved += 1
    return moved


def _by_order(
    problem: SourcingProblem, caps: tuple[Cap, ...], placement: Placement
) -> tuple[Floats, Floats]:
    """Return money, (n_orders,), and grams that each limit counts, (n_caps, n_orders)."""
    parcels, count = parcels_of(problem, placement), problem.n_orders
    own = parcels.money + parcels.late + parcels.co2 + parcels.risk
    own = own + parcels.handling + parcels.goods
    stays = placement.site == LEFT
    cost = np.bincount(parcels.order, own, minlength=count) + np.bincount(
        problem.pieces.order[stays], problem.pieces.penalty[stays], minlength=count
    )
    emitted = problem.tariff.known_grams(parcels.row)
    grams = [
        np.bincount(
            parcels.order, emitted * cap.counts[parcels.site, parcels.order], minlength=count
        )
        for cap in caps
    ]
    return cost.astype(np.float64), np.array(grams, np.float64)
