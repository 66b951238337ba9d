"""The scenario's orders as a book that stands for its demand, with sites by preference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from scenarios import InputError, Scenario
from scenarios.distance import DETOUR, great_circle_m
from scenarios.semantics.zones import explode_bundles
from simulation.arrays import Flags, Floats, Places
from simulation.facts import OrderBook

RULES = ("nearest", "cheapest")


def order_book(
    scenario: Scenario, site_ids: Sequence[str], products: Sequence[str], rule: str
) -> OrderBook:
    """Return the deliveries of `orders` (cancelled ones excepted), bundles taken apart.

    Parameters
    ----------
    site_ids, products : of the world, in its order
    rule : sites by distance (nearest), or by the cost of a lane to the zone for an average order
        (cheapest; sites without a lane come last, by distance)

    Raises
    ------
    InputError
        There is no order to serve, or no such rule.
    """
    if rule not in RULES:
        raise InputError(f"no sourcing rule is called {rule!r}: known are {', '.join(RULES)}")
    rows = scenario.filled("orders")
    number = {product: p for p, product in enumerate(products)}
    lines = delivered_lines(scenario)
    lines = lines[lines["product_id"].isin(set(number))]
    lines = lines.groupby(["order_id", "product_id"], sort=True)["qty"].sum().reset_index()
    lines = lines.assign(units=np.rint(lines["qty"]).astype("int64"))
    lines = lines[lines["units"] > 0]
    if not len(lines):
        raise InputError(
            "there are no orders to serve: fill the tables orders and order_lines with products"
            " that the plan stocks, or simulate without order-level fulfilment"
        )
    rows = rows[rows["order_id"].isin(lines["order_id"])].sort_values("order_id")
    count = lines.groupby("order_id", sort=True).size().to_numpy(np.int64)
    at = rows[["zone_id", "lon", "lat"]].reset_index(drop=True)
    at.loc[at["zone_id"].notna(), ["lon", "lat"]] = np.nan
    ends = at.drop_duplicates(ignore_index=True)
    place = pd.MultiIndex.from_frame(ends).get_indexer(pd.MultiIndex.from_frame(at))
    ranks, punctual = _preferences(scenario, site_ids, ends, lines, rule)
    return OrderBook(
        begin=np.concatenate([[0], np.cumsum(count)]).astype(np.int64),
        product=lines["product_id"].map(number).to_numpy(np.int64),
        units=lines["units"].to_numpy(np.int64),
        place=place.astype(np.int64),
        splits=rows["allow_split"].astype(bool).to_numpy(np.bool_),
        ranks=ranks,
        punctual=punctual,
    )


def delivered_lines(scenario: Scenario) -> pd.DataFrame:
    """Return the lines of all deliveries that are not cancelled, bundles taken apart."""
    rows = scenario.filled("orders")
    rows = rows[(rows["status"] != "cancelled") & (rows["kind"] == "delivery")]
    lines = explode_bundles(scenario, scenario.table("order_lines").copy(), ("qty",))
    return lines[lines["order_id"].isin(rows["order_id"])]


def mean_units(scenario: Scenario) -> float:
    """Return the units of an average delivery; 1 where the scenario has none."""
    lines = delivered_lines(scenario)
    count = lines["order_id"].nunique()
    return float(lines["qty"].sum()) / count if count else 1.0


def _preferences(
    scenario: Scenario, site_ids: Sequence[str], ends: pd.DataFrame, lines: pd.DataFrame, rule: str
) -> tuple[Places, Flags]:
    """Return (Z, S) sites by preference, and whether each keeps the promise of the place."""
    metres = _metres(scenario, site_ids, ends)
    zones = scenario.table("zones").set_index("zone_id")
    lanes = scenario.filled("lanes")
    lanes = lanes[lanes["origin_id"].isin(set(site_ids))]
    products = scenario.table("products").set_index("product_id")
    n_orders = lines["order_id"].nunique()
    kg, m3 = (
        float((lines["units"] * products[column].reindex(lines["product_id"]).to_numpy()).sum())
        / n_orders
        for column in ("weight_kg", "volume_m3")
    )
    units = float(lines["units"].sum()) / n_orders
    cost = lanes["cost_per_shipment"] + kg * lanes["cost_per_kg"] + m3 * lanes["cost_per_m3"]
    lanes = lanes.assign(cost=cost + units * lanes["cost_per_unit"])
    lanes = lanes.sort_values(["cost", "transit_mean_days", "mode"])
    ways = lanes.drop_duplicates(["origin_id", "destination_id"])
    ways = ways.set_index(["origin_id", "destination_id"])
    ranks = np.zeros((len(ends), len(site_ids)), np.int64)
    punctual = np.ones((len(ends), len(site_ids)), np.bool_)
    for z, zone in enumerate(ends["zone_id"]):
        pairs = pd.MultiIndex.from_arrays([list(site_ids), [zone] * len(site_ids)])
        here = ways[["cost", "transit_mean_days"]].reindex(pairs)
        money = here["cost"].fillna(np.inf).to_numpy(np.float64)
        days = here["transit_mean_days"].to_numpy(np.float64)
        promise = float(zones["promise_days"].get(zone, np.nan)) if pd.notna(zone) else np.nan
        late = np.where(np.isfinite(days) & np.isfinite(promise), days > promise, False)
        punctual[z] = ~late
        keys = [np.arange(len(site_ids)), metres[z]]
        ranks[z] = np.lexsort([*keys, money] if rule == "cheapest" else keys)
    return ranks, punctual


def _metres(scenario: Scenario, site_ids: Sequence[str], ends: pd.DataFrame) -> Floats:
    """(Z, S) metres from each site to each place; infinite where either is nowhere."""
    sites = scenario.table("sites").set_index("site_id")[["lon", "lat"]]
    zones = scenario.table("zones").set_index("zone_id")[["lon", "lat"]]
    known = zones.reindex(ends["zone_id"]).to_numpy(np.float64)
    places = np.where(np.isnan(known), ends[["lon", "lat"]].to_numpy(np.float64), known)
    starts = sites.reindex(list(site_ids)).to_numpy(np.float64)
    metres = great_circle_m(starts[None, :, :], places[:, None, :]) * DETOUR
    found: Floats = np.where(np.isnan(metres), np.inf, metres)
    return found
