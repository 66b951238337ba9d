"""Writes tonight's decision as purchase orders."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.assemble import Tonight
from optimizer.replenishment.demand.cover import days_of_cover, echelon_demand
from optimizer.replenishment.demand.decision import joint_sd
from optimizer.replenishment.facts import Facts
from optimizer.replenishment.shelf_life import sellable_units
from optimizer.replenishment.stock_cost import best_quantity, stock_cost

Floats = NDArray[np.float64]

OPTION = ["supplier_id", "site_id", "product_id"]


@dataclass(frozen=True, slots=True)
class Lines:
    """Order lines: the table, and of each line its option of the problem (-1: another night)."""

    table: pd.DataFrame
    option: NDArray[np.int64]


def purchase_lines(facts: Facts, tonight: Tonight, qty: Floats) -> Lines:
    """Return purchase_orders: tonight's lines, then those for the next order day."""
    problem = tonight.problem
    chosen = np.flatnonzero(qty > 0.0)
    mode, grams = problem.way(qty, chosen)
    now = tonight.options.iloc[chosen].assign(
        qty=qty[chosen],
        money=problem.money(qty)[chosen],
        option=chosen,
        mode=pd.Series(mode, index=chosen, dtype=object),
        g_co2e=grams,
    )
    later = _later_lines(facts, tonight, qty)
    parts = [part for part in (now, later) if len(part)]
    if not parts:
        return Lines(pd.DataFrame(), np.empty(0, np.int64))
    columns = [*OPTION, "order_on", "due_on", "qty", "money", "option", "pair", "lead_days"]
    columns += ["mode", "g_co2e"]
    rows = pd.concat([part.reindex(columns=columns) for part in parts], ignore_index=True)
    rows = rows.sort_values(["order_on", *OPTION], kind="stable", ignore_index=True)
    order = ["order_on", "supplier_id", "site_id"]
    day = rows["order_on"].dt.strftime("%Y%m%d")
    unit_cost = rows["money"] / rows["qty"]
    table = pd.DataFrame(
        {
            "order_id": "PO-" + day + "-" + rows["supplier_id"] + "-" + rows["site_id"],
            "line": (rows.groupby(order, sort=False).cumcount() + 1).astype(np.float64),
            "supplier_id": rows["supplier_id"],
            "product_id": rows["product_id"],
            "site_id": rows["site_id"],
            "order_on": rows["order_on"],
            "latest_safe_on": _latest_safe(facts, rows),
            "due_on": rows["due_on"],
            "qty": rows["qty"],
            "unit_cost": unit_cost,
            "cost": rows["qty"] * unit_cost,
            "status": "proposed",
            "mode": rows["mode"].astype(object).where(rows["mode"] != ""),
            "g_co2e": rows["g_co2e"].astype(np.float64),
            "expected_returns": facts.pairs["expected_returns"]
            .take(rows["pair"].to_numpy(np.int64))
            .array,
        }
    )
    return Lines(table, rows["option"].to_numpy(np.int64))


def _later_lines(facts: Facts, tonight: Tonight, qty: Floats) -> pd.DataFrame:
    """Return what to order on a supplier's next order day, for pairs no option of which is open.

    Each takes its best quantity from its primary option, without regard to limits, which will
    be decided that night; orders under their least value are left out.
    """
    offers = facts.offers
    start = pd.Timestamp(facts.scenario.settings.start_date)
    has_now = np.zeros(len(facts.pairs), bool)
    has_now[tonight.options["pair"].to_numpy(np.int64)] = True
    sites = facts.scenario.table("sites").set_index("site_id")["status"]
    ended = facts.scenario.table("products").set_index("product_id")["discontinued_on"]
    rows = offers[offers["primary"] & (offers["order_on"] > start)]
    rows = rows[~has_now[rows["pair"].to_numpy(np.int64)]]
    rows = rows[sites.reindex(rows["site_id"]).to_numpy(object) == "open"]
    rows = rows[~(rows["due_on"].to_numpy() >= ended.reindex(rows["product_id"]).to_numpy())]
    usable = (rows["fill_rate"] * (1.0 - rows["defect_rate"])).to_numpy(np.float64)
    rows, usable = rows[usable > 0.0], usable[usable > 0.0]
    if not len(rows):
        return rows.assign(money=0.0, option=-1)
    pairs = facts.pairs.iloc[rows["pair"].to_numpy(np.int64)]
    multiple = rows["order_multiple"].to_numpy(np.float64)
    low = np.ceil(np.maximum(rows["moq"].to_numpy(np.float64), multiple) / multiple - 1e-9)
    capacity = rows["capacity_per_week"].fillna(np.inf).to_numpy(np.float64)
    review = pairs["review_days"].to_numpy(np.float64)
    high = np.minimum(np.floor(capacity * review / 7.0 / multiple + 1e-9), 1e9 / multiple)
    holding = pairs["holding_cost_per_unit_day"].to_numpy(np.float64) * review
    part = (
        pairs["echelon_position"].to_numpy(np.float64),
        (pairs["mean"] - pairs["expected_returns"]).to_numpy(np.float64),
        joint_sd(*(pairs[name].to_numpy(np.float64) for name in ("sd", "returns_sd"))),
        holding,
        pairs["shortage_cost"].to_numpy(np.float64),
    )
    high = np.minimum(high, sellable_units(facts, rows) / multiple)
    nothing_wrong = high >= low
    low, high = low * multiple, np.maximum(high, low) * multiple
    zero = np.zeros(len(rows))
    amount, cost = best_quantity(*part, usable, zero, multiple, low, high)
    better = nothing_wrong & (cost < stock_cost(part[0], *part[1:]))
    rows = rows.assign(qty=amount, money=amount * rows["landed"], option=-1)[better]
    groups = rows.groupby(["supplier_id", "site_id"])
    enough = groups["money"].transform("sum") >= groups["min_order_value"].transform("max")
    return rows[enough]


def _latest_safe(facts: Facts, rows: pd.DataFrame) -> pd.Series:
    """Return the last day on which each line could be ordered before its pair runs short.

    The pair (with those it feeds) runs short on the day when mean demand has used up its
    position; where that is beyond the horizon, on the horizon's last day.
    """
    grid = echelon_demand(facts)
    settings = facts.scenario.settings
    at = rows["pair"].to_numpy(np.int64)
    position = facts.pairs["echelon_position"].to_numpy(np.float64)[at]
    days = days_of_cover(grid[at], position, settings.bucket_days)
    lead = np.ceil(rows["lead_days"].to_numpy(np.float64))
    start = pd.Timestamp(settings.start_date)
    return start + pd.to_timedelta(np.floor(days) - lead, unit="D")
