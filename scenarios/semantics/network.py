"""What a network has to serve, and what its ways cost per unit: facts for planning and referee."""

from __future__ import annotations

import numpy as np
import pandas as pd

from scenarios.distance import DETOUR, great_circle_m
from scenarios.scenario import Scenario
from scenarios.semantics.defaults import TONNE_KM_G
from scenarios.semantics.periods import Periods, split_horizon
from scenarios.semantics.zones import explode_bundles

DEMAND_COLUMNS = ["product_id", "location_id", "demand_case", "period", "qty"]
SERVING = ("warehouse", "store", "plant", "cross_dock")  # kinds of sites in a network


def network_demand(scenario: Scenario, periods: Periods | None = None) -> tuple[pd.DataFrame, str]:
    """Return units that each place wants in each period, in each future, and where from.

    Means of `forecasts` over the buckets of the horizon; buckets without any row repeat the mean
    of the others. In a future, its own rows replace the rows without one, product by product and
    place by place. Without `forecasts`: the mean of `demand_history` a day, times the days of the
    period. Bundles are taken apart.

    Parameters
    ----------
    periods : None: the horizon is one

    Returns
    -------
    frame : product_id, location_id, demand_case ("" where there is one future only), period
        (number), qty above 0
    source : "forecasts" or "demand_history"
    """
    periods = periods or split_horizon(scenario.settings)
    cases = scenario.table("demand_cases")["demand_case"].tolist()
    forecasts = scenario.table("forecasts")
    if len(forecasts):
        rows = _by_period(scenario, forecasts, periods)
        source = "forecasts"
    else:
        history = scenario.table("demand_history")
        days = (history["date"].max() - history["date"].min()).days + scenario.settings.bucket_days
        rows = history.groupby(["product_id", "location_id"], sort=True)["qty"].sum().reset_index()
        part = pd.DataFrame({"period": np.arange(len(periods)), "days": periods.days})
        rows = rows.merge(part, how="cross")
        rows["qty"] *= rows["days"] / max(days, 1)
        rows["demand_case"] = ""
        source = "demand_history"
    named = rows["demand_case"] != ""
    if not (len(cases) and named.any()):
        rows = rows[~named]
    else:
        parts = []
        key = ["product_id", "location_id"]
        for case in cases:
            own = rows[rows["demand_case"] == case]
            about = own[key].drop_duplicates()
            common = rows[~named].merge(about, on=key, how="left", indicator=True)
            common = common[common["_merge"] == "left_only"].drop(columns="_merge")
            parts.append(pd.concat([own, common.assign(demand_case=case)]))
        rows = pd.concat(parts, ignore_index=True)
    rows = explode_bundles(scenario, rows[DEMAND_COLUMNS].reset_index(drop=True))
    keys = ["demand_case", "product_id", "location_id", "period"]
    total = rows.groupby(keys, sort=True)["qty"].sum().reset_index()
    return total.loc[total["qty"] > 0.0, DEMAND_COLUMNS].reset_index(drop=True), source


def _by_period(scenario: Scenario, forecasts: pd.DataFrame, periods: Periods) -> pd.DataFrame:
    """Add up the means of each period; buckets of which nothing is said repeat their mean."""
    start = pd.Timestamp(scenario.settings.start_date)
    means = forecasts[forecasts["quantile"].isna()]
    step = scenario.settings.bucket_days
    number = (means["bucket"] - start).dt.days // step
    inside = (number >= 0) & (number < scenario.settings.horizon_buckets)
    means, number = means[inside], number[inside].to_numpy(np.int64)
    means = means.assign(
        demand_case=means["demand_case"].fillna(""), period=periods.of_bucket[number]
    )
    covered = int(means["bucket"].nunique())
    keys = ["product_id", "location_id", "demand_case"]
    total = means.groupby([*keys, "period"], sort=True)["qty"].sum().reset_index()
    if len(periods) == 1:
        total["qty"] *= scenario.settings.horizon_buckets / max(covered, 1)
        return total
    silent = np.bincount(np.delete(periods.of_bucket, np.unique(number)), minlength=len(periods))
    part = pd.DataFrame({"period": np.arange(len(periods)), "silent": silent})
    mean = total.groupby(keys, sort=True)["qty"].sum().reset_index().merge(part, how="cross")
    mean["qty"] *= mean["silent"] / max(covered, 1)
    return pd.concat([total, mean[mean["silent"] > 0]], ignore_index=True)[[*keys, "period", "qty"]]


