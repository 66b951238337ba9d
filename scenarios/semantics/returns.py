"""What customers send back and what becomes of it: facts for planning, referee and simulation.

Goods come back to the site that sold them, a whole number of days after they were sold, at the
earliest on the next day.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scenarios.scenario import Scenario
from scenarios.semantics.kept import kept
from scenarios.semantics.network import lane_rates
from scenarios.semantics.zones import explode_bundles, zone_shares

PAIR = ["site_id", "product_id"]
WEEK = 7


def whole_delays(days: pd.Series) -> NDArray[np.int64]:
    """Return the days from sale to return as days are counted: whole, at least 1.

    Parameters
    ----------
    days : `return_rates.delay_days`
    """
    delays: NDArray[np.int64] = np.maximum(np.rint(days.to_numpy(np.float64)), 1.0).astype(np.int64)
    return delays


@kept
def resold_shares(scenario: Scenario) -> pd.DataFrame:
    """Return which share of the units sold will be stock again, and after how many days.

    Rows of `return_rates` of disposition resell with a rate above 0. Products with a shelf life
    are left out: nobody knows how long what comes back still keeps. So are bundles, which are no
    stock of their own, and repair, for no column says how long it takes.

    Returns
    -------
    frame : product_id, reason, rate (0..1), delay_days (whole, at least 1); by product and reason
    """
    rows = scenario.table("return_rates")
    rows = rows[(rows["disposition"] == "resell") & (rows["rate"] > 0.0)]
    products = scenario.table("products")
    keeps = set(products.loc[products["shelf_life_days"].isna(), "product_id"])
    bundles = set(scenario.table("product_components")["bundle_id"])
    rows = rows[rows["product_id"].isin(keeps - bundles)]
    rows = rows.assign(
        rate=rows["rate"].astype(np.float64), delay_days=whole_delays(rows["delay_days"])
    )
    columns = ["product_id", "reason", "rate", "delay_days"]
    return rows[columns].sort_values(columns[:2], kind="stable", ignore_index=True)


@kept
def recent_sales(scenario: Scenario) -> pd.DataFrame:
    """Return what sites sold of products that are resold, as far back as it still comes back.

    Zones are brought to their sites, bundles taken apart, as forecasts are. Only what
    `demand_history` records counts. Its rows are of a week each where all its dates are whole
    weeks apart, else of a day.

    Returns
    -------
    frame : site_id, product_id, day (first day of the sales, days from start, below 0), days (in
        the row, none at or after the start), qty (units)
    """
    columns = [*PAIR, "day", "days", "qty"]
    shares = resold_shares(scenario)
    history = scenario.table("demand_history")
    nothing = pd.DataFrame({name: [] for name in columns}).astype(
        {"site_id": "str", "product_id": "str", "day": float, "days": float, "qty": float}
    )
    if not len(shares) or not len(history):
        return nothing
    start = pd.Timestamp(scenario.settings.start_date)
    day = (history["date"] - start).dt.days.to_numpy(np.float64)
    length = _days_in_a_row(history["date"], scenario.settings.bucket_days)
    longest = float(shares["delay_days"].max())
    near = (day < 0.0) & (day + length > -longest) & (history["qty"] > 0.0).to_numpy(bool)
    rows = history.assign(day=day)[near]
    rows = explode_bundles(scenario, rows[["location_id", "product_id", "day", "qty"]])
    rows = rows[rows["product_id"].isin(set(shares["product_id"]))]
    is_site = rows["location_id"].isin(set(scenario.table("sites")["site_id"]))
    parts = [rows[is_site].rename(columns={"location_id": "site_id"})]
    if not is_site.all():
        at_zone = rows[~is_site].merge(
            _of_all_channels(scenario), left_on="location_id", right_on="zone_id"
        )
        parts.append(at_zone.assign(qty=at_zone["qty"] * at_zone["share"]))
    keys = [*PAIR, "day"]
    both = pd.concat([part[[*keys, "qty"]] for part in parts], ignore_index=True)
    if not len(both):
        return nothing
    total = both.groupby(keys, sort=True)["qty"].sum().reset_index()
    return total.assign(days=np.minimum(length, -total["day"]))[columns]


def _days_in_a_row(dates: pd.Series, bucket_days: int) -> float:
    """Return how many days a row of the history stands for: 7, or 1."""
    apart = np.diff(np.sort(dates.unique()).astype("datetime64[D]")).astype(np.int64)
    if not len(apart):
        return float(WEEK if bucket_days % WEEK == 0 else 1)
    return float(WEEK if (apart % WEEK == 0).all() else 1)


def _of_all_channels(scenario: Scenario) -> pd.DataFrame:
    """Return zone_id, site_id, share: rows for all channels, else the mean over channels."""
    shares = zone_shares(scenario)
    for_all = shares["channel_id"].isna()
    listed = set(shares.loc[for_all, "zone_id"])
    shares = shares[for_all | ~shares["zone_id"].isin(listed)]
    channels = shares.groupby("zone_id")["channel_id"].nunique().clip(lower=1)
    each = shares["share"] / channels.reindex(shares["zone_id"]).to_numpy(np.float64)
    total = each.groupby([shares["zone_id"], shares["site_id"]], sort=False).sum()
    return total.rename("share").reset_index()


def return_shares(scenario: Scenario) -> pd.Series:
    """Return which share of the units sold comes back, whatever becomes of it, by product_id."""
    rows = scenario.table("return_rates")
    rows = rows[rows["rate"] > 0.0]
    share = rows["rate"].astype(np.float64).groupby(rows["product_id"], sort=True).sum()
    return share.clip(upper=1.0)


def returns_centres(scenario: Scenario) -> pd.Series:
    """Return the returns centre to which goods of a place go, by place (zone or site).

    Of the open sites of kind returns_centre to which a lane leads from there, the nearest by km,
    then the first by id. Goods of other places go back to the site that sold them.
    """
    sites = scenario.table("sites")
    centres = sites[(sites["kind"] == "returns_centre") & (sites["status"] == "open")]
    lanes = lane_rates(scenario)[["origin_id", "destination_id", "km"]]
    lanes = lanes[lanes["destination_id"].isin(set(centres["site_id"]))]
    nearest = lanes.sort_values(["origin_id", "km", "destination_id"], kind="stable")
    nearest = nearest.drop_duplicates("origin_id")
    return nearest.set_index("origin_id")["destination_id"]
