"""What the planner has decided, as engines and referees both read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from scenarios.errors import InputError
from scenarios.scenario import Scenario

PURCHASE_KEYS = ("supplier_id", "product_id", "site_id")


@dataclass(frozen=True, slots=True)
class OrderDecision:
    """From where an order ships.

    Attributes
    ----------
    ships : it must ship, whole
    only : site from which alone it may ship; "" for any
    never : sites from which it may not ship
    stays : it may not ship at all
    decisions : ids of the decisions
    """

    ships: bool
    only: str
    never: frozenset[str]
    stays: bool
    decisions: tuple[str, ...]

    def may_ship_from(self, site: str) -> bool:
        """Say whether the order may leave a site."""
        return not self.stays and site not in self.never and self.only in ("", site)


def purchase_decisions(scenario: Scenario) -> pd.DataFrame:
    """Return decision_id, supplier_id, product_id, site_id, sense, qty of tonight's purchases."""
    rows = scenario.table("decisions")
    rows = rows[rows["kind"] == "purchase"].sort_values("decision_id", kind="stable")
    return rows[["decision_id", *PURCHASE_KEYS, "sense", "qty"]].reset_index(drop=True)


def transfer_decisions(scenario: Scenario) -> pd.DataFrame:
    """Return decision_id, product_id, origin_id, site_id, sense, qty of tonight's transfers."""
    rows = scenario.table("decisions")
    rows = rows[rows["kind"] == "transfer"].sort_values("decision_id", kind="stable")
    columns = ["decision_id", "product_id", "origin_id", "site_id", "sense", "qty"]
    return rows[columns].reset_index(drop=True)


def in_decision(rows: pd.DataFrame, decision: Mapping[str, object]) -> pd.Series:
    """Say which rows with supplier_id, product_id and site_id a decision is about."""
    inside = pd.Series(True, index=rows.index)
    for key in PURCHASE_KEYS:
        name = decision[key]
        if isinstance(name, str):
            inside &= (rows[key] == name).fillna(False)
    return inside


def order_decisions(scenario: Scenario) -> dict[str, OrderDecision]:
    """Return what was decided of each order, by order_id.

    Raises
    ------
    InputError
        A decision on a shipment names no order.
    """
    rows = scenario.table("decisions")
    rows = rows[rows["kind"] == "shipment"]
    nameless = rows[rows["order_id"].isna()]
    if len(nameless):
        raise InputError(f"decision {nameless['decision_id'].iloc[0]} on a shipment names no order")
    found: dict[str, OrderDecision] = {}
    for row in rows.sort_values("decision_id", kind="stable").to_dict("records"):
        site = row["site_id"] if isinstance(row["site_id"], str) else ""
        must = row["sense"] != "<=" and float(row["qty"]) > 0.0
        bars = row["sense"] != ">=" and float(row["qty"]) < 1.0
        before = found.get(row["order_id"], OrderDecision(False, "", frozenset(), False, ()))
        barred = {site} if bars and site else set()
        if must and site and before.only not in ("", site):  # from two sites: from none
            barred = {site, before.only}
        found[row["order_id"]] = OrderDecision(
            ships=before.ships or must,
            only=site if must and site else before.only,
            never=before.never | barred,
            stays=before.stays or (bars and not site),
            decisions=(*before.decisions, str(row["decision_id"])),
        )
    return found
