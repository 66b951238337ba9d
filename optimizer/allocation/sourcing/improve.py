"""Better plans: orders choose again, one after the other, with what they hold given back."""

from __future__ import annotations

import numpy as np

from optimizer.allocation.sourcing.assign import LEFT
from optimizer.allocation.sourcing.blocks import Block, Catalogue
from optimizer.allocation.sourcing.large import LargeOrders
from optimizer.allocation.sourcing.ledger import Ledger
from optimizer.allocation.sourcing.prices import Prices, block_prices, piece_prices
from optimizer.allocation.sourcing.repair import LEAST_GAIN, place_large, wishes
from optimizer.allocation.sourcing.tariff import Floats


def reassign(ledger: Ledger, catalogue: Catalogue, large: LargeOrders, prices: Prices) -> int:
    """Let every order choose again at given prices; return how many changed.

    With prices of zero no move raises the objective. With positive prices orders make room for
    others where it costs them little.
    """
    price = piece_prices(ledger.problem, prices)
    moved = 0
    for number, order in enumerate(large.orders.tolist()):
        moved += place_large(ledger, large, number, order, price, prices)
    for block in catalogue.blocks:
        rows = np.arange(block.orders)
        choice = wishes(ledger, block, rows, price, prices, own=True)
        gain = paid_now(ledger, block, price, prices) - choice.value
        better = np.flatnonzero(gain > LEAST_GAIN)
        for row in better[np.argsort(-gain[better], kind="stable")].tolist():
            moved += ledger.move(
                block.first_order + row,
                choice.site[row].tolist(),
                choice.label[row].tolist(),
                choice.group[row].tolist(),
            )
    return moved


def paid_now(ledger: Ledger, block: Block, price: Floats, prices: Prices) -> Floats:
    """Return what each order of a block costs as it is placed, prices included: (n_orders,)."""
    pieces = block.pieces()
    placement = ledger.placement
    site, label, group = (
        column[pieces] for column in (placement.site, placement.label, placement.group)
    )
    rows = np.arange(block.orders)
    own = block_prices(block, price)
    value = np.zeros(block.orders)
    for rank in range(block.size):
        ships = site[:, rank] != LEFT
        place = np.where(ships, site[:, rank], 0)
        value += np.where(ships, own[place, rows, rank], block.drop[rank])
        head = np.flatnonzero(ships & (label[:, rank] == rank))
        subset = np.zeros(len(head), np.int64)
        for other in range(rank, block.size):
            inside = (site[head, other] != LEFT) & (label[head, other] == rank)
            subset |= inside.astype(np.int64) << other
        of_group = group[head, rank]
        value[head] += block.money[of_group, subset - 1, place[head], head]
        value[head] += prices.parcels[of_group, block.day[head]]
    return value
