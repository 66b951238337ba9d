"""A feasible plan from prices: orders choose, the needy are served first, losers choose again."""

from __future__ import annotations

import numpy as np

from optimizer.allocation.sourcing.assign import LEFT, Choice, solve_block
from optimizer.allocation.sourcing.blocks import Block, Catalogue
from optimizer.allocation.sourcing.large import LargeOrders
from optimizer.allocation.sourcing.ledger import Ledger, tolls
from optimizer.allocation.sourcing.placement import Placement
from optimizer.allocation.sourcing.prices import Prices, piece_prices
from optimizer.allocation.sourcing.problem import SourcingProblem
from optimizer.allocation.sourcing.tariff import Bools, Floats, Ints

MOST_ROUNDS = 40
LEAST_GAIN = 1e-7  # money; less is rounding


def construct(
    problem: SourcingProblem, catalogue: Catalogue, large: LargeOrders, prices: Prices
) -> Ledger:
    """Place every order at given prices, within the limits.

    In each round all open orders choose at their own least cost out of what is left; those are
    served first that would lose most without what they chose. Large orders go first, one by one,
    since they find the hardest place.
    """
    ledger = Ledger(problem, Placement.nothing(problem))
    price = piece_prices(problem, prices)
    for number, order in enumerate(large.orders.tolist()):
        place_large(ledger, large, number, order, price, prices)
    open_rows = [np.arange(block.orders) for block in catalogue.blocks]
    for _ in range(MOST_ROUNDS):
        wanting = [at for at, rows in enumerate(open_rows) if len(rows)]
        if not wanting:
            break
        asked = [_ask(ledger, catalogue.blocks[at], open_rows[at], price, prices) for at in wanting]
        orders = [catalogue.blocks[at].first_order + open_rows[at] for at in wanting]
        settled = _serve(ledger, orders, asked)
        for at, done in zip(wanting, settled, strict=True):
            open_rows[at] = open_rows[at][~done]
        if not any(done.any() for done in settled):
            break
    for block, rows in zip(catalogue.blocks, open_rows, strict=True):
        for row in rows.tolist():
            _place_apart(ledger, block, row, price, prices)
    return ledger


def _serve(ledger: Ledger, asking: list[Ints], asked: list[tuple[Choice, Floats]]) -> list[Bools]:
    """Serve what orders ask for, the largest regret first; say what fitted."""
    urgency = np.concatenate([regret for _, regret in asked])
    sizes = [len(regret) for _, regret in asked]
    source = np.repeat(np.arange(len(asked)), sizes)
    within = np.concatenate([np.arange(size) for size in sizes])
    orders = np.concatenate(asking).tolist()
    site, label, group = (
        [row for choice, _ in asked for row in getattr(choice, name).tolist()]
        for name in ("site", "label", "group")
    )
    served = np.zeros(len(orders), bool)
    for at in np.lexsort((within, source, -urgency)).tolist():
        served[at] = ledger.enter(orders[at], site[at], label[at], group[at])
    return np.split(served, np.cumsum(sizes)[:-1])


def wishes(
    ledger: Ledger, block: Block, rows: Ints, price: Floats, prices: Prices, own: bool
) -> Choice:
    """Return what orders of a block would do with what is free now, and what they hold if `own`."""
    pieces = block.pieces(rows)
    paid = price[:, pieces.ravel()] + ledger.barred(pieces.ravel(), own)
    toll = tolls(ledger, block, rows, prices.parcels, own)
    part = block if len(rows) == block.orders else block.some(rows)
    return solve_block(part, paid.reshape(len(paid), len(rows), block.size), toll)


def _ask(
    ledger: Ledger, block: Block, rows: Ints, price: Floats, prices: Prices
) -> tuple[Choice, Floats]:
    """Return what open orders choose, and what each would lose without it."""
    pieces = block.pieces(rows)
    paid = price[:, pieces.ravel()] + ledger.barred(pieces.ravel(), own=False)
    paid = paid.reshape(len(paid), len(rows), block.size)
    toll = tolls(ledger, block, rows, prices.parcels, own=False)
    part = block if len(rows) == block.orders else block.some(rows)
    first = solve_block(part, paid, toll)
    row, rank = np.nonzero(first.site != LEFT)
    paid[first.site[row, rank], row, rank] = np.inf
    return first, solve_block(part, paid, toll).value - first.value


def place_large(
    ledger: Ledger, large: LargeOrders, number: int, order: int, price: Floats, prices: Prices
) -> bool:
    """Place one large order anew, if that costs less, prices included; say whether it moved."""
    problem = ledger.problem
    first = problem.orders.first_piece
    pieces = np.arange(first[order], first[order + 1])
    day = int(problem.orders.day[order])
    held = ledger.held(order)
    paid = price[:, pieces]
    before = large.paid(number, held, paid, prices.parcels[:, day])
    ledger.release(order, *held)
    paid = paid + ledger.barred(pieces, own=False)
    toll = np.where(ledger.parcels[:, day] >= 1.0, prices.parcels[:, day], np.inf)
    for _ in range(len(pieces) * problem.n_sites):
        value, *wanted = large.send(number, paid, toll)
        if value >= before - LEAST_GAIN:
            break
        site, label, group = wanted
        blocked = _first_blocked(ledger, order, site, label, group)
        if blocked is None:
            ledger.take(order, site.tolist(), label.tolist(), group.tolist())
            ledger.note(order, site.tolist(), label.tolist(), group.tolist())
            return True
        # each piece fits alone, but not all together: those with the fewest other sites stay
        sequence = np.lexsort((np.arange(len(pieces)), np.isfinite(paid).sum(axis=0)))
        over = ledger.overflow(order, site.tolist(), sequence.tolist()) or [blocked]
        paid[site[over], over] = np.inf
    ledger.take(order, *held)
    return False


def _first_blocked(ledger: Ledger, order: int, site: Ints, label: Ints, group: Ints) -> int | None:
    """Return the rank of the first piece that does not fit after those before it."""
    if ledger.take(order, site.tolist(), label.tolist(), group.tolist()):
        ledger.release(order, site.tolist(), label.tolist(), group.tolist())
        return None
    fits, above = 0, len(site)
    while above - fits > 1:  # the first `fits` pieces fit, the first `above` do not
        middle = (fits + above) // 2
        some = np.where(np.arange(len(site)) < middle, site, LEFT).tolist()
        if ledger.take(order, some, label.tolist(), group.tolist()):
            ledger.release(order, some, label.tolist(), group.tolist())
            fits = middle
        else:
            above = middle
    return fits


def _place_apart(ledger: Ledger, block: Block, row: int, price: Floats, prices: Prices) -> None:
    """Place the pieces of one order one after the other, each in a parcel of its own."""
    order = block.first_order + row
    site, label = [LEFT] * block.size, list(range(block.size))
    group = [0] * block.size
    pieces = block.pieces(np.array([row]))[0]
    for rank, piece in enumerate(pieces.tolist()):
        money = block.money[:, (1 << rank) - 1, :, row] + price[:, piece]
        money = money + prices.parcels[:, block.day[row], None]
        for flat in np.argsort(money, axis=None, kind="stable").tolist():
            of_group, place = divmod(flat, money.shape[1])
            if not money[of_group, place] < block.drop[rank, row]:
                break
            trial = (site.copy(), label, group.copy())
            trial[0][rank], trial[2][rank] = place, of_group
            if ledger.move(order, *trial):
                site, group = trial[0], trial[2]
                break
