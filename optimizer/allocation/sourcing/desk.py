"""What online decisions draw on: the stock, docks and carriers that a plan left, and its prices."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from optimizer.allocation.sourcing.arrivals import Arrivals
from optimizer.allocation.sourcing.desk_co2 import DeskCaps
from optimizer.allocation.sourcing.futures import FuturePrices
from optimizer.allocation.sourcing.goods import Goods, Wanted
from optimizer.allocation.sourcing.problem import Objects
from optimizer.allocation.sourcing.tariff import Floats, Ints, Tariff, build_tariff
from scenarios import Conflict, Scenario


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

    Nothing here solves anything, so that processes without a solver can hold it.

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
        prices = tables.get("marginal_prices")
        self.goods = Goods(scenario, self._sites, prices, stock_value=stock_value)
        self._read_prices(prices)
        self.caps = DeskCaps(scenario, self._sites, prices)
        self._take_plan(scenario, tables)
        if arrivals is not None:
            self.goods.worth_by(FuturePrices(arrivals, self.tariff, self._zones, self.handling))

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

    def _read_prices(self, prices: pd.DataFrame | None) -> None:
        self._days: dict[dt.date, DayLeft] = {}
        self._dock_price: dict[dt.date, dict[int, float]] = {}
        self._lane_price: dict[dt.date, dict[int, float]] = {}
        if prices is None or not len(prices):
            return
        for row in prices[prices["stage"] == "sourcing"].itertuples():
            if row.kind not in ("dock", "lane"):
                continue
            day = pd.Timestamp(row.bucket).date()
            if row.kind == "dock" and row.entity in self._sites:
                at_site = int(self._sites.get_loc(row.entity))
                self._dock_price.setdefault(day, {})[at_site] = float(row.price)
            elif row.kind == "lane" and row.entity in self._group:
                group = self._group[str(row.entity)]
                self._lane_price.setdefault(day, {})[group] = float(row.price)

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
            for column, amount in self.goods.needs(str(product), qty, str(fence)):
                self.goods.draw(at, column, amount)
        start = pd.Timestamp(self.start)
        released = scenario.table("orders").set_index("order_id")["release_at"]
        ready = released.reindex(parcels["order_id"]).dt.normalize().fillna(start).clip(lower=start)
        grams = parcels["g_co2e"].astype(float).fillna(0.0) if "g_co2e" in parcels else 0.0
        parcels = parcels.assign(g_co2e=grams)
        for parcel, where, carrier, ready_on, emitted in zip(
            parcels["shipment_id"], parcels["site_id"], parcels["carrier_id"], ready,
            parcels["g_co2e"], strict=True,
        ):  # fmt: skip
            self.caps.add(str(where), ready_on.date(), float(emitted))
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

    def take(
        self,
        site_id: str,
        carrier_id: str,
        ready_on: dt.date,
        lines: Sequence[Wanted],
        channel_id: str,
        placed_at: dt.datetime | None = None,
        g_co2e: float = 0.0,
    ) -> None:
        """Reserve what a promised parcel takes.

        Parameters
        ----------
        placed_at : of its order; None: the first hour of `ready_on`
        g_co2e : what the parcel emits, grams

        Raises
        ------
        Conflict
            It is not there any more; nothing is taken.
        """
        site = int(self._sites.get_loc(site_id))
        placed_at = placed_at or dt.datetime.combine(ready_on, dt.time())
        if not self.goods.has_stock(channel_id, [lines], [(site, [0])], placed_at):
            raise Conflict(f"{site_id} has not all left of what parcel and order ask for")
        self.set_aside(site_id, carrier_id, ready_on, lines, channel_id, g_co2e)

    def set_aside(
        self,
        site_id: str,
        carrier_id: str,
        ready_on: dt.date,
        lines: Sequence[Wanted],
        channel_id: str,
        g_co2e: float = 0.0,
    ) -> None:
        """Reserve what a parcel that was promised before takes, as far as it is still there."""
        self.caps.add(site_id, ready_on, g_co2e)
        if site_id not in self._sites:
            return
        site = int(self._sites.get_loc(site_id))
        known = [line for line in lines if self.goods.knows(line.product_id)]
        for line in known:
            for column, qty in self.goods.needs(line.product_id, line.qty, channel_id):
                self.goods.draw(site, column, qty)
        day = self.day(ready_on)
        day.room[site] -= sum(line.qty for line in known)
        day.parcels[self._group.get(carrier_id, 0)] -= 1.0
