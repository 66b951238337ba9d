"""Orders that share limits on CO2e, solved together: every rate is a column of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from optimizer.allocation.sourcing.blocks import Catalogue, quotes_for
from optimizer.allocation.sourcing.co2_caps import Cap
from optimizer.allocation.sourcing.columns import Columns
from optimizer.allocation.sourcing.ledger import Chosen, Ledger
from optimizer.allocation.sourcing.master import Free, build_master
from optimizer.allocation.sourcing.placement import objective_of, parcels_of
from optimizer.allocation.sourcing.polish import book
from optimizer.allocation.sourcing.prices import Prices, piece_prices
from optimizer.allocation.sourcing.tariff import Floats, Ints
from optimizer.engines.linear import solve_linear
from optimizer.engines.linear_problem import LinearProblem
from optimizer.outcome import Limits, Termination

ENGINE = "highs"
BUILD_WORK = 2e-6  # of a column
ROUNDING = 1e-9
MIP_GAP = 1e-7


@dataclass(frozen=True, slots=True)
class Anchor:
    """Prices at which a bound was found; above it, they say what a parcel costs too much.

    Attributes
    ----------
    toll : (n_sites, n_orders) float64, money per gram
    bound : money; no plan within the limits is cheaper
    """

    prices: Prices
    toll: Floats
    bound: float


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What solving orders together brought.

    Attributes
    ----------
    gain : money, at least 0
    bound : money; no plan within the limits is cheaper. None: other orders could change, too
    """

    gain: float
    bound: float | None
    work: float


def exchange(
    ledger: Ledger,
    catalogue: Catalogue,
    caps: tuple[Cap, ...],
    anchor: Anchor,
    orders: Ints,
    limits: Limits,
) -> Exchanged:
    """Solve some orders together, over what is free, what they hold, and what the limits have left.

    A parcel that costs, at the anchor's prices, more above the best for its pieces than the plan
    costs above the anchor's bound is in no better plan, and is left out.

    Parameters
    ----------
    ledger : of the problem without a toll, every parcel with its rate
    orders : none of them large
    """
    problem, placement = ledger.problem, ledger.placement
    objective = objective_of(problem, placement)
    parcels = parcels_of(problem, placement)
    inside = np.isin(parcels.order, orders)
    grams_now = problem.tariff.known_grams(parcels.row)
    room = [
        cap.grams - float((grams_now * cap.counts[parcels.site, parcels.order])[~inside].sum())
        for cap in caps
    ]
    gap = (objective - anchor.bound) * (1.0 + ROUNDING) + ROUNDING
    columns, row = _columns(ledger, catalogue, anchor, orders, gap)
    held = [ledger.held(order) for order in orders.tolist()]
    for order, now in zip(orders.tolist(), held, strict=True):
        ledger.release(order, *now)
    master = build_master(problem, columns, Free(ledger.stock, ledger.room, ledger.parcels))
    linear = master.linear
    grams = problem.tariff.known_grams(row)
    for cap, most in zip(caps, room, strict=True):
        linear = _with_row(linear, grams * cap.counts[columns.site, columns.order], most)
    outcome = solve_linear(linear, limits, master.start(), engine=ENGINE, gap=MIP_GAP)
    work = outcome.work + BUILD_WORK * len(row)
    before = float(columns.saving[columns.now].sum())
    gain = 0.0
    if outcome.solution is not None and outcome.objective is not None:
        gain = max(0.0, before - outcome.objective)
    wanted = held
    rows: dict[int, int] = {}
    if gain > 1e-7:
        assert outcome.solution is not None
        sent = np.flatnonzero(outcome.solution.x[: len(row)] > 0.5)
        wanted, rows = _choices(ledger, columns, row, sent, orders)
    if not book(ledger, orders, wanted):
        gain, rows = 0.0, {}
        if not book(ledger, orders, held):
            raise AssertionError("what was released must fit again")
    elif rows:
        assert placement.row is not None
        first = problem.orders.first_piece
        for order in orders.tolist():
            placement.row[first[order] : first[order + 1]] = -1
        for head, at in rows.items():
            placement.row[head] = at
    bound = None
    done = outcome.termination == Termination.CONVERGED and outcome.bound is not None
    if done and len(orders) == problem.n_orders:
        assert outcome.bound is not None
        bound = min(objective - before + outcome.bound, objective - gain)
    return Exchanged(gain, bound, work)


