"""What leaving a stop out would cost, worked out again from orders and their lines."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optimizer.explanations.recount_moves import Known, put
from optimizer.plan import Plan
from scenarios import Scenario
from scenarios.semantics.defaults import unserved_penalty

USUAL_PRIORITY = 5.0


def left_out(scenario: Scenario, plan: Plan) -> Known:
    """Return what each stop costs if nobody serves it: its prize, or penalties of its lines.

    Without those that come in parts, and of orders with a prize those that come in several parcels.
    """
    known: Known = {}
    stops = plan.table("stops")
    stops = stops[stops["order_id"].notna() & stops["part"].isna()]
    if not len(stops):
        return known
    orders = scenario.filled("orders").set_index("order_id").reindex(stops["order_id"])
    whole = _penalties(scenario, scenario.table("order_lines"), "order_id")
    packed = _penalties(scenario, plan.table("shipment_lines"), "shipment_id")
    of_parcel = packed.reindex(stops["shipment_id"]).fillna(0.0).to_numpy(np.float64)
    of_order = whole.reindex(stops["order_id"]).fillna(0.0).to_numpy(np.float64)
    penalty = np.where(stops["shipment_id"].notna(), of_parcel, of_order)
    penalty = penalty * USUAL_PRIORITY / orders["priority"].to_numpy(np.float64)
    prize = orders["prize"].to_numpy(np.float64)
    loss = np.where(np.isnan(prize), penalty, prize)
    sure = np.isnan(prize) | stops["shipment_id"].isna().to_numpy()
    names = "stops:" + stops["route_id"] + "/" + stops["seq"].astype(int).astype(str)
    put(known, names[sure], "left_out", loss[sure])
    return known


# ---- inside ---------------------------------------------------------------------------------


def _penalties(scenario: Scenario, lines: pd.DataFrame, key: str) -> pd.Series:
    """Return money of lines that are not served, by order or by parcel, at the usual priority."""
    each = unserved_penalty(scenario).reindex(lines["product_id"]).to_numpy(np.float64)
    money = np.nan_to_num(lines["qty"].to_numpy(np.float64) * each)
    return pd.Series(money).groupby(lines[key].to_numpy(object)).sum()
