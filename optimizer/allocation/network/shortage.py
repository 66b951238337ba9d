"""Why demand is not served: which limit, by how much, and the least relaxation."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from optimizer.allocation.network.effort import Effort
from optimizer.allocation.network.layout import Network
from optimizer.allocation.network.model import Model
from optimizer.allocation.network.problem import Flags, Floats, Ints
from optimizer.engines.linear import solve_linear
from optimizer.engines.linear_problem import LinearProblem
from optimizer.outcome import Limits

MOST_ALONE = 20  # demands that are tested alone
SMALL = 1e-6
UNIT_OF = {
    "outbound": "units a day of outbound_units_per_day",
    "inbound": "units a day of inbound_units_per_day",
    "storage": "m3 of storage_m3",
    "supplier": "units a week of capacity_per_week",
    "lane": "kg a day of capacity_kg_per_day",
    "co2": "g CO2e",
}


@dataclass(frozen=True, slots=True)
class Shortage:
    """What cannot be served, whatever is opened.

    Attributes
    ----------
    reachable : (n_wants,) some chain of supply ends there in time
    late : (n_wants,) a lane would reach it, but after its promise
    far : (n_wants,) a lane would reach it in time, but is longer than a limit allows
    least_units : units that no design serves, all futures together; proven
    least_by_period : the same of single periods, by number, of those that leave something
    relaxation : what must be widened at least, in words; "" where nothing must
    alone : (n_wants,) proven that it is not served in whole even if all other demand stands back
    """

    reachable: Flags
    late: Flags
    far: Flags
    least_units: float
    least_by_period: dict[int, float]
    relaxation: str
    alone: Flags


def diagnose(model: Model, unserved: Flags, effort: Effort, late: Flags, far: Flags) -> Shortage:
    """Say why demand is left.

    Parameters
    ----------
    unserved : (n_wants,) demand of which the plan leaves something in some future
    late, far : (n_wants,) as in Shortage
    """
    network = model.network
    reachable = _reachable(network)
    blocked = ~reachable
    base = _all_open(model)
    least = _least_left(base, model.u[:, reachable], effort.part(0.2), effort)
    least_by_period = {}
    if least and len(network.periods) > 1:
        period = network.wants["period"].to_numpy()
        for part in np.unique(period[unserved & reachable]).tolist():
            columns = model.u[:, reachable & (period == part)]
            least_by_period[part] = _least_left(base, columns, effort.part(0.1), effort)
    elif least:
        least_by_period = {0: least}
    relaxation = _elastic(model, base, reachable, effort) if least else ""
    alone = np.zeros(len(blocked), bool)
    for want in np.flatnonzero(unserved & reachable)[:MOST_ALONE] if least else ():
        alone[want] = _least_left(base, model.u[:, want], effort.part(0.1), effort) > 0.0
    return Shortage(reachable, late, far, least, least_by_period, relaxation, alone)


def _least_left(base: LinearProblem, columns: Ints, limits: Limits, effort: Effort) -> float:
    """Return how much of some demand is left at least, even if all other stands back."""
    cost = np.zeros(len(base.cost))
    cost[columns.ravel()] = 1.0
    outcome = solve_linear(replace(base, cost=cost, offset=0.0), limits)
    effort.add(outcome.work)
    least = outcome.bound or 0.0
    return least if least > SMALL else 0.0


def _all_open(model: Model) -> LinearProblem:
    """Return the relaxation without costs of futures: who measures it writes its own cost.

    By period it is large; where no limit counts sites, all that may open are held open.
    """
    problem = model.problem.relaxed()
    lower, upper = problem.lower.copy(), problem.upper.copy()
    if model.theta >= 0:
        upper[model.theta] = np.inf
    if len(model.network.periods) > 1 and not model.network.counts:
        lower[model.y] = upper[model.y]
    return replace(problem, lower=lower, upper=upper)


def _reachable(network: Network) -> Flags:
    ways, sites = network.ways, network.sites
    has = network.free & sites.may_open[:, None]
    offered = (ways.offer >= 0) & (ways.destination >= 0)
    has[ways.destination[offered], ways.into[offered]] = True
    has &= sites.may_open[:, None]
    inner = (ways.origin >= 0) & (ways.destination >= 0)
    for _ in range(len(sites.site_id) * len(network.periods)):
        fed = inner & has[np.maximum(ways.origin, 0), ways.product]
        before = int(has.sum())
        has[ways.destination[fed], ways.into[fed]] = True
        has &= sites.may_open[:, None]
        if int(has.sum()) == before:
            break
    serving = (ways.want >= 0) & has[np.maximum(ways.origin, 0), ways.product]
    reachable = np.zeros(len(network.wants), bool)
    reachable[ways.want[serving]] = True
    return reachable


def _elastic(model: Model, base: LinearProblem, reachable: Flags, effort: Effort) -> str:
    """Serve all that can be reached, widening limits as little as possible; say which."""
    network = model.network
    units = max(float(network.demand.sum()), 1e-9)
    by_product = network.by_product(network.demand.sum(axis=0))
    kg = float(network.kg @ by_product) / units
    m3 = float((network.m3 * network.stay) @ by_product) / units
    grams = float(network.ways.grams.mean()) if len(network.ways.grams) else 1.0
    scale = {"lane": kg, "storage": m3, "co2": grams}
    count, n = len(model.limit_rows), len(base.cost)
    if not count:
        return ""
    widened = _append_columns(base, [limit.row for limit in model.limit_rows])
    cost = np.zeros(n + count)
    cost[n:] = [1.0 / max(scale.get(limit.kind, 1.0), 1e-9) for limit in model.limit_rows]
    upper = np.concatenate([base.upper, np.full(count, np.inf)])
    upper[model.u[:, reachable].ravel()] = 0.0
    problem = replace(widened, cost=cost, upper=upper, offset=0.0)
    outcome = solve_linear(problem, effort.part(0.3))
    effort.add(outcome.work)
    if outcome.solution is None:
        return ""
    slack = outcome.solution.x[n:]
    largest: dict[tuple[str, str, int], float] = {}
    for limit, extra in zip(model.limit_rows, slack, strict=True):
        if extra > SMALL:
            key = (limit.kind, limit.entity, limit.period)
            largest[key] = max(largest.get(key, 0.0), float(extra))
    parts = []
    for (kind, entity, period), extra in sorted(largest.items()):
        days = float(network.periods.days[period])
        per = {"outbound": days, "inbound": days, "lane": days, "supplier": days / 7.0}
        when = f" from {network.periods.names[period]}" if network.by_period and period >= 0 else ""
        parts.append(f"{entity}{when}: {extra / per.get(kind, 1.0):,.6g} more {UNIT_OF[kind]}")
    return "; ".join(parts)


def _append_columns(problem: LinearProblem, rows: list[int]) -> LinearProblem:
    """Return the problem with a column -1 in each of these rows."""
    n, count = len(problem.cost), len(rows)
    row = np.concatenate([problem.row_of_entry, np.asarray(rows, np.int64)])
    column = np.concatenate([problem.column, n + np.arange(count)])
    value = np.concatenate([problem.value, -np.ones(count)])
    order = np.lexsort((column, row))
    start = np.zeros(len(problem.row_lower) + 1, np.int64)
    np.cumsum(np.bincount(row, minlength=len(problem.row_lower)), out=start[1:])

    def longer(values: Floats, fill: float) -> Floats:
        return np.concatenate([values, np.full(count, fill)])

    return LinearProblem(
        longer(problem.cost, 0.0),
        longer(problem.lower, 0.0),
        longer(problem.upper, np.inf),
        np.concatenate([problem.integer, np.zeros(count, bool)]),
        start,
        column[order],
        value[order],
        problem.row_lower,
        problem.row_upper,
        problem.offset,
    )
