"""Alerts on supply: late orders, suppliers, returns, full warehouses."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.alerting.rows import (
    Night,
    alert_rows,
    counted,
    largest,
    number,
    percent,
    unit_costs,
)
from optimizer.replenishment.demand.cover import own_demand
from optimizer.replenishment.facts import Facts
from optimizer.replenishment.suppliers import Lateness

Floats = NDArray[np.float64]

LEAST_LINES = 5  # a frequency from fewer past lines is not stated
SELDOM_ON_TIME = 0.8
LIKELY_LATE = 0.3
MORE_DAYS = 7.0  # how much later an overdue order may come before it is counted as much later
MANY_RETURNS = 1.5  # times the mean return rate


def late_orders(facts: Facts, night: Night) -> pd.DataFrame:
    """Return open orders that are overdue, and those that will be late as their supplier's were."""
    coming = facts.scenario.table("open_orders")
    start = pd.Timestamp(facts.scenario.settings.start_date)
    if not len(coming):
        return pd.DataFrame()
    cost = coming["qty"].to_numpy(np.float64) * unit_costs(facts, coming["product_id"])
    overdue = (start - coming["due_on"]).dt.days.to_numpy(np.float64)
    rows = coming.assign(cost=cost, overdue=overdue).dropna(subset=["due_on"])
    late = rows[rows["overdue"] > 0.0]
    late = largest(late, late["cost"].to_numpy(np.float64))
    parts = [_overdue(late, night.lateness)] if len(late) else []
    ahead = rows[(rows["overdue"] <= 0.0) & (rows["kind"] != "transfer")]
    often = _late_share(night.lateness).reindex(ahead["source_id"]).to_numpy(np.float64)
    likely = ahead.assign(often=often)[often >= LIKELY_LATE]
    value = (likely["cost"] * likely["often"]).to_numpy(np.float64)
    likely = largest(likely, value)
    if len(likely):
        words = [
            f"{counted(qty, 'unit')} from {source} due on {due:%Y-%m-%d} may be late: so were"
            f" {percent(share)} of its past lines."
            for qty, source, due, share in zip(
                likely["qty"], likely["source_id"], likely["due_on"], likely["often"], strict=True
            )
        ]
        share = likely["often"].to_numpy(np.float64)
        worth = likely["cost"].to_numpy(np.float64) * share
        parts.append(_orders(likely, worth, words, share))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _orders(
    rows: pd.DataFrame, value: Floats, words: list[str], probability: Floats
) -> pd.DataFrame:
    names = ("open_order:" + rows["order_id"] + "/" + rows["line"]).tolist()
    return alert_rows("late_order", names, value, words, probability, rows["due_on"])


def _late_share(lateness: Lateness) -> pd.Series:
    """Return the share of each supplier's lines that came late, where it has enough lines."""
    kept = lateness.count[lateness.count >= LEAST_LINES]
    shares = [
        float((lateness.days[start : start + count] > 0.0).mean())
        for start, count in zip(lateness.start.reindex(kept.index), kept, strict=True)
    ]
    return pd.Series(shares, index=kept.index, dtype=np.float64)


def _overdue(rows: pd.DataFrame, lateness: Lateness) -> pd.DataFrame:
    """Return overdue orders; their probability is that of another week, by past lines as late."""
    chance = np.full(len(rows), np.nan)
    for place, (source, days) in enumerate(zip(rows["source_id"], rows["overdue"], strict=True)):
        if source in lateness.count.index:
            start = int(lateness.start[source])
            past = lateness.days[start : start + int(lateness.count[source])]
            as_late = past[past >= days]
            if len(as_late) >= LEAST_LINES:
                chance[place] = float((as_late > days + MORE_DAYS).mean())
    words = [
        f"{counted(qty, 'unit')} from {source} {'is' if number(qty) == '1' else 'are'}"
        f" {counted(days, 'day')} late"
        + (
            "."
            if np.isnan(more)
            else f"; of its past lines that were as late, {percent(more)} took over a week more."
        )
        for qty, source, days, more in zip(
            rows["qty"], rows["source_id"], rows["overdue"], chance, strict=True
        )
    ]
    return _orders(rows, rows["cost"].to_numpy(np.float64), words, chance)


