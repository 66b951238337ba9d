"""The facts of the day's stops and roads, as the referee reads them; no engine is seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from scenarios import Scenario
from scenarios.distance import DETOUR, great_circle_m
from scenarios.semantics.defaults import unserved_penalty


@dataclass(frozen=True, slots=True)
class Load:
    """What one stop brings or fetches: units, kg, m3, seconds to unload, money if left out."""

    units: float
    kg: float
    m3: float
    unload_s: float
    penalty: float


NOTHING = Load(0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Stop:
    """What one stop asks for.

    Attributes
    ----------
    key : shipment_id, or order_id where sourcing did not run
    site_id, carrier_id : which vans may make it; None for any
    kind : delivery, pickup or backhaul
    windows : moments [from, to]; no window: any time
    penalty : money for leaving it out
    zone_id, placed_at, due_on, late_per_h : what a carrier is held to; due_on is the date on
        which the last window ends, None without one
    promised : first day on which it may be made; without windows the only one; None for any
    """

    key: str
    order_id: str
    site_id: str | None
    carrier_id: str | None
    kind: str
    load: Load
    service_s: float
    lonlat: tuple[float, float]
    place: str
    skills: frozenset[str]
    windows: tuple[tuple[pd.Timestamp, pd.Timestamp], ...]
    penalty: float
    promised: pd.Timestamp | None
    release: pd.Timestamp | None
    zone_id: str | None
    placed_at: pd.Timestamp
    due_on: pd.Timestamp | None
    late_per_h: float


def read_stops(scenario: Scenario, tables: Mapping[str, pd.DataFrame]) -> dict[str, Stop]:
    """Return every stop that vans should make, by shipment_id or order_id."""
    orders = scenario.filled("orders")
    orders = orders[orders["status"] == "accepted"].set_index("order_id", drop=False)
    parcels = tables.get("shipments")
    rows: list[tuple[str, str, str | None, str | None, pd.Timestamp | None]] = []
    lines = scenario.table("order_lines").rename(columns={"order_id": "key"})
    fetched = orders
    if parcels is not None:
        fetched = orders[orders["kind"] != "delivery"]
        parcels = parcels[parcels["carrier_id"].isin(_fleet_carriers(scenario))]
        parcels = parcels[parcels["site_id"].isin(set(scenario.table("sites")["site_id"]))]
        packed = tables["shipment_lines"].rename(columns={"shipment_id": "key"})
        columns = ["key", "product_id", "qty"]
        lines = pd.concat([packed[columns], lines[columns]], ignore_index=True)
        rows = [
            (p.shipment_id, p.order_id, p.site_id, p.carrier_id, p.promised_on)
            for p in parcels.itertuples()
        ]
    rows += [(order, order, None, None, None) for order in fetched["order_id"]]
    load = loads_of(scenario, lines)
    windows = _windows(scenario, orders)
    zones = scenario.table("zones").set_index("zone_id")
    units: dict[str, float] = {}
    for key, order_id, *_ in rows:
        units[order_id] = units.get(order_id, 0.0) + load.get(key, NOTHING).units
    stops = {}
    for key, order_id, site, carrier, day in rows:
        order = orders.loc[order_id]
        own = load.get(key, NOTHING)
        own_place = not np.isnan([order["lon"], order["lat"]]).any()
        zone = order["zone_id"]
        place = order if own_place or zone not in zones.index else zones.loc[zone]
        promised = None if day is None else pd.Timestamp(day).normalize()
        allowed = windows.get(order_id, ())
        pays = not np.isnan(float(order["late_cost_per_h"]))
        ends = max((w[1] for w in allowed), default=pd.Timestamp.max)
        open_ended = ends == pd.Timestamp.max
        due = None if open_ended else (ends - pd.Timedelta(seconds=1)).normalize()
        if promised is not None and allowed and pays and promised >= ends:
            allowed = ()
        share = own.units / units[order_id] if units[order_id] else 1.0
        prize = float(order["prize"])
        release = order["release_at"]
        stops[key] = Stop(
            key=key,
            order_id=order_id,
            site_id=site,
            carrier_id=carrier,
            kind=str(order["kind"]),
            load=own,
            service_s=float(np.rint(float(order["service_s"]) + own.unload_s)),
            lonlat=(float(place["lon"]), float(place["lat"])),
            place=order_id if own_place or not isinstance(zone, str) else zone,
            skills=skills_of(order["skills"]),
            windows=allowed,
            penalty=own.penalty * 5.0 / float(order["priority"])
            if np.isnan(prize)
            else prize * share,
            promised=promised,
            release=None if pd.isna(release) else pd.Timestamp(release),
            zone_id=zone if isinstance(zone, str) else None,
            placed_at=pd.Timestamp(order["placed_at"]),
            due_on=due,
            late_per_h=float(order["late_cost_per_h"]),
        )
    return stops


def read_loads(scenario: Scenario) -> dict[str, Load]:
    """Return what every order asks for, cancelled ones too."""
    return loads_of(scenario, scenario.table("order_lines").rename(columns={"order_id": "key"}))


def skills_of(cell: object) -> frozenset[str]:
    """Read a cell such as "cold, lift" into a set of skills."""
    if not isinstance(cell, str):
        return frozenset()
    return frozenset(part.strip() for part in cell.replace("，", ",").split(",") if part.strip())


def loads_of(scenario: Scenario, lines: pd.DataFrame) -> dict[str, Load]:
    """Return what each stop's lines weigh, fill, take to unload and cost if left out."""
    products = scenario.filled("products").set_index("product_id")
    facts = products.reindex(lines["product_id"])
    qty = lines["qty"].to_numpy(np.float64)
    frame = pd.DataFrame(
        {
            "key": lines["key"].to_numpy(object),
            "units": qty,
            "kg": qty * facts["weight_kg"].to_numpy(np.float64),
            "m3": qty * facts["volume_m3"].to_numpy(np.float64),
            "s": qty * facts["service_s_per_unit"].to_numpy(np.float64),
            "penalty": qty * unserved_penalty(scenario).reindex(lines["product_id"]).to_numpy(),
        }
    )
    total = frame.groupby("key", sort=False).sum()
    return {str(row[0]): Load(*row[1:]) for row in total.itertuples(name=None)}


