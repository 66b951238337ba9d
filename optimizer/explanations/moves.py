"""Why stock moves between sites, which sites are open, and what flows through the network."""

from __future__ import annotations

import math
from collections.abc import Iterable

from optimizer.explanations.facts import Facts, Row, blank, cell, constant, number, plain
from optimizer.explanations.parcels import emission
from optimizer.explanations.prices import prices_of
from optimizer.explanations.record import Cell, Explanation, Factor, Sum, Term, term, total
from optimizer.explanations.told import alternative, binding
from scenarios.semantics.co2_limits import co2_limits
from scenarios.semantics.defaults import DAYS_PER_YEAR
from scenarios.semantics.network import network_offers
from scenarios.semantics.periods import split_horizon

WAY = ("origin_id", "destination_id", "mode")
FLOW = (*WAY, "product_id", "demand_case", "bucket")
OFFER = ("supplier_id", "product_id", "site_id", "valid_from")


# ---- transfers ------------------------------------------------------------------------------


def explain_transfers(facts: Facts, rows: Iterable[Row]) -> list[Explanation]:
    """Explain transfers: their share of what the lane costs that night."""
    return [_transfer(facts, row) for row in rows]


def _transfer(facts: Facts, row: Row) -> Explanation:
    name = str(row["transfer_id"])
    subject = {
        column: plain(row[column])
        for column in ("transfer_id", *WAY, "product_id", "ship_on", "due_on", "qty", "cost")
    }
    stage = stage_of(row)
    way = f"lane:{row['origin_id']}>{row['destination_id']} {row['mode']}"
    kg = float(row["qty"]) * number(_made(facts, row)["weight_kg"])
    qty, origin, end = (
        float(row["qty"]),
        f"site:{row['origin_id']}",
        f"site:{row['destination_id']}",
    )
    uses = {
        ("lane", way, ""): kg,
        ("dock", f"{origin} out", ""): qty,
        ("dock", f"{end} in", ""): qty,
        ("storage", end, ""): qty * number(_made(facts, row)["volume_m3"]),
    }
    if stage == "positioning":
        for limit in co2_limits(facts.scenario, stage)[0]:
            if limit.name in ("", str(row["origin_id"])):
                uses["co2", limit.limit_id, ""] = number(row["g_co2e"])
    return Explanation(
        f"transfers:{name}",
        "transfers",
        subject,
        (_lane_share(facts, row),),
        binding(facts, f"transfers:{name}"),
        prices_of(facts, stage, uses),
        alternative(facts, f"transfers:{name}", "heuristic"),
    )


def stage_of(row: Row) -> str:
    """Return the stage that decided a transfer: its id says so."""
    return "positioning" if str(row["transfer_id"]).startswith("TP-") else "replenishment"


def _made(facts: Facts, row: Row) -> Row:
    made = facts.one("products", product_id=str(row["product_id"]))
    assert made is not None
    return made


def company(facts: Facts, row: Row) -> list[Row]:
    """Return the transfers that go together: same stage, lane and day."""
    together = facts.by("transfers", *WAY, "ship_on")
    at = tuple(plain(row[column]) for column in (*WAY, "ship_on"))
    return [other for other in together[at] if stage_of(other) == stage_of(row)]


def _lane_load(facts: Facts, row: Row) -> tuple[float, float, float]:
    """Return units, kg and m3 of all transfers that go together with one; added up once."""

    def add() -> tuple[float, float, float]:
        loads = [(float(other["qty"]), _made(facts, other)) for other in company(facts, row)]
        return (
            sum(qty for qty, _ in loads),
            sum(qty * number(made["weight_kg"]) for qty, made in loads),
            sum(qty * number(made["volume_m3"]) for qty, made in loads),
        )

    at = [stage_of(row), *(str(plain(row[column])) for column in (*WAY, "ship_on"))]
    return facts.cached("load " + "\x1f".join(at), add)


def _lane_share(facts: Facts, row: Row) -> Sum:
    """Return the lane's terms x this transfer's share of its weight (of its units without one)."""
    stated = cell("transfers", row, ("transfer_id",), "cost")
    lane = facts.one("lanes", **{column: str(row[column]) for column in WAY})
    if lane is None:
        return total("cost", "money", [term("transport", constant("no_lane", 0.0))], stated)
    units, kg, m3 = _lane_load(facts, row)
    own = float(row["qty"])
    part = own * number(_made(facts, row)["weight_kg"]) / kg if kg > 0.0 else own / units
    share = constant("share_of_the_lane", part)
    trips = max(1, whole(kg, lane["shipment_kg"]), whole(m3, lane["shipment_m3"]))
    terms = [
        term("shipments", constant("shipments", float(trips)),
             cell("lanes", lane, WAY, "cost_per_shipment"), share),
        term("per_kg", constant("lane_kg", kg), cell("lanes", lane, WAY, "cost_per_kg"), share),
        term("per_m3", constant("lane_m3", m3), cell("lanes", lane, WAY, "cost_per_m3"), share),
        term("per_unit", constant("lane_units", units),
             cell("lanes", lane, WAY, "cost_per_unit"), share),
    ]  # fmt: skip
    return total("cost", "money", terms, stated)


def whole(load: float, size: object) -> int:
    """Return how many shipments of a size a load takes; 1 without a size."""
    return 1 if blank(size) else math.ceil(load / number(size) - 1e-9)


# ---- network --------------------------------------------------------------------------------


def explain_network(facts: Facts, rows: Iterable[Row]) -> list[Explanation]:
    """Explain sites of a network design: what being open costs, and the change."""
    return [_site(facts, row) for row in rows]


