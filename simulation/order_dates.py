"""When goods must be ordered at the latest to be there on a day, supplier by supplier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from simulation.arrays import Flags
from simulation.days import working_days
from simulation.world import Lane, World

SURE: Final = 0.95  # each lead time and each transit is not longer than counted, with this chance
FURTHEST: Final = 400  # days before the start that are looked at


@dataclass(frozen=True, slots=True)
class LatestOrder:
    """By when a supplier must have the orders of some goods.

    Attributes
    ----------
    supplier_id : "" for goods that nobody supplies
    latest : tick; before 0 it is too late; None: not within FURTHEST days
    goods : product-locations that it supplies; in_time: of them, if ordered tonight
    """

    supplier_id: str
    latest: int | None
    goods: int
    in_time: int


def latest_orders(world: World, goods: Sequence[Flags], day: int) -> tuple[LatestOrder, ...]:
    """Return the latest order tick of each supplier for goods that are to be there on a day.

    Goods go the way that policies order them first, through feeding sites to the supplier, each leg
    as long as SURE of its lead times; a supplier takes orders and hands over on its days alone.

    Parameters
    ----------
    goods : per site (K,)
    """
    found: dict[str, list[int | None]] = {}
    for i, flags in enumerate(goods):
        for k in np.flatnonzero(flags).tolist():
            supplier, tick = _latest(world, i, k, day)
            found.setdefault(supplier, []).append(tick)
    made = []
    for supplier, ticks in sorted(found.items()):
        known = [tick for tick in ticks if tick is not None]
        made.append(
            LatestOrder(
                supplier,
                min(known) if len(known) == len(ticks) else None,
                len(ticks),
                sum(tick >= 0 for tick in known),
            )
        )
    return tuple(made)


def _latest(world: World, site: int, sku: int, day: int) -> tuple[str, int | None]:
    """Return who supplies an SKU, and the last tick of an order that is there in time."""
    product = int(world.sites[site].product[sku])
    for j in world.in_lanes[site]:
        lane = world.lanes[j]
        column = np.flatnonzero((lane.into == sku) & lane.first)
        if not len(column):
            continue
        leaves = _departure(world, lane, int(column[0]), day)
        if lane.supplier >= 0:
            return world.suppliers[lane.supplier].supplier_id, leaves
        feeder = np.flatnonzero(world.sites[lane.origin].product == product)
        if leaves is None or not len(feeder):
            return lane.origin_id, leaves
        return _latest(world, lane.origin, int(feeder[0]), leaves)
    return "", None


def _departure(world: World, lane: Lane, column: int, day: int) -> int | None:
    """Return the last tick at which goods may leave to be there on a day; at least a day before."""
    lead = _longest(lane.lead_table[lane.lead_rows[column]])
    transit = _longest(lane.transit)
    for tick in range(day - 1, -FURTHEST, -1):
        weekday = (world.first_weekday - 1 + tick) % 7
        if lane.takes is not None and not lane.takes[weekday, column]:
            continue
        days = lead
        if lane.working is not None and tick >= 0:
            if tick < len(lane.working) and not lane.working[tick]:
                continue
            days = int(working_days(lane.working, tick, lead + 1)[-1])
        if tick + max(days + transit, 1) <= day:
            return tick
    return None


def _longest(ticks: np.ndarray[tuple[int], np.dtype[np.int32]]) -> int:
    return int(np.quantile(ticks, SURE, method="higher"))
