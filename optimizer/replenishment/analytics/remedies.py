"""What to do about each pair's stock: one rule after the other, with its arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.replenishment.facts import Facts

Floats = NDArray[np.float64]
Words = NDArray[np.object_]

KINDS = (
    "clear", "transfer", "sell_off", "stop_ordering", "expedite", "order", "mark_down",
    "sell_down", "keep",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stock:
    """What remedies look at, (n_pairs,) each.

    Attributes
    ----------
    rate : units sold per day
    on_hand, excess : units; what is on hand beyond the order-up-to level
    top : units, the order-up-to level
    unit_cost : money
    """

    rate: Floats
    on_hand: Floats
    excess: Floats
    top: Floats
    unit_cost: Floats


@dataclass(frozen=True, slots=True)
class Remedies:
    """What to do, in words, and what it is worth, (n_pairs,) each.

    Attributes
    ----------
    kind : one of KINDS
    value : money that it frees or puts at stake
    action : sentence without its full stop
    """

    kind: Words
    value: Floats
    action: Words


def remedies(facts: Facts, stock: Stock) -> Remedies:
    """Choose a remedy for every pair; the first rule that applies decides.

    clear: stock without demand. transfer: another site lacks the product (position under its
    order-up-to level) and this one has too much: what both allow. sell_off: too much of
    what is being discontinued. stop_ordering: too much, and more on order. expedite: nothing on
    hand. order: position under the demand of the protection interval. mark_down: more than half
    of the stock is too much; the price cut per unit under which clearing at once is cheaper than
    holding until sold. sell_down: some too much. keep.
    """
    pairs = facts.pairs
    position = pairs["position"].to_numpy(np.float64)
    on_order = pairs["on_order"].to_numpy(np.float64)
    hold = pairs["holding_cost_per_unit_day"].to_numpy(np.float64)
    reach = stock.rate * pairs["protection_days"].to_numpy(np.float64)
    ends = facts.scenario.table("products").set_index("product_id")["discontinued_on"]
    ending = ends.reindex(pairs["product_id"]).notna().to_numpy()
    sells, too_much = stock.rate > 0.0, stock.excess > 0.0
    target, moved = _best_targets(facts, stock, position)
    tests = [
        (stock.rate <= 0.0) & (stock.on_hand > 0.0) & (moved < 1.0),
        moved >= 1.0,
        ending & too_much,
        too_much & (on_order > 0.0),
        (stock.on_hand <= 0.0) & sells,
        (position < reach) & sells,
        stock.excess > 0.5 * np.maximum(stock.on_hand, 1.0),
        too_much,
    ]
    kind = np.select(tests, KINDS[:-1], KINDS[-1]).astype(object)
    wait = np.divide(stock.excess, stock.rate, out=np.zeros(len(kind)), where=sells)
    cut = 0.5 * hold * wait  # the mean unit of what is too much waits half of that time
    value = np.select(
        [kind == "clear", kind == "transfer", kind == "stop_ordering", kind == "mark_down"],
        [
            stock.on_hand * stock.unit_cost,
            moved * stock.unit_cost,
            on_order * stock.unit_cost,
            stock.excess * cut,
        ],
        stock.excess * stock.unit_cost,
    )
    columns = (stock.on_hand, stock.excess, on_order, moved, wait, cut, hold * stock.on_hand)
    action = np.full(len(kind), "keep", object)
    for row in np.flatnonzero(kind != "keep"):
        action[row] = _words(str(kind[row]), str(target[row]), *(float(c[row]) for c in columns))
    return Remedies(kind, np.where(kind == "keep", 0.0, value), action)


def _words(
    kind: str,
    target: str,
    on_hand: float,
    excess: float,
    on_order: float,
    moved: float,
    wait: float,
    cut: float,
    holding: float,
) -> str:
    """Return the sentence of one remedy."""
    if kind == "clear":
        return (
            f"clear {on_hand:,.0f} on hand: no demand is forecast, and holding costs"
            f" {holding:,.2f} a day"
        )
    if kind == "transfer":
        return f"transfer {moved:,.0f} to {target}, which lacks them: {excess:,.0f} too many here"
    if kind == "sell_off":
        return f"sell off {excess:,.0f} too many before the product is discontinued"
    if kind == "stop_ordering":
        return f"stop ordering: {excess:,.0f} too many on hand, and {on_order:,.0f} on order"
    if kind == "expedite":
        coming = f"{on_order:,.0f} on order" if on_order > 0.0 else "nothing on order"
        return f"expedite: out of stock, and {coming}"
    if kind == "order":
        return "order: the position is under the demand of the protection interval"
    if kind == "mark_down":
        return (
            f"mark down: {excess:,.0f} too many need {_days(wait)} to sell; a price cut of less"
            f" than {cut:,.2f} a unit is cheaper than holding them"
        )
    return f"let it sell down: {excess:,.0f} too many sell in {_days(wait)}"


def _days(days: float) -> str:
    """Write a number of days, rounded up."""
    whole = int(np.ceil(days - 1e-9))
    return "1 day" if whole == 1 else f"{whole:,} days"


def _best_targets(facts: Facts, stock: Stock, position: Floats) -> tuple[Words, Floats]:
    """Return the site that lacks most of what each pair has too much of, and units to move.

    Where several pairs of a product have too much, they serve the site that lacks most in the
    order of their excess, so that nothing is promised twice.
    """
    pairs = facts.pairs
    product = pd.factorize(pairs["product_id"])[0]
    status = facts.scenario.table("sites").set_index("site_id")["status"]
    is_open = status.reindex(pairs["site_id"]).to_numpy(object) == "open"
    lack = np.where(
        is_open & (stock.rate > 0.0), np.floor(np.maximum(stock.top - position, 0.0)), 0.0
    )
    order = np.lexsort((-lack, product))
    neediest = (
        order[np.r_[True, product[order][1:] != product[order][:-1]]] if len(order) else order
    )
    most = np.full(int(product.max(initial=-1)) + 1, -1)
    most[product[neediest]] = neediest
    site = pairs["site_id"].to_numpy(object)[most[product]]
    # what a pair holds is counted where it is bought: moving it there lacks no less
    at_home = (most[product] == np.arange(len(product))) | (most[product] == pairs["root"])
    give = np.floor(np.where(at_home, 0.0, stock.excess))
    by = np.lexsort((-give, product))
    sums = np.cumsum(give[by])
    first = np.r_[True, product[by][1:] != product[by][:-1]][: len(by)]
    before = sums - give[by]
    before = before - np.maximum.accumulate(np.where(first, before, 0.0))
    moved = np.empty(len(by))
    moved[by] = np.clip(lack[most[product[by]]] - before, 0.0, give[by])
    return site, moved
