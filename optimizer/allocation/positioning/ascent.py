"""Raises the bound by moving the prices of what is shared.

The bound is concave in the prices and, with many products, nearly smooth, so a quasi-Newton method
with bounds climbs it well; every point that it looks at is a valid bound.

Source: Byrd, Lu, Nocedal and Zhu (1995), A limited memory algorithm for bound constrained
optimization; Lewis and Overton (2013), Nonsmooth optimization via quasi-Newton methods.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.optimize import minimize

from optimizer.allocation.positioning.costs import expected_short, missed_share
from optimizer.allocation.positioning.effort import Effort
from optimizer.allocation.positioning.flows import Flows
from optimizer.allocation.positioning.multipliers import (
    Prices,
    here_cost,
    lane_costs,
    lower_bound,
    useful_units,
)
from optimizer.allocation.positioning.problem import Floats, Problem
from optimizer.outcome import OPTIMAL_GAP

MOST_STEPS = 400  # looks at the bound in all
ONE_CLIMB = 120  # of them before the memory is dropped
MEMORY = 20
GAIN = 1e-6  # of the bound: a climb that gains less is the last
FIRST_STEP = 0.1
OPENING_PASSES = 6.0  # work of a look while lanes are opened, in passes
RATE = 1.0  # of the multiplicative weights, at first
ASKED_AT = 20  # steps after which a plan is made, where that costs little
CHEAP_PASS = 0.02  # work


class _EnoughError(Exception):
    """The limits or the gap say stop."""


class Ascent:
    """Climbs; keeps the best prices and what they prove.

    Parameters
    ----------
    upper : cost of a plan
    improve : makes a plan from the flows at these prices and returns the least cost so far
    prices : to start from
    """

    def __init__(
        self,
        problem: Problem,
        flows: Flows,
        effort: Effort,
        upper: float,
        improve: Callable[[Prices], float],
        prices: Prices,
    ) -> None:
        self.problem, self.flows, self.effort = problem, flows, effort
        self.upper, self.improve = upper, improve
        self.prices = prices
        self.steps = 0
        self.converged = False
        load = flows.at(self.prices)
        self.bound = lower_bound(problem, self.prices, flows.value_here, flows.value)
        effort.add_pass()
        self.scale = _scales(problem, load, upper - self.bound.value)

    def climb(self, most_steps: int = MOST_STEPS) -> None:
        """Climb until a limit or the gap says stop, or the bound does not rise any more."""
        rows = len(self.prices.row)
        start = _flat(self.prices, self.scale)
        ranges = [(0.0, None)] * rows + [(0.0, 1.0)] * (len(start) - rows)
        try:
            last = self.steps + most_steps
            while len(start) and self.steps < last:
                before = self.bound.value
                minimize(
                    self._look,
                    start,
                    jac=True,
                    method="L-BFGS-B",
                    bounds=ranges,
                    options={
                        "maxfun": min(ONE_CLIMB, most_steps),
                        "maxcor": MEMORY,
                        "ftol": 1e-10,
                        "gtol": 1e-12,
                    },
                )
                if self.bound.value - before <= GAIN * abs(self.bound.value):
                    break
                start = _flat(self.prices, self.scale)
            self.converged = True
        except _EnoughError:
            self.converged = self._closed()

    def open_lanes(self, most_steps: int) -> None:
        """Let the first unit on a lane pay for a part of its trip, and share that out.

        Products that use most of what is useful to them take more of the charge (multiplicative
        weights); lanes that carry less than a trip charge more of it to opening.

        Source: Arora, Hazan and Kale (2012), The multiplicative weights update method.
        """
        problem, lanes = self.problem, self.problem.lanes
        prices = self.prices
        if not prices.spread.size:
            load = self.flows.at(prices)
            prices = replace(
                prices,
                opening=np.where(_filled(problem, prices, load) < 1.0, 1.0, 0.0),
                spread=np.full((problem.shape[0], len(lanes)), 1.0 / max(problem.shape[0], 1)),
            )
        for step in range(most_steps):
            if self.effort.time_to_plan() or self._closed():
                return
            load = self.flows.at(prices)
            bound = lower_bound(problem, prices, self.flows.value_here, self.flows.value)
            self.effort.add_pass(OPENING_PASSES)
            if bound.value > self.bound.value:
                self.bound, self.prices = bound, prices
            prices = self._shared_out(prices, load, RATE / np.sqrt(1.0 + step / 4.0))

    def _shared_out(self, prices: Prices, load: Floats, rate: float) -> Prices:
        """Return prices with the charges for opening moved towards those who use lanes."""
        problem, flows = self.problem, self.flows
        here = here_cost(problem, prices, flows.least)
        unit, per_kg, per_m3 = lane_costs(problem, prices)
        spread, opening = prices.spread.copy(), prices.opening.copy()
        filled = _filled(problem, prices, load)
        for a in np.flatnonzero((problem.lanes.trip_cost > 0.0) & (load[0] > 0.0)).tolist():
            cost = unit[a] + per_kg[a] * problem.kg + per_m3[a] * problem.m3
            useful = useful_units(problem, a, cost, here, flows.least)
            moved = (flows.moved[:, a] * flows.lot).astype(np.float64)
            used = np.divide(moved, useful, out=np.zeros(len(useful)), where=useful > 0.0)
            total = float(spread[:, a].sum())
            part = float(spread[:, a] @ used) / max(total, 1e-300)
            part = 1.0 if problem.lanes.carried[0, a] > 0.0 else part
            top = float(used.max(initial=0.0))
            if top > 0.0:
                spread[:, a] *= np.exp(rate * (used - part) / top)
                spread[:, a] = np.maximum(spread[:, a] / spread[:, a].sum(), 1e-9)
            opening[a] = min(max(opening[a] + rate * (part - filled[a]), 0.0), 1.0)
        return replace(prices, spread=spread, opening=opening)

    def _closed(self) -> bool:
        return self.upper - self.bound.value <= 0.1 * OPTIMAL_GAP * max(abs(self.upper), 1e-9)

    def _look(self, at: Floats) -> tuple[float, Floats]:
        """Return the negative bound and its slope, in parts of the cost of a plan."""
        if self.effort.time_to_plan() or self._closed():
            raise _EnoughError
        prices = _prices(at, self.scale, self.prices)
        load = self.flows.at(prices)
        bound = lower_bound(self.problem, prices, self.flows.value_here, self.flows.value)
        self.effort.add_pass()
        self.steps += 1
        if bound.value > self.bound.value:
            self.bound, self.prices = bound, prices
        if self.steps == ASKED_AT and self.effort.one_pass < CHEAP_PASS:
            self.upper = min(self.upper, self.improve(prices))
        size = max(abs(self.upper), 1e-9)
        slope = _slopes(self.problem, self.flows, load, self.scale, prices.opening)
        return -bound.value / size, -slope / size


def _filled(problem: Problem, prices: Prices, load: Floats) -> Floats:
    """Return trips that each lane is charged for, parts of trips as they are filled."""
    by_kg, lanes = prices.by_kg, problem.lanes
    load = load + lanes.carried
    trips: Floats = by_kg * load[1] / lanes.trip_kg + (1.0 - by_kg) * load[2] / lanes.trip_m3
    return trips


def _flat(prices: Prices, scale: Floats) -> Floats:
    row = np.divide(prices.row, scale, out=np.zeros(len(scale)), where=scale > 0.0)
    return np.concatenate([row, prices.by_kg, prices.first.ravel()])


def _prices(at: Floats, scale: Floats, like: Prices) -> Prices:
    rows, lanes = len(like.row), len(like.by_kg)
    return replace(
        like,
        row=np.maximum(at[:rows], 0.0) * scale,
        by_kg=np.clip(at[rows : rows + lanes], 0.0, 1.0),
        first=np.clip(at[rows + lanes :], 0.0, 1.0).reshape(like.first.shape),
    )


def _scales(problem: Problem, load: Floats, saving: float) -> Floats:
    """Return money per unit of room that is a step of each row's price."""
    rows = problem.rows
    used = np.abs(rows.units) @ load[0] + np.abs(rows.kg) @ load[1] + np.abs(rows.m3) @ load[2]
    size = np.maximum(used, rows.room)
    step = FIRST_STEP * max(saving, 0.0) / np.maximum(size, 1e-12)
    scale: Floats = np.where(size > 0.0, step, 0.0)
    return scale


def _slopes(problem: Problem, flows: Flows, load: Floats, scale: Floats, opening: Floats) -> Floats:
    """Return a supergradient of the bound, money per step of each price."""
    rows, lanes, together = problem.rows, problem.lanes, problem.together
    over = scale * (rows.loads(load) - rows.room)
    _, kg, m3 = load + lanes.carried
    filled = kg / lanes.trip_kg - m3 / lanes.trip_m3
    both = np.isfinite(lanes.trip_kg) & np.isfinite(lanes.trip_m3)
    trip = lanes.trip_cost * (1.0 - opening)
    parts = [over, np.where(both, trip * filled, 0.0)]
    if len(together.first):
        local, _ = flows.moves().levels(problem)
        which = np.unique(np.concatenate([together.first, together.second]))
        short = np.zeros(problem.shape)
        short[which] = expected_short(local[which], problem.mean[which], problem.sd[which])
        missed = missed_share(problem, short)
        parts.append((together.cost * (missed[together.first] - missed[together.second])).ravel())
    return np.concatenate(parts)
