"""What preparing for the festival would take, were there money and room for all of it."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import numpy as np
import pandas as pd

from scenarios.library.double_eleven.catalogue import Catalogue
from scenarios.library.double_eleven.demand import HERO, Demand
from scenarios.library.double_eleven.festivals import HORIZON_WEEKS, START, festival_pull
from scenarios.library.double_eleven.places import WAREHOUSES
from scenarios.library.double_eleven.purchasing import regional_need
from scenarios.library.double_eleven.wares import CATEGORIES

SAFETY = 2.0  # of the demand until an order of next week would arrive
MONEY_SHARE = 0.85
ROOM_SHARES = {"R1": 0.35, "R2": 0.9}  # of the room that full preparation would take
CITY_WEEKS = {"C1": 1.6}  # weeks of sales for which a city warehouse has room; others CITY_ROOM
CITY_ROOM = 3.0


class Preparation(NamedTuple):
    """The room and the money that the retailer gives itself.

    Attributes
    ----------
    storage : m3 by site
    money : CNY for tonight's orders
    """

    storage: dict[str, float]
    money: float


def prepare(
    catalogue: Catalogue,
    demand: Demand,
    offers: pd.DataFrame,
    position: dict[tuple[int, str], float],
) -> Preparation:
    """Return half of the money, and parts of the room, that full preparation would take.

    Parameters
    ----------
    position : units on hand and under way by product and site code
    """
    facts = catalogue.products
    volume, cost = facts["volume_m3"].to_numpy(), facts["unit_cost"].to_numpy()
    room = {site.code: 0.0 for site in WAREHOUSES}
    echelon: dict[tuple[int, str], float] = {}
    parent = {site.code: site.parent or site.code for site in WAREHOUSES}
    for (at, code), units in position.items():
        room[code] += float(volume[at]) * units
        echelon[at, parent[code]] = echelon.get((at, parent[code]), 0.0) + units
    money = 0.0
    for (at, code), units in festival_levels(catalogue, demand, offers).items():
        lacking = max(0.0, units - echelon.get((at, code), 0.0))
        money += MONEY_SHARE * lacking * float(cost[at])
        room[code] += ROOM_SHARES[code] * lacking * float(volume[at])
    for at, site_at, rate in zip(demand.product_at, demand.site_at, demand.rate, strict=True):
        site = WAREHOUSES[site_at]
        if site.parent:
            room[site.code] += (
                CITY_WEEKS.get(site.code, CITY_ROOM) * float(rate) * float(volume[at])
            )
    storage = {code: float(np.ceil(units / 5.0) * 5.0) for code, units in room.items()}
    return Preparation(storage, money)


def festival_levels(
    catalogue: Catalogue, demand: Demand, offers: pd.DataFrame
) -> dict[tuple[int, str], float]:
    """Return the level that covers the festival until next week's order arrives, with safety.

    Returns
    -------
    level : units by product and regional site, for products that are still bought
    """
    mondays = [START + dt.timedelta(weeks=week) for week in range(HORIZON_WEEKS)]
    pull = np.maximum(festival_pull(mondays), -0.3)
    first = offers[offers["priority"] == 1.0]
    days = {
        (str(row.product_id), str(row.site_id)): float(row.lead_time_mean_days)
        for row in first.itertuples()
    }
    ended = (catalogue.products["discontinued_on"] <= pd.Timestamp(START)).to_numpy()
    levels: dict[tuple[int, str], float] = {}
    for at, by_site in regional_need(catalogue, demand).items():
        product = str(catalogue.products["product_id"].iloc[at])
        uplift = CATEGORIES[int(catalogue.category_at[at])].uplift
        uplift *= HERO if catalogue.hero[at] else 1.0
        for code, weekly in by_site.items():
            if ended[at] or (product, code) not in days:
                continue
            weeks = (days[product, code] + 7.0) / 7.0
            covered = np.clip(weeks - np.arange(HORIZON_WEEKS), 0.0, 1.0)
            levels[at, code] = SAFETY * weekly * float(np.sum(covered * (1.0 + uplift * pull)))
    return levels
