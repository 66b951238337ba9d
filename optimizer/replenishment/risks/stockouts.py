"""When stock runs out, and how likely before the next goods come.

Stock on hand meets demand D(t), Poisson, negative binomial or normal by its mean and variance,
until the next arrival: the day it is due and as many days more as its supplier's receipts were
late, own lines and all suppliers' as `Lateness` draws them. With weights w of days T,

    P(stockout) = sum_T w_T P(D(T) > stock),   E[short] = sum_T w_T E[(D(T) - stock)+].

What comes after the next arrival is not counted. Where nothing is on its way, T is a review period
and the lead time, or the way from the site that feeds it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.alerting.rows import number, pair_entity, percent
from optimizer.replenishment.analytics.classes import abc_of_pairs
from optimizer.replenishment.facts import Facts
from optimizer.replenishment.policies.laws import DemandLaw
from optimizer.replenishment.risks.row import QUIET, RAISED, UNKNOWN, Items, Risk
from optimizer.replenishment.stock_cost import units_short
from optimizer.replenishment.suppliers import Lateness
from optimizer.replenishment.suppliers.scores import PRIOR_LINES

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_JUDGED = 500
SELDOM = 1e-6  # a chance under it is none
MOST_UNKNOWN = 200


@dataclass(frozen=True, slots=True)
class Next:
    """The next arrival of each product-location.

    Attributes
    ----------
    day : (n,) days from start on which it is due; NaN: nothing is on its way
    supplier : (n,) who sends it; "" for transfers
    """

    day: Floats
    supplier: NDArray[np.object_]


def stockouts(facts: Facts, coming: pd.DataFrame, lateness: Lateness) -> Iterator[Risk]:
    """Return product-locations that may run out before goods come, by money; the largest."""
    pairs = facts.pairs
    after = next_arrivals(facts, coming)
    window = np.where(np.isnan(after.day), next_chance(facts), after.day)
    stock = np.maximum(pairs["free"].to_numpy(np.float64), 0.0)
    cost = pairs["shortage_cost"].to_numpy(np.float64)
    known = pairs["forecast_row"].to_numpy(np.int64) >= 0
    mean, variance = facts.forecast.over(pairs["forecast_row"].to_numpy(np.int64), window)
    rough = np.where(mean > 0.0, units_short(stock, mean, np.sqrt(variance)) * cost, 0.0)
    order = np.argsort(-rough, kind="stable")[:MOST_JUDGED]
    rows = np.sort(order[rough[order] > 0.0])
    yield from _judged(facts, rows, after, window, stock, lateness)
    held = np.flatnonzero(~known & (stock > 0.0))[:MOST_UNKNOWN]
    horizon = float(facts.scenario.settings.horizon_days)
    for entity in pair_entity(pairs.iloc[held]):
        yield Risk(
            "stockout", entity, UNKNOWN, "chance of a stockout before goods come",
            "stock runs out", "缺货", "There is stock, and no forecast of its demand.",
            "有库存，但没有需求预测。", f"forecast: no row of {entity}", horizon,
        )  # fmt: skip


def next_arrivals(facts: Facts, coming: pd.DataFrame) -> Next:
    """Return the next arrival of each pair.

    Parameters
    ----------
    coming : supplier_id ["" for transfers], site_id, product_id, due_on
    """
    start = pd.Timestamp(facts.scenario.settings.start_date)
    keys = ["site_id", "product_id"]
    first = coming.dropna(subset=["due_on"]).sort_values("due_on", kind="stable")
    first = first.drop_duplicates(keys).set_index(keys)
    at = pd.MultiIndex.from_frame(facts.pairs[keys])
    found = first.reindex(at)
    day = (found["due_on"] - start).dt.days.to_numpy(np.float64)
    return Next(day, found["supplier_id"].fillna("").to_numpy(object))


def next_chance(facts: Facts) -> Floats:
    """Return days until goods would come that are not ordered yet, (n_pairs,).

    A review period and the lead time; where another site feeds it, the way from there; where nobody
    supplies it, the horizon.
    """
    pairs = facts.pairs
    fed = ~facts.counted
    way = np.where(fed, pairs["transit_days"], pairs["lead_days"]).astype(np.float64)
    days: Floats = pairs["review_days"].to_numpy(np.float64) + way
    return np.where(unsupplied(facts), float(facts.scenario.settings.horizon_days), days)


def unsupplied(facts: Facts) -> NDArray[np.bool_]:
    """Return which pairs neither a supplier nor another site can replenish, (n_pairs,)."""
    nobody: NDArray[np.bool_] = facts.counted & ~facts.pairs["has_option"].to_numpy(bool)
    return nobody


def lateness_law(lateness: Lateness, supplier: str) -> tuple[Floats, Floats]:
    """Return days late and their weights, as `Lateness.draw` draws them.

    A supplier's own lines weigh lines / (lines + 10), all suppliers' the rest; without receipts
    nothing is known and nothing is late.
    """
    if not len(lateness.days) or not supplier:
        return np.zeros(1), np.ones(1)
    every, counts = np.unique(lateness.days, return_counts=True)
    weights = counts / counts.sum()
    count = int(lateness.count.get(supplier, 0))
    if count:
        start = int(lateness.start[supplier])
        own, own_counts = np.unique(lateness.days[start : start + count], return_counts=True)
        trust = count / (count + PRIOR_LINES)
        weights = (1.0 - trust) * weights
        weights[np.searchsorted(every, own)] += trust * own_counts / count
    return every, weights


def before_arrival(
    facts: Facts, rows: Ints, after: Next, window: Floats, stock: Floats, lateness: Lateness
) -> tuple[Floats, Floats]:
    """Return the chance of a stockout and the mean units short before goods come, (n,) each."""
    chance, short = np.zeros(len(rows)), np.zeros(len(rows))
    forecast = facts.pairs["forecast_row"].to_numpy(np.int64)
    for supplier in sorted(set(after.supplier[rows].tolist())):
        mine = np.flatnonzero(after.supplier[rows] == supplier)
        at = rows[mine]
        for late, weight in zip(*lateness_law(lateness, supplier), strict=True):
            days = window[at] + late
            days = np.where(window[at] < 0.0, np.maximum(days, 1.0), np.maximum(days, 0.0))
            mean, variance = facts.forecast.over(forecast[at], days)
            law = DemandLaw.of(mean, np.sqrt(variance))
            level = np.floor(stock[at] + 1e-9)
            some = mean > 0.0
            chance[mine] += weight * np.where(some, law.above(level), 0.0)
            short[mine] += weight * np.where(some, law.short(level), 0.0)
    return np.minimum(chance, 1.0), short  # weights add up to 1 but for rounding


def projected_days(facts: Facts, rows: Ints, stock: Floats) -> Floats:
    """Return the first day by whose end stock has more likely run out than not; NaN: none.

    Nothing arrives in it, and the horizon is its end.
    """
    found = np.full(len(rows), np.nan)
    forecast = facts.pairs["forecast_row"].to_numpy(np.int64)
    open_yet = np.arange(len(rows))
    for day in range(1, facts.scenario.settings.horizon_days + 1):
        at = rows[open_yet]
        mean, variance = facts.forecast.over(forecast[at], np.full(len(at), float(day)))
        law = DemandLaw.of(mean, np.sqrt(variance))
        out = (mean > 0.0) & (law.above(np.floor(stock[at] + 1e-9)) >= 0.5)
        found[open_yet[out]] = day
        open_yet = open_yet[~out]
        if not len(open_yet):
            break
    return found


def _judged(
    facts: Facts, rows: Ints, after: Next, window: Floats, stock: Floats, lateness: Lateness
) -> Iterator[Risk]:
    settings = facts.scenario.settings
    chance, short = before_arrival(facts, rows, after, window, stock, lateness)
    gone = projected_days(facts, rows, stock)
    targets = settings.service_targets
    target = pd.Series(abc_of_pairs(facts)).map(targets).fillna(min(targets.values()))
    limit = 1.0 - target.to_numpy(np.float64)[rows]
    pairs = facts.pairs.iloc[rows]
    cost = pairs["shortage_cost"].to_numpy(np.float64)
    names = pair_entity(pairs)
    for place, at in enumerate(rows.tolist()):
        if chance[place] < SELDOM:
            continue
        probability = float(chance[place])
        loss = Items.of([names[place]], short[[place]] / probability, cost[[place]])
        day = gone[place]
        when = None if np.isnan(day) else _date(settings.start_date, int(day))
        yield _stockout(
            facts, at, names[place], after, probability, float(limit[place]), loss, when,
            float(window[at]), float(stock[at]),
        )  # fmt: skip


def _stockout(
    facts: Facts, at: int, name: str, after: Next, probability: float, limit: float, loss: Items,
    when: dt.date | None, window: float, stock: float,
) -> Risk:  # fmt: skip
    settings = facts.scenario.settings
    pair = facts.pairs.iloc[at]
    product, site, supplier = str(pair["product_id"]), str(pair["site_id"]), after.supplier[at]
    days = max(window, 0.0)
    if np.isnan(after.day[at]) and unsupplied(facts)[at]:
        until_en, until_zh = "nobody supplies it", "没有供应来源"
    elif np.isnan(after.day[at]):
        until_en = f"nothing is on its way, and the next order would come after {number(days)} days"
        until_zh = f"没有在途，下一单 {number(days)} 天后到货"
    else:
        due = _date(settings.start_date, int(window))
        who = f" from {supplier}" if supplier else ""
        until_en = f"the next goods{who} are due on {due}"
        until_zh = f"下一批{f'（{supplier}）' if supplier else ''}应于 {due} 到货"
    mean, variance = facts.forecast.over(
        facts.pairs["forecast_row"].to_numpy(np.int64)[[at]], np.array([max(days, 1.0)])
    )
    high = 1.0 + 1.2815515655446004 * float(np.sqrt(variance[0]) / max(mean[0], 1e-9))
    by_en = "" if when is None else f"; without them it is more likely gone than not by {when}"
    by_zh = "" if when is None else f"；若无到货，多半在 {when} 前售罄"
    return Risk(
        "stockout", name, RAISED if probability > limit else QUIET,
        "chance of a stockout before goods come",
        f"{product} at {site} runs out before goods come", f"{product} 在 {site} 到货前售罄",
        f"{number(stock)} on the shelf, {number(float(mean[0]))} asked for on average until then;"
        f" {until_en}{by_en}. The limit is {percent(limit)}.",
        f"现有 {number(stock)} 件，到货前平均需求 {number(float(mean[0]))} 件；{until_zh}{by_zh}。"
        f"上限 {percent(limit)}。",
        f"inventory, open_orders, purchase_orders, transfers, forecast of {name}; receipts of"
        f" {supplier or 'nobody'}",
        days, probability, limit, float("nan"), "share", None, when, probability, loss,
        {"kind": "demand_surge", "target": f"product:{product}", "start": 0,
         "duration": max(round(days), 1), "severity": min(max(round(high, 3), 1.01), 100.0)},
        (f"product:{product}", f"site:{site}"),
    )  # fmt: skip


def _date(start: dt.date, days: int) -> dt.date:
    return start + dt.timedelta(days=days)
