"""The next-best way of a flow: what the network costs more without it, all sites as planned."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from optimizer.allocation.network.costs import Costs
from optimizer.allocation.network.effort import Effort
from optimizer.allocation.network.model import Model, case_costs
from optimizer.allocation.network.problem import Flags, Floats
from optimizer.engines.linear import solve_linear
from optimizer.engines.linear_problem import LinearProblem
from optimizer.outcome import Termination

MOST_FLOWS = 24  # the dearest; each is a linear programme
UNITS = 1e-6  # of a flow that grows; below is rounding
PART = 0.1  # of what is left of the limits, for one


@dataclass(frozen=True, slots=True)
class Otherwise:
    """What a flow would be without its way.

    Attributes
    ----------
    case, way : the flow
    instead : what grows most in its place, in words that `explanations` keeps
    extra_cost : money; the flows of all ways planned anew, the sites as planned
    """

    case: int
    way: int
    instead: str
    extra_cost: float


def sites_as(model: Model, is_open: Flags) -> LinearProblem:
    """Return the linear programme of all flows with exactly these sites open."""
    lower, upper = model.problem.lower.copy(), model.problem.upper.copy()
    lower[model.y] = upper[model.y] = is_open
    if len(model.z):
        points = int((is_open & model.network.sites.stocks).sum())
        lower[model.z] = upper[model.z] = np.arange(len(model.z)) == points
    return replace(model.problem.relaxed(), lower=lower, upper=upper)


def dearest_flows_otherwise(model: Model, costs: Costs, effort: Effort) -> list[Otherwise]:
    """Forbid each of the dearest flows in turn and plan all flows anew.

    Parameters
    ----------
    costs : of the design; its sites stay as they are
    """
    dear = costs.flow * case_costs(model.network) * model.network.weight[:, None]
    dear = np.where(model.network.ways.waits, 0.0, dear)
    planned = sites_as(model, costs.is_open)
    found: list[Otherwise] = []
    for at in np.argsort(-dear, axis=None, kind="stable")[:MOST_FLOWS]:
        case, way = divmod(int(at), dear.shape[1])
        if costs.flow[case, way] <= 0.0 or effort.over():
            break
        upper = planned.upper.copy()
        upper[model.x[case, way]] = 0.0
        outcome = solve_linear(replace(planned, upper=upper), effort.part(PART))
        effort.add(outcome.work)
        if outcome.solution is None or outcome.objective is None:
            continue
        if outcome.termination == Termination.CONVERGED:
            instead = _instead(model, costs, case, way, outcome.solution.x)
            found.append(Otherwise(case, way, instead, outcome.objective - costs.objective))
    return found


def rows_of(model: Model, found: list[Otherwise]) -> list[dict[str, object]]:
    """Return rows of `explanations`."""
    network = model.network
    names = network.ways.names
    rows: list[dict[str, object]] = []
    for one in found:
        start, end, mode, product = names.iloc[one.way].tolist()
        day = ""
        if network.by_period:
            day = str(pd.Timestamp(network.periods.first[network.way_period[one.way]]).date())
        key = [f"{start}>{end}", mode, product, network.cases[one.case], day]
        name = "/".join("" if pd.isna(part) else part for part in key).rstrip("/")
        rows.append(
            {
                "decision_id": f"flows:{name}",
                "table": "flows",
                "alternative": one.instead,
                "extra_cost": one.extra_cost,
            }
        )
    return rows


def _instead(model: Model, costs: Costs, case: int, way: int, x: Floats) -> str:
    """Say what grows most of the product at the flow's end: another way, or what is not served."""
    network, names = model.network, model.network.ways.names
    end, product = names["destination_id"].iat[way], names["product_id"].iat[way]
    same = np.array((names["destination_id"] == end) & (names["product_id"] == product), bool)
    same &= ~network.ways.waits & (network.way_period == network.way_period[way])
    more = np.where(same, x[model.x[case]] - costs.flow[case], 0.0)
    wants = network.wants
    here = np.array((wants["location_id"] == end) & (wants["product_id"] == product), bool)
    here &= wants["period"].to_numpy() == network.way_period[way]
    left = float((x[model.u[case]] - costs.left[case])[here].sum())
    best = int(np.argmax(more))
    if max(float(more[best]), left) <= UNITS:
        return "by ways elsewhere"
    if left > float(more[best]):
        return "left out"
    return f"come from {names['origin_id'].iat[best]} by {names['mode'].iat[best]}"
