"""Reads the positioning problem from a scenario and its forecast."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from optimizer.allocation.positioning.demand import RegionDemand, needs, region_demand
from optimizer.allocation.positioning.problem import Floats, Lanes, Problem, Rows, Together
from optimizer.allocation.positioning.returning import RegionReturns, returned_while_waiting
from scenarios import InputError, Scenario
from scenarios.semantics.baskets import Baskets, read_baskets
from scenarios.semantics.co2_limits import Co2Limit, co2_limits
from scenarios.semantics.deliveries import read_deliveries
from scenarios.semantics.movable import Stock, read_stock
from scenarios.semantics.network import lane_rates
from scenarios.semantics.waiting import read_waits, stocked_products, stocking_sites

GRAMS_PER_TONNE = 1e6


@dataclass(frozen=True, slots=True)
class Read:
    """The problem, and what its rows are called.

    Attributes
    ----------
    products, sites : ids, as the rows and columns of the problem's arrays
    lanes : origin_id, destination_id, mode, g_per_kg; rows as the problem's lanes
    returned : (n_products, n_sites) units that come back in time, part of the problem's `fixed`
    """

    problem: Problem
    products: list[str]
    sites: list[str]
    lanes: pd.DataFrame
    stock: Stock
    returned: Floats
    baskets: Baskets
    notes: tuple[str, ...]


def read_problem(
    scenario: Scenario, upstream: Mapping[str, pd.DataFrame], until: dt.date | None
) -> Read:
    """Read the facts of the decision; see `optimizer/README.md`, positioning.

    Raises
    ------
    InputError
        Nothing is forecast.
    """
    told = upstream.get("forecast")
    if not (told is not None and len(told)) and not scenario.has("forecasts"):
        raise InputError(
            "positioning needs a forecast: name the stage forecasting too, or hand in forecasts"
        )
    sites = stocking_sites(scenario)
    site_ids = sites["site_id"].tolist()
    products = stocked_products(scenario)
    kg = products["weight_kg"].fillna(0.0).to_numpy(np.float64)
    m3 = products["volume_m3"].fillna(0.0).to_numpy(np.float64)
    waits = read_waits(scenario, sites, until)
    demand = region_demand(scenario, upstream, site_ids)
    mean, sd = needs(demand, waits)
    stock = read_stock(scenario, sites, waits.days, mean)
    deliveries = read_deliveries(scenario, site_ids, kg, m3)
    baskets = read_baskets(scenario)
    product_ids = products["product_id"].tolist()
    returns = RegionReturns(scenario, demand, product_ids, site_ids)
    returned, spread = returned_while_waiting(returns, waits)
    sd = np.where(spread > 0.0, np.sqrt(sd**2 + spread), sd)
    apart = baskets.products["apart_share"].reindex(product_ids).fillna(0.0).to_numpy(np.float64)
    premium = deliveries.premium + (apart[:, None] * deliveries.base)[:, None, :]
    premium[:, sites["channel_id"].notna().to_numpy(), :] = np.inf  # a platform's stock is its own
    lanes, ways = _lanes(scenario, sites)
    caps, told = co2_limits(scenario, "positioning")
    problem = Problem(
        stock.movable,
        stock.staying + returned,
        mean,
        sd,
        waits.holding,
        waits.shortage,
        premium,
        waits.days,
        kg,
        m3,
        lanes,
        _rows(scenario, sites, lanes, ways, demand, caps),
        _together(baskets, product_ids, mean, deliveries.base),
    )
    notes = list(told)
    if not len(lanes):
        notes.append("No lane joins two open warehouses or stores: nothing can move.")
    if not scenario.has("carrier_rates") and not np.isfinite(premium).any():
        notes.append("No rates reach a zone from another site: no site serves another's region.")
    if returned.any():
        notes.append(
            f"{returned.sum():.1f} units are expected back from customers while sites wait for"
            " their suppliers: they count where they come back."
        )
    return Read(problem, product_ids, site_ids, ways, stock, returned, baskets, tuple(notes))


def _lanes(scenario: Scenario, sites: pd.DataFrame) -> tuple[Lanes, pd.DataFrame]:
    """Return lanes between stocking sites, sorted by origin, destination and mode."""
    rows = scenario.filled("lanes").reset_index(drop=True)
    rows = rows.assign(g_per_kg=lane_rates(scenario)["g_per_kg"].to_numpy(np.float64))
    index = pd.Index(sites["site_id"])
    rows = rows.assign(
        origin=index.get_indexer(rows["origin_id"]),
        destination=index.get_indexer(rows["destination_id"]),
    )
    rows = rows[(rows["origin"] >= 0) & (rows["destination"] >= 0)]
    rows = rows[rows["origin"] != rows["destination"]]
    rows = rows.sort_values(["origin", "destination", "mode"], kind="stable", ignore_index=True)
    fee = sites["handling_cost_per_unit"].to_numpy(np.float64)
    price = scenario.settings.co2_price_per_tonne / GRAMS_PER_TONNE
    origin = rows["origin"].to_numpy(np.int64)
    lanes = Lanes(
        origin,
        rows["destination"].to_numpy(np.int64),
        rows["cost_per_unit"].to_numpy(np.float64),
        rows["cost_per_kg"].to_numpy(np.float64),
        rows["cost_per_m3"].to_numpy(np.float64),
        fee[origin],
        price * rows["g_per_kg"].to_numpy(np.float64),
        rows["cost_per_shipment"].to_numpy(np.float64),
        rows["shipment_kg"].fillna(np.inf).to_numpy(np.float64),
        rows["shipment_m3"].fillna(np.inf).to_numpy(np.float64),
        rows["min_fill_pct"].to_numpy(np.float64) / 100.0,
        np.ceil(rows["transit_mean_days"].to_numpy(np.float64)).astype(np.int64),
    )
    return lanes, rows


def _rows(
    scenario: Scenario,
    sites: pd.DataFrame,
    lanes: Lanes,
    ways: pd.DataFrame,
    demand: RegionDemand,
    caps: tuple[Co2Limit, ...],
) -> Rows:
    """Return the limits that lanes share: lanes' own capacity, docks by day, storage, CO2e."""
    count = len(lanes)
    nothing = np.zeros(count)
    found: list[tuple[Floats, Floats, Floats, float, str, str, str]] = []
    capacity = ways["capacity_kg_per_day"].to_numpy(np.float64)
    for at in np.flatnonzero(~np.isnan(capacity)).tolist():
        alone = np.zeros(count)
        alone[at] = 1.0
        name = f"lane:{ways['origin_id'][at]}>{ways['destination_id'][at]} {ways['mode'][at]}"
        found.append((nothing, alone, nothing, float(capacity[at]), "lane", name, ""))
    start = pd.Timestamp(scenario.settings.start_date)
    day_mean, _ = demand.over(np.ones(demand.mean.shape[:2]))
    orders = day_mean.sum(axis=0)
    room = storage_room(scenario, sites)
    coming = scenario.table("open_orders")
    for site, name in enumerate(sites["site_id"]):
        leaves = (lanes.origin == site).astype(np.float64)
        comes = (lanes.destination == site).astype(np.float64)
        most = float(sites["outbound_units_per_day"][site])
        if not np.isnan(most):
            left = max(most - float(orders[site]), 0.0)
            day = f"{start:%Y-%m-%d}"
            found.append((leaves, nothing, nothing, left, "dock", f"site:{name} out", day))
        most = float(sites["inbound_units_per_day"][site])
        for transit in sorted(set(lanes.transit_days[lanes.destination == site].tolist())):
            if np.isnan(most):
                break
            day_of = start + pd.Timedelta(days=transit)
            due = (coming["site_id"] == name) & (coming["due_on"] == day_of)
            left = max(most - float(coming.loc[due, "qty"].sum()), 0.0)
            then = comes * (lanes.transit_days == transit)
            found.append(
                (then, nothing, nothing, left, "dock", f"site:{name} in", f"{day_of:%Y-%m-%d}")
            )
        if np.isfinite(room[site]):
            volume = comes - leaves
            found.append(
                (nothing, nothing, volume, float(room[site]), "storage", f"site:{name}", "")
            )
    for cap in caps:
        if cap.on(pd.Series([start])).all():
            counts = (ways["origin_id"] == cap.name).to_numpy(bool) | (cap.kind == "all")
            grams = np.where(counts, ways["g_per_kg"].to_numpy(np.float64), 0.0)
            found.append((nothing, grams, nothing, cap.grams, "co2", cap.limit_id, ""))
    parts = [np.array([row[at] for row in found]).reshape(-1, count) for at in range(3)]
    return Rows(
        parts[0],
        parts[1],
        parts[2],
        np.array([row[3] for row in found]),
        tuple(row[4] for row in found),
        tuple(row[5] for row in found),
        tuple(row[6] for row in found),
    )


