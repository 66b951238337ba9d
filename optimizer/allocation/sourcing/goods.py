"""Who may still have which goods: free stock by site, product and channel, and what it is worth."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import pandas as pd

from optimizer.allocation.sourcing.futures import FuturePrices
from optimizer.allocation.sourcing.reserves import channel_stock, site_owners
from optimizer.allocation.sourcing.tariff import Bools, Floats, Ints
from scenarios import Scenario
from scenarios.semantics.defaults import unserved_penalty
from scenarios.semantics.movable import release_days
from scenarios.semantics.zones import explode_bundles

UNITS = 1e-9  # units that are rounding, not demand


class Wanted(Protocol):
    """A line: how much of which product."""

    @property
    def product_id(self) -> str:
        """Which."""

    @property
    def qty(self) -> float:
        """Units."""


class Goods:
    """Free stock of every site, with the prices of a batch or of what may still come.

    A product of the scenario has a column of shared stock, and one for each channel that some of
    it is ring-fenced for. Goods that the batch did not compete for have no price.

    Parameters
    ----------
    scenario : products, stock, channels and who owns a site
    sites : of the rows of all arrays
    prices : `marginal_prices` of the plan, of which those of stock are read
    stock_value : stock counts at what it costs, as in the plan

    Attributes
    ----------
    stock, price : (n_sites, n_columns) float64, units and money per unit; promises change `stock`
    product_of, channel_of : of each column; "" is the channel of what all share
    owner : of each site, "" where it serves everybody
    """

    def __init__(
        self,
        scenario: Scenario,
        sites: pd.Index,
        prices: pd.DataFrame | None,
        *,
        stock_value: bool,
    ) -> None:
        self._sites = sites
        self._start: dt.date = scenario.settings.start_date
        self._values: FuturePrices | None = None
        self._read_products(scenario, stock_value)
        self._read_stock(scenario)
        if prices is not None:
            self._read_prices(prices)

    def worth_by(self, values: FuturePrices) -> None:
        """Price stock from now on by who may still come."""
        self._values = values

    def _read_products(self, scenario: Scenario, stock_value: bool) -> None:
        products = scenario.table("products")
        penalty = unserved_penalty(scenario)
        numbers = zip(
            products["product_id"],
            products["weight_kg"].to_numpy(np.float64).tolist(),
            products["volume_m3"].to_numpy(np.float64).tolist(),
            penalty.reindex(products["product_id"]).to_numpy(np.float64).tolist(),
            strict=True,
        )
        facts = {str(name): (kg, m3, 1.0, loss) for name, kg, m3, loss in numbers}
        one = pd.DataFrame({"bundle": products["product_id"], "qty": 1.0})
        bundles = set(scenario.table("product_components")["bundle_id"])
        self._parts: dict[str, list[tuple[str, float]]] = {}
        for row in one[one["bundle"].isin(bundles)].itertuples():
            whole = pd.DataFrame({"product_id": [row.bundle], "qty": [1.0]})
            parts = explode_bundles(scenario, whole)
            self._parts[str(row.bundle)] = [
                (str(part), float(qty))
                for part, qty in zip(parts["product_id"], parts["qty"], strict=True)
            ]
        unit_cost = dict(zip(products["product_id"], products["unit_cost"], strict=True))
        self._facts = {
            name: (
                *known,
                sum(unit_cost[part] * qty for part, qty in self._parts.get(name, [(name, 1.0)]))
                if stock_value
                else 0.0,
            )
            for name, known in facts.items()
        }

    def _read_stock(self, scenario: Scenario) -> None:
        held = channel_stock(scenario)
        held = held[held["site_id"].isin(self._sites) & held["product_id"].isin(set(self._facts))]
        keys = [*zip(held["product_id"], held["channel_id"], strict=True)]
        fenced = sorted({(product, channel) for product, channel in keys if channel})
        names = [*((product, "") for product in self._facts), *fenced]
        self._column = {name: at for at, name in enumerate(names)}
        self.product_of = [product for product, _ in names]
        self.channel_of = [channel for _, channel in names]
        self._shared = [self._column[product, ""] for product, _ in names]
        self.stock: Floats = np.zeros((len(self._sites), len(names)))
        column = [self._column[name] for name in keys]
        site = self._sites.get_indexer(held["site_id"])
        self.stock[site, column] = held["free"].to_numpy(np.float64)
        owners = site_owners(scenario)
        self.owner = [owners.get(str(name), "") for name in self._sites]
        self._for_all = np.array([not owner for owner in self.owner])
        released = release_days(scenario)
        self._kept: dict[int, list[tuple[float, int]]] = {}
        for at, (product, channel) in enumerate(names):
            if channel:
                kept = self._kept.setdefault(self._column[product, ""], [])
                kept.append((released.get(channel, np.inf), at))
        for kept in self._kept.values():
            kept.sort()
        self.price: Floats = np.zeros(self.stock.shape)

    def _read_prices(self, prices: pd.DataFrame) -> None:
        of_stock = prices[(prices["stage"] == "sourcing") & (prices["kind"] == "stock")]
        for row in of_stock.itertuples():
            site, _, channel = str(row.entity).partition("/")
            at = (str(row.product_id), channel)
            if site in self._sites and at in self._column:
                self.price[self._sites.get_loc(site), self._column[at]] = row.price
        self.price = np.minimum(self.price, self.price[:, np.array(self._shared, np.int64)])

    def knows(self, product_id: str) -> bool:
        """Say whether the scenario has a product."""
        return product_id in self._facts

    def facts(self, product_id: str) -> tuple[float, float, float, float, float]:
        """Return kg, m3, 1, the money of not shipping it and what it is worth, per unit."""
        return self._facts[product_id]

    def needs(self, product: str, qty: float, channel_id: str) -> list[tuple[int, float]]:
        """Return stock columns that a line draws on (its channel's where it has one) and units."""
        parts = self._parts.get(product, [(product, 1.0)])
        column = self._column
        return [
            (column.get((part, channel_id), column[part, ""]), qty * each) for part, each in parts
        ]

    def stock_for(
        self,
        pieces: Sequence[Sequence[Wanted]],
        channel_id: str,
        bits: Ints,
        placed_at: dt.datetime,
    ) -> tuple[Bools, Floats, Bools]:
        """Return who has what.

        Parameters
        ----------
        bits : (n_subsets, n_pieces) of each subset
        placed_at : what other channels keep is there once it is released

        Returns
        -------
        able : (n_sites, n_pieces) bool, the site has all of a piece
        price : (n_sites, n_pieces) float64, what a piece pays for it above the site that has it
            at the lowest price: what all ask alike is left out, so that who comes first is served
        fits : (n_sites, n_subsets) bool, the site has all pieces of a subset together
        """
        shape = (len(self._sites), len(pieces))
        able, price = np.ones(shape, bool), np.zeros(shape)
        wanted: dict[int, dict[int, float]] = {}
        for piece, lines in enumerate(pieces):
            for line in lines:
                for column, qty in self.needs(line.product_id, line.qty, channel_id):
                    mine = wanted.setdefault(column, {})
                    mine[piece] = mine.get(piece, 0.0) + qty
        several = []
        for column, takes in wanted.items():
            left = self._whole(column, placed_at)
            worth = self.worth(column, placed_at)
            for piece, qty in takes.items():
                able[:, piece] &= left >= qty - UNITS
                price[:, piece] += worth * qty
            if len(takes) > 1:
                several.append((left, takes))
        least = np.where(able, price, np.inf).min(axis=0)
        price = np.maximum(0.0, price - np.where(np.isfinite(least), least, 0.0))
        fits: Bools = (~able).astype(np.int64) @ bits.T == 0
        for left, takes in several:
            together = bits[:, list(takes)] @ np.array(list(takes.values()))
            fits &= left[:, None] >= together - UNITS
        return able, price, fits

    def _whole(self, column: int, placed_at: dt.datetime) -> Floats:
        """Return what an order may use: its own column, what is shared, what is released."""
        shared = self._shared[column]
        own: Floats = self.stock[:, column]
        whole = own if shared == column else own + self.stock[:, shared]
        kept = self._kept.get(shared)
        if not kept:
            return whole
        days = self.days_at(placed_at)
        for released, other in kept:
            if released > days:
                break
            if other != column:
                whole = whole + np.where(self._for_all, self.stock[:, other], 0.0)
        return whole

    def worth(self, column: int, placed_at: dt.datetime) -> Floats:
        """Return the price of a unit of a column at each site, (n_sites,)."""
        if self._values is None:
            price: Floats = self.price[:, column]
            return price
        product = self.product_of[column]
        left = self._whole(column, placed_at)
        return self._values.of(product, self._facts[product], left, placed_at)

    def days_at(self, moment: dt.datetime) -> float:
        """Return the days from the start until a moment."""
        return (moment - dt.datetime.combine(self._start, dt.time())) / dt.timedelta(days=1)

    def kept_for_others(
        self, product: str, qty: float, channel_id: str, sites: Sequence[int]
    ) -> tuple[float, int, str] | None:
        """Return days until it is for all (inf: never), site and channel of stock that would do.

        Of the sites where what is kept for other channels makes up what is short, the one where it
        is released first; None where there is none.
        """
        found: list[tuple[float, int, str]] = []
        for column, units in self.needs(product, qty, channel_id):
            shared = self._shared[column]
            for site in sites:
                own = self.stock[site, column] if column != shared else 0.0
                short = units - float(own) - float(self.stock[site, shared])
                for released, other in self._kept.get(shared, []):
                    if other == column or short <= UNITS:
                        continue
                    short -= float(self.stock[site, other])
                    if short <= UNITS:
                        days = released if self._for_all[site] else np.inf
                        found.append((days, site, self.channel_of[other]))
        return min(found, default=None)

    def has_stock(
        self,
        channel_id: str,
        pieces: Sequence[Sequence[Wanted]],
        parcels: Sequence[tuple[int, Sequence[int]]],
        placed_at: dt.datetime,
    ) -> bool:
        """Say whether parcels find their goods together.

        Parameters
        ----------
        parcels : site and pieces of each
        placed_at : what other channels keep is there once it is released
        """
        taken: dict[tuple[int, int], float] = {}
        for site, inside in parcels:
            for piece in inside:
                for line in pieces[piece]:
                    for column, qty in self.needs(line.product_id, line.qty, channel_id):
                        taken[site, column] = taken.get((site, column), 0.0) + qty
        return all(
            float(self._whole(column, placed_at)[site]) >= qty - UNITS
            for (site, column), qty in taken.items()
        )

    def draw(self, site: int, column: int, qty: float) -> None:
        """Take from a column, what it lacks from shared stock, then from what was kept."""
        shared = self._shared[column]
        rest = qty
        for source in (column, shared, *(other for _, other in self._kept.get(shared, ()))):
            part = min(rest, float(self.stock[site, source]))
            self.stock[site, source] -= part
            rest -= part
            if rest <= 0.0:
                return
