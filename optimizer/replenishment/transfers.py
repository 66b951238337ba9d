"""Moves stock to the product-locations that another site feeds."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.facts import Facts
from optimizer.replenishment.policies import Reorder
from optimizer.replenishment.tonight.limits import room_m3
from scenarios.distance import DETOUR, great_circle_m
from scenarios.semantics.defaults import TONNE_KM_G

Floats = NDArray[np.float64]

GRAMS_PER_TONNE = 1e6
LANE = ["origin_id", "destination_id"]


def transfers(facts: Facts, purchases: pd.DataFrame, rules: Reorder) -> pd.DataFrame:
    """Return tonight's transfers.

    Each fed pair claims what lifts its position to its own best level; the origin claims its
    own demand over its protection interval. Where the claims exceed the origin's free stock,
    every claim is served in the same share, in whole units; what a site has no room for is cut
    in the same way.

    Parameters
    ----------
    purchases : purchase_orders, which take room at their sites first
    rules : reorder rules; a fed pair is lifted to the top of its own
    """
    pairs = facts.pairs
    fed = np.flatnonzero(pairs["feeder_id"].notna().to_numpy())
    if not len(fed):
        return pd.DataFrame()
    level = rules.top
    position = pairs["position"].to_numpy(np.float64)
    claim = np.floor(np.maximum(level[fed] - position[fed], 0.0) + 1e-9)
    rows = pairs.iloc[fed][["feeder_id", "site_id", "product_id"]].rename(
        columns={"feeder_id": "origin_id", "site_id": "destination_id"}
    )
    rows = rows.assign(claim=claim, review=pairs["review_days"].to_numpy(np.float64)[fed])
    rows = rows[_both_open(facts, rows)]
    rows = _within_free_stock(facts, rows)
    rows = _within_room(facts, rows, purchases)
    rows = rows[rows["qty"] > 0.0].sort_values([*LANE, "product_id"], kind="stable")
    if not len(rows):
        return pd.DataFrame()
    return on_lanes(
        facts, rows.reset_index(drop=True), pd.Timestamp(facts.scenario.settings.start_date)
    )


def _both_open(facts: Facts, rows: pd.DataFrame) -> NDArray[np.bool_]:
    status = facts.scenario.table("sites").set_index("site_id")["status"]
    ends = [status.reindex(rows[name]).to_numpy(object) == "open" for name in LANE]
    both: NDArray[np.bool_] = ends[0] & ends[1]
    return both


def _within_free_stock(facts: Facts, rows: pd.DataFrame) -> pd.DataFrame:
    """Cut claims to the origin's free stock, in fair shares with its own demand."""
    pairs = facts.pairs
    index = pd.MultiIndex.from_frame(pairs[["site_id", "product_id"]])
    origin = index.get_indexer(pd.MultiIndex.from_frame(rows[["origin_id", "product_id"]]))
    known = origin >= 0
    own_mean, _ = facts.forecast.over(
        pairs["forecast_row"].to_numpy(np.int64), pairs["protection_days"].to_numpy(np.float64)
    )
    free = np.where(known, np.maximum(pairs["free"].to_numpy(np.float64), 0.0)[origin], 0.0)
    own = np.where(known, own_mean[origin], 0.0)
    coming = np.where(known, pairs["on_order"].to_numpy(np.float64)[origin], 0.0)
    own = np.maximum(own - coming, 0.0)
    claimed = rows["claim"].groupby([rows["origin_id"], rows["product_id"]]).transform("sum")
    total = claimed.to_numpy(np.float64) + own
    share = np.minimum(1.0, np.divide(free, total, out=np.zeros(len(free)), where=total > 0.0))
    return rows.assign(qty=np.floor(rows["claim"].to_numpy(np.float64) * share + 1e-9))


def _within_room(facts: Facts, rows: pd.DataFrame, purchases: pd.DataFrame) -> pd.DataFrame:
    """Cut transfers to the room that tonight's purchases leave at their destination."""
    volume = facts.scenario.table("products").set_index("product_id")["volume_m3"]
    room = room_m3(facts)
    if len(purchases):
        start = pd.Timestamp(facts.scenario.settings.start_date)
        now = purchases[purchases["order_on"] == start]
        m3 = now["qty"].to_numpy(np.float64) * volume.reindex(now["product_id"]).to_numpy()
        room = room - pd.Series(m3).groupby(now["site_id"].to_numpy()).sum().reindex(
            room.index
        ).fillna(0.0)
    m3 = rows["qty"].to_numpy(np.float64) * volume.reindex(rows["product_id"]).to_numpy(np.float64)
    wanted = pd.Series(m3, index=rows.index).groupby(rows["destination_id"]).transform("sum")
    left = room.clip(lower=0.0).reindex(rows["destination_id"]).to_numpy(np.float64)
    need = wanted.to_numpy(np.float64)
    share = np.minimum(1.0, np.divide(left, need, out=np.ones(len(need)), where=need > 0.0))
    return rows.assign(qty=np.floor(rows["qty"].to_numpy(np.float64) * share + 1e-9))


