"""Moves whole pairs from one supplier's order to another's where that saves money at the prices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from optimizer.replenishment.tonight.lines import Lines
from optimizer.replenishment.tonight.order_book import OrderBook

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


def relocate(
    book: OrderBook, lines: Lines, unit: Floats, offset: Floats, allowed: Flags, nothing: Floats
) -> bool:
    """Move pairs to the option that is best for them; every order keeps its least value.

    Parameters
    ----------
    book : changed in place
    lines : at most one mode an option
    unit, offset : (n_lines,) prices, nothing subsidised
    allowed : (n_lines,) lines of orders that are placed
    nothing : (n_pairs,) cost of each pair without an order

    Returns
    -------
    moved : whether any pair was
    """
    problem = book.problem
    options, pairs = problem.options, problem.pairs
    served_by = np.bincount(options.pair, book.qty > 0.0, len(pairs))
    at = np.flatnonzero(allowed & (served_by[lines.pair] == 1.0))
    part = lines.take(at)
    qty, cost = part.best(unit[at])
    worth = nothing[part.pair] - cost - offset[at]
    best = np.full(len(pairs), -np.inf)
    np.maximum.at(best, part.pair, worth)
    hit = np.flatnonzero(worth == best[part.pair])
    winner = hit[np.unique(part.pair[hit], return_index=True)[1]]
    price = np.zeros(len(options))
    price[lines.option] = unit  # of the last segment: a premium on the others shows in `worth`
    current = np.full(len(pairs), -1, np.int64)
    some = np.flatnonzero(book.qty > 0.0)
    current[options.pair[some]] = some
    pair, new = part.pair[winner], part.option[winner]
    old = current[pair]
    spent = price[old] * book.qty[old]
    now = nothing[pair] - pairs.cost(book.level)[pair] - spent
    better = (new != old) & (worth[winner] > now + 1e-9) & (book.qty[new] <= 0.0)
    pair, new, old, amount = pair[better], new[better], old[better], qty[winner][better]
    gain = (worth[winner] - now)[better]
    if not len(pair):
        return False
    leave = book.priced(old, np.zeros(len(old)))
    order = np.argsort(-gain / np.maximum(-leave.money, 1e-12), kind="stable")
    keep = order[book.keeps_orders(leave.take(order))]
    if not len(keep):
        return False
    book.apply(leave.take(keep))
    book.apply(book.priced(new[keep], amount[keep]))
    return True
