"""Writes a buyer's plan as result tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optimizer.replenishment.buyer.case import Case
from optimizer.replenishment.buyer.case_limits import GRAMS_PER_KG
from optimizer.replenishment.buyer.problem import Floats, Ints, Problem
from optimizer.replenishment.buyer.solve import STAGE, BuyersPlan
from optimizer.replenishment.facts import Facts

SMALLEST_PRICE = 1e-9  # of a limit; below, it does not bind


def line_slots(case: Case, qty: Ints) -> Ints:
    """Return the slots that are ordered, in the order of the lines of `purchase_orders`."""
    slots = case.problem.slots
    used = np.flatnonzero(qty)
    option, period = slots.option[used], slots.period[used]
    offers = case.offers
    frame = pd.DataFrame(
        {
            "slot": used,
            "order_on": case.dates.order_on[option, period],
            "supplier": offers["supplier_id"].to_numpy(object)[option],
            "site": offers["site_id"].to_numpy(object)[option],
            "product": offers["product_id"].to_numpy(object)[option],
        }
    )
    frame = frame.sort_values(["order_on", "supplier", "site", "product"], kind="stable")
    result: Ints = frame["slot"].to_numpy(np.int64)
    return result


def next_arrival(problem: Problem, qty: Ints, used: Ints) -> Ints:
    """Return the bucket in which the item's next order comes after each line, (n_lines,)."""
    slots = problem.slots
    result = []
    for slot in used.tolist():
        item, arrival = slots.item[slot], slots.arrival[slot]
        others = (slots.item == item) & (qty > 0) & (slots.arrival > arrival)
        later = slots.arrival[others]
        result.append(int(later.min()) if len(later) else problem.n_periods)
    return np.array(result, np.int64)


def purchase_orders(facts: Facts, case: Case, qty: Ints) -> pd.DataFrame:
    """Return every order of the horizon; ids begin with BP, so they differ from tonight's."""
    slots = case.problem.slots
    used = line_slots(case, qty)
    if not len(used):
        return pd.DataFrame()
    option, period = slots.option[used], slots.period[used]
    rows = case.offers.iloc[option].reset_index(drop=True)
    order_on = pd.Series(case.dates.order_on[option, period].astype("datetime64[ms]"))
    due_on = pd.Series(case.dates.due_on[option, period].astype("datetime64[ms]"))
    units = (qty * case.unit[slots.item]).astype(np.float64)[used]
    unit_cost = case.problem.money(qty)[used] / units
    day = order_on.dt.strftime("%Y%m%d")
    order = "BP-" + day + "-" + rows["supplier_id"] + "-" + rows["site_id"]
    return pd.DataFrame(
        {
            "order_id": order,
            "line": (order.groupby(order, sort=False).cumcount() + 1).astype(np.float64),
            "supplier_id": rows["supplier_id"],
            "product_id": rows["product_id"],
            "site_id": rows["site_id"],
            "order_on": order_on,
            "latest_safe_on": _latest_safe(facts, case, qty, used),
            "due_on": due_on,
            "qty": units,
            "unit_cost": unit_cost,
            "cost": units * unit_cost,
            "status": "proposed",
            "mode": rows["mode"].where(rows["mode"] != ""),
            "g_co2e": units * rows["g_co2e"].to_numpy(np.float64),
            "expected_returns": _returned(case, qty, used),
        }
    )


def _returned(case: Case, qty: Ints, used: Ints) -> Floats:
    """Return units that come back until each item's next arrival; NaN: none are counted."""
    if not case.returned.any():
        return np.full(len(used), np.nan)
    slots = case.problem.slots
    item, begin = slots.item[used], slots.arrival[used]
    total = np.cumsum(np.pad(case.returned, ((0, 0), (1, 0))), axis=1)
    until = next_arrival(case.problem, qty, used)
    units: Floats = (total[item, until] - total[item, begin]).astype(np.float64)
    return units * case.unit[item]


