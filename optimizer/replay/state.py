"""The scenario of one night: the facts as they are known by then."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optimizer.replay.books import Books
from optimizer.replay.truth import DAY
from scenarios import Scenario
from scenarios.semantics.defaults import inventory_policies

LEFT_OUT = (
    *("orders", "order_lines", "order_windows", "vehicle_states", "deliveries", "forecasts"),
    *("demand_cases", "decisions"),
)


def night(
    scenario: Scenario, books: Books, today: pd.Timestamp, *, charged: bool = True
) -> Scenario:
    """Return the scenario as it stands on a morning: stock, orders, receipts and sales till then.

    Sales of whole periods stand in `demand_history`; where a pair ran short they are marked.

    Parameters
    ----------
    charged : every policy states the shortage cost that the books charge, blanks filled by the
        margin; else policies are as they are
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
    if charged:
        tables["inventory_policies"] = _policies(scenario, pairs)
    tables["demand_history"] = _history(scenario, books, today)
    return Scenario(settings, tables)


def _policies(scenario: Scenario, pairs: pd.DataFrame) -> pd.DataFrame:
    filled, _ = inventory_policies(scenario, pairs)
    return filled[list(scenario.table("inventory_policies").columns)]


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
    spreads over the mean as variances. The buckets of a total vary together as they did: its
    spread is that of the new buckets on their own, times the old total's over its own buckets'.
    """
    if not days:
        return forecast
    rows = forecast[forecast["span_buckets"] == 1]
    part = days / length
    keys = ["product_id", "location_id", "bucket"]
    both = _mean_and_over(rows, keys).sort_values(keys, kind="stable", ignore_index=True)
    group = both.groupby(keys[:2], sort=False)
    later = group[["mean", "over"]].shift(-1)
    later = later.where(later.notna(), both[["mean", "over"]])
    made = both.assign(
        mean=(1.0 - part) * both["mean"] + part * later["mean"],
        over=np.sqrt((1.0 - part) * both["over"] ** 2 + part * later["over"] ** 2),
        bucket=both["bucket"] + pd.Timedelta(days=days),
        span_buckets=1.0,
    )
    totals = forecast[forecast["span_buckets"] > 1]
    if len(totals):
        made = pd.concat([made, _totals(totals, both, made, keys)], ignore_index=True)
    method = rows["method"].iloc[0] if len(rows) else ""
    parts = [
        made[[*keys, "span_buckets"]].assign(quantile=quantile, qty=qty, method=method)
        for quantile, qty in ((np.nan, made["mean"]), (0.9, made["mean"] + made["over"]))
    ]
    return pd.concat(parts, ignore_index=True)


def _mean_and_over(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return the mean of each key and how far its 0.9 quantile lies over it, units."""
    mean = rows[rows["quantile"].isna()].set_index(keys)["qty"].astype(np.float64)
    near = np.isclose(rows["quantile"].astype(np.float64), 0.9)
    high = rows[near].set_index(keys)["qty"].astype(np.float64).reindex(mean.index)
    return pd.DataFrame({"mean": mean, "over": (high - mean).clip(lower=0.0)}).reset_index()


def _totals(
    totals: pd.DataFrame, old: pd.DataFrame, new: pd.DataFrame, keys: list[str]
) -> pd.DataFrame:
    """Return mean and over of the first buckets' totals, by span."""
    stated = _mean_and_over(totals, [*keys[:2], "span_buckets"])
    rank = new.groupby(keys[:2], sort=False).cumcount()
    found = []
    for span, rows in stated.groupby("span_buckets", sort=True):
        inside = rank < float(span)
        by = [new.loc[inside, key] for key in keys[:2]]
        first = new[inside].groupby(keys[:2], sort=False)
        sums = pd.DataFrame(
            {
                "bucket": first["bucket"].min(),
                "mean": first["mean"].sum(),
                "now": (new.loc[inside, "over"] ** 2).groupby(by, sort=False).sum(),
                "before": (old.loc[inside, "over"] ** 2).groupby(by, sort=False).sum(),
            }
        ).reset_index()
        joined = sums.merge(rows[[*keys[:2], "over"]], on=keys[:2], how="inner")
        grown = (joined["now"] / joined["before"]).where(joined["before"] > 0.0, 1.0)
        joined["over"] = joined["over"] * np.sqrt(grown)
        found.append(joined[[*keys, "mean", "over"]].assign(span_buckets=float(span)))
    return pd.concat(found, ignore_index=True)


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
