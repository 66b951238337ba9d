"""Lanes from suppliers and between sites: distances real, times and prices assumed."""

from __future__ import annotations

import numpy as np
import pandas as pd

from scenarios.importers.online_retail.countries import EUROPE, LONDON, NATIONAL
from scenarios.importers.online_retail.figures import OCEAN, TRUCK, VENDOR_CV_P25
from scenarios.importers.online_retail.suppliers import supplier_ids

# name, lat, lon, city, region
PLACES = {
    NATIONAL: ("National distribution centre", 52.26, -1.16, "Daventry", "British Isles"),
    LONDON: ("London delivery depot", 51.53, -0.25, "London", "British Isles"),
    EUROPE: ("European warehouse", 51.37, 6.17, "Venlo", "Europe"),
}
BETWEEN_SITES = (
    (NATIONAL, LONDON, 1.0),
    (LONDON, NATIONAL, 1.0),
    (NATIONAL, EUROPE, 3.0),
    (EUROPE, NATIONAL, 3.0),
)
LANE_RECOVERY_DAYS = {"sea": 14.0, "road": 3.0}
# a container of 20 feet; an articulated lorry
SEA_SHIPMENT_KG, SEA_SHIPMENT_M3 = 21_700.0, 28.0
ROAD_SHIPMENT_KG, ROAD_SHIPMENT_M3 = 24_000.0, 82.0


def build_lanes() -> pd.DataFrame:
    """Return the `lanes` table: from suppliers abroad, and between sites.

    Price: the tangent of SCMS's freight curve at a usual shipment. Transit sd: the lane's part of
    the lead-time variance (see Origin), or the lower quartile of vendors between sites.
    """
    rows: list[tuple[str, str, str, float, float]] = []
    for supplier_id, origin, _ in supplier_ids():
        if origin.transit_days is None:
            continue
        sd = origin.cv * origin.lead_days * np.sqrt(origin.transit_variance_share)
        mode = "road" if origin.region == "Europe" else "sea"
        rows += [
            (supplier_id, site, mode, origin.transit_days, round(float(sd), 2))
            for site in (NATIONAL, EUROPE)
        ]
    rows += [
        (start, end, "road", days, round(VENDOR_CV_P25 * days, 2))
        for start, end, days in BETWEEN_SITES
    ]
    frame = pd.DataFrame(
        rows,
        columns=["origin_id", "destination_id", "mode", "transit_mean_days", "transit_sd_days"],
    )
    sea = (frame["mode"] == "sea").to_numpy()
    return frame.assign(
        cost_per_shipment=np.where(sea, OCEAN.per_shipment, TRUCK.per_shipment),
        cost_per_kg=np.where(sea, OCEAN.per_kg, TRUCK.per_kg),
        shipment_kg=np.where(sea, SEA_SHIPMENT_KG, ROAD_SHIPMENT_KG),
        shipment_m3=np.where(sea, SEA_SHIPMENT_M3, ROAD_SHIPMENT_M3),
        recovery_days=frame["mode"].map(LANE_RECOVERY_DAYS),
    )
