"""Why purchase lines are what they are: their price, and the way from the forecast to the units."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pandas as pd

from optimizer.explanations.facts import Facts, Row, blank, cell, constant, number, plain
from optimizer.explanations.parcels import emission
from optimizer.explanations.prices import prices_of
from optimizer.explanations.record import Cell, Explanation, Factor, Sum, Term, term, total
from optimizer.explanations.told import alternative, binding

TERMS = ("supplier_id", "product_id", "site_id", "valid_from")
BREAK = ("supplier_id", "product_id", "min_qty")
LINE = ("order_id", "line")
PARAMETERS = {"moq": "moq", "order_multiple": "order_multiple",
              "order_value_and_limits": "min_order_value"}  # fmt: skip


def explain_orders(facts: Facts, rows: Iterable[Row]) -> list[Explanation]:
    """Explain purchase lines."""
    return [_line(facts, row) for row in rows]


def _line(facts: Facts, row: Row) -> Explanation:
    name = f"{row['order_id']}/{int(row['line'])}"
    decision = f"purchase_orders:{name}"
    offer = offer_of(facts, row)
    sums = [_money(facts, row, offer), *_emission(facts, row)]
    quantity = _quantity(facts, decision, row)
    if quantity is not None:
        sums.insert(0, quantity)
    made = facts.one("products", product_id=str(row["product_id"]))
    assert made is not None
    subject: dict[str, Cell] = {
        name: plain(row[name])
        for name in (
            *("order_id", "line", "supplier_id", "product_id", "site_id", "order_on"),
            *("latest_safe_on", "due_on", "qty", "unit_cost", "cost", "status"),
        )
    }
    stage, bucket = stage_of(facts, row)
    return Explanation(
        decision,
        "purchase_orders",
        subject,
        tuple(sums),
        _binding(facts, decision, offer),
        prices_of(facts, stage, _uses(facts, row, made), bucket),
        alternative(facts, decision, "heuristic"),
    )


def stage_of(facts: Facts, row: Row) -> tuple[str, str]:
    """Return the stage that decided a line, and the bucket of its night ("" tonight)."""
    if str(row["order_id"]).startswith("BP-"):
        return "buyer", plain_bucket(facts, row["order_on"])
    if row["order_on"] == facts.start:
        return "replenishment", ""
    return "rolling", plain_bucket(facts, row["order_on"])


def plain_bucket(facts: Facts, day: pd.Timestamp) -> str:
    """Return the first day of the bucket in which a day falls."""
    length = facts.scenario.settings.bucket_days
    first = facts.start + pd.Timedelta(days=(day - facts.start).days // length * length)
    return str(first.isoformat())


def offer_of(facts: Facts, row: Row) -> Row:
    """Return the row of supplier_products that a line is bought on.

    Valid on the first day of the line's bucket; a row for the site beats one for any site, then
    the latest valid_from.
    """
    day = pd.Timestamp(plain_bucket(facts, row["order_on"]))
    if str(row["order_id"]).startswith("BP-"):
        day = row["order_on"]
    listed = facts.by("supplier_products", "supplier_id", "product_id")
    valid = [
        offer
        for offer in listed[str(row["supplier_id"]), str(row["product_id"])]
        if (blank(offer["valid_from"]) or offer["valid_from"] <= day)
        and (blank(offer["valid_to"]) or offer["valid_to"] >= day)
        and (blank(offer["site_id"]) or offer["site_id"] == row["site_id"])
    ]
    return max(
        valid,
        key=lambda offer: (
            not blank(offer["site_id"]),
            pd.Timestamp.min if blank(offer["valid_from"]) else offer["valid_from"],
        ),
    )


def _money(facts: Facts, row: Row, offer: Row) -> Sum:
    """Return quantity x price, index and duty, as terms."""
    qty = cell("purchase_orders", row, LINE, "qty")
    moved: tuple[Factor, ...] = ()
    factor = index_factor(facts, offer)
    if factor != 1.0:
        moved = (constant("index_factor", factor),)
    goods = [
        term("goods", *(part, price, *moved)) for part, price in _priced_units(facts, qty, offer)
    ]
    terms = list(goods)
    duty = cell("supplier_products", offer, TERMS, "duty_pct")
    if duty.value:
        value = constant("goods", sum(part.value for part in goods))
        terms.append(term("duty", value, duty, constant("per_cent", 100.0, divides=True)))
    return total("cost", "money", terms, cell("purchase_orders", row, LINE, "cost"))


def _emission(facts: Facts, row: Row) -> list[Sum]:
    """Return what the CO2e of a line's way costs; nothing without a price, or where not known."""
    if blank(row["g_co2e"]):
        return []
    terms = emission(facts, cell("purchase_orders", row, LINE, "g_co2e"))
    return [total("emission", "money", terms)] if terms else []


