"""Every way to order a unit, one line each: option x mode x price segment."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from optimizer.replenishment.stock_cost import best_quantity
from optimizer.replenishment.tonight.problem import Problem

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines sorted by arm, option, quantity; one entry is an option on an arm.

    Attributes
    ----------
    pair, option, arm, entry : (n_lines,) int64
    position, mean, sd, holding, shortage : (n_lines,) of the pair
    usable : (n_lines,) usable units that one ordered unit brings
    multiple, low, high : (n_lines,) units; multiple 0: any real quantity
    price, price_high : (n_lines,) money per unit; they differ only in relaxed lines, where they
        enclose what a unit can cost
    offset, offset_high : (n_lines,) money of ordering at all on this segment; likewise
    cheapest : (n_lines,) money per unit, what a premium is measured against
    transport : (n_lines,) money per unit that grows with the load
    truck : (n_lines,) money per unit of a full shipment's cost, spread over its load
    cap : (n_lines,) units that the option itself can bring; finite only on lines on which the
        rest comes from the pair's other options
    """

    pair: Ints
    option: Ints
    arm: Ints
    entry: Ints
    position: Floats
    mean: Floats
    sd: Floats
    holding: Floats
    shortage: Floats
    usable: Floats
    multiple: Floats
    low: Floats
    high: Floats
    price: Floats
    price_high: Floats
    offset: Floats
    offset_high: Floats
    cheapest: Floats
    transport: Floats
    truck: Floats
    cap: Floats

    def __len__(self) -> int:
        """Count the lines."""
        return len(self.pair)

    def take(self, index: Ints | Flags) -> Lines:
        """Return the lines at these places."""
        return Lines(*(getattr(self, field.name)[index] for field in fields(self)))

    def best(self, unit_price: Floats) -> tuple[Floats, Floats]:
        """Return the best quantity on each line if it orders at all, and its cost, money.

        Parameters
        ----------
        unit_price : (n_lines,) money per unit beside expected holding and shortage
        """
        return best_quantity(
            self.position,
            self.mean,
            self.sd,
            self.holding,
            self.shortage,
            self.usable,
            unit_price,
            self.multiple,
            self.low,
            self.high,
        )


def make_lines(problem: Problem, *, relaxed: Flags | None = None) -> Lines:
    """Return the lines of a problem.

    Parameters
    ----------
    relaxed : (n_pairs,) pairs whose lines no split of an order over their options can beat; None:
        no pair. A split has an option whose average price is least; the whole quantity x at that
        price costs no more. x is at least what that option must be ordered, it lies on the coarsest
        lattice that holds every split, and no part's average price is below the one at x where
        prices fall with quantity. What the option cannot bring itself comes at the least price
        of the others: a line of its own
    """
    options, arms, pairs = (
        problem.options,
        problem.arms,
        problem.pairs,
    )
    table = _own_segments(problem)
    count = np.bincount(options.pair, minlength=len(pairs))
    shared = count[options.pair] > 1
    if relaxed is not None and (shared & relaxed[options.pair]).any():
        table = _with_splits(problem, table, shared & relaxed[options.pair])
    option = table.option
    arm_count = np.bincount(arms.group, minlength=len(problem.groups))
    copies = arm_count[options.group[option]]
    row = np.repeat(np.arange(len(option)), copies)
    inner = np.arange(len(row)) - np.repeat(np.cumsum(copies) - copies, copies)
    arm = problem.arm_start[options.group[option[row]]] + inner if len(row) else row
    order = np.lexsort((row, arm))
    row, arm = row[order], arm[order]
    as_is = len(row) == len(option) and bool((row == np.arange(len(row))).all())

    def of(column: Floats) -> Floats:
        return column if as_is else column[row]

    at = option[row]
    pair = options.pair[at]
    entry = (
        np.cumsum((np.diff(at, prepend=-1) != 0) | (np.diff(arm, prepend=-1) != 0), dtype=np.int64)
        - 1
    )
    linear = (
        arms.per_kg[arm] * options.kg[at] + arms.per_m3[arm] * options.m3[at] + arms.per_unit[arm]
    )
    fill = np.where(
        _by_weight(problem)[arm],
        options.kg[at] / arms.shipment_kg[arm],
        options.m3[at] / arms.shipment_m3[arm],
    )
    return Lines(
        pair=pair,
        option=at,
        arm=arm,
        entry=entry,
        position=pairs.position[pair],
        mean=pairs.mean[pair],
        sd=pairs.sd[pair],
        holding=pairs.holding[pair],
        shortage=pairs.shortage[pair],
        usable=options.usable[at],
        multiple=of(table.multiple),
        low=of(table.low),
        high=of(table.high),
        price=of(table.price),
        price_high=of(table.price_high),
        offset=of(table.offset),
        offset_high=of(table.offset_high),
        cheapest=options.cheapest[at],
        transport=linear,
        truck=arms.per_shipment[arm] * fill,
        cap=of(table.cap),
    )


