"""Limits that a design keeps: numbers of open sites, CO2e; and which are not enforced."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from optimizer.allocation.network.problem import Flags
from scenarios import Scenario
from scenarios.semantics.co2_limits import co2_limits


@dataclass(frozen=True, slots=True)
class CountLimit:
    """How many of some sites may be open; `sites` (s,) says which."""

    limit_id: str
    sites: Flags
    sense: str
    value: float


def soft_reach(scenario: Scenario) -> list[str]:
    """Return what to say of limits on service distance that are soft."""
    limits = scenario.table("limits")
    soft = (limits["kind"] == "service_km") & ~limits["hard"].astype(bool)
    names = limits.loc[soft, "limit_id"]
    return [f"Limit {name} on service distance is soft: reported, not enforced." for name in names]


def one_channel(scenario: Scenario) -> list[str]:
    """Return what to say of sites that serve one channel alone, which a design does not tell."""
    sites = scenario.table("sites")
    names = sorted(sites.loc[sites["channel_id"].notna(), "site_id"])
    told = f"planned as if they served all channels, whose demand adds up: {', '.join(names[:5])}"
    more = " and more" if len(names) > 5 else ""
    return [f"Sites of one channel are {told}{more}."] if names else []


def co2_limit(scenario: Scenario) -> tuple[float, list[str]]:
    """Return grams over the horizon, infinite without a limit, and what to say of soft ones."""
    limits, notes = co2_limits(scenario, "network")
    return min((limit.grams for limit in limits), default=np.inf), list(notes)


def count_limits(
    scenario: Scenario, table: pd.DataFrame
) -> tuple[tuple[CountLimit, ...], list[str]]:
    """Return limits on numbers of sites, (`table` lists them), and what to say of others."""
    limits = scenario.table("limits")
    rows = limits[limits["kind"] == "site_count"]
    found, told = [], []
    for row in rows.itertuples():
        kind, _, name = str(row.scope).partition(":")
        if kind == "all":
            sites = np.ones(len(table), bool)
        elif kind in ("site", "region"):
            sites = (table["site_id" if kind == "site" else "region"] == name).to_numpy(bool)
        else:
            told.append(f"Limit {row.limit_id}: scope {row.scope} does not count sites.")
            continue
        if not row.hard:
            told.append(f"Limit {row.limit_id} on sites is soft: reported, not enforced.")
            continue
        found.append(CountLimit(str(row.limit_id), sites, str(row.sense), float(row.value)))
    return tuple(found), told
