"""The facts of a buyer's plan, as the referee reads them: items, demand by bucket, stock, dates.

Built again from the scenario; nothing is shared with the engine.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.audit.offers import PAIR, read_options
from optimizer.audit.tonight import (
    buying_sites,
    feeding_sites,
    read_tonight,
    returns_counted,
    site_forecast,
)
from scenarios import Scenario
from scenarios.semantics.calendars import WorkingDays, order_weekdays
from scenarios.semantics.defaults import inventory_policies
from scenarios.semantics.returns import resold_shares

Floats = NDArray[np.float64]

MOST_ITEMS = 500
MOST_UNITS = 4000.0  # demand and stock of an item; beyond, it is planned in larger units
EDGE = 1e-6  # units; rounding of sums


@dataclass(frozen=True, slots=True)
class BuyerFacts:
    """Items of a scope.

    Attributes
    ----------
    items : site_id, product_id, category, m3, unit, opening, holding [money per unit and bucket],
        shortage [money per unit, net], least [money per unit], floor [units], floor_price
        [money per unit and bucket], own [units on hand and on order at the site itself]
    demand, receipts : (n_items, n_buckets) units, whole multiples of `unit`; `receipts`: open
        orders and what comes back
    returned : (n_items, n_buckets) units that come back from customers and are sold again
    offers : the options in play
    expected : how many items the scope has, at most MOST_ITEMS
    """

    items: pd.DataFrame
    demand: Floats
    receipts: Floats
    returned: Floats
    offers: pd.DataFrame
    expected: int


def read_buyer(
    scenario: Scenario, tables: Mapping[str, pd.DataFrame], scope: str, listed: pd.DataFrame
) -> BuyerFacts:
    """Build the facts of the items that a plan lists, as far as they belong to the scope.

    Parameters
    ----------
    listed : site_id, product_id of the plan's items
    """
    tonight = read_tonight(scenario, tables)
    mean, free, coming, own, back = _by_item(scenario, tables, tonight.pairs)
    sites = scenario.table("sites").set_index("site_id")["status"]
    options = tonight.options
    usable = options["fill_rate"] * (1.0 - options["defect_rate"]) > 0.0
    first = options[options["primary"]].set_index(PAIR)
    options = options[usable & (sites.reindex(options["site_id"]) == "open").to_numpy(bool)]
    at = pd.MultiIndex.from_frame(options[PAIR])
    options = options.assign(first=first["supplier_id"].reindex(at).to_numpy(object))
    everything = pd.MultiIndex.from_frame(tonight.pairs[PAIR])
    spend = pd.Series(mean.sum(axis=1), everything) * first["landed"].reindex(everything).fillna(0)
    offers = _in_scope(scenario, options, spend, scope)
    inside = pd.MultiIndex.from_frame(offers[PAIR]).unique()
    kept = pd.MultiIndex.from_frame(listed[PAIR])
    kept = kept[kept.isin(inside)]
    offers = offers[pd.MultiIndex.from_frame(offers[PAIR]).isin(kept)].reset_index(drop=True)
    place = everything.get_indexer(kept)
    pairs = tonight.pairs.iloc[place].reset_index(drop=True)
    products = scenario.table("products").set_index("product_id")
    rows = mean[place], np.maximum(free[place], 0.0), coming[place]
    unit = _units(offers, kept, (rows[0], rows[1], rows[2] + back[place]))
    returned = _whole(back[place], unit, 0.5)
    length = scenario.settings.bucket_days
    floor, floor_price = _safety(pairs, length)
    least = _least(scenario, offers).reindex(kept).to_numpy(np.float64)
    items = pairs[PAIR].assign(
        category=products["category"].reindex(pairs["product_id"]).to_numpy(object),
        m3=products["volume_m3"].reindex(pairs["product_id"]).to_numpy(np.float64),
        unit=unit,
        opening=np.floor(rows[1] / unit + EDGE) * unit,
        holding=(pairs["holding"] / pairs["review_days"]).to_numpy(np.float64) * length,
        shortage=pairs["shortage"].to_numpy(np.float64),
        least=least,
        floor=np.floor(floor / unit + 0.5 + EDGE) * unit,
        floor_price=floor_price,
        own=own[place],
    )
    return BuyerFacts(
        items,
        _whole(rows[0], unit, 0.5),
        _whole(rows[2], unit, 0.0) + returned,
        returned,
        offers,
        min(len(inside), MOST_ITEMS),
    )


def order_dates(
    scenario: Scenario, offer: pd.Series, order_on: pd.Timestamp
) -> tuple[bool, pd.Timestamp]:
    """Say whether an offer takes orders on a day, and return when such an order is due."""
    calendars = scenario.table("suppliers").set_index("supplier_id")["calendar_id"]
    name = calendars.get(offer["supplier_id"])
    lead = math.ceil(float(offer["lead_time_mean_days"]))
    day = np.datetime64(order_on, "D")
    leaves = WorkingDays(scenario).add(name if isinstance(name, str) else None, day, lead)
    lane = slowest_lane(scenario, str(offer["supplier_id"]), str(offer["site_id"]))
    transit = 0 if lane is None else math.ceil(float(lane["transit_mean_days"]))
    open_day = order_on.isoweekday() in order_weekdays(offer["order_weekdays"])
    return open_day, pd.Timestamp(leaves) + pd.Timedelta(days=transit)


def slowest_lane(scenario: Scenario, supplier: str, site: str) -> pd.Series | None:
    """Return the slowest lane from a supplier to a site; None where there is none."""
    lanes = scenario.filled("lanes")
    found = lanes[(lanes["origin_id"] == supplier) & (lanes["destination_id"] == site)]
    if not len(found):
        return None
    slow = found.sort_values(["transit_mean_days", "transit_sd_days"], kind="stable")
    longest = slow["transit_mean_days"].max()
    slow = slow[slow["transit_mean_days"] == longest]
    slow = slow[slow["transit_sd_days"] == slow["transit_sd_days"].max()]
    return slow.iloc[0]


def _by_item(
    scenario: Scenario, tables: Mapping[str, pd.DataFrame], counted: pd.DataFrame
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return demand, free stock, open orders, own stock and what comes back of the counted pairs.

    Those of the pairs that they feed are added, except in own stock. Demand, open orders and what
    comes back are by bucket.
    """
    settings = scenario.settings
    start, length, horizon = (
        pd.Timestamp(settings.start_date), settings.bucket_days, settings.horizon_buckets,
    )  # fmt: skip
    forecast = site_forecast(scenario, tables.get("forecast"))
    forecast = forecast[forecast["product_id"].isin(set(scenario.table("products")["product_id"]))]
    wanted = pd.concat([forecast[PAIR], counted[PAIR]], ignore_index=True).drop_duplicates()
    pairs, _ = inventory_policies(scenario, wanted)
    options = read_options(scenario, pairs)
    root = buying_sites(scenario, pairs, options, feeding_sites(scenario))
    index = pd.MultiIndex.from_frame(counted[PAIR])
    place = index.get_indexer(pd.MultiIndex.from_arrays([root, pairs["product_id"]]))
    at = pd.MultiIndex.from_frame(pairs[PAIR])

    bucket = (forecast["bucket"] - start).dt.days // length
    ahead = forecast.assign(place=bucket)[bucket >= 0]
    grid = np.zeros((len(pairs), max(int(ahead["place"].max()) + 1 if len(ahead) else 1, horizon)))
    row = at.get_indexer(pd.MultiIndex.from_frame(ahead[PAIR]))
    np.add.at(grid, (row, ahead["place"].to_numpy()), ahead["mean"].to_numpy(np.float64))
    last = pd.Series(ahead["place"].to_numpy(), row).groupby(level=0).max()
    for pair, end in last.items():
        grid[pair, int(end) + 1 :] = grid[pair, int(end)]

    stock = scenario.filled("inventory")
    fresh = ~(stock["expires_on"] <= start)
    free = (stock["on_hand"] - stock["reserved"] - stock["quarantined"]).where(fresh, 0.0)
    orders = scenario.table("open_orders")
    late = ((orders["due_on"] - start).dt.days // length).fillna(0.0).clip(lower=0.0).astype(int)

    def total(frame: pd.DataFrame, values: Floats) -> Floats:
        of = at.get_indexer(pd.MultiIndex.from_frame(frame[PAIR]))
        return np.bincount(of[of >= 0], values[of >= 0], minlength=len(pairs)).astype(np.float64)

    own_free = total(stock, free.to_numpy(np.float64))
    own_coming = total(orders, orders["qty"].to_numpy(np.float64))
    coming = np.zeros((len(pairs), horizon))
    of = at.get_indexer(pd.MultiIndex.from_frame(orders[PAIR]))
    soon = (of >= 0) & (late < horizon).to_numpy(bool)
    np.add.at(coming, (of[soon], late.to_numpy()[soon]), orders["qty"].to_numpy(np.float64)[soon])
    joined = [np.zeros((len(counted), horizon)), np.zeros(len(counted)), np.zeros_like(coming)]
    joined[2] = np.zeros((len(counted), horizon))
    known = place >= 0
    np.add.at(joined[0], place[known], grid[known, :horizon])
    np.add.at(joined[1], place[known], own_free[known])
    np.add.at(joined[2], place[known], coming[known])
    own = pd.Series(np.maximum(own_free, 0.0) + own_coming, at).reindex(index).fillna(0.0)
    back = np.zeros((len(counted), horizon + 1))
    if len(resold_shares(scenario)):
        count = returns_counted(scenario, tables)
        for end in range(1, horizon + 1):
            came, _ = count(pairs, np.full(len(pairs), float(end * length)))
            np.add.at(back[:, end], place[known], came[known])
    returned = np.diff(back, axis=1)
    return joined[0], joined[1], joined[2], own.to_numpy(np.float64), returned


def _in_scope(
    scenario: Scenario, options: pd.DataFrame, spend: pd.Series, scope: str
) -> pd.DataFrame:
    """Return the options in play; a blank scope is the supplier with the largest spend."""
    if not scope:
        money = spend.reindex(pd.MultiIndex.from_frame(options[PAIR])).to_numpy(np.float64)
        main = options.assign(money=money)[options["primary"].to_numpy(bool)]
        scope = f"supplier:{main.groupby('supplier_id')['money'].sum().idxmax()}"
    kind, _, name = scope.partition(":")
    if kind == "supplier":
        mask = (options["supplier_id"] == name) & (options["first"] == name)
    else:
        category = scenario.table("products").set_index("product_id")["category"]
        mask = pd.Series(
            category.reindex(options["product_id"]).to_numpy(object) == name, options.index
        )
    multiple = options["order_multiple"].astype(float)
    whole = (multiple > 0) & ((multiple - multiple.round()).abs() < EDGE)
    return options[mask & whole].reset_index(drop=True)


def _units(
    offers: pd.DataFrame, items: pd.MultiIndex, rows: tuple[Floats, Floats, Floats]
) -> Floats:
    """Return the unit of each item: 1, or one that divides or is a multiple of its lots."""
    size = rows[0].sum(axis=1) + rows[1] + rows[2].sum(axis=1)
    lots = offers["order_multiple"].groupby([offers[key] for key in PAIR]).apply(list)
    units = []
    for key, units_of_demand in zip(items, size.tolist(), strict=True):
        unit = 1
        if units_of_demand > MOST_UNITS:
            unit = math.ceil(units_of_demand / MOST_UNITS - EDGE)
            while any(unit % int(lot) and int(lot) % unit for lot in lots[key]):
                unit += 1
        units.append(unit)
    return np.array(units, np.float64)


def _whole(flow: Floats, unit: Floats, extra: float) -> Floats:
    """Return a flow in whole units whose running sum follows the stated one."""
    running = np.floor(np.cumsum(flow, axis=1) / unit[:, None] + extra + EDGE)
    whole: Floats = np.diff(running, axis=1, prepend=0.0) * unit[:, None]
    return whole


def _safety(pairs: pd.DataFrame, length: int) -> tuple[Floats, Floats]:
    """Return safety stock and the price of a unit under it in a bucket."""
    from scipy.stats import norm

    floors, prices = [], []
    for row in pairs.itertuples():
        fractile = row.shortage / (row.shortage + row.holding) if row.shortage > 0 else 0.0
        reach = max(float(norm.ppf(min(max(fractile, 1e-9), 1 - 1e-9))), 0.0)
        floor = math.floor(reach * row.sd + 0.5 + EDGE)
        price = 0.0
        if floor > 0:
            z = floor / row.sd
            short = float(norm.pdf(z) - z * norm.sf(z))
            saved = row.sd * (float(norm.pdf(0.0)) - short)
            price = row.shortage * saved / floor * length / row.review_days
        floors.append(floor)
        prices.append(price)
    return np.array(floors, np.float64), np.array(prices, np.float64)


def _least(scenario: Scenario, offers: pd.DataFrame) -> pd.Series:
    """Return the lowest landed price of each item among the options in play."""
    breaks = scenario.table("price_breaks")
    lowest = breaks.groupby(["supplier_id", "product_id"])["unit_cost"].min()
    at = pd.MultiIndex.from_frame(offers[["supplier_id", "product_id"]])
    at_break = lowest.reindex(at).to_numpy(np.float64) * offers["moved"]
    price = np.fmin(offers["unit_cost"], at_break)
    price = price * (1.0 + offers["duty_pct"] / 100.0)
    least: pd.Series = price.groupby([offers[key] for key in PAIR]).min()
    return least
