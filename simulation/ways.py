"""Ways between places: how far they are, what they emit, and which connect sites of one echelon."""

from __future__ import annotations

import numpy as np
import pandas as pd

from scenarios import Scenario
from scenarios.distance import DETOUR, great_circle_m
from simulation.sources import PAIR, TERMS, Sources, transits

METRES = 1000.0  # in a km
KILOGRAMS = 1000.0  # in a tonne


class Kilometres:
    """How far places are apart: as the lane says, `distances`, or great circle x detour."""

    def __init__(self, scenario: Scenario) -> None:
        known = scenario.table("distances").set_index(["origin_id", "destination_id"])
        self.known = known["distance_m"].to_dict()
        sites = scenario.table("sites").rename(columns={"site_id": "id"})
        suppliers = scenario.table("suppliers").rename(columns={"supplier_id": "id"})
        places = pd.concat([sites, suppliers], ignore_index=True).drop_duplicates("id")
        self.places = places.set_index("id")[["lon", "lat"]].astype("float64")

    def between(self, way: pd.Series) -> float:
        """Return the km of a row of `lanes`; not a number where nothing tells."""
        if pd.notna(way["distance_km"]):
            return float(way["distance_km"])
        ends = (way["origin_id"], way["destination_id"])
        if ends in self.known:
            return float(self.known[ends]) / METRES
        points = self.places.reindex(list(ends)).to_numpy(np.float64)
        return float(great_circle_m(points[0], points[1])) * DETOUR / METRES

    def grams_per_kg(self, way: pd.Series) -> float:
        """Return g CO2e per kg over a row of `lanes`; 0 where its length is not known."""
        grams = float(way["g_co2e_per_tkm"]) * self.between(way) / KILOGRAMS
        return grams if np.isfinite(grams) else 0.0


def lateral_travels(scenario: Scenario, sources: Sources) -> pd.DataFrame:
    """Return a row per lane between sites of one echelon and product that both hold.

    Returns
    -------
    frame : site_id, product_id, source_id, from_site, lateral, mode; TERMS, share, rank blank
    """
    held = sources.pairs[PAIR]
    ways = transits(scenario)[["origin_id", "destination_id"]].drop_duplicates()
    levels = ways.apply(lambda ends: ends.map(sources.depth))
    ways = ways[(levels["origin_id"] == levels["destination_id"]).to_numpy()]
    both = held.merge(ways, left_on="site_id", right_on="destination_id")
    both = both.rename(columns={"origin_id": "source_id"})[[*PAIR, "source_id"]]
    both = both.merge(held.rename(columns={"site_id": "source_id"}), on=["source_id", "product_id"])
    both = both[both["source_id"] != both["site_id"]].reset_index(drop=True)
    blank = dict.fromkeys([*TERMS, "share", "rank"], np.nan)
    return both.assign(from_site=True, fed=False, lateral=True, mode="", **blank)
