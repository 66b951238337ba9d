"""Why parcels leave from where they do, by whom, and why order lines and demand are left."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pandas as pd

from optimizer.explanations.facts import Facts, Row, blank, cell, constant, number, plain
from optimizer.explanations.prices import prices_of
from optimizer.explanations.record import Alternative, Explanation, Factor, Sum, Term, term, total
from optimizer.explanations.told import alternative, binding
from scenarios.semantics.co2_limits import co2_limits

RATE = ("carrier_id", "service", "origin", "destination", "max_weight_kg")
ORDER = ("order_id",)
DAY = pd.Timedelta(days=1)


def explain_shipments(facts: Facts, rows: Iterable[Row]) -> list[Explanation]:
    """Explain parcels: their price, what the decision costs in all, the next-best source."""
    return [_parcel(facts, row) for row in rows]


def _parcel(facts: Facts, row: Row) -> Explanation:
    name = str(row["shipment_id"])
    key = (("shipment_id", name),)
    order = facts.one("orders", order_id=str(row["order_id"]))
    assert order is not None
    packed = facts.by("shipment_lines", "shipment_id")[name,]
    units, kg, m3, handling = _content(facts, packed, str(row["site_id"]))
    rate = rate_of(facts, row, str(row["site_id"]), plain(order["zone_id"]), kg)
    cost = Factor("cost", float(row["cost"]), "shipments", key, "cost")
    priced = tariff(rate, kg, m3, cost)
    terms = [term("parcel", cost), *handling]
    late = _hours_late(row, order)
    if late > 0.0:
        hourly = cell("orders", order, ORDER, "late_cost_per_h")
        terms.append(term("late", constant("hours_late", late), hourly))
    terms += emission(facts, cell("carrier_rates", rate, RATE, "g_co2e_per_parcel"))
    worth = _stock_value(facts, row, packed)
    own = sum(part.value for part in terms)
    risk = _risk(facts, row, order, packed, (kg, m3), own, worth)
    terms += risk + worth
    other = alternative(facts, f"shipments:{name}", "bound")
    if other is None and f"shipments:{name}" in facts.told:
        other = _stays(facts, order, packed, terms)
    return Explanation(
        f"shipments:{name}",
        "shipments",
        {
            "shipment_id": name,
            "order_id": str(row["order_id"]),
            "site_id": str(row["site_id"]),
            "carrier_id": str(row["carrier_id"]),
            "service": str(row["service"]),
            "ship_on": plain(row["ship_on"]),
            "promised_on": plain(row["promised_on"]),
            "units": units,
            "kg": float(row["weight_kg"]),
            "cost": cost.value,
        },
        (priced, total("objective", "money", terms)),
        binding(facts, f"shipments:{name}"),
        prices_of(facts, "sourcing", _uses(facts, row, order, packed)),
        other,
    )


def _stays(facts: Facts, order: Row, packed: list[Row], terms: list[Term]) -> Alternative:
    """Return what it costs more to leave a parcel that no other site could send."""
    penalty = [
        term(
            "unserved",
            cell("shipment_lines", line, ("shipment_id", "order_id", "line_id"), "qty"),
            facts.penalty_factor(str(line["product_id"])),
            *urgency(facts, order),
        )
        for line in packed
    ]
    own = sum(part.value for part in terms)
    added = (*penalty, Term("parcel_saved", -own))
    return Alternative("stays", {}, sum(part.value for part in added), "exact", added)


def tariff(rate: Row, kg: float, m3: float, stated: Factor) -> Sum:
    """Return the price of a parcel on a rate, as base and weight."""
    base = term("base", cell("carrier_rates", rate, RATE, "base"))
    charged = constant("charged_kg", charged_kg(rate, kg, m3))
    weight = term("weight", charged, cell("carrier_rates", rate, RATE, "per_kg"))
    return total("cost", "money", [base, weight], stated)


def charged_kg(rate: Row, kg: float, m3: float) -> float:
    """Return the kg that a rate charges: the larger of weight and volume, less what is included."""
    beyond = max(
        max(kg, number(rate["volumetric_kg_per_m3"]) * m3) - number(rate["included_kg"]), 0.0
    )
    step = rate["step_kg"]
    return beyond if blank(step) else math.ceil(beyond / float(step) - 1e-9) * float(step)


def rate_of(facts: Facts, row: Row, origin: str, zone: object, kg: float) -> Row:
    """Return the lowest class of a carrier's service that holds the weight."""
    held = facts.by("carrier_rates", *RATE[:4])
    key = (str(row["carrier_id"]), str(row["service"]), origin, str(zone))
    fits = [rate for rate in held[key] if float(rate["max_weight_kg"]) >= kg - 1e-9]
    return min(fits, key=lambda rate: float(rate["max_weight_kg"]))


