"""Puts tonight's facts into the typed arrays of the problem."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.facts import Facts
from optimizer.replenishment.shelf_life import sellable_units, shelf_life_notes
from optimizer.replenishment.stock_cost import best_level
from optimizer.replenishment.tonight.decisions import decided_range
from optimizer.replenishment.tonight.limits import limit_rows, room_m3
from optimizer.replenishment.tonight.problem import (
    TOLERANCE,
    Arms,
    Groups,
    Options,
    Pairs,
    Problem,
    Rows,
    Segments,
)
from scenarios.semantics.inbound import ENDS, inbound_ways

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GRAMS_PER_TONNE = 1e6
FAR = 1e9  # units; more than anybody orders on one line


@dataclass(frozen=True, slots=True)
class Tonight:
    """The problem and what its rows stand for.

    Attributes
    ----------
    problem : arrays
    pair_row : (n_pairs,) row of `facts.pairs` of each pair of the problem
    options : one row per option of the problem, the columns of `facts.offers` and more
    notes : what could not be ordered, and why
    """

    problem: Problem
    pair_row: Ints
    options: pd.DataFrame
    notes: tuple[str, ...] = ()


def assemble(facts: Facts, *, caps_of_tonight: bool = True) -> Tonight:
    """Return the problem of the pairs that stand in the objective and tonight's options.

    Parameters
    ----------
    caps_of_tonight : no option beyond what is sold before it expires, or beyond its site's room;
        and as the planner has decided
    """
    pair_row = np.flatnonzero(facts.counted)
    place = np.full(len(facts.pairs), -1, np.int64)
    place[pair_row] = np.arange(len(pair_row))
    rows = facts.pairs.iloc[pair_row]
    pairs = Pairs(
        position=rows["echelon_position"].to_numpy(np.float64),
        mean=rows["decision_mean"].to_numpy(np.float64),
        sd=rows["decision_sd"].to_numpy(np.float64),
        holding=(rows["holding_cost_per_unit_day"] * rows["review_days"]).to_numpy(np.float64),
        shortage=rows["shortage_cost"].to_numpy(np.float64),
    )
    offers = _with_terms(facts)
    group_terms = offers.groupby(["supplier_id", "site_id"])[["order_cost", "min_order_value"]]
    largest = group_terms.max()
    breaks = _breaks(facts, offers)
    offers["cheapest"] = _cheapest(offers, breaks)
    usable = offers[_orderable_tonight(facts, offers)].copy()
    usable["problem_pair"] = place[usable["pair"].to_numpy(np.int64)]
    usable = usable.sort_values(
        ["supplier_id", "site_id", "problem_pair"], kind="stable", ignore_index=True
    )
    keys = pd.MultiIndex.from_frame(usable[["supplier_id", "site_id"]])
    names = keys.unique()
    group = names.get_indexer(keys).astype(np.int64)
    minimum = largest["min_order_value"].reindex(names).to_numpy(np.float64)
    low, high = _range(usable, pairs, minimum[group], breaks)
    sellable = sellable_units(facts, usable) if caps_of_tonight else np.full(len(low), np.inf)
    notes = shelf_life_notes(facts, usable, low, sellable) if caps_of_tonight else []
    high, most = np.minimum(high, sellable), np.minimum(supplier_capacity(usable), sellable)
    if caps_of_tonight:
        low, decided, asked = decided_range(facts.scenario, usable, low)
        most = np.minimum(most, decided)
        high = np.minimum(np.maximum(high, asked), most)
    possible = low <= high
    if caps_of_tonight:  # a site may have room on a later night
        room = room_m3(facts).reindex(usable["site_id"]).to_numpy(np.float64)
        possible &= low * usable["m3"].to_numpy(np.float64) <= room * (1.0 + TOLERANCE)
    if not possible.all():
        usable, group = usable[possible].reset_index(drop=True), group[possible]
        low, high, most = low[possible], high[possible], most[possible]
        kept, group = np.unique(group, return_inverse=True)
        names, minimum = names[kept], minimum[kept]
        group = group.astype(np.int64)
    rows = limit_rows(facts, usable, decided=caps_of_tonight)
    high = np.minimum(reach(usable, rows, high), most)
    segments, starts = _segments(usable, breaks, low, high)
    options = Options(
        pair=usable["problem_pair"].to_numpy(np.int64),
        group=group,
        usable=_usable(usable),
        kg=usable["kg"].to_numpy(np.float64),
        m3=usable["m3"].to_numpy(np.float64),
        cheapest=usable["cheapest"].to_numpy(np.float64),
        low=low,
        high=high,
        multiple=usable["order_multiple"].to_numpy(np.float64),
        segment_start=starts,
    )
    cost = largest["order_cost"].reindex(names).to_numpy(np.float64)
    problem = Problem(
        pairs,
        options,
        segments,
        Groups(cost, minimum),
        _arms(facts, names),
        rows,
    )
    return Tonight(problem, pair_row, usable, tuple(notes))


def _with_terms(facts: Facts) -> pd.DataFrame:
    """Add the product's and the policy's numbers to the offers."""
    offers = facts.offers.copy()
    products = facts.scenario.table("products").set_index("product_id")
    for column, source in (("kg", "weight_kg"), ("m3", "volume_m3")):
        offers[column] = products[source].reindex(offers["product_id"]).to_numpy(np.float64)
    for column in ("category", "discontinued_on"):
        offers[column] = products[column].reindex(offers["product_id"]).to_numpy()
    review = facts.pairs["review_days"].to_numpy(np.float64)
    offers["review_days"] = review[offers["pair"].to_numpy(np.int64)]
    offers["duty"] = 1.0 + offers["duty_pct"] / 100.0
    return offers


def _orderable_tonight(facts: Facts, offers: pd.DataFrame) -> NDArray[np.bool_]:
    """Say which options can be ordered tonight at all."""
    start = pd.Timestamp(facts.scenario.settings.start_date)
    sites = facts.scenario.table("sites").set_index("site_id")["status"]
    is_open = sites.reindex(offers["site_id"]).to_numpy(object) == "open"
    ended = (offers["due_on"] >= offers["discontinued_on"]).to_numpy(bool)
    tonight = (offers["order_on"] == start).to_numpy(bool)
    result: NDArray[np.bool_] = is_open & ~ended & tonight & (_usable(offers) > 0.0)
    return result


def _usable(offers: pd.DataFrame) -> Floats:
    usable: Floats = (offers["fill_rate"] * (1.0 - offers["defect_rate"])).to_numpy(np.float64)
    return usable


def _breaks(facts: Facts, offers: pd.DataFrame) -> pd.DataFrame:
    """Return price breaks by supplier and product, sorted by quantity."""
    breaks = facts.scenario.table("price_breaks")
    wanted = offers[["supplier_id", "product_id"]].drop_duplicates()
    found = breaks.merge(wanted, on=["supplier_id", "product_id"])
    return found.sort_values(["supplier_id", "product_id", "min_qty"], kind="stable")


def _cheapest(offers: pd.DataFrame, breaks: pd.DataFrame) -> Floats:
    """Return the least landed unit price of each offer's pair, its breaks included."""
    least = offers["landed"].to_numpy(np.float64)
    if len(breaks):
        best = breaks.groupby(["supplier_id", "product_id"])["unit_cost"].min()
        keys = pd.MultiIndex.from_frame(offers[["supplier_id", "product_id"]])
        at_break = best.reindex(keys).to_numpy(np.float64) * _on_stated(offers)
        least = np.fmin(least, at_break)
    pair = offers["pair"].to_numpy(np.int64)
    by_pair = np.full(int(pair.max(initial=-1)) + 1, np.inf)
    np.minimum.at(by_pair, pair, least)
    result: Floats = by_pair[pair]
    return result


