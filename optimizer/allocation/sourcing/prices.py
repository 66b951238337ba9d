"""Prices on stock, docks and carriers: what pieces pay, who takes what, the dual value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.allocation.sourcing.assign import LEFT, solve_block
from optimizer.allocation.sourcing.blocks import Block, Catalogue
from optimizer.allocation.sourcing.compiling import has_numba, side_by_side
from optimizer.allocation.sourcing.large import LargeOrders
from optimizer.allocation.sourcing.placement import Placement
from optimizer.allocation.sourcing.prices_compiled import price_pieces
from optimizer.allocation.sourcing.problem import SourcingProblem
from optimizer.allocation.sourcing.tariff import Floats, Ints

BOUND_SLACK = 1e-11  # relative to the sum of all terms: what adding up in floating point may lose


@dataclass(frozen=True, slots=True)
class Prices:
    """What one unit (or one parcel) of each limit costs; none is negative.

    Attributes
    ----------
    stock : (n_sites, n_columns) float64, money per unit
    room : (n_sites, n_days) float64, money per unit shipped
    parcels : (n_groups, n_days) float64, money per parcel
    """

    stock: Floats
    room: Floats
    parcels: Floats

    @classmethod
    def zero(cls, problem: SourcingProblem) -> Prices:
        """Everything is free."""
        limits = problem.resources
        return cls(
            np.zeros(limits.stock.shape),
            np.zeros(limits.room.shape),
            np.zeros(limits.parcels.shape),
        )

    def scaled(self, factor: float) -> Prices:
        """Return prices times a factor."""
        return Prices(factor * self.stock, factor * self.room, factor * self.parcels)


def piece_prices(problem: SourcingProblem, prices: Prices) -> Floats:
    """Return what every piece pays at every site: (n_sites, n_pieces) float64.

    A piece of a channel pays the lower of the prices of its own and of the shared stock.
    """
    pieces, shared = problem.pieces, problem.resources.shared
    of_column = effective(prices.stock, shared)
    first = pieces.parts[0]
    if has_numba() and len(pieces.parts) == 1:
        by_piece = np.empty((problem.n_pieces, problem.n_sites))
        price_pieces(
            np.ascontiguousarray(of_column.T), np.ascontiguousarray(prices.room.T), first.column,
            first.qty, pieces.units, problem.orders.day, pieces.order, by_piece,
        )  # fmt: skip
        return by_piece.T
    result = np.empty((len(of_column), len(first.column)))
    for row, of_site in zip(result, of_column, strict=True):
        np.take(of_site, first.column, out=row, mode="clip")
    result *= first.qty
    for parts in pieces.parts[1:]:
        result[:, parts.piece] += of_column[:, parts.column] * parts.qty
    if prices.room.any():
        if len(problem.days) == 1:
            for site, of_room in enumerate(prices.room[:, 0].tolist()):
                result[site] += of_room * pieces.units
        else:
            result += prices.room[:, problem.orders.day[pieces.order]] * pieces.units
    return result


def effective(price: Floats, shared: Ints) -> Floats:
    """Return the lower of the prices of each column and of the shared one."""
    if np.array_equal(shared, np.arange(len(shared))):
        return price
    return np.minimum(price, price[:, shared])


def block_prices(block: Block, price: Floats) -> Floats:
    """Return the part of :func:`piece_prices` that a block pays: (n_sites, n_orders, size)."""
    span = slice(block.first_piece, block.first_piece + block.orders * block.size)
    return price[:, span].reshape(len(price), block.orders, block.size)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a placement takes of each limit, shaped as the limits are."""

    stock: Floats
    room: Floats
    parcels: Floats


def usage_of(problem: SourcingProblem, placement: Placement) -> Usage:
    """Add up what a placement takes."""
    limits, pieces = problem.resources, problem.pieces
    sites, columns = limits.stock.shape
    taken: Floats = np.zeros(sites * columns)
    for parts in pieces.parts:
        site = placement.site[parts.piece]
        ships = site != LEFT
        cell = site[ships] * columns + parts.column[ships]
        taken += np.bincount(cell, weights=parts.qty[ships], minlength=taken.size)
    days = len(problem.days)
    ships = placement.site != LEFT
    day = problem.orders.day[pieces.order]
    moved: Floats = np.bincount(
        placement.site[ships] * days + day[ships], weights=pieces.units[ships],
        minlength=sites * days,
    ).astype(np.float64)  # fmt: skip
    heads = ships & (placement.label == problem.piece_rank())
    sent = np.bincount(
        placement.group[heads] * days + day[heads], minlength=limits.parcels.size
    ).astype(np.float64)
    return Usage(taken.reshape(sites, columns), moved.reshape(sites, days), sent.reshape(-1, days))


def rent(problem: SourcingProblem, prices: Prices) -> Floats:
    """Return what all limits earn at given prices, as terms to add up."""
    limits = problem.resources
    terms = []
    for price, limit in (
        (prices.stock, limits.stock),
        (prices.room, limits.room),
        (prices.parcels, limits.parcels),
    ):
        paid = price > 0.0
        terms.append(price[paid] * limit[paid])
    return np.concatenate(terms)


def dual_value(
    problem: SourcingProblem, catalogue: Catalogue, large: LargeOrders, prices: Prices
) -> tuple[float, Placement]:
    """Return a lower bound on every feasible plan's cost, and what orders would do at the prices.

    Every order chooses for itself and pays for what it takes; what the limits earn is given back.
    Whatever the prices are (not negative, none on a limit that is infinite), no plan within the
    limits costs less than the sum (Lagrange 1788; Geoffrion 1974, theorem 1). It is lowered by far
    more than adding up, pair by pair, can lose (Higham 1993: relative 64 eps of the sum of sizes).
    """
    price = piece_prices(problem, prices)
    placement = Placement.nothing(problem)
    charged = prices.parcels.any()

    def choose(block: Block) -> Floats:
        toll = prices.parcels[:, block.day] if charged else None
        choice = solve_block(block, block_prices(block, price), toll)
        span = slice(block.first_piece, block.first_piece + block.orders * block.size)
        placement.site[span] = choice.site.ravel()
        placement.label[span] = choice.label.ravel()
        placement.group[span] = choice.group.ravel()
        return choice.value

    values = [*side_by_side(choose, catalogue.blocks), large.relaxed(price, placement)]
    terms = np.concatenate([*values, -rent(problem, prices)])
    return float(terms.sum() - BOUND_SLACK * np.abs(terms).sum()), placement
