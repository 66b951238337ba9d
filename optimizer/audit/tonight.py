"""The facts of tonight's replenishment decision, as the referee reads them.

Nothing here is shared with the engine: product-locations, their demand over the protection
interval, their options and prices are built again from the scenario.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scenarios import Scenario
from scenarios.semantics.defaults import inventory_policies
from scenarios.semantics.zones import explode_bundles, zone_shares

Floats = NDArray[np.float64]

Z90 = 1.2815515655446004  # standard normal 0.9 quantile
PAIR = ["site_id", "product_id"]


@dataclass(frozen=True, slots=True)
class Tonight:
    """Product-locations and their options.

    Attributes
    ----------
    pairs : site_id, product_id, position [units], mean and sd [units over the protection
        interval], holding and shortage [money per unit], protection_days
    options : site_id, product_id, supplier_id and the terms of supplier_products; landed
        [money per unit without breaks], primary [flag]
    """

    pairs: pd.DataFrame
    options: pd.DataFrame


def read_tonight(scenario: Scenario, tables: Mapping[str, pd.DataFrame]) -> Tonight:
    """Build the facts from the scenario and the forecast."""
    forecast = site_forecast(scenario, tables.get("forecast"))
    with_demand = forecast[["site_id", "product_id"]].drop_duplicates()
    known = with_demand["product_id"].isin(set(scenario.table("products")["product_id"]))
    policies, _ = inventory_policies(scenario, with_demand[known])
    columns = [*PAIR, "review_days", "shortage_cost", "holding_cost_per_unit_day"]
    pairs = policies[columns].copy()
    options = read_options(scenario, pairs)
    primary = options[options["primary"]].drop_duplicates(PAIR)
    pairs = pairs.merge(
        primary[[*PAIR, "lead_time_mean_days", "lead_time_sd_days"]], on=PAIR, how="left"
    )
    lead = pairs["lead_time_mean_days"].fillna(0.0).to_numpy(np.float64)
    lead_sd = pairs["lead_time_sd_days"].fillna(0.0).to_numpy(np.float64)
    days = pairs["review_days"].to_numpy(np.float64) + lead
    mean, sd = _protection_demand(scenario, forecast, pairs, days, lead_sd)
    review = pairs["review_days"].to_numpy(np.float64)
    pairs = pairs[PAIR].assign(
        position=_position(scenario, pairs),
        mean=mean,
        sd=sd,
        holding=pairs["holding_cost_per_unit_day"].to_numpy(np.float64) * review,
        shortage=pairs["shortage_cost"].to_numpy(np.float64),
        protection_days=days,
        review_days=review,
    )
    return Tonight(pairs, options)


def site_forecast(scenario: Scenario, forecast: pd.DataFrame | None) -> pd.DataFrame:
    """Return site_id, product_id, bucket, mean, sd of the forecast stage, else of the scenario."""
    if forecast is not None and len(forecast):
        rows = forecast[forecast["span_buckets"] == 1]
        rows = rows.rename(columns={"location_id": "site_id"})
        rows = rows[[*PAIR, "bucket", "quantile", "qty"]]
        return _mean_and_sd(rows, [*PAIR, "bucket"])
    rows = scenario.table("forecasts")
    cases = scenario.table("demand_cases").set_index("demand_case")["probability"]
    if rows["demand_case"].notna().all() and len(rows):
        rows = rows.assign(qty=rows["qty"] * rows["demand_case"].map(cases))
    else:
        rows = rows[rows["demand_case"].isna()]
    rows = rows[rows["quantile"].isna() | np.isclose(rows["quantile"], 0.9)]
    keys = ["product_id", "location_id", "bucket", "quantile"]
    rows = rows.groupby(keys, dropna=False, sort=False)["qty"].sum().reset_index()
    at = _mean_and_sd(rows, ["product_id", "location_id", "bucket"])
    at = explode_bundles(scenario, at, ("mean", "sd"))
    sites = at[at["location_id"].isin(set(scenario.table("sites")["site_id"]))]
    sites = sites.rename(columns={"location_id": "site_id"})
    shares = zone_shares(scenario).groupby(["zone_id", "site_id"], sort=False)["share"].sum()
    zones = at.merge(shares.reset_index(), left_on="location_id", right_on="zone_id")
    zones = zones.assign(mean=zones["mean"] * zones["share"], sd=zones["sd"] * zones["share"])
    both = pd.concat([sites, zones], ignore_index=True)[[*PAIR, "bucket", "mean", "sd"]]
    both = both.assign(variance=both["sd"] ** 2)
    total = both.groupby([*PAIR, "bucket"], sort=False)[["mean", "variance"]].sum().reset_index()
    return total.assign(sd=np.sqrt(total["variance"]))[[*PAIR, "bucket", "mean", "sd"]]


def _mean_and_sd(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    mean = rows[rows["quantile"].isna()].groupby(keys, sort=False)["qty"].sum().rename("mean")
    near = np.isclose(rows["quantile"].to_numpy(np.float64), 0.9)
    high = rows[near].groupby(keys, sort=False)["qty"].sum().rename("high")
    both = pd.concat([mean, high], axis=1).reset_index()
    sd = ((both["high"] - both["mean"]) / Z90).clip(lower=0.0).fillna(0.0)
    return both.assign(mean=both["mean"].fillna(0.0), sd=sd)[[*keys, "mean", "sd"]]


def _protection_demand(
    scenario: Scenario, forecast: pd.DataFrame, pairs: pd.DataFrame, days: Floats, lead_sd: Floats
) -> tuple[Floats, Floats]:
    """Return mean and sd of demand over each pair's protection interval, units."""
    length = scenario.settings.bucket_days
    start = pd.Timestamp(scenario.settings.start_date)
    at = pd.MultiIndex.from_frame(pairs[PAIR])
    row = at.get_indexer(pd.MultiIndex.from_frame(forecast[PAIR]))
    bucket = ((forecast["bucket"] - start).dt.days // length).to_numpy()
    inside = (row >= 0) & (bucket >= 0)
    row, bucket = row[inside], bucket[inside].astype(np.int64)
    last = int(bucket.max()) + 1 if len(bucket) else 1
    n_buckets = max(last, math.ceil(float(days.max()) / length)) if len(days) else 1
    mean = np.zeros((len(pairs), n_buckets))
    variance = np.zeros((len(pairs), n_buckets))
    mean[row, bucket] = forecast["mean"].to_numpy(np.float64)[inside]
    variance[row, bucket] = forecast["sd"].to_numpy(np.float64)[inside] ** 2
    own_last = np.zeros(len(pairs), np.int64)
    np.maximum.at(own_last, row, bucket)
    beyond = np.arange(n_buckets) > own_last[:, None]
    each = np.arange(len(pairs))
    mean = np.where(beyond, mean[each, own_last][:, None], mean)
    variance = np.where(beyond, variance[each, own_last][:, None], variance)
    share = np.clip(days[:, None] / length - np.arange(n_buckets), 0.0, 1.0)
    total = (share * mean).sum(axis=1)
    spread = (share * variance).sum(axis=1)
    rate = np.divide(total, days, out=np.zeros_like(total), where=days > 0)
    return total, np.sqrt(spread + (rate * lead_sd) ** 2)


def _position(scenario: Scenario, pairs: pd.DataFrame) -> Floats:
    """Return units on hand, free, not expired, and on order, per pair."""
    stock = scenario.filled("inventory")
    stock = stock[~(stock["expires_on"] <= pd.Timestamp(scenario.settings.start_date))]
    free = stock["on_hand"] - stock["reserved"] - stock["quarantined"]
    coming = scenario.table("open_orders")
    both = pd.concat(
        [stock[PAIR].assign(qty=free), coming[[*PAIR, "qty"]]], ignore_index=True
    ).astype({"qty": np.float64})
    total = both.groupby(PAIR, sort=False)["qty"].sum().rename("position")
    found = pairs[PAIR].merge(total, left_on=PAIR, right_index=True, how="left")["position"]
    position: Floats = found.fillna(0.0).to_numpy(np.float64)
    return position


def read_options(scenario: Scenario, pairs: pd.DataFrame) -> pd.DataFrame:
    """Return every valid row of supplier_products for every pair, one per supplier."""
    start = pd.Timestamp(scenario.settings.start_date)
    terms = scenario.filled("supplier_products")
    late = terms["valid_from"] > start
    ended = terms["valid_to"] < start
    terms = terms[~late & ~ended]
    named = terms[terms["site_id"].notna()].merge(pairs[PAIR], on=PAIR)
    anywhere = terms[terms["site_id"].isna()].drop(columns="site_id")
    anywhere = anywhere.merge(pairs[PAIR], on="product_id")
    options = pd.concat([named, anywhere], ignore_index=True)[terms.columns]
    # the row for the site first, then the newest terms
    options["named"] = np.arange(len(options)) < len(named)
    options = options.sort_values(
        ["named", "valid_from"], ascending=[False, False], na_position="last", kind="stable"
    ).drop_duplicates([*PAIR, "supplier_id"])
    options["landed"] = options["unit_cost"] * (1.0 + options["duty_pct"] / 100.0)
    options = options.sort_values(
        [*PAIR, "priority", "landed", "supplier_id"], kind="stable", ignore_index=True
    )
    options["primary"] = ~options.duplicated(PAIR)
    options["least"] = options.groupby(PAIR, sort=False)["landed"].transform("min")
    for column in ("order_cost", "min_order_value"):
        groups = options.groupby(["supplier_id", "site_id"], sort=False)[column]
        options[column] = groups.transform("max")
    return options
