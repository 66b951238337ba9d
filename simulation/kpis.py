"""Key figures of a case: one value per replication, by name and scope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from simulation.arrays import Floats, Places, Sums
from simulation.daily import DAILY
from simulation.kernels import rows as at
from simulation.kernels.fulfilment import IN_FULL, ON_TIME, ORDERS, SHIPPED, SPLIT
from simulation.ledger import Record
from simulation.world import World

RECOVERY_LEVEL = 0.95  # of the undisturbed service of the same day
RECOVERY_DAYS = 3  # so many days in a row count as recovered


@dataclass(frozen=True, slots=True)
class Measure:
    """What a KPI means.

    Attributes
    ----------
    scopes : words of the scopes it is known for; "all" is the whole network
    more_is_better : which way a gate usually points
    """

    meaning: str
    unit: str
    scopes: tuple[str, ...] = ("all",)
    more_is_better: bool = False


_PLACES = ("all", "site")
KPIS: Mapping[str, Measure] = {
    "fill_rate": Measure(
        "units served from stock on the day / units demanded (type 2); of a channel: units of"
        " stock granted to it, before a narrow dock", "share",
        ("all", "site", "category", "class", "product", "channel"), more_is_better=True,
    ),
    "cycle_service": Measure(
        "replenishment cycles without a stockout / cycles (type 1)", "share", _PLACES,
        more_is_better=True,
    ),
    "demand_units": Measure("units demanded", "units", _PLACES),
    "short_units": Measure("units lost, or backordered where shortages wait", "units", _PLACES),
    "backlog_units": Measure("average units owed to customers", "units", _PLACES),
    "stock_units": Measure("average units on the shelf", "units", _PLACES),
    "stock_value": Measure("average stock at cost", "money", _PLACES),
    "cost_holding": Measure("cost of holding stock", "money", _PLACES),
    "cost_shortage": Measure("units short x their shortage cost", "money", _PLACES),
    "cost_ordering": Measure("fixed costs of orders to suppliers", "money"),
    "cost_transport": Measure("freight on lanes", "money"),
    "cost_handling": Measure("handling of units that leave sites", "money", _PLACES),
    "cost_response": Measure("what playbooks cost", "money"),
    "cost_destroyed": Measure("goods burnt, outdated or recalled, at cost", "money"),
    "value_recovered": Measure("money got for what customers sent back", "money"),
    "cost_operating": Measure(
        "holding, shortage, ordering, transport, handling, response and goods destroyed, less the"
        " value recovered", "money",
    ),
    "otif": Measure(
        "orders in full on the day, all parcels within the promise / orders", "share",
        more_is_better=True,
    ),
    "order_fill_rate": Measure(
        "orders in full on the day / orders", "share", more_is_better=True
    ),
    "split_rate": Measure("orders shipped in several parcels / orders shipped", "share"),
    "co2_kg": Measure("kg CO2e of transport to sites, and of sites that state theirs", "kg"),
    "cost_purchase": Measure("goods bought, without price breaks", "money"),
    "worst_day_service": Measure(
        "lowest share of a day's demand served", "share", more_is_better=True
    ),
    "service_loss_days": Measure("undisturbed less disturbed service, summed over days", "days"),
    "recovery_days": Measure(
        "days from the first strike until service is back for 3 days", "days"
    ),
    "not_recovered": Measure("service is not back by the end of the horizon", "share"),
}  # fmt: skip
DAYS = tuple(DAILY)
ORDER_KPIS = ("otif", "order_fill_rate", "split_rate")
CHANGES = ("fill_rate", "short_units", "stock_value", "cost_operating", "cost_purchase")
KNOWN = (*KPIS, *(f"{name}_change" for name in CHANGES))

Values = dict[tuple[str, str], Floats]


def measure(world: World, record: Record, baseline: Record, products: tuple[str, ...]) -> Values:
    """Return every KPI of a case, (R,) float64 by name and scope.

    Parameters
    ----------
    baseline : the same replications undisturbed
    products : product ids whose fill rate is wanted
    """
    values: Values = {}
    _service(world, record, values)
    _groups(world, record, products, values)
    _stock_and_cost(world, record, values)
    if world.orders is not None:
        _orders(record, values)
    share = daily_service(record)
    calm = daily_service(baseline)
    values["worst_day_service", "all"] = share.min(axis=0)
    values["service_loss_days", "all"] = np.maximum(calm - share, 0.0).sum(axis=0)
    days, lasting = _recovery(share, calm, record.onset, world.ticks_per_day)
    values["recovery_days", "all"] = days
    values["not_recovered", "all"] = lasting
    return values


def add_changes(values: Values, undisturbed: Values) -> None:
    """Add the paired differences against the same replications undisturbed."""
    for name in CHANGES:
        values[f"{name}_change", "all"] = values[name, "all"] - undisturbed[name, "all"]


def daily_service(record: Record) -> Floats:
    """Return (T, R) share of each day's demand served; 1 on a day without demand."""
    return _share(record.served, record.demand)


def _share(part: Sums, whole: Sums) -> Floats:
    result: Floats = np.where(whole > 0, part / np.maximum(whole, 1), 1.0)
    return result


