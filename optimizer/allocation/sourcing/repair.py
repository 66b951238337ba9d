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
from optimizer.allocation.sourcing.tariff import Floats, Ints

MOST_ROUNDS = 40


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
        urgency = np.concatenate([regret for _, regret in asked])
        source = np.repeat(np.arange(len(wanting)), [len(regret) for _, regret in asked])
        within = np.concatenate([np.arange(len(regret)) for _, regret in asked])
        settled = [np.zeros(len(regret), bool) for _, regret in asked]
        for wanted in np.lexsort((within, source, -urgency)).tolist():
            which, row = int(source[wanted]), int(within[wanted])
            block = catalogue.blocks[wanting[which]]
            order = block.first_order + int(open_rows[wanting[which]][row])
            choice = asked[which][0]
            settled[which][row] = ledger.move(
                order,
                choice.site[row].tolist(),
                choice.label[row].tolist(),
                choice.group[row].tolist(),
            )
        for at, done in zip(wanting, settled, strict=True):
            open_rows[at] = open_rows[at][~done]
        if not any(done.any() for done in settled):
            break
    for block, rows in zip(catalogue.blocks, open_rows, strict=True):
        for row in rows.tolist():
            _place_apart(ledger, block, row, price, prices)
    return ledger


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
    """Place one large order out of what is free now; say whether it took anything."""
    first = ledger.problem.orders.first_piece
    pieces = np.arange(first[order], first[order + 1])
    barred = ledger.barred(pieces, own=False)
    day = int(ledger.problem.orders.day[order])
    toll = None
    if len(ledger.parcels) > 1:
        toll = np.where(ledger.parcels[:, day] >= 1.0, prices.parcels[:, day], np.inf)
    for _ in range(len(pieces)):
        _, site, label, group = large.send(number, price[:, pieces] + barred, toll)
        if ledger.move(order, site.tolist(), label.tolist(), group.tolist()):
            return bool((site != LEFT).any())
        # each piece fitted alone, but not all together: bar the site of the last that did not fit
        blocked = _first_blocked(ledger, order, site, label, group)
        barred[site[blocked], blocked] = np.inf
    return False


def _first_blocked(ledger: Ledger, order: int, site: Ints, label: Ints, group: Ints) -> int:
    """Return the rank of the first piece that does not fit after those before it."""
    for rank in np.flatnonzero(site != LEFT).tolist():
        some = np.where(np.arange(len(site)) <= rank, site, LEFT)
        heads = np.where(label <= rank, label, np.arange(len(site)))
        if not ledger.take(order, some.tolist(), heads.tolist(), group.tolist()):
            return int(rank)
        ledger.release(order, some.tolist(), heads.tolist(), group.tolist())
    raise AssertionError("every piece fits, so the order does")


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
