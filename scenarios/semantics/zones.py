"""Which sites serve a zone's demand, and what bundles take from stock."""

from __future__ import annotations

import numpy as np
import pandas as pd

from scenarios.distance import great_circle_m
from scenarios.scenario import Scenario


def zone_shares(scenario: Scenario) -> pd.DataFrame:
    """Return which share of each zone's demand each site serves.

    `zone_sites` where it lists the zone: blank shares take what the named ones leave, in equal
    parts, and named ones are scaled to 100 %. Otherwise the open site with the cheapest lane
    within `promise_days` (cost per unit + cost per kg of 1 kg + cost per shipment), else the
    nearest open warehouse or store, else the first open one.

    Returns
    -------
    frame : zone_id, site_id, channel_id (blank: all), share (0..1), rule ("zone_sites", "lane",
        "nearest", "first"); shares of a zone and channel add up to 1
    """
    listed = scenario.table("zone_sites")
    frames = []
    if len(listed):
        keys = [listed["zone_id"], listed["channel_id"].fillna("")]
        named = listed["share_pct"].groupby(keys).transform("sum")
        blanks = listed["share_pct"].isna().astype(float).groupby(keys).transform("sum")
        rest = (100.0 - named).clip(lower=0.0) / blanks.where(blanks > 0)
        share = listed["share_pct"].fillna(rest)
        total = share.groupby(keys).transform("sum")
        even = 1.0 / share.groupby(keys).transform("size")
        share = (share / total.where(total > 0)).fillna(even)
        frames.append(
            listed[["zone_id", "site_id", "channel_id"]].assign(share=share, rule="zone_sites")
        )
    zones = scenario.table("zones")
    missing = zones[~zones["zone_id"].isin(set(listed["zone_id"]))]
    if len(missing):
        frames.append(_assigned(scenario, missing))
    if not frames:
        columns = ["zone_id", "site_id", "channel_id", "share", "rule"]
        return pd.DataFrame({column: pd.Series(dtype="str") for column in columns}).astype(
            {"share": "float64"}
        )
    return pd.concat(frames, ignore_index=True)


def _assigned(scenario: Scenario, zones: pd.DataFrame) -> pd.DataFrame:
    """Give each zone that `zone_sites` leaves out the site that serves it best."""
    sites = scenario.table("sites")
    open_sites = sites[(sites["status"] == "open") & sites["kind"].isin(["warehouse", "store"])]
    if not len(open_sites):
        open_sites = sites[sites["status"] == "open"]
    lanes = scenario.filled("lanes")
    lanes = lanes[
        lanes["origin_id"].isin(set(open_sites["site_id"]))
        & lanes["destination_id"].isin(set(zones["zone_id"]))
    ]
    promise = zones.set_index("zone_id")["promise_days"]
    promised = promise.reindex(lanes["destination_id"]).fillna(np.inf).to_numpy(np.float64)
    within = promised >= lanes["transit_mean_days"].to_numpy()
    lanes = lanes[within]
    price = lanes["cost_per_unit"] + lanes["cost_per_kg"] + lanes["cost_per_shipment"]
    lanes = lanes.assign(price=price).sort_values(["price", "origin_id"], kind="stable")
    by_lane = lanes.drop_duplicates("destination_id").set_index("destination_id")["origin_id"]

    site_at = open_sites[["lon", "lat"]].to_numpy(np.float64)
    placed = ~np.isnan(site_at).any(axis=1)
    rows = []
    for zone_id, lon, lat in zip(zones["zone_id"], zones["lon"], zones["lat"], strict=True):
        if zone_id in by_lane.index:
            rows.append((zone_id, by_lane[zone_id], "lane"))
        elif not np.isnan([lon, lat]).any() and placed.any():
            metres = great_circle_m(np.array([lon, lat]), site_at[placed])
            ids = open_sites["site_id"].to_numpy()[placed]
            rows.append((zone_id, ids[int(np.argmin(metres))], "nearest"))
        elif len(open_sites):
            rows.append((zone_id, open_sites["site_id"].iloc[0], "first"))
    frame = pd.DataFrame(rows, columns=["zone_id", "site_id", "rule"])
    frame = frame.assign(channel_id=np.nan, share=1.0)
    return frame[["zone_id", "site_id", "channel_id", "share", "rule"]]


def explode_bundles(
    scenario: Scenario, demand: pd.DataFrame, quantities: tuple[str, ...] = ("qty",)
) -> pd.DataFrame:
    """Replace rows of bundles by rows of their components, bundles within bundles included.

    Parameters
    ----------
    demand : any frame with a product_id column
    quantities : columns that are multiplied by the component's quantity

    Returns
    -------
    frame : same columns; a component row keeps the other cells of its bundle's row
    """
    parts = scenario.table("product_components")
    if not len(parts):
        return demand
    parts = parts.rename(columns={"bundle_id": "product_id", "qty": "_per_bundle"})
    done = []
    left = demand
    for _ in range(len(parts) + 1):
        is_bundle = left["product_id"].isin(set(parts["product_id"]))
        done.append(left[~is_bundle])
        left = left[is_bundle]
        if not len(left):
            return pd.concat(done, ignore_index=True)
        left = left.merge(parts, on="product_id", how="inner")
        for column in quantities:
            left[column] = left[column] * left["_per_bundle"]
        left = left.assign(product_id=left["component_id"])[list(demand.columns)]
    raise ValueError("product_components: a bundle contains itself")
