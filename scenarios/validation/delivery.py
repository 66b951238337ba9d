"""Rules on delivery: vans, shifts, windows, parcels."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scenarios.distance import DETOUR, great_circle_m
from scenarios.validation.capacity import due_loads, third_parties
from scenarios.validation.facts import Facts
from scenarios.validation.notice import warning
from scenarios.validation.places import place_of
from scenarios.validation.times import minutes

DAY_MINUTES = 1440.0
SLACK = 1.0 + 1e-9

STOP_HEAVIER_THAN_ANY_VAN = warning(
    "stop_heavier_than_any_van",
    "An order does not fit into any van.",
    "{load} {unit} ordered, the largest van takes {most}: split the order or add a larger van",
)
LINE_HEAVIER_THAN_ANY_PARCEL = warning(
    "line_heavier_than_any_parcel",
    "An order line is heavier than any parcel may be.",
    "{load} kg to zone {zone}, the heaviest rate takes {most} kg: allow_line_split, or add a rate",
)
ZONE_WITHOUT_RATE = warning(
    "zone_without_rate",
    "An order goes to a zone that no rate reaches.",
    "carrier_rates has no row from an open site to zone {zone}: add one",
)
EMISSION_NOT_STATED = warning(
    "emission_not_stated",
    "CO2e has a price, and a rate does not say what its parcels emit.",
    "{count} rates have no g_co2e_per_parcel: they pay no CO2 price and look cheaper than those"
    " that state theirs; write it, 0 for none",
)
DEPOT_WITHOUT_VANS = warning(
    "depot_without_vans",
    "A depot has no van.",
    "{depot} {detail}: write how many vans start there",
)
VAN_AT_CLOSED_SITE = warning(
    "van_at_closed_site",
    "Vans start or end at a site that is not open.",
    "site {site} is {status}: name an open site",
)
WINDOW_MEETS_NO_SHIFT = warning(
    "window_meets_no_shift",
    "No van is on duty while an order may be delivered.",
    "the order may be delivered {window}, vans drive {shifts}: widen one of them",
)
NO_VAN_WITH_SKILLS = warning(
    "no_van_with_skills",
    "No van has all the skills that an order asks for.",
    "no van has all of {skills}: add them to a van or take them off the order",
)
STOP_BEYOND_REACH = warning(
    "stop_beyond_reach",
    "No van can drive to an order and back.",
    "{km} km from the nearest depot with vans, the farthest that a van may drive is {most} km"
    " there and back: a longer shift or max_km, a nearer depot, or a carrier",
)
HALF_A_BREAK = warning(
    "half_a_break",
    "A break has a beginning or a length, not both.",
    "write both break_after_h and break_min, or neither",
)


def check_loads(facts: Facts) -> None:
    """Every order fits into some van, where vans are what delivers."""
    if not facts.has("vehicles") or not facts.has("orders") or third_parties(facts):
        return
    vans = facts.table("vehicles")
    vans = vans[vans["count"] > 0]
    loads = due_loads(facts)
    for unit, column in (("kg", "capacity_kg"), ("m3", "capacity_m3")):
        if vans[column].isna().any() or not len(vans):
            continue
        most = float(vans[column].max())
        over = loads[loads[unit] > most * SLACK]
        if len(over):
            facts.note(
                STOP_HEAVIER_THAN_ANY_VAN,
                "orders",
                "order_id",
                over["at"].to_numpy(),
                load=over[unit].to_numpy(),
                most=most,
                unit=unit,
            )


def check_parcels(facts: Facts) -> None:
    """Every order has a rate to its zone, and every line is within a rate's weight."""
    orders = facts.table("orders")
    if not facts.has("carrier_rates") or not facts.has("orders"):
        return
    rates = facts.table("carrier_rates")
    senders = facts.known("suppliers.supplier_id").difference(facts.known("sites.site_id"))
    rates = rates[rates["origin"].isin(facts.open_sites) | rates["origin"].isin(senders)]
    most = rates.groupby("destination")["max_weight_kg"].max()
    sold = facts.units_sold("orders")
    known = orders["zone_id"].isin(facts.known("zones.zone_id"))
    lost = (sold & known & ~orders["zone_id"].isin(most.index)).to_numpy()
    if lost.any():
        zone = orders["zone_id"].array[lost]
        facts.note(ZONE_WITHOUT_RATE, "orders", "zone_id", lost, zone=zone)
    lines = facts.table("order_lines")
    weight = facts.attribute("products", "product_id", "weight_kg")
    load = lines["qty"].to_numpy() * weight.reindex(lines["product_id"]).to_numpy(np.float64)
    zone = facts.attribute("orders", "order_id", "zone_id").reindex(lines["order_id"])
    whole = facts.attribute("orders", "order_id", "allow_line_split").reindex(lines["order_id"])
    least = most.reindex(zone).to_numpy(np.float64)
    heavy = (load > least * SLACK) & ~(whole == True).fillna(False).to_numpy(bool)  # noqa: E712
    heavy &= facts.units_sold("order_lines").to_numpy()
    if heavy.any():
        facts.note(
            LINE_HEAVIER_THAN_ANY_PARCEL,
            "order_lines",
            "qty",
            heavy,
            load=load[heavy],
            most=least[heavy],
            zone=zone.array[heavy],
        )


