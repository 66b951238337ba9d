"""Which products are bought together, from the lines of orders: facts for planning and referee."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from scenarios.scenario import Scenario
from scenarios.semantics.zones import explode_bundles

FEWEST_ORDERS = 3  # that hold both
LEAST_LIFT = 1.5
MOST_PAIRS = 5_000
MOST_LINES = 50  # of an order; longer ones say little of what goes together


@dataclass(frozen=True, slots=True)
class Baskets:
    """What orders say.

    Attributes
    ----------
    pairs : first_id, second_id, orders (that hold both), lift (orders with both over what chance
        would give); most orders first
    products : product_id (index), units, orders, apart_share (0..1, of its units: in orders with
        other products, none of which is its pair)
    """

    pairs: pd.DataFrame
    products: pd.DataFrame


def read_baskets(scenario: Scenario) -> Baskets:
    """Return pairs of products bought together often, and how units are spread over orders.

    A pair needs FEWEST_ORDERS orders and a lift of LEAST_LIFT; the MOST_PAIRS with the most orders
    are kept.

    Source: Agrawal, Imielinski and Swami (1993), Mining association rules (support); Brin et al.
    (1997), Dynamic itemset counting (lift).
    """
    lines = scenario.table("order_lines")[["order_id", "product_id", "qty"]]
    lines = explode_bundles(scenario, lines)
    lines = lines.groupby(["order_id", "product_id"], sort=True)["qty"].sum().reset_index()
    size = lines.groupby("order_id")["product_id"].transform("size").to_numpy()
    total_orders = lines["order_id"].nunique()
    each = lines.groupby("product_id", sort=True).agg(
        units=("qty", "sum"), orders=("order_id", "size")
    )
    some = lines[(size > 1) & (size <= MOST_LINES)][["order_id", "product_id"]]
    both = some.merge(some, on="order_id", suffixes=("_a", "_b"))
    both = both[both["product_id_a"] < both["product_id_b"]]
    pairs = (
        both.groupby(["product_id_a", "product_id_b"], sort=True).size().rename("orders")
    ).reset_index()
    pairs.columns = pd.Index(["first_id", "second_id", "orders"])
    chance = (
        each["orders"].reindex(pairs["first_id"]).to_numpy(np.float64)
        * each["orders"].reindex(pairs["second_id"]).to_numpy(np.float64)
        / max(total_orders, 1)
    )
    orders = pairs["orders"].to_numpy(np.float64)
    lift = np.divide(orders, chance, out=np.zeros(len(chance)), where=chance > 0.0)
    pairs = pairs.assign(lift=lift)
    pairs = pairs[(pairs["orders"] >= FEWEST_ORDERS) & (pairs["lift"] >= LEAST_LIFT)]
    pairs = pairs.sort_values(
        ["orders", "first_id", "second_id"], ascending=[False, True, True], kind="stable"
    ).head(MOST_PAIRS)
    pairs = pairs.reset_index(drop=True)
    known = both.merge(
        pairs[["first_id", "second_id"]],
        left_on=["product_id_a", "product_id_b"],
        right_on=["first_id", "second_id"],
    )
    paired = pd.concat(
        [
            known[["order_id", "first_id"]].set_axis(["order_id", "product_id"], axis=1),
            known[["order_id", "second_id"]].set_axis(["order_id", "product_id"], axis=1),
        ]
    ).drop_duplicates()
    apart = lines[size > 1].merge(paired, how="left", indicator=True)
    apart = apart[apart["_merge"] == "left_only"]
    alone = apart.groupby("product_id")["qty"].sum().reindex(each.index).fillna(0.0)
    share = np.divide(alone, each["units"], out=np.zeros(len(each)), where=each["units"] > 0.0)
    return Baskets(pairs, each.assign(apart_share=share))
