"""Puts a buyer's scope into the typed arrays of the problem."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from optimizer.replenishment.buyer.calendar import Dates, read_dates, slowest_lanes
from optimizer.replenishment.buyer.case_limits import (
    Names,
    grams_per_unit,
    read_rules,
    read_storage,
)
from optimizer.replenishment.buyer.price_ranges import Ranges, price_ranges
from optimizer.replenishment.buyer.problem import Floats, Groups, Ints, Items, Options, Problem
from optimizer.replenishment.buyer.scope import Scope
from optimizer.replenishment.demand.cover import echelon_demand, row_sum
from optimizer.replenishment.facts import Facts

MOST_UNITS = 4000  # demand and stock of an item; beyond, it is planned in larger units
EDGE = 1e-6  # units; rounding of sums
GRAMS_PER_TONNE = 1e6


@dataclass(frozen=True, slots=True)
class Case:
    """The problem of a scope and what its arrays stand for.

    Attributes
    ----------
    unit : (n_items,) int64, base units of one unit of the problem; 1 but for very large items
    returned : (n_items, n_buckets) int64, units of the problem that customers send back and that
        are sold again; they are part of the receipts of the problem
    pair : (n_items,) row of `facts.pairs`
    offers : one row per option, its columns those of `facts.offers`; besides `mode` of the slowest
        lane (blank: none), `g_co2e` of bringing a base unit by it (NaN: not known), and `co2_cost`
        of the same [money, 0 where not known]
    dates : order_on and due_on of each option and bucket
    groups : supplier and site of each group
    names : of the rules and stores
    """

    problem: Problem
    unit: Ints
    returned: Ints
    pair: Ints
    offers: pd.DataFrame
    dates: Dates
    groups: pd.MultiIndex
    names: Names


def read_case(facts: Facts, scope: Scope) -> Case:
    """Return the problem of a scope."""
    offers = _with_terms(facts, scope.offers)
    dates = read_dates(facts, offers)
    pair, item = np.unique(offers["pair"].to_numpy(np.int64), return_inverse=True)
    offers = offers.assign(item=item)
    demand = echelon_demand(facts)[pair]
    floor, floor_price = safety_floor(facts, pair)
    stock = _stock(facts, pair)
    least = offers["least_lot"].to_numpy(np.int64)
    unit, most = _units(facts, offers, demand, floor, stock)
    step = np.maximum(offers["multiple"].to_numpy(np.int64), unit[item])
    low = -(-least // step) * step
    ranges = price_ranges(facts, offers, low, step, most[item])
    keep = np.diff(ranges.start) > 0
    if not keep.all():
        offers, dates = offers[keep].reset_index(drop=True), dates.of(np.flatnonzero(keep))
        ranges, step, item = ranges.of(keep), step[keep], item[keep]
    groups = pd.MultiIndex.from_frame(offers[["supplier_id", "site_id"]])
    names = groups.unique()
    returned = whole_flow(stock.returned, unit, 0.5)
    problem_items = _items(
        facts, pair, (demand, returned), floor, floor_price, stock, unit, most, offers
    )
    options = _options(offers, ranges, dates, names.get_indexer(groups), unit[item], step)
    limits, shown = read_rules(facts, scope.name, offers, unit[item])
    store, stores = read_storage(facts, pair, problem_items, unit)
    problem = Problem(problem_items, options, _groups(facts, names), limits, store)
    return Case(problem, unit, returned, pair, offers, dates, names, Names(shown, stores))


def safety_floor(facts: Facts, pair: Ints) -> tuple[Ints, Floats]:
    """Return safety stock, units, and what a unit under it costs in a bucket, money.

    The stock between mean demand and the newsvendor level of a protection interval; its price is
    the expected shortage that it saves, per unit and bucket.
    """
    rows = facts.pairs.iloc[pair]
    review = rows["review_days"].to_numpy(np.float64)
    holding = rows["holding_cost_per_unit_day"].to_numpy(np.float64) * review
    shortage = rows["shortage_cost"].to_numpy(np.float64)
    sd = rows["decision_sd"].to_numpy(np.float64)
    total = holding + shortage
    share = np.divide(shortage, total, out=np.zeros(len(pair)), where=total > 0.0)
    reach = np.maximum(ndtri(np.clip(share, 1e-9, 1.0 - 1e-9)), 0.0)
    floor = np.floor(reach * sd + 0.5 + EDGE).astype(np.int64)
    z = np.divide(floor, sd, out=np.zeros(len(pair)), where=sd > 0.0)
    density = np.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
    saved = sd * (1.0 / math.sqrt(2.0 * math.pi) - density + z * ndtr(-z))
    length = facts.scenario.settings.bucket_days
    price = shortage * saved / np.maximum(floor, 1) * length / review
    return floor, np.where(floor > 0, price, 0.0)


@dataclass(frozen=True, slots=True)
class _Stock:
    """Opening stock (n_items,), units on order and units that come back, not yet whole.

    The latter two are (n_items, n_buckets), base units.
    """

    opening: Floats
    receipts: Floats
    returned: Floats


def _with_terms(facts: Facts, offers: pd.DataFrame) -> pd.DataFrame:
    """Add the product's numbers, whole multiples and the least lot of each offer."""
    products = facts.scenario.table("products").set_index("product_id")
    multiple = offers["order_multiple"].to_numpy(np.float64)
    offers = offers[(multiple > 0.0) & (np.abs(multiple - np.rint(multiple)) < EDGE)].copy()
    whole = np.rint(offers["order_multiple"].to_numpy(np.float64)).astype(np.int64)
    least = np.ceil(np.maximum(offers["moq"].to_numpy(np.float64), whole) / whole - EDGE)
    for column, source in (("kg", "weight_kg"), ("m3", "volume_m3")):
        offers[column] = products[source].reindex(offers["product_id"]).to_numpy(np.float64)
    for column in ("category", "discontinued_on", "shelf_life_days"):
        offers[column] = products[column].reindex(offers["product_id"]).to_numpy()
    mode, grams = grams_per_unit(facts.scenario, offers)
    price = facts.scenario.settings.co2_price_per_tonne / GRAMS_PER_TONNE
    return offers.assign(
        multiple=whole,
        least_lot=least.astype(np.int64) * whole,
        duty=1.0 + offers["duty_pct"].to_numpy(np.float64) / 100.0,
        brings=offers["fill_rate"] * (1.0 - offers["defect_rate"]),
        mode=mode,
        g_co2e=grams,
        co2_cost=price * np.nan_to_num(grams),
    ).reset_index(drop=True)