def emission(facts: Facts, grams: Factor) -> list[Term]:
    """Return what an emission costs; nothing without a price."""
    if not facts.scenario.settings.co2_price_per_tonne:
        return []
    price = facts.setting("co2_price_per_tonne")
    return [term("co2", grams, price, constant("g_per_tonne", 1e6, divides=True))]


def _content(
    facts: Facts, packed: list[Row], site_id: str
) -> tuple[float, float, float, list[Term]]:
    """Return units, kg, m3 of a parcel, and its handling line by line."""
    site = facts.one("sites", site_id=site_id)
    units = kg = m3 = 0.0
    terms = []
    for line in packed:
        qty = float(line["qty"])
        made = facts.one("products", product_id=str(line["product_id"]))
        assert made is not None
        units, kg, m3 = (
            units + qty, kg + qty * float(made["weight_kg"]), m3 + qty * float(made["volume_m3"])
        )  # fmt: skip
        if site is not None:  # suppliers have no handling
            terms.append(
                term(
                    "handling",
                    cell("shipment_lines", line, ("shipment_id", "order_id", "line_id"), "qty"),
                    cell("sites", site, ("site_id",), "handling_cost_per_unit"),
                )
            )
    return units, kg, m3, terms


def _hours_late(row: Row, order: Row) -> float:
    """Return the hours that a parcel is late, in whole days after its order is due."""
    if blank(order["due_to"]) or blank(order["late_cost_per_h"]):
        return 0.0
    days = (row["promised_on"] - order["due_to"].normalize()) / DAY
    return 24.0 * max(0.0, float(days))


def _stock_value(facts: Facts, row: Row, packed: list[Row]) -> list[Term]:
    """Return what the goods cost, where the plan was asked to count it."""
    if str(facts.plan.provenance.options.get("stock_value", "")).lower() != "yes":
        return []
    worth = 0.0
    for line in packed:
        for product_id, each in components(facts, str(line["product_id"])).items():
            worth += float(line["qty"]) * each * _unit_cost(facts, str(row["site_id"]), product_id)
    return [Term("stock_value", worth)]


def components(facts: Facts, product_id: str) -> dict[str, float]:
    """Return units of products in one unit of a product; itself unless it is a bundle."""
    parts = facts.by("product_components", "bundle_id").get((product_id,))
    if not parts:
        return {product_id: 1.0}
    found: dict[str, float] = {}
    for part in parts:
        for name, qty in components(facts, str(part["component_id"])).items():
            found[name] = found.get(name, 0.0) + qty * float(part["qty"])
    return found


def _unit_cost(facts: Facts, origin: str, product_id: str) -> float:
    offer = facts.drop_ship.get((origin, product_id))
    if offer is not None:
        return float(offer["unit_cost"])
    made = facts.one("products", product_id=product_id)
    assert made is not None
    return float(made["unit_cost"])


