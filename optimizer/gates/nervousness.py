"""How much a plan differs from yesterday's, where both could have planned the same."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from optimizer.gates.evidence import Dated
from optimizer.gates.measured import Measured, missing

BUYS = ["supplier_id", "product_id", "site_id"]


def measure(name: str, today: Dated, yesterday: Dated | None, days: int | None) -> Measured:
    """Return a measure of nervousness.

    Parameters
    ----------
    name : one of :data:`optimizer.gates.spec.MEASURES`
    days : of purchases, how many days from the later start on are compared; None: all that both
        horizons hold

    Returns
    -------
    measured : without a value where a plan lacks the table or nothing can be compared
    """
    if yesterday is None:
        return missing("no plan was published before", "此前没有已发布的计划")
    if name in ("purchase_qty", "purchase_days"):
        keys = [*BUYS, "order_on"] if name == "purchase_days" else BUYS
        return _purchases(today, yesterday, days, keys)
    table = {"open_sites": "network", "order_sites": "shipments", "routes": "stops"}[name]
    lacking = [which for which in (today, yesterday) if table not in which.plan.tables]
    if lacking:
        whose = "today's" if lacking[0] is today else "yesterday's"
        zh = "今天" if lacking[0] is today else "昨天"
        return missing(f"{whose} plan has no table {table}", f"{zh}的计划没有表 {table}")
    new, old = today.plan.table(table), yesterday.plan.table(table)
    if name == "open_sites":
        return _sites(new, old)
    if name == "order_sites":
        return _order_sites(new, old)
    return _routes(new, old)


def _purchases(today: Dated, yesterday: Dated, days: int | None, keys: list[str]) -> Measured:
    first = max(today.start, yesterday.start)
    last = min(today.end, yesterday.end)
    if days is not None:
        last = min(last, first + dt.timedelta(days=days))
    if first >= last:
        return missing("the two plans share no day", "两个计划没有共同的日期")
    sums = []
    for whose, zh, dated in (("today's", "今天", today), ("yesterday's", "昨天", yesterday)):
        if "purchase_orders" not in dated.plan.tables:
            return missing(f"{whose} plan has no purchase orders", f"{zh}的计划没有采购订单")
        lines = dated.plan.table("purchase_orders")
        on = pd.to_datetime(lines["order_on"])
        inside = lines[(on >= pd.Timestamp(first)) & (on < pd.Timestamp(last))]
        sums.append(inside.groupby(keys)["qty"].sum())
    new, old = sums
    total = float(old.sum())
    changed = float(new.sub(old, fill_value=0.0).abs().sum())
    if total <= 0.0 and changed > 0.0:
        return missing(
            f"yesterday's plan orders nothing from {first} to {last - dt.timedelta(days=1)}",
            f"昨天的计划在 {first} 至 {last - dt.timedelta(days=1)} 没有采购",
        )
    value = 100.0 * changed / total if total > 0.0 else 0.0
    return Measured(
        value,
        "%",
        f"{changed:,.0f} units changed of {total:,.0f} that yesterday's plan ordered"
        f" from {first} to {last - dt.timedelta(days=1)}",
        f"{first} 至 {last - dt.timedelta(days=1)}：昨天计划采购 {total:,.0f} 件，"
        f"变动 {changed:,.0f} 件",
    )


def _sites(new: pd.DataFrame, old: pd.DataFrame) -> Measured:
    both = new.set_index("site_id")["status"].to_frame("new")
    both = both.join(old.set_index("site_id")["status"].rename("old"), how="outer").fillna("closed")
    moved = sorted(both.index[both["new"] != both["old"]])
    named = ", ".join(map(str, moved[:5])) or "none"
    return Measured(
        float(len(moved)),
        "sites",
        f"sites opened or closed against yesterday: {named}",
        f"与昨天相比开启或关闭的站点：{named if moved else '无'}",
    )


def _order_sites(new: pd.DataFrame, old: pd.DataFrame) -> Measured:
    places = [
        frame.groupby("order_id")["site_id"].agg(lambda sites: tuple(sorted(set(sites))))
        for frame in (new, old)
    ]
    both = pd.concat(places, axis=1, join="inner", keys=["new", "old"])
    if not len(both):
        return missing("no order is in both plans", "没有订单同时在两个计划中")
    moved = int((both["new"] != both["old"]).sum())
    return Measured(
        100.0 * moved / len(both),
        "%",
        f"{moved:,} of {len(both):,} orders that are in both plans ship from other sites",
        f"两个计划共有 {len(both):,} 个订单，其中 {moved:,} 个改由其他站点发货",
    )


def _routes(new: pd.DataFrame, old: pd.DataFrame) -> Measured:
    """Count stops off the route that keeps most of their route of yesterday.

    Routes have no names that last, so each of today's is paired with one of yesterday's, so that
    as many stops as possible stay; the others have moved.
    """
    from scipy.optimize import linear_sum_assignment

    sides = [
        frame[frame["order_id"].notna()].drop_duplicates("order_id").set_index("order_id")
        for frame in (new, old)
    ]
    both = pd.concat(
        [side["route_id"] for side in sides], axis=1, join="inner", keys=["new", "old"]
    )
    if not len(both):
        return missing("no stop is in both plans", "没有停靠点同时在两个计划中")
    shared = pd.crosstab(both["new"], both["old"]).to_numpy(np.float64)
    stays = float(shared[linear_sum_assignment(shared, maximize=True)].sum())
    moved = len(both) - int(stays)
    return Measured(
        100.0 * moved / len(both),
        "%",
        f"{moved:,} of {len(both):,} stops that are in both plans drive on another route",
        f"两个计划共有 {len(both):,} 个停靠点，其中 {moved:,} 个换到其他路线",
    )
