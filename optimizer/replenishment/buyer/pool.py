"""Every item plan seen, each once."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from optimizer.replenishment.buyer.problem import Ints, Problem


@dataclass(slots=True)
class Pool:
    """Item plans.

    Attributes
    ----------
    item : item of each plan
    qty : its quantities on the item's slots
    cost : its own cost, money
    """

    problem: Problem
    item: list[int] = field(default_factory=list)
    qty: list[Ints] = field(default_factory=list)
    cost: list[float] = field(default_factory=list)
    seen: set[bytes] = field(default_factory=set)

    def add(self, qty: Ints, which: Ints) -> Ints:
        """Add the plans of some items; return the items whose plan is new."""
        start = self.problem.slots.start
        cost = self.problem.item_cost(qty)
        fresh = []
        for item in which.tolist():
            plan = qty[start[item] : start[item + 1]]
            key = item.to_bytes(4, "little") + plan.tobytes()
            if key in self.seen:
                continue
            self.seen.add(key)
            self.item.append(item)
            self.qty.append(plan.copy())
            self.cost.append(float(cost[item]))
            fresh.append(item)
        return np.array(fresh, np.int64)
