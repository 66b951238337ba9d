"""Who reorders what, when: parameters by SKU of a site, and where their levels come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from simulation.arrays import Flags, Places, Sums, Units


class Levels(Protocol):
    """Says the levels of a site's policies at a tick."""

    def at(self, tick: int, demand: Units) -> tuple[Units, Units]:
        """Return reorder points and order-up-to levels, each (1 or R, K) units.

        Called once every tick, in order, after the demand of the tick.

        Parameters
        ----------
        demand : (R, K) units asked for at this tick
        """

    def fresh(self) -> Levels:
        """Return levels that have seen no demand yet."""


@dataclass(frozen=True, slots=True)
class TimedLevels:
    """Levels set beforehand: one row for all ticks, or one row a tick.

    Attributes
    ----------
    reorder_point, order_up_to : (1 or T, K) int32, units
    """

    reorder_point: Units
    order_up_to: Units

    def at(self, tick: int, demand: Units) -> tuple[Units, Units]:
        """Return the rows of the tick; the last one holds ever after."""
        row = min(tick, len(self.order_up_to) - 1)
        return self.reorder_point[row : row + 1], self.order_up_to[row : row + 1]

    def fresh(self) -> TimedLevels:
        """Return the same levels: they do not learn."""
        return self


@dataclass(slots=True)
class MovingAverageLevels:
    """Order-up-to levels that follow the demand of the last ticks.

    level = base + floor(periods x (demand of the last `window` ticks) / window)

    Source: Chen, Drezner, Ryan, Simchi-Levi, Quantifying the Bullwhip Effect, Management Science
    46(3), 2000, equations 1 and 2.
    """

    window: int
    periods: int
    base: int
    _past: list[Units] = field(default_factory=list)

    def at(self, tick: int, demand: Units) -> tuple[Units, Units]:
        """Return levels per replication; before the window is full, its part counts in full."""
        self._past.append(demand.copy())
        self._past = self._past[-self.window :]
        total: Sums = np.sum(np.stack(self._past), axis=0, dtype=np.int64)
        level: Units = (self.base + self.periods * total // len(self._past)).astype(np.int32)
        return level, level

    def fresh(self) -> MovingAverageLevels:
        """Return levels with an empty past."""
        return MovingAverageLevels(self.window, self.periods, self.base)


@dataclass(frozen=True, slots=True)
class Policy:
    """How the SKUs of a site are reordered.

    At its review a SKU whose inventory position is at or below the reorder point is ordered up to
    the level, or in lots of the fixed quantity until the position is above the reorder point.
    Base stock is a reorder point of the level less one.

    Attributes
    ----------
    levels : where reorder point and order-up-to level come from
    fixed_quantity : (K,) int32, units; 0 for order-up-to
    least, multiple : (K,) int32, units of one order line; multiple at least 1
    every, first : (K,) int64, ticks between reviews, and the tick of the first
    echelon : (K,) bool; the position counts the stock of the sites that it feeds, too
    signed : order the exact difference even when it is negative (goods go back freely)
    """

    levels: Levels
    fixed_quantity: Units
    least: Units
    multiple: Units
    every: Places
    first: Places
    echelon: Flags
    signed: bool = False

    def due(self, tick: int) -> Places:
        """Return the SKUs that are reviewed at a tick."""
        since = tick - self.first
        return np.flatnonzero((since >= 0) & (since % self.every == 0))


def order_up_to_policy(
    level: Units,
    *,
    reorder_point: Units | None = None,
    every: int = 1,
    first: int = 0,
    echelon: bool = False,
    signed: bool = False,
) -> Policy:
    """Return a policy with one set of levels for all ticks; base stock without reorder points.

    Parameters
    ----------
    level, reorder_point : (K,) int32, units
    every, first : ticks
    """
    level = np.asarray(level, np.int32)
    point = level - 1 if reorder_point is None else np.asarray(reorder_point, np.int32)
    n_skus = len(level)
    return Policy(
        levels=TimedLevels(point[None, :].astype(np.int32), level[None, :]),
        fixed_quantity=np.zeros(n_skus, np.int32),
        least=np.zeros(n_skus, np.int32),
        multiple=np.ones(n_skus, np.int32),
        every=np.full(n_skus, every, np.int64),
        first=np.full(n_skus, first, np.int64),
        echelon=np.full(n_skus, echelon, np.bool_),
        signed=signed,
    )
