"""A plan under way: units on lanes and across, the levels they lead to, what a change costs."""

from __future__ import annotations

import numpy as np

from optimizer.allocation.positioning.costs import expected_short
from optimizer.allocation.positioning.problem import Floats, Ints, Moves, Problem


class PlanState:
    """Units moved and held, kept in step with levels.

    Attributes
    ----------
    moved : (n_products, n_lanes) int64, units
    across : (n_products, n_sites, n_sites) int64, units at [i] held for [j]
    local, total : (n_products, n_sites) units
    """

    def __init__(self, problem: Problem, moves: Moves) -> None:
        products, sites = problem.shape
        self.problem = problem
        self.moved = np.zeros((products, len(problem.lanes)), np.int64)
        self.across = np.zeros((products, sites, sites), np.int64)
        np.add.at(self.moved, (moves.product, moves.lane), moves.qty)
        np.add.at(self.across, (moves.held_product, moves.held_at, moves.held_for), moves.held_qty)
        self.local, self.total = moves.levels(problem)

    def moves(self) -> Moves:
        """Return the plan as moves."""
        product, lane = np.nonzero(self.moved)
        held, at, region = np.nonzero(self.across)
        return Moves(
            product,
            lane,
            self.moved[product, lane],
            held,
            at,
            region,
            self.across[held, at, region],
        )

    def load(self) -> Floats:
        """Return units, kg and m3 on each lane, (3, n_lanes)."""
        problem = self.problem
        units = self.moved.astype(np.float64)
        return np.array([units.sum(axis=0), problem.kg @ units, problem.m3 @ units])

    def cut(self, product: Ints, lane: Ints, qty: Ints) -> None:
        """Leave units at their origin instead; each (product, lane) once."""
        lanes = self.problem.lanes
        self.moved[product, lane] -= qty
        amount = qty.astype(np.float64)
        for level in (self.local, self.total):
            np.add.at(level, (product, lanes.origin[lane]), amount)
            np.add.at(level, (product, lanes.destination[lane]), -amount)

    def cost_of_cutting(
        self, product: Ints, lane: Ints, qty: Ints, here: Floats, least: Floats
    ) -> Floats:
        """Return expected cost that leaving units at their origin adds, (n_moves,) money.

        What the lane costs is not in it.

        Parameters
        ----------
        here : (n_products, n_sites) money per unit that the own site cannot serve
        least : (n_products, n_sites) of `Problem.across`
        """
        problem = self.problem
        added = np.zeros(len(product))
        amount = qty.astype(np.float64)
        for site, sign in (
            (problem.lanes.origin[lane], 1.0),
            (problem.lanes.destination[lane], -1.0),
        ):
            at = (product, site)
            mean, sd, holding = problem.mean[at], problem.sd[at], problem.holding[at]
            beyond = holding + problem.shortage[at] - least[at]
            for level, price in ((self.local[at], here[at]), (self.total[at], beyond)):
                after = expected_short(level + sign * amount, mean, sd)
                added += price * (after - expected_short(level, mean, sd))
            added += sign * holding * amount
        return added
