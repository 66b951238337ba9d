"""Which reorder rule each product-location follows, and what decided its numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.analytics.classes import abc_of_pairs
from optimizer.replenishment.facts import Facts
from optimizer.replenishment.policies.bands import best_bands
from optimizer.replenishment.policies.intervals import (
    Intervals,
    demand_in,
    is_fed,
    read_intervals,
)
from optimizer.replenishment.policies.laws import Flags, Floats
from optimizer.replenishment.policies.levels import cost_level
from optimizer.replenishment.policies.lots import best_lots, best_point
from optimizer.replenishment.policies.service import lowest_top
from scenarios.settings import DEFAULT_SERVICE_TARGETS

Words = NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Reorder:
    """Reorder rules of all pairs: at or under `point` order up to `top` (r_Q: order `gap`).

    Attributes
    ----------
    intervals : demand, costs and terms that they are made from
    point, gap : (n,) units of the echelon; the highest position is point + gap
    own_point, own_top : (n,) units, less what stands in the levels of the pairs fed from here
    decided_by : what decided: planner, cost, fill_rate, cycle_service, class_target, min_cover or
        max_cover
    even : (n,) whether the rule orders a fixed lot
    """

    intervals: Intervals
    point: Floats
    gap: Floats
    own_point: Floats
    own_top: Floats
    decided_by: Words
    even: Flags

    @property
    def top(self) -> Floats:
        """Highest position of the echelon, (n,) units."""
        highest: Floats = self.point + self.gap
        return highest


def reorder_rules(facts: Facts) -> Reorder:
    """Choose every pair's rule; numbers that the planner set stay as they are."""
    intervals = read_intervals(facts)
    pairs = facts.pairs
    kind = pairs["policy"].to_numpy(object)
    lots = kind == "r_Q"
    bands = (kind == "s_S") | (kind == "min_max")
    point, gap = _by_cost(intervals, bands, lots)
    decided: Words = np.full(len(pairs), "cost", object)
    point = _by_targets(facts, intervals, point, gap, lots, decided)
    point, gap = _within_cover(facts, point, gap, lots, decided)
    own_point, own_top = _less_fed(facts, point, gap)
    planned_point, planned_top = _as_planned(facts, own_point, own_top, gap, decided)
    # what the planner moves at a site moves the echelon that it stands for
    top = point + gap + planned_top - own_top
    gap = planned_top - planned_point
    return Reorder(intervals, top - gap, gap, planned_point, planned_top, decided, lots)


def _as_planned(
    facts: Facts, point: Floats, top: Floats, gap: Floats, decided: Words
) -> tuple[Floats, Floats]:
    """Put the planner's numbers in the place of computed ones; the others make room for them."""
    pairs = facts.pairs
    kind = pairs["policy"].to_numpy(object)
    s, up_to, r, lot = (pairs[name].to_numpy(np.float64) for name in ("s", "S", "r", "Q"))
    has = {"s": ~np.isnan(s), "S": ~np.isnan(up_to), "r": ~np.isnan(r), "Q": ~np.isnan(lot)}
    lots = kind == "r_Q"
    fixed_lot = np.where(has["Q"], lot, gap)
    low = np.where(has["r"], r, point)
    by_lot = (low, low + fixed_lot)
    high = np.where(has["S"], up_to, np.maximum(top, np.where(has["s"], s + 1.0, top)))
    at_most = np.where(kind == "base_stock", high - 1.0, np.minimum(point, high - 1.0))
    by_level = (np.where(has["s"], np.minimum(s, high - 1.0), at_most), high)
    bands = (kind == "s_S") | (kind == "min_max")
    whole = np.where(lots, has["r"] & has["Q"], np.where(bands, has["s"] & has["S"], has["S"]))
    decided[whole.astype(bool)] = "planner"
    return np.where(lots, by_lot[0], by_level[0]), np.where(lots, by_lot[1], by_level[1])