def _on_stated(offers: pd.DataFrame) -> Floats:
    """Return what a price in `price_breaks` is multiplied by: index and duty."""
    factor: Floats = (offers["index_factor"] * offers["duty"]).to_numpy(np.float64)
    return factor


def _range(
    options: pd.DataFrame, pairs: Pairs, minimum: Floats, breaks: pd.DataFrame
) -> tuple[Floats, Floats]:
    """Return the least and the most units of each option.

    More than `most` is never better: one unit less would save money, unless it breaks the least
    order value or a price break, and neither asks for more than these.
    """
    multiple = options["order_multiple"].to_numpy(np.float64)
    low = np.ceil(np.maximum(options["moq"].to_numpy(np.float64), multiple) / multiple - 1e-9)
    low = low * multiple
    at = options["problem_pair"].to_numpy(np.int64)
    level = best_level(
        pairs.mean[at],
        pairs.sd[at],
        pairs.holding[at],
        pairs.shortage[at],
        np.zeros(len(at)),
    )
    wish = np.maximum((level - pairs.position[at]) / _usable(options), 0.0)
    price = options["landed"].to_numpy(np.float64)
    largest_break = np.zeros(len(at))
    if len(breaks):
        by_offer = breaks.groupby(["supplier_id", "product_id"])
        keys = pd.MultiIndex.from_frame(options[["supplier_id", "product_id"]])
        lowest = by_offer["unit_cost"].min().reindex(keys).to_numpy(np.float64)
        price = np.fmin(price, lowest * _on_stated(options))
        largest_break = by_offer["min_qty"].max().reindex(keys).fillna(0.0).to_numpy(np.float64)
    filling = np.divide(minimum, price, out=np.full(len(at), 0.0), where=price > 0.0)
    most = np.maximum.reduce([wish, filling, largest_break, low])
    most = np.minimum(np.ceil(most / multiple) + 1.0, np.floor(FAR / multiple)) * multiple
    return low, np.minimum(most, supplier_capacity(options))