def storage_room(scenario: Scenario, sites: pd.DataFrame) -> Floats:
    """Return m3 that may still come to each site; 0 where it is over-full, infinite: no limit."""
    start = pd.Timestamp(scenario.settings.start_date)
    length = pd.Timedelta(days=scenario.settings.bucket_days)
    most = sites.set_index("site_id")["storage_m3"].fillna(np.inf)
    limits = scenario.table("limits")
    now = limits["bucket"].isna() | (
        (limits["bucket"] <= start) & (start < limits["bucket"] + length)
    )
    limits = limits[now & limits["hard"].fillna(True).astype(bool) & (limits["kind"] == "storage")]
    for limit in limits[limits["sense"] == "<="].itertuples():
        name = str(limit.scope).removeprefix("site:")
        if name in most.index:
            most[name] = min(float(most[name]), float(limit.value))
    volume = scenario.table("products").set_index("product_id")["volume_m3"]
    held = pd.Series(0.0, index=most.index)
    for table, column in (("inventory", "on_hand"), ("open_orders", "qty")):
        rows = scenario.table(table)
        m3 = rows[column] * volume.reindex(rows["product_id"]).fillna(0.0).to_numpy(np.float64)
        held = held.add(m3.groupby(rows["site_id"]).sum().reindex(held.index).fillna(0.0))
    left: Floats = (most - held).clip(lower=0.0).to_numpy(np.float64)
    return left


def _together(baskets: Baskets, product_ids: list[str], mean: Floats, base: Floats) -> Together:
    """Price pairs: the orders of both that a region expects, a further parcel each."""
    index = pd.Index(product_ids)
    first = index.get_indexer(baskets.pairs["first_id"])
    second = index.get_indexer(baskets.pairs["second_id"])
    both = baskets.pairs["orders"].to_numpy(np.float64)
    units = baskets.products["units"].reindex(product_ids).fillna(0.0).to_numpy(np.float64)
    known = (first >= 0) & (second >= 0)
    first, second, both = first[known], second[known], both[known]
    expected = np.minimum(
        mean[first] * (both / units[first])[:, None], mean[second] * (both / units[second])[:, None]
    )
    cost = expected * np.minimum(base[first], base[second])
    return Together(first, second, cost)
