"""Result tables of a network design."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from optimizer.allocation.network.costs import FIRST, LATER, Costs
from optimizer.allocation.network.layout import Network
from optimizer.allocation.network.model import Model
from optimizer.allocation.network.shortage import Shortage
from optimizer.stage import Kpi


def network_table(network: Network, costs: Costs) -> pd.DataFrame:
    """Return one row per site: open or not, what that costs, how much goes through."""
    sites, ways = network.sites, network.ways
    through = np.array(
        [
            np.bincount(
                ways.origin[ways.origin >= 0], flow[ways.origin >= 0], minlength=len(sites.site_id)
            )
            for flow in costs.flow
        ]
    )
    limit = np.isfinite(sites.outbound) & (sites.outbound > 0.0)
    use = np.where(limit, through.max(axis=0) / np.where(limit, sites.outbound, 1.0), np.nan)
    change = np.where(costs.is_open, sites.opening, sites.closing)
    return pd.DataFrame(
        {
            "site_id": sites.site_id,
            "status": np.where(costs.is_open, "open", "closed"),
            "fixed_cost": np.where(costs.is_open, sites.fixed, 0.0),
            "throughput_units": network.weight @ through,
            "utilisation": use,
            "status_today": np.where(sites.is_today, "open", "closed"),
            "change_cost": np.where(costs.is_open != sites.is_today, change, 0.0),
        }
    )


def flows_table(network: Network, costs: Costs) -> pd.DataFrame:
    """Return one row per way, product and future with something on it; cost is transport."""
    frames = []
    for case, flow in zip(network.cases, costs.flow, strict=True):
        used = np.flatnonzero(flow > 0.0)
        frame = network.ways.names.iloc[used].reset_index(drop=True)
        frame["demand_case"] = case or None
        frame["qty"] = flow[used]
        frame["cost"] = flow[used] * network.ways.transport[used]
        frame["g_co2e"] = flow[used] * network.ways.grams[used]
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def unserved_table(network: Network, costs: Costs, shortage: Shortage | None) -> pd.DataFrame:
    """Return one row per product, place and future of which something is left."""
    rows = []
    several = len(network.cases) > 1
    if shortage is None:
        return pd.DataFrame()
    for case, want in zip(*np.nonzero(costs.left), strict=True):
        product, place = network.wants.loc[want, ["product_id", "location_id"]]
        code, proof, detail, help_ = _reason(network, shortage, int(want))
        rows.append(
            {
                "kind": "demand",
                "id": f"{product}@{place}" + (f"/{network.cases[case]}" if several else ""),
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
        parts = {term: costs.mean(weight, term) for term in (*FIRST, *LATER)}
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
    model: Model, costs: Costs, opposite: dict[int, float | None], *, single_source: bool
) -> pd.DataFrame:
    """Return why each site is open or closed: its costs, and what the opposite would cost more.

    The row `network` says how the objective is measured, for the referee.

    Parameters
    ----------
    opposite : extra cost by number of the site, all other sites as planned; None: not possible
    """
    network, sites = model.network, model.network.sites
    table = network_table(network, costs)
    how = {
        "measure": model.measure,
        "single_source": single_source,
        "best_of_case": dict(zip(network.cases, model.best_of_case.tolist(), strict=True)),
    }
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
    return pd.DataFrame(rows)


def sentences(network: Network, today: Costs, redesign: Costs, measure: str) -> list[str]:
    """Return what changes, in words."""
    names = np.array(network.sites.site_id)
    opened = names[redesign.is_open & ~network.sites.is_today]
    closed = names[~redesign.is_open & network.sites.is_today]
    told = []
    if len(network.cases) > 1:
        told.append(f"Planned for {len(network.cases)} futures by {measure} cost.")
    told.append(
        f"Today's network has {int(today.is_open.sum())} open sites, the redesign"
        f" {int(redesign.is_open.sum())}"
        + (f"; opened: {', '.join(opened)}" if len(opened) else "")
        + (f"; closed: {', '.join(closed)}" if len(closed) else "")
        + "."
    )
    return told
