"""What a parcel costs: the rows of `carrier_rates` as arrays, and the cheapest of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scenarios.semantics.work_hours import clock_s

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

SECONDS_PER_HOUR = 3600.0
KG_TOLERANCE = 1e-9  # kg above a weight class that still count as within
GRAMS_PER_TONNE = 1e6
STEP_TOLERANCE = 1e-9  # share of a step that is rounding, not weight


@dataclass(frozen=True, slots=True)
class Tariff:
    """Rates between the sites and zones of a problem.

    Attributes
    ----------
    carrier, service : (n_rows,) object
    group : (n_rows,) int64, 0 for a carrier without a limit, else the number of its limit
    base, per_kg, included_kg, step_kg (inf: exact), volumetric, days, g_co2e : (n_rows,)
        float64; days are whole
    co2 : (n_rows,) float64, money for what a parcel emits
    cutoff_h : (n_rows,) float64, hours after midnight of the last hand-over; inf without one
    accepts : (n_rows,) float64, chance that the carrier takes a parcel
    above_kg, upto_kg : (n_rows,) float64, weights that the row prices: above_kg < kg <= upto_kg
    rows_at : (n_sites, n_zones, n_ranks) int64, rows from a site to a zone, -1 for none
    """

    carrier: NDArray[np.object_]
    service: NDArray[np.object_]
    group: Ints
    base: Floats
    per_kg: Floats
    included_kg: Floats
    step_kg: Floats
    volumetric: Floats
    days: Floats
    g_co2e: Floats
    co2: Floats
    cutoff_h: Floats
    accepts: Floats
    above_kg: Floats
    upto_kg: Floats
    rows_at: Ints

    @property
    def ranks(self) -> int:
        """Most rows that any pair of site and zone has."""
        return int(self.rows_at.shape[2])

    def charged_kg(self, row: Ints, kg: Floats, m3: Floats) -> Floats:
        """Return the kg beyond what the base includes, rounded up to the row's steps."""
        beyond = np.maximum(kg, self.volumetric[row] * m3) - self.included_kg[row]
        return _stepped(np.maximum(0.0, beyond), self.step_kg[row])

    def known_grams(self, row: Ints) -> Floats:
        """Return what parcels on given rows emit; 0 where that is not stated."""
        result: Floats = np.nan_to_num(self.g_co2e[row])
        return result

    def cost(self, row: Ints, kg: Floats, m3: Floats) -> Floats:
        """Return money of parcels on given rows."""
        result: Floats = self.base[row] + self.per_kg[row] * self.charged_kg(row, kg, m3)
        return result


@dataclass(frozen=True, slots=True)
class Promise:
    """When parcels are due.

    Attributes
    ----------
    days : days from shipping to the due date; inf without one
    per_day : money per day late; inf where being late is not allowed
    ready_h : hours after midnight of the ship day at which parcels are ready
    """

    days: Floats
    per_day: Floats
    ready_h: Floats

    def waits(self, cutoff_h: Floats) -> Floats:
        """Return the days, 0 or 1, that parcels wait for a carrier whose cut-off has passed.

        Parameters
        ----------
        cutoff_h : (..., n_orders) float64
        """
        return (self.ready_h > cutoff_h).astype(np.float64)

    def late(self, days: Floats, cutoff_h: Floats) -> Floats:
        """Return money for parcels that take so many days; inf where that is not allowed.

        Parameters
        ----------
        days, cutoff_h : (..., n_orders) float64
        """
        over = np.maximum(0.0, days + self.waits(cutoff_h) - self.days)
        with np.errstate(invalid="ignore"):  # 0 days late x infinite money
            result: Floats = np.where(over > 0.0, over * self.per_day, 0.0)
        return result

    def of(self, orders: Ints) -> Promise:
        """Return the promise of some orders."""
        return Promise(self.days[orders], self.per_day[orders], self.ready_h[orders])


