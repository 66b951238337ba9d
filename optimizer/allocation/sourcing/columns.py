"""Parcels as columns: which parcels some orders could be sent in, and what they would cost."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from optimizer.allocation.sourcing.assign import LEFT, regrets
from optimizer.allocation.sourcing.blocks import Block, Catalogue
from optimizer.allocation.sourcing.placement import Placement
from optimizer.allocation.sourcing.prices import Prices
from optimizer.allocation.sourcing.tariff import Floats, Ints


@dataclass(frozen=True, slots=True)
class Columns:
    """Parcels that some orders could be sent in.

    Attributes
    ----------
    order, first, subset, site, group : (n_columns,) int64; `first` is the order's first piece,
        bit r of the subset stands for its piece of rank r
    saving : (n_columns,) float64, money less the penalties of the pieces in it
    now : (n_columns,) bool, the placement sends this parcel
    """

    order: Ints
    first: Ints
    subset: Ints
    site: Ints
    group: Ints
    saving: Floats
    now: NDArray[np.bool_]

    def entries(self) -> tuple[Ints, Ints]:
        """Return which pieces are in which column, as pairs (column, piece)."""
        column, piece = [], []
        for rank in range(int(self.subset.max(initial=0)).bit_length()):
            inside = np.flatnonzero(self.subset >> rank & 1)
            column.append(inside)
            piece.append(self.first[inside] + rank)
        if not column:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        return np.concatenate(column), np.concatenate(piece)

    def choice(self, sent: list[int], size: int) -> tuple[list[int], list[int], list[int]]:
        """Return site, label and group of an order's pieces if it sends these columns."""
        site, label, group = [LEFT] * size, list(range(size)), [0] * size
        for column in sent:
            subset = int(self.subset[column])
            lowest = (subset & -subset).bit_length() - 1
            for rank in range(size):
                if subset >> rank & 1:
                    site[rank] = int(self.site[column])
                    label[rank], group[rank] = lowest, int(self.group[column])
        return site, label, group


def columns_of(
    placement: Placement,
    catalogue: Catalogue,
    orders: Ints,
    price: Floats,
    prices: Prices,
    most: float,
) -> Columns:
    """Gather the parcels that some small orders could be sent in.

    Parameters
    ----------
    orders : (n,) int64, none of them large
    price : (n_sites, n_pieces) float64, what pieces pay at `prices`; inf bars a site
    most : regret up to which a parcel is kept (what it costs its order above the order's own best,
        prices included); those that the placement sends stay
    """
    starts = np.array([block.first_order for block in catalogue.blocks])
    which = np.searchsorted(starts, orders, side="right") - 1
    parts = [
        _of_block(
            placement, block, orders[which == number] - block.first_order, price, prices, most
        )
        for number, block in enumerate(catalogue.blocks)
        if (which == number).any()
    ]
    return Columns(
        *(
            np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(Columns)
        )
    )


def _of_block(
    placement: Placement, block: Block, rows: Ints, price: Floats, prices: Prices, most: float
) -> Columns:
    pieces = block.pieces(rows)
    part = block.some(rows)
    toll = prices.parcels[:, part.day] if prices.parcels.any() else None
    regret = regrets(part, price[:, pieces], toll)
    keep = (regret <= most) & np.isfinite(regret)
    now = np.zeros(keep.shape, bool)
    site, label, group = (
        column[pieces] for column in (placement.site, placement.label, placement.group)
    )
    for rank in range(block.size):
        head = np.flatnonzero((site[:, rank] != LEFT) & (label[:, rank] == rank))
        inside = (site[head] != LEFT) & (label[head] == rank)
        subset = (inside << np.arange(block.size)).sum(axis=1)
        now[group[head, rank], subset - 1, site[head, rank], head] = True
    group_at, subset_at, site_at, row = np.nonzero(keep | now)
    bits = subset_at + 1
    members = (bits[:, None] >> np.arange(block.size) & 1).astype(bool)
    dropped = np.where(members, part.drop[:, row].T, 0.0).sum(axis=1)
    return Columns(
        order=block.first_order + rows[row],
        first=pieces[row, 0],
        subset=bits,
        site=site_at,
        group=group_at,
        saving=part.money[group_at, subset_at, site_at, row] - dropped,
        now=now[group_at, subset_at, site_at, row],
    )
