"""Result tables of a network design."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from optimizer.allocation.network.costs import Costs
from optimizer.allocation.network.layout import Network
from optimizer.allocation.network.model import Model
from optimizer.allocation.network.problem import Floats
from optimizer.allocation.network.shortage import Shortage
from optimizer.stage import Kpi


def network_table(network: Network, costs: Costs) -> pd.DataFrame:
    """Return one row per site: open or not, what that costs, how much goes through."""
    sites = network.sites
    through = shipped_by_period(network, costs)
    room = network.share[:, None] * sites.outbound
    limit = np.isfinite(room) & (room > 0.0)
    use = np.where(limit, through.max(axis=0) / np.where(limit, room, 1.0), np.nan)
    change = np.where(costs.is_open, sites.opening, sites.closing)
    return pd.DataFrame(
        {
            "site_id": sites.site_id,
            "status": np.where(costs.is_open, "open", "closed"),
            "fixed_cost": np.where(costs.is_open, sites.fixed, 0.0),
            "throughput_units": network.weight @ through.sum(axis=1),
            "utilisation": use.max(axis=0),
            "status_today": np.where(sites.is_today, "open", "closed"),
            "change_cost": np.where(costs.is_open != sites.is_today, change, 0.0),
        }
    )


def shipped_by_period(network: Network, costs: Costs) -> Floats:
    """Return units that leave each site, (n_cases, n_periods, n_sites)."""
    ways, many = network.ways, len(network.sites.site_id)
    leaves = np.flatnonzero((ways.origin >= 0) & ~ways.waits)
    cell = network.way_period[leaves] * many + ways.origin[leaves]
    size = len(network.periods) * many
    through = [np.bincount(cell, flow[leaves], minlength=size) for flow in costs.flow]
    return np.array(through, np.float64).reshape(len(through), -1, many)


def flows_table(network: Network, costs: Costs) -> pd.DataFrame:
    """Return one row per way, product, period and future that is used; cost is transport."""
    frames = []
    for case, flow in zip(network.cases, costs.flow, strict=True):
        used = np.flatnonzero((flow > 0.0) & ~network.ways.waits)
        frame = network.ways.names.iloc[used].reset_index(drop=True)
        frame["demand_case"] = case or None
        if network.by_period:
            frame["bucket"] = network.periods.first[network.way_period[used]]
        frame["qty"] = flow[used]
        frame["cost"] = flow[used] * network.ways.transport[used]
        frame["g_co2e"] = flow[used] * network.ways.grams[used]
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def stock_table(network: Network, costs: Costs) -> pd.DataFrame:
    """Return one row per site, product, period and future of which something waits at its end."""
    ways = network.ways
    frames = []
    for case, flow in zip(network.cases, costs.flow, strict=True):
        used = np.flatnonzero((flow > 0.0) & ways.waits)
        frame = ways.names.iloc[used][["origin_id", "product_id"]].reset_index(drop=True)
        frame = frame.rename(columns={"origin_id": "site_id"})
        frame["demand_case"] = case or None
        frame["bucket"] = network.periods.first[network.way_period[used]]
        frame["qty"] = flow[used]
        frame["cost"] = flow[used] * ways.stock[used]
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def unserved_table(network: Network, costs: Costs, shortage: Shortage | None) -> pd.DataFrame:
    """Return one row per product, place, period and future of which something is left."""
    rows = []
    several = len(network.cases) > 1
    if shortage is None:
        return pd.DataFrame()
    for case, want in zip(*np.nonzero(costs.left), strict=True):
        product, place, period = network.wants.loc[want, ["product_id", "location_id", "period"]]
        code, proof, detail, help_ = _reason(network, shortage, int(want))
        name = f"{product}@{place}" + (f"/{network.cases[case]}" if several else "")
        rows.append(
            {
                "kind": "demand",
                "id": name + (f"/{network.periods.names[period]}" if network.by_period else ""),
                "qty": float(costs.left[case, want]),
                "code": code,
                "proof": proof,
                "detail": detail,
                "cheapest_relaxation": help_,
            }
        )
    return pd.DataFrame(rows)


def _reason(network: Network, shortage: Shortage, want: int) -> tuple[str, str, str, str]:
    """Return code, proof, detail and the cheapest relaxation."""
    if not shortage.reachable[want]:
        serving = network.ways.want == want
        if serving.any():
            return (
                "no_supply",
                "proven",
                "no site that reaches it can get the product",
                ("an offer of the product, or a lane with it, to a site that reaches the place"),
            )
        if shortage.far[want]:
            return (
                "too_far",
                "proven",
                "every lane that is in time is longer than a limit of kind service_km",
                "a longer service_km of the zone, or a nearer site",
            )
        if shortage.late[want]:
            return (
                "too_late",
                "proven",
                "every lane takes longer than promise_days",
                ("a longer promise_days of the zone, or a faster lane"),
            )
        return "no_lane", "proven", "no lane from a site leads there", "a lane to the place"
    if shortage.least_units > 0.0:
        proof = "proven" if shortage.alone[want] else "heuristic"
        detail = (
            f"no design serves all demand that can be reached: at least"
            f" {shortage.least_units:,.6g} units are left over all futures"
        )
        if network.by_period:
            period = int(network.wants["period"].iloc[want])
            detail += (
                f"; of the period from {network.periods.names[period]} at least"
                f" {shortage.least_by_period.get(period, 0.0):,.6g}, whatever the other periods do"
            )
        return "capacity", proof, detail, shortage.relaxation
    return (
        "not_worth_it",
        "heuristic",
        "serving it costs more than its penalty",
        "a higher unserved_penalty of the product",
    )


def figures(network: Network, today: Costs, redesign: Costs) -> list[Kpi]:
    """Return the terms of the objective, and today beside the redesign on the same terms."""
    kpis = [Kpi(name, value, "money", "objective") for name, value in redesign.terms.items()]
    totals = {}
    for variant, costs in (("today", today), ("redesign", redesign)):
        weight = network.weight
        parts = {term: costs.mean(weight, term) for term in (*costs.first, *costs.later)}
        totals[variant] = sum(parts.values())
        kpis += [Kpi(f"network {term}", value, "money", variant) for term, value in parts.items()]
        kpis.append(Kpi("network cost", totals[variant], "money", variant))
        kpis.append(Kpi("network objective", costs.objective, "money", variant))
        kpis.append(Kpi("open sites", float(costs.is_open.sum()), "sites", variant))
        grams = float(weight @ (costs.flow @ network.ways.grams))
        kpis.append(Kpi("CO2e", grams, "g", variant))
        kpis.append(Kpi("unserved", float(weight @ costs.left.sum(axis=1)), "units", variant))
    kpis.append(Kpi("network saving", totals["today"] - totals["redesign"], "money"))
    if totals["today"] > 0.0:
        share = 100.0 * (1.0 - totals["redesign"] / totals["today"])
        kpis.append(Kpi("network saving", share, "%", "of today"))
    return kpis


def explanations(
    model: Model,
    costs: Costs,
    opposite: dict[int, float | None],
    flows: list[dict[str, object]],
    *,
    single_source: bool,
) -> pd.DataFrame:
    """Return why each site is open or closed: its costs, and what the opposite would cost more.

    The row `network` says how the objective is measured, for the referee.

    Parameters
    ----------
    opposite : extra cost by number of the site, all other sites as planned; None: not possible
    flows : rows of flows
    """
    network, sites = model.network, model.network.sites
    table = network_table(network, costs)
    how = {
        "measure": model.measure,
        "single_source": single_source,
        "best_of_case": dict(zip(network.cases, model.best_of_case.tolist(), strict=True)),
    }
    if network.by_period:
        how["periods"] = network.periods.names
    rows: list[dict[str, object]] = [
        {"decision_id": "network", "table": "network", "terms": json.dumps(how)}
    ]
    for at, site in enumerate(sites.site_id):
        is_open = bool(costs.is_open[at])
        terms = {
            "fixed_cost": float(sites.fixed[at]),
            "opening_cost": float(sites.opening[at]),
            "closing_cost": float(sites.closing[at]),
            "throughput_units": float(table["throughput_units"].iloc[at]),
        }
        extra = opposite.get(at)
        binding = None if sites.may_open[at] else json.dumps({"rule": "status", "value": "closed"})
        rows.append(
            {
                "decision_id": f"network:{site}",
                "table": "network",
                "terms": json.dumps(terms),
                "binding": binding,
                "alternative": "close it" if is_open else "open it",
                "extra_cost": np.nan if extra is None else extra,
            }
        )
    return pd.DataFrame([*rows, *flows])
