"""What would make a run meaningless, found before anything runs: table, row and what to do."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optimizer.plan import Plan
from scenarios import InputError, Scenario
from scenarios.findings import Findings, Severity
from simulation.sources import PAIR, Sources, transits

FIRST_ROW = 2  # of the data, as planners count: the heading is row 1


def refuse_nonsense(scenario: Scenario, plan: Plan, sources: Sources) -> None:
    """Refuse sources whose goods arrive after the horizon, and policies on what does not exist.

    Raises
    ------
    InputError
        With every finding: `lead_time_beyond_horizon` on `supplier_products` or `lanes`,
        `unknown_pair` on `policies` or `inventory_policies`.
    """
    findings = Findings()
    _late_offers(scenario, sources, findings)
    _late_lanes(scenario, sources, findings)
    _unknown_pairs(scenario, "policies", plan.table("policies"), findings)
    _unknown_pairs(scenario, "inventory_policies", scenario.table("inventory_policies"), findings)
    if findings.errors:
        raise InputError("the simulator cannot try this plan", list(findings))


def _late_offers(scenario: Scenario, sources: Sources, findings: Findings) -> None:
    horizon = scenario.settings.horizon_days
    used = pd.concat([sources.pairs, sources.several], ignore_index=True)
    used = used[used["row"].notna()]
    ways = transits(scenario).groupby(["origin_id", "destination_id"])["transit_mean_days"].min()
    ends = pd.MultiIndex.from_frame(used[["source_id", "site_id"]])
    transit = ways.reindex(ends).fillna(0.0).to_numpy(np.float64)
    days = used["lead_time_mean_days"] + np.where(transit > horizon, 0.0, transit)
    late = used.assign(days=days)[(days > horizon).to_numpy()]
    late = late.drop_duplicates("row").sort_values("row")
    findings.add_rows(
        "lead_time_beyond_horizon", Severity.ERROR,
        f"with the lane's transit no order would arrive within the horizon of {horizon} days:"
        " lengthen the horizon, or correct the lead time",
        table="supplier_products", column="lead_time_mean_days",
        rows=[int(row) + FIRST_ROW for row in late["row"]],
        values=late["days"].tolist(),
    )  # fmt: skip


def idle_policies(scenario: Scenario, sources: Sources) -> tuple[str, ...]:
    """Say which rows of `inventory_policies` are on goods that a site neither has nor asks for."""
    stated = scenario.table("inventory_policies")
    known = pd.MultiIndex.from_frame(sources.pairs[PAIR])
    idle = np.flatnonzero(~pd.MultiIndex.from_frame(stated[PAIR]).isin(known))
    if not len(idle):
        return ()
    rows = ", ".join(str(row + FIRST_ROW) for row in idle[:5])
    more = f" and {len(idle) - 5} more" if len(idle) > 5 else ""
    why = "not used, for the site neither stocks, sells nor is sent the product"
    return (f"inventory_policies, rows {rows}{more}: {why}.",)


def _late_lanes(scenario: Scenario, sources: Sources, findings: Findings) -> None:
    horizon = scenario.settings.horizon_days
    used = pd.concat([sources.pairs, sources.several], ignore_index=True)
    used = used[["source_id", "site_id"]].drop_duplicates()
    ends = {"source_id": "origin_id", "site_id": "destination_id"}
    lanes = transits(scenario).merge(used.rename(columns=ends), on=list(ends.values()))
    fastest = lanes.sort_values("transit_mean_days").drop_duplicates(list(ends.values()))
    stated = scenario.table("lanes").reset_index(drop=True)
    keys = [*ends.values(), "mode"]
    place = pd.MultiIndex.from_frame(stated[keys])
    for _, lane in fastest[fastest["transit_mean_days"] > horizon].iterrows():
        row = int(np.flatnonzero(place == tuple(lane[keys]))[0]) + FIRST_ROW
        findings.add(
            "lead_time_beyond_horizon", Severity.ERROR,
            f"nothing sent this way would arrive within the horizon of {horizon} days",
            table="lanes", column="transit_mean_days", row=row, value=lane["transit_mean_days"],
        )  # fmt: skip


def _unknown_pairs(
    scenario: Scenario, table: str, policies: pd.DataFrame, findings: Findings
) -> None:
    for column, known in (("site_id", "sites"), ("product_id", "products")):
        there = policies[column].isin(set(scenario.table(known)[column])).to_numpy()
        rows = np.flatnonzero(~there)
        pairs = policies[PAIR].iloc[rows]
        findings.add_rows(
            "unknown_pair", Severity.ERROR,
            f"the scenario has no such row in {known}: a policy must be on a site and a product"
            " that exist",
            table=table, column=column, rows=[int(row) + FIRST_ROW for row in rows],
            values=[" / ".join(pair) for pair in pairs.itertuples(index=False, name=None)],
        )  # fmt: skip
