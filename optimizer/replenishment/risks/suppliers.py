"""Leading indicators of suppliers and their lanes, order by order: lateness, time, units, quality.

Lines of one order come together, so an order counts once: as late as its latest line, with its
units added up. Orders stand in the sequence in which they were placed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.alerting.rows import counted, number, percent
from optimizer.replenishment.risks.drift import LEAST_POINTS, Drift, watch
from optimizer.replenishment.risks.money import Stakes
from optimizer.replenishment.risks.row import QUIET, RAISED, UNKNOWN, Items, Risk, chance
from optimizer.replenishment.risks.seeds import stream
from optimizer.replenishment.suppliers.lead_times import OFFER
from optimizer.replenishment.suppliers.scores import receipt_lines

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LATELY = 10  # newest orders, from which the chance of the next one is told
COLUMNS = {
    "supplier_lateness": "late", "lead_time": "over", "fill_rate": "missing", "defect_rate": "bad",
    "lane_delay": "late",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wording:
    """How a kind is told, English and Chinese; {who} is the supplier or lane."""

    indicator: str
    unit: str
    event_en: str
    event_zh: str
    severity_en: str
    severity_zh: str


WORDINGS = {
    "supplier_lateness": Wording(
        "days late by order", "days", "the next order of {who} comes late",
        "{who} 的下一张订单迟到", "{much} days late on average", "平均迟 {much} 天",
    ),
    "lane_delay": Wording(
        "days late by order", "days", "the next order on {who} comes late",
        "线路 {who} 的下一张订单迟到", "{much} days late on average", "平均迟 {much} 天",
    ),
    "lead_time": Wording(
        "days beyond the stated lead time by order", "days",
        "the next order of {who} takes longer than its offers state",
        "{who} 的下一张订单超过其承诺交期", "{much} days longer on average", "平均多 {much} 天",
    ),
    "fill_rate": Wording(
        "share of units missing by order", "share", "the next order of {who} comes short",
        "{who} 的下一张订单短交", "{much} of it missing on average", "平均缺 {much}",
    ),
    "defect_rate": Wording(
        "share of units rejected by order", "share", "the next order of {who} has rejects",
        "{who} 的下一张订单有不良品", "{much} of it rejected on average", "平均不良 {much}",
    ),
}  # fmt: skip


def supplier_indicators(stakes: Stakes, coming: pd.DataFrame) -> Iterator[Risk]:
    """Return four indicators of every supplier, and lateness of every lane that has a history.

    Parameters
    ----------
    coming : supplier_id, site_id, product_id, qty of open and proposed orders
    """
    facts = stakes.facts
    past = past_orders(stakes)
    suppliers = facts.scenario.table("suppliers")["supplier_id"].astype("str")
    by_supplier = dict(iter(past.groupby("supplier_id")))
    for name in suppliers:
        rows = stakes.of_supplier(name)
        mine = by_supplier.get(name, past.iloc[:0])
        for kind in ("supplier_lateness", "lead_time", "fill_rate", "defect_rate"):
            yield _judged(stakes, coming, kind, f"supplier:{name}", name, mine, rows)
    for (name, site), mine in past.groupby(["supplier_id", "site_id"]):
        if len(mine) >= LEAST_POINTS:
            rows = stakes.of_supplier(str(name), str(site))
            who = f"{name}>{site}"
            yield _judged(stakes, coming, "lane_delay", f"lane:{who}", who, mine, rows)


def past_orders(stakes: Stakes) -> pd.DataFrame:
    """Return one row per past order and site, oldest first, with what each kind watches.

    Returns
    -------
    frame : supplier_id, site_id, order_id, ordered_on, `late` and `over` [days; NaN where no offer
        states a lead time], `missing` and `bad` [shares of its units]
    """
    facts = stakes.facts
    rows = receipt_lines(facts)
    offers = facts.offers.drop_duplicates(OFFER).set_index(OFFER)["lead_days"]
    stated = offers.reindex(pd.MultiIndex.from_frame(rows[OFFER])).to_numpy(np.float64)
    short = (rows["qty_ordered"] - rows["qty_received"]).clip(lower=0.0)
    rows = rows.assign(over=rows["lead"] - stated, short=short)
    by = rows.groupby(["supplier_id", "site_id", "order_id"], sort=False)
    orders = by.agg(
        ordered_on=("ordered_on", "min"), late=("late", "max"), over=("over", "max"),
        short=("short", "sum"), ordered=("qty_ordered", "sum"),
        received=("qty_received", "sum"), rejected=("qty_rejected", "sum"),
    ).reset_index()  # fmt: skip
    orders = orders.assign(
        late=orders["late"].clip(lower=0.0),
        missing=orders["short"] / orders["ordered"].where(orders["ordered"] > 0.0),
        bad=(orders["rejected"] / orders["received"].where(orders["received"] > 0.0)).clip(
            upper=1.0
        ),
    )
    return orders.sort_values(["ordered_on", "order_id", "site_id"], kind="stable")


def _judged(
    stakes: Stakes, coming: pd.DataFrame, kind: str, entity: str, who: str, past: pd.DataFrame,
    rows: Ints,
) -> Risk:  # fmt: skip
    """Return one indicator of one supplier or lane."""
    said = WORDINGS[kind]
    past = past[past[COLUMNS[kind]].notna()]
    values = past[COLUMNS[kind]].to_numpy(np.float64)
    horizon = float(stakes.facts.scenario.settings.horizon_days)
    found = watch(values, stream(stakes.facts, f"{kind}:{entity}"))
    event = said.event_en.format(who=who), said.event_zh.format(who=who)
    evidence = f"receipts: {counted(len(values), 'order')} of {entity}"
    if len(values):
        first, last = past["ordered_on"].min(), past["ordered_on"].max()
        evidence += f", placed {first:%Y-%m-%d} to {last:%Y-%m-%d}"
    if found is None:
        return Risk(
            kind, entity, UNKNOWN, said.indicator, *event,
            f"There is a record of {counted(len(values), 'order')}; {LEAST_POINTS} are needed.",
            f"记录仅 {len(values)} 张订单，至少需要 {LEAST_POINTS} 张。",
            evidence, horizon,
        )  # fmt: skip
    lately = values[-LATELY:]
    hits = int((lately > 0.0).sum())
    probability = chance(hits, len(lately))
    bad = lately[lately > 0.0] if hits else values[values > 0.0]
    severity = float(bad.mean()) if len(bad) else math.nan
    loss = None if math.isnan(severity) else _lost(stakes, coming, kind, entity, rows, severity)
    much = "not known"
    much_zh = "未知"
    if not math.isnan(severity):
        much = much_zh = number(severity) if said.unit == "days" else percent(severity)
    told = (
        f"{hits} of the newest {len(lately)} orders did, "
        f"{said.severity_en.format(much=much)}; {_trend_en(said, found)}."
    )
    told_zh = (
        f"最近 {len(lately)} 张订单中 {hits} 张如此，{said.severity_zh.format(much=much_zh)}；"
        f"{_trend_zh(said, found)}。"
    )
    return Risk(
        kind, entity, RAISED if found.raised else QUIET, f"CUSUM of {said.indicator}", *event,
        told, told_zh, evidence, horizon, found.statistic, found.threshold,
        found.lately - found.usual, said.unit,
        past["ordered_on"].iloc[found.since].date() if found.raised else None, None,
        probability, loss, _disruption(kind, entity, severity, horizon), (entity,),
    )  # fmt: skip


def _lost(
    stakes: Stakes, coming: pd.DataFrame, kind: str, entity: str, rows: Ints, severity: float
) -> Items:
    if kind in ("supplier_lateness", "lane_delay", "lead_time"):
        return stakes.lost(rows, more_days=severity)
    supplier = entity.partition(":")[2]
    mine = coming[coming["supplier_id"] == supplier]
    keys = pd.MultiIndex.from_frame(mine[["site_id", "product_id"]])
    units = mine["qty"].astype(np.float64).groupby(keys).sum()
    at = pd.MultiIndex.from_frame(stakes.facts.pairs.iloc[rows][["site_id", "product_id"]])
    fewer = units.reindex(at).fillna(0.0).to_numpy(np.float64) * severity
    return stakes.lost(rows, fewer=fewer)


def _disruption(kind: str, entity: str, severity: float, horizon: float) -> dict[str, object]:
    """Return what the simulator does: every order as late, or as short, as the bad ones were."""
    if math.isnan(severity):
        return {}
    if kind in ("fill_rate", "defect_rate"):
        return {"kind": "supplier_outage", "target": entity, "start": 0, "duration": horizon,
                "severity": min(severity, 1.0)}  # fmt: skip
    return {"kind": "lane_delay", "target": entity, "start": 0, "duration": horizon,
            "severity": max(round(severity), 1)}  # fmt: skip


def _trend_en(said: Wording, found: Drift) -> str:
    told = f"{_level(said, found.usual)} before, {_level(said, found.lately)} lately"
    return f"the CUSUM is raised ({told})" if found.raised else f"no drift beyond chance ({told})"


def _trend_zh(said: Wording, found: Drift) -> str:
    told = f"以前均值 {_level(said, found.usual)}，近来 {_level(said, found.lately)}"
    return f"CUSUM 已报警（{told}）" if found.raised else f"没有超出偶然的漂移（{told}）"


def _level(said: Wording, value: float) -> str:
    return f"{value:.2f}" if said.unit == "days" else f"{100.0 * value:.1f} %"
