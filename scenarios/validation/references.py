"""Rules on references: what one table names stands in another."""

from __future__ import annotations

from difflib import get_close_matches

import numpy as np
import pandas as pd

from scenarios.tables import TABLES
from scenarios.validation.facts import Facts
from scenarios.validation.keys import folded
from scenarios.validation.notice import error, info, warning

CORE = ("products", "sites")
DEMAND = ("demand_history", "forecasts", "orders")
MOST_COMPARED = 2000  # ids among which a similar one is looked for
SUGGESTIONS = 20  # values per column for which one is looked for

MISSING_TABLE = error(
    "missing_table", "A table that every plan needs has no rows.", "add the table {table} ({help})"
)
NO_DEMAND = error(
    "no_demand",
    "There is nothing to plan for.",
    "add one of demand_history, forecasts or orders",
)
NO_INVENTORY = warning(
    "no_inventory",
    "No stock is stated anywhere.",
    "add the table inventory; write on_hand 0 where there is none",
)
PLANNED_WITHOUT = info(
    "planned_without", "A table that switches on a stage is not there.", "no {table}: {effect}"
)
UNKNOWN_REFERENCE = error(
    "unknown_reference",
    "A value does not stand in the table that it refers to.",
    "not in {places}: add it there or correct it{similar}",
)
REFERENCE_WITHOUT_TABLE = error(
    "reference_without_table",
    "A required column refers to a table that is not there.",
    "{count} rows name {distinct} values of {places}, which has no rows: add that table",
)
DESCRIBED_NOWHERE = warning(
    "described_nowhere",
    "An optional column refers to a table that is not there.",
    "{count} rows name {distinct} values of {places}, which has no rows: they are planned without"
    " what it would say",
)
UNKNOWN_MEMBER = error(
    "unknown_member",
    "A member of a group does not exist.",
    "there is no {kind} {member}: add it to {place} or take it out of the group",
)
UNKNOWN_PLACE = warning(
    "unknown_place",
    "A measured distance starts or ends at no known place.",
    "not a site, zone, supplier or order: the row is not used",
)
UNKNOWN_CATEGORY = warning(
    "unknown_category",
    "A category is named that no product has.",
    "no product has this category: write it as in products{similar}",
)
ORDER_WITHOUT_LINES = warning(
    "order_without_lines",
    "An accepted order asks for nothing.",
    "add its rows to order_lines, or set its status to cancelled",
)

MEMBERS = {
    "product": "products.product_id",
    "site": "sites.site_id",
    "supplier": "suppliers.supplier_id",
    "zone": "zones.zone_id",
    "carrier": "carriers.carrier_id",
}
SWITCHES = {
    "supplier_products": "nothing can be bought",
    "carrier_rates": "orders get no parcels",
    "vehicles": "no routes are planned",
}


def check_tables(facts: Facts) -> None:
    """Products, sites and some demand are there; what else is missing switches stages off."""
    for name in CORE:
        if not facts.has(name):
            facts.note(MISSING_TABLE, name, table=name, help=TABLES[name].help)
    if not any(facts.has(name) for name in DEMAND):
        facts.note(NO_DEMAND)
    if not facts.has("inventory"):
        facts.note(NO_INVENTORY, "inventory")
    for name, effect in SWITCHES.items():
        if not facts.has(name):
            facts.note(PLANNED_WITHOUT, name, table=name, effect=effect)


