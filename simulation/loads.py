"""What lanes carry in a day, and what suppliers hand over in a week."""

from __future__ import annotations

import numpy as np

from simulation.arrays import Sums
from simulation.docks import NO_LIMIT, give_back
from simulation.facts import Load
from simulation.kernels.rows import ALL
from simulation.run import Run
from simulation.world import FLOW_ONE, Lane

GRAMS = 1000.0  # in a kg


class Loads:
    """Daily weight of the lanes during one run.

    A unit that begins within the day's weight goes; what hangs over is taken from the days after,
    so that no unit is too heavy to go ever, and no more goes in the long run. Weight that is not
    used is not kept.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.facts: dict[int, Load] = {}
        for j, lane in enumerate(run.world.lanes):
            struck = run.strikes("carrier_capacity_loss", "lanes", j)
            if lane.load is not None:
                self.facts[j] = lane.load
            elif struck:
                self.facts[j] = usual_load(lane)
        self.balance = {j: np.zeros(run.n_replications, np.int64) for j in self.facts}

    def new_day(self) -> None:
        """Give every lane its weight for the tick."""
        for j, load in self.facts.items():
            share = self.run.conditions.carriage[j].astype(np.int64)
            daily = (load.grams * share) >> 16
            if self.run.world.lanes[j].load is None:
                daily = np.where(share < ALL, daily, NO_LIMIT)
            self.balance[j] = np.minimum(self.balance[j] + daily, daily)

    def cut(self, lane: int, tick: int) -> None:
        """Cut what a lane has loaded to the weight that it has left."""
        load = self.facts.get(lane)
        if load is None:
            return
        loaded = self.run.state.lanes[lane].loaded
        total = np.maximum(loaded, 0) @ load.weight
        left = self.balance[lane]
        if (total <= left).all():
            return
        granted = np.empty_like(loaded)
        before, used = np.zeros((2, len(loaded)), np.int64)
        n = loaded.shape[1]
        self.run.coupled.ration(
            loaded, load.weight, left, total, before, used, np.arange(n), tick % n, True, True,
            granted,
        )  # fmt: skip
        give_back(self.run, lane, granted)

    def settle(self, lane: int) -> None:
        """Take the weight that leaves from what the lane has left."""
        load = self.facts.get(lane)
        if load is not None:
            loaded = self.run.state.lanes[lane].loaded
            self.balance[lane] -= np.maximum(loaded, 0) @ load.weight


def usual_load(lane: Lane) -> Load:
    """Return the weight that a lane without a limit normally carries in a tick, at least a gram."""
    kg = lane.kg if lane.kg is not None else np.zeros(lane.n_skus)
    weight = np.rint(kg * GRAMS).astype(np.int64)
    return Load(max(1, int(lane.normal_flow @ weight) // FLOW_ONE), weight)


class Quotas:
    """Weekly units of the suppliers during one run, shared out in proportion to what waits.

    Of the units left h, a lane that wants w after lanes that want b, of c in all, gets
    floor(h (b + w) / c) - floor(h b / c).
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.left: dict[int, Sums] = {}
        for i, supplier in enumerate(run.world.suppliers):
            if supplier.quota is not None:
                self.left[i] = np.zeros((run.n_replications, len(supplier.quota.units)), np.int64)

    def new_day(self, tick: int) -> None:
        """Begin a week on Monday; the first one begins with the first tick."""
        first = tick % self.run.world.ticks_per_day == 0 and self.run.weekday(tick) == 0
        if tick == 0 or first:
            for i, left in self.left.items():
                quota = self.run.world.suppliers[i].quota
                if quota is not None:
                    left[...] = quota.units

    def cut(self, supplier: int, lanes: list[int]) -> None:
        """Cut what the lanes of a supplier have loaded to what is left of its week."""
        left = self.left.get(supplier)
        if left is None or not lanes:
            return
        run = self.run
        claimed = np.zeros_like(left)
        places = []
        for j in lanes:
            of = run.world.lanes[j].quota_of
            columns = np.flatnonzero(of >= 0) if of is not None else np.zeros(0, np.int64)
            places.append((columns, of[columns] if of is not None else columns))
        for j, (columns, rows) in zip(lanes, places, strict=True):
            claimed[:, rows] += run.state.lanes[j].loaded[:, columns]
        before = np.zeros_like(left)
        gone = np.zeros_like(left)
        for j, (columns, rows) in zip(lanes, places, strict=True):
            loaded = run.state.lanes[j].loaded
            wants = loaded[:, columns].astype(np.int64)
            there, earlier, total = left[:, rows], before[:, rows], claimed[:, rows]
            of_all = np.maximum(total, 1)
            part = there * (earlier + wants) // of_all - there * earlier // of_all
            granted = loaded.copy()
            granted[:, columns] = np.where(total <= there, wants, part)
            before[:, rows] += wants
            gone[:, rows] += granted[:, columns]
            give_back(run, j, granted)
        left -= gone
