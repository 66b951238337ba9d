"""Order sourcing as typed arrays: orders, their pieces, stock, docks, carriers, rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from optimizer.allocation.sourcing.tariff import Floats, Ints, Promise, Tariff
from scenarios.semantics.decisions import OrderDecision

Objects = NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class Parts:
    """What pieces take from stock; a piece stands here at most once.

    Attributes
    ----------
    piece, column : (n,) int64, who takes, and from which stock column
    qty : (n,) float64, units
    """

    piece: Ints
    column: Ints
    qty: Floats


@dataclass(frozen=True, slots=True)
class Orders:
    """Orders by number of pieces, then by id.

    Attributes
    ----------
    order_id : (n_orders,) object
    zone : (n_orders,) int64, -1 where the order names none or is held
    repeats : (n_orders,) object, order that it repeats to the letter, which holds it; "" for none
    day : (n_orders,) int64, position of the ship day in `SourcingProblem.days`
    promise : (n_orders,)
    together : (n_orders,) bool, the order ships in one parcel or not at all
    first_piece : (n_orders + 1,) int64
    """

    order_id: Objects
    zone: Ints
    repeats: Objects
    day: Ints
    promise: Promise
    together: NDArray[np.bool_]
    first_piece: Ints


@dataclass(frozen=True, slots=True)
class Pieces:
    """What ships whole: a line, or all lines of an order that may not be split.

    Attributes
    ----------
    order : (n_pieces,) int64
    units, kg, m3, penalty : (n_pieces,) float64; penalty is the money of not shipping it, beyond
        all else where it was decided that it ships
    loss : (n_pieces,) float64, the penalty without such decisions
    parts : what they take from stock: every piece in the first, further components of bundles
        (and further lines of whole orders) in the others
    first_line : (n_pieces + 1,) int64
    """

    order: Ints
    units: Floats
    kg: Floats
    m3: Floats
    penalty: Floats
    loss: Floats
    parts: tuple[Parts, ...]
    first_line: Ints


@dataclass(frozen=True, slots=True)
class Lines:
    """Order lines, those of a piece side by side.

    Attributes
    ----------
    line_id, product_id : (n_lines,) object
    qty, kg, m3, penalty : (n_lines,) float64
    """

    line_id: Objects
    product_id: Objects
    qty: Floats
    kg: Floats
    m3: Floats
    penalty: Floats


@dataclass(frozen=True, slots=True)
class Resources:
    """What orders compete for.

    Attributes
    ----------
    product_id, channel_id : (n_columns,) object; the channel is "" for stock that all share
    shared : (n_columns,) int64, column of the shared stock of the product; itself if shared
    released : (n_columns,) float64, days from the start until unused stock is for all; inf: never
    stock : (n_sites, n_columns) float64, units free to ship
    owner : (n_sites,) object, channel that the site serves alone; "" where it serves all
    room : (n_sites, n_days) float64, units a day; inf without a limit
    carrier_id : (n_groups,) object, carrier whose limit it is; "" for all without a limit
    parcels : (n_groups, n_days) float64, parcels a day; inf without a limit
    """

    product_id: Objects
    channel_id: Objects
    shared: Ints
    released: Floats
    stock: Floats
    owner: Objects
    room: Floats
    carrier_id: Objects
    parcels: Floats


@dataclass(frozen=True, slots=True)
class SourcingProblem:
    """One batch of orders to source.

    Attributes
    ----------
    site_ids : (n_sites,) object, open sites sorted, then suppliers, once per lead time
    handling : (n_sites,) float64, money per unit
    lead_days : (n_sites,) float64, whole days until a supplier hands over; part of the days of
        its rates; 0 for sites
    goods : (n_sites, n_pieces) float64, money that the stock of a piece is worth; None: it does
        not count
    toll : (n_sites, n_orders) float64, money per gram of CO2e that decides and is not paid: the
        price of limits on CO2e while a plan is looked for; None: there is none
    days : (n_days,) datetime64[D], ship days, sorted
    """

    site_ids: Objects
    handling: Floats
    lead_days: Floats
    days: NDArray[np.datetime64]
    zone_ids: Objects
    orders: Orders
    pieces: Pieces
    lines: Lines
    resources: Resources
    tariff: Tariff
    goods: Floats | None = None
    toll: Floats | None = None
    decided: Mapping[str, OrderDecision] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def n_sites(self) -> int:
        """Open sites, and suppliers that drop-ship, once per lead time."""
        return len(self.site_ids)

    @property
    def n_orders(self) -> int:
        """Orders to source."""
        return len(self.orders.order_id)

    @property
    def n_pieces(self) -> int:
        """Pieces to place."""
        return len(self.pieces.order)

    @property
    def n_groups(self) -> int:
        """Carrier limits, and one for the carriers without."""
        return len(self.resources.carrier_id)

    def goods_of(self, piece: Ints, parcel: Ints, count: int, site: Ints | None = None) -> Floats:
        """Return what the stock in parcels is worth; 0 where that does not count.

        Parameters
        ----------
        piece, parcel : (n,) int64, pieces and the parcels that they are in, numbers below `count`
        site : (n,) int64, where each piece leaves; None: at every site

        Returns
        -------
        money : (count,) float64, or (n_sites, count) at every site
        """
        if self.goods is None:
            return np.zeros(count if site is not None else (self.n_sites, count))
        if site is not None:
            return np.bincount(parcel, self.goods[site, piece], count).astype(np.float64)
        return np.stack([np.bincount(parcel, row[piece], count) for row in self.goods])

    def piece_rank(self) -> Ints:
        """Return the position of each piece within its order, (n_pieces,) int64."""
        first = self.orders.first_piece[self.pieces.order]
        rank: Ints = np.arange(self.n_pieces) - first
        return rank