def check_references(facts: Facts) -> None:
    """Every id that names a row of another table finds it there."""
    for name, frame in facts.scenario.tables.items():
        for column in TABLES[name].columns:
            if not column.references or column.name not in frame.columns:
                continue
            codes, labels = facts.codes(name, column.name)
            places = " or ".join(column.references)
            if not any(facts.has(place.split(".")[0]) for place in column.references):
                notice = REFERENCE_WITHOUT_TABLE if column.required else DESCRIBED_NOWHERE
                count = int((codes >= 0).sum())
                if count:
                    terms = {"count": count, "distinct": len(labels), "places": places}
                    facts.note(notice, name, column.name, **terms)
                continue
            found = np.zeros(len(labels), bool)
            for place in column.references:
                found |= labels.isin(facts.known(place))
            if found.all():
                continue
            wrong = np.append(~found, False)[codes]
            known = facts.known(column.references[0]).append(
                [facts.known(place) for place in column.references[1:]]
            )
            at = np.flatnonzero(wrong)
            facts.note(
                UNKNOWN_REFERENCE,
                name,
                column.name,
                at,
                places=places,
                similar=_similar(labels[codes[at[: facts.findings.cap]]], known),
            )


def _similar(values: pd.Index, known: pd.Index) -> list[str]:
    """Return ", did you mean ...?" for each value, "" where nothing is near."""
    by_look = {folded(label): label for label in known}
    near = [str(label) for label in known[:MOST_COMPARED]]
    told: dict[str, str] = {}
    for value in values:
        if value in told:
            continue
        match = by_look.get(folded(value))
        if match is None and len(told) < SUGGESTIONS:
            match = next(iter(get_close_matches(value, near, n=1, cutoff=0.8)), None)
        told[value] = f" (did you mean {match}?)" if match is not None else ""
    return [told[value] for value in values]


def check_members(facts: Facts) -> None:
    """Every member of a group exists as what the group says it is."""
    groups = facts.table("groups")
    for kind, place in MEMBERS.items():
        of_kind = (groups["kind"] == kind).to_numpy()
        wrong = of_kind & ~groups["member_id"].isin(facts.known(place)).to_numpy()
        wrong &= groups["member_id"].notna().to_numpy()
        if wrong.any():
            members = groups["member_id"].array[wrong]
            facts.note(
                UNKNOWN_MEMBER, "groups", "member_id", wrong, kind=kind, member=members, place=place
            )
    lanes = facts.table("lanes")
    known = set(lanes["origin_id"] + ">" + lanes["destination_id"])
    wrong = (groups["kind"] == "lane").to_numpy() & ~groups["member_id"].isin(known).to_numpy()
    if wrong.any():
        members = groups["member_id"].array[wrong]
        terms = {"kind": "lane", "place": "lanes (as in V01>W1)"}
        facts.note(UNKNOWN_MEMBER, "groups", "member_id", wrong, member=members, **terms)


def check_distance_places(facts: Facts) -> None:
    """Measured distances lie between known places."""
    known = pd.Index([], dtype="str")
    for place in ("sites.site_id", "zones.zone_id", "suppliers.supplier_id", "orders.order_id"):
        known = known.append(facts.known(place))
    for column in ("origin_id", "destination_id"):
        if facts.given("distances", column):
            codes, labels = facts.codes("distances", column)
            wrong = np.append(~labels.isin(known), False)[codes]
            if wrong.any():
                facts.note(UNKNOWN_PLACE, "distances", column, wrong)


def check_categories(facts: Facts) -> None:
    """Categories that promotions name are categories of products."""
    known = facts.known("products.category")
    for column in ("category", "cannibalises"):
        if facts.given("promotions", column):
            codes, labels = facts.codes("promotions", column)
            at = np.flatnonzero(np.append(~labels.isin(known), False)[codes])
            if len(at):
                similar = _similar(labels[codes[at[: facts.findings.cap]]], known)
                facts.note(UNKNOWN_CATEGORY, "promotions", column, at, similar=similar)


def check_order_lines(facts: Facts) -> None:
    """Every accepted order for delivery has lines."""
    if not facts.has("orders"):
        return
    orders = facts.table("orders")
    empty = facts.units_sold("orders") & ~orders["order_id"].isin(
        facts.known("order_lines.order_id")
    )
    if empty.any():
        facts.note(ORDER_WITHOUT_LINES, "orders", "order_id", empty.to_numpy())


RULES = (
    check_tables,
    check_references,
    check_members,
    check_distance_places,
    check_categories,
    check_order_lines,
)
