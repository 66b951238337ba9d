"""All parcels that one order could be sent in, priced, and how a way to send it is written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.allocation.sourcing.desk import ZoneRates
from optimizer.allocation.sourcing.desk_co2 import DeskCap
from optimizer.allocation.sourcing.online_orders import OnlineLine, OnlineOrder
from optimizer.allocation.sourcing.tariff import Bools, Floats, Ints

MOST_EXACT = 9  # pieces up to which all ways to split an order are compared

Chosen = list[tuple[int, int]]  # (rate, subset number - 1) of each parcel


@dataclass(frozen=True, slots=True)
class Case:
    """All parcels that one order could be sent in: rates by subsets of its pieces.

    Attributes
    ----------
    wait : (n_rates,) int64, days after `ship_day` that a parcel leaves: 1 past the cut-off
    room, left : (n_rates,) float64, units and parcels that the rate's ship day has left
    bits : (n_subsets, n_pieces) int64, subset number m + 1 in binary
    money : (n_rates, n_subsets) all money but penalties; inf where it cannot be
    late, co2, risk, handling : (n_rates,) twice, (n_rates, n_subsets) twice, parts of it
    goods : (n_subsets,) what the stock is worth, a part of it too
    paid : (n_rates, n_subsets) what prices add
    able : (n_sites, n_pieces) bool, stock is there
    caps : limits on CO2e that count its parcels
    grams : (n_rates,) that a parcel emits, as far as its rate states it
    kept : (n_rates, n_subsets) bool, what a limit on CO2e alone bars
    """

    order: OnlineOrder
    rates: ZoneRates
    pieces: tuple[tuple[OnlineLine, ...], ...]
    ship_day: dt.date
    wait: Ints
    room: Floats
    left: Floats
    bits: Ints
    kg: Floats
    units: Floats
    money: Floats
    late: Floats
    co2: Floats
    risk: Floats
    handling: Floats
    goods: Floats
    paid: Floats
    able: Bools
    drop: Floats
    caps: Sequence[DeskCap]
    grams: Floats
    kept: Bools

    def emitted(self, parcels: Chosen) -> list[tuple[int, float]]:
        """Return the site and the grams of each parcel."""
        return [(int(self.rates.site[rate]), float(self.grams[rate])) for rate, _ in parcels]


def by_site(case: Case, parcels: Chosen) -> list[tuple[int, list[int]]]:
    """Return the site and the pieces of each parcel."""
    return [
        (int(case.rates.site[rate]), np.flatnonzero(case.bits[subset]).tolist())
        for rate, subset in parcels
    ]
