"""What is added up of a run beside its figures: some goods, weighed, until some mornings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from simulation.arrays import Flags, Places, Sums
from simulation.kernels import rows as at

if TYPE_CHECKING:
    from simulation.state import State
    from simulation.world import World

CAUSES: Final = ("stock", "inbound_dock", "carrier", "feeding_dock", "outbound_dock")
ASKED, SHORT, LEFT = range(3)  # rows of what is added up: units so far, and on the shelf then


@dataclass(frozen=True, slots=True)
class Limit:
    """Most units that customers ask for under a promotion.

    Attributes
    ----------
    first, last : ticks of the promotion
    units : most units of all its goods together
    without : (n_ticks,) row of the demand arrays without the promotion
    goods : per site (K,) whether it promotes the SKU
    """

    first: int
    last: int
    units: int
    without: Places
    goods: tuple[Flags, ...]


@dataclass(frozen=True, slots=True)
class Watch:
    """What is added up.

    Attributes
    ----------
    marks : ticks, ascending, on whose mornings the sums so far are taken; once more at the end
    weights : per site (K, W) int64, by which units are multiplied
    goods : per site (K,) whether it is told by day and cause how the SKU goes short
    """

    marks: tuple[int, ...]
    weights: tuple[Sums, ...]
    goods: tuple[Flags, ...]


class Watching:
    """The sums of one run over one chunk of replications.

    A unit that goes short while the evening's shelf holds one went short at the outbound dock (or
    is kept for a channel); one that is not there waits at the gate of an inbound dock, for a lane
    with a limited weight, or at a feeding site that has stock and may not send it; else stock.
    """

    def __init__(self, watch: Watch, world: World, state: State) -> None:
        self.watch, self.world, self.state = watch, world, state
        n = len(state.replications)
        self.sums: list[Sums] = []
        self.places = [np.flatnonzero(goods) for goods in watch.goods]
        self.before = [np.zeros((n, len(places)), np.int64) for places in self.places]
        self.short = np.zeros((len(CAUSES), len(world.sites), world.n_ticks, n), np.int64)

    def morning(self, tick: int) -> None:
        """Take the sums where the morning is a mark."""
        if tick in self.watch.marks:
            self.sums.append(self._taken())

    def close(self) -> Sums:
        """Return (M + 1, 3, W, R) sums at the marks and at the end."""
        return np.stack([*self.sums, self._taken()])

    def _taken(self) -> Sums:
        total = np.zeros(
            (3, self.watch.weights[0].shape[1], len(self.state.replications)), np.int64
        )
        for held, weights in zip(self.state.sites, self.watch.weights, strict=True):
            for row, units in (
                (ASKED, held.totals[at.T_DEMAND]),
                (SHORT, held.totals[at.T_SHORT]),
                (LEFT, held.on_hand),
            ):
                total[row] += (units.astype(np.int64) @ weights).T
        return total

    def night(self, tick: int) -> None:
        """Tell how the goods went short today, and why."""
        for i, places in enumerate(self.places):
            if not len(places):
                continue
            held = self.state.sites[i]
            so_far = held.totals[at.T_SHORT][:, places].astype(np.int64)
            short = so_far - self.before[i]
            self.before[i] = so_far
            if not short.any():
                continue
            there = np.minimum(short, held.on_hand[:, places])
            self.short[CAUSES.index("outbound_dock"), i, tick] = there.sum(axis=1)
            missing = (short - there).sum(axis=1)
            gate = self.state.counts.get(("at_gate", i))
            waits = np.zeros(len(missing), bool) if gate is None else gate[tick] > 0
            loads, feeding = self._waiting(i, places)
            for cause, why in (
                ("inbound_dock", waits),
                ("carrier", loads & ~waits),
                ("feeding_dock", feeding & ~loads & ~waits),
                ("stock", ~feeding & ~loads & ~waits),
            ):
                self.short[CAUSES.index(cause), i, tick] = np.where(why, missing, 0)

    def _waiting(self, site: int, places: Places) -> tuple[Flags, Flags]:
        """Return (R,) whether goods wait for a lane of limited weight, and at a feeding dock."""
        n = len(self.state.replications)
        loads, feeding = np.zeros(n, bool), np.zeros(n, bool)
        for j in self.world.in_lanes[site]:
            lane, line = self.world.lanes[j], self.state.lanes[j]
            columns = np.flatnonzero(np.isin(lane.into, places))
            if not line.some_waiting or not len(columns):
                continue
            waiting = line.waiting[:, columns] > 0
            if lane.origin >= 0:
                stock = self.state.sites[lane.origin].on_hand[:, lane.out_of[columns]]
                waiting &= stock > 0
            if lane.load is not None:
                loads |= waiting.any(axis=1)
            elif lane.origin >= 0:
                feeding |= waiting.any(axis=1)
        return loads, feeding
