"""A solution: where every piece goes, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.allocation.sourcing.assign import LEFT
from optimizer.allocation.sourcing.blocks import quotes_for
from optimizer.allocation.sourcing.problem import SourcingProblem
from optimizer.allocation.sourcing.tariff import Floats, Ints


@dataclass(frozen=True, slots=True)
class Placement:
    """Where pieces go; the arrays are the solution and change as it improves.

    Attributes
    ----------
    site : (n_pieces,) int64, LEFT for a piece that does not ship
    label : (n_pieces,) int64, rank within the order of the lowest piece of its parcel
    group : (n_pieces,) int64, carrier limit that the parcel counts against
    row : (n_pieces,) int64, of the tariff, by which the parcel of a lowest piece goes; -1: by its
        cheapest. None: all by their cheapest
    """

    site: Ints
    label: Ints
    group: Ints
    row: Ints | None = None

    @classmethod
    def nothing(cls, problem: SourcingProblem) -> Placement:
        """Ship nothing."""
        return cls(
            np.full(problem.n_pieces, LEFT, np.int64),
            problem.piece_rank(),
            np.zeros(problem.n_pieces, np.int64),
        )

    def copy(self) -> Placement:
        """Return a copy that changes on its own."""
        row = None if self.row is None else self.row.copy()
        return Placement(self.site.copy(), self.label.copy(), self.group.copy(), row)


@dataclass(frozen=True, slots=True)
class Parcels:
    """The parcels of a placement.

    Attributes
    ----------
    order, site, row : (n_parcels,) int64; row of the tariff
    kg, m3, units : (n_parcels,) float64
    money, late, co2, handling, goods, risk : (n_parcels,) float64; goods: worth of the stock in it;
        risk: chance that the carrier does not take it times what that costs
    toll : (n_parcels,) float64, money that decides and is not paid
    loss : (n_parcels,) float64, penalty of leaving what is in it
    head : (n_parcels,) int64, its lowest piece
    waits : (n_parcels,) float64, days that it waits since the cut-off has passed, 0 or 1
    of_piece : (n_pieces,) int64, parcel of the piece, -1 for none
    """

    order: Ints
    site: Ints
    row: Ints
    kg: Floats
    m3: Floats
    units: Floats
    money: Floats
    late: Floats
    co2: Floats
    handling: Floats
    goods: Floats
    risk: Floats
    toll: Floats
    loss: Floats
    head: Ints
    waits: Floats
    of_piece: Ints


def parcels_of(problem: SourcingProblem, placement: Placement) -> Parcels:
    """Make up the parcels of a placement, each by its cheapest rate within its carrier limit.

    They are sorted by order id, then by their lowest piece.
    """
    pieces, orders = problem.pieces, problem.orders
    ships = np.flatnonzero(placement.site != LEFT)
    head = orders.first_piece[pieces.order[ships]] + placement.label[ships]
    heads, inverse = np.unique(head, return_inverse=True)
    order = pieces.order[heads]
    by_id = np.lexsort((heads, orders.order_id[order].astype(str)))
    place = np.empty(len(heads), np.int64)
    place[by_id] = np.arange(len(heads))
    heads, order, inverse = heads[by_id], order[by_id], place[inverse]
    of_piece = np.full(problem.n_pieces, -1, np.int64)
    of_piece[ships] = inverse
    kg, m3, units, loss = (
        np.bincount(inverse, weights=column[ships], minlength=len(heads)).astype(np.float64)
        for column in (pieces.kg, pieces.m3, pieces.units, pieces.loss)
    )
    site = placement.site[heads]
    goods = problem.goods_of(ships, inverse, len(heads), placement.site[ships])
    quotes = quotes_for(problem, order)
    row = quotes.best_rows(kg, m3, loss - goods, site, placement.group[heads])
    if placement.row is not None:
        row = np.where(placement.row[heads] >= 0, placement.row[heads], row)
    promise, cutoff = orders.promise.of(order), problem.tariff.cutoff_h[row]
    late = promise.late(problem.tariff.days[row], cutoff)
    co2 = problem.tariff.co2[row]
    money = problem.tariff.cost(row, kg, m3)
    refuses = 1.0 - problem.tariff.accepts[row]
    risk = np.zeros(len(order))
    if quotes.risky:
        fallback = quotes.fallback(kg, m3, loss - goods)[site, np.arange(len(order))]
        risk = refuses * np.maximum(0.0, fallback - money - late - co2)
    return Parcels(
        order=order,
        site=site,
        row=row,
        kg=kg,
        m3=m3,
        units=units,
        money=money,
        late=late,
        co2=co2,
        handling=problem.handling[site] * units,
        goods=goods,
        risk=risk,
        toll=_tolls(problem, order, site, row),
        loss=loss,
        head=heads,
        waits=promise.waits(cutoff),
        of_piece=of_piece,
    )


@dataclass(frozen=True, slots=True)
class Terms:
    """The objective, term by term; money."""

    parcel: float
    handling: float
    late: float
    co2: float
    stock_value: float
    risk: float
    unserved: float

    @property
    def total(self) -> float:
        """The objective."""
        paid = self.parcel + self.handling + self.late + self.co2 + self.stock_value
        return paid + self.risk + self.unserved


def _tolls(problem: SourcingProblem, order: Ints, site: Ints, row: Ints) -> Floats:
    if problem.toll is None:
        return np.zeros(len(order))
    return problem.tariff.known_grams(row) * problem.toll[site, order]


def terms_of(problem: SourcingProblem, placement: Placement, parcels: Parcels) -> Terms:
    """Add up the objective of a placement."""
    left = placement.site == LEFT
    return Terms(
        float(parcels.money.sum()),
        float(parcels.handling.sum()),
        float(parcels.late.sum()),
        float(parcels.co2.sum()),
        float(parcels.goods.sum()),
        float(parcels.risk.sum()),
        float(problem.pieces.penalty[left].sum()),
    )


def objective_of(problem: SourcingProblem, placement: Placement) -> float:
    """Return the money of a placement, tolls included."""
    parcels = parcels_of(problem, placement)
    return terms_of(problem, placement, parcels).total + float(parcels.toll.sum())
