"""Blanks that are filled by a rule over other tables, each with a record of what was filled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from scenarios.scenario import Scenario

DAYS_PER_YEAR = 365.0
TONNE_KM_G = {"road": 105.0, "rail": 25.0, "sea": 10.0, "air": 800.0, "parcel": 150.0}


@dataclass(frozen=True, slots=True)
class Filled:
    """How many blanks of a column a rule filled.

    Attributes
    ----------
    rows : (n_filled,) positions in the returned frame
    """

    table: str
    column: str
    rule: str
    rows: tuple[int, ...]


def unserved_penalty(scenario: Scenario) -> pd.Series:
    """Return money per unit not shipped, by product_id.

    The product's own `unserved_penalty`, else the setting's, else its `unit_price`.
    """
    products = scenario.table("products")
    penalty = products["unserved_penalty"]
    if scenario.settings.unserved_penalty_per_unit is not None:
        penalty = penalty.fillna(scenario.settings.unserved_penalty_per_unit)
    penalty = penalty.fillna(products["unit_price"])
    return pd.Series(penalty.to_numpy(), index=pd.Index(products["product_id"]), name="penalty")


def inventory_policies(
    scenario: Scenario, pairs: pd.DataFrame | None = None
) -> tuple[pd.DataFrame, list[Filled]]:
    """Return a policy row for every product-location, costs filled by rule.

    Parameters
    ----------
    scenario : the facts
    pairs : further product-locations (columns site_id, product_id) that need a row; those that
        the table does not list get base stock, reviewed once a bucket

    Returns
    -------
    frame : `inventory_policies` with review_days, shortage_cost and holding_cost_per_unit_day
        filled; listed rows first, in their order
    filled : what was filled, by rule
    """
    listed = scenario.table("inventory_policies")
    if pairs is not None and len(pairs):
        wanted = pairs[["site_id", "product_id"]].drop_duplicates()
        new = wanted.merge(listed[["site_id", "product_id"]], how="left", indicator=True)
        new = new[new["_merge"] == "left_only"][["site_id", "product_id"]]
        added = new.assign(policy="base_stock", review_days=float(scenario.settings.bucket_days))
        frame = pd.concat([listed, added], ignore_index=True) if len(added) else listed
    else:
        frame = listed
    frame = frame.reset_index(drop=True)
    products = scenario.table("products").set_index("product_id")
    price = products["unit_price"].reindex(frame["product_id"]).to_numpy(np.float64)
    cost = products["unit_cost"].reindex(frame["product_id"]).to_numpy(np.float64)
    rate = scenario.settings.holding_rate_pct_per_year / 100.0
    rules = {
        "review_days": ("1 day", np.ones(len(frame))),
        "shortage_cost": ("unit_price - unit_cost, at least 0", np.maximum(price - cost, 0.0)),
        "holding_cost_per_unit_day": (
            "holding_rate_pct_per_year x unit_cost / 365",
            rate * cost / DAYS_PER_YEAR,
        ),
    }
    filled = []
    for column, (rule, values) in rules.items():
        blank = frame[column].isna().to_numpy()
        if blank.any():
            filled.append(
                Filled("inventory_policies", column, rule, tuple(np.flatnonzero(blank).tolist()))
            )
            frame[column] = np.where(blank, values, frame[column].to_numpy(np.float64))
    return frame, filled


def available_stock(scenario: Scenario) -> pd.DataFrame:
    """Return units free to ship per site and product: on hand less reserved and quarantined.

    Lots that have expired by the start date do not count; a negative balance counts as 0.

    Returns
    -------
    frame : site_id, product_id, qty
    """
    stock = scenario.filled("inventory")
    start = pd.Timestamp(scenario.settings.start_date)
    stock = stock[~(stock["expires_on"] <= start)]
    qty = stock["on_hand"] - stock["reserved"] - stock["quarantined"]
    lots = stock[["site_id", "product_id"]].assign(qty=qty)
    total = lots.groupby(["site_id", "product_id"], sort=False)["qty"].sum()
    return total.clip(lower=0.0).reset_index()