def _columns(
    ledger: Ledger, catalogue: Catalogue, anchor: Anchor, orders: Ints, most: float
) -> tuple[Columns, Ints]:
    """Return the parcels that could be in a better plan, rate by rate, and the rate of each."""
    problem, pieces = ledger.problem, ledger.problem.pieces
    order, first, subset, size = _subsets(problem.orders.first_piece, orders)
    member = subset[:, None] >> np.arange(int(size.max(initial=1))) & 1
    at, rank = np.nonzero(member)
    piece = first[at] + rank
    count = len(order)

    def add_up(values: Floats) -> Floats:
        return np.bincount(at, values[piece], minlength=count).astype(np.float64)

    kg, m3, units, loss, drop = (
        add_up(values)
        for values in (pieces.kg, pieces.m3, pieces.units, pieces.loss, pieces.penalty)
    )
    goods = problem.goods_of(piece, at, count)
    price = piece_prices(problem, anchor.prices)
    paid = np.stack([add_up(of_site) for of_site in price])
    able = np.stack([add_up((~of_site).astype(np.float64)) for of_site in catalogue.able]) < 0.5
    day, group_of = problem.orders.day[order], problem.tariff.group
    quotes = quotes_for(problem, order)
    rows, monies, tolls = [], [], []
    for row, asked in quotes.each(kg, m3, loss - goods):
        money = np.where(able, asked + problem.handling[:, None] * units + goods, np.inf)
        toll = problem.tariff.known_grams(row) * anchor.toll[:, order]
        rows.append(row)
        monies.append(money)
        tolls.append(money + toll + paid + anchor.prices.parcels[group_of[row], day])
    row, money, value = np.stack(rows), np.stack(monies), np.stack(tolls)
    least = np.minimum(value.min(axis=(0, 1)), drop)
    keep = np.isfinite(money) & (value <= least + most)
    now = _now(ledger, order, subset, row)
    level, site, entry = np.nonzero(keep | now)
    taken = row[level, site, entry]
    columns = Columns(
        order=order[entry],
        first=first[entry],
        subset=subset[entry],
        site=site.astype(np.int64),
        group=group_of[taken],
        saving=money[level, site, entry] - drop[entry],
        now=now[level, site, entry],
    )
    return columns, taken


def _subsets(first_piece: Ints, orders: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Return order, first piece, subset and size, for all subsets of all orders' pieces."""
    size = np.diff(first_piece)[orders]
    each = (1 << size) - 1
    order = np.repeat(orders, each)
    begin = np.repeat(np.cumsum(each) - each, each)
    subset = np.arange(len(order)) - begin + 1
    return order, first_piece[order], subset, np.repeat(size, each)


def _now(ledger: Ledger, order: Ints, subset: Ints, row: Ints) -> np.ndarray:
    """Say which (rank of rate, site, subset) the plan sends."""
    problem = ledger.problem
    parcels = parcels_of(problem, ledger.placement)
    placed = np.flatnonzero(parcels.of_piece >= 0)
    rank = placed - problem.orders.first_piece[problem.pieces.order[placed]]
    bits = np.bincount(
        parcels.of_piece[placed], 2.0**rank, minlength=len(parcels.order)
    ).astype(np.int64)  # fmt: skip
    where = {
        pair: number
        for number, pair in enumerate(zip(order.tolist(), subset.tolist(), strict=True))
    }
    now = np.zeros(row.shape, bool)
    for number, pair in enumerate(zip(parcels.order.tolist(), bits.tolist(), strict=True)):
        entry = where.get(pair)
        if entry is not None:
            site = int(parcels.site[number])
            now[:, site, entry] = row[:, site, entry] == parcels.row[number]
    return now


def _with_row(linear: LinearProblem, value: Floats, most: float) -> LinearProblem:
    """Return the problem with one more row, scaled: sum of value x at most `most`."""
    column = np.flatnonzero(value)
    scale = max(abs(most), 1.0)
    return replace(
        linear,
        row_start=np.append(linear.row_start, linear.row_start[-1] + len(column)),
        column=np.concatenate([linear.column, column]),
        value=np.concatenate([linear.value, value[column] / scale]),
        row_lower=np.append(linear.row_lower, -np.inf),
        row_upper=np.append(linear.row_upper, most / scale),
    )


def _choices(
    ledger: Ledger, columns: Columns, row: Ints, sent: Ints, orders: Ints
) -> tuple[list[Chosen], dict[int, int]]:
    """Return what each order does if columns are sent, and the rate of each lowest piece."""
    by_order: dict[int, list[int]] = {}
    rows: dict[int, int] = {}
    for column in sent.tolist():
        by_order.setdefault(int(columns.order[column]), []).append(column)
        subset = int(columns.subset[column])
        lowest = (subset & -subset).bit_length() - 1
        rows[int(columns.first[column]) + lowest] = int(row[column])
    size = np.diff(ledger.problem.orders.first_piece)
    wanted = [columns.choice(by_order.get(o, []), int(size[o])) for o in orders.tolist()]
    return wanted, rows