def case_weights(scenario: Scenario, demand: pd.DataFrame) -> pd.Series:
    """Return the probability of each future that `demand` names, adding up to 1."""
    names = sorted(demand["demand_case"].unique())
    if names in ([""], []):
        return pd.Series([1.0], index=[""])
    stated = scenario.table("demand_cases").set_index("demand_case")["probability"].reindex(names)
    if not stated.sum() > 0.0:
        return pd.Series(1.0 / len(names), index=names)
    return stated / stated.sum()


def lane_rates(scenario: Scenario) -> pd.DataFrame:
    """Return what each lane costs and emits; :func:`way_cost` turns it into money per unit.

    Returns
    -------
    frame : origin_id, destination_id, mode, transit_mean_days, per_unit, per_kg, per_m3,
        per_shipment, shipment_kg, shipment_m3 (infinite: no size), km, g_per_kg, kg_per_day
        (infinite: no limit). A lane to a zone without a shipment size ships every unit alone; any
        other lane without a size has per_shipment 0: it cannot be spread over units
    """
    lanes = scenario.filled("lanes")
    zones = set(scenario.table("zones")["zone_id"])
    shipment = lanes["cost_per_shipment"].to_numpy(np.float64)
    by_kg, by_m3 = lanes["shipment_kg"], lanes["shipment_m3"]
    unsized = (by_kg.isna() & by_m3.isna()).to_numpy()
    to_zone = lanes["destination_id"].isin(zones).to_numpy()
    km = np.nan_to_num(lane_km(scenario, lanes))
    factor = lanes["g_co2e_per_tkm"].fillna(lanes["mode"].map(TONNE_KM_G)).to_numpy(np.float64)
    return pd.DataFrame(
        {
            "origin_id": lanes["origin_id"],
            "destination_id": lanes["destination_id"],
            "mode": lanes["mode"],
            "transit_mean_days": lanes["transit_mean_days"],
            "per_unit": lanes["cost_per_unit"] + np.where(unsized & to_zone, shipment, 0.0),
            "per_kg": lanes["cost_per_kg"],
            "per_m3": lanes["cost_per_m3"],
            "per_shipment": np.where(unsized, 0.0, shipment),
            "shipment_kg": by_kg.fillna(np.inf),
            "shipment_m3": by_m3.fillna(np.inf),
            "km": km,
            "g_per_kg": factor * km / 1000.0,
            "kg_per_day": lanes["capacity_kg_per_day"].fillna(np.inf),
        }
    ).reset_index(drop=True)


def service_km(scenario: Scenario) -> pd.Series:
    """Return how long a lane into each zone may be: the least hard limit of kind service_km.

    Returns
    -------
    km : by zone_id, infinite: no limit. Scope `all` counts for every zone, zone:ID for one
    """
    zones = pd.Index(scenario.table("zones")["zone_id"])
    most = pd.Series(np.inf, index=zones)
    limits = scenario.table("limits")
    rows = limits[(limits["kind"] == "service_km") & (limits["sense"] == "<=")]
    for row in rows[rows["hard"].astype(bool)].itertuples():
        about = (zones == str(row.scope).removeprefix("zone:")) | (row.scope == "all")
        most[about] = np.minimum(most[about], float(row.value))
    return most


