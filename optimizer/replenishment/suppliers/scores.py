"""How suppliers did, from their receipts."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.facts import Facts

Floats = NDArray[np.float64]

WEIGHTS = {"on_time_rate": 0.4, "fill_rate": 0.4, "quality": 0.2}  # of the score; told, not used
PRIOR_LINES = 10.0  # a supplier's own rates weigh as many lines as it has, all suppliers' this many
LEAST_TREND_LINES = 8  # fewer lines show no trend
SIGNIFICANT = 1.96  # standard errors


def supplier_scores(facts: Facts, purchases: pd.DataFrame) -> pd.DataFrame:
    """Return supplier_scores.

    The rates are those of the supplier's own lines. The score is made from rates that are drawn
    towards those of all suppliers, (own x lines + all x 10) / (lines + 10), so that two good
    lines do not beat two hundred: 100 x (0.4 on time + 0.4 filled + 0.2 not rejected). It is for
    people: the orders do not read it, since reliability enters them through lead-time variance
    and fill rate.
    """
    suppliers = facts.scenario.table("suppliers")["supplier_id"]
    rows = receipt_lines(facts)
    by = rows.groupby("supplier_id")
    lead_mean, lead_sd = by["lead"].mean(), by["lead"].std(ddof=1)
    table = pd.DataFrame(
        {
            **_rates(by),
            "lead_time_cv": lead_sd / lead_mean.where(lead_mean > 0.0),
            "receipt_lines": by.size().astype(np.float64),
            "in_full_rate": by["in_full"].mean(),
            "lead_time_mean_days": lead_mean,
            "promised_mean_days": by["promised"].mean(),
            "late_mean_days": rows[rows["late"] > 0.0].groupby("supplier_id")["late"].mean(),
        }
    ).reindex(suppliers)
    table["receipt_lines"] = table["receipt_lines"].fillna(0.0)
    spend = pd.Series(0.0, index=table.index)
    if len(purchases):
        bought = purchases.groupby("supplier_id")["cost"].sum()
        spend = bought.reindex(table.index).fillna(0.0)
    total = float(spend.sum())
    return table.assign(
        spend=spend,
        dependency_pct=100.0 * spend / total if total > 0.0 else 0.0,
        score=_scores(table, rows),
        trend_points=_trend(rows).reindex(table.index),
    ).reset_index()


def receipt_lines(facts: Facts) -> pd.DataFrame:
    """Return the receipts with `on_time`, `in_full` [1 or 0], `lead`, `promised`, `late` [days]."""
    receipts = facts.scenario.filled("receipts")
    ordered, received = receipts["ordered_on"], receipts["received_on"]
    late = (received - receipts["promised_on"]).dt.days.astype(np.float64)
    full = receipts["qty_received"] >= receipts["qty_ordered"] * (1.0 - 1e-9)
    return receipts.assign(
        on_time=(late <= 0.0).astype(np.float64),
        in_full=full.astype(np.float64),
        lead=(received - ordered).dt.days.astype(np.float64),
        promised=(receipts["promised_on"] - ordered).dt.days.astype(np.float64),
        late=late,
    )


def _rates(by: pd.api.typing.DataFrameGroupBy) -> dict[str, pd.Series]:
    """Return on-time, fill and defect rate of each group of lines."""
    ordered, received = by["qty_ordered"].sum(), by["qty_received"].sum()
    return {
        "on_time_rate": by["on_time"].mean(),
        "fill_rate": (received / ordered.where(ordered > 0.0)).clip(upper=1.0),
        "defect_rate": (by["qty_rejected"].sum() / received.where(received > 0.0)).clip(upper=1.0),
    }


def _scores(table: pd.DataFrame, rows: pd.DataFrame) -> pd.Series:
    """Return the score of each supplier, NaN without receipts."""
    everyone = pd.DataFrame(_rates(rows.assign(all=1).groupby("all")))
    lines = table["receipt_lines"]
    own = table.assign(quality=1.0 - table["defect_rate"])
    score = pd.Series(0.0, index=table.index)
    for name, weight in WEIGHTS.items():
        overall = np.nan
        if len(everyone):
            rate = everyone["defect_rate"] if name == "quality" else everyone[name]
            overall = float(1.0 - rate.iloc[0] if name == "quality" else rate.iloc[0])
        # a supplier that sent nothing has no defect rate of its own
        known = own[name].fillna(overall)
        score += weight * (known * lines + overall * PRIOR_LINES) / (lines + PRIOR_LINES)
    return (100.0 * score).where(lines > 0.0)


def _trend(rows: pd.DataFrame) -> pd.Series:
    """Return by how many points the on-time rate moved from a supplier's older to its newer lines.

    0 where the halves differ by less than 1.96 standard errors; NaN under 8 lines.
    """
    rows = rows.sort_values(["supplier_id", "received_on", "order_id", "line"], kind="stable")
    place = rows.groupby("supplier_id").cumcount()
    count = rows.groupby("supplier_id")["supplier_id"].transform("size")
    newer = place >= count // 2
    halves = [rows[part].groupby("supplier_id")["on_time"] for part in (~newer, newer)]
    old, new = (half.mean() for half in halves)
    sizes = [half.size() for half in halves]
    both = (old * sizes[0] + new * sizes[1]) / (sizes[0] + sizes[1])
    error = np.sqrt(both * (1.0 - both) * (1.0 / sizes[0] + 1.0 / sizes[1]))
    moved = (new - old).where((new - old).abs() > SIGNIFICANT * error, 0.0)
    return (100.0 * moved).where(sizes[0] + sizes[1] >= LEAST_TREND_LINES)
