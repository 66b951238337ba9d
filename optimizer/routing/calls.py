"""Calls: what has to be delivered or fetched, on which day, within which windows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from optimizer.routing.fleet import Fleet, skill_set
from optimizer.routing.problem import (
    BACKHAUL,
    DELIVERY,
    FOREVER,
    PICKUP,
    Flags,
    Floats,
    Ints,
    Windows,
)
from scenarios import Scenario
from scenarios.semantics.defaults import unserved_penalty

DAY = np.timedelta64(1, "D")
MOST_DAYS = 400  # days of a window that are searched for a shift
USUAL_PRIORITY = 5.0  # at which the penalty of a stop counts in full
KINDS = {"delivery": DELIVERY, "pickup": PICKUP, "backhaul": BACKHAUL}


@dataclass(frozen=True, slots=True)
class Calls:
    """What is to be served, one row per parcel, or per order that is not shipped as parcels.

    Attributes
    ----------
    rows : order_id, shipment_id, site_id, carrier_id ("" where free), promised_on (NaT where
        free), kind, kg, m3, units, service_s, loss, optional, release (seconds from 1970),
        place_id, lon, lat (NaN without a place), late (its windows have passed by promise), part
        (0: all of it)
    windows : (w, 2) int64 per row, seconds from 1970, sorted; none for a broken one
    skills : what each asks of a van
    notes : what was left aside
    """

    rows: pd.DataFrame
    windows: tuple[Ints, ...]
    skills: tuple[frozenset[str], ...]
    notes: tuple[str, ...]


def read_calls(scenario: Scenario, upstream: Mapping[str, pd.DataFrame]) -> Calls:
    """Read the calls of a scenario, parcels first where the sourcing stage wrote them."""
    orders = scenario.filled("orders")
    orders = orders[orders["status"] == "accepted"].sort_values("order_id", kind="stable")
    lines = line_weights(scenario)
    notes: list[str] = []
    whole = lines.drop(columns="line_id").groupby("order_id", as_index=False).sum()
    if "shipments" in upstream:
        parcels, aside = _parcels(scenario, upstream, lines)
        if aside:
            notes.append(
                f"{aside} parcels go by carriers that have no vans, or from suppliers: not routed."
            )
        fetched = orders[orders["kind"] != "delivery"][["order_id"]]
        fetched = fetched.merge(whole, on="order_id", how="left")
        stops = pd.concat([parcels, fetched], ignore_index=True)
    else:
        stops = orders[["order_id"]].merge(whole, on="order_id", how="left")
    for column in ("shipment_id", "site_id", "carrier_id"):
        stops[column] = stops[column].fillna("") if column in stops else ""
    if "promised_on" not in stops:
        stops["promised_on"] = pd.NaT
    stops["promised_on"] = stops["promised_on"].astype("datetime64[ms]")
    measures = ["kg", "m3", "units", "unit_service_s", "penalty"]
    stops[measures] = stops[measures].astype(np.float64).fillna(0.0)
    details = ["order_id", "kind", "service_s", "skills", "prize", "release_at", "late_cost_per_h"]
    details.append("priority")
    stops = stops.merge(orders[details].merge(_places(scenario, orders), on="order_id"))
    stops = stops.sort_values(["order_id", "shipment_id"], kind="stable").reset_index(drop=True)

    by_order = _windows(scenario, orders)
    windows = [by_order[order] for order in stops["order_id"]]
    promised = stops["promised_on"].to_numpy().astype("datetime64[s]").astype(np.int64)
    known = stops["promised_on"].notna().to_numpy()
    late_allowed = stops["late_cost_per_h"].notna().to_numpy() & known
    late = [
        bool(late_allowed[k]) and len(windows[k]) > 0 and promised[k] >= windows[k][-1, 1]
        for k in range(len(stops))
    ]
    if any(late):
        notes.append(f"{sum(late)} parcels are late by promise and come at any time of their day.")
    total = stops.groupby("order_id")["units"].transform("sum")
    even = 1.0 / stops.groupby("order_id")["units"].transform("size")
    part = (stops["units"] / total.where(total > 0)).fillna(even)
    rows = stops.assign(
        loss=(stops["prize"] * part).fillna(stops["penalty"] * USUAL_PRIORITY / stops["priority"]),
        optional=stops["prize"].notna(),
        service_s=np.rint(stops["service_s"] + stops["unit_service_s"]).astype(np.int64),
        release=_seconds(stops["release_at"], first=True, blank=-FOREVER),
        late=late,
        kind=stops["kind"].map(KINDS).astype(np.int64),
        part=np.zeros(len(stops), dtype=np.int64),
    )
    skills = tuple(skill_set(cell) for cell in rows["skills"])
    return Calls(rows, tuple(windows), skills, tuple(notes))


def choose_days(
    calls: Calls,
    fleet: Fleet,
    open_to: np.ndarray[tuple[int, int], np.dtype[np.bool_]],
    start: np.datetime64,
) -> np.ndarray[tuple[int], np.dtype[np.datetime64]]:
    """Return the day on which each call is driven.

    Parameters
    ----------
    open_to : (n, m) bool, the van may come for the call (carrier and depot)
    start : first day of the plan

    Returns
    -------
    days : (n,) datetime64[D]; the first on or after the promise (else `start`) on which a window,
        from the release on, meets a shift with time for the service, or simply the first where
        none does
    """
    shifts = fleet.rows[["start_s", "end_s"]].to_numpy(np.int64)
    days = np.empty(len(calls.rows), dtype="datetime64[D]")
    promised = calls.rows["promised_on"].to_numpy().astype("datetime64[D]")
    releases = calls.rows["release"].to_numpy(np.int64)
    service = calls.rows["service_s"].to_numpy(np.int64)
    for k, windows in enumerate(calls.windows):
        first = start if np.isnat(promised[k]) else max(promised[k], start)
        days[k] = first
        mine = shifts[open_to[k]]
        if calls.rows["late"].iat[k] or not len(mine) or not len(windows):
            continue
        any_time = windows[0, 0] <= -FOREVER and windows[-1, 1] >= FOREVER
        if any_time and not np.isnat(promised[k]):
            continue  # a parcel without windows comes on the day that was promised
        begin = np.column_stack([np.maximum(windows[:, 0], releases[k]), windows[:, 1]])
        begin = begin[begin[:, 0] <= begin[:, 1]]
        offset = _first_day(begin - _day_seconds(first), mine, int(service[k]))
        days[k] = first + offset * DAY
    return days


def windows_on(windows: Ints, day: np.datetime64) -> Windows:
    """Return windows in seconds from midnight of a day, those that have passed left out."""
    shifted = np.clip(windows - _day_seconds(day), -1, FOREVER - 1)
    return tuple((max(a, 0), b) for a, b in shifted.tolist() if b >= 0)


def without_end(windows: Windows) -> Windows:
    """Return windows of which the last does not end; at any time where all have passed."""
    opens = windows[-1][0] if windows else 0
    return (*windows[:-1], (opens, FOREVER - 1))


def not_before(windows: Windows, moment: int) -> Windows:
    """Return what is left of windows from a moment on."""
    return tuple((max(opens, moment), closes) for opens, closes in windows if closes >= moment)


def line_weights(scenario: Scenario) -> pd.DataFrame:
    """Return order_id, line_id, kg, m3, units, unit_service_s, penalty of every line."""
    products = scenario.filled("products").set_index("product_id")
    lines = scenario.table("order_lines")
    at = lines["product_id"]
    qty = lines["qty"].fillna(0.0).to_numpy(np.float64)

    def times(values: pd.Series) -> Floats:
        cells: Floats = np.nan_to_num(qty * values.reindex(at).to_numpy(np.float64))
        return cells

    return pd.DataFrame(
        {
            "order_id": lines["order_id"],
            "line_id": lines["line_id"],
            "kg": times(products["weight_kg"]),
            "m3": times(products["volume_m3"]),
            "units": qty,
            "unit_service_s": times(products["service_s_per_unit"]),
            "penalty": times(unserved_penalty(scenario)),
        }
    )


# ---- inside ---------------------------------------------------------------------------------


def _first_day(windows: Ints, shifts: Ints, service_s: int) -> int:
    """Return the first day (0, 1, ...) on which a window meets a shift; 0 if there is none."""
    first_days = []
    for opens, closes in windows:
        # day d works if d x 86400 + shift start <= closes and + shift end >= opens + service
        lowest = np.maximum(-((shifts[:, 1] - opens - service_s) // 86_400), 0)
        fits = lowest * 86_400 + shifts[:, 0] <= closes
        first_days += lowest[fits].tolist()
    soonest = min(first_days, default=0)
    return int(soonest) if soonest <= MOST_DAYS else 0


def _parcels(
    scenario: Scenario, upstream: Mapping[str, pd.DataFrame], lines: pd.DataFrame
) -> tuple[pd.DataFrame, int]:
    """Return the parcels that vans carry, and how many do not leave a site with them."""
    shipments = upstream["shipments"]
    carriers = scenario.table("carriers")
    vehicles = scenario.table("vehicles")
    named = set(vehicles["carrier_id"].dropna())
    own = set(carriers["carrier_id"][carriers["kind"] == "own"])
    with_vans = named | (own if vehicles["carrier_id"].isna().any() else set())
    at_sites = shipments["site_id"].isin(set(scenario.table("sites")["site_id"]))
    chosen = shipments[shipments["carrier_id"].isin(with_vans) & at_sites]
    columns = ["shipment_id", "order_id", "site_id", "carrier_id", "promised_on"]
    inside = upstream.get("shipment_lines")
    if inside is None or not len(inside):
        totals = pd.DataFrame({"shipment_id": pd.Series(dtype="str")})
        for name in ("kg", "m3", "units", "unit_service_s", "penalty"):
            totals[name] = pd.Series(dtype=np.float64)
    else:
        merged = inside[["shipment_id", "order_id", "line_id", "qty"]].merge(
            lines, on=["order_id", "line_id"], how="left"
        )
        share = merged["qty"] / merged["units"]  # a line may come in several parcels
        for name in ("kg", "m3", "units", "unit_service_s", "penalty"):
            merged[name] = merged[name] * share
        totals = merged.groupby("shipment_id", as_index=False)[
            ["kg", "m3", "units", "unit_service_s", "penalty"]
        ].sum()
    parcels = chosen[columns].merge(totals, on="shipment_id", how="left")
    return parcels, len(shipments) - len(chosen)


def _places(scenario: Scenario, orders: pd.DataFrame) -> pd.DataFrame:
    """Return order_id, place_id, lon, lat: the order's own place, else its zone's."""
    zones = scenario.table("zones").set_index("zone_id")
    own = (orders["lon"].notna() & orders["lat"].notna()).to_numpy(bool)
    zone = orders["zone_id"]
    lon = np.where(own, orders["lon"], zones["lon"].reindex(zone).to_numpy(np.float64))
    lat = np.where(own, orders["lat"], zones["lat"].reindex(zone).to_numpy(np.float64))
    usable = usable_coordinates(lon, lat)
    return pd.DataFrame(
        {
            "order_id": orders["order_id"].to_numpy(),
            "place_id": np.where(own, orders["order_id"], zone.fillna("")),
            "own_place": own,
            "lon": np.where(usable, lon, np.nan),
            "lat": np.where(usable, lat, np.nan),
        }
    )


def usable_coordinates(
    lon: Floats,
    lat: Floats,
) -> Flags:
    """Say which coordinates are places on the earth."""
    with np.errstate(invalid="ignore"):
        good = (np.abs(lon) <= 180.0) & (np.abs(lat) <= 90.0)
    return np.asarray(good, dtype=bool)


def _windows(scenario: Scenario, orders: pd.DataFrame) -> dict[str, Ints]:
    """Return the windows of every order, seconds from 1970, merged and sorted."""
    opens = _seconds(orders["due_from"], first=True, blank=-FOREVER)
    closes = _seconds(_to_the_end(orders["due_to"]), first=False, blank=FOREVER)
    found = {
        order: np.array([[a, b]] if a <= b else [], dtype=np.int64).reshape(-1, 2)
        for order, a, b in zip(orders["order_id"], opens.tolist(), closes.tolist(), strict=True)
    }
    several = scenario.table("order_windows")
    several = several[several["order_id"].isin(found)]
    if len(several):
        several = several.assign(
            opens=_seconds(several["from"], first=True, blank=-FOREVER),
            closes=_seconds(_to_the_end(several["to"]), first=False, blank=FOREVER),
        ).sort_values(["order_id", "opens", "closes"], kind="stable")
        for order, part in several.groupby("order_id", sort=True):
            found[str(order)] = _merged(part[["opens", "closes"]].to_numpy(np.int64))
    return found


def _to_the_end(moments: pd.Series) -> pd.Series:
    """Return moments in which midnight means the end of that date."""
    at_midnight = moments.notna() & (moments.dt.normalize() == moments)
    return moments.mask(at_midnight, moments + pd.Timedelta(days=1))


def _merged(windows: Ints) -> Ints:
    """Return windows sorted and apart; those that end before they begin are left out."""
    apart: list[list[int]] = []
    for opens, closes in windows.tolist():
        if closes < opens:
            continue
        if apart and opens <= apart[-1][1]:
            apart[-1][1] = max(apart[-1][1], closes)
        else:
            apart.append([opens, closes])
    return np.array(apart, dtype=np.int64).reshape(-1, 2)


def _seconds(moments: pd.Series, *, first: bool, blank: int) -> Ints:
    """Return whole seconds from 1970, rounded into the window."""
    milli = moments.to_numpy().astype("datetime64[ms]").astype(np.int64)
    whole = -(-milli // 1000) if first else milli // 1000
    seconds: Ints = np.where(moments.isna().to_numpy(), blank, whole)
    return seconds


def _day_seconds(day: np.datetime64) -> int:
    return int(day.astype("datetime64[s]").astype(np.int64))
