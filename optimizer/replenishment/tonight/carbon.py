"""Hard limits on what tonight's purchases emit on their way.

With the mode of every order given, grams are linear in the units: a limit is a row like any other,
with a price of its own. Where an order has several modes, a price per gram is found first, by
bisection; what is bought at it says by which mode each order comes. A plan at a price of p whose
bound is b bounds every plan within the limit of G grams: none costs less than b - p G.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from optimizer.bracket import STEEPER, Bracket
from optimizer.outcome import Limits, Outcome, proven_status
from optimizer.replenishment.tonight.problem import TOLERANCE, Problem, Rows
from optimizer.replenishment.tonight.search import Orders, search
from scenarios import Scenario
from scenarios.semantics.co2_limits import co2_limits

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

FIRST_SHARE = 0.3  # of the limits, for the plan that pays no price
ROUNDS = 4  # plans at a price


@dataclass(frozen=True, slots=True)
class CarbonCap:
    """A hard limit on grams: its id, the grams, and (n_options,) which options count."""

    limit_id: str
    grams: float
    counts: Flags


def carbon_caps(scenario: Scenario, options: pd.DataFrame) -> list[CarbonCap]:
    """Return the limits on CO2e that tonight's purchases have to keep.

    Parameters
    ----------
    options : supplier_id of each option
    """
    tonight = pd.Series([pd.Timestamp(scenario.settings.start_date)])
    caps = []
    for limit in co2_limits(scenario, "replenishment")[0]:
        counts = np.ones(len(options), bool)
        if limit.kind == "supplier":
            counts = (options["supplier_id"] == limit.name).to_numpy(bool)
        if counts.any() and limit.on(tonight).all():
            caps.append(CarbonCap(limit.limit_id, limit.grams, counts))
    return caps


def search_within(
    problem: Problem, caps: list[CarbonCap], limits: Limits, start: Floats | None = None
) -> tuple[Problem, Outcome[Orders]]:
    """Return the best orders found that keep the limits on CO2e, and the problem they solve.

    The problem has a row for each limit, and one mode for each order where a limit decides.
    """
    if not caps:
        return problem, search(problem, limits, start=start)
    if len(problem.arms) == len(problem.groups):
        capped = _with_rows(problem, caps)
        return capped, search(capped, limits, start=start)
    free = search(problem, limits.share(FIRST_SHARE), start=start)
    if free.solution is None:
        return problem, free
    if not any(_over(problem, free.solution.qty, cap) for cap in caps):
        rest = search(problem, limits.share(1.0 - FIRST_SHARE), start=free.solution.qty)
        broken = rest.solution is None or any(
            _over(problem, rest.solution.qty, cap) for cap in caps
        )
        found = free if broken or not _less(rest, free) else rest
        return problem, replace(found, work=free.work + rest.work)
    bound, work = free.bound if free.bound is not None else -math.inf, free.work
    last = kept = (problem, free.solution.qty)
    prices = {cap.limit_id: Bracket() for cap in caps}
    part = limits.share((1.0 - FIRST_SHARE) / (ROUNDS + 2))
    for left in range(ROUNDS + 2, 2, -1):
        for cap in caps:
            first = abs(free.objective or 1.0) / max(_grams(*last, cap), 1.0) / STEEPER
            prices[cap.limit_id].move(_over(*last, cap), first)
        priced = _at_prices(problem, caps, [prices[cap.limit_id].tried for cap in caps])
        tried = search(priced, _share(limits, part, left), start=last[1])
        work += tried.work
        if tried.solution is None:
            break
        paid = sum(prices[cap.limit_id].tried * cap.grams for cap in caps)
        bound = max(bound, (tried.bound if tried.bound is not None else -math.inf) - paid)
        last = priced, tried.solution.qty
        if not any(_over(*last, cap) for cap in caps):
            kept = last
    best: tuple[Problem, Outcome[Orders]] | None = None
    for left, (at, qty) in ((2, last), (1, kept)):
        fixed = _with_rows(one_mode_each(problem, at.chosen_arm(qty)), caps)
        found = search(fixed, _share(limits, part, left), start=qty)
        work += found.work
        if best is None or _less(found, best[1]):
            best = fixed, found
    assert best is not None
    fixed, found = best
    if found.objective is None:
        return fixed, replace(found, work=work)
    bound = min(bound, found.objective)
    status = proven_status(found.objective, bound)
    return fixed, replace(found, bound=bound, status=status, work=work)


# ---- inside ---------------------------------------------------------------------------------


def _less(one: Outcome[Orders], other: Outcome[Orders]) -> bool:
    if one.objective is None:
        return False
    return other.objective is None or one.objective < other.objective


def _weights(problem: Problem, arm: Ints) -> Floats:
    """Return grams per unit of each option, (n_options,), each order on a given mode."""
    options = problem.options
    grams: Floats = np.nan_to_num(problem.arms.g_per_kg)[arm[options.group]] * options.kg
    return grams


def _share(limits: Limits, part: Limits, left: int) -> Limits:
    """Return an equal part of the work, and of the time that is left."""
    return limits.share(1.0 / left) if limits.seconds is not None else part


def _grams(problem: Problem, qty: Floats, cap: CarbonCap) -> float:
    return float((_weights(problem, problem.chosen_arm(qty)) * qty)[cap.counts].sum())


def _over(problem: Problem, qty: Floats, cap: CarbonCap) -> bool:
    return _grams(problem, qty, cap) > cap.grams * (1.0 + TOLERANCE)


def _at_prices(problem: Problem, caps: list[CarbonCap], prices: list[float]) -> Problem:
    """Return the problem with a price per gram of each limit on top."""
    arms, group = problem.arms, problem.options.group
    each = np.zeros(len(problem.groups))
    for cap, price in zip(caps, prices, strict=True):
        each[np.unique(group[cap.counts])] += price
    extra = each[arms.group] * np.nan_to_num(arms.g_per_kg)
    dearer = replace(arms, per_kg=arms.per_kg + extra, co2_per_kg=arms.co2_per_kg + extra)
    return replace(problem, arms=dearer)


def one_mode_each(problem: Problem, arm: Ints) -> Problem:
    """Return the problem with one mode for each order."""
    arms = problem.arms
    kept = replace(
        arms,
        **{
            name: getattr(arms, name)[arm]
            for name in (
                *("group", "per_shipment", "per_kg", "per_m3", "per_unit"),
                *("shipment_kg", "shipment_m3", "g_per_kg", "co2_per_kg"),
            )
        },
        mode=tuple(arms.mode[at] for at in arm.tolist()),
    )
    return replace(problem, arms=kept)


def _with_rows(problem: Problem, caps: list[CarbonCap]) -> Problem:
    """Return a problem of one mode per order with a row for each limit."""
    rows, weights = problem.rows, _weights(problem, np.arange(len(problem.groups)))
    units = [csr_array(np.where(cap.counts, weights, 0.0)[None, :]) for cap in caps]
    money = csr_array((len(caps), len(problem.options)), dtype=np.float64)
    joined = Rows(
        csr_array(vstack([rows.money, money], format="csr")),
        csr_array(vstack([rows.units, *units], format="csr")),
        np.r_[rows.room, [cap.grams for cap in caps]],
        (*rows.kind, *("co2" for _ in caps)),
        (*rows.entity, *(cap.limit_id for cap in caps)),
    )
    return replace(problem, rows=joined)
