"""The products: real names and prices, derived groups, assumed costs, weights and sizes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from scenarios.importers.online_retail.categories import categories_of, figure_of
from scenarios.importers.online_retail.figures import (
    COST_SHARE_HIGH,
    COST_SHARE_LOW,
    PENALTY_OVER_PRICE,
)
from scenarios.importers.online_retail.sales import WEEK, Sales
from scenarios.importers.seeded import normals, uniforms

DORMANT_WEEKS = 26
NEW_AFTER_WEEKS = 4
NEW_WITHIN_WEEKS = 13
LARGEST_CASE = 96
ABC_EDGES = (0.80, 0.95)  # share of revenue, best sellers first
WEIGHT_SD, DENSITY_SD = 0.35, 0.25  # of the logarithm
PRICE_EXPONENT = 0.6
LIGHTEST_KG, HEAVIEST_KG = 0.005, 25.0
RETURN_DELAY_DAYS = 12.0  # where no return of the product could be matched with its sale


def build_products(sales: Sales, names: pd.Series) -> pd.DataFrame:
    """Return the `products` table, sorted by product_id.

    Parameters
    ----------
    names : commonest description by product_id
    """
    lines = sales.lines
    ids = pd.Index(sorted(lines["product_id"].unique()), name="product_id")
    by_product = lines.groupby("product_id")
    price = by_product["price"].median().reindex(ids).round(2).clip(lower=0.01).to_numpy()
    name = names.reindex(ids)
    name = name.where(name.notna(), ids.to_series())
    category = categories_of(name)
    weight = (
        figure_of(category, lambda group: group.kg_at_2_pounds)
        * (price / 2.0) ** PRICE_EXPONENT
        * np.exp(WEIGHT_SD * normals(sales.seed, "weight", ids))
    )
    weight = np.round(np.clip(weight, LIGHTEST_KG, HEAVIEST_KG), 3)
    density = figure_of(category, lambda group: group.kg_per_m3) * np.exp(
        DENSITY_SD * normals(sales.seed, "density", ids)
    )
    span = COST_SHARE_HIGH - COST_SHARE_LOW
    cost_share = COST_SHARE_LOW + span * uniforms(sales.seed, "cost", ids)
    first = by_product["day"].min().reindex(ids)
    last = by_product["day"].max().reindex(ids)
    begin = lines["day"].min()
    new = first > begin + NEW_AFTER_WEEKS * WEEK
    dormant = last < sales.start - DORMANT_WEEKS * WEEK
    revenue = (lines["units"] * lines["price"]).groupby(lines["product_id"]).sum().reindex(ids)
    young = new & (first >= sales.start - NEW_WITHIN_WEEKS * WEEK)
    like = _likes(ids, revenue, young, ~(new | dormant))
    return pd.DataFrame(
        {
            "product_id": ids,
            "name": name.to_numpy(),
            "category": category.to_numpy(),
            "unit_cost": np.round(price * cost_share, 4),
            "unit_price": price,
            "weight_kg": weight,
            "volume_m3": np.maximum(np.round(weight / density, 6), 1e-6),
            "case_qty": _cases(lines).reindex(ids).to_numpy(np.float64),
            "abc_class": _abc(revenue),
            "introduced_on": first.where(new).to_numpy(),
            "discontinued_on": (last + pd.Timedelta(days=1)).where(dormant).to_numpy(),
            "like_product_id": like,
            "unserved_penalty": np.round(PENALTY_OVER_PRICE * price, 2),
        }
    )


def _cases(lines: pd.DataFrame) -> pd.Series:
    """Return by product the commonest quantity of 2 to LARGEST_CASE that is bought, else 1."""
    packs = lines[(lines["units"] >= 2) & (lines["units"] <= LARGEST_CASE)]
    counts = packs.groupby(["product_id", "units"]).size().reset_index(name="lines")
    counts = counts.sort_values(["product_id", "lines", "units"], ascending=[True, False, True])
    cases = counts.drop_duplicates("product_id").set_index("product_id")["units"]
    return cases.reindex(sorted(lines["product_id"].unique()), fill_value=1)


def _abc(revenue: pd.Series) -> list[str]:
    """Return the class of each product by its place in the sum of revenue."""
    ordered = revenue.sort_values(ascending=False, kind="stable")
    before = (ordered.cumsum() - ordered) / ordered.sum()
    a_edge, b_edge = ABC_EDGES
    classes = np.where(before < a_edge, "A", np.where(before < b_edge, "B", "C"))
    placed: list[str] = pd.Series(classes, index=ordered.index).reindex(revenue.index).tolist()
    return placed


def _likes(
    ids: pd.Index, revenue: pd.Series, young: pd.Series, models: pd.Series
) -> list[str | None]:
    """Return for young products the best-selling older variant of the same five digits."""
    stem = ids.to_series().str.slice(0, 5)
    best = (
        revenue[models]
        .sort_values(ascending=False, kind="stable")
        .index.to_series()
        .groupby(stem[models])
        .first()
    )
    found = stem.map(best).where(young)
    return [None if pd.isna(cell) else str(cell) for cell in found]


def build_return_rates(sales: Sales, returns: pd.DataFrame, products: pd.DataFrame) -> pd.DataFrame:
    """Return the `return_rates` table: a row for each product of which something came back.

    Parameters
    ----------
    returns : code, units, delay_days (NaN: the sale was not found)
    """
    sold = sales.lines.groupby("product_id")["units"].sum()
    returns = returns[returns["code"].isin(sold.index)]
    back = returns.groupby("code")["units"].sum()
    delay = returns.groupby("code")["delay_days"].median().fillna(RETURN_DELAY_DAYS)
    rate = (back / sold.reindex(back.index)).clip(upper=1.0).round(4)
    rate = rate[rate > 0].sort_index()
    cost = products.set_index("product_id")["unit_cost"].reindex(rate.index)
    return pd.DataFrame(
        {
            "product_id": rate.index,
            "reason": "cancellation",
            "rate": rate.to_numpy(),
            "delay_days": delay.reindex(rate.index).round(1).to_numpy(),
            "disposition": "resell",
            "recovery_value": (0.8 * cost).round(4).to_numpy(),
        }
    )
