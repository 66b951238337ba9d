"""Where every column of the scenario comes from: the file, a calculation on it, or a rule."""

from __future__ import annotations

from types import MappingProxyType

from scenarios.importers.lade.figures import (
    COURIERS_PER_VAN,
    LOST_PICKUP,
    SERVICE_S,
    SHIFT_END,
    SHIFT_START,
)
from scenarios.importers.origin import Provenance, assumed, derived, real

_VEHICLE = assumed("by vehicle, see the table above")

PROVENANCE: Provenance = MappingProxyType(
    {
        "settings": {
            "name": real("name of the data set"),
            "currency": assumed("yuan"),
            "timezone": real("the cities are in China"),
            "start_date": derived("day of the earliest window; the year as given to the import"),
            "bucket": assumed("day"),
            "horizon_buckets": assumed("1"),
            "seed": assumed("as given to the import"),
        },
        "products": {
            "product_id": assumed("a size of parcel"),
            "name": assumed("a size of parcel"),
            "unit_cost": assumed("0: nothing is bought"),
            "unit_price": assumed("0: nothing is sold"),
            "weight_kg": assumed("by size, see the table above"),
            "volume_m3": assumed("by size, see the table above"),
            "unserved_penalty": assumed(f"{LOST_PICKUP:g} yuan for a promised pickup not made"),
        },
        "sites": {
            "site_id": derived("a station per region_id: the city and the region's number"),
            "kind": assumed("cross-dock"),
            "name": derived("city and region"),
            "lat": derived("of the region's most central stop: nearest to the others on average"),
            "lon": derived("of the same stop"),
            "region": real("city"),
            "status": assumed("open"),
        },
        "orders": {
            "order_id": real("order_id"),
            "kind": real("pickup"),
            "status": assumed("accepted"),
            "lat": real("lat, noised by the publisher"),
            "lon": real("lng, noised by the publisher"),
            "placed_at": real("accept_time"),
            "due_from": real("time_window_start"),
            "due_to": real("time_window_end"),
            "service_s": assumed(f"{SERVICE_S:g} seconds at the door"),
            "skills": derived("the city: its couriers do not work in another"),
        },
        "order_lines": {
            "order_id": real("order_id"),
            "line_id": assumed("1"),
            "product_id": assumed("a size, seeded by order_id"),
            "qty": real("one parcel a row"),
        },
        "vehicles": {
            "vehicle_type": assumed("tricycle, motorcycle or van"),
            "depot_id": assumed("the station; vans at the one in the middle of the city"),
            "count": derived(
                "as many tricycles and motorcycles as couriers of the region, half and half, and a"
                f" van for every {COURIERS_PER_VAN} couriers of the city"
            ),
            "capacity_kg": _VEHICLE,
            "capacity_m3": _VEHICLE,
            "shift_start": assumed(SHIFT_START),
            "shift_end": assumed(SHIFT_END),
            "max_km": _VEHICLE,
            "fixed_cost": _VEHICLE,
            "cost_per_km": _VEHICLE,
            "cost_per_hour": _VEHICLE,
            "speed_km_h": _VEHICLE,
            "g_co2e_per_km": _VEHICLE,
            "skills": derived("its city"),
        },
    }
)
