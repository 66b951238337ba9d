"""Demand of each product-location over its protection interval, from the forecast."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.demand.spans import SpanVariance
from scenarios import Scenario
from scenarios.semantics.zones import explode_bundles, zone_shares

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Z90 = 1.2815515655446004  # standard normal 0.9 quantile
PAIR = ["site_id", "product_id"]


@dataclass(frozen=True, slots=True)
class SiteForecast:
    """Forecast by product-location as a grid.

    Attributes
    ----------
    pairs : site_id, product_id; one row per row of the grids
    mean, variance : (n_pairs, n_buckets) units; buckets beyond the last one repeat it
    last : (n_pairs,) int64, last bucket that the forecast states
    bucket_days : days in a bucket
    without_spread : rows of the forecast without a 0.9 quantile
    spans : variance of totals, row by row as `pairs`; None where the forecast states none
    """

    pairs: pd.DataFrame
    mean: Floats
    variance: Floats
    last: Ints
    bucket_days: int
    without_spread: int
    spans: SpanVariance | None = None

    def over(self, rows: Ints, days: Floats) -> tuple[Floats, Floats]:
        """Return mean and variance of demand in the first `days` days, (n_rows,) units.

        Parameters
        ----------
        rows : (n_rows,) rows of the grids; -1 for a pair without a forecast
        days : (n_rows,)
        """
        count = self.mean.shape[1]
        known = np.maximum(rows, 0)
        total, spread = np.zeros(len(rows)), np.zeros(len(rows))
        if not len(self.mean):
            return total, spread
        for bucket in range(max(count, math.ceil(float(days.max(initial=0.0)) / self.bucket_days))):
            share = np.clip(days / self.bucket_days - bucket, 0.0, 1.0)
            at = min(bucket, count - 1)
            total += share * self.mean[known, at]
            spread += share * self.variance[known, at]
        if self.spans is not None:
            of_total = self.spans.over(known, days / self.bucket_days)
            spread = np.where(np.isnan(of_total), spread, of_total)
        return np.where(rows >= 0, total, 0.0), np.where(rows >= 0, spread, 0.0)


def site_forecast(scenario: Scenario, upstream: Mapping[str, pd.DataFrame]) -> SiteForecast:
    """Return the forecasting stage's forecast by site, else the scenario's own."""
    stage = upstream.get("forecast")
    if stage is not None and len(stage):
        rows = stage[stage["span_buckets"] == 1]
        rows = rows.rename(columns={"location_id": "site_id"})
        frame, without = _mean_and_variance(rows[[*PAIR, "bucket", "quantile", "qty"]], "site_id")
        grid = _grid(scenario, frame, without)
        totals = stage[stage["span_buckets"] > 1].rename(columns={"location_id": "site_id"})
        return _with_spans(grid, totals) if len(totals) and len(grid.pairs) else grid
    frame, without = _scenario_forecast(scenario)
    return _grid(scenario, frame, without)


def _with_spans(grid: SiteForecast, totals: pd.DataFrame) -> SiteForecast:
    """Add the variance of the totals that the forecast states from the first bucket on."""
    index = pd.MultiIndex.from_frame(grid.pairs)
    row = index.get_indexer(pd.MultiIndex.from_frame(totals[PAIR]))
    known = row >= 0
    quantile = totals["quantile"].to_numpy(np.float64)[known]
    span = totals["span_buckets"].to_numpy(np.float64)[known]
    qty, row = totals["qty"].to_numpy(np.float64)[known], row[known]
    spans = np.unique(span)
    at = np.searchsorted(spans, span)
    mean, high = (np.full((len(grid.pairs), len(spans)), np.nan) for _ in range(2))
    is_mean, is_high = np.isnan(quantile), np.abs(quantile - 0.9) < 1e-9
    mean[row[is_mean], at[is_mean]] = qty[is_mean]
    high[row[is_high], at[is_high]] = qty[is_high]
    variance = (np.nan_to_num(high - mean, nan=0.0).clip(min=0.0) / Z90) ** 2
    first = grid.variance[:, :1]
    return replace(
        grid, spans=SpanVariance(np.r_[1.0, spans], np.concatenate([first, variance], axis=1))
    )


def _scenario_forecast(scenario: Scenario) -> tuple[pd.DataFrame, int]:
    """Add up channels and cases, explode bundles, and bring zone demand to its sites."""
    rows = scenario.table("forecasts")
    if len(rows) and rows["demand_case"].notna().all():
        cases = scenario.table("demand_cases").set_index("demand_case")["probability"]
        rows = rows.assign(qty=rows["qty"] * rows["demand_case"].map(cases).fillna(0.0))
    else:
        rows = rows[rows["demand_case"].isna()]
    frame, without = _mean_and_variance(
        rows[["location_id", "product_id", "bucket", "quantile", "qty"]], "location_id"
    )
    if scenario.has("product_components"):
        frame = frame.assign(sd=np.sqrt(frame["variance"]))
        frame = explode_bundles(scenario, frame, ("mean", "sd"))
        frame = frame.assign(variance=frame["sd"] ** 2).drop(columns="sd")
    is_site = frame["location_id"].isin(set(scenario.table("sites")["site_id"]))
    parts = [frame[is_site].rename(columns={"location_id": "site_id"})]
    if not is_site.all():
        at_zone = frame[~is_site].merge(
            blank_channel_shares(scenario), left_on="location_id", right_on="zone_id"
        )
        share = at_zone["share"].to_numpy(np.float64)
        parts.append(
            at_zone.assign(mean=at_zone["mean"] * share, variance=at_zone["variance"] * share**2)
        )
    columns = [*PAIR, "bucket", "mean", "variance"]
    both = pd.concat([part[columns] for part in parts], ignore_index=True)
    return both, without


def blank_channel_shares(scenario: Scenario) -> pd.DataFrame:
    """Return zone_id, site_id, share: rows for all channels, else the mean over channels."""
    shares = zone_shares(scenario)
    for_all = shares["channel_id"].isna()
    has_blank = shares["zone_id"].isin(set(shares.loc[for_all, "zone_id"]))
    rows = shares[for_all | ~has_blank]
    channels = rows.assign(channel=rows["channel_id"].fillna("")).groupby("zone_id")["channel"]
    each = rows["share"] / channels.transform("nunique")
    total = each.groupby([rows["zone_id"], rows["site_id"]], sort=False).sum()
    return total.rename("share").reset_index()


def _mean_and_variance(rows: pd.DataFrame, place: str) -> tuple[pd.DataFrame, int]:
    """Return one row per place, product and bucket; count those without a 0.9 quantile."""
    keys = [place, "product_id", "bucket"]
    quantile = rows["quantile"].to_numpy(np.float64)
    is_mean = np.isnan(quantile)
    is_high = np.abs(quantile - 0.9) < 1e-9
    mean = rows[is_mean].groupby(keys, sort=False)["qty"].sum()
    high = rows[is_high].groupby(keys, sort=False)["qty"].sum()
    both = pd.DataFrame({"mean": mean, "high": high}).reset_index()
    both.columns = pd.Index([*keys, "mean", "high"])
    without = int(both["high"].isna().sum())
    both["mean"] = both["mean"].fillna(0.0)
    sd = ((both["high"] - both["mean"]) / Z90).clip(lower=0.0).fillna(0.0)
    return both.assign(variance=sd**2)[[*keys, "mean", "variance"]], without


def _grid(scenario: Scenario, frame: pd.DataFrame, without: int) -> SiteForecast:
    """Lay the rows out by pair and bucket, and repeat the last bucket of each pair."""
    length = scenario.settings.bucket_days
    start = pd.Timestamp(scenario.settings.start_date)
    known = frame["product_id"].isin(set(scenario.table("products")["product_id"]))
    frame = frame[known]
    bucket = ((frame["bucket"] - start).dt.days // length).to_numpy(np.int64)
    frame, bucket = frame[bucket >= 0], bucket[bucket >= 0]
    row = frame.groupby(PAIR, sort=False).ngroup().to_numpy(np.int64)
    pairs = frame[PAIR].drop_duplicates(ignore_index=True)
    count = int(bucket.max(initial=0)) + 1
    shape = (len(pairs), count)
    mean = np.bincount(row * count + bucket, frame["mean"].to_numpy(np.float64), shape[0] * count)
    variance = np.bincount(
        row * count + bucket, frame["variance"].to_numpy(np.float64), shape[0] * count
    )
    last = np.zeros(len(pairs), np.int64)
    np.maximum.at(last, row, bucket)
    beyond = np.arange(count) > last[:, None]
    each = np.arange(len(pairs))
    grids = [
        np.where(beyond, grid[each, last][:, None], grid)
        for grid in (mean.reshape(shape), variance.reshape(shape))
    ]
    return SiteForecast(pairs, grids[0], grids[1], last, length, without)
