"""Each order at its own least cost, given prices: a dynamic programme over its pieces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.allocation.sourcing.blocks import Block, subsets
from optimizer.allocation.sourcing.choices_compiled import choose
from optimizer.allocation.sourcing.compiling import has_numba
from optimizer.allocation.sourcing.tariff import Floats, Ints

LEFT = -1  # site of a piece that does not ship


@dataclass(frozen=True, slots=True)
class Choice:
    """What the orders of a block do.

    Attributes
    ----------
    value : (n_orders,) float64, money and prices paid
    site : (n_orders, size) int64, LEFT for pieces that do not ship
    label : (n_orders, size) int64, lowest piece of the parcel; pieces with one label travel
        together
    group : (n_orders, size) int64, carrier limit that the parcel counts against
    """

    value: Floats
    site: Ints
    label: Ints
    group: Ints

    @classmethod
    def empty(cls, orders: int, size: int) -> Choice:
        """Return arrays to be filled."""
        shape = (orders, size)
        return cls(
            np.empty(orders),
            np.empty(shape, np.int64),
            np.empty(shape, np.int64),
            np.empty(shape, np.int64),
        )


def solve_block(
    block: Block, price: Floats, toll: Floats | None = None, kernel: str = ""
) -> Choice:
    """Find every order's cheapest way to ship, drop or split its pieces.

    Parameters
    ----------
    price : (n_sites, n_orders, size) float64, what a piece pays for stock and dock at a site;
        inf bars it
    toll : (n_groups, n_orders) float64, what a parcel pays for its carrier; None: nothing
    kernel : "numpy"; "": compiled loops where numba is installed. Both give the same bits
    """
    if kernel != "numpy" and has_numba():
        found = Choice.empty(block.orders, block.size)
        choose(
            np.ascontiguousarray(block.money.transpose(3, 0, 1, 2)),
            block.drop,
            np.ascontiguousarray(price.transpose(1, 2, 0)),
            np.empty((0, 0)) if toll is None else toll,
            found.value,
            found.site,
            found.label,
            found.group,
        )
        return found
    if block.size == 1 and toll is None and len(block.money) == 1:
        return _solve_single(block, price)
    value = _parcel_values(block, price, toll)
    least, taken = _partition(block, value)
    best = least[-1]
    rows = np.arange(block.orders)
    site = np.full((block.orders, block.size), LEFT, np.int64)
    label = np.tile(np.arange(block.size), (block.orders, 1))
    group = np.zeros((block.orders, block.size), np.int64)
    left = np.full(block.orders, (1 << block.size) - 1)
    for _ in range(block.size):
        subset = taken[left, rows]
        ships = np.flatnonzero(subset > 0)
        if len(ships):
            _send(block, price, toll, ships, subset[ships], (site, label, group))
        left = left & ~np.where(subset > 0, subset, left & -left)
        if not left.any():
            break
    return Choice(best, site, label, group)


def _solve_single(block: Block, price: Floats) -> Choice:
    """Solve orders of one piece: its cheapest site, or none."""
    total = block.money[0, 0] + price[:, :, 0]
    site = total.argmin(axis=0)
    value = total[site, np.arange(block.orders)]
    ships = value < block.drop[0]
    nothing = np.zeros((block.orders, 1), np.int64)
    return Choice(
        np.where(ships, value, block.drop[0]),
        np.where(ships, site, LEFT)[:, None],
        nothing,
        nothing.copy(),
    )


def _parcel_values(block: Block, price: Floats, toll: Floats | None) -> list[Floats]:
    """Return the least price of each subset as one parcel, element 0 unused."""
    sums: dict[int, Floats] = {}
    value = [np.zeros(0)]
    buffer = np.empty(price.shape[:2])
    for subset, rest, lowest in subsets(block.size):
        own = price[:, :, lowest]
        paid = sums[rest] + own if rest else own
        sums[subset] = paid
        money = block.money[:, subset - 1]
        if toll is None and len(money) == 1:
            np.add(money[0], paid, out=buffer)
            value.append(buffer.min(axis=0))
            continue
        parcel = money if toll is None else money + toll[:, None, :]
        value.append((parcel.min(axis=0) + paid).min(axis=0))
    return value


def regrets(block: Block, price: Floats, toll: Floats | None = None) -> Floats:
    """Return what each parcel costs an order above its own best, the rest of it at its best.

    Returns
    -------
    regret : (n_groups, 2**size - 1, n_sites, n_orders) float64, at least 0 but for rounding
    """
    best, _ = _partition(block, _parcel_values(block, price, toll))
    full = (1 << block.size) - 1
    regret = block.money.copy() if toll is None else block.money + toll[:, None, None, :]
    for subset in range(1, full + 1):
        for rank in range(block.size):
            if subset >> rank & 1:
                regret[:, subset - 1] += price[:, :, rank]
        regret[:, subset - 1] += best[full ^ subset] - best[full]
    return regret


def _partition(block: Block, value: list[Floats]) -> tuple[list[Floats], Ints]:
    """Split the pieces of each order into parcels and pieces left behind.

    Returns
    -------
    best : (n_orders,) float64 for every set of pieces
    taken : (2**size, n_orders) int64, parcel that holds the lowest piece of a set of pieces,
        0 where that piece is left behind
    """
    taken = np.zeros((1 << block.size, block.orders), np.int64)
    best = [np.zeros(block.orders)]
    for pieces, rest, lowest in subsets(block.size):
        least = block.drop[lowest] + best[rest]
        part = rest
        while True:
            parcel = part | (pieces ^ rest)
            cost = value[parcel] + best[pieces ^ parcel]
            better = cost < least
            np.copyto(least, cost, where=better)
            np.copyto(taken[pieces], parcel, where=better)
            if not part:
                break
            part = (part - 1) & rest
        best.append(least)
    return best, taken


def _send(
    block: Block,
    price: Floats,
    toll: Floats | None,
    rows: Ints,
    subset: Ints,
    out: tuple[Ints, Ints, Ints],
) -> None:
    """Write the site, label and carrier limit of one parcel per row."""
    paid = np.zeros((price.shape[0], len(rows)))
    for piece in range(block.size - 1, -1, -1):
        inside = (subset >> piece & 1).astype(bool)
        paid += np.where(inside, price[:, rows, piece], 0.0)
    money = block.money[:, subset - 1, :, rows]  # (n_rows, n_groups, n_sites)
    if toll is not None:
        money = money + toll[:, rows].T[:, :, None]
    total = money + paid.T[:, None, :]
    flat = total.reshape(len(rows), -1).argmin(axis=1)
    group, site = np.divmod(flat, price.shape[0])
    label = np.zeros(len(rows), np.int64)
    for piece in range(block.size - 1, -1, -1):
        label = np.where(subset >> piece & 1, piece, label)
    for piece in range(block.size):
        inside = np.flatnonzero(subset >> piece & 1)
        out[0][rows[inside], piece] = site[inside]
        out[1][rows[inside], piece] = label[inside]
        out[2][rows[inside], piece] = group[inside]
