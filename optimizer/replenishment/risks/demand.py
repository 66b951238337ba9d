"""Drift of demand against what was forecast: residuals of past forecasts, period by period.

A residual is (sold - mean) / sd of the forecast for the next period as it was made then
(`forecast_origins`). Seasons and promotions that the forecast knew are thereby taken out.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.special import ndtr

from optimizer.replenishment.demand.from_forecast import Z90
from optimizer.replenishment.risks.drift import FALSE_ALARM, LEAST_POINTS, watch
from optimizer.replenishment.risks.money import Stakes
from optimizer.replenishment.risks.row import QUIET, RAISED, UNKNOWN, Items, Risk
from optimizer.replenishment.risks.seeds import stream
from optimizer.replenishment.stock_cost import units_short

MOST_WATCHED = 2000  # product-locations, those with most demand by what a unit short costs
MOST_UNKNOWN = 200
LATELY = 8  # periods from which the size of a drift is told
PRIOR_UNITS = 1.0  # that draw sold / forecast towards 1
KEYS = ["location_id", "product_id"]


def demand_indicators(stakes: Stakes, origins: pd.DataFrame) -> Iterator[Risk]:
    """Return product-locations whose demand has drifted from its forecasts, and those unwatched.

    Each direction is watched at half the false-alarm rate. Those without drift are not listed.
    """
    facts = stakes.facts
    pairs = facts.pairs
    horizon = np.full(len(pairs), float(facts.scenario.settings.horizon_days))
    asked, _ = facts.forecast.over(pairs["forecast_row"].to_numpy(np.int64), horizon)
    worth = asked * pairs["shortage_cost"].to_numpy(np.float64)
    order = np.argsort(-worth, kind="stable")[:MOST_WATCHED]
    past = dict(iter(_residuals(origins).groupby(KEYS, sort=False)))
    unknown = 0
    empty = _residuals(origins.iloc[:0])
    for at in order[worth[order] > 0.0]:
        pair = pairs.iloc[int(at)]
        mine = past.get((pair["site_id"], pair["product_id"]), empty)
        if len(mine) < LEAST_POINTS:
            unknown += 1
            if unknown <= MOST_UNKNOWN:
                yield _unknown(stakes, pair, len(mine))
            continue
        yield from _watched(stakes, int(at), mine)


def _residuals(origins: pd.DataFrame) -> pd.DataFrame:
    """Return location_id, product_id, origin, mean, came, z; oldest first."""
    if not len(origins):
        return pd.DataFrame(columns=[*KEYS, "origin", "mean", "came", "z"])
    rows = origins[(origins["span_buckets"] == 1) & origins["came"].notna()]
    sd = (rows["high"] - rows["mean"]) / Z90
    rows = rows.assign(z=(rows["came"] - rows["mean"]) / sd.where(sd > 0.0)).dropna(subset=["z"])
    return rows.sort_values([*KEYS, "origin"], kind="stable")


def _name(pair: pd.Series) -> str:
    return f"product:{pair['product_id']}@{pair['site_id']}"


def _unknown(stakes: Stakes, pair: pd.Series, count: int) -> Risk:
    return Risk(
        "demand_drift", _name(pair), UNKNOWN, "residuals of the forecast",
        "demand drifts away from its forecast", "需求偏离预测",
        f"Only {count} past forecasts can be held against sales, {LEAST_POINTS} are needed.",
        f"仅有 {count} 次历史预测可与销量对照，至少需要 {LEAST_POINTS} 次。",
        f"forecast_origins: {count} rows of {_name(pair)}, span 1",
        float(stakes.facts.scenario.settings.horizon_days),
    )  # fmt: skip


def _watched(stakes: Stakes, at: int, past: pd.DataFrame) -> Iterator[Risk]:
    pair = stakes.facts.pairs.iloc[at]
    name = _name(pair)
    z = past["z"].to_numpy(np.float64)
    lately = past.tail(LATELY)
    factor = float((lately["came"].sum() + PRIOR_UNITS) / (lately["mean"].sum() + PRIOR_UNITS))
    for upward in (True, False):
        if (factor > 1.0) != upward:
            continue
        rng = stream(stakes.facts, f"demand:{name}:{upward}")
        found = watch(z, rng, upward=upward, rate=FALSE_ALARM / 2.0)
        if found is None or not found.raised:
            continue
        probability, loss = _stake(stakes, at, factor)
        share = f"{100.0 * factor:.0f} %"
        since = past["origin"].iloc[found.since].date()
        product = str(pair["product_id"])
        what_en, what_zh = ("runs short", "缺货") if upward else ("sells too slowly", "滞销")
        disruption = (
            {"kind": "demand_surge", "severity": min(max(factor, 1.01), 100.0)}
            if upward
            else {"kind": "demand_collapse", "severity": min(max(1.0 - factor, 0.01), 1.0)}
        )
        horizon = float(stakes.facts.scenario.settings.horizon_days)
        yield Risk(
            "demand_drift", name, RAISED if found.raised else QUIET,
            "CUSUM of residuals of the forecast",
            f"{product} at {pair['site_id']} {what_en} as demand stays at {share} of its forecast",
            f"需求保持在预测的 {share}，{product} 在 {pair['site_id']} {what_zh}",
            f"Over its newest {len(lately)} periods it sold {lately['came'].sum():,.0f} where"
            f" {lately['mean'].sum():,.0f} were forecast; the CUSUM has risen since {since}.",
            f"最近 {len(lately)} 期销售 {lately['came'].sum():,.0f} 件，预测为"
            f" {lately['mean'].sum():,.0f} 件；CUSUM 自 {since} 起上升。",
            f"forecast_origins: {len(past)} rows of {name}, span 1", horizon, found.statistic,
            found.threshold, found.lately - found.usual, "standard deviations", since, None,
            probability, loss,
            disruption | {"target": f"product:{product}", "start": 0, "duration": horizon},
            (f"product:{product}", f"site:{pair['site_id']}"),
        )  # fmt: skip


def _stake(stakes: Stakes, at: int, factor: float) -> tuple[float, Items]:
    """Return the chance that it runs short (or is left over), and what is lost if it does.

    A rise: P(D > level), and what more goes short; a fall: P(D < level), and the cost of holding
    what more is left over for the horizon. What other places sell does not drift.
    """
    facts = stakes.facts
    root = int(facts.pairs["root"].to_numpy(np.int64)[at])
    rows = np.array([root])
    mean, sd = stakes.demand(rows)
    own, _ = facts.forecast.over(
        facts.pairs["forecast_row"].to_numpy(np.int64)[[at]],
        facts.pairs["protection_days"].to_numpy(np.float64)[[root]],
    )
    whole = 1.0 + (factor - 1.0) * float(own[0] / mean[0]) if mean[0] > 0.0 else 1.0
    level = stakes.level[rows]
    over = float(ndtr((whole * mean[0] - level[0]) / max(whole * sd[0], 1e-9)))
    if factor > 1.0:
        expected = stakes.lost(rows, factor=whole)
        probability = over
    else:
        probability = 1.0 - over
        units = _left(level, whole * mean, whole * sd) - _left(level, mean, sd)
        pair = facts.pairs.iloc[[root]]
        horizon = float(facts.scenario.settings.horizon_days)
        price = pair["holding_cost_per_unit_day"].to_numpy(np.float64) * horizon
        expected = Items.of([_name(pair.iloc[0])], np.maximum(units, 0.0), price)
    return probability, expected.divided(probability) if probability > 1e-6 else Items()


def _left(level: np.ndarray, mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """Return E[(level - D)+], units."""
    left: np.ndarray = level - mean + units_short(level, mean, sd)
    return left
