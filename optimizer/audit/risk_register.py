"""Referee of the risk register: money re-adds, chances are chances, and unknown is not zero."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from optimizer.audit.report import MONEY, Rules
from scenarios import Scenario

NEAR = 1e-9
FIGURES = ("value", "probability", "loss", "expected_loss")


def check_risks(rules: Rules, scenario: Scenario, table: pd.DataFrame) -> None:
    """Hold the table `risks` against itself and the scenario."""
    name, ids = "risks", table["risk_id"].astype("str")
    rules.add(name, "stated_twice", table.duplicated("risk_id"), ids)
    named = table["kind"].astype("str") + ":" + table["entity"].astype("str")
    rules.add(name, "id_differs", (named != ids).to_numpy(), ids)
    share = table["probability"].astype(float)
    rules.add(name, "no_probability", (share < 0.0) | (share > 1.0), ids)
    unknown = table["state"] == "not_known"
    for column in FIGURES:
        told = table[column].astype(float).notna()
        rules.add(name, "unknown_has_a_figure", unknown & told, ids)
    rules.add(name, "raised_without_chance", (table["state"] == "raised") & share.isna(), ids)
    loss, expected = table["loss"].astype(float), table["expected_loss"].astype(float)
    differs = ~(np.abs(share * loss - expected) <= MONEY + NEAR * loss.abs())
    rules.add(name, "expected_loss_differs", differs & loss.notna() & share.notna(), ids)
    added, items = zip(*(_added(cell) for cell in table["terms"])) if len(table) else ((), ())
    total = pd.Series(added, index=table.index, dtype=float)
    wrong = ~(np.abs(total - loss) <= MONEY + NEAR * loss.abs())
    rules.add(name, "terms_do_not_add_up", wrong & (loss.notna() | total.notna()), ids)
    rules.add(name, "item_is_not_units_times_price", ~np.array(items, bool), ids)
    _entities(rules, scenario, table, ids)


def _added(cell: object) -> tuple[float, bool]:
    """Return the sum of the items of a cell, and whether each is its units times its price."""
    if not isinstance(cell, str):
        return float("nan"), True
    items = json.loads(cell)
    fine = all(
        abs(item["units"] * item["price"] - item["money"]) <= MONEY + NEAR * abs(item["money"])
        for item in items
    )
    return sum((item["money"] for item in items), 0.0), fine


def _entities(rules: Rules, scenario: Scenario, table: pd.DataFrame, ids: pd.Series) -> None:
    """Refuse suppliers, sites, products, carriers and indices that the scenario does not have."""
    known = {
        "supplier": set(scenario.table("suppliers")["supplier_id"]),
        "carrier": set(scenario.table("carriers")["carrier_id"]),
        "index": set(scenario.table("indices")["index_id"]),
        "product": set(scenario.table("products")["product_id"]),
    }
    entity = table["entity"].astype("str")
    word, thing = entity.str.partition(":")[0], entity.str.partition(":")[2]
    for kind, names in known.items():
        found = thing.where(thing.isin(names), thing.str.rpartition("@")[0])
        missing = (word == kind).to_numpy() & ~found.isin(names).to_numpy()
        rules.add("risks", "unknown_entity", missing, ids)
