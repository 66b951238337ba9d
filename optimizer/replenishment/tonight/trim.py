"""Orders at their least value: which lines carry it at the least cost.

Prices leave such orders a little above their least value, with lines that were bought for its
sake. Within each order the best exchange is sought again and again: one step less here, one
step more there, as long as the order keeps its least value.
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from optimizer.replenishment.tonight.order_book import OrderBook, Steps, running_by

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

WIDTH = 32  # steps of one order that are tried against each other
ROUNDS = 12
LIFTS = 30
STEP = fields(Steps)
SHEDDINGS = 8
GROUPS_AT_ONCE = 256


def lift(book: OrderBook, row_price: Floats, short: Flags) -> None:
    """Add to orders under their least value what costs least for the value it brings.

    Parameters
    ----------
    book : changed in place
    row_price : (n_rows,) prices of the rows
    short : (n_groups,) orders to lift, as far as their lines reach
    """
    options, minimum = book.problem.options, book.problem.groups.minimum
    group = options.group
    for _ in range(LIFTS):
        missing = np.where(short, -book.spare(), 0.0)
        missing[missing <= 1e-9 * np.abs(minimum)] = 0.0
        among = np.flatnonzero((missing > 0.0)[group])
        if not len(among):
            break
        near, far = book.steps(1, among), _far_up(book, among, missing)
        columns = (np.concatenate([getattr(part, f.name) for part in (near, far)]) for f in STEP)
        steps = Steps(*columns)
        steps = steps.take(steps.money > 0.0)
        cost = book.scarce(steps, row_price) - steps.saving
        of = group[steps.option]
        ratio = cost / np.minimum(steps.money, missing[of])
        order = np.lexsort((ratio, steps.option))
        order = order[np.diff(steps.option[order], prepend=-1) != 0]  # the better of the two
        order = order[np.lexsort((ratio[order], of[order]))]
        money = steps.money[order]
        before = running_by(of[order], money) - money
        taken = order[before < missing[of[order]]]
        if not len(taken):
            break
        book.apply(steps.take(taken))


def _far_up(book: OrderBook, among: Ints, missing: Floats) -> Steps:
    """Return, for each option, as many multiples more as its order lacks, if over one."""
    options = book.problem.options
    unit = book.problem.unit_price[among] * options.multiple[among]
    multiples = np.ceil(missing[options.group[among]] / np.maximum(unit, 1e-12) - 1e-9)
    start = np.maximum(book.qty[among], options.low[among] - options.multiple[among])
    most = np.floor((options.high[among] - start) / options.multiple[among] + 1e-9)
    multiples = np.minimum(multiples, most)
    several = multiples > 1.0
    index = among[several]
    new = start[several] + multiples[several] * options.multiple[index]
    return book.priced(index, new)


def trim(
    book: OrderBook, row_price: Floats, theta: Floats, tight: Flags, rounds: int = ROUNDS
) -> None:
    """Improve orders at given prices of the rows; every order keeps its least value.

    Parameters
    ----------
    book : changed in place
    theta : (n_groups,) subsidy of an order's value, by which steps are ranked
    tight : (n_groups,) orders to work on
    rounds : most exchanges of one order
    """
    group = book.problem.options.group
    work = tight & (book.value > 0.0)
    _shed(book, row_price, theta, np.flatnonzero(work[group]))
    for _ in range(rounds):
        among = np.flatnonzero(work[group])
        if not len(among):
            break
        work = _exchange(book, row_price, theta, among)


def _shed(book: OrderBook, row_price: Floats, theta: Floats, among: Ints) -> None:
    """Take steps down that save money at the prices, as many as each order can lose."""
    group = book.problem.options.group
    for _ in range(SHEDDINGS):
        for far in (True, False):
            steps = _far_down(book, among) if far else book.steps(-1, among)
            cost = book.scarce(steps, row_price) - steps.saving
            loss = cost / np.maximum(-steps.money, 1e-12) + theta[group[steps.option]]
            good = np.flatnonzero(cost < -1e-9)
            ranked = good[np.argsort(loss[good], kind="stable")]
            down = steps.take(ranked)
            down = down.take(book.keeps_orders(down))
            book.apply(down)
        changed = np.zeros(len(book.value), bool)
        changed[group[down.option]] = True
        among = among[changed[group[among]]]
        if not len(among):
            break


def _exchange(book: OrderBook, row_price: Floats, theta: Floats, among: Ints) -> Flags:
    """Make the best exchange within each order; say which orders changed."""
    group = book.problem.options.group
    up, down = book.steps(1, among), book.steps(-1, among)
    far = _far_down(book, among)
    steps = Steps(
        *(np.concatenate([getattr(part, f.name) for part in (up, down, far)]) for f in STEP)
    )
    cost = book.scarce(steps, row_price) - steps.saving
    of = group[steps.option]
    reduced = cost - theta[of] * steps.money
    order = np.lexsort((reduced, of))
    place = running_by(of[order], np.ones(len(order))).astype(np.int64) - 1
    order, place = order[place < WIDTH], place[place < WIDTH]
    sorted_groups = of[order]
    first = np.flatnonzero(np.diff(sorted_groups, prepend=-1))
    names, row = sorted_groups[first], np.cumsum(np.diff(sorted_groups, prepend=-1) != 0) - 1
    table = np.full((len(names), WIDTH), -1, np.int64)
    table[row, place] = order
    spare = book.spare()
    chosen: list[Ints] = []
    changed = np.zeros(len(spare), bool)
    for begin in range(0, len(names), GROUPS_AT_ONCE):
        part = table[begin : begin + GROUPS_AT_ONCE]
        room = np.maximum(spare[names[begin : begin + GROUPS_AT_ONCE]], 0.0)
        chosen.append(_best_couples(book, steps, cost, part, room))
    picked = np.concatenate(chosen) if chosen else np.zeros(0, np.int64)
    if len(picked):
        book.apply(steps.take(picked))
        changed[group[steps.option[picked]]] = True
    return changed


def _far_down(book: OrderBook, among: Ints) -> Steps:
    """Return, for each option, as many multiples less as its order can lose, if over one."""
    options = book.problem.options
    qty, money = book.qty[among], book.money[among]
    spare = np.maximum(book.spare()[options.group[among]], 0.0)
    unit = money / np.maximum(qty, 1e-12)
    multiples = np.floor(spare / np.maximum(unit * options.multiple[among], 1e-12))
    most = np.floor((qty - options.low[among]) / options.multiple[among] + 1e-9)
    multiples = np.minimum(multiples, most)
    several = (multiples > 1.0) & (qty > 0.0)
    return book.steps(-1, among[several], multiples[several])


def _best_couples(book: OrderBook, steps: Steps, cost: Floats, table: Ints, room: Floats) -> Ints:
    """Return the steps of the best single step or couple of each order, where one saves money.

    Parameters
    ----------
    table : (n_orders, WIDTH) places in `steps`, -1 for none
    room : (n_orders,) money that the order may lose
    """
    there = table >= 0
    pair = book.problem.options.pair[steps.option]
    price = np.where(there, cost[table], np.inf)
    money = np.where(there, steps.money[table], 0.0)
    line = np.where(there, pair[table], -1)
    both = price[:, :, None] + price[:, None, :]
    value = money[:, :, None] + money[:, None, :]
    alike = line[:, :, None] == line[:, None, :]
    both[alike | (value < -room[:, None, None] - 1e-9)] = np.inf
    each = np.arange(WIDTH)
    both[:, each, each] = np.where(money >= -room[:, None] - 1e-9, price, np.inf)
    flat = both.reshape(len(table), -1)
    best = np.argmin(flat, axis=1)
    gains = flat[np.arange(len(table)), best] < -1e-9
    first, second = np.divmod(best[gains], WIDTH)
    rows = table[gains]
    at = np.arange(len(rows))
    result: Ints = np.unique(np.concatenate([rows[at, first], rows[at, second]]))
    return result
