"""Tonight's transfers that the planner has decided: put aboard beforehand, or kept off their lanes.

What is forced leaves the problem: its units lie at their goal, its lanes carry it and owe their
trips for it, what products share has less room. The rest is searched as ever; both are added up.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from optimizer.allocation.positioning.costs import terms
from optimizer.allocation.positioning.from_scenario import Read
from optimizer.allocation.positioning.problem import Flags, Floats, Ints, Moves, Problem

FITS = 1e-9  # of a room


@dataclass(frozen=True, slots=True)
class Decided:
    """A problem with decisions.

    Attributes
    ----------
    problem : without what is forced, and with what is barred
    product, lane, qty : (n_forced,) int64, what is forced
    paid : money for it, trips left out
    bounded : a bound of the problem and `paid` bound every plan; else units that are forced may
        come by several modes, and only one was looked at
    """

    problem: Problem
    product: Ints
    lane: Ints
    qty: Ints
    paid: float
    bounded: bool

    def together(self, found: Moves) -> Moves:
        """Return what was found and what is forced, one row for each product and lane."""
        rows = pd.DataFrame(
            {
                "product": np.concatenate([found.product, self.product]),
                "lane": np.concatenate([found.lane, self.lane]),
                "qty": np.concatenate([found.qty, self.qty]),
            }
        )
        rows = rows.groupby(["product", "lane"], as_index=False)["qty"].sum()
        product, lane, qty = (rows[name].to_numpy(np.int64) for name in rows.columns)
        return replace(found, product=product, lane=lane, qty=qty)

    def filled(self, found: Moves) -> bool:
        """Say whether shipments with forced units are filled as far as they must be."""
        lanes = self.problem.lanes
        _, kg, m3 = found.load(self.problem) + lanes.carried
        full = np.maximum(kg / lanes.trip_kg, m3 / lanes.trip_m3)
        trips = np.maximum(np.ceil(full - FITS), 1.0)
        short = (lanes.carried[0] > 0.0) & (full < trips * lanes.trip_fill - FITS)
        return not short.any()


@dataclass(frozen=True, slots=True)
class Refused:
    """No plan has what was decided: why, and whether that is proven."""

    reason: str
    proven: bool = True


def decide(read: Read, decisions: pd.DataFrame) -> Decided | Refused:
    """Return the problem under decisions, or why they cannot be.

    Parameters
    ----------
    decisions : decision_id, product_id, origin_id, site_id, sense, qty; blank ids mean any
    """
    problem = read.problem
    barred = np.zeros((problem.shape[0], len(problem.lanes)), bool)
    named: dict[tuple[str, ...], tuple[float, float, str]] = {}
    for row in decisions.itertuples():
        key = (row.product_id, row.origin_id, row.site_id)
        low = float(row.qty) if row.sense != "<=" else 0.0
        high = float(row.qty) if row.sense != ">=" else np.inf
        if not all(isinstance(name, str) for name in key) or (0.0 < high < np.inf and not low):
            if low or high:
                return Refused(
                    f"Decision {row.decision_id} on transfers: it names product, origin and goal"
                    " and says = or >=, or it forbids (= 0).",
                    proven=False,
                )
            barred |= _about(read, *key)
            continue
        before = named.get(key, (0.0, np.inf, ""))
        named[key] = max(low, before[0]), min(high, before[1]), str(row.decision_id)
    forced: list[tuple[int, int, int]] = []
    bounded = True
    for about, (low, high, name) in named.items():
        ways = _about(read, *about) & _in_time(problem)
        refused = _refused(read, about, low, high, name, ways & ~barred)
        if refused is not None:
            return refused
        if low:
            product, lane = _cheapest(problem, ways & ~barred, int(np.ceil(low - FITS)))
            bounded &= int((ways & ~barred).sum()) == 1
            forced.append((product, lane, int(np.ceil(low - FITS))))
        if np.isfinite(high):
            barred |= _about(read, *about)
    columns = np.array(forced, np.int64).reshape(-1, 3).T
    return _aboard(replace(problem, barred=barred), columns, bounded=bounded)


# ---- inside ---------------------------------------------------------------------------------


def _about(read: Read, product: object, origin: object, goal: object) -> Flags:
    """Return which products and lanes a decision is about, (n_products, n_lanes)."""
    ways, count = read.lanes, len(read.products)
    lane = np.ones(len(ways), bool)
    if isinstance(origin, str):
        lane &= (ways["origin_id"] == origin).to_numpy(bool)
    if isinstance(goal, str):
        lane &= (ways["destination_id"] == goal).to_numpy(bool)
    names = np.array(read.products, object)
    mine = names == product if isinstance(product, str) else np.ones(count, bool)
    about: Flags = mine[:, None] & lane[None, :]
    return about


def _in_time(problem: Problem) -> Flags:
    sooner: Flags = (
        problem.lanes.transit_days[None, :] < problem.wait_days[:, problem.lanes.destination]
    )
    return sooner


def _refused(
    read: Read, key: tuple[str, ...], low: float, high: float, name: str, ways: Flags
) -> Refused | None:
    """Say which rule alone stands against a decision."""
    product, origin, goal = key
    if low > high or (np.isfinite(high) and low != np.round(low)):
        return Refused(f"Decision {name} is against another, or asks for parts of a unit.")
    if not low:
        return None
    if not _about(read, *key).any():
        return Refused(f"Decision {name}: no lane joins {origin} and {goal}.")
    if not ways.any():
        return Refused(
            f"Decision {name}: {product} comes to {goal} from its supplier no later than from"
            f" {origin}, or it is kept off the lane by another decision."
        )
    free = int(read.problem.free[read.products.index(product), read.sites.index(origin)])
    if low > free:
        return Refused(f"Decision {name}: {free} units of {product} may leave {origin} tonight.")
    return None


def _cheapest(problem: Problem, ways: Flags, units: int) -> tuple[int, int]:
    """Return product and lane on which so many units cost least by themselves."""
    products, found = np.nonzero(ways)
    product = int(products[0])
    costs = []
    for lane in found.tolist():
        alone = _moves(np.array([product]), np.array([lane]), np.array([units]))
        cost = terms(problem, alone)
        costs.append(cost["transport"] + cost["handling"] + cost["co2"])
    return product, int(found[int(np.argmin(costs))])


def _moves(product: Ints, lane: Ints, qty: Ints) -> Moves:
    none = np.zeros(0, np.int64)
    return Moves(product, lane, qty, none, none, none, none)


def _aboard(problem: Problem, columns: Ints, *, bounded: bool) -> Decided | Refused:
    """Put what is forced aboard."""
    product, lane, qty = columns
    lanes, rows = problem.lanes, problem.rows
    forced = _moves(product, lane, qty)
    load: Floats = forced.load(problem)
    free, fixed = problem.free.copy(), problem.fixed.copy()
    np.add.at(free, (product, lanes.origin[lane]), -qty)
    np.add.at(fixed, (product, lanes.destination[lane]), qty.astype(np.float64))
    if (free < 0).any():
        return Refused("The decisions on transfers together ask for more than may leave tonight.")
    room = rows.room - rows.loads(load)
    for row in np.flatnonzero(room < -FITS * np.maximum(rows.room, 1.0)).tolist():
        eased = bool((rows.units[row] < 0).any() | (rows.m3[row] < 0).any())
        return Refused(
            f"The decisions on transfers ask for more of {rows.kind[row]} {rows.entity[row]} than"
            f" the {rows.room[row]:g} that are left.",
            proven=not eased,
        )
    linear = lanes.per_unit + lanes.handling
    paid = float(linear @ load[0] + (lanes.per_kg + lanes.co2) @ load[1] + lanes.per_m3 @ load[2])
    under = replace(
        problem,
        free=free,
        fixed=fixed,
        lanes=replace(lanes, aboard=load),
        rows=replace(rows, room=np.maximum(room, 0.0)),
    )
    return Decided(under, product, lane, qty, paid, bounded)
