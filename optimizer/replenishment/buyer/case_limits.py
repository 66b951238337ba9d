"""Limits of a buyer's plan: money, units and shares per order bucket, storage per stock bucket."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.buyer.problem import Floats, Ints, Items, Rules, Storage
from optimizer.replenishment.facts import Facts
from optimizer.replenishment.tonight.limits import held_m3, in_scope
from scenarios import Scenario
from scenarios.semantics.co2_limits import co2_limits
from scenarios.semantics.inbound import inbound_ways

GRAMS_PER_KG = 1000.0  # limits on CO2e are kept in kg, beside rows of money and units
MONEY = {"budget": "budget", "supplier_spend": "budget"}


@dataclass(frozen=True, slots=True)
class Names:
    """What rules and stores are called: (kind, entity) each."""

    rules: tuple[tuple[str, str], ...]
    stores: tuple[tuple[str, str], ...]


def hard_limits(facts: Facts) -> pd.DataFrame:
    """Return the hard limits of sense <=, in order of their ids."""
    limits = facts.scenario.table("limits")
    rows = limits[limits["hard"].fillna(True).astype(bool) & (limits["sense"] == "<=")]
    return rows.sort_values("limit_id", kind="stable")


def room_by_bucket(facts: Facts, bucket: object, value: float) -> Floats:
    """Return a limit per bucket of the horizon: everywhere, or in its own bucket only."""
    settings = facts.scenario.settings
    room = np.full(settings.horizon_buckets, np.inf)
    if pd.isna(bucket):
        room[:] = value
        return room
    start = pd.Timestamp(settings.start_date)
    at = (pd.Timestamp(bucket) - start).days // settings.bucket_days
    if 0 <= at < len(room):
        room[at] = value
    return room


def read_rules(
    facts: Facts, scope: str, offers: pd.DataFrame, unit: Ints
) -> tuple[Rules, tuple[tuple[str, str], ...]]:
    """Return the limits on orders.

    Parameters
    ----------
    offers : one row per option
    unit : (n_options,) base units of one unit of the problem
    """
    count = len(offers)
    nothing = np.zeros(count)
    money, units, room, names = [], [], [], []

    def add(kind: str, entity: str, weights: tuple[Floats, Floats], rooms: Floats) -> None:
        money.append(weights[0])
        units.append(weights[1] * unit)
        room.append(rooms)
        names.append((kind, entity))

    for limit in hard_limits(facts).itertuples():
        inside = in_scope(offers, str(limit.scope)).astype(np.float64)
        rooms = room_by_bucket(facts, limit.bucket, float(limit.value))
        if not inside.any():
            continue
        if limit.kind in MONEY:
            add(MONEY[str(limit.kind)], str(limit.limit_id), (inside, nothing), rooms)
        elif limit.kind == "supplier_units":
            add("units", str(limit.limit_id), (nothing, inside), rooms)
        elif limit.kind == "supplier_share_pct" and not scope.startswith("supplier:"):
            for name in sorted(set(offers.loc[inside > 0.0, "supplier_id"])):
                part = inside * (offers["supplier_id"] == name).to_numpy(bool)
                whole = np.ones(count) if str(limit.scope).startswith("supplier:") else inside
                weight = part - float(limit.value) / 100.0 * whole
                zero = np.where(np.isfinite(rooms), 0.0, np.inf)
                add("share", f"{limit.limit_id} supplier:{name}", (weight, nothing), zero)
    kilos = np.nan_to_num(offers["g_co2e"].to_numpy(np.float64)) / GRAMS_PER_KG
    for cap in co2_limits(facts.scenario, "buyer")[0]:
        inside = np.ones(count) if cap.kind == "all" else (offers["supplier_id"] == cap.name)
        bucket = pd.NaT if cap.first is None else cap.first
        weights = kilos * np.asarray(inside, np.float64)
        if weights.any():
            rooms = room_by_bucket(facts, bucket, cap.grams / GRAMS_PER_KG)
            add("co2", cap.limit_id, (nothing, weights), rooms)
    shared = offers["capacity_per_week"].notna() & ~offers["named"].astype(bool)
    for row, part in offers[shared].groupby("row", sort=True):
        if len(part) > 1:
            weight = np.isin(np.arange(count), part.index.to_numpy()).astype(np.float64)
            weekly = float(part["capacity_per_week"].iloc[0])
            settings = facts.scenario.settings
            rooms = np.full(settings.horizon_buckets, weekly * settings.bucket_days / 7.0)
            first = part.iloc[0]
            entity = f"supplier:{first['supplier_id']} product:{first['product_id']} row {row}"
            add("units", entity, (nothing, weight), rooms)
    horizon = facts.scenario.settings.horizon_buckets
    return Rules(
        np.array(money).reshape(-1, count),
        np.array(units).reshape(-1, count),
        np.array(room).reshape(-1, horizon),
    ), tuple(names)


def grams_per_unit(scenario: Scenario, offers: pd.DataFrame) -> tuple[NDArray[np.object_], Floats]:
    """Return the mode by which each option comes, and what bringing a base unit of it emits.

    The slowest lane, as lead times have it; no lane: mode blank, and the way that is usual then.

    Parameters
    ----------
    offers : supplier_id, site_id, and kg of a base unit

    Returns
    -------
    mode : (n_options,) texts; grams : (n_options,) g CO2e, NaN: not known
    """
    lanes = scenario.filled("lanes").sort_values(
        ["transit_mean_days", "transit_sd_days"], ascending=False, kind="stable"
    )
    lanes = lanes.drop_duplicates(["origin_id", "destination_id"])
    modes = lanes.set_index(["origin_id", "destination_id"])["mode"]
    at = pd.MultiIndex.from_frame(offers[["supplier_id", "site_id"]])
    ways = inbound_ways(scenario, offers)
    ways = ways.assign(mode=ways["mode"].astype(object).where(ways["mode"].notna(), ""))
    rate = ways.set_index(["supplier_id", "site_id", "mode"])["g_per_kg"]
    found = modes.reindex(at).astype(object)
    mode = found.where(found.notna(), "").to_numpy(object)
    key = pd.MultiIndex.from_arrays([offers["supplier_id"], offers["site_id"], mode])
    grams: Floats = rate.reindex(key).to_numpy(np.float64) * offers["kg"].to_numpy(np.float64)
    return mode, grams


def read_storage(
    facts: Facts, pair: Ints, items: Items, unit: Ints
) -> tuple[Storage, tuple[tuple[str, str], ...]]:
    """Return the limits on closing stock, less what other stock takes up.

    Stock that is not planned here (other products, reserved and quarantined units, open orders of
    others) is taken to stay as it is. An item's stock is counted at the site where it is bought.
    """
    rows = facts.pairs.iloc[pair].reset_index(drop=True)
    products = facts.scenario.table("products").set_index("product_id")
    m3 = products["volume_m3"].reindex(rows["product_id"]).to_numpy(np.float64)
    rows = rows.assign(
        category=products["category"].reindex(rows["product_id"]).to_numpy(object),
        supplier_id="",
    )
    held = held_m3(facts)
    held = held.assign(
        category=products["category"].reindex(held["product_id"]).to_numpy(object), supplier_id=""
    )
    own = np.maximum(rows["free"].to_numpy(np.float64), 0.0) + rows["on_order"].to_numpy(np.float64)
    own_m3 = np.nan_to_num(m3 * own)
    m3 = np.nan_to_num(m3)
    sites = facts.scenario.table("sites").set_index("site_id")["storage_m3"]
    horizon = facts.scenario.settings.horizon_buckets
    wanted = [
        (f"site:{site}", np.full(horizon, float(room)), f"site:{site}")
        for site, room in sites.items()
        if pd.notna(room)
    ]
    for limit in hard_limits(facts).itertuples():
        if limit.kind == "storage":
            rooms = room_by_bucket(facts, limit.bucket, float(limit.value))
            wanted.append((str(limit.scope), rooms, str(limit.limit_id)))
    weights, room, names = [], [], []
    bare = _bare_stock(items)
    for scope, rooms, entity in wanted:
        inside = in_scope(rows, scope)
        if not inside.any():
            continue
        others = float(held["m3"][in_scope(held, scope)].sum()) - float(own_m3[inside].sum())
        weight = inside * m3 * unit
        weights.append(weight)
        room.append(np.maximum(rooms - max(others, 0.0), weight @ bare))
        names.append(("storage", entity))
    return Storage(
        np.array(weights).reshape(-1, len(pair)), np.array(room).reshape(-1, horizon)
    ), tuple(names)


def _bare_stock(items: Items) -> Ints:
    """Return closing stock without any order, (n_items, n_periods)."""
    stock, closing = items.opening.copy(), np.empty_like(items.demand)
    for period in range(items.demand.shape[1]):
        stock = np.maximum(stock + items.receipts[:, period] - items.demand[:, period], 0)
        closing[:, period] = stock
    return closing
