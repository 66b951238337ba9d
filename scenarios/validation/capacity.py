"""Rules on capacity: what is asked for fits through docks, shelves, suppliers and vans.

Each is a necessary condition: what it flags cannot be served in full, by however much is said.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scenarios.validation.facts import Facts
from scenarios.validation.flows import part_rates, site_rates
from scenarios.validation.notice import Notice, warning
from scenarios.validation.supply import valid_terms

Floats = NDArray[np.float64]

SLACK = 1.0 + 1e-9
DAYS_PER_WEEK = 7.0

DEMAND_ABOVE_OUTBOUND = warning(
    "demand_above_outbound",
    "A site is asked to ship more than it can.",
    "demand is {wanted} units a day, {over} ({percent} %) more than it ships: raise the capacity or"
    " let other sites serve",
)
DEMAND_ABOVE_INBOUND = warning(
    "demand_above_inbound",
    "A site ships more than it can receive.",
    "demand is {wanted} units a day, {over} ({percent} %) more than it receives: stock runs out",
)
DEMAND_ABOVE_STORAGE = warning(
    "demand_above_storage",
    "A day's demand does not fit into a site's storage.",
    "a day's demand takes {wanted} m3, {over} ({percent} %) more than there is",
)
STOCK_ABOVE_STORAGE = warning(
    "stock_above_storage",
    "A site holds more than its storage.",
    "stock on hand takes {wanted} m3, {over} ({percent} %) more than there is: check storage_m3 and"
    " volume_m3",
)
ARRIVALS_ABOVE_STORAGE = warning(
    "arrivals_above_storage",
    "Stock and open orders do not fit into a site's storage.",
    "stock and open orders take {wanted} m3, {over} ({percent} %) more than there is",
)
DEMAND_ABOVE_SUPPLY = warning(
    "demand_above_supply",
    "A product is asked for faster than all its suppliers deliver.",
    "demand is {wanted} units a week, {over} ({percent} %) more than all offers together deliver"
    " ({capacity})",
)
ORDERS_ABOVE_OUTBOUND = warning(
    "orders_above_outbound",
    "More is due by a day than all sites ship until then.",
    "by {day} {wanted} units are due, {over} ({percent} %) more than all open sites ship by then",
)
ORDERS_ABOVE_CARRIERS = warning(
    "orders_above_carriers",
    "More parcels are due by a day than all carriers take until then.",
    "by {day} at least {wanted} parcels are due, {over} ({percent} %) more than all carriers take",
)
ORDERS_ABOVE_VANS = warning(
    "orders_above_vans",
    "More is due by a day than all vans carry until then.",
    "by {day} {wanted} {unit} are due, {over} ({percent} %) more than all vans carry until then",
)


def _gap(wanted: Floats, there: Floats) -> dict[str, Floats]:
    over = wanted - there
    percent = 100.0 * np.divide(over, there, out=np.full(len(over), np.inf), where=there > 0)
    return {"wanted": wanted, "over": over, "percent": np.rint(percent)}


def check_sites(facts: Facts) -> None:
    """Mean demand fits through each site's docks and onto its shelves, and so does its stock."""
    sites = facts.table("sites")
    ids = pd.Index(sites["site_id"])
    demand = facts.remember(site_rates)
    volume = facts.attribute("products", "product_id", "volume_m3")
    per_day = demand.groupby("site_id")["per_day"].sum().reindex(ids).to_numpy(np.float64)
    parts = facts.remember(part_rates)
    room = volume.reindex(parts["product_id"]).to_numpy() * parts["per_day"].to_numpy()
    demand_m3 = pd.Series(room).groupby(parts["site_id"].to_numpy()).sum().reindex(ids).to_numpy()
    stock = facts.table("inventory")[["site_id", "product_id"]].assign(
        qty=facts.table("inventory")["on_hand"].clip(lower=0.0)
    )
    coming = facts.table("open_orders")[["site_id", "product_id", "qty"]]

    def cubic(rows: pd.DataFrame) -> Floats:
        taken = volume.reindex(rows["product_id"]).to_numpy() * rows["qty"].to_numpy()
        total = pd.Series(taken).groupby(rows["site_id"].to_numpy()).sum()
        cubic_m: Floats = total.reindex(ids).to_numpy(np.float64)
        return cubic_m

    held, later = cubic(stock), cubic(pd.concat([stock, coming], ignore_index=True))
    storage = sites["storage_m3"].to_numpy(np.float64)
    for notice, column, wanted in (
        (DEMAND_ABOVE_OUTBOUND, "outbound_units_per_day", per_day),
        (DEMAND_ABOVE_INBOUND, "inbound_units_per_day", per_day),
        (DEMAND_ABOVE_STORAGE, "storage_m3", demand_m3),
        (STOCK_ABOVE_STORAGE, "storage_m3", held),
        (ARRIVALS_ABOVE_STORAGE, "storage_m3", np.where(held > storage * SLACK, np.nan, later)),
    ):
        there = sites[column].to_numpy(np.float64)
        wrong = wanted > there * SLACK
        if wrong.any():
            facts.note(notice, "sites", column, wrong, **_gap(wanted[wrong], there[wrong]))


