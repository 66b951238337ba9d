"""A network as arrays: sites, ways of products between places, demand in each future."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from optimizer.allocation.network.problem import Flags, Floats, Ints
from scenarios import InputError, Scenario
from scenarios.semantics.defaults import DAYS_PER_YEAR, available_stock, unserved_penalty
from scenarios.semantics.network import (
    SERVING,
    case_weights,
    lane_rates,
    network_demand,
    network_offers,
    service_km,
    way_cost,
)

MOST_WAYS = 4_000_000  # ways x products x futures


@dataclass(frozen=True, slots=True)
class Sites:
    """Sites that are or may be part of the network; money over the horizon.

    Attributes
    ----------
    is_today : (s,) open today
    may_open : (s,)
    stocks : (s,) holds stock when open: warehouses and stores
    fixed, opening, closing : (s,) money; opening for sites not open today, closing for the others
    inbound, outbound : (s,) units over the horizon, infinite: no limit
    storage_m3 : (s,) infinite: no limit
    handling : (s,) money per unit shipped
    """

    site_id: tuple[str, ...]
    is_today: Flags
    may_open: Flags
    stocks: Flags
    fixed: Floats
    opening: Floats
    closing: Floats
    inbound: Floats
    outbound: Floats
    storage_m3: Floats
    handling: Floats


@dataclass(frozen=True, slots=True)
class Ways:
    """How a product gets from a place to the next, one entry per way and product.

    Attributes
    ----------
    origin, destination : (a,) site number, -1 where the place is a supplier or a zone
    want : (a,) number of the demand that it serves, -1 between sites
    offer : (a,) number of the offer that it draws on, -1 without
    lane : (a,) number of the lane, -1 without
    product : (a,)
    purchase, transport, handling : (a,) money per unit
    grams : (a,) g CO2e per unit
    names : origin_id, destination_id, mode, product_id
    """

    origin: Ints
    destination: Ints
    want: Ints
    offer: Ints
    lane: Ints
    product: Ints
    purchase: Floats
    transport: Floats
    handling: Floats
    grams: Floats
    names: pd.DataFrame


@dataclass(frozen=True, slots=True)
class CountLimit:
    """How many of some sites may be open; `sites` (s,) says which."""

    limit_id: str
    sites: Flags
    sense: str
    value: float


@dataclass(frozen=True, slots=True)
class Network:
    """Everything that the design needs.

    Attributes
    ----------
    wants : product_id, location_id, number of the product, penalty; one per product and place
    demand : (n_cases, n_wants) units over the horizon
    weight : (n_cases,) probability
    free : (s, p) bool, sites that have a product without supply
    offer_units, lane_kg : what offers and lanes carry over the horizon, infinite: no limit
    kg, m3 : (p,) of one unit
    stock_cost : money of holding today's stock over the horizon; `stocking_points` hold it today
    cover_days : days of demand that today's stock lasts; 0 without stock
    co2_price : money per gram; `co2_most` grams over the horizon, infinite: no limit
    """

    sites: Sites
    ways: Ways
    wants: pd.DataFrame
    demand: Floats
    cases: tuple[str, ...]
    weight: Floats
    free: Flags
    offer_units: Floats
    lane_kg: Floats
    kg: Floats
    m3: Floats
    counts: tuple[CountLimit, ...]
    stock_cost: float
    stocking_points: int
    cover_days: float
    horizon_days: int
    co2_price: float
    co2_most: float
    product_id: tuple[str, ...]
    notes: tuple[str, ...]


def read_network(scenario: Scenario) -> Network:
    """Turn a scenario into arrays.

    Raises
    ------
    InputError
        Nothing is demanded, or the network has more ways than MOST_WAYS.
    """
    demand, source = network_demand(scenario)
    notes = [f"Demand over the horizon is taken from {source}."]
    if not len(demand):
        raise InputError("network: nothing is demanded over the horizon; see forecasts")
    weights = case_weights(scenario, demand)
    products = scenario.table("products").set_index("product_id")
    asked = sorted(set(demand["product_id"]))
    kg = products["weight_kg"].reindex(asked).fillna(0.0).to_numpy(np.float64)
    m3 = products["volume_m3"].reindex(asked).fillna(0.0).to_numpy(np.float64)
    number = {product: at for at, product in enumerate(asked)}
    wants = demand[["product_id", "location_id"]].drop_duplicates()
    wants = wants.sort_values(["location_id", "product_id"]).reset_index(drop=True)
    wants["product"] = wants["product_id"].map(number)
    wants["penalty"] = unserved_penalty(scenario).reindex(wants["product_id"]).to_numpy(np.float64)
    pivot = demand.pivot_table(
        index="demand_case", columns=["location_id", "product_id"], values="qty", fill_value=0.0
    )
    columns = pd.MultiIndex.from_frame(wants[["location_id", "product_id"]])
    units = pivot.reindex(columns=columns, fill_value=0.0).reindex(weights.index)
    table = _sites(scenario)
    sites = _read_sites(scenario, table)
    offers = network_offers(scenario)
    offers = offers[offers["product_id"].isin(number)]
    rates = lane_rates(scenario)
    ways, offer_units, lane_kg = _ways(scenario, table, offers, rates, wants, products, asked)
    if len(ways.origin) * len(weights) > MOST_WAYS:
        raise InputError(
            f"network: {len(ways.origin):,} ways of products x {len(weights)} futures are more than"
            f" {MOST_WAYS:,}: plan fewer products at once, or forecast by category"
        )
    free = _free(table, offers, rates, asked)
    cost, points, cover, told = _stock(
        scenario, table, units.to_numpy() * weights.to_numpy()[:, None]
    )
    notes += told
    notes += _soft_reach(scenario)
    most, told = _co2_limit(scenario)
    notes += told
    counts, told = _counts(scenario, table)
    notes += told
    return Network(
        sites=sites,
        ways=ways,
        wants=wants,
        demand=units.to_numpy(np.float64),
        cases=tuple(weights.index),
        weight=weights.to_numpy(np.float64),
        free=free,
        offer_units=offer_units,
        lane_kg=lane_kg,
        kg=kg,
        m3=m3,
        counts=counts,
        stock_cost=cost,
        stocking_points=points,
        cover_days=cover,
        horizon_days=scenario.settings.horizon_days,
        co2_price=scenario.settings.co2_price_per_tonne / 1e6,
        co2_most=most,
        product_id=tuple(asked),
        notes=tuple(notes),
    )


def _sites(scenario: Scenario) -> pd.DataFrame:
    sites = scenario.filled("sites")
    return sites[sites["kind"].isin(SERVING)].sort_values("site_id").reset_index(drop=True)


def _read_sites(scenario: Scenario, table: pd.DataFrame) -> Sites:
    days = float(scenario.settings.horizon_days)
    share = days / (DAYS_PER_YEAR * scenario.settings.amortisation_years)
    is_today = (table["status"] == "open").to_numpy()

    def limit(column: str, times: float) -> Floats:
        values: Floats = table[column].fillna(np.inf).to_numpy(np.float64) * times
        return values

    return Sites(
        site_id=tuple(table["site_id"]),
        is_today=is_today,
        may_open=(table["status"] != "closed").to_numpy(),
        stocks=table["kind"].isin(["warehouse", "store"]).to_numpy(bool),
        fixed=table["fixed_cost_per_day"].to_numpy(np.float64) * days,
        opening=np.where(is_today, 0.0, table["opening_cost"].to_numpy(np.float64) * share),
        closing=np.where(is_today, table["closing_cost"].to_numpy(np.float64) * share, 0.0),
        inbound=limit("inbound_units_per_day", days),
        outbound=limit("outbound_units_per_day", days),
        storage_m3=limit("storage_m3", 1.0),
        handling=table["handling_cost_per_unit"].to_numpy(np.float64),
    )


def _ways(
    scenario: Scenario,
    table: pd.DataFrame,
    offers: pd.DataFrame,
    rates: pd.DataFrame,
    wants: pd.DataFrame,
    products: pd.DataFrame,
    asked: list[str],
) -> tuple[Ways, Floats, Floats]:
    site = {name: at for at, name in enumerate(table["site_id"])}
    rates = rates.assign(lane=np.arange(len(rates)))
    promise = scenario.table("zones").set_index("zone_id")["promise_days"]
    promised = promise.reindex(rates["destination_id"]).fillna(np.inf).to_numpy(np.float64)
    reach = service_km(scenario).reindex(rates["destination_id"]).fillna(np.inf).to_numpy()
    near = rates["km"].to_numpy(np.float64) <= reach
    in_time = rates[near & (promised >= rates["transit_mean_days"].to_numpy())]
    wants = wants.assign(want=np.arange(len(wants)))

    # to customers: lanes into their zone, and a site's own demand from the site itself
    serving = in_time[in_time["origin_id"].isin(site)].merge(
        wants, left_on="destination_id", right_on="location_id"
    )
    own = wants[wants["location_id"].isin(site)].assign(
        origin_id=lambda frame: frame["location_id"],
        destination_id=lambda frame: frame["location_id"],
        mode="own",
        lane=-1,
    )
    serving = serving[~serving["destination_id"].isin(site)]
    # between sites
    inner = rates[rates["origin_id"].isin(site) & rates["destination_id"].isin(site)]
    inner = inner.merge(pd.DataFrame({"product_id": asked}), how="cross").assign(want=-1)
    # from suppliers: by their lanes where there are some, else door to door
    bought = offers.merge(
        rates.rename(columns={"destination_id": "site_id", "origin_id": "supplier_id"}),
        on=["supplier_id", "site_id"],
        how="left",
    )
    bought = bought.rename(columns={"supplier_id": "origin_id", "site_id": "destination_id"})
    bought["mode"] = bought["mode"].fillna("delivered")
    bought["want"] = -1
    every = pd.concat([serving, own, inner, bought], ignore_index=True)
    every["landed"] = every["landed"].fillna(0.0) if "landed" in every else 0.0
    offered, offer = np.unique(every["row"].fillna(-1.0), return_inverse=True)
    offer = offer - int(len(offered) > 0 and offered[0] == -1.0)
    units = offers.drop_duplicates("row").set_index("row")["capacity"]
    offer_units = units.reindex(offered[offered >= 0.0]).to_numpy(np.float64)
    lane = every["lane"].fillna(-1).to_numpy(np.int64)
    numbers = every[["per_unit", "per_kg", "per_m3", "per_shipment", "g_per_kg"]].fillna(0.0)
    numbers["shipment_kg"] = every["shipment_kg"].fillna(np.inf)
    numbers["shipment_m3"] = every["shipment_m3"].fillna(np.inf)
    weight = products["weight_kg"].reindex(every["product_id"]).fillna(0.0).to_numpy(np.float64)
    volume = products["volume_m3"].reindex(every["product_id"]).fillna(0.0).to_numpy(np.float64)
    origin = every["origin_id"].map(site).fillna(-1).to_numpy(np.int64)
    want = every["want"].to_numpy(np.int64)
    handling = table["handling_cost_per_unit"].to_numpy(np.float64)
    lane_kg = rates["kg_per_day"].to_numpy(np.float64) * scenario.settings.horizon_days
    ways = Ways(
        origin=origin,
        destination=np.where(
            want >= 0, -1, every["destination_id"].map(site).fillna(-1).to_numpy(np.int64)
        ),
        want=want,
        offer=offer.astype(np.int64),
        lane=lane,
        product=every["product_id"].map({p: at for at, p in enumerate(asked)}).to_numpy(np.int64),
        purchase=every["landed"].to_numpy(np.float64),
        transport=way_cost(numbers, weight, volume),
        handling=np.where(origin >= 0, handling[np.maximum(origin, 0)], 0.0),
        grams=numbers["g_per_kg"].to_numpy(np.float64) * weight,
        names=every[["origin_id", "destination_id", "mode", "product_id"]].reset_index(drop=True),
    )
    return ways, offer_units, lane_kg


def _free(
    table: pd.DataFrame, offers: pd.DataFrame, rates: pd.DataFrame, asked: list[str]
) -> Flags:
    """Say which sites have a product without supply.

    Plants make what nobody offers them. A site without offers of a product and without lanes from
    other places has it where nobody offers it anywhere: supply is then not part of the scenario.
    """
    offered = pd.crosstab(offers["site_id"], offers["product_id"]).reindex(
        index=table["site_id"], columns=asked, fill_value=0
    )
    has_offer = offered.to_numpy() > 0
    plant = (table["kind"] == "plant").to_numpy()[:, None]
    fed = table["site_id"].isin(set(rates["destination_id"])).to_numpy()[:, None]
    nowhere = ~has_offer.any(axis=0)[None, :]
    free: Flags = ~has_offer & (plant | (~fed & nowhere))
    return free


def _stock(
    scenario: Scenario, table: pd.DataFrame, expected: Floats
) -> tuple[float, int, float, list[str]]:
    """Return the cost of holding today's stock, the sites that hold it, and its days of demand."""
    if not len(scenario.table("inventory")):
        return 0.0, 0, 0.0, ["No inventory: stock is left out of the design."]
    stock = available_stock(scenario)
    stock = stock[stock["site_id"].isin(set(table.loc[table["status"] == "open", "site_id"]))]
    stock = stock[stock["qty"] > 0.0]
    cost = scenario.table("products").set_index("product_id")["unit_cost"]
    value = float((stock["qty"] * cost.reindex(stock["product_id"]).to_numpy()).sum())
    rate = scenario.settings.holding_rate_pct_per_year / 100.0
    days = scenario.settings.horizon_days
    points = int(stock["site_id"].nunique())
    daily = float(expected.sum()) / days
    cover = float(stock["qty"].sum()) / daily if daily > 0.0 else 0.0
    return value * rate * days / DAYS_PER_YEAR, points, cover, []


def _soft_reach(scenario: Scenario) -> list[str]:
    limits = scenario.table("limits")
    soft = (limits["kind"] == "service_km") & ~limits["hard"].astype(bool)
    names = limits.loc[soft, "limit_id"]
    return [f"Limit {name} on service distance is soft: reported, not enforced." for name in names]


def _co2_limit(scenario: Scenario) -> tuple[float, list[str]]:
    limits = scenario.table("limits")
    caps = limits[
        (limits["kind"] == "co2") & (limits["sense"] == "<=") & (limits["scope"] == "all")
    ]
    hard = caps[caps["hard"].astype(bool)]
    told = [
        f"Limit {name} on CO2e is soft: reported, not enforced."
        for name in caps.loc[~caps["hard"].astype(bool), "limit_id"]
    ]
    return (float(hard["value"].min()) if len(hard) else np.inf), told


def _counts(scenario: Scenario, table: pd.DataFrame) -> tuple[tuple[CountLimit, ...], list[str]]:
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