@dataclass(frozen=True, slots=True)
class _Table:
    """Lines before they are copied to the arms of their group, sorted by option."""

    option: Ints
    multiple: Floats
    low: Floats
    high: Floats
    price: Floats
    price_high: Floats
    offset: Floats
    offset_high: Floats
    cap: Floats


def _own_segments(problem: Problem) -> _Table:
    """Return the segments as they are."""
    options, segments = problem.options, problem.segments
    return _Table(
        segments.option,
        options.multiple[segments.option],
        segments.low,
        segments.high,
        segments.price,
        segments.price,
        segments.offset,
        segments.offset,
        np.full(len(segments.option), np.inf),
    )


def _with_splits(problem: Problem, table: _Table, shared: Flags) -> _Table:
    """Return the lines relaxed where a pair has several options (see make_lines)."""
    options, option = problem.options, table.option
    inside = shared[option]
    total, step = _lattice(problem, shared)
    cheap, dear, falls = _enclosing_prices(problem)
    odd = inside & ~falls[option]
    size = np.where(step > 0.0, step, 1e-9)
    which = np.flatnonzero(shared & (total >= options.high + size))
    own = _Table(
        option,
        np.where(inside, step[option], table.multiple),
        np.where(odd, options.low[option], table.low),
        np.where(inside, np.maximum(options.high[option], table.low), table.high),
        np.where(odd, cheap[option], table.price),
        np.where(inside, dear[option], table.price_high),
        np.where(odd, 0.0, table.offset),
        np.where(inside, 0.0, table.offset_high),
        table.cap,
    )
    nothing = np.zeros(len(which))
    beyond = _Table(
        which,
        step[which],
        options.high[which] + size[which],
        total[which],
        cheap[which],
        dear[which],
        nothing,
        nothing,
        options.high[which],
    )
    order = np.argsort(np.concatenate([own.option, beyond.option]), kind="stable")
    columns = (
        np.concatenate([getattr(own, field.name), getattr(beyond, field.name)])[order]
        for field in fields(_Table)
    )
    return _Table(*columns)


def _by_weight(problem: Problem) -> Flags:
    """Say of each arm whether its shipments fill by weight rather than by volume."""
    options, arms = problem.options, problem.arms
    count = len(problem.groups)
    kg = np.bincount(options.group, options.kg, minlength=count)[arms.group]
    m3 = np.bincount(options.group, options.m3, minlength=count)[arms.group]
    heavy: Flags = kg / arms.shipment_kg >= m3 / arms.shipment_m3
    return heavy


def _enclosing_prices(problem: Problem) -> tuple[Floats, Floats, Flags]:
    """Return the least and the greatest average unit price of each option.

    Also returns whether its average price never rises with quantity, (n_options,) bool.
    """
    options, segments = problem.options, problem.segments
    at_low, at_high = (
        segments.price + segments.offset / np.maximum(quantity, 1e-12)
        for quantity in (segments.low, segments.high)
    )
    first = options.segment_start[:-1]
    cheap: Floats = np.minimum.reduceat(np.minimum(at_low, at_high), first)
    dear: Floats = np.maximum.reduceat(np.maximum(at_low, at_high), first)
    rises = at_high > at_low + 1e-12
    same = np.r_[False, segments.option[1:] == segments.option[:-1]]
    rises |= same & (at_low > np.r_[np.inf, at_high[:-1]] + 1e-12)
    falls = np.bincount(segments.option, rises, len(options)) == 0
    return cheap, dear, falls


def _lattice(problem: Problem, shared: Flags) -> tuple[Floats, Floats]:
    """Return, per option, the most units and the multiple that hold for splits of its pair.

    Where one unit brings the same from every option and multiples are whole, every split lies
    on their greatest common divisor; else any quantity may come about (multiple 0).
    """
    options, n_pairs = problem.options, len(problem.pairs)
    which = np.flatnonzero(shared)
    pair, usable = options.pair[which], options.usable[which]
    most, least = np.full(n_pairs, -np.inf), np.full(n_pairs, np.inf)
    np.maximum.at(most, pair, usable)
    np.minimum.at(least, pair, usable)
    multiple = options.multiple[which]
    uneven = np.zeros(n_pairs, bool)
    np.logical_or.at(uneven, pair, np.abs(multiple - np.rint(multiple)) > 1e-9)
    divisor = np.zeros(n_pairs, np.int64)
    np.gcd.at(divisor, pair, np.rint(multiple).astype(np.int64))
    step = np.zeros(len(options))
    step[which] = np.where((most == least) & ~uneven, divisor, 0)[pair]
    units = np.bincount(pair, usable * options.high[which], minlength=n_pairs)
    total = np.zeros(len(options))
    total[which] = units[pair] / usable
    size = np.where(step > 0.0, step, 1.0)
    total = np.where(step > 0.0, np.floor(total / size + 1e-9) * size, total)
    return total, step