def _latest_safe(facts: Facts, case: Case, qty: Ints, used: Ints) -> pd.Series:
    """Return the last day on which each line could be ordered before its item runs short.

    Without the line, and with all others, stock runs short in some bucket; the line must come by
    its first day. Where it never does, by the end of the horizon.
    """
    problem, slots = case.problem, case.problem.slots
    settings = facts.scenario.settings
    start, length = pd.Timestamp(settings.start_date), settings.bucket_days
    _, lost_with = problem.stock(qty)
    days = []
    for slot in used.tolist():
        item, option = int(slots.item[slot]), int(slots.option[slot])
        without = _lost_without(case, qty, slot)
        short = np.flatnonzero(without > lost_with[item])
        bucket = int(short[0]) if len(short) else problem.n_periods
        at = case.dates.due_on[option, slots.period[slot]]
        lead = (at - case.dates.order_on[option, slots.period[slot]]).astype(int)
        days.append(bucket * length - int(lead))
    return start + pd.to_timedelta(pd.Series(days), unit="D")


def _lost_without(case: Case, qty: Ints, slot: int) -> Ints:
    """Return units lost per bucket of a slot's item when that slot is not ordered."""
    problem, slots = case.problem, case.problem.slots
    item = int(slots.item[slot])
    part = slice(int(slots.start[item]), int(slots.start[item + 1]))
    coming = problem.items.receipts[item].copy()
    bring = problem.brought(qty)[part]
    bring[slot - part.start] = 0
    np.add.at(coming, slots.arrival[part], bring)
    stock, lost = int(problem.items.opening[item]), []
    for come, wanted in zip(coming.tolist(), problem.items.demand[item].tolist(), strict=True):
        stock += come - wanted
        lost.append(max(-stock, 0))
        stock = max(stock, 0)
    return np.array(lost, np.int64)


def projection(facts: Facts, case: Case, qty: Ints) -> pd.DataFrame:
    """Return stock by item and bucket as planned: mean demand, receipts of old and new orders."""
    problem = case.problem
    settings = facts.scenario.settings
    horizon, unit = problem.n_periods, case.unit[:, None]
    closing, lost = problem.stock(qty)
    opening = np.concatenate([problem.items.opening[:, None], closing[:, :-1]], axis=1)
    receipts = closing - opening + problem.items.demand - lost
    rows = facts.pairs.iloc[case.pair]
    first = pd.Timestamp(settings.start_date)
    buckets = [first + pd.Timedelta(days=b * settings.bucket_days) for b in range(horizon)]

    def column(values: Ints) -> Floats:
        return (values * unit).ravel().astype(np.float64)

    return pd.DataFrame(
        {
            "site_id": np.repeat(rows["site_id"].to_numpy(object), horizon),
            "product_id": np.repeat(rows["product_id"].to_numpy(object), horizon),
            "bucket": np.tile(np.array(buckets, "datetime64[ms]"), len(rows)),
            "opening": column(opening),
            "receipts": column(receipts),
            "demand": column(problem.items.demand),
            "closing": column(closing),
        }
    )


def marginal_prices(facts: Facts, case: Case, plan: BuyersPlan) -> pd.DataFrame:
    """Return what one more unit of money, m3 or gram of a limit would save, by bucket."""
    horizon = case.problem.n_periods
    settings = facts.scenario.settings
    first = pd.Timestamp(settings.start_date)
    found = plan.price[plan.coupling.first[6] :].reshape(-1, horizon)
    rows = []
    for (kind, entity), prices in zip([*case.names.rules, *case.names.stores], found, strict=True):
        if kind not in ("budget", "storage", "co2"):
            continue
        unit = GRAMS_PER_KG if kind == "co2" else 1.0
        for bucket in np.flatnonzero(prices > SMALLEST_PRICE).tolist():
            day = first + pd.Timedelta(days=bucket * settings.bucket_days)
            rows.append((STAGE, kind, entity, day, float(prices[bucket]) / unit))
    return pd.DataFrame(rows, columns=["stage", "kind", "entity", "bucket", "price"])
