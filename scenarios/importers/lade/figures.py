"""What the file does not say: parcels, vehicles, money. A planner's guesses, in one place."""

from __future__ import annotations

from dataclasses import dataclass

SERVICE_S = 180.0  # at the door: find the customer, look into the parcel, print the label
LOST_PICKUP = 60.0  # yuan: a promised pickup that nobody comes for
SHIFT_START, SHIFT_END = "08:00", "21:00"
COURIERS_PER_VAN = 20  # of a city; the others ride tricycles and motorcycles


@dataclass(frozen=True, slots=True)
class Parcel:
    """A size of parcel: what one weighs and fills, and how many of a hundred are of it."""

    product_id: str
    name: str
    weight_kg: float
    volume_m3: float
    per_cent: float


PARCELS = (
    Parcel("parcel-s", "Parcel, small", 0.8, 0.004, 60.0),
    Parcel("parcel-m", "Parcel, medium", 3.0, 0.02, 30.0),
    Parcel("parcel-l", "Parcel, large", 12.0, 0.08, 9.0),
    Parcel("parcel-xl", "Parcel, bulky", 45.0, 0.35, 1.0),
)


@dataclass(frozen=True, slots=True)
class Vehicle:
    """A vehicle that couriers drive; money in yuan, per day, km and hour on duty."""

    vehicle_type: str
    capacity_kg: float
    capacity_m3: float
    max_km: float
    fixed_cost: float
    cost_per_km: float
    cost_per_hour: float
    speed_km_h: float
    g_co2e_per_km: float


MOTORCYCLE = Vehicle("e-motorcycle", 40.0, 0.25, 70.0, 15.0, 0.10, 28.0, 24.0, 15.0)
TRICYCLE = Vehicle("e-tricycle", 300.0, 1.8, 60.0, 25.0, 0.15, 28.0, 18.0, 30.0)
VAN = Vehicle("van", 900.0, 5.0, 250.0, 90.0, 0.70, 32.0, 28.0, 190.0)
