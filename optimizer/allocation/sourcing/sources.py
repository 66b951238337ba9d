"""Where parcels may leave: open sites, and suppliers that drop-ship."""

from __future__ import annotations

import numpy as np
import pandas as pd

from scenarios import Scenario
from scenarios.semantics.drop_ship import drop_ship_offers


def read_sources(scenario: Scenario) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the sources of a scenario, and what its drop-shippers offer.

    A supplier is one source per lead time: products that it hands over on different days do not
    share a parcel.

    Returns
    -------
    sources : key (unique), site_id, handling_cost_per_unit, outbound_units_per_day (NaN: no
        limit), lead_days; open sites sorted by id, then suppliers
    offers : as :func:`scenarios.semantics.drop_ship.drop_ship_offers`, with `key`
    """
    sites = scenario.filled("sites")
    sites = sites[sites["status"] == "open"].sort_values("site_id", ignore_index=True)
    columns = ["site_id", "handling_cost_per_unit", "outbound_units_per_day"]
    sources = sites[columns].assign(key=sites["site_id"], lead_days=0.0)
    offers = drop_ship_offers(scenario)
    if not len(offers):
        return sources, offers.assign(key=offers["supplier_id"])
    days = offers["lead_days"].astype(np.int64).astype("str")
    offers = offers.assign(key=offers["supplier_id"] + "\x1f" + days)
    ships = offers.drop_duplicates("key").sort_values(["supplier_id", "lead_days"])
    suppliers = pd.DataFrame(
        {
            "site_id": ships["supplier_id"],
            "handling_cost_per_unit": 0.0,
            "outbound_units_per_day": np.nan,
            "key": ships["key"],
            "lead_days": ships["lead_days"],
        }
    )
    return pd.concat([sources, suppliers], ignore_index=True), offers


def rates_of(rates: pd.DataFrame, sources: pd.DataFrame) -> pd.DataFrame:
    """Return the rates of every source: origin is its key, promise_days start when it is asked."""
    if not (sources["lead_days"] > 0.0).any() and (sources["key"] == sources["site_id"]).all():
        return rates
    names = sources[["site_id", "key", "lead_days"]].rename(columns={"site_id": "origin"})
    rows = rates.merge(names, on="origin", how="inner")
    days = np.ceil(rows["promise_days"]) + rows["lead_days"]
    return rows.assign(origin=rows["key"], promise_days=days).drop(columns=["key", "lead_days"])
