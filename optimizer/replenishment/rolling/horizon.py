"""The nights of the horizon, one after the other, each from the stock that the last one leaves."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from optimizer.outcome import Limits, Termination
from optimizer.replenishment.analytics.projection import units_by_bucket
from optimizer.replenishment.demand.cover import days_of_cover, echelon_demand, own_demand
from optimizer.replenishment.facts import Facts
from optimizer.replenishment.rolling.carbon import NightCaps, with_cleanest
from optimizer.replenishment.rolling.decide import Decision, Memory, decide
from optimizer.replenishment.rolling.intervals import read_intervals
from optimizer.replenishment.rolling.limits import PurchaseRows
from optimizer.replenishment.rolling.moves import Mover
from optimizer.replenishment.rolling.night import Maker, Night
from optimizer.replenishment.rolling.stock import Close, Stock
from optimizer.replenishment.rolling.storage import Storage, read_storage
from optimizer.replenishment.rolling.terms import (
    Terms,
    later_facts,
    review_buckets,
    terms_from,
    validity_changes,
)
from optimizer.replenishment.tonight.evaluation_budget import WORK_PER_EVALUATION, WORK_PER_LINE
from optimizer.replenishment.tonight.repair import Repairer
from optimizer.replenishment.transfers import Moves

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STAGE = "rolling"
TARGET_PCT = 1.0
TIGHTENINGS = 4
SEARCH_EVALUATIONS = 120  # work of tonight's search on a small night, in evaluations
LEAST_SEARCH = 2.0  # and no less: its last step alone takes one unit
EVALUATIONS_OF_ORDERS = 40  # that building, repairing and filling orders are worth


@dataclass(frozen=True, slots=True)
class Decided:
    """A night and what it orders.

    Attributes
    ----------
    terms : place among the terms of the horizon
    latest_safe : (n_lines,) days from start, by line (option with a quantity)
    """

    night: Night
    terms: int
    decision: Decision
    qty: Floats
    latest_safe: Floats

    @property
    def lines(self) -> Ints:
        """Options of the night that are ordered."""
        return np.flatnonzero(self.qty > 0.0)


@dataclass(slots=True)
class Horizon:
    """What was decided, and how the stock goes on.

    Attributes
    ----------
    terms : offers of each stretch of the horizon
    nights : in order
    closes : one per bucket that was reached
    moves : transfers of later nights
    termination, stopped : why it ended, and the bucket that was not decided any more
    hopeless : the bucket in which no orders keep every rule
    """

    terms: list[Terms] = field(default_factory=list)
    nights: list[Decided] = field(default_factory=list)
    closes: list[Close] = field(default_factory=list)
    moves: list[Moves] = field(default_factory=list)
    termination: Termination = Termination.CONVERGED
    stopped: int | None = None
    hopeless: int | None = None
    work: float = 0.0


def roll(
    facts: Facts, purchases: pd.DataFrame, usable: pd.Series, moves: pd.DataFrame, limits: Limits
) -> Horizon:
    """Decide every night after tonight.

    Parameters
    ----------
    purchases : tonight's lines of `purchase_orders`
    usable : usable units that one ordered unit brings, by row of `purchases`
    moves : tonight's transfers
    """
    settings = facts.scenario.settings
    later, every = later_facts(facts), review_buckets(facts)
    intervals, storage = read_intervals(facts), read_storage(facts)
    changes = set(validity_changes(facts.scenario))
    stock = opening_stock(facts, purchases, usable, moves)
    mover = Mover(facts, intervals, every, storage)
    cover = echelon_demand(facts)
    root = facts.pairs["root"].to_numpy(np.int64)
    result, memory, budget = Horizon(), Memory(), _Budget(limits)
    maker: Maker | None = None
    for bucket in range(settings.horizon_buckets):
        if maker is None or bucket in changes:
            terms = terms_from(later, bucket)
            result.terms.append(terms)
            tonight = terms.tonight
            rows = PurchaseRows(later, tonight.options, tonight.problem.money)
            caps = NightCaps(later, tonight.options, tonight.problem, purchases)
            maker = Maker(facts, terms, intervals, every, storage, rows, caps)
            memory.shipment = memory.theta = None
        position = _by_root(root, stock.expected + stock.on_way)
        decided, used = np.zeros(len(root), bool), None
        if bucket == 0:
            position = facts.pairs["echelon_position"].to_numpy(np.float64)
            decided = _open_tonight(facts)
            used = _tonight_units(maker.terms, purchases)
        night = maker.night(bucket, stock, position, decided, used)
        if night is not None:
            budget.begin(night, settings.horizon_buckets - bucket)
            if budget.ended is not None:
                result.termination, result.stopped = budget.ended, bucket
                break
            decision = decide(
                night.problem, memory, night.row_keys, TARGET_PCT, budget.may_go_on, budget.rest
            )
            budget.work += decision.searched
            if decision.qty is None:
                result.hopeless = bucket
                break
            qty = _fitting(night, decision, storage, stock, settings.bucket_days)
            if maker.caps.broken(bucket, night.problem, night.option, qty):
                night, decision = _cleaner(night, decision, memory, budget)
                if decision.qty is None:
                    result.hopeless = bucket
                    break
                qty = _fitting(night, decision, storage, stock, settings.bucket_days)
            _place(night, qty, stock, settings.bucket_days)
            safe = _latest_safe(night, maker.terms, qty, cover, position, settings.bucket_days)
            result.nights.append(Decided(night, len(result.terms) - 1, decision, qty, safe))
        if bucket:
            moved = mover.move(stock)
            if len(moved.table):
                result.moves.append(moved)
        result.closes.append(stock.advance())
        done = (bucket + 1) / settings.horizon_buckets
        limits.progress(STAGE, done, f"bucket {bucket + 1} of {settings.horizon_buckets}")
    result.work = budget.work
    return result


def _by_root(root: Ints, units: Floats) -> Floats:
    """Return units added up where their pair is counted, (n_pairs,)."""
    total: Floats = np.bincount(root, units, minlength=len(root)).astype(np.float64)
    return total


def opening_stock(
    facts: Facts, purchases: pd.DataFrame, usable: pd.Series, moves: pd.DataFrame
) -> Stock:
    """Return the stock at the start; open orders and what tonight sends are on their way.

    What comes back from customers arrives, but is not on its way: it is netted from demand.
    """
    mean, variance = own_demand(facts)
    count, horizon = mean.shape
    returned = np.zeros((count, horizon))
    if facts.returning is not None:
        length = facts.scenario.settings.bucket_days
        returned, spread = facts.returning.by_bucket(horizon, length)
        variance = variance + spread
    brought = purchases.assign(qty=purchases["qty"] * usable) if len(purchases) else purchases
    parts = [(facts.scenario.table("open_orders"), "site_id"), (brought, "site_id")]
    parts.append((moves, "destination_id"))
    arriving, on_way = np.zeros((count, horizon)), np.zeros(count)
    index = pd.MultiIndex.from_frame(facts.pairs[["site_id", "product_id"]])
    for rows, site in parts:
        if len(rows):
            arriving = arriving + units_by_bucket(facts, rows, site, "due_on", horizon)
            at = index.get_indexer(pd.MultiIndex.from_arrays([rows[site], rows["product_id"]]))
            qty = rows["qty"].to_numpy(np.float64)
            on_way = on_way + np.bincount(at[at >= 0], qty[at >= 0], count)
    leaving = np.zeros((count, horizon))
    if len(moves):
        leaving = units_by_bucket(facts, moves, "origin_id", "ship_on", horizon)
    return Stock(
        mean=mean,
        variance=variance,
        summed=np.concatenate([np.zeros((count, 1)), np.cumsum(variance, axis=1)], axis=1),
        arriving=arriving + returned,
        leaving=leaving,
        returned=returned,
        placed=np.zeros((count, horizon), np.int64),
        on_way=on_way,
        expected=np.maximum(facts.pairs["free"].to_numpy(np.float64), 0.0),
        spread=np.zeros(count),
    )


class _Budget:
    """Counts work and says when the limits are reached."""

    def __init__(self, limits: Limits) -> None:
        self.limits, self.work, self.price = limits, 0.0, 0.0
        self.nights_left = 1
        self.ended: Termination | None = None

    def begin(self, night: Night, nights_left: int) -> None:
        """Pay for the orders of a night; `ended` is set where the limits do not allow it."""
        self.nights_left = nights_left
        lines = len(night.problem.options)
        self.price = WORK_PER_EVALUATION + WORK_PER_LINE * lines
        if self._allows(EVALUATIONS_OF_ORDERS * self.price):
            self.work += EVALUATIONS_OF_ORDERS * self.price

    def may_go_on(self) -> bool:
        """Pay for one more evaluation."""
        if not self._allows(self.price):
            return False
        self.work += self.price
        return True

    def rest(self) -> Limits | None:
        """Return what tonight's search may spend on this night, None if too little is left.

        The nights to come keep their share.
        """
        limits = self.limits
        work = max(SEARCH_EVALUATIONS * self.price, LEAST_SEARCH)
        if limits.work is not None:
            work = min(work, (limits.work - self.work) / self.nights_left)
        if work < SEARCH_EVALUATIONS / 2 * self.price:
            return None
        seconds = None if limits.seconds is None else limits.remaining / self.nights_left
        return Limits(seconds, work, limits.seed, limits.cancelled, clock=limits.clock)

    def _allows(self, price: float) -> bool:
        limits = self.limits
        if limits.cancelled():
            self.ended = Termination.CANCELLED
        elif limits.work is not None and self.work + price > limits.work:
            self.ended = Termination.WORK_LIMIT
        elif limits.remaining <= 0.0:
            self.ended = Termination.TIME_LIMIT
        return self.ended is None


def _open_tonight(facts: Facts) -> NDArray[np.bool_]:
    """Say of which pairs a supplier takes orders tonight."""
    start = pd.Timestamp(facts.scenario.settings.start_date)
    now = facts.offers.loc[facts.offers["order_on"] == start, "pair"].to_numpy(np.int64)
    decided = np.zeros(len(facts.pairs), bool)
    decided[now] = True
    return decided


def _tonight_units(terms: Terms, purchases: pd.DataFrame) -> Floats:
    """Return what tonight orders, by option of the terms."""
    keys = ["supplier_id", "site_id", "product_id"]
    options = terms.tonight.options
    units = np.zeros(len(options))
    if len(purchases):
        index = pd.MultiIndex.from_frame(options[keys])
        at = index.get_indexer(pd.MultiIndex.from_frame(purchases[keys]))
        units[at[at >= 0]] = purchases["qty"].to_numpy(np.float64)[at >= 0]
    return units


def _cleaner(
    night: Night, loose: Decision, memory: Memory, budget: _Budget
) -> tuple[Night, Decision]:
    """Decide a night again, every order by its mode that emits least; the bound stays.

    Prices of modes that the night's own memory has no room for are left as they were.
    """
    kept = memory.shipment, memory.theta
    memory.shipment = memory.theta = None
    night = replace(night, problem=with_cleanest(night.problem))
    decision = decide(
        night.problem, memory, night.row_keys, TARGET_PCT, budget.may_go_on, budget.rest
    )
    budget.work += decision.searched
    memory.shipment, memory.theta = kept
    return night, replace(decision, value=loose.value)


def _fitting(
    night: Night, decision: Decision, storage: Storage, stock: Stock, bucket_days: int
) -> Floats:
    """Return the orders, smaller where the projected stock would not fit after all.

    The rows on storage estimate what is left of an order; here the stock itself is projected.
    """
    qty = decision.qty
    assert qty is not None
    if not len(storage) or not (qty > 0.0).any():
        return qty
    problem = night.problem
    row = night.pair_row[problem.options.pair]
    arrives = night.arrives(bucket_days)
    first, last = stock.bucket, stock.horizon - 1
    most = np.maximum(storage.most[:, first:], storage.volume(stock.peaks(last)))
    room = problem.rows.room.copy()
    for tightening in range(TIGHTENINGS + 1):
        extra = np.zeros((len(storage.m3), last + 1 - first))
        inside = np.flatnonzero((arrives <= last) & (qty > 0.0))
        units = problem.options.usable[inside] * qty[inside]
        np.add.at(extra, (row[inside], arrives[inside] - first), units)
        excess = storage.volume(stock.peaks(last, extra)) - most * (1.0 + 1e-9)
        place, bucket = np.nonzero(excess > 0.0)
        if not len(place):
            return qty
        bad = np.zeros(len(qty), bool)
        for at, when in zip(place.tolist(), bucket.tolist(), strict=True):
            here = np.isin(row, storage.inside[at]) & (arrives - first <= when) & (qty > 0.0)
            bad |= here
            rows = night.storage_rows
            hit = rows[(rows[:, 1] == at) & (rows[:, 2] == when + first), 0]
            room[hit] = np.maximum(room[hit] - 1.1 * excess[at, when], 0.0)
        tighter = replace(problem, rows=replace(problem.rows, room=room))
        repairer = Repairer(tighter, decision.bound.prices.row)
        fitted = repairer.repair(qty, lambda: True)
        if tightening == TIGHTENINGS - 1 or (fitted == qty).all():
            groups = np.unique(problem.options.group[bad])
            fitted = np.where(np.isin(problem.options.group, groups), 0.0, qty)
        qty = fitted
    return qty


def _place(night: Night, qty: Floats, stock: Stock, bucket_days: int) -> None:
    """Put a night's orders on their way."""
    options = night.problem.options
    some = np.flatnonzero(qty > 0.0)
    stock.add(
        night.pair_row[options.pair[some]],
        options.usable[some] * qty[some],
        night.arrives(bucket_days)[some],
        night.bucket,
    )


def _latest_safe(
    night: Night, terms: Terms, qty: Floats, cover: Floats, position: Floats, bucket_days: int
) -> Floats:
    """Return the last day on which each line could be ordered before its pair runs short.

    The pair (with those it feeds) runs short when mean demand has used up the position that it
    has before the night's order; where that is beyond the horizon, on the horizon's last day.
    """
    some = np.flatnonzero(qty > 0.0)
    row = night.pair_row[night.problem.options.pair[some]]
    left = days_of_cover(cover[row, night.bucket :], position[row], bucket_days)
    lead = terms.days.lead_days(terms.offer[night.option[some]], night.ordered[some])
    day: Floats = night.bucket * bucket_days + np.floor(left) - np.ceil(lead)
    return day