def supplier_capacity(options: pd.DataFrame) -> Floats:
    """Return the most units that each supplier can make in a review period."""
    multiple = options["order_multiple"].to_numpy(np.float64)
    capacity = options["capacity_per_week"] * options["review_days"] / 7.0
    cap = np.floor(capacity.fillna(np.inf).to_numpy(np.float64) / multiple + 1e-9)
    result: Floats = cap * multiple
    return result


def reach(options: pd.DataFrame, rows: Rows, high: Floats) -> Floats:
    """Raise the most units where a row asks for more: a limit of the kind "at least".

    What a row can ask of one option is its own least plus all that others weigh against it.
    """
    price = options["landed"].to_numpy(np.float64)
    multiple = options["order_multiple"].to_numpy(np.float64)
    for weights, size in ((rows.money, price), (rows.units, np.ones(len(price)))):
        for row in range(len(rows)):
            weight = weights[[row], :].toarray().ravel()
            helps = (weight < 0.0) & (size > 0.0)
            if not helps.any():
                continue
            against = float((np.maximum(weight, 0.0) * size * high).sum())
            asked = max(-float(rows.room[row]), 0.0) + against
            units = np.where(helps, asked / np.where(helps, -weight * size, 1.0), 0.0)
            high = np.maximum(high, np.minimum(np.ceil(units / multiple) + 1.0, FAR) * multiple)
    return high


def _segments(
    options: pd.DataFrame, breaks: pd.DataFrame, low: Floats, high: Floats
) -> tuple[Segments, Ints]:
    """Return the price segments of each option, and where each option's begin."""
    count = len(options)
    duty = options["duty"].to_numpy(np.float64)
    base = options["unit_cost"].to_numpy(np.float64)
    frame = pd.DataFrame(
        {
            "option": np.arange(count),
            "from": np.zeros(count),
            "price": base * duty,
            "offset": np.zeros(count),
        }
    )
    if len(breaks):
        frame = pd.concat([frame, _break_segments(options, breaks)], ignore_index=True)
    at = frame["option"].to_numpy(np.int64)
    multiple = options["order_multiple"].to_numpy(np.float64)[at]
    begin = np.ceil(np.maximum(frame["from"].to_numpy(np.float64), low[at]) / multiple - 1e-9)
    frame["low"] = begin * multiple
    # several breaks may round to one quantity: the highest of them holds
    frame = frame[frame["low"] <= high[at]]
    frame = frame.sort_values(["option", "low", "from"], kind="stable")
    frame = frame.drop_duplicates(["option", "low"], keep="last").reset_index(drop=True)
    option = frame["option"].to_numpy(np.int64)
    next_low = np.r_[frame["low"].to_numpy(np.float64)[1:], np.inf]
    same = np.r_[option[1:] == option[:-1], False]
    step = options["order_multiple"].to_numpy(np.float64)[option]
    end = np.where(same, next_low - step, high[option])
    starts = np.searchsorted(option, np.arange(count + 1)).astype(np.int64)
    segments = Segments(
        option,
        frame["low"].to_numpy(np.float64),
        end,
        frame["price"].to_numpy(np.float64),
        frame["offset"].to_numpy(np.float64),
    )
    return segments, starts


