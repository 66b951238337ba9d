"""What needs a look tonight, by money at risk."""

from __future__ import annotations

import numpy as np
import pandas as pd

from optimizer.replenishment.alerting.rows import MOST_PER_CODE, Night
from optimizer.replenishment.alerting.stock import expiring, overstock, stockouts
from optimizer.replenishment.alerting.supply import (
    full_sites,
    late_orders,
    return_rates,
    supplier_risks,
)
from optimizer.replenishment.facts import Facts

CRITICAL_SHARE = 0.8  # of the money at risk of one code stands in its critical rows


def alerts(facts: Facts, night: Night) -> pd.DataFrame:
    """Return alerts, those with most money at risk first.

    `probability` is the frequency in simulated futures (stockouts, overstock, expiring lots) or
    among past receipts (late orders, suppliers), and blank where neither supports a number.
    """
    rng = np.random.Generator(np.random.Philox(key=night.seed))
    parts = [
        stockouts(facts, night, rng),
        overstock(facts, night, rng),
        expiring(facts, night, rng),
        late_orders(facts, night),
        supplier_risks(facts, night),
        return_rates(facts),
        full_sites(facts, night),
    ]
    kept = [_ranked(part) for part in parts if len(part)]
    if not kept:
        return pd.DataFrame()
    return by_money(pd.concat(kept, ignore_index=True))


def by_money(table: pd.DataFrame) -> pd.DataFrame:
    """Return alerts with those of most money at risk first."""
    return table.sort_values(
        ["value", "code", "entity"], ascending=[False, True, True], kind="stable", ignore_index=True
    )


def _ranked(part: pd.DataFrame) -> pd.DataFrame:
    """Keep the largest of one code, and call critical those that hold most of the money."""
    part = part.sort_values(["value", "entity"], ascending=[False, True], kind="stable")
    before = part["value"].cumsum() - part["value"]
    critical = before < CRITICAL_SHARE * part["value"].sum()
    return part.assign(
        severity=np.where(critical & (part["value"] > 0.0), "critical", "warning")
    ).head(MOST_PER_CODE)
