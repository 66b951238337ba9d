"""Open orders of a scenario, and how late their suppliers usually are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from scenarios import Scenario
from simulation.arrays import Places
from simulation.variates import LEAD_STEPS
from simulation.world import Batch

FEWEST_RECEIPTS = 5  # of a supplier, for its lateness to be evidence


def usual_lateness(scenario: Scenario) -> dict[str, Places]:
    """Return per supplier with at least 5 receipts (1024,) int64 days from promise to receipt.

    The days of its own receipts, early ones negative, each as likely as it was seen.
    """
    rows = scenario.table("receipts")
    days = (rows["received_on"] - rows["promised_on"]).dt.days
    rows = rows.assign(days=days)[days.notna()]
    tables = {}
    for supplier, part in rows.groupby("supplier_id", sort=True):
        seen = np.sort(part["days"].to_numpy(np.int64))
        if len(seen) >= FEWEST_RECEIPTS:
            tables[str(supplier)] = seen[np.arange(LEAD_STEPS) * len(seen) // LEAD_STEPS]
    return tables


def coming(
    scenario: Scenario, site_id: str, products: pd.Index, late: Mapping[str, Places]
) -> tuple[Batch, ...]:
    """Return open orders of a site by the day they are due; overdue ones come on the first day.

    Parameters
    ----------
    products : ids of its SKUs
    late : by supplier, what comes on top of the due day, or of the first where that has passed
    """
    rows = scenario.table("open_orders")
    rows = rows[(rows["site_id"] == site_id) & (rows["qty"] > 0)]
    rows = rows[rows["product_id"].isin(set(products))]
    days = (rows["due_on"] - pd.Timestamp(scenario.settings.start_date)).dt.days.clip(lower=0)
    known = rows["source_id"].isin(set(late))
    rows = rows.assign(tick=days.astype("int64"), source=rows["source_id"].where(known, ""))
    keys = ["tick", "source", "product_id"]
    total = rows.groupby(keys, sort=True)["qty"].sum().reset_index()
    return tuple(
        Batch(
            int(tick),
            products.get_indexer(pd.Index(part["product_id"])).astype(np.int64),
            np.rint(part["qty"].to_numpy(np.float64)).astype(np.int32),
            late.get(source),
            source,
        )
        for (tick, source), part in total.groupby(["tick", "source"], sort=True)
    )
