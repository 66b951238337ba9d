"""How much of the spend hangs on each supplier, against the caps that limit it."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optimizer.replenishment.facts import Facts

SHARE = "supplier_share_pct"
KEYS = ["supplier_id", "scope"]


def supplier_dependency(facts: Facts, purchases: pd.DataFrame) -> pd.DataFrame:
    """Return supplier_dependency: each supplier's share of tonight's spend, by scope.

    Scopes are `all`, every category, and every site that a cap names. A cap is the lowest limit
    of the kind `supplier_share_pct` that holds tonight for that supplier and scope. Sole products
    are those which no other supplier offers in that scope.
    """
    caps = _caps(facts)
    offered = _scoped(
        facts, facts.offers[["supplier_id", "product_id", "site_id"]].drop_duplicates(), caps
    )
    offered = offered.drop(columns="site_id").drop_duplicates()
    sellers = offered.groupby(["scope", "product_id"])["supplier_id"].transform("size")
    table = pd.DataFrame(
        {
            "products": offered.groupby(KEYS).size().astype(np.float64),
            "sole_products": offered[sellers == 1].groupby(KEYS).size().astype(np.float64),
        }
    )
    table["spend"] = 0.0
    if len(purchases):
        lines = purchases[["supplier_id", "product_id", "site_id", "cost"]]
        spent = _scoped(facts, lines, caps).groupby(KEYS)["cost"].sum()
        table["spend"] = spent.reindex(table.index)
    table = table.fillna(0.0).reset_index()
    total = table.groupby("scope")["spend"].transform("sum")
    table["share_pct"] = (100.0 * table["spend"] / total.where(total > 0.0)).fillna(0.0)
    table["cap_pct"] = [
        _cap(caps, supplier, scope)
        for supplier, scope in zip(table["supplier_id"], table["scope"], strict=True)
    ]
    kept = (table["spend"] > 0.0) | (table["scope"] == "all") | table["cap_pct"].notna()
    columns = [*KEYS, "spend", "share_pct", "cap_pct", "products", "sole_products"]
    return table.loc[kept, columns].sort_values(
        ["scope", "share_pct", "supplier_id"],
        ascending=[True, False, True],
        kind="stable",
        ignore_index=True,
    )


def _scoped(facts: Facts, rows: pd.DataFrame, caps: pd.DataFrame) -> pd.DataFrame:
    """Return the rows once per scope that they belong to."""
    products = facts.scenario.table("products")
    named = products.dropna(subset=["category"]).set_index("product_id")["category"]
    category = ("category:" + named).reindex(rows["product_id"]).to_numpy(object)
    site = ("site:" + rows["site_id"]).where(lambda name: name.isin(set(caps["scope"])))
    parts = [
        rows.assign(scope="all"),
        rows.assign(scope=category).dropna(subset=["scope"]),
        rows.assign(scope=site.to_numpy(object)).dropna(subset=["scope"]),
    ]
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def _caps(facts: Facts) -> pd.DataFrame:
    """Return the limits on shares that hold tonight."""
    settings = facts.scenario.settings
    start = pd.Timestamp(settings.start_date)
    limits = facts.scenario.table("limits")
    limits = limits[(limits["kind"] == SHARE) & (limits["sense"] == "<=")]
    now = limits["bucket"].isna() | (
        (limits["bucket"] <= start)
        & (start < limits["bucket"] + pd.Timedelta(days=settings.bucket_days))
    )
    return limits.loc[now, ["scope", "value"]]


def _cap(caps: pd.DataFrame, supplier: str, scope: str) -> float:
    """Return the lowest cap on a supplier's share within a scope, percent; NaN: none."""
    names = {scope} | ({f"supplier:{supplier}"} if scope == "all" else set())
    return float(caps.loc[caps["scope"].isin(names), "value"].min())
