"""Dual ascent: prices that make the orders want no more than there is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.allocation.sourcing.blocks import Catalogue
from optimizer.allocation.sourcing.budget import Budget
from optimizer.allocation.sourcing.large import LargeOrders
from optimizer.allocation.sourcing.placement import Placement
from optimizer.allocation.sourcing.prices import Prices, Usage, dual_value, effective, usage_of
from optimizer.allocation.sourcing.problem import SourcingProblem
from optimizer.allocation.sourcing.tariff import Floats

MEMORY, SPREAD_MEMORY = 0.85, 0.98  # of the mean and of the mean square of the slope
FIRST_STEP, AGAIN_STEP, LAST_STEP = 0.4, 0.2, 0.004  # of the typical parcel, per unit of stock
ROOM_STEP = 0.3  # a unit of room is priced in smaller steps: every piece pays it
STEEPEST = 6.0  # units of excess beyond which a slope says no more
START_SHARE = 0.6  # of the loss: first price of products that are short everywhere


@dataclass(frozen=True, slots=True)
class Ascent:
    """What the ascent found.

    Attributes
    ----------
    prices : those of the best bound
    bound : money; no plan is cheaper
    iterations : done
    placement : a plan within the limits that costs no more than the bound; None if none came up
    """

    prices: Prices
    bound: float
    iterations: int
    placement: Placement | None = None


def ascend(
    problem: SourcingProblem,
    catalogue: Catalogue,
    large: LargeOrders,
    budget: Budget,
    start: Ascent | None = None,
) -> Ascent:
    """Raise prices where more is wanted than there is, lower them where less is.

    The slope of the bound at given prices is excess demand (a subgradient). Steps are scaled by
    running means of slope and squared slope (Kingma and Ba 2015, algorithm 1) and shrink
    geometrically with the share of the budget spent, from FIRST_STEP (AGAIN_STEP where it goes
    on from prices found before) to LAST_STEP of the typical parcel.
    """
    scale = typical_parcel(problem, catalogue, large)
    prices = start.prices if start is not None else first_prices(problem)
    first = FIRST_STEP if start is None else AGAIN_STEP
    moments = _Moments(problem)
    bound, placement = dual_value(problem, catalogue, large, prices)
    best = Ascent(prices, bound, 0)
    iteration = 0
    while True:
        usage = usage_of(problem, placement)
        if not len(large.orders) and proves_itself(problem, prices, usage, bound):
            return Ascent(prices, bound, iteration, placement)
        if budget.spent():
            return Ascent(best.prices, best.bound, iteration)
        iteration += 1
        step = scale * first * (LAST_STEP / first) ** budget.share()
        prices = moments.move(prices, usage, step)
        large.learn()
        bound, placement = dual_value(problem, catalogue, large, prices)
        budget.pay()
        if bound > best.bound:
            best = Ascent(prices, bound, iteration)


def proves_itself(problem: SourcingProblem, prices: Prices, usage: Usage, bound: float) -> bool:
    """Say whether what the orders want is within the limits and uses up all that has a price."""
    limits, shared = problem.resources, problem.resources.shared
    lent = np.zeros(usage.stock.shape)
    fenced = np.flatnonzero(shared != np.arange(len(shared)))
    over = np.maximum(0.0, usage.stock[:, fenced] - limits.stock[:, fenced])
    for at, column in enumerate(fenced):
        lent[:, shared[column]] += over[:, at]
        lent[:, column] -= over[:, at]
    slack = 0.0
    for price, limit, taken in (
        (prices.stock, limits.stock, usage.stock + lent),
        (prices.room, limits.room, usage.room),
        (prices.parcels, limits.parcels, usage.parcels),
    ):
        if (taken > limit + 1e-9).any():
            return False
        paid = price > 0.0
        slack += float((price[paid] * (limit[paid] - taken[paid])).sum())
    return slack <= 1e-9 * max(abs(bound), 1e-9)


def typical_parcel(problem: SourcingProblem, catalogue: Catalogue, large: LargeOrders) -> float:
    """Return the median over orders of the cheapest parcel with their first piece alone.

    What its stock is worth is left out: prices are to outweigh parcels, not goods.
    """
    least = []
    for block in catalogue.blocks:
        money = block.money[:, 0].min(axis=0)
        if problem.goods is not None:
            money = money - problem.goods[:, block.pieces()[:, 0]]
        least.append(money.min(axis=0, initial=np.inf))
    least += [large.fixed.min(axis=0)] if len(large.orders) else []
    money = np.concatenate(least) if least else np.ones(1)
    money = money[np.isfinite(money) & (money > 0.0)]
    return float(np.median(money)) if len(money) else 1.0


def first_prices(problem: SourcingProblem) -> Prices:
    """Price products that are short everywhere at a share of their loss; the rest is free."""
    limits, pieces = problem.resources, problem.pieces
    wanted = np.zeros(limits.stock.shape[1])
    worth = np.zeros(limits.stock.shape[1])
    lost = pieces.penalty
    if problem.goods is not None:
        lost = np.maximum(0.0, lost - problem.goods.min(axis=0))
    for parts in pieces.parts:
        wanted += np.bincount(parts.column, weights=parts.qty, minlength=len(wanted))
        share = lost[parts.piece] / np.maximum(pieces.units[parts.piece], 1e-9)
        np.maximum.at(worth, parts.column, share)
    demand = np.bincount(limits.shared, weights=wanted, minlength=len(wanted))
    supply = np.bincount(limits.shared, weights=limits.stock.sum(axis=0), minlength=len(wanted))
    short = (demand > supply)[limits.shared]
    stock = np.where(short & (limits.stock > 0.0), START_SHARE * worth, 0.0)
    return Prices(stock, np.zeros(limits.room.shape), np.zeros(limits.parcels.shape))


class _Moments:
    """Running means of the slopes, and the steps that follow from them.

    Only limits that can have a price are kept: one on what nobody can take, or on what is
    unlimited, stays at nothing.
    """

    def __init__(self, problem: SourcingProblem) -> None:
        self.problem = problem
        limits = problem.resources
        self.cells = (
            np.flatnonzero(limits.stock > 0.0),
            np.flatnonzero(np.isfinite(limits.room) & (limits.room > 0.0)),
            np.flatnonzero(np.isfinite(limits.parcels)),
        )
        kinds = (limits.stock, limits.room, limits.parcels)
        self.shapes = [kind.shape for kind in kinds]
        self.limit = self._gather(kinds)
        count = [len(cells) for cells in self.cells]
        self.length = np.repeat([1.0, ROOM_STEP, 1.0], count)
        self.floor = np.repeat([0.1, 1.0, 1.0], count)
        self.steepest = np.repeat([STEEPEST, np.inf, np.inf], count)
        self.mean = np.zeros(len(self.limit))
        self.square = np.zeros(len(self.limit))
        self.moves = 0

    def _gather(self, kinds: tuple[Floats, Floats, Floats]) -> Floats:
        """Return the cells of three arrays shaped as the limits, side by side."""
        return np.concatenate(
            [kind.ravel()[cells] for kind, cells in zip(kinds, self.cells, strict=True)]
        )

    def move(self, prices: Prices, usage: Usage, step: float) -> Prices:
        """Return the next prices."""
        self.moves += 1
        now = self._gather((prices.stock, prices.room, prices.parcels))
        taken = self._gather((self._lent(prices, usage.stock), usage.room, usage.parcels))
        slope = np.clip(taken - self.limit, -self.steepest, self.steepest)
        slope[(now <= 0.0) & (slope < 0.0)] = 0.0
        self.mean += (1.0 - MEMORY) * (slope - self.mean)
        self.square += (1.0 - SPREAD_MEMORY) * (slope**2 - self.square)
        up = self.mean / (1.0 - MEMORY**self.moves)
        spread = np.sqrt(self.square / (1.0 - SPREAD_MEMORY**self.moves))
        next_ = np.maximum(0.0, now + step * self.length * up / (spread + self.floor))
        moved = []
        for shape, cells, values in zip(
            self.shapes, self.cells, np.split(next_, self._ends()), strict=True
        ):
            kind = np.zeros(shape)
            kind.ravel()[cells] = values
            moved.append(kind)
        return Prices(effective(moved[0], self.problem.resources.shared), moved[1], moved[2])

    def _ends(self) -> list[int]:
        first, second = (len(cells) for cells in self.cells[:2])
        return [first, first + second]

    def _lent(self, prices: Prices, taken: Floats) -> Floats:
        """Let shared stock take what ring-fenced stock cannot serve where both cost the same."""
        shared = self.problem.resources.shared
        fenced = np.flatnonzero(shared != np.arange(len(shared)))
        if not len(fenced):
            return taken
        result = taken.copy()
        over = np.maximum(0.0, taken[:, fenced] - self.problem.resources.stock[:, fenced])
        same = prices.stock[:, fenced] >= prices.stock[:, shared[fenced]]
        lent = np.where(same, over, 0.0)
        result[:, fenced] -= lent
        for at, column in enumerate(fenced):
            result[:, shared[column]] += lent[:, at]
        return result
