"""Alerts on stock: too little, too much, too old."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import ndtr

from optimizer.replenishment.alerting.futures import (
    FUTURES,
    simulate_leftovers,
    simulate_stockouts,
)
from optimizer.replenishment.alerting.rows import (
    Night,
    alert_rows,
    counted,
    largest,
    number,
    pair_entity,
    percent,
    unit_costs,
)
from optimizer.replenishment.analytics.classes import abc_of_pairs
from optimizer.replenishment.facts import Facts
from optimizer.replenishment.stock_cost import units_short

LONG_COVER = 2.0  # times the horizon


def stockouts(facts: Facts, night: Night, rng: np.random.Generator) -> pd.DataFrame:
    """Return pairs whose chance of no stockout stays under their class's target.

    Those with most money at risk by the normal law of the interval are simulated; what is said of
    them is what the simulation found.
    """
    pairs = facts.pairs
    mean, sd = pairs["mean"].to_numpy(np.float64), pairs["sd"].to_numpy(np.float64)
    service = ndtr((night.level - mean) / np.maximum(sd, 1e-9))
    targets = facts.scenario.settings.service_targets
    target = pd.Series(abc_of_pairs(facts)).map(targets).fillna(min(targets.values()))
    shortage = pairs["shortage_cost"].to_numpy(np.float64)
    value = units_short(night.level, mean, sd) * shortage
    risky = facts.counted & (service < target.to_numpy(np.float64)) & (mean > 0.0) & (value > 0.0)
    at = np.flatnonzero(risky)
    rows = largest(pairs.iloc[at], value[at])
    at = rows.index.to_numpy(np.int64)
    found = simulate_stockouts(facts, at, night.purchases, night.usable, night.lateness, rng)
    seen = found.frequency > 0.0
    currency = facts.scenario.settings.currency
    words = [
        f"Ran out in {percent(often)} of {FUTURES} simulated futures: on average"
        f" {counted(short, 'unit')} short of {number(demand)} asked for within"
        f" {counted(days, 'day')}, at {cost:,.2f} {currency} a unit."
        for often, short, demand, days, cost in zip(
            found.frequency, found.short, mean[at], rows["protection_days"], shortage[at],
            strict=True,
        )
    ]  # fmt: skip
    frame = alert_rows(
        "stockout_risk", pair_entity(rows), found.short * shortage[at], words, found.frequency
    )
    return frame[seen]


def overstock(facts: Facts, night: Night, rng: np.random.Generator) -> pd.DataFrame:
    """Return pairs whose stock outlasts twice the horizon, with how often it would."""
    health = night.health
    horizon = LONG_COVER * facts.scenario.settings.horizon_days
    long = ~(health["cover_days"] <= horizon) & (health["excess_value"] > 0.0)
    rows = largest(health[long], health.loc[long, "excess_value"].to_numpy(np.float64))
    index = pd.MultiIndex.from_frame(facts.pairs[["site_id", "product_id"]])
    at = index.get_indexer(pd.MultiIndex.from_frame(rows[["site_id", "product_id"]]))
    forecast = facts.pairs["forecast_row"].to_numpy(np.int64)[at]
    mean, variance = facts.forecast.over(forecast, np.full(len(at), horizon))
    stock = facts.pairs["on_hand"].to_numpy(np.float64)[at]
    often, left = simulate_leftovers(mean, variance, stock, stock, rng)
    cost = unit_costs(facts, rows["product_id"])
    currency = facts.scenario.settings.currency
    words = [
        f"Of {counted(units, 'unit')} on hand, {number(over)} would be left after"
        f" {counted(horizon, 'day')} (mean of {FUTURES} simulated futures); stock worth"
        f" {excess:,.2f} {currency} is above the order-up-to level. {action}"
        for units, over, excess, action in zip(
            stock, left, rows["excess_value"], rows["action"].map(as_sentence), strict=True
        )
    ]
    value = np.minimum(left * cost, rows["excess_value"].to_numpy(np.float64))
    return alert_rows("overstock", pair_entity(rows), value, words, often)


def as_sentence(words: str) -> str:
    """Return words as a sentence."""
    return f"{words[:1].upper()}{words[1:]}."


def expiring(facts: Facts, night: Night, rng: np.random.Generator) -> pd.DataFrame:
    """Return lots that may not be sold before they expire, those that expire first sold first."""
    stock = facts.scenario.table("inventory")
    start = pd.Timestamp(facts.scenario.settings.start_date)
    stock = stock[stock["expires_on"].notna() & (stock["on_hand"] > 0.0)]
    if not len(stock):
        return pd.DataFrame()
    keys = ["site_id", "product_id"]
    index = pd.MultiIndex.from_frame(facts.pairs[keys])
    stock = stock.sort_values([*keys, "expires_on", "lot_id"], kind="stable")
    at = index.get_indexer(pd.MultiIndex.from_frame(stock[keys]))
    before = stock.groupby(keys, sort=False)["on_hand"].cumsum().to_numpy(np.float64)
    days = (stock["expires_on"] - start).dt.days.clip(lower=0).to_numpy(np.float64)
    forecast = facts.pairs["forecast_row"].to_numpy(np.int64)
    mean, variance = facts.forecast.over(np.where(at >= 0, forecast[at], -1), days)
    cost = unit_costs(facts, stock["product_id"])
    horizon = LONG_COVER * facts.scenario.settings.horizon_days
    likely = (before > mean - np.sqrt(variance)) & (days <= horizon)
    rough = np.minimum(np.maximum(before - mean, 0.0), stock["on_hand"].to_numpy(np.float64))
    stock = stock.assign(before=before, mean=mean, variance=variance, days=days, cost=cost)
    rows = largest(stock[likely], (rough * cost)[likely])
    often, left = simulate_leftovers(
        rows["mean"].to_numpy(np.float64),
        rows["variance"].to_numpy(np.float64),
        rows["before"].to_numpy(np.float64),
        rows["on_hand"].to_numpy(np.float64),
        rng,
    )
    words = [
        f"Lot {lot} has expired: {counted(units, 'unit')} cannot be sold."
        if gone <= 0.0
        else f"Of {counted(units, 'unit')} of lot {lot}, {number(over)} would be unsold on"
        f" {day:%Y-%m-%d} (mean of {FUTURES} simulated futures)."
        for lot, units, over, day, gone in zip(
            rows["lot_id"].fillna("(none)"), rows["on_hand"], left, rows["expires_on"],
            rows["days"], strict=True,
        )
    ]  # fmt: skip
    value = left * rows["cost"].to_numpy(np.float64)
    frame = alert_rows("expiring", pair_entity(rows), value, words, often, rows["expires_on"])
    return frame[value > 0.0]
