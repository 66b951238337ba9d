"""Why vans drive as they do: what routes cost, and every leg, wait and minute at a stop of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd

from optimizer.explanations.facts import Facts, Row, blank, cell, constant, number, plain
from optimizer.explanations.parcels import emission, rate_of, tariff
from optimizer.explanations.record import Alternative, Cell, Explanation, Factor, Term, term, total
from optimizer.explanations.told import alternative, binding
from scenarios.distance import DETOUR, great_circle_m

VAN = ("vehicle_type", "depot_id")
ROUTE = ("route_id",)
STOP = ("route_id", "seq")
HOUR = 3600.0


def explain_routes(facts: Facts, rows: Iterable[Row]) -> list[Explanation]:
    """Explain routes: the van, the kilometres, the hours."""
    return [_route(facts, row) for row in rows]


def _route(facts: Facts, row: Row) -> Explanation:
    name = str(row["route_id"])
    van = _van(facts, row)
    hours = cell("routes", row, ROUTE, "duration_s")
    km = cell("routes", row, ROUTE, "distance_km")
    terms = [
        term("fixed", *_leaves_later(facts, name), cell("vehicles", van, VAN, "fixed_cost")),
        term("distance", km, cell("vehicles", van, VAN, "cost_per_km")),
        term("time", hours, constant("s_per_hour", HOUR, divides=True),
             cell("vehicles", van, VAN, "cost_per_hour")),
    ]  # fmt: skip
    terms += emission_of_driving(facts, km, cell("routes", row, ROUTE, "tonne_km"), van)
    for stop in facts.by("stops", "route_id").get((name,), []):
        terms += _lateness(facts, stop)
    return Explanation(
        f"routes:{name}",
        "routes",
        {
            "route_id": name,
            "vehicle_type": str(row["vehicle_type"]),
            "depot_id": str(row["depot_id"]),
            "start": plain(row["start"]),
            "end": plain(row["end"]),
            "stops": float(row["stops"]),
            "km": km.value,
            "kg": float(row["load_kg"]),
            "cost": float(row["cost"]),
        },
        (total("cost", "money", terms, cell("routes", row, ROUTE, "cost")),),
        binding(facts, f"routes:{name}"),
        (),
        _other_day(facts, name),
    )


def _other_day(facts: Facts, name: str) -> Alternative | None:
    """Return what the next-best way to drive a route costs; not driving it is the best found."""
    told = alternative(facts, f"routes:{name}", "exact")
    if told is None or told.code != "not_driven":
        return told
    facts_of_it = dict(told.facts)
    if not _any_carrier(facts) and (told.facts["given"] or told.facts["left"]):
        facts_of_it["must_drive"] = 1.0
    return replace(told, standing="heuristic", facts=facts_of_it)


def _elsewhere(facts: Facts, decision: str, row: Row) -> Alternative | None:
    """Return a stop's next-best place; whether it is one that only stops without a van may take."""
    told = alternative(facts, decision, "heuristic")
    if told is None or not told.code.startswith(("left_out", "carrier")):
        return told
    order = facts.one("orders", order_id=str(row["order_id"]))
    prized = order is not None and not blank(order["prize"])
    if prized or (told.code.startswith("carrier") and _any_carrier(facts)):
        return told
    return replace(told, facts={**told.facts, "must_drive": 1.0})


def _any_carrier(facts: Facts) -> bool:
    """Say whether the plan was free to give a stop to a carrier though a van could drive it."""
    rest = "rest" if facts.rows("shipments") else "any"
    return str(facts.plan.provenance.options.get("carriers") or rest) == "any"


def explain_stops(facts: Facts, rows: Iterable[Row]) -> list[Explanation]:
    """Explain stops: the way there, waiting, service and lateness; breaks, reloads and the end too.

    The stops of a route and the van's fixed cost add up to the cost of the route.
    """
    return [_stop(facts, row) for row in rows]


