"""Learns prices of rows on some of the products, where there are many."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer.allocation.positioning.problem import Ints, Problem, Together

ENOUGH = 2_000  # products; below twice as many no sample is taken


def sample_products(problem: Problem, seed: int) -> Ints | None:
    """Return the products of the sample, in order; None where all are few."""
    count = problem.shape[0]
    if count < 2 * ENOUGH:
        return None
    return np.sort(np.random.default_rng(seed).permutation(count)[:ENOUGH])


def restricted(problem: Problem, which: Ints) -> Problem:
    """Return the problem of some products, with their share of every row's room."""
    share = len(which) / problem.shape[0]
    together = problem.together
    place = np.full(problem.shape[0], -1)
    place[which] = np.arange(len(which))
    inside = (place[together.first] >= 0) & (place[together.second] >= 0)
    return replace(
        problem,
        free=problem.free[which],
        fixed=problem.fixed[which],
        mean=problem.mean[which],
        sd=problem.sd[which],
        holding=problem.holding[which],
        shortage=problem.shortage[which],
        premium=problem.premium[which],
        wait_days=problem.wait_days[which],
        kg=problem.kg[which],
        barred=problem.barred[which] if problem.barred.size else problem.barred,
        m3=problem.m3[which],
        rows=replace(problem.rows, room=problem.rows.room * share),
        together=Together(
            place[together.first[inside]], place[together.second[inside]], together.cost[inside]
        ),
    )
