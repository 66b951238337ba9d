"""The stage: scenario in, network and flows out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from optimizer.allocation.network.costs import Costs, take_apart
from optimizer.allocation.network.design import MOST_WHOLE, Answer, Terms, design
from optimizer.allocation.network.effort import Effort
from optimizer.allocation.network.layout import Network, read_network
from optimizer.allocation.network.model import Model
from optimizer.allocation.network.otherwise import (
    dearest_flows_otherwise,
    rows_of,
    sites_as,
)
from optimizer.allocation.network.problem import Flags, Floats
from optimizer.allocation.network.returning import return_flows, return_kpis, return_notes
from optimizer.allocation.network.sentences import changes, seasons, short_periods
from optimizer.allocation.network.shortage import diagnose
from optimizer.allocation.network.tables import (
    explanations,
    figures,
    flows_table,
    network_table,
    stock_table,
    unserved_table,
)
from optimizer.engines.linear import solve_linear
from optimizer.outcome import Limits, Outcome, Status
from optimizer.stage import Certificate, StageResult
from scenarios import Scenario
from scenarios.semantics.network import lane_rates, service_km

MOST_OPPOSITES = 24  # sites for which the opposite is priced
SHARE_FOR_DESIGN = 0.8


def run(
    scenario: Scenario, _upstream: Mapping[str, pd.DataFrame], limits: Limits, **options: str
) -> StageResult:
    """Design the network; see the README of this folder.

    Raises
    ------
    InputError
        Nothing is demanded, or an option makes no sense.
    """
    from highspy import Highs

    terms = Terms.of(options)
    network = read_network(scenario, terms.periods)
    effort = Effort(limits)
    today, redesign = design(network, terms, effort.part(SHARE_FOR_DESIGN))
    effort.add(today.outcome.work + redesign.outcome.work)
    outcome = redesign.outcome
    versions = {"highs": Highs().version()}
    if outcome.solution is None or today.outcome.solution is None:
        return _without(network, outcome, effort, versions)
    before = take_apart(today.model, today.outcome.solution)
    after = take_apart(redesign.model, outcome.solution)
    notes = [*network.notes, *changes(network, before, after, redesign.model.measure)]
    notes += seasons(network, after)
    if terms.export:
        notes.append(f"The problem stands in {terms.export}.")
    left = after.left.sum(axis=0) > 0.0
    shortage = None
    if left.any():
        shortage = diagnose(redesign.model, left, effort, *_late(scenario, network))
        if shortage.least_units > 0.0:
            notes.append(
                f"No design serves all demand: at least {shortage.least_units:,.6g} units are"
                f" left. Least relaxation: {shortage.relaxation or 'not found in time'}."
            )
            notes += short_periods(network, shortage)
        elif shortage.reachable[left].any():
            units = float(network.weight @ after.left[:, shortage.reachable].sum(axis=1))
            notes.append(
                f"{units:,.6g} units are left because serving them costs more than their penalty;"
                " a higher unserved_penalty has them served."
            )
    tables = {
        "network": network_table(network, after),
        "flows": flows_table(network, after),
        "unserved": unserved_table(network, after, shortage),
        "explanations": explanations(
            redesign.model,
            after,
            _opposites(redesign, after, effort),
            _otherwise(redesign, after, effort),
            single_source=terms.single_source,
        ),
    }
    if network.by_period:
        tables["network_stock"] = stock_table(network, after)
    kpis = figures(network, before, after)
    back = return_flows(scenario, tables["flows"], network.periods)
    if len(back):
        tables["return_flows"] = back
        weight = dict(zip(network.cases, network.weight.tolist(), strict=True))
        kpis += return_kpis(back, weight)
        notes += return_notes(scenario, back, tables["flows"], network.periods)
    objective = after.objective
    bound = None if outcome.bound is None else min(outcome.bound, objective)
    certificate = _certificate(outcome, objective, bound, limits.elapsed)
    return StageResult(
        tables,
        certificate,
        tuple(kpis),
        tuple(notes),
        effort.spent,
        versions,
    )


def _without(
    network: Network, outcome: Outcome[Floats], effort: Effort, versions: Mapping[str, str]
) -> StageResult:
    """Say which limits on sites leave nothing between them."""
    notes = [*network.notes]
    may_open = network.sites.may_open
    for count in network.counts:
        possible = int((count.sites & may_open).sum())
        if count.sense == ">=" and count.value > possible:
            notes.append(
                f"Limit {count.limit_id} asks for {count.value:g} open sites; {possible} may open:"
                f" {count.value - possible:g} too few."
            )
    if outcome.status == Status.INFEASIBLE and len(notes) == len(network.notes):
        names = ", ".join(count.limit_id for count in network.counts)
        notes.append(f"No set of sites keeps all of the limits {names}.")
    certificate = _certificate(outcome, None, outcome.bound, effort.limits.elapsed)
    return StageResult({}, certificate, (), tuple(notes), effort.spent, versions)


def _certificate(
    outcome: Outcome[Floats], objective: float | None, bound: float | None, seconds: float
) -> Certificate:
    return Certificate(
        "network", outcome.engine, outcome.status, outcome.termination, objective, bound, seconds
    )


def _late(scenario: Scenario, network: Network) -> tuple[Flags, Flags]:
    """Say which demand a lane reaches, but too late for its promise; and which from too far."""
    rates = lane_rates(scenario)
    rates = rates[rates["origin_id"].isin(network.sites.site_id)]
    reach = service_km(scenario).reindex(rates["destination_id"]).fillna(np.inf).to_numpy()
    promise = scenario.table("zones").set_index("zone_id")["promise_days"]
    promised = promise.reindex(rates["destination_id"]).fillna(np.inf).to_numpy(np.float64)
    far = rates["km"].to_numpy(np.float64) > reach
    soon = rates["transit_mean_days"].to_numpy() <= promised
    wants = network.wants["location_id"]
    late = wants.isin(set(rates.loc[~soon, "destination_id"])).to_numpy(bool)
    too_far = wants.isin(set(rates.loc[far & soon, "destination_id"])).to_numpy(bool)
    return late, too_far


def _apart(model: Model) -> bool:
    """Whether one site or flow is priced alone; futures and single sources decide together."""
    alone = len(model.z) + len(model.y) >= int(model.problem.integer.sum())
    return model.theta < 0 and alone and model.x.size <= MOST_WHOLE


def _opposites(redesign: Answer, costs: Costs, effort: Effort) -> dict[int, float | None]:
    """Price the opposite of each site's status, all other sites as planned."""
    model = redesign.model
    extra: dict[int, float | None] = {}
    if not _apart(model):
        return extra
    sites = model.network.sites
    for at in np.flatnonzero(sites.may_open)[:MOST_OPPOSITES]:
        if effort.over():
            break
        flipped = costs.is_open.copy()
        flipped[at] ^= True
        cost = _cost_of_sites(model, flipped, effort)
        extra[int(at)] = None if cost is None else cost - costs.objective
    return extra


def _otherwise(redesign: Answer, costs: Costs, effort: Effort) -> list[dict[str, object]]:
    """Return rows of `explanations`: the next-best way of the dearest flows."""
    model = redesign.model
    return rows_of(model, dearest_flows_otherwise(model, costs, effort)) if _apart(model) else []


def _cost_of_sites(model: Model, is_open: Flags, effort: Effort) -> float | None:
    """Return the least cost with exactly these sites open; None where limits forbid them."""
    outcome = solve_linear(sites_as(model, is_open), effort.part(0.1))
    effort.add(outcome.work)
    return outcome.objective