def _by_cost(intervals: Intervals, bands: Flags, lots: Flags) -> tuple[Floats, Floats]:
    """Return the points and gaps of least cost."""
    level = cost_level(intervals.law, intervals.holding, intervals.shortage)
    level = np.where(intervals.law.mean > 0.0, level, 0.0)
    point, gap = level - 1.0, np.ones(len(level))
    plain = (
        (intervals.period.mean <= 1e-9) | (intervals.holding <= 0.0) | (intervals.shortage <= 0.0)
    )
    at = np.flatnonzero(bands & ~plain & ((intervals.order > 0.0) | (intervals.least > 1.0)))
    if len(at):
        found = best_bands(intervals.costs(at), intervals.least[at])
        point[at], gap[at] = found.low, found.high - found.low
        # an MOQ beyond every level worth considering: the best window of that width
        short = at[gap[at] < intervals.least[at]]
        gap[short] = np.ceil(intervals.least[short])
        point[short] = best_point(intervals.costs(short), gap[short])
    at = np.flatnonzero(lots)
    gap[at] = np.maximum(intervals.least, intervals.multiple)[at]
    at = np.flatnonzero(lots & ~plain)
    if len(at):
        lot = best_lots(intervals.costs(at), intervals.least[at], intervals.multiple[at])
        point[at], gap[at] = lot.point, lot.lot
    return point, gap


def _by_targets(
    facts: Facts, intervals: Intervals, point: Floats, gap: Floats, even: Flags, decided: Words
) -> Floats:
    """Return the points that reach the targets; `decided` is told where a target decides.

    A target without a stated shortage cost decides alone; beside a stated cost it is a floor.
    """
    pairs = facts.pairs
    fill = pairs["target_fill_rate"].to_numpy(np.float64)
    cycle = pairs["target_cycle_service"].to_numpy(np.float64)
    own = ~np.isnan(fill) | ~np.isnan(cycle)
    listed = facts.scenario.table("inventory_policies")["shortage_cost"]
    costed = np.zeros(len(pairs), bool)
    costed[: len(listed)] = listed.notna().to_numpy()
    by_class = np.zeros(len(pairs), bool)
    targets = facts.scenario.settings.service_targets
    if targets != DEFAULT_SERVICE_TARGETS:
        of_class = pd.Series(abc_of_pairs(facts)).map(targets).to_numpy(np.float64)
        by_class = ~own & ~costed & ~np.isnan(of_class)
        cycle = np.where(by_class, of_class, cycle)
    rows = np.flatnonzero((own | by_class) & (intervals.law.mean > 0.0))
    if not len(rows):
        return point
    top = lowest_top(intervals, gap, even, fill, cycle, rows)
    asked = top - gap[rows]
    floor = costed[rows] & (asked <= point[rows])
    by_fill = ~np.isnan(fill[rows])
    both = np.flatnonzero(by_fill & ~np.isnan(cycle[rows]))
    if len(both):
        none = np.full(len(fill), np.nan)
        by_fill[both] = lowest_top(intervals, gap, even, none, cycle, rows[both]) < top[both]
    names = np.where(by_fill, "fill_rate", "cycle_service")
    names = np.where(by_class[rows], "class_target", names)
    decided[rows] = np.where(floor, decided[rows], names)
    moved = point.copy()
    moved[rows] = np.where(floor, point[rows], asked)
    return moved


def _within_cover(
    facts: Facts, point: Floats, gap: Floats, lots: Flags, decided: Words
) -> tuple[Floats, Floats]:
    """Lift and cut the highest position to the days of cover asked for; the most decides last."""
    for column, is_most in (("min_cover_days", False), ("max_cover_days", True)):
        days = facts.pairs[column].to_numpy(np.float64)
        if np.isnan(days).all():
            continue
        cover = demand_in(facts, np.nan_to_num(days))[0]
        top = point + gap
        wanted = np.floor(cover + 1e-9) if is_most else np.ceil(cover - 1e-9)
        moved = ~np.isnan(days) & ((top > wanted) if is_most else (top < wanted))
        decided[moved] = "max_cover" if is_most else "min_cover"
        if is_most:
            # a band keeps its point as far as it can; a lot is not cut
            low = np.where(lots, wanted - gap, np.minimum(point, wanted - 1.0))
        else:
            low = wanted - gap
        point = np.where(moved, np.maximum(low, -1.0), point)
        shrunk = np.maximum(wanted - point, 1.0)
        gap = np.where(moved & ~lots, shrunk, gap) if is_most else gap
    return point, gap


def _less_fed(facts: Facts, point: Floats, gap: Floats) -> tuple[Floats, Floats]:
    """Return points and tops of the pairs' own stock: less the tops of the pairs they feed."""
    fed, top = is_fed(facts), point + gap
    if not fed.any():
        return point, top
    root = facts.pairs["root"].to_numpy(np.int64)
    held_below = np.bincount(root[fed], top[fed], minlength=len(root))
    held_below = np.where(fed, 0.0, held_below)
    own_top = np.maximum(top - held_below, 0.0)
    return np.where(held_below > 0.0, own_top - gap, point), own_top