def _risk(
    facts: Facts,
    row: Row,
    order: Row,
    packed: list[Row],
    load: tuple[float, float],
    own: float,
    worth: list[Term],
) -> list[Term]:
    """Return what the chance costs that the carrier declines the parcel."""
    carrier = facts.one("carriers", carrier_id=str(row["carrier_id"]))
    if carrier is None or number(carrier["acceptance_probability"], 1.0) >= 1.0:
        return []
    accepts = cell("carriers", carrier, ("carrier_id",), "acceptance_probability")
    urgency = 5.0 / number(order["priority"], 5.0)
    stay = sum(
        float(line["qty"]) * facts.penalty[str(line["product_id"])] * urgency for line in packed
    )
    least = stay - sum(part.value for part in worth)
    handling = own  # money of the parcel itself: tariff, lateness, CO2e
    handling -= sum(part.value for part in _content(facts, packed, str(row["site_id"]))[3])
    for rate in _safe_rates(facts, str(row["site_id"]), plain(order["zone_id"]), load[0]):
        asked = _asked(facts, rate, row, order, packed, load)
        least = least if asked is None else min(least, asked)
    dearer = max(0.0, least - handling)
    declines = constant("chance_to_decline", 1.0 - accepts.value)
    return [term("risk", declines, constant("fallback_costs_more", dearer))]


def _safe_rates(facts: Facts, origin: str, zone: object, kg: float) -> list[Row]:
    """Return the rates from a site to a zone of carriers that take every parcel, one a service."""
    best: dict[tuple[str, str], Row] = {}
    for rate in facts.by("carrier_rates", "origin", "destination").get((origin, str(zone)), []):
        carrier = facts.one("carriers", carrier_id=str(rate["carrier_id"]))
        sure = carrier is None or number(carrier["acceptance_probability"], 1.0) >= 1.0
        if not sure or float(rate["max_weight_kg"]) < kg - 1e-9:
            continue
        key = (str(rate["carrier_id"]), str(rate["service"]))
        if key not in best or rate["max_weight_kg"] < best[key]["max_weight_kg"]:
            best[key] = rate
    return list(best.values())


def _asked(
    facts: Facts,
    rate: Row,
    row: Row,
    order: Row,
    packed: list[Row],
    load: tuple[float, float],
) -> float | None:
    """Return what a parcel costs on a rate, lateness and CO2e included; None: too late."""
    money = float(rate["base"]) + number(rate["per_kg"]) * charged_kg(rate, *load)
    money += number(rate["g_co2e_per_parcel"]) / 1e6 * facts.scenario.settings.co2_price_per_tonne
    if blank(order["due_to"]):
        return money
    day = facts.start
    if not blank(order["release_at"]):
        day = max(day, order["release_at"].normalize())
    moments = [order[name] for name in ("release_at", "placed_at") if not blank(order[name])]
    missed = (
        bool(moments)
        and not blank(rate["cutoff_time"])
        and max(moments) > day + pd.Timedelta(_clock(str(rate["cutoff_time"])))
    )
    lead = lead_days(facts, str(row["site_id"]), packed)
    arrives = day + DAY * (lead + math.ceil(float(rate["promise_days"])) + int(missed))
    over = max(0.0, (arrives - order["due_to"].normalize()) / DAY)
    if over > 0.0 and blank(order["late_cost_per_h"]):
        return None
    return float(money + over * 24.0 * number(order["late_cost_per_h"]))


def lead_days(facts: Facts, origin: str, packed: list[Row]) -> float:
    """Return days until a supplier hands a parcel over; 0 for sites."""
    names = {name for line in packed for name in components(facts, str(line["product_id"]))}
    offers = [facts.drop_ship.get((origin, name)) for name in names]
    return max((float(offer["lead_days"]) for offer in offers if offer is not None), default=0.0)


def _clock(text: str) -> str:
    return text if text.count(":") == 2 else f"{text}:00"


def _uses(
    facts: Facts, row: Row, order: Row, packed: list[Row]
) -> dict[tuple[str, str, str], float]:
    """Return what a parcel takes of limits that have prices: kind, entity, product -> units."""
    site = str(row["site_id"])
    units: dict[tuple[str, str, str], float] = {("dock", site, ""): 0.0}
    for line in packed:
        qty = float(line["qty"])
        units["dock", site, ""] += qty
        at = ("stock", site, str(line["product_id"]))
        units[at] = units.get(at, 0.0) + qty
    units["van", str(row["carrier_id"]), ""] = 1.0
    limits, _ = co2_limits(facts.scenario, "sourcing")
    ready = facts.start
    if not blank(order["release_at"]):
        ready = max(ready, order["release_at"].normalize())
    for limit in limits:
        inside = limit.first is None or limit.behind is None or limit.first <= ready < limit.behind
        if inside and limit.name in ("", site):
            units["co2", limit.limit_id, ""] = number(row["g_co2e"])
    return units


