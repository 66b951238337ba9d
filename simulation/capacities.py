"""Limits that a scenario states: docks and room of sites, weight of lanes, weeks of suppliers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from scenarios import Scenario
from simulation.arrays import Places, Sums
from simulation.facts import Dock, Load, Quota, Store

CUBIC_CENTIMETRES = 1e6  # in a m3
GRAMS = 1000.0  # in a kg


def site_dock(scenario: Scenario, site_id: str) -> Dock | None:
    """Return what a site takes in and sends out a day; None where nothing is stated.

    What `work_capacity` lets it pick, summed over the hours of a weekday (0 for a weekday that is
    not listed), limits what it sends out, too.
    """
    sites = scenario.table("sites").set_index("site_id")
    inbound, outbound = (
        None if pd.isna(units) else np.full(7, int(units), np.int64)
        for units in sites.loc[site_id, ["inbound_units_per_day", "outbound_units_per_day"]]
    )
    work = scenario.table("work_capacity")
    work = work[(work["site_id"] == site_id) & work["pick_units"].notna()]
    if len(work):
        picked = work.groupby("weekday")["pick_units"].sum()
        by_day = picked.reindex(range(1, 8), fill_value=0.0).to_numpy(np.float64).astype(np.int64)
        outbound = by_day if outbound is None else np.minimum(outbound, by_day)
    if inbound is None and outbound is None:
        return None
    return Dock(inbound, outbound)


def site_store(scenario: Scenario, site_id: str, products: Sequence[str]) -> Store | None:
    """Return the room of a site; None where it is not stated.

    Parameters
    ----------
    products : ids of its SKUs
    """
    room = scenario.table("sites").set_index("site_id")["storage_m3"].get(site_id)
    if room is None or pd.isna(room):
        return None
    m3 = scenario.table("products").set_index("product_id")["volume_m3"]
    volume = m3.reindex(list(products)).fillna(0.0).to_numpy(np.float64)
    return Store(
        int(room * CUBIC_CENTIMETRES), np.rint(volume * CUBIC_CENTIMETRES).astype(np.int64)
    )


def lane_load(way: pd.Series | None, part: pd.DataFrame) -> Load | None:
    """Return what a lane carries a day; None where its row of `lanes` states no limit.

    Parameters
    ----------
    part : weight_kg of its SKUs
    """
    if way is None or pd.isna(way["capacity_kg_per_day"]):
        return None
    weight = np.rint(part["weight_kg"].to_numpy(np.float64) * GRAMS).astype(np.int64)
    return Load(int(way["capacity_kg_per_day"] * GRAMS), weight)


def supplier_quotas(
    travels: pd.DataFrame,
) -> tuple[dict[str, Quota], dict[str, dict[int, int]]]:
    """Return the weekly units of each supplier that states any, and where each row of terms counts.

    A row of `supplier_products` for any site limits what all of them get together.

    Parameters
    ----------
    travels : source_id, row (of `supplier_products`), capacity_per_week; blank for what does not
        come from a supplier, or without limit
    """
    limited = travels[travels["capacity_per_week"].notna() & travels["row"].notna()]
    limited = limited.drop_duplicates("row").sort_values(["source_id", "row"])
    quotas, places = {}, {}
    for supplier, part in limited.groupby("source_id", sort=True):
        units = part["capacity_per_week"].to_numpy(np.float64).astype(np.int64)
        quotas[str(supplier)] = Quota(units)
        places[str(supplier)] = {int(row): place for place, row in enumerate(part["row"])}
    return quotas, places


def quota_places(part: pd.DataFrame, places: Mapping[int, int] | None) -> Places | None:
    """Return per SKU of a lane the row of its supplier's quota, -1 for none; None without one."""
    if places is None:
        return None
    rows: Sums = np.array([places.get(int(row), -1) for row in part["row"].fillna(-1)], np.int64)
    return rows
