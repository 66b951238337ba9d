"""Why a piece stays since a limit on CO2e has no room for its parcel, and how much is missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.allocation.sourcing.blocks import quotes_for
from optimizer.allocation.sourcing.co2_caps import Use
from optimizer.allocation.sourcing.problem import SourcingProblem
from optimizer.allocation.sourcing.relaxation import CENT
from optimizer.allocation.sourcing.tariff import Bools


@dataclass(frozen=True, slots=True)
class Capped:
    """What keeps a piece.

    Attributes
    ----------
    proven : no rate emits so little that the limits hold even if all other orders stand back
    cost : money of the way that lacks least
    """

    proven: bool
    detail: str
    helps: str
    cost: float


def why_capped(
    problem: SourcingProblem, piece: int, uses: tuple[Use, ...], now: Bools, ever: Bools
) -> Capped | None:
    """Return what a limit on CO2e lacks for a piece alone; None where no limit is in its way.

    Of the ways that are cheaper than leaving it the one counts that lacks the fewest grams.

    Parameters
    ----------
    now, ever : (n_groups, n_sites) bool, ways that stock, docks and carriers leave open: with what
        is left, and if all other orders stood back
    """
    pieces, tariff = problem.pieces, problem.tariff
    one, order = np.array([piece]), int(pieces.order[piece])
    goods = problem.goods_of(one, np.zeros(1, np.int64), 1)
    quotes = quotes_for(problem, pieces.order[one])
    handling = problem.handling * float(pieces.units[piece]) + goods[:, 0]
    proven = True
    best: tuple[float, float, float, Use] | None = None  # grams lacking, cost, grams, limit
    for row, money in quotes.each(pieces.kg[one], pieces.m3[one], pieces.loss[one] - goods):
        group, grams = tariff.group[row[:, 0]], tariff.known_grams(row[:, 0])
        every = np.arange(problem.n_sites)
        for site in np.flatnonzero(np.isfinite(money[:, 0]) & ever[group, every]).tolist():
            emits, cost = float(grams[site]), float(money[site, 0] + handling[site])
            mine = [use for use in uses if use.cap.counts[site, order]]
            proven &= any(use.cap.broken(emits) for use in mine)
            if not now[group[site], site] or cost >= pieces.penalty[piece] - CENT:
                continue
            lacking = [(emits - use.left, cost, emits, use) for use in mine if emits > use.left]
            if not lacking:
                return None
            worst = max(lacking, key=lambda lack: lack[0])
            best = worst if best is None or worst[:2] < best[:2] else best
    if best is None:
        return None
    short, cost, emits, use = best
    left = max(0.0, use.cap.grams - use.used)
    name = use.cap.limit_id
    return Capped(
        proven,
        f"a parcel emits {emits:,.0f} g; limit {name} has {left:,.0f} g left of"
        f" {use.cap.grams:,.0f}",
        f"{np.ceil(short):,.0f} g more in limit {name} (ships for {cost:.2f})",
        cost,
    )
