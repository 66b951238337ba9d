"""What it costs to bring tonight's load over each lane between sites, cheapest mode."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scenarios import Scenario
from scenarios.semantics.defaults import TONNE_KM_G
from scenarios.semantics.network import lane_km

Floats = NDArray[np.float64]

LANE = ["origin_id", "destination_id"]
LOAD = ["qty", "kg", "m3"]
GRAMS_PER_TONNE = 1e6


def number_lanes(
    origin: NDArray[np.object_], destination: NDArray[np.object_]
) -> tuple[NDArray[np.int64], pd.DataFrame]:
    """Return the number of each row's lane, and origin_id and destination_id of each lane."""
    number, names = pd.factorize(pd.MultiIndex.from_arrays([origin, destination], names=LANE))
    ways = pd.MultiIndex.from_tuples(list(names), names=LANE).to_frame(index=False)
    return number.astype(np.int64), ways


def add_by_lane(number: NDArray[np.int64], loads: Floats, ways: pd.DataFrame) -> pd.DataFrame:
    """Return `ways` with the qty [units], kg and m3 of all rows of each lane.

    Parameters
    ----------
    number : (n,) lane of each row; loads : (n, 3) units, kg and m3
    """
    sums = (np.bincount(number, loads[:, k], len(ways)) for k in range(len(LOAD)))
    return ways.assign(**dict(zip(LOAD, sums, strict=True)))


def unit_loads(scenario: Scenario, product_id: pd.Series) -> Floats:
    """Return units, kg and m3 of one unit of each product, (n, 3); 0 where unknown."""
    made = scenario.table("products").set_index("product_id").reindex(product_id)
    sizes = made[["weight_kg", "volume_m3"]].to_numpy(np.float64)
    return np.column_stack([np.ones(len(made)), np.nan_to_num(sizes)])


def cheapest_trips(scenario: Scenario, loads: pd.DataFrame) -> pd.DataFrame:
    """Return the cheapest mode of each lane for its load.

    Parameters
    ----------
    loads : origin_id, destination_id, qty [units], kg, m3; a row per lane

    Returns
    -------
    frame : rows as `loads`, with the columns of the mode's row of `lanes` (blank: no lane),
        `shipments`, `trip` [money, 0 without a lane] and `g_per_kg` [CO2e]; the mode is cheapest
        with what CO2e costs
    """
    ways = loads.assign(place=np.arange(len(loads)))
    ways = ways.merge(scenario.filled("lanes"), on=LANE, how="left")
    shipments = np.maximum(
        np.ceil(ways["kg"] / ways["shipment_kg"] - 1e-9).fillna(1.0),
        np.ceil(ways["m3"] / ways["shipment_m3"] - 1e-9).fillna(1.0),
    ).clip(lower=1.0)
    trip = (
        shipments * ways["cost_per_shipment"]
        + ways["kg"] * ways["cost_per_kg"]
        + ways["m3"] * ways["cost_per_m3"]
        + ways["qty"] * ways["cost_per_unit"]
    )
    grams = _g_per_kg(scenario, ways)
    ways = ways.assign(shipments=shipments, trip=trip.fillna(0.0), g_per_kg=grams)
    price = scenario.settings.co2_price_per_tonne / GRAMS_PER_TONNE
    ways["paid"] = ways["trip"] + price * ways["kg"] * ways["g_per_kg"].fillna(0.0)
    ways = ways.sort_values(["place", "paid", "transit_mean_days", "mode"], kind="stable")
    best = ways.drop_duplicates("place")
    return best.drop(columns="place").reset_index(drop=True)


def _g_per_kg(scenario: Scenario, ways: pd.DataFrame) -> Floats:
    """Return grams of CO2e per kg moved over each lane."""
    km = lane_km(scenario, ways)
    factor = ways["g_co2e_per_tkm"].fillna(ways["mode"].fillna("road").map(TONNE_KM_G))
    grams: Floats = km * factor.to_numpy(np.float64) / 1000.0
    return grams