def check_suppliers(facts: Facts) -> None:
    """Mean demand of a product is no more than all its offers deliver in a week."""
    terms = valid_terms(facts)
    offers = terms.groupby("product_id", sort=True)["capacity_per_week"]
    limited = offers.count() == offers.size()
    capacity = offers.sum()[limited]
    if not len(capacity):
        return
    demand = facts.remember(part_rates)
    weekly = demand.groupby("product_id")["per_day"].sum() * DAYS_PER_WEEK
    wanted = weekly.reindex(capacity.index).to_numpy(np.float64)
    there = capacity.to_numpy(np.float64)
    wrong = wanted > there * SLACK
    if wrong.any():
        first = terms.drop_duplicates("product_id")
        first = pd.Series(first.index, index=pd.Index(first["product_id"]))
        facts.note(
            DEMAND_ABOVE_SUPPLY,
            "supplier_products",
            "capacity_per_week",
            first.reindex(capacity.index[wrong]).to_numpy(),
            capacity=there[wrong],
            **_gap(wanted[wrong], there[wrong]),
        )


def due_loads(facts: Facts) -> pd.DataFrame:
    """Return accepted deliveries with their last day and load.

    Returns
    -------
    frame : at (position in orders), day (due, not before the start; NaT: any time), units, kg, m3
    """
    orders = facts.table("orders")
    lines = facts.table("order_lines")
    products = lines["product_id"]
    weight = facts.attribute("products", "product_id", "weight_kg").reindex(products).to_numpy()
    volume = facts.attribute("products", "product_id", "volume_m3").reindex(products).to_numpy()
    qty = lines["qty"]
    loads = pd.DataFrame({"units": qty, "kg": qty * weight, "m3": qty * volume})
    total = loads.groupby(lines["order_id"]).sum().reindex(orders["order_id"]).fillna(0.0)
    due = orders["due_to"].where(orders["late_cost_per_h"].isna())
    frame = pd.DataFrame(
        {
            "at": np.arange(len(orders)),
            "order_id": orders["order_id"].array,
            "day": due.dt.normalize().clip(lower=facts.start).array,
            "units": total["units"].to_numpy(),
            "kg": total["kg"].to_numpy(),
            "m3": total["m3"].to_numpy(),
        }
    )
    return frame[facts.units_sold("orders").to_numpy()]


def third_parties(facts: Facts) -> bool:
    """Say whether carriers other than one's own vans have rates."""
    kinds = facts.attribute("carriers", "carrier_id", "kind")
    return bool((kinds.reindex(facts.known("carrier_rates.carrier_id")) != "own").any())


def check_orders(facts: Facts) -> None:
    """Orders due by each day fit through all docks, carriers and vans until then."""
    if not facts.has("orders"):
        return
    loads = due_loads(facts)
    sites = facts.table("sites")
    is_open = (sites["status"] == "open").to_numpy()
    dock = sites["outbound_units_per_day"].to_numpy(np.float64)[is_open]
    _check_due(facts, loads["units"], loads, float(dock.sum()), ORDERS_ABOVE_OUTBOUND)
    if facts.has("carrier_rates"):
        used = facts.known("carrier_rates.carrier_id")
        parcels = facts.attribute("carriers", "carrier_id", "capacity_per_day").reindex(used)
        one = pd.Series(1.0, index=loads.index)
        _check_due(facts, one, loads, float(parcels.to_numpy().sum()), ORDERS_ABOVE_CARRIERS)
    if facts.has("vehicles") and not third_parties(facts):
        vans = facts.filled("vehicles")
        trips = vans["count"] * vans["max_trips"]
        for unit, column in (("kg", "capacity_kg"), ("m3", "capacity_m3")):
            there = float((trips * vans[column]).to_numpy().sum())
            _check_due(facts, loads[unit], loads, there, ORDERS_ABOVE_VANS, unit=unit)


def _check_due(
    facts: Facts,
    amount: pd.Series,
    loads: pd.DataFrame,
    per_day: float,
    notice: Notice,
    **terms: str,
) -> None:
    """Note the due day on which most is asked for beyond what all days until then allow."""
    if np.isnan(per_day):  # somewhere there is no limit
        return
    due = amount.groupby(loads["day"]).sum().sort_index().cumsum()
    if not len(due):
        return
    days = (due.index - facts.start).days.to_numpy() + 1
    there = per_day * days
    wanted = due.to_numpy(np.float64)
    worst = int(np.argmax(wanted - there))
    if wanted[worst] > there[worst] * SLACK:
        gap = {name: value[0] for name, value in _gap(wanted[[worst]], there[[worst]]).items()}
        facts.note(notice, "orders", "due_to", day=due.index[worst], **gap, **terms)


RULES = (check_sites, check_suppliers, check_orders)