def _orders(record: Record, values: Values) -> None:
    tallies = record.orders
    values["otif", "all"] = _share(tallies[ON_TIME], tallies[ORDERS])
    values["order_fill_rate", "all"] = _share(tallies[IN_FULL], tallies[ORDERS])
    parts = np.where(tallies[SHIPPED] > 0, tallies[SPLIT] / np.maximum(tallies[SHIPPED], 1), 0.0)
    values["split_rate", "all"] = parts


def _service(world: World, record: Record, values: Values) -> None:
    rows = record.site_rows
    n_ticks = world.n_ticks
    for scope, part in _by_place(world, rows):
        values["fill_rate", scope] = _share(part[at.SERVED], part[at.DEMAND])
        good = part[at.CYCLES] - part[at.SHORT_CYCLES]
        values["cycle_service", scope] = _share(good, part[at.CYCLES])
        values["demand_units", scope] = part[at.DEMAND].astype(np.float64)
        values["short_units", scope] = part[at.SHORT].astype(np.float64)
        values["backlog_units", scope] = part[at.BACKLOG] / n_ticks
        values["stock_units", scope] = part[at.ON_HAND] / n_ticks


def _by_place(world: World, rows: Sums) -> list[tuple[str, Sums]]:
    places: list[tuple[str, Sums]] = [("all", rows.sum(axis=0))]
    return places + [(f"site:{site.site_id}", rows[i]) for i, site in enumerate(world.sites)]


def _groups(world: World, record: Record, products: tuple[str, ...], values: Values) -> None:
    served = record.product_demand - record.product_short
    stocked = np.zeros(len(world.product_ids), np.bool_)
    for site in world.sites:
        stocked[site.product] = True
    for word, names in (("category", world.categories), ("class", world.classes)):
        labels = np.array(names, dtype=object)
        for name in sorted({label for label in labels[stocked[: len(labels)]] if label}):
            at_name = labels == name
            demand = record.product_demand[at_name].sum(axis=0)
            values["fill_rate", f"{word}:{name}"] = _share(served[at_name].sum(axis=0), demand)
    for c, name in enumerate(world.channel_names):
        asked, granted = record.channels[c]
        values["fill_rate", f"channel:{name}"] = _share(granted, asked)
    place = {product: i for i, product in enumerate(world.product_ids)}
    for product in products:
        i = place[product]
        values["fill_rate", f"product:{product}"] = _share(served[i], record.product_demand[i])


def _stock_and_cost(world: World, record: Record, values: Values) -> None:
    names = ("stock_value", "cost_holding", "cost_shortage", "cost_handling")
    totals = {name: np.zeros(record.n_replications) for name in names}
    for i, site in enumerate(world.sites):
        rows = record.site_rows[i]
        scales = world.money_scales[i]
        here = {
            "stock_value": rows[at.VALUE] / scales[at.BY_VALUE] / world.n_ticks,
            "cost_holding": rows[at.HOLDING] / scales[at.BY_HOLDING],
            "cost_shortage": rows[at.SHORTAGE] / scales[at.BY_SHORTAGE],
            "cost_handling": (rows[at.ISSUED] + rows[at.SHIPPED]) * site.handling,
        }
        for name in names:
            values[name, f"site:{site.site_id}"] = here[name]
            totals[name] = totals[name] + here[name]
    for name in names:
        values[name, "all"] = totals[name]
    values["cost_ordering", "all"] = record.ordering
    values["cost_transport", "all"] = record.transport
    values["cost_purchase", "all"] = record.purchase
    values["cost_response", "all"] = record.response
    parts = (
        "cost_holding", "cost_shortage", "cost_ordering", "cost_transport", "cost_handling",
        "cost_response", "cost_destroyed",
    )  # fmt: skip
    for name, day in (
        ("cost_destroyed", "destroyed"), ("value_recovered", "recovered"), ("co2_kg", "co2_kg"),
    ):  # fmt: skip
        values[name, "all"] = np.add.accumulate(record.days[DAYS.index(day)], axis=0)[-1]
    operating = -values["value_recovered", "all"]
    for name in parts:
        operating = operating + values[name, "all"]
    values["cost_operating", "all"] = operating


def _recovery(
    share: Floats, calm: Floats, onset: Places, ticks_per_day: int
) -> tuple[Floats, Floats]:
    """Return days until service is back, and 1.0 where it is not by the end, per replication.

    A day is low when service is under 95 % of the same day undisturbed. Back is the first day after
    the first low one that begins 3 days (or all that are left) of which none is low.
    """
    low = share < RECOVERY_LEVEL * calm
    n_ticks, n_replications = low.shape
    days = np.zeros(n_replications)
    lasting = np.zeros(n_replications)
    for r in range(n_replications):
        if onset[r] < 0:
            continue
        hit = np.flatnonzero(low[onset[r] :, r])
        if not len(hit):
            continue
        tick = int(onset[r] + hit[0])
        while tick < n_ticks and low[tick : tick + RECOVERY_DAYS * ticks_per_day, r].any():
            tick += 1
        days[r] = (tick - onset[r]) / ticks_per_day
        lasting[r] = float(tick >= n_ticks)
    return days, lasting