def _fleet_carriers(scenario: Scenario) -> list[str]:
    """Return the carriers whose parcels the vans of `vehicles` deliver."""
    vehicles, carriers = scenario.table("vehicles"), scenario.table("carriers")
    named = set(vehicles["carrier_id"].dropna())
    if vehicles["carrier_id"].isna().any():
        named |= set(carriers.loc[carriers["kind"] == "own", "carrier_id"])
    return sorted(named)


def _windows(
    scenario: Scenario, orders: pd.DataFrame
) -> dict[str, tuple[tuple[pd.Timestamp, pd.Timestamp], ...]]:
    """Return the windows of each order; midnight at the end means the end of that date."""
    several = scenario.table("order_windows")
    found: dict[str, list[tuple[pd.Timestamp, pd.Timestamp]]] = {}
    for order, opens, closes in zip(
        several["order_id"], several["from"], several["to"], strict=True
    ):
        found.setdefault(order, []).append((opens, _end(closes)))
    for order, opens, closes in zip(
        orders["order_id"], orders["due_from"], orders["due_to"], strict=True
    ):
        if order not in found and not (pd.isna(opens) and pd.isna(closes)):
            first = pd.Timestamp.min if pd.isna(opens) else opens
            last = pd.Timestamp.max if pd.isna(closes) else _end(closes)
            found[order] = [(first, last)]
    return {order: tuple(windows) for order, windows in found.items()}


def _end(moment: pd.Timestamp) -> pd.Timestamp:
    return moment + pd.Timedelta(days=1) if moment == moment.normalize() else moment


class Roads:
    """Metres and seconds between places: measured where the scenario says, else great circle."""

    def __init__(self, scenario: Scenario) -> None:
        sites = scenario.table("sites")
        self.depots = {
            site: (float(lon), float(lat))
            for site, lon, lat in zip(sites["site_id"], sites["lon"], sites["lat"], strict=True)
        }
        carriers = scenario.table("carriers")
        self.carrier_kind = dict(zip(carriers["carrier_id"], carriers["kind"], strict=True))
        rows = scenario.table("distances")
        usable = (rows["distance_m"] >= 0.0) & (rows["duration_s"] >= 0.0)
        rows = rows[usable & np.isfinite(rows[["distance_m", "duration_s"]]).all(axis=1)]
        self._measured = {
            (a, b): (round(float(m)), round(float(s)))
            for a, b, m, s in zip(
                rows["origin_id"], rows["destination_id"], rows["distance_m"], rows["duration_s"],
                strict=True,
            )
        }  # fmt: skip

    def leg(
        self,
        start: tuple[str, tuple[float, float]],
        end: tuple[str, tuple[float, float]],
        speed_km_h: float,
    ) -> tuple[float, float]:
        """Return metres and seconds from one place (name, lon/lat) to another."""
        known = self._measured.get((start[0], end[0]))
        if known is not None:
            return known
        straight = float(great_circle_m(np.array(start[1]), np.array(end[1])))
        metres = DETOUR * straight
        return float(np.rint(metres)), float(np.rint(metres / (speed_km_h / 3.6)))
