"""Demand of every site's region over its waiting time, from the forecast."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from optimizer.allocation.positioning.problem import Floats, Ints
from scenarios import Scenario
from scenarios.semantics.waiting import Waits, stocked_products
from scenarios.semantics.zones import explode_bundles, zone_shares

Z90 = 1.2815515655446004  # standard normal 0.9 quantile


class RegionDemand:
    """Mean and variance by product, site and bucket; buckets beyond the last one repeat it.

    Attributes
    ----------
    mean, variance : (n_products, n_sites, n_buckets) units
    """

    def __init__(self, mean: Floats, variance: Floats, bucket_days: int) -> None:
        self.mean, self.variance, self.bucket_days = mean, variance, bucket_days

    def over(self, days: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of the first days, (n_products, n_sites).

        Parameters
        ----------
        days : (n_products, n_sites)
        """
        count = self.mean.shape[2]
        last = math.ceil(float(days.max(initial=0.0)) / self.bucket_days)
        total, spread = np.zeros(days.shape), np.zeros(days.shape)
        for bucket in range(last):
            share = np.clip(days / self.bucket_days - bucket, 0.0, 1.0)
            at = min(bucket, count - 1)
            total += share * self.mean[:, :, at]
            spread += share * self.variance[:, :, at]
        return total, spread


def region_demand(
    scenario: Scenario, upstream: Mapping[str, pd.DataFrame], site_ids: list[str]
) -> RegionDemand:
    """Return the forecasting stage's forecast by site, else the scenario's own."""
    stage = upstream.get("forecast")
    if stage is not None and len(stage):
        rows = stage[stage["span_buckets"] == 1].rename(columns={"location_id": "site_id"})
        found = _mean_and_variance(rows, "site_id")
    else:
        found = _scenario_forecast(scenario)
    return _grids(scenario, found, site_ids)


def needs(demand: RegionDemand, waits: Waits) -> tuple[Floats, Floats]:
    """Return mean and sd of what each site is asked for while it waits, (n_products, n_sites).

    A site that feeds others is asked, beside its own demand, for what they need between the end of
    their waiting time and of its own.
    """
    mean, variance = demand.over(waits.days)
    rate = np.divide(mean, waits.days, out=np.zeros(mean.shape), where=waits.days > 0.0)
    variance = variance + rate**2 * waits.variance
    products, sites = mean.shape
    own = np.broadcast_to(np.arange(sites), mean.shape)
    each = np.broadcast_to(np.arange(products)[:, None], mean.shape)
    fed = waits.root != own
    if fed.any():
        later = np.where(fed, np.maximum(waits.days[each, waits.root], waits.days), waits.days)
        long_mean, long_variance = demand.over(later)
        short_mean, short_variance = demand.over(waits.days)
        at = (each[fed], waits.root[fed])
        np.add.at(mean, at, (long_mean - short_mean)[fed])
        np.add.at(variance, at, (long_variance - short_variance)[fed])
    return mean, np.sqrt(np.maximum(variance, 0.0))


def _scenario_forecast(scenario: Scenario) -> pd.DataFrame:
    """Add up channels and cases, take bundles apart, and bring zone demand to its sites."""
    rows = scenario.table("forecasts")
    if len(rows) and rows["demand_case"].notna().all():
        cases = scenario.table("demand_cases").set_index("demand_case")["probability"]
        rows = rows.assign(qty=rows["qty"] * rows["demand_case"].map(cases).fillna(0.0))
    else:
        rows = rows[rows["demand_case"].isna()]
    found = _mean_and_variance(rows, "location_id").rename(columns={"location_id": "site_id"})
    if scenario.has("product_components"):
        found = found.assign(sd=np.sqrt(found["variance"]))
        found = explode_bundles(scenario, found, ("mean", "sd"))
        found = found.assign(variance=found["sd"] ** 2).drop(columns="sd")
    is_site = found["site_id"].isin(set(scenario.table("sites")["site_id"]))
    if is_site.all():
        return found
    shares = zone_shares(scenario)
    for_all = shares["channel_id"].isna()
    general = shares["zone_id"].isin(set(shares.loc[for_all, "zone_id"]))
    shares = shares[for_all | ~general]
    channel = shares["channel_id"].fillna("")
    each = channel.groupby(shares["zone_id"]).transform("nunique")
    shares = shares.assign(share=shares["share"] / each)
    shares = shares.groupby(["zone_id", "site_id"], sort=False)["share"].sum().reset_index()
    zones = found[~is_site].rename(columns={"site_id": "zone_id"}).merge(shares, on="zone_id")
    part = zones["share"].to_numpy(np.float64)
    zones = zones.assign(mean=zones["mean"] * part, variance=zones["variance"] * part**2)
    columns = ["site_id", "product_id", "bucket", "mean", "variance"]
    return pd.concat([found.loc[is_site, columns], zones[columns]], ignore_index=True)


def _mean_and_variance(rows: pd.DataFrame, place: str) -> pd.DataFrame:
    """Return one row per place, product and bucket."""
    keys = [place, "product_id", "bucket"]
    quantile = rows["quantile"].to_numpy(np.float64)
    mean = rows[np.isnan(quantile)].groupby(keys, sort=False)["qty"].sum()
    high = rows[np.abs(quantile - 0.9) < 1e-9].groupby(keys, sort=False)["qty"].sum()
    both = pd.DataFrame({"mean": mean, "high": high}).reset_index()
    both.columns = pd.Index([*keys, "mean", "high"])
    sd = ((both["high"] - both["mean"]) / Z90).clip(lower=0.0).fillna(0.0)
    return both.assign(mean=both["mean"].fillna(0.0), variance=sd**2)[[*keys, "mean", "variance"]]


def _grids(scenario: Scenario, found: pd.DataFrame, site_ids: list[str]) -> RegionDemand:
    length = scenario.settings.bucket_days
    start = pd.Timestamp(scenario.settings.start_date)
    products = stocked_products(scenario)["product_id"]
    product = pd.Index(products).get_indexer(found["product_id"])
    site = pd.Index(site_ids).get_indexer(found["site_id"])
    bucket = ((found["bucket"] - start).dt.days // length).to_numpy(np.int64)
    inside = (product >= 0) & (site >= 0) & (bucket >= 0)
    at = (product[inside], site[inside], bucket[inside])
    count = int(at[2].max(initial=0)) + 1
    shape = (len(products), len(site_ids), count)
    mean, variance = np.zeros(shape), np.zeros(shape)
    np.add.at(mean, at, found["mean"].to_numpy(np.float64)[inside])
    np.add.at(variance, at, found["variance"].to_numpy(np.float64)[inside])
    last: Ints = np.zeros(shape[:2], np.int64)
    np.maximum.at(last, at[:2], at[2])
    beyond = np.arange(count) > last[:, :, None]
    for grid in (mean, variance):
        ends = np.take_along_axis(grid, last[:, :, None], axis=2)
        np.copyto(grid, np.broadcast_to(ends, shape), where=beyond)
    return RegionDemand(mean, variance, length)