class Quotes:
    """Rates from every site to the zones of some orders, ready to price many parcels.

    Parameters
    ----------
    tariff : of the problem
    zone : (n_orders,) int64; -1 has no rates
    promise : of the orders, (n_orders,)
    toll : (n_sites, n_orders) float64, money per gram that decides beside what is paid; None: none

    Attributes
    ----------
    rows : (n_ranks, n_sites, n_orders) int64, -1 for none
    beside : (n_ranks, n_sites, n_orders) float64, money beside the rate, whatever the parcel holds:
        for arriving late and for CO2e; inf where barred
    tolls : (n_ranks, n_sites, n_orders) float64, toll of a parcel; None: there is none
    """

    def __init__(
        self, tariff: Tariff, zone: Ints, promise: Promise, toll: Floats | None = None
    ) -> None:
        self.tariff = tariff
        rows = np.where((zone >= 0)[None, :, None], tariff.rows_at[:, zone, :], -1)
        self.rows = np.ascontiguousarray(rows.transpose(2, 0, 1))
        self.risky = bool((tariff.accepts < 1.0).any())
        self.beside = np.full(self.rows.shape, np.inf)
        for rank, row in enumerate(self.rows):
            late = promise.late(tariff.days[row], tariff.cutoff_h[row])
            self.beside[rank] = np.where(row >= 0, late + tariff.co2[row], np.inf)
        self.tolls = None
        if toll is not None:
            self.tolls = np.where(self.rows >= 0, tariff.known_grams(self.rows) * toll, 0.0)

    def each(self, kg: Floats, m3: Floats, loss: Floats) -> Iterator[tuple[Ints, Floats]]:
        """Yield, rank by rank, rows and money of one parcel per order, the toll included.

        Parameters and yields are those of :meth:`stated`.
        """
        if self.tolls is None:
            yield from self.stated(kg, m3, loss)
            return
        for (row, money), toll in zip(self.stated(kg, m3, loss), self.tolls, strict=True):
            yield row, money + toll

    def stated(self, kg: Floats, m3: Floats, loss: Floats) -> Iterator[tuple[Ints, Floats]]:
        """Yield, rank by rank, rows and money of one parcel per order: late, CO2e, risk included.

        A parcel that a carrier does not take goes by the cheapest carrier of the same site that
        takes all, or stays, whichever costs less: the risk is the chance of that times what it
        costs more.

        Parameters
        ----------
        kg, m3 : (n_orders,) float64
        loss : (n_orders,), or (n_sites, n_orders) float64, penalty of leaving what is in the parcel
            less what that stock is worth, where it counts

        Yields
        ------
        row, money : (n_sites, n_orders); money is inf where the row does not hold the parcel
        """
        if not self.risky:
            yield from self._sure(kg, m3)
            return
        fallback = self.fallback(kg, m3, loss)
        for row, money in self._sure(kg, m3):
            accepts = self.tariff.accepts[row]
            risk = np.where(accepts < 1.0, (1.0 - accepts) * np.maximum(0.0, fallback - money), 0.0)
            yield row, money + np.where(np.isfinite(money), risk, 0.0)

    def fallback(self, kg: Floats, m3: Floats, loss: Floats) -> Floats:
        """Return what a parcel costs that its carrier does not take, (n_sites, n_orders)."""
        least = np.broadcast_to(loss, self.rows.shape[1:]).copy()
        for row, money in self._sure(kg, m3):
            np.minimum(least, np.where(self.tariff.accepts[row] < 1.0, np.inf, money), out=least)
        return least

    def _sure(self, kg: Floats, m3: Floats) -> Iterator[tuple[Ints, Floats]]:
        """Yield rows and money, late and CO2e included, of parcels that are taken."""
        tariff = self.tariff
        for row, beside in zip(self.rows, self.beside, strict=True):
            fits = (kg > tariff.above_kg[row] + KG_TOLERANCE) | (tariff.above_kg[row] <= 0.0)
            fits &= kg <= tariff.upto_kg[row] + KG_TOLERANCE
            yield row, np.where(fits, tariff.cost(row, kg, m3) + beside, np.inf)

    def by_group(self, kg: Floats, m3: Floats, loss: Floats, groups: int) -> Floats:
        """Return the least money per carrier limit: (n_groups, n_sites, n_orders)."""
        best = np.full((groups, *self.rows.shape[1:]), np.inf)
        for row, money in self.each(kg, m3, loss):
            of_row = self.tariff.group[row]
            for group in range(groups):
                mine = money if groups == 1 else np.where(of_row == group, money, np.inf)
                np.minimum(best[group], mine, out=best[group])
        return best

    def best_rows(
        self, kg: Floats, m3: Floats, loss: Floats, site: Ints, group: Ints | None
    ) -> Ints:
        """Return the cheapest row of each order's parcel from one site, -1 where there is none.

        Parameters
        ----------
        site : (n_orders,) int64
        group : (n_orders,) int64, carrier limit to choose within; None: any
        """
        at = np.arange(len(kg))
        chosen = np.full(len(kg), -1, np.int64)
        least = np.full(len(kg), np.inf)
        for row, money in self.each(kg, m3, loss):
            mine, cost = row[site, at], money[site, at]
            better = cost < least
            if group is not None:
                better &= self.tariff.group[mine] == group
            chosen[better], least[better] = mine[better], cost[better]
        return chosen


