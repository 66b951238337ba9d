"""What hangs on one supplier alone, and what its capacity cannot deliver."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd

from optimizer.replenishment.alerting.rows import pair_entity, percent
from optimizer.replenishment.risks.money import Stakes
from optimizer.replenishment.risks.row import QUIET, RAISED, Items, Risk
from optimizer.replenishment.stock_cost import units_short

OUTAGE_EVERY_DAYS = 1350.0  # a month or longer, every 3.7 years
USUAL_RECOVERY_DAYS = 31.0
SELDOM = 1e-6  # a chance under it is none
MUCH = 0.1  # share of the horizon's demand, by what a unit short costs
LIKELY = 0.1


def single_sources(stakes: Stakes) -> Iterator[Risk]:
    """Return suppliers of products that nobody else offers there, as they would be lost.

    The chance is that of an outage of a month or longer within the horizon, 1 - exp(-days / 1350).

    Source: McKinsey Global Institute (2020), Risk, resilience, and rebalancing in global value
    chains: one every 3.7 years, of an industry's companies; not of this supplier.
    """
    facts = stakes.facts
    horizon = float(facts.scenario.settings.horizon_days)
    suppliers = facts.scenario.table("suppliers").set_index("supplier_id")
    sources = facts.offers.groupby("pair")["supplier_id"].nunique()
    alone = np.zeros(len(facts.pairs), bool)
    alone[sources[sources == 1].index.to_numpy(np.int64)] = True
    alone &= facts.counted
    mean = facts.pairs["mean"].to_numpy(np.float64)
    days = np.maximum(facts.pairs["protection_days"].to_numpy(np.float64), 1e-9)
    worth = mean / days * facts.pairs["shortage_cost"].to_numpy(np.float64)
    total = float(worth[facts.counted].sum())
    probability = 1.0 - math.exp(-horizon / OUTAGE_EVERY_DAYS)
    for name in sorted({str(each) for each in stakes.primary[alone] if each}):
        rows = np.flatnonzero(alone & (stakes.primary == name))
        stated = suppliers["recovery_days"].get(name, math.nan)
        recovery = USUAL_RECOVERY_DAYS if pd.isna(stated) else float(stated)
        loss = stakes.lost(rows, more_days=recovery)
        share = float(worth[rows].sum()) / total if total > 0.0 else 0.0
        assumed = "" if pd.notna(stated) else " (assumed)"
        yield Risk(
            "single_source", f"supplier:{name}", RAISED if share >= MUCH else QUIET,
            "share of demand that only it supplies",
            f"{name} is lost for {recovery:.0f} days", f"{name} 中断 {recovery:.0f} 天",
            f"Nobody else offers {len(rows)} of its product-locations, {percent(share)} of the"
            f" demand by what a unit short costs; recovery takes {recovery:.0f} days{assumed}. The"
            " chance is that of any supplier: one outage of a month or more in 3.7 years.",
            f"{len(rows)} 个商品站点只有它供货，占需求的 {percent(share)}（按单位缺货成本）；恢复需"
            f" {recovery:.0f} 天{'' if pd.notna(stated) else '（假设）'}。"
            "概率取一般供应商：每 3.7 年一次一个月以上的中断。",
            f"supplier_products: {len(rows)} product-locations with one supplier", horizon,
            share, MUCH, math.nan, "share", None, None, probability, loss,
            {"kind": "supplier_outage", "target": f"supplier:{name}", "start": 0,
             "duration": recovery, "severity": 1.0},
            (f"supplier:{name}", *_first_product(loss)),
        )  # fmt: skip


def capacities(stakes: Stakes) -> Iterator[Risk]:
    """Return suppliers whose weekly capacity may not cover the horizon's demand.

    Demand over the horizon is normal; what can be there is the position after tonight's orders and
    the capacity of the weeks from the lead time on, row of supplier_products by row.
    """
    facts = stakes.facts
    horizon = float(facts.scenario.settings.horizon_days)
    offers = facts.offers[facts.offers["primary"]]
    at = offers["pair"].to_numpy(np.int64)
    offers = offers[facts.counted[at] & offers["capacity_per_week"].notna().to_numpy()]
    if not len(offers):
        return
    rows = offers["pair"].to_numpy(np.int64)
    days = facts.pairs["protection_days"].to_numpy(np.float64)[rows]
    mean, sd = _over_horizon(stakes, rows)
    weeks = np.maximum(horizon - np.minimum(days, horizon), 0.0) / 7.0
    named = offers.assign(
        mean=mean, variance=sd**2, level=np.maximum(stakes.level[rows], 0.0), weeks=weeks,
        cost=facts.pairs["shortage_cost"].to_numpy(np.float64)[rows],
        entity=pair_entity(facts.pairs.iloc[rows]),
    )  # fmt: skip
    by = named.groupby(["supplier_id", "row"], sort=True).agg(
        mean=("mean", "sum"), variance=("variance", "sum"), level=("level", "sum"),
        weeks=("weeks", "min"), capacity=("capacity_per_week", "first"), cost=("cost", "mean"),
        entity=("entity", "first"),
    )  # fmt: skip
    supply = (by["level"] + by["weeks"] * by["capacity"]).to_numpy(np.float64)
    sd = np.sqrt(by["variance"].to_numpy(np.float64))
    units = units_short(supply, by["mean"].to_numpy(np.float64), sd)
    chance = _above(supply, by["mean"].to_numpy(np.float64), sd)
    by = by.assign(supply=supply, units=units, chance=chance)
    by["money"] = by["units"] * by["cost"]
    for name, mine in by.groupby(level=0):
        worst = mine.loc[mine["money"].idxmax()]
        entity, probability = str(worst["entity"]), float(worst["chance"])
        if probability < SELDOM:
            probability, loss = 0.0, Items()
        else:
            units, price = np.array([worst["units"]]), np.array([worst["cost"]])
            loss = Items.of([entity], units / probability, price)
        tight = int((mine["chance"] >= LIKELY).sum())
        flow = float(worst["weeks"] * worst["capacity"])
        yield Risk(
            "capacity", f"supplier:{name}", RAISED if probability >= LIKELY else QUIET,
            "chance that demand exceeds stock and capacity",
            f"demand within {horizon:.0f} days exceeds what {name} can deliver of {entity}",
            f"{horizon:.0f} 天内 {entity} 的需求超过 {name} 的产能",
            f"It delivers {worst['capacity']:,.0f} a week; {worst['mean']:,.0f} are asked for, and"
            f" {worst['supply']:,.0f} can be there. Of its {len(mine)} capacities {tight}"
            f" {'is' if tight == 1 else 'are'} too small with {percent(LIKELY)} or more.",
            f"每周产能 {worst['capacity']:,.0f} 件；需求 {worst['mean']:,.0f} 件，可供"
            f" {worst['supply']:,.0f} 件。其 {len(mine)} 项产能中有 {tight} 项不足的概率达"
            f" {percent(LIKELY)} 以上。",
            f"supplier_products.capacity_per_week: {len(mine)} rows of {name}", horizon,
            probability, LIKELY, math.nan, "share", None, None, probability, loss,
            {"kind": "supplier_capacity_loss", "target": f"supplier:{name}", "start": 0,
             "duration": horizon,
             "severity": min(max(float(worst["units"]) / max(flow, 1e-9), 0.01), 1.0)},
            (f"supplier:{name}",),
        )  # fmt: skip


def _over_horizon(stakes: Stakes, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    facts = stakes.facts
    days = np.full(len(facts.pairs), float(facts.scenario.settings.horizon_days))
    own, spread = facts.forecast.over(facts.pairs["forecast_row"].to_numpy(np.int64), days)
    root, count = facts.pairs["root"].to_numpy(np.int64), len(facts.pairs)
    mean = np.bincount(root, own, minlength=count)[rows]
    return mean, np.sqrt(np.bincount(root, spread, minlength=count)[rows])


def _above(level: np.ndarray, mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
    from scipy.special import ndtr

    share: np.ndarray = ndtr((mean - level) / np.maximum(sd, 1e-9))
    return share


def _first_product(loss: Items) -> tuple[str, ...]:
    """Return product:id of the item with most money."""
    named = [row[0] for row in loss.rows if row[0].startswith("product:")]
    return (named[0].rpartition("@")[0],) if named else ()
