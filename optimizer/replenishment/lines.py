"""Every way to order a unit, one line each: option x mode x price segment."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from optimizer.replenishment.problem import Problem
from optimizer.replenishment.stock_cost import best_quantity

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
    offset : (n_lines,) money of ordering at all on this segment
    cheapest : (n_lines,) money per unit, what a premium is measured against
    transport : (n_lines,) money per unit that grows with the load
    truck : (n_lines,) money per unit of a full shipment's cost, spread over its load
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
    cheapest: Floats
    transport: Floats
    truck: Floats

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


def make_lines(problem: Problem, *, relaxed: bool) -> Lines:
    """Return the lines of a problem.

    Parameters
    ----------
    relaxed : pairs with several options get lines that no split of an order over them can beat:
        one price per unit, and the coarsest lattice on which every split lies
    """
    options, segments, arms, pairs = (
        problem.options,
        problem.segments,
        problem.arms,
        problem.pairs,
    )
    per_option = _merged(problem) if relaxed else None
    if per_option is not None:
        option, low, high, multiple, price, price_high, offset = per_option
    else:
        option = segments.option
        low, high, offset = segments.low, segments.high, segments.offset
        multiple, price, price_high = options.multiple[option], segments.price, segments.price
    arm_count = np.bincount(arms.group, minlength=len(problem.groups))
    copies = arm_count[options.group[option]]
    row = np.repeat(np.arange(len(option)), copies)
    inner = np.arange(len(row)) - np.repeat(np.cumsum(copies) - copies, copies)
    arm = problem.arm_start[options.group[option[row]]] + inner if len(row) else row
    order = np.lexsort((row, arm))
    row, arm = row[order], arm[order]
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
        multiple=multiple[row],
        low=low[row],
        high=high[row],
        price=price[row],
        price_high=price_high[row],
        offset=offset[row],
        cheapest=options.cheapest[at],
        transport=linear,
        truck=arms.per_shipment[arm] * fill,
    )


def _by_weight(problem: Problem) -> Flags:
    """Say of each arm whether its shipments fill by weight rather than by volume."""
    options, arms = problem.options, problem.arms
    count = len(problem.groups)
    kg = np.bincount(options.group, options.kg, minlength=count)[arms.group]
    m3 = np.bincount(options.group, options.m3, minlength=count)[arms.group]
    heavy: Flags = kg / arms.shipment_kg >= m3 / arms.shipment_m3
    return heavy


def _merged(
    problem: Problem,
) -> tuple[Ints, Floats, Floats, Floats, Floats, Floats, Floats] | None:
    """Return the segments with those of options that share a pair merged to one line each."""
    options, segments = problem.options, problem.segments
    count = np.bincount(options.pair, minlength=len(problem.pairs))
    shared = count[options.pair] > 1
    if not shared.any():
        return None
    keep = ~shared[segments.option]
    which = np.flatnonzero(shared)
    low, high, multiple = _lattice(problem, which)
    cheap, dear = _enclosing_prices(problem)
    option = np.concatenate([segments.option[keep], which])
    order = np.argsort(option, kind="stable")
    columns = (
        np.concatenate([segments.low[keep], low]),
        np.concatenate([segments.high[keep], high]),
        np.concatenate([options.multiple[segments.option[keep]], multiple]),
        np.concatenate([segments.price[keep], cheap[which]]),
        np.concatenate([segments.price[keep], dear[which]]),
        np.concatenate([segments.offset[keep], np.zeros(len(which))]),
    )
    low, high, multiple, price, price_high, offset = (column[order] for column in columns)
    return option[order], low, high, multiple, price, price_high, offset


def _enclosing_prices(problem: Problem) -> tuple[Floats, Floats]:
    """Return the least and the greatest average unit price of each option."""
    options, segments = problem.options, problem.segments
    ends = [
        segments.price + segments.offset / np.maximum(quantity, 1e-12)
        for quantity in (segments.low, segments.high)
    ]
    first = options.segment_start[:-1]
    cheap: Floats = np.minimum.reduceat(np.minimum(*ends), first)
    dear: Floats = np.maximum.reduceat(np.maximum(*ends), first)
    return cheap, dear


def _lattice(problem: Problem, which: Ints) -> tuple[Floats, Floats, Floats]:
    """Return low, high and multiple that hold for any split of an order of these options' pair.

    Where one unit brings the same from every option and multiples are whole, every split lies
    on their greatest common divisor; else any quantity may come about.
    """
    options = problem.options
    pair = options.pair[which]
    n_pairs = len(problem.pairs)
    usable = options.usable[which]
    most, least = np.full(n_pairs, -np.inf), np.full(n_pairs, np.inf)
    np.maximum.at(most, pair, usable)
    np.minimum.at(least, pair, usable)
    multiple = options.multiple[which]
    whole = np.abs(multiple - np.rint(multiple)) < 1e-9
    fine = np.zeros(n_pairs, bool)
    np.logical_or.at(fine, pair, ~whole)
    divisor = np.zeros(n_pairs, np.int64)
    np.gcd.at(divisor, pair, np.rint(multiple).astype(np.int64))
    same = (most == least) & ~fine
    step = np.where(same[pair], divisor[pair], 0).astype(np.float64)
    brings = np.full(n_pairs, np.inf)
    np.minimum.at(brings, pair, usable * options.low[which])
    total = np.bincount(pair, usable * options.high[which], minlength=n_pairs)
    low, high = brings[pair] / usable, total[pair] / usable
    on = step > 0.0
    size = np.where(on, step, 1.0)
    low = np.where(on, np.ceil(low / size - 1e-9) * size, low)
    high = np.where(on, np.floor(high / size + 1e-9) * size, high)
    return low, np.maximum(high, low), step