def check_emissions(facts: Facts) -> None:
    """Where CO2e has a price, every rate says what its parcels emit."""
    if facts.settings.co2_price_per_tonne <= 0.0 or not facts.has("carrier_rates"):
        return
    blank = facts.table("carrier_rates")["g_co2e_per_parcel"].isna().to_numpy()
    if blank.any():
        first = np.arange(len(blank)) == blank.argmax()
        facts.note(
            EMISSION_NOT_STATED, "carrier_rates", "g_co2e_per_parcel", first, count=int(blank.sum())
        )


def check_depots(facts: Facts) -> None:
    """Depots have vans and are open; breaks are fully stated."""
    vans = facts.table("vehicles")
    total = vans.groupby("depot_id")["count"].transform("sum")
    bare = ((total == 0) & ~vans.duplicated("depot_id")).to_numpy()
    if bare.any():
        depot = vans["depot_id"].array[bare]
        terms = {"depot": depot, "detail": "has vans of several types, and none of any"}
        facts.note(DEPOT_WITHOUT_VANS, "vehicles", "count", bare, **terms)
    rates = facts.table("carrier_rates")
    kinds = facts.attribute("carriers", "carrier_id", "kind").reindex(rates["carrier_id"])
    fleet = vans[vans["count"] > 0]
    own = (kinds == "own").to_numpy() & facts.has("vehicles")
    served = pd.MultiIndex.from_frame(fleet[["depot_id", "carrier_id"]])
    any_own = rates["origin"].isin(fleet["depot_id"][fleet["carrier_id"].isna()]).to_numpy()
    named = pd.MultiIndex.from_frame(rates[["origin", "carrier_id"]]).isin(served)
    lone = own & ~any_own & ~named & ~rates.duplicated(["origin", "carrier_id"]).to_numpy()
    if lone.any():
        depot = rates["origin"].array[lone]
        terms = {"depot": depot, "detail": "sends parcels by its own carrier, and has no van"}
        facts.note(DEPOT_WITHOUT_VANS, "carrier_rates", "origin", lone, **terms)
    status = facts.attribute("sites", "site_id", "status")
    for column in ("depot_id", "end_depot_id"):
        at_depot = status.reindex(vans[column])
        closed = (at_depot.notna() & (at_depot != "open")).to_numpy()
        if closed.any():
            terms = {"site": vans[column].array[closed], "status": at_depot.array[closed]}
            facts.note(VAN_AT_CLOSED_SITE, "vehicles", column, closed, **terms)
    half = (vans["break_after_h"].isna() != vans["break_min"].isna()).to_numpy()
    if half.any():
        facts.note(HALF_A_BREAK, "vehicles", "break_min", half)


def check_reach(facts: Facts) -> None:
    """Every order is near enough to some depot for a van's shift and max_km, where vans deliver.

    What `distances` names, as an order or by its zone, is left to the plan.
    """
    vans = facts.filled("vehicles")
    vans = vans[(vans["count"] > 0) & (vans["speed_km_h"] > 0)]
    if not len(vans) or not facts.has("orders") or third_parties(facts):
        return
    orders = facts.table("orders")
    own = orders[["lon", "lat"]].to_numpy(np.float64)
    zone = place_of(facts, orders["zone_id"])
    place = np.where(np.isnan(own).any(axis=1)[:, None], zone, own)
    start, end = minutes(vans["shift_start"]), minutes(vans["shift_end"])
    hours = np.where(end > start, end - start, end + DAY_MINUTES - start) / 60.0
    far = np.fmin(hours * vans["speed_km_h"].to_numpy(np.float64), vans["max_km"].to_numpy(float))
    ways = np.where(vans["open_route"].fillna(False).astype(bool), 1.0, 2.0)
    elsewhere = vans["end_depot_id"].notna() & (vans["end_depot_id"] != vans["depot_id"])
    ways = np.where(elsewhere, 1.0, ways)
    depots = place_of(facts, vans["depot_id"])
    reached = np.zeros(len(orders), dtype=bool)
    nearest = np.full(len(orders), np.inf)
    for depot, most, way in dict.fromkeys(zip(map(tuple, depots), far, ways, strict=True)):
        km = DETOUR * great_circle_m(np.array(depot), place) / 1000.0
        nearest = np.fmin(nearest, km)
        reached |= ~(way * km > most * SLACK)
    measured = facts.known("distances.origin_id").union(facts.known("distances.destination_id"))
    told = orders["order_id"].isin(measured) | orders["zone_id"].isin(measured)
    lost = (facts.filled("orders")["status"] == "accepted").to_numpy() & ~told.to_numpy() & ~reached
    if lost.any():
        terms = {"km": np.rint(nearest[lost]), "most": float(np.max(far))}
        facts.note(STOP_BEYOND_REACH, "orders", "order_id", lost, **terms)