def _stop(facts: Facts, row: Row) -> Explanation:
    name, seq = str(row["route_id"]), int(row["seq"])
    route = facts.one("routes", route_id=name)
    assert route is not None
    van = _van(facts, route)
    before = facts.one("stops", route_id=name, seq=float(seq - 1)) if seq > 1 else None
    left = route["start"] if before is None else before["depart"]
    km = constant("leg_km", leg_km(facts, route, before, row, van))
    hourly = cell("vehicles", van, VAN, "cost_per_hour")
    over = constant("s_per_hour", HOUR, divides=True)

    def spent(what: str, start: pd.Timestamp, end: pd.Timestamp) -> Term:
        return term(what, constant(f"{what}_s", (end - start).total_seconds()), over, hourly)

    terms = [
        term("distance", km, cell("vehicles", van, VAN, "cost_per_km")),
        spent("driving", left, row["arrive"]),
        spent("waiting", row["arrive"], row["begin"]),
        spent("service", row["begin"], row["depart"]),
        *emission_of_driving(facts, km, cell("stops", row, STOP, "tonne_km"), van),
        *_lateness(facts, row),
    ]
    decision = f"stops:{name}/{seq}"
    subject: dict[str, Cell] = {"route_id": name, "seq": float(seq), "kind": str(row["kind"])}
    for column in ("order_id", "shipment_id", "arrive", "begin", "depart"):
        subject[column] = plain(row[column])
    return Explanation(
        decision,
        "stops",
        subject | {"km": km.value, "vehicle_type": str(route["vehicle_type"])},
        (total("cost", "money", terms),),
        binding(facts, decision),
        (),
        _elsewhere(facts, decision, row),
    )


def explain_handed_over(facts: Facts, rows: Iterable[Row]) -> list[Explanation]:
    """Explain stops that carriers take in place of a van."""
    return [_handed(facts, row) for row in rows]


def _handed(facts: Facts, row: Row) -> Explanation:
    shipment, order_id = plain(row["shipment_id"]), str(row["order_id"])
    name = str(shipment or order_id)
    order = facts.one("orders", order_id=order_id)
    assert order is not None
    if shipment:
        packed = facts.by("shipment_lines", "shipment_id")[shipment,]
    else:
        packed = facts.by("order_lines", "order_id").get((order_id,), [])
    m3 = 0.0
    for line in packed:
        made = facts.one("products", product_id=str(line["product_id"]))
        assert made is not None
        m3 += float(line["qty"]) * float(made["volume_m3"])
    kg = float(row["weight_kg"])
    rate = rate_of(facts, row, str(row["site_id"]), plain(order["zone_id"]), kg * (1.0 - 1e-6))
    key = ("order_id", "shipment_id")
    cost = cell("handed_over", row, key, "cost")
    terms = [term("tariff", cost)]
    terms += [
        term(part, cell("handed_over", row, key, f"{part}_cost")) for part in ("late", "risk")
    ]
    terms += emission(facts, cell("handed_over", row, key, "g_co2e"))
    return Explanation(
        f"handed_over:{name}",
        "handed_over",
        {
            column: plain(row[column])
            for column in (
                *key,
                "site_id",
                "carrier_id",
                "service",
                "ship_on",
                "promised_on",
                "weight_kg",
                "cost",
            )
        },
        (tariff(rate, kg, m3, cost), total("objective", "money", terms)),
        binding(facts, f"handed_over:{name}"),
        (),
        alternative(facts, f"handed_over:{name}", "heuristic"),
    )


# ---- inside ---------------------------------------------------------------------------------


def under_way(facts: Facts, route_id: str) -> bool:
    """Say whether a van was on the road when the rest of its day was planned."""
    if "rerouting" not in facts.plan.provenance.options.get("stages", ()):
        return False
    return facts.one("vehicle_states", route_id=route_id) is not None


def _leaves_later(facts: Facts, route_id: str) -> tuple[Factor, ...]:
    """Return a factor 0 for a van that is under way: what is fixed was paid in the morning."""
    return (constant("leaves_later", 0.0),) if under_way(facts, route_id) else ()


def _van(facts: Facts, route: Row) -> Row:
    van = facts.one(
        "vehicles", vehicle_type=str(route["vehicle_type"]), depot_id=str(route["depot_id"])
    )
    assert van is not None
    return van


