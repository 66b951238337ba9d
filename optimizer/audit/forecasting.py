"""Referee of the forecast: complete, ordered, not negative, totals equal to their parts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from optimizer.audit.report import AuditReport, Rules
from scenarios import Scenario
from scenarios.semantics.zones import explode_bundles, zone_shares

NEEDED = (0.1, 0.5, 0.9)
KEY = ["product_id", "location_id"]
ROUNDING = 1e-4  # units a bucket


def check(scenario: Scenario, tables: Mapping[str, pd.DataFrame]) -> AuditReport:
    """Hold `forecast` and `backtest` against the demand history."""
    rules = Rules("forecasting")
    forecast = tables["forecast"]
    single = forecast[forecast["span_buckets"] == 1]
    names = _names(single)
    qty = forecast["qty"].to_numpy(np.float64)
    quantile = forecast["quantile"].to_numpy(np.float64)
    every = _names(forecast)
    rules.add("forecast", "negative", ~(qty >= 0.0), every)
    rules.add("forecast", "no_such_quantile", (quantile <= 0.0) | (quantile >= 1.0), every)
    rules.add("forecast", "site_unknown", ~single["location_id"].isin(_sites(scenario)), names)
    twice = forecast.duplicated([*KEY, "bucket", "span_buckets", "quantile"])
    rules.add("forecast", "stated_twice", twice, every)
    _check_order(rules, forecast)
    _check_totals(rules, scenario, forecast)
    _check_origins(rules, scenario, tables.get("forecast_origins", pd.DataFrame()))
    _check_complete(rules, scenario, single)
    _check_backtest(rules, tables.get("backtest", pd.DataFrame()))
    return AuditReport("forecasting", None, {}, tuple(rules.found))


def _sites(scenario: Scenario) -> list[str]:
    return [str(site) for site in scenario.table("sites")["site_id"]]


def _names(rows: pd.DataFrame) -> pd.Series:
    text = rows["product_id"].astype(str) + "@" + rows["location_id"].astype(str)
    return text + " " + rows["bucket"].astype(str)


def _check_order(rules: Rules, rows: pd.DataFrame) -> None:
    """Quantiles of a bucket, or of a total, must not cross."""
    what = [*KEY, "bucket", "span_buckets"]
    placed = rows[rows["quantile"].notna()].sort_values([*what, "quantile"])
    same = (placed[what] == placed[what].shift()).all(axis=1)
    falls = same & (placed["qty"] < placed["qty"].shift() - 1e-9)
    rules.add("forecast", "quantiles_cross", falls, _names(placed))


def _check_totals(rules: Rules, scenario: Scenario, rows: pd.DataFrame) -> None:
    """The mean of a total is the sum of the means of its buckets; it begins at the start."""
    start = pd.Timestamp(scenario.settings.start_date)
    totals = rows[rows["span_buckets"] != 1]
    off = totals["bucket"] != start
    rules.add("forecast", "total_begins_late", off, _names(totals))
    means = rows[rows["quantile"].isna()]
    single = means[means["span_buckets"] == 1].sort_values([*KEY, "bucket"])
    running = single.groupby(KEY, sort=False)["qty"].cumsum()
    count = single.groupby(KEY, sort=False).cumcount() + 1
    parts = single[KEY].assign(span_buckets=count.astype(np.float64), parts=running)
    stated = means[means["span_buckets"] != 1]
    both = stated.merge(parts, on=[*KEY, "span_buckets"], how="left")
    apart = (both["qty"] - both["parts"]).abs() > ROUNDING * both["span_buckets"]
    rules.add("forecast", "total_is_not_its_parts", apart | both["parts"].isna(), _names(both))


def _check_origins(rules: Rules, scenario: Scenario, rows: pd.DataFrame) -> None:
    """Past forecasts lie before the start, once each, the high quantile at or over the mean."""
    if not len(rows):
        return
    names = rows["product_id"].astype(str) + "@" + rows["location_id"].astype(str)
    start = pd.Timestamp(scenario.settings.start_date)
    rules.add("forecast_origins", "not_past", ~(rows["origin"] < start), names)
    twice = rows.duplicated([*KEY, "origin", "span_buckets"])
    rules.add("forecast_origins", "stated_twice", twice, names)
    mean, high = rows["mean"].to_numpy(np.float64), rows["high"].to_numpy(np.float64)
    rules.add("forecast_origins", "negative", ~(mean >= 0.0), names)
    rules.add("forecast_origins", "quantiles_cross", ~(high >= mean - ROUNDING), names)
    ends = rows["origin"] + pd.to_timedelta(
        rows["span_buckets"] * scenario.settings.bucket_days, unit="D"
    )
    foreseen = rows["came"].notna() & (ends > start)
    rules.add("forecast_origins", "came_before_it_came", foreseen, names)


def _check_complete(rules: Rules, scenario: Scenario, rows: pd.DataFrame) -> None:
    """Every site and product with history has every bucket of the horizon at every level."""
    wanted = history_pairs(scenario)
    settings = scenario.settings
    start = pd.Timestamp(settings.start_date)
    buckets = [
        start + pd.Timedelta(days=settings.bucket_days * k) for k in range(settings.horizon_buckets)
    ]
    inside = rows[rows["bucket"].isin(buckets)]
    rules.add("forecast", "outside_horizon", ~rows["bucket"].isin(buckets), _names(rows))
    for level in (None, *NEEDED):
        at = inside["quantile"].isna() if level is None else np.isclose(inside["quantile"], level)
        found = inside[at].groupby(KEY, sort=False)["bucket"].nunique().rename("buckets")
        count = wanted.merge(found, left_on=KEY, right_index=True, how="left")["buckets"].fillna(0)
        missing = count.to_numpy() < len(buckets)
        names = (wanted["product_id"] + "@" + wanted["location_id"]).to_numpy(object)
        code = "mean_missing" if level is None else f"quantile_{level:g}_missing"
        rules.add("forecast", code, missing, names)


def history_pairs(scenario: Scenario) -> pd.DataFrame:
    """Return product_id and location_id (a site) of all demand in the history.

    Demand of a zone counts for every site that serves a share of it.
    """
    history = scenario.table("demand_history")[["product_id", "location_id"]].drop_duplicates()
    shares = zone_shares(scenario)
    shares = shares[shares["share"] > 0.0][["zone_id", "site_id"]].drop_duplicates()
    at_zone = history.merge(shares, left_on="location_id", right_on="zone_id")
    at_zone = at_zone[["product_id", "site_id"]].rename(columns={"site_id": "location_id"})
    at_site = history[history["location_id"].isin(_sites(scenario))]
    both = pd.concat([at_site, at_zone], ignore_index=True).assign(qty=1.0)
    exploded = explode_bundles(scenario, both)[KEY].drop_duplicates(ignore_index=True)
    known = exploded["product_id"].isin(set(scenario.table("products")["product_id"]))
    return exploded[known].reset_index(drop=True)


def _check_backtest(rules: Rules, backtest: pd.DataFrame) -> None:
    rules.add("backtest", "empty", [not len(backtest)], ["no row"])
    if not len(backtest):
        return
    names = (backtest["segment"].astype(str) + " " + backtest["method"].astype(str)).to_numpy()
    rules.add("backtest", "nothing_held_back", ~(backtest["weeks"] >= 1), names)
    coverage = backtest["coverage"].to_numpy(np.float64)
    rules.add("backtest", "no_share", (coverage < 0.0) | (coverage > 1.0), names)
    wape = backtest["wape"].to_numpy(np.float64)
    rules.add("backtest", "negative", wape < 0.0, names)