def way_cost(rates: pd.DataFrame, weight_kg: np.ndarray, volume_m3: np.ndarray) -> np.ndarray:
    """Return money per unit of a product on each way, its share of full shipments included.

    Parameters
    ----------
    rates : rows of :func:`lane_rates`, one per way and product
    weight_kg, volume_m3 : (n_rows,) of the product
    """
    part = np.maximum(weight_kg / rates["shipment_kg"], volume_m3 / rates["shipment_m3"])
    cost = (
        rates["per_unit"]
        + rates["per_kg"] * weight_kg
        + rates["per_m3"] * volume_m3
        + rates["per_shipment"] * part
    )
    money: np.ndarray = cost.to_numpy(np.float64)
    return money


def lane_km(scenario: Scenario, lanes: pd.DataFrame) -> np.ndarray:
    """Return km of each lane: stated, measured, or great circle x detour; NaN where unknown."""
    measured = scenario.table("distances")[["origin_id", "destination_id", "distance_m"]]
    found = lanes[["origin_id", "destination_id"]].merge(
        measured, on=["origin_id", "destination_id"], how="left"
    )
    place = (
        pd.concat(
            [
                scenario.table(table)[[key, "lon", "lat"]].rename(columns={key: "id"})
                for table, key in (
                    ("sites", "site_id"),
                    ("zones", "zone_id"),
                    ("suppliers", "supplier_id"),
                )
            ]
        )
        .drop_duplicates("id")
        .set_index("id")
    )
    start = place.reindex(lanes["origin_id"])[["lon", "lat"]].to_numpy(np.float64)
    end = place.reindex(lanes["destination_id"])[["lon", "lat"]].to_numpy(np.float64)
    circle = great_circle_m(start, end) * DETOUR / 1000.0
    km = lanes["distance_km"].to_numpy(np.float64)
    km = np.where(np.isnan(km), found["distance_m"].to_numpy(np.float64) / 1000.0, km)
    known: np.ndarray = np.where(np.isnan(km), circle, km)
    return known


def network_offers(scenario: Scenario, periods: Periods | None = None) -> pd.DataFrame:
    """Return who supplies what to which site in each period, at what landed cost, and how much.

    Rows of `supplier_products` that are valid on the first day of the period; of one supplier and
    product, rows for a site beat the row for any site there. Price breaks are left out.

    Parameters
    ----------
    periods : None: the horizon is one

    Returns
    -------
    frame : row (position of the offer, whose capacity its sites share), supplier_id, product_id,
        site_id, landed (money per unit), capacity (units in the period, infinite: no limit),
        period (number)
    """
    periods = periods or split_horizon(scenario.settings)
    offers = scenario.filled("supplier_products").reset_index(drop=True)
    offers = offers.assign(
        row=np.arange(len(offers)),
        landed=offers["unit_cost"] * (1.0 + offers["duty_pct"] / 100.0),
    )
    sites = scenario.table("sites")
    usable = sites.loc[sites["kind"].isin(SERVING), ["site_id"]]
    named = offers[offers["site_id"].notna()]
    anywhere = offers[offers["site_id"].isna()].drop(columns="site_id").merge(usable, how="cross")
    every = pd.concat([named, anywhere], ignore_index=True)
    parts = []
    for number, (first, days) in enumerate(zip(periods.first, periods.days, strict=True)):
        day = pd.Timestamp(first)
        valid = every[~(every["valid_from"] > day) & ~(every["valid_to"] < day)]
        valid = valid.drop_duplicates(["supplier_id", "product_id", "site_id"], keep="first")
        valid = valid[valid["site_id"].isin(set(usable["site_id"]))]
        weeks = int(days) / 7.0
        capacity = (valid["capacity_per_week"] * weeks).fillna(np.inf)
        parts.append(valid.assign(capacity=capacity, period=number))
    columns = ["row", "supplier_id", "product_id", "site_id", "landed", "capacity", "period"]
    return pd.concat(parts, ignore_index=True)[columns]