def _stock(facts: Facts, pair: Ints) -> _Stock:
    """Return free stock, what open orders bring and what comes back, fed pairs included."""
    settings = facts.scenario.settings
    horizon, length = settings.horizon_buckets, settings.bucket_days
    orders = facts.scenario.table("open_orders")
    index = pd.MultiIndex.from_frame(facts.pairs[["site_id", "product_id"]])
    row = index.get_indexer(pd.MultiIndex.from_frame(orders[["site_id", "product_id"]]))
    days = (orders["due_on"] - pd.Timestamp(settings.start_date)).dt.days.fillna(0.0)
    bucket = np.maximum(np.floor(days.to_numpy(np.float64) / length), 0.0).astype(np.int64)
    known = (row >= 0) & (bucket < horizon)
    root = facts.pairs["root"].to_numpy(np.int64)[row[known]]
    grid = np.zeros((len(facts.pairs), horizon))
    np.add.at(grid, (root, bucket[known]), orders["qty"].to_numpy(np.float64)[known])
    back = np.zeros_like(grid)
    if facts.returning is not None:
        own = facts.returning.by_bucket(horizon, length)[0]
        np.add.at(back, facts.pairs["root"].to_numpy(np.int64), own)
    return _Stock(np.maximum(row_sum(facts, "free")[pair], 0.0), grid[pair], back[pair])