def _priced_units(facts: Facts, qty: Factor, offer: Row) -> list[tuple[Factor, Factor]]:
    """Return units and the price that each part of them has, by the price breaks."""
    base = cell("supplier_products", offer, TERMS, "unit_cost")
    key = (str(offer["supplier_id"]), str(offer["product_id"]))
    steps = sorted(
        (
            step
            for step in facts.by("price_breaks", "supplier_id", "product_id").get(key, [])
            if float(step["min_qty"]) <= qty.value
        ),
        key=lambda step: float(step["min_qty"]),
    )
    if not steps:
        return [(qty, base)]
    prices = [cell("price_breaks", step, BREAK, "unit_cost") for step in steps]
    if steps[-1]["kind"] == "all_units":
        return [(qty, prices[-1])]
    edges = [0.0, *(float(step["min_qty"]) for step in steps), qty.value]
    return [
        (constant("units_in_step", edges[at + 1] - edges[at]), price)
        for at, price in enumerate([base, *prices])
        if edges[at + 1] > edges[at]
    ]


def index_factor(facts: Facts, offer: Row) -> float:
    """Return by what an offer's index has moved its price since valid_from; 1 without one."""
    if blank(offer["index_id"]):
        return 1.0
    history = sorted(
        facts.by("indices", "index_id").get((str(offer["index_id"]),), []),
        key=lambda value: value["date"],
    )
    known = [value for value in history if value["date"] <= facts.start]
    if not known:
        return 1.0
    base = history[0]
    if not blank(offer["valid_from"]):
        begun = [value for value in known if value["date"] <= offer["valid_from"]]
        base = begun[-1] if begun else base
    moved = float(known[-1]["value"]) / float(base["value"]) - 1.0
    return 1.0 + number(offer["index_share_pct"]) / 100.0 * moved


def _quantity(facts: Facts, decision: str, row: Row) -> Sum | None:
    """Return the steps from the forecast to the units, as the stage has put them on record."""
    told = facts.told.get(decision)
    if told is None:
        return None
    steps = {name: float(value) for name, value in json.loads(told["terms"]).items()}
    steps.pop("forecast_days", None)
    terms = [Term(name, value) for name, value in steps.items()]
    return total("quantity", "units", terms, cell("purchase_orders", row, LINE, "qty"))


def _binding(facts: Facts, decision: str, offer: Row) -> dict[str, Cell]:
    """Return the rule that moved the quantity most; of limits, those that have a price."""
    rule = binding(facts, decision)
    parameter = PARAMETERS.get(str(rule.get("rule", "")))
    if parameter in offer:
        rule |= {"table": "supplier_products", "column": str(parameter)}
    if rule.get("rule") == "price_of_limits":
        rule.pop("value", None)
    return rule


def _uses(facts: Facts, row: Row, made: Row) -> dict[tuple[str, str, str], float]:
    """Return what a line takes of budgets, caps on suppliers and on CO2e, and storage."""
    site, cost, qty = str(row["site_id"]), float(row["cost"]), float(row["qty"])
    uses = {("storage", f"site:{site}", ""): qty * number(made["volume_m3"])}
    scopes = {"all", f"site:{site}", f"supplier:{row['supplier_id']}"}
    scopes |= {"stage:replenishment", "stage:rolling", "stage:buyer"}
    scopes |= {f"category:{plain(made['category'])}", f"product:{row['product_id']}"}
    for limit in facts.rows("limits"):
        if str(limit["scope"]) in scopes:
            units = qty if limit["kind"] == "supplier_units" else cost
            uses["budget", str(limit["limit_id"]), ""] = units
            uses["co2", str(limit["limit_id"]), ""] = number(row["g_co2e"])
    return uses
