"""What online decisions draw on: the stock, docks and carriers that a plan left, and its prices."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
import pandas as pd

from optimizer.allocation.sourcing.arrivals import Arrivals
from optimizer.allocation.sourcing.futures import FuturePrices
from optimizer.allocation.sourcing.problem import Objects
from optimizer.allocation.sourcing.reserves import channel_stock, site_owners
from optimizer.allocation.sourcing.tariff import Bools, Floats, Ints, Tariff, build_tariff
from scenarios import Conflict, Scenario
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


@dataclass(frozen=True, slots=True)
class ZoneRates:
    """Rates from all sites to one zone.

    Attributes
    ----------
    row : (n_rates,) int64, of the tariff
    site, group : (n_rates,) int64
    days, above_kg, upto_kg : (n_rates,) float64
    cutoff_h : (n_rates,) float64, hour of the day after which a parcel leaves the next; inf: none
    accepts : (n_rates,) float64, chance that the carrier takes it
    """

    row: Ints
    site: Ints
    group: Ints
    days: Floats
    above_kg: Floats
    upto_kg: Floats
    cutoff_h: Floats
    accepts: Floats


@dataclass(frozen=True, slots=True)
class DayLeft:
    """What a day on which parcels are ready has left, and its prices; promises change the arrays.

    Attributes
    ----------
    room, room_price : (n_sites,) float64, units and money per unit
    parcels, parcel_price : (n_groups,) float64, parcels and money per parcel
    """

    room: Floats
    room_price: Floats
    parcels: Floats
    parcel_price: Floats


class Desk:
    """Free stock, docks and carriers after a batch, with that batch's prices.

    A product of the scenario has a column of shared stock, and one for each channel that some of
    it is ring-fenced for. Goods that the batch did not compete for have no price. Nothing here
    solves anything, so that processes without a solver can hold it.

    Parameters
    ----------
    scenario : the facts that the batch was planned from
    tables : `shipments`, `shipment_lines` and `marginal_prices` of the plan; without parcels all
        stock is left
    arrivals : who may still come; where known, stock is priced by that (:class:`FuturePrices`)
        instead of by the batch
    stock_value : stock counts at what it costs, as in the plan
    """

    def __init__(
        self,
        scenario: Scenario,
        tables: Mapping[str, pd.DataFrame],
        arrivals: Arrivals | None = None,
        *,
        stock_value: bool = False,
    ) -> None:
        self.stock_value = stock_value
        self.start: dt.date = scenario.settings.start_date
        sites = scenario.filled("sites")
        sites = sites[sites["status"] == "open"].sort_values("site_id", ignore_index=True)
        self._sites = pd.Index(sites["site_id"])
        self.site_ids: Objects = sites["site_id"].to_numpy(object)
        self.handling: Floats = sites["handling_cost_per_unit"].to_numpy(np.float64)
        self._room: Floats = (
            sites["outbound_units_per_day"].fillna(np.inf).to_numpy(np.float64, copy=True)
        )
        limited = scenario.table("carriers")
        limited = limited[limited["capacity_per_day"].notna()].sort_values("carrier_id")
        self._group = {str(name): at + 1 for at, name in enumerate(limited["carrier_id"])}
        self.carrier_ids = ["", *self._group]
        self._parcels = np.concatenate(
            [[np.inf], np.floor(limited["capacity_per_day"].to_numpy(np.float64))]
        )
        self._read_rates(scenario)
        self._read_products(scenario)
        self._read_stock(scenario)
        self._read_prices(tables.get("marginal_prices"))
        self._take_plan(scenario, tables)
        self._values = (
            None
            if arrivals is None
            else FuturePrices(arrivals, self.tariff, self._zones, self.handling)
        )

    def _read_rates(self, scenario: Scenario) -> None:
        rates = scenario.filled("carrier_rates")
        self.zone_ids = set(scenario.table("zones")["zone_id"]) | set(rates["destination"])
        self._zones = pd.Index(sorted(self.zone_ids))
        carriers = scenario.filled("carriers").set_index("carrier_id")
        self.tariff: Tariff = build_tariff(
            rates,
            self._sites,
            self._zones,
            self._group,
            carriers["acceptance_probability"],
            scenario.settings.co2_price_per_tonne,
        )
        self._of_zone: dict[str, ZoneRates] = {}

    def _read_products(self, scenario: Scenario) -> None:
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
                if self.stock_value
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
        self.owner = [owners.get(name, "") for name in self.site_ids]
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

    def _read_prices(self, prices: pd.DataFrame | None) -> None:
        self._days: dict[dt.date, DayLeft] = {}
        self._dock_price: dict[dt.date, dict[int, float]] = {}
        self._lane_price: dict[dt.date, dict[int, float]] = {}
        if prices is None or not len(prices):
            return
        for row in prices[prices["stage"] == "sourcing"].itertuples():
            if row.kind == "stock":
                site, _, channel = str(row.entity).partition("/")
                at = (str(row.product_id), channel)
                if site in self._sites and at in self._column:
                    self.price[self._sites.get_loc(site), self._column[at]] = row.price
                continue
            day = pd.Timestamp(row.bucket).date()
            if row.kind == "dock" and row.entity in self._sites:
                at_site = int(self._sites.get_loc(row.entity))
                self._dock_price.setdefault(day, {})[at_site] = float(row.price)
            elif row.kind == "lane" and row.entity in self._group:
                group = self._group[str(row.entity)]
                self._lane_price.setdefault(day, {})[group] = float(row.price)
        shared = np.array(self._shared)
        self.price = np.minimum(self.price, self.price[:, shared])

    def _take_plan(self, scenario: Scenario, tables: Mapping[str, pd.DataFrame]) -> None:
        """Take what the plan ships, parcel by parcel."""
        parcels = tables.get("shipments")
        lines = tables.get("shipment_lines")
        if parcels is None or lines is None or not len(parcels):
            return
        channel = scenario.table("orders").set_index("order_id")["channel_id"]
        site = dict(zip(parcels["shipment_id"], parcels["site_id"], strict=True))
        of_line = channel.reindex(lines["order_id"]).fillna("")
        units: dict[str, float] = {}
        for parcel, product, qty, fence in zip(
            lines["shipment_id"], lines["product_id"], lines["qty"].astype(float), of_line,
            strict=True,
        ):  # fmt: skip
            if site[parcel] not in self._sites:  # a supplier sends it
                continue
            at = int(self._sites.get_loc(site[parcel]))
            units[parcel] = units.get(parcel, 0.0) + qty
            for column, amount in self._needs(str(product), qty, str(fence)):
                self._draw(at, column, amount)
        start = pd.Timestamp(self.start)
        released = scenario.table("orders").set_index("order_id")["release_at"]
        ready = released.reindex(parcels["order_id"]).dt.normalize().fillna(start).clip(lower=start)
        for parcel, where, carrier, ready_on in zip(
            parcels["shipment_id"], parcels["site_id"], parcels["carrier_id"], ready, strict=True
        ):
            day = self.day(ready_on.date())
            if where in self._sites:
                day.room[int(self._sites.get_loc(where))] -= units.get(parcel, 0.0)
            day.parcels[self._group.get(str(carrier), 0)] -= 1.0

    @staticmethod
    @cache
    def bits(pieces: int) -> Ints:
        """Return the pieces of every subset but the empty one, (2**pieces - 1, pieces)."""
        numbers = np.arange(1, 1 << pieces)
        result: Ints = numbers[:, None] >> np.arange(pieces) & 1
        return result

    def knows(self, product_id: str) -> bool:
        """Say whether the scenario has a product."""
        return product_id in self._facts

    def facts(self, product_id: str) -> tuple[float, float, float, float, float]:
        """Return kg, m3, 1, the money of not shipping it and what it is worth, per unit."""
        return self._facts[product_id]

    def day(self, day: dt.date) -> DayLeft:
        """Return what a day on which parcels are ready has left."""
        if day not in self._days:
            room_price, parcel_price = np.zeros(len(self._sites)), np.zeros(len(self._parcels))
            for site, price in self._dock_price.get(day, {}).items():
                room_price[site] = price
            for group, price in self._lane_price.get(day, {}).items():
                parcel_price[group] = price
            self._days[day] = DayLeft(
                self._room.copy(), room_price, self._parcels.copy(), parcel_price
            )
        return self._days[day]

    def rates(self, zone_id: str) -> ZoneRates:
        """Return the rates to a zone; none where the zone is not known."""
        if zone_id not in self._of_zone:
            self._of_zone[zone_id] = self._zone_rates(zone_id)
        return self._of_zone[zone_id]

    def _zone_rates(self, zone_id: str) -> ZoneRates:
        tariff, zone = self.tariff, self._zones.get_indexer([zone_id])[0]
        rows = tariff.rows_at[:, zone] if zone >= 0 else np.full((1, 1), -1)
        site, rank = np.nonzero(rows >= 0)
        row = rows[site, rank]
        return ZoneRates(
            row=row,
            site=site.astype(np.int64),
            group=tariff.group[row],
            days=tariff.days[row],
            above_kg=tariff.above_kg[row],
            upto_kg=tariff.upto_kg[row],
            cutoff_h=tariff.cutoff_h[row],
            accepts=tariff.accepts[row],
        )

    def needs(self, line: Wanted, channel_id: str) -> list[tuple[int, float]]:
        """Return the stock columns that a line draws on, its own channel's first, and units."""
        return self._needs(line.product_id, line.qty, channel_id)

    def _needs(self, product: str, qty: float, channel_id: str) -> list[tuple[int, float]]:
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
                for column, qty in self._needs(line.product_id, line.qty, channel_id):
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
        return (moment - dt.datetime.combine(self.start, dt.time())) / dt.timedelta(days=1)

    def kept_for_others(
        self, product: str, qty: float, channel_id: str, sites: Sequence[int]
    ) -> tuple[float, int, str] | None:
        """Return days until it is for all (inf: never), site and channel of stock that would do.

        Of the sites where what is kept for other channels makes up what is short, the one where it
        is released first; None where there is none.
        """
        found: list[tuple[float, int, str]] = []
        for column, units in self._needs(product, qty, channel_id):
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
                    for column, qty in self._needs(line.product_id, line.qty, channel_id):
                        taken[site, column] = taken.get((site, column), 0.0) + qty
        return all(
            float(self._whole(column, placed_at)[site]) >= qty - UNITS
            for (site, column), qty in taken.items()
        )

    def take(
        self,
        site_id: str,
        carrier_id: str,
        ready_on: dt.date,
        lines: Sequence[Wanted],
        channel_id: str,
        placed_at: dt.datetime | None = None,
    ) -> None:
        """Reserve what a promised parcel takes.

        Parameters
        ----------
        placed_at : of its order; None: the first hour of `ready_on`

        Raises
        ------
        Conflict
            It is not there any more; nothing is taken.
        """
        site = int(self._sites.get_loc(site_id))
        placed_at = placed_at or dt.datetime.combine(ready_on, dt.time())
        if not self.has_stock(channel_id, [lines], [(site, [0])], placed_at):
            raise Conflict(f"{site_id} has not all left of what parcel and order ask for")
        self.set_aside(site_id, carrier_id, ready_on, lines, channel_id)

    def set_aside(
        self,
        site_id: str,
        carrier_id: str,
        ready_on: dt.date,
        lines: Sequence[Wanted],
        channel_id: str,
    ) -> None:
        """Reserve what a parcel that was promised before takes, as far as it is still there."""
        if site_id not in self._sites:
            return
        site = int(self._sites.get_loc(site_id))
        known = [line for line in lines if self.knows(line.product_id)]
        for line in known:
            for column, qty in self.needs(line, channel_id):
                self._draw(site, column, qty)
        day = self.day(ready_on)
        day.room[site] -= sum(line.qty for line in known)
        day.parcels[self._group.get(carrier_id, 0)] -= 1.0

    def _draw(self, site: int, column: int, qty: float) -> None:
        """Take from a column, what it lacks from shared stock, then from what was kept."""
        shared = self._shared[column]
        rest = qty
        for source in (column, shared, *(other for _, other in self._kept.get(shared, ()))):
            part = min(rest, float(self.stock[site, source]))
            self.stock[site, source] -= part
            rest -= part
            if rest <= 0.0:
                return
