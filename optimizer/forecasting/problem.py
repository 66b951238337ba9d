"""The demand history as a matrix: one row a product at a site, one column a bucket."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scenarios import Scenario
from scenarios.semantics.zones import explode_bundles, zone_shares

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

KEY = ["product_id", "location_id"]
QUANTITIES = ("qty", "paid", "priced")


@dataclass(frozen=True, slots=True)
class History:
    """Sales by series and bucket; the last column is the bucket before start_date.

    Attributes
    ----------
    keys : product_id, location_id (a site), category; (n_series) rows in order of ids
    sales : (n_series, n_buckets) float64, units; NaN before a series begins
    censored : (n_series, n_buckets) bool; stock ran out, so that sales are a lower bound
    price : (n_series, n_buckets) float64, mean price paid; NaN where unknown; None: nowhere known
    season : buckets in a year (week) or week (day)
    spread : True where weekly history was spread evenly over days
    """

    keys: pd.DataFrame
    sales: Floats
    censored: Bools
    price: Floats | None
    season: int
    spread: bool


def read_history(scenario: Scenario) -> History:
    """Bring the history to sites, explode bundles and add it up by bucket.

    A bucket without a row counts as no sales once the series has begun: shops write down what
    was sold. A bucket at either end that the history covers in part is left out.
    """
    settings = scenario.settings
    rows = sales_at_sites(scenario)
    start = np.datetime64(settings.start_date, "D")
    day = (rows["date"].to_numpy().astype("datetime64[D]") - start).astype(np.int64)
    rows = rows.assign(day=day)[day < 0]
    step = _step_days(day)
    spread = step == 7 and settings.bucket_days == 1
    if spread:
        rows = _spread_over_week(rows)
    bucket = np.floor_divide(rows["day"].to_numpy(np.int64), settings.bucket_days)
    first = int(bucket.min()) if len(rows) else -1
    if settings.bucket_days > step and len(rows):
        covered = int(rows["day"].min()) > first * settings.bucket_days
        first += int(covered and first < -1)
    return _matrix(scenario, rows.assign(bucket=bucket), first, spread=spread)


def sales_at_sites(scenario: Scenario) -> pd.DataFrame:
    """Bring the history to sites and explode bundles.

    Returns
    -------
    rows : date, product_id, location_id (a site), qty [units], stockout, paid [money], priced
        [units of which the price is known]
    """
    rows = scenario.filled("demand_history")
    bundles = rows["product_id"].isin(set(scenario.table("product_components")["bundle_id"]))
    priced = rows["price"].notna() & ~bundles  # a bundle's price is not that of its parts
    rows = rows[["date", *KEY, "qty", "stockout"]].assign(
        stockout=rows["stockout"].astype(bool),
        paid=(rows["qty"] * rows["price"]).where(priced, 0.0),
        priced=rows["qty"].where(priced, 0.0),
    )
    rows = _at_sites(scenario, rows)
    rows = explode_bundles(scenario, rows, QUANTITIES)
    return rows[rows["product_id"].isin(set(scenario.table("products")["product_id"]))]


def _at_sites(scenario: Scenario, rows: pd.DataFrame) -> pd.DataFrame:
    """Give demand of zones to the sites that serve them, in their shares."""
    sites = rows[rows["location_id"].isin(set(scenario.table("sites")["site_id"]))]
    shares = zone_shares(scenario)
    shares = shares.groupby(["zone_id", "site_id"], sort=False)["share"].sum().reset_index()
    channels = zone_shares(scenario)["channel_id"].nunique(dropna=False)
    if channels > 1:
        total = shares.groupby("zone_id", sort=False)["share"].transform("sum")
        shares["share"] = shares["share"] / total
    zones = rows.merge(shares, left_on="location_id", right_on="zone_id")
    for column in QUANTITIES:
        zones[column] = zones[column] * zones["share"]
    zones = zones.assign(location_id=zones["site_id"])
    return pd.concat([sites, zones[rows.columns]], ignore_index=True)


def _step_days(day: Ints) -> int:
    """Return 7 for a weekly history, else 1."""
    dates = np.unique(day)
    return 7 if len(dates) > 1 and int(np.diff(dates).min()) >= 7 else 1


def _spread_over_week(rows: pd.DataFrame) -> pd.DataFrame:
    part = {column: rows[column] / 7.0 for column in QUANTITIES}
    daily = [rows.assign(day=rows["day"] + k, **part) for k in range(7)]
    both = pd.concat(daily, ignore_index=True)
    return both[both["day"] < 0]


def _matrix(scenario: Scenario, rows: pd.DataFrame, first: int, *, spread: bool) -> History:
    """Add up rows into the matrix whose columns are buckets first .. -1."""
    keys = rows[KEY].drop_duplicates().sort_values(KEY, kind="stable", ignore_index=True)
    n_buckets = -first
    series = pd.MultiIndex.from_frame(keys).get_indexer(pd.MultiIndex.from_frame(rows[KEY]))
    column = rows["bucket"].to_numpy(np.int64) - first
    inside = column >= 0
    cell = series[inside] * n_buckets + column[inside]
    size = len(keys) * n_buckets
    shape = (len(keys), n_buckets)
    sales = np.bincount(cell, rows["qty"].to_numpy(np.float64)[inside], minlength=size)
    short = np.bincount(cell, rows["stockout"].to_numpy(bool)[inside], minlength=size) > 0
    matrix: Floats = sales.astype(np.float64).reshape(shape)
    priced = np.bincount(cell, rows["priced"].to_numpy(np.float64)[inside], minlength=size)
    paid = np.bincount(cell, rows["paid"].to_numpy(np.float64)[inside], minlength=size)
    price = np.divide(paid, priced, out=np.full(size, np.nan), where=priced > 0.0)
    begin = np.full(len(keys), n_buckets - 1, np.int64)
    np.minimum.at(begin, series[inside], column[inside])
    products = scenario.table("products").set_index("product_id")
    introduced = products["introduced_on"].reindex(keys["product_id"]).to_numpy()
    begin = np.minimum(begin, _introduced_column(scenario, introduced, first, begin))
    matrix[np.arange(n_buckets) < begin[:, None]] = np.nan
    category = products["category"].reindex(keys["product_id"]).fillna("").to_numpy(object)
    season = 52 if scenario.settings.bucket == "week" else 7
    keys = keys.assign(category=category)
    known_price = price.reshape(shape) if priced.any() else None
    return History(keys, matrix, short.reshape(shape), known_price, season, spread)


def _introduced_column(
    scenario: Scenario, introduced: NDArray[np.datetime64], first: int, begin: Ints
) -> Ints:
    """Return the column in which each series was introduced, where that is known and earlier."""
    start = np.datetime64(scenario.settings.start_date, "D")
    known = ~np.isnat(introduced)
    days = (introduced.astype("datetime64[D]") - start).astype(np.int64)
    column = np.floor_divide(days, scenario.settings.bucket_days) - first
    return np.where(known, np.clip(column, 0, begin), begin)