# ---- what is not served --------------------------------------------------------------------


def explain_unserved(facts: Facts, rows: Iterable[Row]) -> list[Explanation]:
    """Explain order lines, stops and demand that are not served: code, proof, what would help."""
    return [_left(facts, row) for row in rows]


def _left(facts: Facts, row: Row) -> Explanation:
    kind, name = str(row["kind"]), str(row["id"])
    key = (("kind", kind), ("id", name))
    qty = Factor("qty", float(row["qty"]), "unserved", key, "qty")
    sums = {"order_line": _left_line, "stop": _left_stop, "demand": _left_demand}[kind]
    rule: dict[str, str | float] = {"rule": str(row["code"]), "proof": str(row["proof"])}
    if not blank(row["detail"]):
        rule["detail"] = str(row["detail"])
    if not blank(row["cheapest_relaxation"]):
        rule["what_helps"] = str(row["cheapest_relaxation"])
    decision = f"unserved:{kind}/{name}"
    way = alternative(facts, decision, "heuristic")
    if way is None and "what_helps" in rule:
        way = Alternative("served", {}, float("nan"), "heuristic")
    return Explanation(
        decision,
        "unserved",
        {"kind": kind, "id": name, "qty": qty.value, "code": str(row["code"])},
        tuple(sums(facts, name, qty)),
        rule,
        (),
        way,
    )


def urgency(facts: Facts, order: Row) -> tuple[Factor, ...]:
    """Return by what the penalty of an order's lines is multiplied: 5 / priority."""
    priority = cell("orders", order, ORDER, "priority")
    return (
        constant("usual_priority", 5.0),
        Factor("priority", priority.value, priority.table, priority.key, "priority", divides=True),
    )


def _left_line(facts: Facts, name: str, qty: Factor) -> list[Sum]:
    line = next(
        row
        for at in range(1, name.count("/") + 1)
        if (row := facts.one("order_lines", order_id=_cut(name, at)[0], line_id=_cut(name, at)[1]))
    )
    order = facts.one("orders", order_id=str(line["order_id"]))
    assert order is not None
    penalty = facts.penalty_factor(str(line["product_id"]))
    return [total("objective", "money", [term("unserved", qty, penalty, *urgency(facts, order))])]


def _cut(name: str, at: int) -> tuple[str, str]:
    """Return an id order_id/line_id cut at one of its slashes."""
    parts = name.split("/")
    return "/".join(parts[:at]), "/".join(parts[at:])


def _left_stop(facts: Facts, name: str, qty: Factor) -> list[Sum]:
    order = facts.one("orders", order_id=name)
    assert order is not None
    if not blank(order["prize"]):
        served = facts.by("stops", "order_id").get((name,), [])
        if not served:
            return [
                total("objective", "money", [term("prize", cell("orders", order, ORDER, "prize"))])
            ]
    lines = facts.by("order_lines", "order_id").get((name,), [])
    terms = [
        term(
            "unserved",
            cell("order_lines", line, ("order_id", "line_id"), "qty"),
            facts.penalty_factor(str(line["product_id"])),
            *urgency(facts, order),
        )
        for line in lines
    ]
    units = [
        term("line", cell("order_lines", line, ("order_id", "line_id"), "qty")) for line in lines
    ]
    return [total("quantity", "units", units, qty), total("objective", "money", terms)]


def _left_demand(facts: Facts, name: str, qty: Factor) -> list[Sum]:
    product_id = name.split("@", 1)[0]
    return [total("objective", "money", [term("unserved", qty, facts.penalty_factor(product_id))])]