def emission_of_driving(facts: Facts, km: Factor, tonne_km: Factor, van: Row) -> list[Term]:
    """Return what driving emits, empty and for its load, in money; nothing without a price."""
    if not facts.scenario.settings.co2_price_per_tonne:
        return []
    price = facts.setting("co2_price_per_tonne")
    over = constant("g_per_tonne", 1e6, divides=True)
    terms = [term("co2", km, cell("vehicles", van, VAN, "g_co2e_per_km"), price, over)]
    by_load = cell("vehicles", van, VAN, "g_co2e_per_tkm")
    if by_load.value:
        terms.append(term("co2_of_load", tonne_km, by_load, price, over))
    return terms


def _lateness(facts: Facts, stop: Row) -> list[Term]:
    """Return what it costs that a stop begins after its last window."""
    if blank(stop["order_id"]):
        return []
    order = facts.one("orders", order_id=str(stop["order_id"]))
    if order is None or blank(order["late_cost_per_h"]):
        return []
    ends = _last_end(facts, order)
    if ends is None or stop["begin"] <= ends:
        return []
    shipment = facts.one("shipments", shipment_id=plain(stop["shipment_id"]))
    if shipment is not None and shipment["promised_on"] >= ends:
        return []  # its lateness was paid when it was promised
    late = (stop["begin"] - ends).total_seconds() / HOUR
    hourly = cell("orders", order, ("order_id",), "late_cost_per_h")
    return [term("late", constant("hours_late", late), hourly)]


def _last_end(facts: Facts, order: Row) -> pd.Timestamp | None:
    """Return when an order's last window ends; midnight means the end of the date."""
    windows = facts.by("order_windows", "order_id").get((str(order["order_id"]),), [])
    ends = [window["to"] for window in windows] or [order["due_to"]]
    if any(blank(end) for end in ends):
        return None
    return max(end + pd.Timedelta(days=int(end == end.normalize())) for end in ends)


def leg_km(facts: Facts, route: Row, before: Row | None, row: Row, van: Row) -> float:
    """Return km from the place before a row of a route to its own, measured or great circle x 1.3.

    Ids of `distances` are sites, orders, or the order's zone where it has no place of its own.
    """
    if before is None and under_way(facts, str(route["route_id"])):
        return float(route["distance_km"]) - _later_km(facts, route, van)
    start = _place(facts, route, before, van)
    end = _place(facts, route, row, van)
    if start == end:
        return 0.0
    known = facts.one("distances", origin_id=start[0], destination_id=end[0])
    if known is not None and number(known["distance_m"], -1.0) >= 0.0:
        return round(float(known["distance_m"])) / 1000.0
    circle = float(great_circle_m(np.array(start[1]), np.array(end[1])))
    return round(DETOUR * circle) / 1000.0


def _later_km(facts: Facts, route: Row, van: Row) -> float:
    """Return km of a route after its first leg."""
    stops = facts.by("stops", "route_id").get((str(route["route_id"]),), [])
    stops = sorted(stops, key=lambda stop: float(stop["seq"]))
    legs = pairwise(stops)
    return sum(leg_km(facts, route, first, then, van) for first, then in legs)


def _place(facts: Facts, route: Row, row: Row | None, van: Row) -> tuple[str, tuple[float, float]]:
    """Return id and lon/lat of where a row of a route is."""
    kind = "reload" if row is None else str(row["kind"])
    if row is not None and kind in ("delivery", "pickup"):
        order = facts.one("orders", order_id=str(row["order_id"]))
        assert order is not None
        own = not (blank(order["lat"]) or blank(order["lon"]))
        name = str(row["order_id"]) if own or blank(order["zone_id"]) else str(order["zone_id"])
        place = order if own else facts.one("zones", zone_id=name)
        assert place is not None
        return name, (float(place["lon"]), float(place["lat"]))
    site_id = str(route["depot_id"])
    if row is not None and (kind == "break" or (kind == "end" and bool(van["open_route"]))):
        earlier = facts.one("stops", route_id=str(route["route_id"]), seq=float(row["seq"]) - 1.0)
        return _place(facts, route, earlier, van)
    if kind == "end" and not blank(van["end_depot_id"]):
        site_id = str(van["end_depot_id"])
    site = facts.one("sites", site_id=site_id)
    assert site is not None
    return site_id, (float(site["lon"]), float(site["lat"]))
