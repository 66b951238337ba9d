"""Demand as rules see it: units per day and product at the sites that serve it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scenarios.scenario import Scenario
from scenarios.semantics.zones import zone_shares
from scenarios.tables import TABLES
from scenarios.validation.facts import Facts

RECENT_DAYS = 56  # sales of so many days before the last one say what a day takes


def rates(facts: Facts) -> pd.DataFrame:
    """Return mean demand per day by location and product, before zones and bundles are resolved.

    Forecasts where there are any, else the sales of the last eight weeks on record.

    Returns
    -------
    frame : location_id, product_id, per_day (units), table, at (position of its first row)
    """
    if facts.has("forecasts"):
        return _rates_of(facts, "forecasts", _mean_rows(facts), facts.settings.horizon_days)
    return history_rates(facts)


def asked(facts: Facts) -> pd.DataFrame:
    """Return :func:`rates`, and those of sales that no forecast repeats."""
    known = facts.remember(rates)
    if not facts.has("forecasts") or not facts.has("demand_history"):
        return known
    both = pd.concat([known, history_rates(facts)], ignore_index=True)
    return both.drop_duplicates(["location_id", "product_id"], ignore_index=True)


def history_rates(facts: Facts) -> pd.DataFrame:
    """Return the mean of recent sales per day; the columns are those of :func:`rates`."""
    history = facts.table("demand_history")
    last = history["date"].max()
    if pd.isna(last):
        return _rates_of(facts, "demand_history", np.zeros(len(history), bool), 1)
    recent = (history["date"] > last - pd.Timedelta(days=RECENT_DAYS)).to_numpy()
    first = history["date"].min()
    span = min(RECENT_DAYS, (last - first).days + facts.settings.bucket_days)
    return _rates_of(facts, "demand_history", recent, span)


def site_rates(facts: Facts) -> pd.DataFrame:
    """Return :func:`rates` at the sites that serve them, bundles as they are sold."""
    return at_sites(facts, facts.remember(rates))


def part_rates(facts: Facts) -> pd.DataFrame:
    """Return :func:`site_rates` with bundles replaced by what they take from stock."""
    return exploded(facts, facts.remember(site_rates))


def _mean_rows(facts: Facts) -> NDArray[np.bool_]:
    """Return the rows of `forecasts` that hold a mean, else a middle quantile, as a mask."""
    rows = facts.table("forecasts")
    mean: NDArray[np.bool_] = rows["quantile"].isna().to_numpy()
    middle: NDArray[np.bool_] = (rows["quantile"] == 0.5).to_numpy()
    return mean if mean.any() else middle


def _rates_of(facts: Facts, table: str, rows: NDArray[np.bool_], days: int) -> pd.DataFrame:
    place, places = facts.codes(table, "location_id")
    product, products = facts.codes(table, "product_id")
    qty = facts.table(table)["qty"].to_numpy(np.float64)
    at = np.flatnonzero(rows & (place >= 0) & (product >= 0) & np.isfinite(qty) & (qty > 0))
    pair, first, member = np.unique(
        place[at] * max(1, len(products)) + product[at], return_index=True, return_inverse=True
    )
    total = np.bincount(member, weights=qty[at], minlength=len(pair))
    return pd.DataFrame(
        {
            "location_id": pd.Series(places[pair // max(1, len(products))], dtype="str"),
            "product_id": pd.Series(products[pair % max(1, len(products))], dtype="str"),
            "per_day": total / days,
            "table": table,
            "at": at[first],
        }
    )


def shares(facts: Facts) -> pd.DataFrame:
    """Return zone_id, site_id, share of each zone's demand; channels are averaged."""
    tables = {}
    for name in ("zones", "sites", "zone_sites", "lanes"):
        frame = facts.table(name)
        key = [column.name for column in TABLES[name].columns if column.key and column.required]
        tables[name] = frame.dropna(subset=key).drop_duplicates(list(TABLES[name].key))
    listed = zone_shares(Scenario(facts.settings, tables))
    channels = (
        listed["channel_id"]
        .astype("str")
        .fillna("")
        .groupby(listed["zone_id"])
        .transform("nunique")
    )
    listed = listed.assign(share=listed["share"].astype("float64") / channels)
    return listed.groupby(["zone_id", "site_id"], as_index=False, sort=True)["share"].sum()


def at_sites(facts: Facts, demand: pd.DataFrame) -> pd.DataFrame:
    """Return demand with zones resolved into the sites that serve them.

    Returns
    -------
    frame : the columns of `demand` and site_id; per_day scaled by the site's share
    """
    served = facts.remember(shares).rename(columns={"zone_id": "location_id"})
    own = pd.DataFrame({"location_id": facts.known("sites.site_id")})
    own = own.assign(site_id=own["location_id"], share=1.0)
    served = served[~served["location_id"].isin(own["location_id"])]
    ways = pd.concat([own, served[["location_id", "site_id", "share"]]], ignore_index=True)
    ways["location_id"] = ways["location_id"].astype("str")
    placed = demand.merge(ways[ways["share"] > 0], on="location_id", how="inner")
    return placed.assign(per_day=placed["per_day"] * placed["share"])


def exploded(facts: Facts, demand: pd.DataFrame) -> pd.DataFrame:
    """Return demand with bundles replaced by their components; rows of bundle rings vanish."""
    parts = facts.table("product_components")
    if not len(parts) or not len(demand):
        return demand
    parts = parts[["bundle_id", "component_id", "qty"]].dropna().drop_duplicates()
    done, left = [], demand
    for _ in range(parts["bundle_id"].nunique() + 1):
        is_bundle = left["product_id"].isin(parts["bundle_id"])
        done.append(left[~is_bundle])
        left = left[is_bundle].merge(parts, left_on="product_id", right_on="bundle_id")
        if not len(left):
            break
        left = left.assign(product_id=left["component_id"], per_day=left["per_day"] * left["qty"])
        left = left[list(demand.columns)]
        same = [c for c in demand.columns if c not in ("per_day", "at")]
        left = left.groupby(same, as_index=False, sort=False).agg({"per_day": "sum", "at": "min"})
        left = left[list(demand.columns)]
    return pd.concat(done, ignore_index=True)