def on_lanes(facts: Facts, rows: pd.DataFrame, ship_on: pd.Timestamp) -> pd.DataFrame:
    """Return transfers on the cheapest mode for each origin and destination, CO2e included.

    The cost of a mode is spread by weight.

    Parameters
    ----------
    rows : origin_id, destination_id, product_id, qty [units]; sorted
    ship_on : day on which they leave
    """
    scenario = facts.scenario
    products = scenario.table("products").set_index("product_id")
    qty = rows["qty"].to_numpy(np.float64)
    kg = qty * products["weight_kg"].reindex(rows["product_id"]).to_numpy(np.float64)
    m3 = qty * products["volume_m3"].reindex(rows["product_id"]).to_numpy(np.float64)
    rows = rows.assign(kg=kg, m3=m3)
    loads = rows.groupby(LANE, sort=False)[["qty", "kg", "m3"]].sum().reset_index()
    ways = loads.merge(scenario.filled("lanes"), on=LANE, how="left")
    shipments = np.maximum(
        np.ceil(ways["kg"] / ways["shipment_kg"] - 1e-9).fillna(1.0),
        np.ceil(ways["m3"] / ways["shipment_m3"] - 1e-9).fillna(1.0),
    ).clip(lower=1.0)
    ways["trip"] = (
        shipments * ways["cost_per_shipment"]
        + ways["kg"] * ways["cost_per_kg"]
        + ways["m3"] * ways["cost_per_m3"]
        + ways["qty"] * ways["cost_per_unit"]
    ).fillna(0.0)
    ways["g_per_kg"] = _g_per_kg(facts, ways)
    price = scenario.settings.co2_price_per_tonne / GRAMS_PER_TONNE
    ways["paid"] = ways["trip"] + price * ways["kg"] * ways["g_per_kg"].fillna(0.0)
    ways = ways.sort_values(["paid", "transit_mean_days", "mode"], kind="stable")
    best = ways.drop_duplicates(LANE)
    best = best.assign(
        mode=best["mode"].fillna("road"),
        transit=np.ceil(best["transit_mean_days"].fillna(0.0)),
    )
    columns = [*LANE, "mode", "trip", "transit", "g_per_kg"]
    found = rows.merge(best[columns], on=LANE, how="left")
    by = found.groupby(LANE, sort=False)
    weight = found["kg"].where(by["kg"].transform("sum") > 0.0, found["qty"])
    share = weight / weight.groupby([found["origin_id"], found["destination_id"]]).transform("sum")
    day = ship_on.strftime("%Y%m%d")
    names = found["origin_id"] + "-" + found["destination_id"] + "-" + found["product_id"]
    return pd.DataFrame(
        {
            "transfer_id": f"TR-{day}-" + names,
            "origin_id": found["origin_id"],
            "destination_id": found["destination_id"],
            "mode": found["mode"],
            "product_id": found["product_id"],
            "ship_on": ship_on,
            "due_on": ship_on + pd.to_timedelta(found["transit"], unit="D"),
            "qty": found["qty"],
            "cost": found["trip"] * share,
            "g_co2e": found["kg"] * found["g_per_kg"],
        }
    )


def _g_per_kg(facts: Facts, ways: pd.DataFrame) -> Floats:
    """Return grams of CO2e per kg moved over each lane."""
    sites = facts.scenario.table("sites").set_index("site_id")[["lon", "lat"]]
    ends = [sites.reindex(ways[name]).to_numpy(np.float64) for name in LANE]
    known = ~np.isnan(np.hstack(ends)).any(axis=1)
    metres = np.zeros(len(ways))
    if known.any():
        metres[known] = great_circle_m(ends[0][known], ends[1][known]) * DETOUR
    km = ways["distance_km"].fillna(pd.Series(metres / 1000.0, index=ways.index))
    factor = ways["g_co2e_per_tkm"].fillna(ways["mode"].fillna("road").map(TONNE_KM_G))
    grams: Floats = (km * factor / 1000.0).to_numpy(np.float64)
    return grams