def _skills(cell: object) -> frozenset[str]:
    if not isinstance(cell, str):
        return frozenset()
    return frozenset(part.strip() for part in cell.replace("，", ",").split(",") if part.strip())


def check_windows(facts: Facts) -> None:
    """Every order may be delivered while some van is on duty, and some van has its skills."""
    vans = facts.table("vehicles")
    vans = vans[vans["count"] > 0]
    orders = facts.table("orders")
    if not len(vans) or not len(orders):
        return
    sold = (facts.filled("orders")["status"] == "accepted").to_numpy()
    has = {_skills(cell) for cell in vans["skills"].unique()}
    codes, labels = facts.codes("orders", "skills")
    for number, label in enumerate(labels):
        lacking = (codes == number) & sold
        if lacking.any() and not any(_skills(label) <= van for van in has):
            facts.note(NO_VAN_WITH_SKILLS, "orders", "skills", lacking, skills=label)
    shifts = np.unique(
        np.column_stack([minutes(vans["shift_start"]), minutes(vans["shift_end"])]), axis=0
    )
    shifts = shifts[np.isfinite(shifts).all(axis=1) & (shifts[:, 1] > shifts[:, 0])]
    if not len(shifts):
        return
    windows = _windows(facts)
    meets = _meets(windows["from"], windows["to"], shifts)
    met = windows["order_id"][meets | (windows["to"] < windows["from"]).to_numpy()]
    late = orders["late_cost_per_h"].notna()
    missed = sold & ~late.to_numpy() & ~orders["order_id"].isin(met).to_numpy()
    missed &= orders["order_id"].isin(windows["order_id"]).to_numpy()
    if missed.any():
        told = windows.drop_duplicates("order_id").set_index("order_id")
        told = told.loc[orders["order_id"].array[missed]]
        text = [
            f"{begin:%Y-%m-%d %H:%M} to {end:%m-%d %H:%M}"
            for begin, end in zip(told["from"], told["to"], strict=True)
        ]
        hours = ", ".join(f"{_clock(begin)} to {_clock(end)}" for begin, end in shifts)
        facts.note(WINDOW_MEETS_NO_SHIFT, "orders", "due_from", missed, window=text, shifts=hours)


def _windows(facts: Facts) -> pd.DataFrame:
    """Return order_id, from, to of every window that has an end; midnight ends that date."""
    several = facts.table("order_windows")[["order_id", "from", "to"]].dropna()
    orders = facts.table("orders")
    single = orders[["order_id", "due_from", "due_to"]].set_axis(["order_id", "from", "to"], axis=1)
    single = single[single["to"].notna() & ~single["order_id"].isin(several["order_id"])]
    opens = single["from"].fillna(single["to"].dt.normalize().where(single["from"].isna()))
    single = single.assign(**{"from": opens})
    windows = pd.concat([several, single], ignore_index=True)
    whole = windows["to"] == windows["to"].dt.normalize()
    windows["to"] = windows["to"].where(~whole, windows["to"] + pd.Timedelta(days=1))
    return windows


def _meets(opens: pd.Series, closes: pd.Series, shifts: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say which windows overlap a shift on their first day, the next, or their last."""
    begin = (opens - opens.dt.normalize()).dt.total_seconds().to_numpy() / 60.0
    end = begin + (closes - opens).dt.total_seconds().to_numpy() / 60.0
    met: NDArray[np.bool_] = end - begin >= 2 * DAY_MINUTES
    for day in (0.0, DAY_MINUTES, 2 * DAY_MINUTES):
        for start, stop in shifts + day:
            met |= (begin <= stop) & (end >= start)
    return met


def _clock(minute: float) -> str:
    return f"{int(minute) // 60:02d}:{int(minute) % 60:02d}"


RULES = (check_loads, check_parcels, check_emissions, check_depots, check_windows, check_reach)