def _site(facts: Facts, row: Row) -> Explanation:
    name = str(row["site_id"])
    site = facts.one("sites", site_id=name)
    assert site is not None
    settings = facts.scenario.settings
    days = constant("horizon_days", float(settings.horizon_days))
    is_open, was_open = row["status"] == "open", row["status_today"] == "open"
    on = constant("is_open", float(is_open))
    fixed = term("fixed", on, days, cell("sites", site, ("site_id",), "fixed_cost_per_day"))
    sums = [total("cost", "money", [fixed], cell("network", row, ("site_id",), "fixed_cost"))]
    if is_open != was_open:
        what = "opening" if is_open else "closing"
        change = term(
            what,
            cell("sites", site, ("site_id",), f"{what}_cost"),
            days,
            constant("days_per_year", DAYS_PER_YEAR, divides=True),
            Factor("amortisation_years", float(settings.amortisation_years), "settings", (),
                   "amortisation_years", divides=True),
        )  # fmt: skip
        stated = cell("network", row, ("site_id",), "change_cost")
        sums.append(total("change", "money", [change], stated))
    subject: dict[str, Cell] = {
        "site_id": name,
        "status": str(row["status"]),
        "status_today": plain(row["status_today"]),
        "throughput_units": float(row["throughput_units"]),
        "utilisation": plain(row["utilisation"]),
    }
    return Explanation(
        f"network:{name}",
        "network",
        subject,
        tuple(sums),
        binding(facts, f"network:{name}"),
        (),
        alternative(facts, f"network:{name}", "heuristic"),
    )


def explain_flows(facts: Facts, rows: Iterable[Row]) -> list[Explanation]:
    """Explain flows of a network design: transport, and what buying and handling add to it."""
    return [_flow(facts, row) for row in rows]


def _flow(facts: Facts, row: Row) -> Explanation:
    made = _made(facts, row)
    qty = cell("flows", row, FLOW, "qty")
    lane = facts.one("lanes", **{column: str(row[column]) for column in WAY})
    terms = [] if lane is None else _transport(facts, lane, qty, made)
    cost = cell("flows", row, FLOW, "cost")
    priced = total("cost", "money", terms or [term("transport", constant("no_lane", 0.0))], cost)
    adds = [term("transport", cost), *_purchase(facts, row, qty)]
    site = facts.one("sites", site_id=str(row["origin_id"]))
    if site is not None:
        adds.append(
            term("handling", qty, cell("sites", site, ("site_id",), "handling_cost_per_unit"))
        )
    adds += emission(facts, cell("flows", row, FLOW, "g_co2e"))
    parts = [plain(row[column]) for column in FLOW]
    name = "/".join(
        [f"{parts[0]}>{parts[1]}", *(str(part) for part in parts[2:5]), str(parts[5])[:10]]
    ).rstrip("/")
    return Explanation(
        f"flows:{name}",
        "flows",
        {column: plain(row[column]) for column in (*FLOW, "qty", "cost")},
        (priced, total("objective", "money", adds)),
        binding(facts, f"flows:{name}"),
        (),
        alternative(facts, f"flows:{name}", "exact"),
    )


def _transport(facts: Facts, lane: Row, qty: Factor, made: Row) -> list[Term]:
    """Return the terms of a flow on a lane: units, weight, volume, share of shipments."""
    key = ("product_id",)
    kg, m3 = number(made["weight_kg"]), number(made["volume_m3"])
    terms = [term("per_unit", qty, cell("lanes", lane, WAY, "cost_per_unit"))]
    if kg:
        weight = cell("products", made, key, "weight_kg")
        terms.append(term("per_kg", qty, weight, cell("lanes", lane, WAY, "cost_per_kg")))
    if m3:
        volume = cell("products", made, key, "volume_m3")
        terms.append(term("per_m3", qty, volume, cell("lanes", lane, WAY, "cost_per_m3")))
    each = cell("lanes", lane, WAY, "cost_per_shipment")
    sizes = [(kg, lane["shipment_kg"]), (m3, lane["shipment_m3"])]
    shares = [load / number(size) for load, size in sizes if not blank(size)]
    if shares:
        terms.append(term("shipments", qty, constant("share_of_a_shipment", max(shares)), each))
    elif facts.one("zones", zone_id=str(lane["destination_id"])) is not None:
        terms.append(term("shipments", qty, each))  # every unit ships alone
    return terms


def _purchase(facts: Facts, row: Row, qty: Factor) -> list[Term]:
    """Return what a flow from a supplier is bought for."""
    origin, end = str(row["origin_id"]), str(row["destination_id"])
    if facts.one("sites", site_id=origin) is not None:
        return []
    asked = str(facts.plan.provenance.options.get("periods") or "")
    periods = split_horizon(facts.scenario.settings, asked)
    at = 0
    if not blank(row["bucket"]):
        at = periods.names.index(str(plain(row["bucket"]))[:10])
    place = facts.cached(
        "offers",
        lambda: {
            (o.supplier_id, o.product_id, o.site_id, int(o.period)): int(o.row)
            for o in network_offers(facts.scenario, periods).itertuples()
        },
    ).get((origin, str(row["product_id"]), end, at))
    if place is None:
        return []
    offer = facts.rows("supplier_products")[place]
    price = cell("supplier_products", offer, OFFER, "unit_cost")
    duty = cell("supplier_products", offer, OFFER, "duty_pct")
    goods = term("goods", qty, price)
    over = constant("per_cent", 100.0, divides=True)
    return [goods, term("duty", qty, price, duty, over)] if duty.value else [goods]