def _units(
    facts: Facts, offers: pd.DataFrame, demand: Floats, floor: Ints, stock: _Stock
) -> tuple[Ints, Ints]:
    """Return the unit in which each item is planned and the most stock it may have, base units."""
    item = offers["item"].to_numpy(np.int64)
    count = len(demand)
    length = facts.scenario.settings.bucket_days
    life = np.full(count, np.inf)
    life[item] = offers["shelf_life_days"].to_numpy(np.float64)
    buckets = np.where(np.isnan(life), np.inf, np.maximum(np.ceil(life / length), 1.0))
    lot = np.zeros(count)
    np.maximum.at(lot, item, offers["least_lot"].to_numpy(np.float64))
    np.maximum.at(lot, item, _largest_break(facts, offers))
    asked = np.array(
        [_largest_window(row, width) for row, width in zip(demand, buckets.tolist(), strict=True)]
    )
    coming = stock.receipts + stock.returned
    flow = stock.opening[:, None] + np.cumsum(coming, axis=1)
    before = np.concatenate([np.zeros((count, 1)), np.cumsum(demand, axis=1)[:, :-1]], axis=1)
    lost = np.maximum(np.maximum.accumulate(before - flow, axis=1), 0.0)
    bare = np.maximum((flow - before + lost).max(axis=1), stock.opening)
    most = np.ceil(np.maximum(asked + floor + lot, bare)).astype(np.int64) + 2
    unit = np.ones(count, np.int64)
    size = demand.sum(axis=1) + stock.opening + coming.sum(axis=1)
    for at in np.flatnonzero(size > MOST_UNITS):
        multiples = offers["multiple"].to_numpy(np.int64)[item == at].tolist()
        unit[at] = planning_unit(math.ceil(size[at] / MOST_UNITS - EDGE), multiples)
    return unit, -(-most // unit) * unit + unit


def planning_unit(least: int, multiples: list[int]) -> int:
    """Return the smallest unit of at least `least` that divides each multiple or is one of it."""
    unit = least
    while any(unit % multiple and multiple % unit for multiple in multiples):
        unit += 1
    return unit


def _largest_window(demand: Floats, width: float) -> float:
    """Return the most demand in so many buckets in a row."""
    if width >= len(demand):
        return float(demand.sum())
    total = np.concatenate([[0.0], np.cumsum(demand)])
    return float((total[int(width) :] - total[: -int(width)]).max())


def _largest_break(facts: Facts, offers: pd.DataFrame) -> Floats:
    """Return the quantity of each offer's last price break, rounded up to its multiple."""
    breaks = facts.scenario.table("price_breaks")
    top = breaks.groupby(["supplier_id", "product_id"])["min_qty"].max()
    at = pd.MultiIndex.from_frame(offers[["supplier_id", "product_id"]])
    quantity = top.reindex(at).fillna(0.0).to_numpy(np.float64)
    step = offers["multiple"].to_numpy(np.float64)
    result: Floats = np.ceil(quantity / step - EDGE) * step
    return result


def whole_flow(flow: Floats, unit: Ints, extra: float) -> Ints:
    """Return whole units per bucket whose running sum is the flow's, rounded down after `extra`."""
    running = np.floor(np.cumsum(flow, axis=1) / unit[:, None] + extra + EDGE).astype(np.int64)
    return np.diff(running, axis=1, prepend=0)


def _items(
    facts: Facts,
    pair: Ints,
    flows: tuple[Floats, Ints],
    floor: Ints,
    floor_price: Floats,
    stock: _Stock,
    unit: Ints,
    most: Ints,
    offers: pd.DataFrame,
) -> Items:
    demand, returned = flows
    rows = facts.pairs.iloc[pair]
    length = facts.scenario.settings.bucket_days
    least = np.full(len(pair), np.inf)
    np.minimum.at(least, offers["item"].to_numpy(np.int64), _least_price(facts, offers))
    least = np.where(np.isfinite(least), least, 0.0)
    each = rows["holding_cost_per_unit_day"].to_numpy(np.float64) * length
    return Items(
        demand=whole_flow(demand, unit, 0.5),
        receipts=whole_flow(stock.receipts, unit, 0.0) + returned,
        opening=np.floor(stock.opening / unit + EDGE).astype(np.int64),
        holding=each * unit,
        lost=(rows["shortage_cost"].to_numpy(np.float64) + least) * unit,
        floor=np.floor(floor / unit + 0.5 + EDGE).astype(np.int64),
        floor_price=floor_price * unit,
        end_value=least * unit,
        most_stock=most // unit,
    )


def _least_price(facts: Facts, offers: pd.DataFrame) -> Floats:
    """Return the lowest unit price of each offer, breaks and duty included."""
    breaks = facts.scenario.table("price_breaks")
    lowest = breaks.groupby(["supplier_id", "product_id"])["unit_cost"].min()
    at = pd.MultiIndex.from_frame(offers[["supplier_id", "product_id"]])
    at_break = lowest.reindex(at).to_numpy(np.float64) * offers["index_factor"].to_numpy(np.float64)
    price = np.fmin(offers["unit_cost"].to_numpy(np.float64), at_break)
    result: Floats = price * offers["duty"].to_numpy(np.float64)
    return result


def _options(
    offers: pd.DataFrame,
    ranges: Ranges,
    dates: Dates,
    group: NDArray[np.int64],
    unit: Ints,
    step: Ints,
) -> Options:
    lane = np.repeat(unit, np.diff(ranges.start))
    scale = unit.astype(np.float64)
    way = offers["kg"] * dates.lane["cost_per_kg"] + offers["m3"] * dates.lane["cost_per_m3"]
    return Options(
        item=offers["item"].to_numpy(np.int64),
        group=group.astype(np.int64),
        multiple=step // unit,
        brings=offers["brings"].to_numpy(np.float64),
        arrival=dates.arrival,
        line_cost=np.zeros(len(offers)),
        unit_cost=(way + dates.lane["cost_per_unit"] + offers["co2_cost"]).to_numpy(np.float64)
        * scale,
        kg=offers["kg"].to_numpy(np.float64) * scale,
        m3=offers["m3"].to_numpy(np.float64) * scale,
        segment_start=ranges.start,
        low=ranges.low // lane,
        high=ranges.high // lane,
        price=ranges.price * lane,
        offset=ranges.offset,
    )


def _groups(facts: Facts, names: pd.MultiIndex) -> Groups:
    """Return each order's terms: the largest where rows differ, and those of the slowest lane."""
    terms = facts.offers.groupby(["supplier_id", "site_id"])[["order_cost", "min_order_value"]]
    largest = terms.max().reindex(names)
    lane = slowest_lanes(facts.scenario, names)
    return Groups(
        order_cost=largest["order_cost"].to_numpy(np.float64),
        minimum=largest["min_order_value"].to_numpy(np.float64),
        per_shipment=lane["cost_per_shipment"].to_numpy(np.float64),
        shipment_kg=lane["shipment_kg"].fillna(np.inf).to_numpy(np.float64),
        shipment_m3=lane["shipment_m3"].fillna(np.inf).to_numpy(np.float64),
        min_fill=lane["min_fill_pct"].fillna(0.0).to_numpy(np.float64) / 100.0,
    )
