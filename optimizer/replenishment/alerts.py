"""What needs a look tonight, by money at risk."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from optimizer.replenishment.classes import abc_classes
from optimizer.replenishment.cover import own_demand
from optimizer.replenishment.facts import Facts
from optimizer.replenishment.stock_cost import units_short

Floats = NDArray[np.float64]

MOST_PER_CODE = 500
CRITICAL_SHARE = 0.8  # of the money at risk of one code stands in its critical rows
LONG_COVER = 2.0  # times the horizon
COLUMNS = ("severity", "code", "entity", "bucket", "value", "message")


def alerts(facts: Facts, level: Floats, health: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Return alerts; `probability` stays blank, because nothing here was measured.

    Parameters
    ----------
    level : (n_pairs,) units, position after tonight's orders, fed pairs counted at their root
    """
    parts = [
        _stockouts(facts, level),
        _overstock(facts, health),
        _expiring(facts),
        _late_orders(facts),
        _suppliers(scores),
    ]
    kept = [_ranked(part) for part in parts if len(part)]
    if not kept:
        return pd.DataFrame()
    both = pd.concat(kept, ignore_index=True)
    return both.sort_values(
        ["value", "code", "entity"], ascending=[False, True, True], kind="stable", ignore_index=True
    )


def _ranked(part: pd.DataFrame) -> pd.DataFrame:
    """Keep the largest of one code, and call critical those that hold most of the money."""
    part = part.sort_values(["value", "entity"], ascending=[False, True], kind="stable")
    before = part["value"].cumsum() - part["value"]
    critical = before < CRITICAL_SHARE * part["value"].sum()
    return part.assign(
        severity=np.where(critical & (part["value"] > 0.0), "critical", "warning")
    ).head(MOST_PER_CODE)


def _frame(
    code: str, entity: pd.Series, value: Floats, message: pd.Series, bucket: pd.Series | None = None
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "severity": "warning",
            "code": code,
            "entity": entity.to_numpy(object),
            "bucket": pd.NaT if bucket is None else bucket.to_numpy(),
            "value": value,
            "message": message.to_numpy(object),
        }
    )


def _pair_names(frame: pd.DataFrame) -> pd.Series:
    return "product:" + frame["product_id"] + "@" + frame["site_id"]


def _stockouts(facts: Facts, level: Floats) -> pd.DataFrame:
    """Return pairs whose chance of no stockout stays under their class's target."""
    pairs = facts.pairs
    mean, sd = pairs["mean"].to_numpy(np.float64), pairs["sd"].to_numpy(np.float64)
    service = ndtr((level - mean) / np.maximum(sd, 1e-9))
    rate = own_demand(facts)[0].sum(axis=1) / facts.scenario.settings.horizon_days
    targets = facts.scenario.settings.service_targets
    target = pd.Series(abc_classes(facts, rate)).map(targets).fillna(min(targets.values()))
    short = units_short(level, mean, sd)
    value = short * pairs["shortage_cost"].to_numpy(np.float64)
    risky = facts.counted & (service < target.to_numpy(np.float64)) & (mean > 0.0) & (value > 0.0)
    rows = pairs[risky]
    if not len(rows):
        return pd.DataFrame()
    words = (
        "Expected to be "
        + pd.Series(short[risky]).round(1).astype(str)
        + " units short within "
        + pd.Series(rows["protection_days"].to_numpy()).round(1).astype(str)
        + " days, of a demand of "
        + pd.Series(mean[risky]).round(1).astype(str)
        + "."
    )
    return _frame("stockout_risk", _pair_names(rows), value[risky], words)


def _overstock(facts: Facts, health: pd.DataFrame) -> pd.DataFrame:
    horizon = LONG_COVER * facts.scenario.settings.horizon_days
    long = ~(health["cover_days"] <= horizon) & (health["excess_value"] > 0.0)
    rows = health[long]
    if not len(rows):
        return pd.DataFrame()
    words = rows["action"].str.capitalize() + "."
    return _frame("overstock", _pair_names(rows), rows["excess_value"].to_numpy(np.float64), words)


def _expiring(facts: Facts) -> pd.DataFrame:
    """Return lots that will not be sold before they expire, at mean demand, oldest first."""
    stock = facts.scenario.table("inventory")
    start = pd.Timestamp(facts.scenario.settings.start_date)
    stock = stock[stock["expires_on"].notna() & (stock["on_hand"] > 0.0)]
    if not len(stock):
        return pd.DataFrame()
    index = pd.MultiIndex.from_frame(facts.pairs[["site_id", "product_id"]])
    keys = ["site_id", "product_id"]
    at = index.get_indexer(pd.MultiIndex.from_frame(stock[keys]))
    rate = own_demand(facts)[0].sum(axis=1) / facts.scenario.settings.horizon_days
    stock = stock.assign(rate=np.where(at >= 0, rate[at], 0.0))
    stock = stock.sort_values([*keys, "expires_on", "lot_id"], kind="stable")
    before = stock.groupby(keys, sort=False)["on_hand"].cumsum()
    days = (stock["expires_on"] - start).dt.days.clip(lower=0).astype(np.float64)
    unsold = (before - days * stock["rate"]).clip(lower=0.0)
    unsold = np.minimum(unsold, stock["on_hand"])
    cost = facts.scenario.table("products").set_index("product_id")["unit_cost"]
    value = unsold * cost.reindex(stock["product_id"]).to_numpy(np.float64)
    soon = (value > 0.0) & (days <= LONG_COVER * facts.scenario.settings.horizon_days)
    rows = stock[soon]
    if not len(rows):
        return pd.DataFrame()
    words = (
        unsold[soon].round(1).astype(str)
        + " units of lot "
        + rows["lot_id"].fillna("(none)")
        + " will not sell before "
        + rows["expires_on"].dt.strftime("%Y-%m-%d")
        + "."
    )
    names = _pair_names(rows)
    return _frame("expiring", names, value[soon].to_numpy(np.float64), words, rows["expires_on"])


def _late_orders(facts: Facts) -> pd.DataFrame:
    coming = facts.scenario.table("open_orders")
    start = pd.Timestamp(facts.scenario.settings.start_date)
    late = coming[coming["due_on"] < start]
    if not len(late):
        return pd.DataFrame()
    cost = facts.scenario.table("products").set_index("product_id")["unit_cost"]
    value = late["qty"].to_numpy(np.float64) * cost.reindex(late["product_id"]).to_numpy(np.float64)
    days = (start - late["due_on"]).dt.days.astype(str)
    words = (
        late["qty"].round(1).astype(str)
        + " units from "
        + late["source_id"]
        + " are "
        + days
        + " days late."
    )
    names = "open_order:" + late["order_id"] + "/" + late["line"]
    return _frame("late_order", names, value, words, late["due_on"])


def _suppliers(scores: pd.DataFrame) -> pd.DataFrame:
    """Return suppliers who were late more than one time in five and from whom we buy tonight."""
    rows = scores[(scores["on_time_rate"] < 0.8) & (scores["spend"] > 0.0)]
    if not len(rows):
        return pd.DataFrame()
    words = (
        "On time with "
        + (100.0 * rows["on_time_rate"]).round(0).map("{:.0f}".format)
        + " % of past lines; "
        + rows["dependency_pct"].round(0).map("{:.0f}".format)
        + " % of tonight's spend."
    )
    value = rows["spend"] * (1.0 - rows["on_time_rate"])
    names = "supplier:" + rows["supplier_id"]
    return _frame("supplier_risk", names, value.to_numpy(np.float64), words)
