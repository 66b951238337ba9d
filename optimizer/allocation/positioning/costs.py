"""Expected costs of positions, and the terms of the objective.

Source: Zipkin (2000), Foundations of Inventory Management, section 6.4 (loss function of the normal
law).
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from optimizer.allocation.positioning.problem import Floats, Moves, Problem


def expected_short(level: Floats, mean: Floats, sd: Floats) -> Floats:
    """Return E[(D - level)+] of normal demand, units; arrays of one shape."""
    spread = np.maximum(sd, 1e-300)
    z = np.clip((level - mean) / spread, -1e6, 1e6)
    density = np.exp(-0.5 * np.minimum(z * z, 1400.0)) / np.sqrt(2.0 * np.pi)
    normal = spread * (density - z * ndtr(-z))
    short: Floats = np.where(sd > 0.0, np.maximum(normal, 0.0), np.maximum(mean - level, 0.0))
    return short


def split_cost(problem: Problem, short: Floats) -> float:
    """Return money for orders of products bought together that leave in two parcels.

    Parameters
    ----------
    short : (n_products, n_sites) E[(D - local)+]
    """
    together = problem.together
    missed = missed_share(problem, short)
    worst = np.maximum(missed[together.first], missed[together.second])
    return float((together.cost * worst).sum())


def missed_share(problem: Problem, short: Floats) -> Floats:
    """Return the share of demand that a site cannot serve from its own stock, 0 without demand."""
    wanted = problem.mean > 0.0
    share: Floats = np.divide(short, problem.mean, out=np.zeros(problem.shape), where=wanted)
    return share


def terms(problem: Problem, moves: Moves) -> dict[str, float]:
    """Return the objective's terms, money; they add up to it."""
    local, total = moves.levels(problem)
    least, beyond = problem.across()
    short_here = expected_short(local, problem.mean, problem.sd)
    short = expected_short(total, problem.mean, problem.sd)
    extra = beyond[moves.held_product, moves.held_at, moves.held_for]
    lanes = problem.lanes
    units, kg, m3 = moves.load(problem)
    trips = lanes.trips(kg, m3, units)
    linear = lanes.per_unit * units + lanes.per_kg * kg + lanes.per_m3 * m3
    return {
        "holding": float((problem.holding * (total - problem.mean + short)).sum()),
        "shortage": float((problem.shortage * short).sum()),
        "across": float((least * (short_here - short)).sum() + (extra * moves.held_qty).sum()),
        "split": split_cost(problem, short_here),
        "transport": float((linear + lanes.trip_cost * trips).sum()),
        "handling": float((lanes.handling * units).sum()),
        "co2": float((lanes.co2 * kg).sum()),
    }


def objective(problem: Problem, moves: Moves) -> float:
    """Return the sum of the terms."""
    return float(sum(terms(problem, moves).values()))
