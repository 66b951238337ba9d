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

    def add_lists(self, plans: list[Ints]) -> None:
        """Add a list of plans of every item, (n_plans, slots of the item) each."""
        start = self.problem.slots.start
        for wave in range(max((len(own) for own in plans), default=0)):
            which = [item for item, own in enumerate(plans) if wave < len(own)]
            qty = np.zeros(int(start[-1]), np.int64)
            for item in which:
                qty[start[item] : start[item + 1]] = plans[item][wave]
            self.add(qty, np.array(which, np.int64))

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
