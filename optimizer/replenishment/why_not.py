"""Why a decision on tonight's purchases cannot be kept: the rules that stand against it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from optimizer.replenishment.assemble import Tonight, assemble
from optimizer.replenishment.facts import Facts, read_facts
from optimizer.replenishment.shelf_life import sellable_units
from optimizer.replenishment.tonight.limits import limit_rows, room_m3
from scenarios import Scenario
from scenarios.semantics.decisions import in_decision, purchase_decisions


def why_not(scenario: Scenario, upstream: Mapping[str, pd.DataFrame]) -> list[str]:
    """Return a sentence for every rule that alone stands against a decision that asks for units.

    None of them stands alone where the list says that the limits do so together.
    """
    facts = read_facts(scenario, upstream)
    told: list[str] = []
    for decision in purchase_decisions(scenario).to_dict("records"):
        if decision["sense"] == "<=" or not decision["qty"] > 0.0:
            continue
        name, units = str(decision["decision_id"]), float(decision["qty"])
        offers = facts.offers[in_decision(facts.offers, decision).to_numpy(bool)]
        if not len(offers):
            told.append(f"Decision {name}: nobody offers this there on that day.")
            continue
        start = pd.Timestamp(scenario.settings.start_date)
        if not (offers["order_on"] == start).any():
            first = offers["order_on"].min()
            told.append(
                f"Decision {name}: the supplier takes no orders on {start:%Y-%m-%d};"
                f" the next day is {first:%Y-%m-%d}."
            )
            continue
        told += _of_line(facts, offers, decision, units)
    return told or ["The decision and the other hard limits cannot all hold together."]


def _of_line(
    facts: Facts, offers: pd.DataFrame, decision: Mapping[str, object], units: float
) -> list[str]:
    """Say which terms of the one offer do not allow the units."""
    name = str(decision["decision_id"])
    if len(offers) > 1:
        return []
    offer = offers.iloc[0]
    told = []
    multiple, least = float(offer["order_multiple"]), float(offer["moq"])
    exact = decision["sense"] == "="
    if exact and abs(units / multiple - round(units / multiple)) > 1e-9:
        told.append(f"{units:g} is no multiple of order_multiple {multiple:g}")
    if exact and units < least - 1e-9:
        told.append(f"{units:g} is under moq {least:g}")
    review = float(facts.pairs["review_days"].to_numpy(np.float64)[int(offer["pair"])])
    most = float(offer["capacity_per_week"]) * review / 7.0
    if units > most + 1e-9:
        told.append(
            f"capacity_per_week {offer['capacity_per_week']:g} gives {most:g} in {review:g} days"
        )
    plain = facts.scenario.table("products").set_index("product_id")["volume_m3"]
    volume = float(plain.reindex([offer["product_id"]]).iloc[0])
    room = float(room_m3(facts).get(offer["site_id"], np.inf))
    if units * volume > room * (1.0 + 1e-9):
        told.append(f"{offer['site_id']} has room for {room:g} m3, {units * volume:g} are needed")
    tonight = assemble(facts, caps_of_tonight=False)
    options = tonight.options
    at = np.flatnonzero(in_decision(options, decision).to_numpy(bool))
    if len(at):
        sold = float(sellable_units(facts, options)[at[0]])
        if units > sold + 1e-9:
            told.append(f"only {sold:g} are sold within the shelf life")
        told += _over_limits(facts, options, tonight, int(at[0]), units)
    return [f"Decision {name}: {'; '.join(told)}."] if told else []


def _over_limits(
    facts: Facts, options: pd.DataFrame, tonight: Tonight, at: int, units: float
) -> list[str]:
    """Name the hard limits that the line alone is beyond."""
    rows = limit_rows(facts, options, decided=False)
    qty = np.zeros(len(options))
    qty[at] = units
    money = tonight.problem.money(qty)
    used = rows.money @ money + rows.units @ qty
    over = np.flatnonzero((used > rows.room + 1e-9 * np.abs(rows.room)) & (rows.room >= 0.0))
    return [
        f"{rows.kind[row]} {rows.entity[row]} allows {rows.room[row]:g}, it takes {used[row]:g}"
        for row in over.tolist()
        if rows.kind[row] not in ("storage", "share")
    ]
