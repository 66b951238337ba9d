"""What bringing goods from suppliers emits per kg: facts for planning and referee."""

from __future__ import annotations

import numpy as np
import pandas as pd

from scenarios.scenario import Scenario
from scenarios.semantics.defaults import TONNE_KM_G
from scenarios.semantics.network import lane_km

ENDS = ["supplier_id", "site_id"]


def inbound_ways(scenario: Scenario, orders: pd.DataFrame) -> pd.DataFrame:
    """Return the modes by which each supplier's goods can come to a site, and what they emit.

    Where no lane leads from the supplier to the site they are taken to come by road, at the
    usual grams of a tonne-kilometre; so the price paid for the goods says nothing of the way.

    Parameters
    ----------
    orders : supplier_id, site_id; repeats count once

    Returns
    -------
    frame : supplier_id, site_id, mode (blank: no lane), g_per_kg (NaN: not known, since the length
        of the way is not); one row per mode, sorted by supplier, site, mode
    """
    pairs = orders[ENDS].astype("str").drop_duplicates()
    lanes = scenario.filled("lanes")
    named = pairs.merge(
        lanes[["origin_id", "destination_id", "mode", "distance_km", "g_co2e_per_tkm"]],
        left_on=ENDS,
        right_on=["origin_id", "destination_id"],
        how="left",
    )
    named["origin_id"], named["destination_id"] = named["supplier_id"], named["site_id"]
    usual = named["mode"].astype(object).where(named["mode"].notna(), "road").map(TONNE_KM_G)
    factor = named["g_co2e_per_tkm"].astype(np.float64).fillna(usual.astype(np.float64))
    km = lane_km(scenario, named)
    named["g_per_kg"] = factor.to_numpy(np.float64) * km / 1000.0
    columns = [*ENDS, "mode", "g_per_kg"]
    return named[columns].sort_values([*ENDS, "mode"], kind="stable", ignore_index=True)
