"""The scenario of one night: the facts as they are known by then."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optimizer.replay.books import Books
from optimizer.replay.truth import DAY
from scenarios import Scenario

LEFT_OUT = (
    *("orders", "order_lines", "order_windows", "vehicle_states", "deliveries", "forecasts"),
    *("demand_cases", "decisions"),
)


def night(scenario: Scenario, books: Books, today: pd.Timestamp) -> Scenario:
    """Return the scenario as it stands on a morning: stock, orders, receipts and sales till then.

    Sales of whole periods stand in `demand_history`; where a pair ran short they are marked.
    """
    settings = scenario.settings.model_copy(update={"start_date": today.date()})
    tables = {name: scenario.table(name) for name in scenario.tables if name not in LEFT_OUT}
    pairs = books.truth.pairs.to_frame(index=False)
    tables["inventory"] = pairs.assign(
        on_hand=np.maximum(books.on_hand, 0.0), received_on=today - DAY
    )
    coming = books.coming[
        ["order_id", "line", "kind", "source_id", "site_id", "product_id", "qty", "ordered_on"]
    ]
    due = books.coming["due_on"].where(books.coming["due_on"] > today, today + DAY)
    tables["open_orders"] = coming.assign(due_on=due, frozen=True)
    if "receipts" in tables:
        old = tables["receipts"]
        old = old[old["received_on"] < books.truth.start]
        parts = [part for part in (old, *books.receipts) if len(part)]
        tables["receipts"] = pd.concat(parts, ignore_index=True)
    tables["demand_history"] = _history(scenario, books, today)
    return Scenario(settings, tables)


def _history(scenario: Scenario, books: Books, today: pd.Timestamp) -> pd.DataFrame:
    history = scenario.table("demand_history")
    history = history[history["date"] < books.truth.start]
    length = scenario.settings.bucket_days
    whole = (today - books.truth.start).days // length
    if not whole:
        return history
    pairs = books.truth.pairs.to_frame(index=False)
    rows = [history]
    for period in range(whole):
        span = slice(period * length, (period + 1) * length)
        sold = books.sold[:, span].sum(axis=1)
        short = books.short[:, span].sum(axis=1) > 0.0
        rows.append(
            pairs.rename(columns={"site_id": "location_id"}).assign(
                date=books.truth.start + period * length * DAY, qty=sold, stockout=short
            )
        )
    return pd.concat(rows, ignore_index=True)


def shifted(forecast: pd.DataFrame, days: int, length: int) -> pd.DataFrame:
    """Return a forecast of periods as one whose periods begin some days later.

    Each new bucket takes the share of the two old ones that it covers: means in proportion, and
    spreads over the mean as variances. Totals over several periods are left out.
    """
    rows = forecast[forecast["span_buckets"] == 1]
    if not days:
        return rows
    part = days / length
    keys = ["product_id", "location_id", "bucket"]
    mean = rows[rows["quantile"].isna()].set_index(keys)["qty"].astype(np.float64)
    near = np.isclose(rows["quantile"].astype(np.float64), 0.9)
    high = rows[near].set_index(keys)["qty"].astype(np.float64).reindex(mean.index)
    both = pd.DataFrame({"mean": mean, "over": (high - mean).clip(lower=0.0)}).reset_index()
    both = both.sort_values(keys, kind="stable", ignore_index=True)
    group = both.groupby(keys[:2], sort=False)
    later = group[["mean", "over"]].shift(-1)
    later = later.where(later.notna(), both[["mean", "over"]])
    both["mean"] = (1.0 - part) * both["mean"] + part * later["mean"]
    both["over"] = np.sqrt((1.0 - part) * both["over"] ** 2 + part * later["over"] ** 2)
    both["bucket"] = both["bucket"] + pd.Timedelta(days=days)
    method = rows["method"].iloc[0] if len(rows) else ""
    made = [
        both[keys].assign(span_buckets=1.0, quantile=quantile, qty=qty, method=method)
        for quantile, qty in ((np.nan, both["mean"]), (0.9, both["mean"] + both["over"]))
    ]
    return pd.concat(made, ignore_index=True)


def foreseen(books: Books, scenario: Scenario, day: int) -> pd.DataFrame:
    """Return a forecast that says what will be asked for, with no doubt."""
    settings = scenario.settings
    ahead = books.truth.ahead(day, settings.horizon_buckets, settings.bucket_days)
    pairs = books.truth.pairs.to_frame(index=False).rename(columns={"site_id": "location_id"})
    today = books.truth.start + day * DAY
    made = [
        pairs.assign(
            bucket=today + bucket * settings.bucket_days * DAY,
            span_buckets=1.0,
            quantile=quantile,
            qty=ahead[:, bucket],
            method="foresight",
        )
        for bucket in range(settings.horizon_buckets)
        for quantile in (np.nan, 0.9)
    ]
    return pd.concat(made, ignore_index=True)
