"""The scenario as later stages see it once tonight's transfers are decided."""

from __future__ import annotations

import numpy as np
import pandas as pd

from scenarios import Scenario

PAIR = ["site_id", "product_id"]


def with_transfers(scenario: Scenario, transfers: pd.DataFrame) -> Scenario:
    """Return the scenario with transfers off their origin's shelf and on order at their goal.

    Stock for all leaves before that of a channel, and of either what expires first, then what came
    first. What comes is an open order of kind `transfer`, frozen.

    Parameters
    ----------
    transfers : the plan's table; they ship at the start of the scenario
    """
    if not len(transfers):
        return scenario
    tables = {name: scenario.table(name) for name in scenario.tables}
    tables["inventory"] = _without(scenario, transfers)
    start = pd.Timestamp(scenario.settings.start_date)
    coming = pd.DataFrame(
        {
            "order_id": transfers["transfer_id"],
            "line": "1",
            "kind": "transfer",
            "source_id": transfers["origin_id"],
            "site_id": transfers["destination_id"],
            "product_id": transfers["product_id"],
            "qty": transfers["qty"].astype(np.float64),
            "ordered_on": start,
            "due_on": transfers["due_on"],
            "frozen": True,
        }
    )
    orders = tables.get("open_orders")
    tables["open_orders"] = (
        coming if orders is None else pd.concat([orders, coming], ignore_index=True)
    )
    return Scenario(scenario.settings, tables, scenario.findings, scenario.rows)


def _without(scenario: Scenario, transfers: pd.DataFrame) -> pd.DataFrame:
    """Return inventory less what leaves, lot by lot."""
    stock = scenario.filled("inventory")
    fresh = ~(stock["expires_on"] <= pd.Timestamp(scenario.settings.start_date))
    free = (stock["on_hand"] - stock["reserved"] - stock["quarantined"]).where(fresh, 0.0)
    order = stock.assign(free=free.clip(lower=0.0), special=stock["channel_id"].notna())
    order = order.sort_values(
        [*PAIR, "special", "expires_on", "received_on"], kind="stable", na_position="last"
    )
    leaves = transfers.groupby(["origin_id", "product_id"])["qty"].sum()
    asked = leaves.reindex(pd.MultiIndex.from_frame(order[PAIR])).fillna(0.0).to_numpy(np.float64)
    held = order["free"].to_numpy(np.float64)
    before = order.groupby(PAIR, sort=False)["free"].cumsum().to_numpy(np.float64) - held
    taken = pd.Series(np.clip(asked - before, 0.0, held), index=order.index)
    table = scenario.table("inventory")
    return table.assign(on_hand=table["on_hand"] - taken.reindex(table.index).to_numpy(np.float64))
