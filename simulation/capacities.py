"""Limits that a scenario states: docks and room of sites, weight of lanes, weeks of suppliers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from scenarios import Scenario
from simulation.arrays import Places, Sums
from simulation.facts import UNLIMITED, Dock, Load, Quota, Store
from simulation.kernels.rows import ALL
from simulation.orders import mean_units

CUBIC_CENTIMETRES = 1e6  # in a m3
GRAMS = 1000.0  # in a kg
LAST = 1 << 30  # rank of a site that states none


def site_dock(scenario: Scenario, site_id: str) -> Dock | None:
    """Return what a site takes in and sends out a day; None where nothing is stated.

    What `work_capacity` lets it pick limits what it sends out, too; the parcels that it can load
    limit what goes to customers.
    """
    sites = scenario.table("sites").set_index("site_id")
    inbound, outbound = (
        None if pd.isna(units) else np.full(7, int(units), np.int64)
        for units in sites.loc[site_id, ["inbound_units_per_day", "outbound_units_per_day"]]
    )
    picked, parcels = (
        by_weekday(scenario, site_id, each) for each in ("pick_units", "dock_parcels")
    )
    if picked is not None:
        outbound = picked if outbound is None else np.minimum(outbound, picked)
    if inbound is None and outbound is None and parcels is None:
        return None
    if parcels is None:
        return Dock(inbound, outbound)
    return Dock(inbound, outbound, parcels, round(ALL * mean_units(scenario)))


def by_weekday(scenario: Scenario, site_id: str, column: str) -> Sums | None:
    """Return (7,) what a column of `work_capacity` allows a site by weekday; None: nothing stated.

    Hours add up; an hour without a figure has no limit; a weekday that is not listed has none to
    work.
    """
    work = scenario.table("work_capacity")
    work = work[work["site_id"] == site_id]
    if not work[column].notna().any():
        return None
    hours = work[column].fillna(float(UNLIMITED)).groupby(work["weekday"]).sum()
    units = hours.reindex(range(1, 8), fill_value=0.0).to_numpy(np.float64)
    allowed: Sums = np.minimum(units, UNLIMITED).astype(np.int64)
    return allowed


def passing_order(scenario: Scenario, site_id: str, products: Sequence[str]) -> Places | None:
    """Return (K,) SKUs as they pass the docks of a site that rations by priority, else None.

    By `priority`, then those without one by `abc_class`, then in order of id.
    """
    if rationing(scenario, site_id) != "priority":
        return None
    facts = scenario.table("products").set_index("product_id").reindex(list(products))
    rank = facts["priority"].fillna(np.inf).to_numpy(np.float64)
    classes = facts["abc_class"].fillna("~").astype(str).to_numpy()
    order: Places = np.lexsort([np.arange(len(products)), classes, rank]).astype(np.int64)
    return order


def lane_priority(scenario: Scenario, origin_id: str, site_id: str) -> int:
    """Return the rank of a fed site where its source rations by priority; 0 where it does not."""
    if rationing(scenario, origin_id) != "priority":
        return 0
    rank = scenario.table("sites").set_index("site_id")["priority"].get(site_id)
    return LAST if rank is None or pd.isna(rank) else int(rank)


def rationing(scenario: Scenario, site_id: str) -> str:
    """Return how a site shares out what is short; "" for a place that is no site."""
    sites = scenario.filled("sites").set_index("site_id")["rationing"]
    return str(sites.get(site_id, ""))


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
