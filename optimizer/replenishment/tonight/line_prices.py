"""What a unit costs on each line at given prices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.replenishment.tonight.lines import Lines
from optimizer.replenishment.tonight.problem import Problem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices of one evaluation: row >= 0, (n_rows,); shipment in 0..1, (n_arms,)."""

    row: Floats
    shipment: Floats


class LinePrices:
    """Prices lines of one problem; what does not depend on prices is made once."""

    def __init__(self, problem: Problem, lines: Lines) -> None:
        self.problem = problem
        self.lines = lines
        self.money_rows = problem.rows.money.T.tocsr()
        self.unit_rows = problem.rows.units.T.tocsr()
        self.beyond = np.flatnonzero(np.isfinite(lines.cap))
        self.is_option = len(lines) == len(problem.options) and bool(
            (lines.option == np.arange(len(lines))).all()
        )
        self.has_offsets = bool((lines.offset != 0.0).any() or (lines.offset_high != 0.0).any())
        self.has_freight = bool((lines.transport != 0.0).any() or (lines.truck != 0.0).any())
        self.encloses = bool((lines.price != lines.price_high).any())

    def per_line(self, by_option: Floats) -> Floats:
        """Return each line's option's number."""
        return by_option if self.is_option else by_option[self.lines.option]

    def at(self, prices: Prices, theta: Floats) -> tuple[Floats, Floats]:
        """Return what a unit and what ordering at all costs on each line, money.

        Parameters
        ----------
        theta : (n_arms,) subsidy of each order's value, money per money
        """
        lines = self.lines
        money = 1.0 + self.per_line(self.money_rows @ prices.row)
        if theta.any():
            money = money - theta[lines.arm]
        price, offset = lines.price, lines.offset
        if self.encloses:
            price = np.where(money >= 0.0, lines.price, lines.price_high)
            offset = np.where(money >= 0.0, lines.offset, lines.offset_high)
        offset = money * offset if self.has_offsets else np.zeros(len(lines))
        unit = money * price
        unit -= lines.cheapest
        unit += self.per_line(self.unit_rows @ prices.row)
        if self.has_freight:
            unit += lines.transport + prices.shipment[lines.arm] * lines.truck
        if len(self.beyond):
            self._price_beyond(unit, offset)
        return unit, offset

    def _price_beyond(self, unit: Floats, offset: Floats) -> None:
        """Price what an option cannot bring itself at the least price of its pair's others."""
        lines, at = self.lines, self.beyond
        per_usable = np.full(len(self.problem.options), np.inf)
        np.minimum.at(per_usable, lines.option[at], unit[at] / lines.usable[at])
        pair = self.problem.options.pair
        least = np.full(len(self.problem.pairs), np.inf)
        np.minimum.at(least, pair, per_usable)
        is_least = per_usable == least[pair]
        several = np.bincount(pair, is_least, len(least)) > 1.0
        rest = np.full(len(least), np.inf)
        np.minimum.at(rest, pair, np.where(is_least, np.inf, per_usable))
        rest = np.where(several, least, rest)
        option = lines.option[at]
        other = np.where(is_least[option], rest[pair[option]], least[pair[option]])
        own = unit[at]
        price = np.where(np.isfinite(other), np.maximum(own, other * lines.usable[at]), own)
        unit[at] = price
        offset[at] = (own - price) * lines.cap[at]
