"""How suppliers did, from their receipts, and how much of the spend hangs on each."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optimizer.replenishment.facts import Facts

WEIGHTS = {"on_time_rate": 0.4, "fill_rate": 0.4, "quality": 0.2}  # of the score; told, not used


def supplier_scores(facts: Facts, purchases: pd.DataFrame) -> pd.DataFrame:
    """Return supplier_scores.

    score = 100 x (0.4 on time + 0.4 filled + 0.2 not rejected). It is for people: the orders do
    not read it, since reliability enters them through lead-time variance and fill rate.
    """
    suppliers = facts.scenario.table("suppliers")["supplier_id"]
    receipts = facts.scenario.filled("receipts")
    on_time = (receipts["received_on"] <= receipts["promised_on"]).astype(np.float64)
    lead = (receipts["received_on"] - receipts["ordered_on"]).dt.days.astype(np.float64)
    rows = receipts.assign(on_time=on_time, lead=lead)
    by = rows.groupby("supplier_id")
    lead_mean, lead_sd = by["lead"].mean(), by["lead"].std(ddof=1)
    ordered, received = by["qty_ordered"].sum(), by["qty_received"].sum()
    table = pd.DataFrame(
        {
            "on_time_rate": by["on_time"].mean(),
            "fill_rate": (received / ordered.where(ordered > 0.0)).clip(upper=1.0),
            "lead_time_cv": lead_sd / lead_mean.where(lead_mean > 0.0),
            "defect_rate": (by["qty_rejected"].sum() / received.where(received > 0.0)).clip(
                upper=1.0
            ),
        }
    ).reindex(suppliers)
    spend = pd.Series(0.0, index=table.index)
    if len(purchases):
        bought = purchases.groupby("supplier_id")["cost"].sum()
        spend = bought.reindex(table.index).fillna(0.0)
    total = float(spend.sum())
    quality = 1.0 - table["defect_rate"]
    score = 100.0 * (
        WEIGHTS["on_time_rate"] * table["on_time_rate"]
        + WEIGHTS["fill_rate"] * table["fill_rate"]
        + WEIGHTS["quality"] * quality
    )
    return table.assign(
        spend=spend,
        dependency_pct=100.0 * spend / total if total > 0.0 else 0.0,
        score=score,
    ).reset_index()