def _break_segments(options: pd.DataFrame, breaks: pd.DataFrame) -> pd.DataFrame:
    """Return one row per option and break: from, price and offset, duty included.

    all_units: q units cost price x q. incremental: what the ranges below cost, and price for
    each unit beyond the break.
    """
    keys = ["supplier_id", "product_id"]
    base = options[[*keys, "unit_cost", "index_factor", "duty"]].rename(
        columns={"unit_cost": "base_cost"}
    )
    rows = base.assign(option=np.arange(len(base))).merge(breaks, on=keys)
    rows["unit_cost"] = rows["unit_cost"] * rows["index_factor"]
    rows = rows.sort_values(["option", "min_qty"], kind="stable")
    before = rows.groupby("option", sort=False)
    price_before = before["unit_cost"].shift().fillna(rows["base_cost"])
    start_before = before["min_qty"].shift().fillna(0.0)
    spent = (price_before * (rows["min_qty"] - start_before)).groupby(rows["option"]).cumsum()
    beyond = rows["kind"] == "incremental"
    offset = (spent - rows["unit_cost"] * rows["min_qty"]).where(beyond, 0.0)
    return pd.DataFrame(
        {
            "option": rows["option"],
            "from": rows["min_qty"],
            "price": rows["unit_cost"] * rows["duty"],
            "offset": offset * rows["duty"],
        }
    )


def _arms(facts: Facts, names: pd.MultiIndex) -> Arms:
    """Return the modes of each group's lane; one that costs nothing where there is no lane."""
    lanes = facts.scenario.filled("lanes")
    keys = pd.MultiIndex.from_frame(lanes[["origin_id", "destination_id"]])
    group = names.get_indexer(keys)
    rows = lanes[group >= 0].assign(group=group[group >= 0])
    rows = rows.sort_values(["group", "mode"], kind="stable")
    without = np.setdiff1d(np.arange(len(names)), rows["group"].to_numpy(np.int64))
    blank = pd.DataFrame({"group": without})
    columns = ["cost_per_shipment", "cost_per_kg", "cost_per_m3", "cost_per_unit"]
    blank = blank.assign(**dict.fromkeys(columns, 0.0))
    parts = [part for part in (rows, blank) if len(part)]
    both = pd.concat(parts, ignore_index=True) if parts else blank
    both = both.reindex(columns=["group", "mode", *columns, "shipment_kg", "shipment_m3"])
    both = both.sort_values("group", kind="stable", ignore_index=True)
    most = both[["shipment_kg", "shipment_m3"]].astype(np.float64).fillna(np.inf)
    cost = both[columns].astype(np.float64).fillna(0.0)
    mode = both["mode"].astype(object).where(both["mode"].notna(), "").to_numpy(object)
    grams = _grams_per_kg(facts, names, both["group"].to_numpy(np.int64), mode)
    co2 = np.nan_to_num(grams) * facts.scenario.settings.co2_price_per_tonne / GRAMS_PER_TONNE
    return Arms(
        group=both["group"].to_numpy(np.int64),
        per_shipment=cost["cost_per_shipment"].to_numpy(np.float64),
        per_kg=cost["cost_per_kg"].to_numpy(np.float64) + co2,
        per_m3=cost["cost_per_m3"].to_numpy(np.float64),
        per_unit=cost["cost_per_unit"].to_numpy(np.float64),
        shipment_kg=most["shipment_kg"].to_numpy(np.float64),
        shipment_m3=most["shipment_m3"].to_numpy(np.float64),
        g_per_kg=grams,
        co2_per_kg=co2,
        mode=tuple(mode.tolist()),
    )


def _grams_per_kg(
    facts: Facts, names: pd.MultiIndex, group: Ints, mode: NDArray[np.object_]
) -> Floats:
    """Return grams of CO2e per kg of each mode, (n_arms,); NaN where not known."""
    ends = names.to_frame(index=False).reset_index(drop=True)
    arms = ends.iloc[group].reset_index(drop=True).assign(mode=mode)
    ways = inbound_ways(facts.scenario, ends)
    ways["mode"] = ways["mode"].astype(object).where(ways["mode"].notna(), "")
    found = arms.astype("str").merge(ways.astype({"mode": "str"}), on=[*ENDS, "mode"], how="left")
    grams: Floats = found["g_per_kg"].to_numpy(np.float64)
    return grams
