"""The table `distances` of a scenario, filled with what was measured."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scenarios.errors import InputError
from scenarios.scenario import Scenario

Floats = NDArray[np.float64]

UNREACHABLE = 99_999_999.0  # metres and seconds of a pair without a road: beyond every shift
MOST_PLACES = 2_500
PAIR = ["origin_id", "destination_id"]


def places_of(scenario: Scenario) -> pd.DataFrame:
    """Return the places between which vans drive: place_id, lon, lat, each once.

    Depots, accepted orders that have a place of their own, and the zones of the others.

    Raises
    ------
    InputError
        There are none, or more than a table of pairs can hold.
    """
    vehicles, orders = scenario.table("vehicles"), scenario.filled("orders")
    sites, zones = scenario.table("sites"), scenario.table("zones")
    ends = set(vehicles["depot_id"]) | set(vehicles["end_depot_id"].dropna())
    orders = orders[orders["status"] == "accepted"]
    own = orders["lon"].notna() & orders["lat"].notna()
    parts = [
        sites[sites["site_id"].isin(ends)].rename(columns={"site_id": "place_id"}),
        orders[own].rename(columns={"order_id": "place_id"}),
        zones[zones["zone_id"].isin(set(orders["zone_id"][~own].dropna()))].rename(
            columns={"zone_id": "place_id"}
        ),
    ]
    places = pd.concat([part[["place_id", "lon", "lat"]] for part in parts], ignore_index=True)
    places = places.dropna().drop_duplicates("place_id").reset_index(drop=True)
    if not len(places):
        raise InputError("there is no depot and no order with coordinates to measure between")
    if len(places) > MOST_PLACES:
        raise InputError(
            f"{len(places):,} places make too many pairs for a table; at most {MOST_PLACES:,}"
        )
    return places


def pairs_of(places: pd.DataFrame, metres: Floats, seconds: Floats) -> pd.DataFrame:
    """Return square matrices as rows of pairs; NaN where there is no road."""
    ids, n = places["place_id"].to_numpy(), len(places)
    rows = pd.DataFrame(
        {
            "origin_id": np.repeat(ids, n),
            "destination_id": np.tile(ids, n),
            "distance_m": metres.ravel(),
            "duration_s": seconds.ravel(),
        }
    )
    return rows[rows["origin_id"] != rows["destination_id"]].reset_index(drop=True)


def with_distances(scenario: Scenario, rows: pd.DataFrame) -> Scenario:
    """Return the scenario with measured pairs; they replace those that it has of the same pairs.

    Parameters
    ----------
    rows : origin_id, destination_id, distance_m, duration_s; NaN where there is no road, which
        becomes UNREACHABLE, as a pair that is not in the table is the great circle
    """
    rows = rows.fillna({"distance_m": UNREACHABLE, "duration_s": UNREACHABLE})
    rows = rows.assign(distance_m=rows["distance_m"].round(), duration_s=rows["duration_s"].round())
    held = scenario.table("distances")
    known = pd.MultiIndex.from_frame(held[PAIR].astype("str"))
    fresh = pd.MultiIndex.from_frame(rows[PAIR].astype("str"))
    kept = held[~known.isin(fresh)]
    tables = {name: scenario.table(name) for name in scenario.tables}
    tables["distances"] = pd.concat([kept, rows], ignore_index=True) if len(kept) else rows
    return Scenario(scenario.settings, tables, scenario.findings)