def supplier_risks(facts: Facts, night: Night) -> pd.DataFrame:
    """Return suppliers that we buy from and that are often late or slower than they state."""
    scores = night.scores
    seldom = scores[(scores["on_time_rate"] < SELDOM_ON_TIME) & (scores["spend"] > 0.0)]
    parts = []
    if len(seldom):
        late = 1.0 - seldom["on_time_rate"].to_numpy(np.float64)
        lines = seldom["receipt_lines"].to_numpy(np.float64)
        words = [
            f"On time with {percent(1.0 - share)} of {counted(count, 'past line')};"
            f" {percent(part / 100.0)} of the plan's spend."
            for share, count, part in zip(late, lines, seldom["dependency_pct"], strict=True)
        ]
        names = ("supplier:" + seldom["supplier_id"]).tolist()
        value = seldom["spend"].to_numpy(np.float64) * late
        known = np.where(lines >= LEAST_LINES, late, np.nan)
        parts.append(alert_rows("supplier_risk", names, value, words, known))
    slow = night.gaps[night.gaps["gap_days"] > 0.0]
    if len(slow):
        value = _uncovered(facts, slow)
        words = [
            f"Its past {counted(row.lines, 'line')} took {counted(row.observed_days, 'day')} on"
            f" average, {number(row.gap_days)} more than its offers state"
            f" ({number(row.stated_days)}): lead times may be understated."
            for row in slow.itertuples()
        ]
        names = ("supplier:" + slow["supplier_id"]).tolist()
        parts.append(alert_rows("supplier_risk", names, value, words))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _uncovered(facts: Facts, slow: pd.DataFrame) -> Floats:
    """Return what demand of the further days is worth at the cost of a unit short, money."""
    pairs = facts.pairs
    days = np.maximum(pairs["protection_days"].to_numpy(np.float64), 1e-9)
    per_day = pairs["mean"] / days * pairs["shortage_cost"]
    primary = facts.offers[facts.offers["primary"]]
    worth = per_day.iloc[primary["pair"].to_numpy(np.int64)]
    by_supplier = worth.groupby(primary["supplier_id"].to_numpy(object)).sum()
    money = by_supplier.reindex(slow["supplier_id"]).fillna(0.0).to_numpy(np.float64)
    value: Floats = money * slow["gap_days"].to_numpy(np.float64)
    return value


def return_rates(facts: Facts) -> pd.DataFrame:
    """Return products that come back much more often than others, by what is lost on them."""
    rates = facts.scenario.table("return_rates")
    if not len(rates):
        return pd.DataFrame()
    demand = pd.Series(own_demand(facts)[0].sum(axis=1))
    sold = demand.groupby(facts.pairs["product_id"].to_numpy(object)).sum()
    cost = unit_costs(facts, rates["product_id"])
    back = np.where(rates["disposition"] == "scrap", 0.0, cost)
    kept = np.fmin(rates["recovery_value"].fillna(pd.Series(back, index=rates.index)), cost)
    units = rates["rate"] * sold.reindex(rates["product_id"]).fillna(0.0).to_numpy(np.float64)
    by = rates.assign(units=units, lost=units * (cost - kept)).groupby("product_id")
    table = by[["rate", "units", "lost"]].sum()
    weight = sold.reindex(table.index).fillna(0.0)
    mean = float((table["rate"] * weight).sum() / max(float(weight.sum()), 1e-12))
    high = table[(table["rate"] > MANY_RETURNS * mean) & (table["lost"] > 0.0)]
    words = [
        f"{percent(rate)} of the units sold come back, against {percent(mean)} over all products"
        f" with a return rate: {counted(units, 'unit')} within the horizon."
        for rate, units in zip(high["rate"], high["units"], strict=True)
    ]
    names = ("product:" + high.index.astype("str")).tolist()
    return alert_rows("return_rate", names, high["lost"].to_numpy(np.float64), words)


def full_sites(facts: Facts, night: Night) -> pd.DataFrame:
    """Return sites whose projected stock needs more room than there is, in its worst bucket."""
    settings, pairs = facts.scenario.settings, facts.pairs
    buckets = settings.horizon_buckets
    products = facts.scenario.table("products").set_index("product_id")
    volume = products["volume_m3"].reindex(pairs["product_id"]).to_numpy(np.float64)
    closing = night.projection["closing"].to_numpy(np.float64).reshape(len(pairs), buckets)
    sites, place = np.unique(pairs["site_id"].to_numpy(str), return_inverse=True)
    taken, worth = np.zeros((len(sites), buckets)), np.zeros((len(sites), buckets))
    cost = unit_costs(facts, pairs["product_id"])
    for bucket in range(buckets):
        m3 = closing[:, bucket] * np.nan_to_num(volume)
        taken[:, bucket] = np.bincount(place, m3, minlength=len(sites))
        worth[:, bucket] = np.bincount(place, closing[:, bucket] * cost, minlength=len(sites))
    storage = facts.scenario.table("sites").set_index("site_id")["storage_m3"]
    limit = storage.fillna(np.inf).reindex(sites).to_numpy(np.float64)
    worst = taken.argmax(axis=1)
    each = np.arange(len(sites))
    most = taken[each, worst]
    full = np.flatnonzero(most > limit * (1.0 + 1e-9))
    share = 1.0 - limit[full] / most[full]
    start = pd.Timestamp(settings.start_date)
    days = start + pd.to_timedelta(worst[full] * settings.bucket_days, unit="D")
    words = [
        f"Projected stock needs {most[at]:,.2f} m3 on {day:%Y-%m-%d}, and there is room for"
        f" {limit[at]:,.2f} m3."
        for at, day in zip(full, days, strict=True)
    ]
    names = [f"site:{sites[at]}" for at in full]
    value = worth[full, worst[full]] * share
    return alert_rows("capacity", names, value, words, None, pd.Series(days))