def _stepped(kg: Floats, step: Floats) -> Floats:
    """Round up to steps; a step of inf leaves the weight as it is."""
    if not np.isfinite(step).any():
        return kg
    whole = np.where(np.isfinite(step), step, 1.0)
    steps = np.maximum(0.0, np.ceil(kg / whole - STEP_TOLERANCE))
    result: Floats = np.where(np.isfinite(step), steps * whole, kg)
    return result


def build_tariff(
    rates: pd.DataFrame,
    site_ids: pd.Index,
    zone_ids: pd.Index,
    group_of: dict[str, int],
    accepts: pd.Series | None = None,
    co2_price_per_tonne: float = 0.0,
) -> Tariff:
    """Lay out the rates between known sites and zones.

    A carrier's service prices a parcel by the row with the lowest max_weight_kg that holds it.

    Parameters
    ----------
    rates : `carrier_rates`, defaults filled in
    group_of : number of the carrier's limit; carriers that are not named have none
    accepts : by carrier_id, chance that it takes a parcel; 1 for others, and for all where None
    """
    site = site_ids.get_indexer(rates["origin"])
    zone = zone_ids.get_indexer(rates["destination"])
    keep = (site >= 0) & (zone >= 0)
    key = ["origin", "destination", "carrier_id", "service", "max_weight_kg"]
    rates = rates[keep].sort_values(key, kind="stable", ignore_index=True)
    site = site_ids.get_indexer(rates["origin"]).astype(np.int64)
    zone = zone_ids.get_indexer(rates["destination"]).astype(np.int64)
    upto = rates["max_weight_kg"].to_numpy(np.float64)
    offer = rates.groupby(key[:4], sort=False)["max_weight_kg"]
    above = offer.shift(1).fillna(0.0).to_numpy(np.float64)
    pair = site * max(len(zone_ids), 1) + zone
    rank = rates.groupby(pair, sort=False).cumcount().to_numpy(np.int64)
    ranks = int(rank.max(initial=-1)) + 1
    rows_at = np.full((len(site_ids), max(len(zone_ids), 1), ranks), -1, np.int64)
    rows_at[site, zone, rank] = np.arange(len(rates))

    def column(name: str) -> Floats:
        cells: Floats = rates[name].to_numpy(np.float64)
        return cells

    carriers = rates["carrier_id"].to_numpy(object)
    chance = np.ones(len(rates))
    if accepts is not None:
        chance = accepts.reindex(carriers).fillna(1.0).to_numpy(np.float64)
    return Tariff(
        carrier=carriers,
        service=rates["service"].to_numpy(object),
        group=np.array([group_of.get(name, 0) for name in carriers], np.int64),
        base=column("base"),
        per_kg=column("per_kg"),
        included_kg=column("included_kg"),
        step_kg=rates["step_kg"].fillna(np.inf).to_numpy(np.float64),
        volumetric=column("volumetric_kg_per_m3"),
        days=np.ceil(column("promise_days")),
        g_co2e=column("g_co2e_per_parcel"),
        co2=column("g_co2e_per_parcel") * (co2_price_per_tonne / GRAMS_PER_TONNE),
        cutoff_h=clock_hours(rates["cutoff_time"]),
        accepts=chance,
        above_kg=above,
        upto_kg=upto,
        rows_at=rows_at,
    )


def clock_hours(times: pd.Series) -> Floats:
    """Return times of day as hours after midnight; inf where there is none."""
    stated = {cell: clock_s(cell, -1) for cell in times.dropna().unique()}
    seconds = times.map(stated).fillna(-1).to_numpy(np.float64)
    result: Floats = np.where(seconds >= 0.0, seconds / SECONDS_PER_HOUR, np.inf)
    return result
