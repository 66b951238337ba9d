"""Referee of loads that come in parts: the parts add up, and none was needed to be made in vain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from optimizer.audit.report import Rules
from optimizer.audit.route_facts import Load, Stop, loads_of, skills_of
from scenarios import Scenario

PARTS = "part_lines"
UNITS = 1e-9  # relative
FULL = 1e-9  # relative, of a van


def part_key(key: str, part: float) -> str:
    """Return the key of a part of a stop; the stop's own where it is whole."""
    return key if np.isnan(part) else f"{key} (part {int(part)})"


def in_parts(
    rules: Rules,
    scenario: Scenario,
    tables: Mapping[str, pd.DataFrame],
    wanted: dict[str, Stop],
    is_held: Callable[[Stop], bool] | None = None,
) -> dict[str, Stop]:
    """Return the stops with their parts in place of those that come in parts.

    Every line's units over the parts are those of the order or parcel; lines are cut only where
    the order allows it, and only loads that no van holds are split.

    Parameters
    ----------
    is_held : says whether a van that may come for a stop holds all of it; None: any of `vehicles`
    """
    told = tables.get(PARTS)
    if told is None or not len(told):
        return wanted
    vans = scenario.filled("vehicles").to_dict("records")
    kinds = scenario.table("carriers").set_index("carrier_id")["kind"].to_dict()
    orders = scenario.filled("orders").set_index("order_id")
    for key, rows in told.groupby(told["shipment_id"].fillna(told["order_id"]), sort=True):
        whole = wanted.get(str(key))
        rules.add(PARTS, "no_such_stop", [whole is None], [key])
        if whole is None:
            continue
        order = orders.loc[whole.order_id]
        numbers = sorted(rows["part"].unique().tolist())
        rules.add(PARTS, "not_1_2_3", [numbers != list(range(1, len(numbers) + 1))], [key])
        rules.add(PARTS, "may_not_be_split", [not bool(order["allow_split"])], [key])
        cut = rows.groupby("line_id").size() > 1
        rules.add(
            PARTS, "line_is_cut", [bool(cut.any()) and not bool(order["allow_line_split"])], [key]
        )
        _check_sums(rules, scenario, tables, whole, rows)
        held = is_held(whole) if is_held else any(holds(van, whole, kinds) for van in vans)
        rules.add(PARTS, "a_van_holds_it_all", [held], [key])
    return replaced(scenario, told, wanted)


def replaced(scenario: Scenario, told: pd.DataFrame, stops: Mapping[str, Stop]) -> dict[str, Stop]:
    """Return stops with the parts that `part_lines` tells in place of the whole."""
    orders = scenario.filled("orders").set_index("order_id")
    loads, after = part_loads(scenario, told), dict(stops)
    keys = told["shipment_id"].fillna(told["order_id"])
    for key, part in sorted(set(zip(keys, told["part"], strict=True))):
        if str(key) in stops:
            whole, name = stops[str(key)], part_key(str(key), float(part))
            after.pop(str(key), None)
            after[name] = _part(whole, name, loads[name], orders.loc[whole.order_id])
    return after


def part_loads(scenario: Scenario, told: pd.DataFrame) -> dict[str, Load]:
    """Return what each part asks for, by `part_key`."""
    keys = told["shipment_id"].fillna(told["order_id"])
    names = [part_key(str(key), float(part)) for key, part in zip(keys, told["part"], strict=True)]
    product = scenario.table("order_lines")[["order_id", "line_id", "product_id"]]
    lines = told[["order_id", "line_id", "qty"]].assign(key=names)
    return loads_of(scenario, lines.merge(product, on=["order_id", "line_id"]))


def holds(van: Mapping[str, Any], whole: Stop, kind_of: Mapping[str, str]) -> bool:
    """Say whether a row of `vehicles` may make a stop and holds all of it."""
    own = van["carrier_id"] if isinstance(van["carrier_id"], str) else None
    fits_carrier = whole.carrier_id is None or own == whole.carrier_id
    fits_carrier |= own is None and kind_of.get(str(whole.carrier_id)) == "own"
    elsewhere = whole.site_id is not None and whole.site_id != van["depot_id"]
    if elsewhere or not fits_carrier or not whole.skills <= skills_of(van["skills"]):
        return False
    rooms = [(van["capacity_kg"], whole.load.kg), (van["capacity_m3"], whole.load.m3)]
    fits = all(np.isnan(room) or load <= room * (1.0 - FULL) for room, load in rooms)
    return bool(van["count"] >= 1 and fits)


# ---- inside ---------------------------------------------------------------------------------


def _part(whole: Stop, name: str, load: Load, order: pd.Series) -> Stop:
    prize = float(order["prize"])
    lost = load.penalty * 5.0 / float(order["priority"])
    if not np.isnan(prize):
        lost = whole.penalty * load.units / whole.load.units
    service = float(np.rint(float(order["service_s"]) + load.unload_s))
    return replace(whole, key=name, load=load, service_s=service, penalty=lost)


def _check_sums(
    rules: Rules,
    scenario: Scenario,
    tables: Mapping[str, pd.DataFrame],
    whole: Stop,
    rows: pd.DataFrame,
) -> None:
    """The units of each line over the parts are those of the order or the parcel."""
    lines = scenario.table("order_lines")
    asked = lines[lines["order_id"] == whole.order_id]
    if whole.key != whole.order_id:
        lines = tables["shipment_lines"]
        asked = lines[lines["shipment_id"] == whole.key]
    due = asked.groupby("line_id")["qty"].sum()
    brought = rows.groupby("line_id")["qty"].sum()
    both = pd.concat([due.rename("due"), brought.rename("brought")], axis=1).fillna(0.0)
    wrong = (both["due"] - both["brought"]).abs() > UNITS * both["due"].clip(lower=1.0)
    rules.add(PARTS, "units_differ", wrong, [f"{whole.key} line {line}" for line in both.index])
