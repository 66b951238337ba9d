"""Picking and loading at one site as typed arrays: slots of time, parcels, departures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Objects = NDArray[np.object_]

WORK = 1e-6  # units or parcels that are rounding, not work


@dataclass(frozen=True, slots=True)
class Slots:
    """Parts of working hours between which nothing is released and nothing leaves.

    Attributes
    ----------
    begin_s, end_s : (n_slots,) int64, seconds from the midnight before the first day
    pick : (n_slots,) float64, units that can be picked; inf without a limit
    dock : (n_slots,) float64, parcels that can be loaded; inf without a limit
    """

    begin_s: Ints
    end_s: Ints
    pick: Floats
    dock: Floats

    def __len__(self) -> int:
        """Return the number of slots."""
        return len(self.begin_s)


@dataclass(frozen=True, slots=True)
class Departures:
    """When parcels of one cut-off and ship day can leave: on that day, or on a later one.

    Attributes
    ----------
    leaves_s : (n_groups, n_chances) int64, the cut-off on each day that the site works
    last_slot : (n_groups, n_chances) int64, last slot that ends by then; -1 for none
    days_late : (n_groups, n_chances + 1) int64, days after the ship day; the last for parcels
        that leave with none of them
    """

    leaves_s: Ints
    last_slot: Ints
    days_late: Ints

    @property
    def chances(self) -> int:
        """Departures that a parcel can leave with."""
        return int(self.leaves_s.shape[1])


@dataclass(frozen=True, slots=True)
class SiteWork:
    """What one site has to pick and load.

    Attributes
    ----------
    site_id : where
    slots : in which it works
    departures : by group
    shipment_id, carrier_id : (n_parcels,) object
    units : (n_parcels,) float64
    release_s : (n_parcels,) int64, seconds from the midnight before the first day
    release : (n_parcels,) int64, first slot that begins no sooner; n_slots for none
    group : (n_parcels,) int64, of the departures
    due_s : (n_parcels,) int64, its own cut-off, whether the site works that day or not
    rate : (n_parcels,) float64, money per day late
    """

    site_id: str
    slots: Slots
    departures: Departures
    shipment_id: Objects
    carrier_id: Objects
    units: Floats
    release_s: Ints
    release: Ints
    group: Ints
    due_s: Ints
    rate: Floats

    @property
    def n_parcels(self) -> int:
        """Parcels to pick."""
        return len(self.units)

    def cost(self, chance: Ints, parcels: Ints | None = None) -> Floats:
        """Return the money of leaving with given chances, (n_parcels,) float64.

        Parameters
        ----------
        parcels : whose chances they are; None: all
        """
        group = self.group if parcels is None else self.group[parcels]
        rate = self.rate if parcels is None else self.rate[parcels]
        money: Floats = self.departures.days_late[group, chance] * rate
        return money

    def due_slot(self, chance: Ints) -> Ints:
        """Return the last slot by which parcels must be loaded; -1 for those that never leave."""
        never = chance >= self.departures.chances
        known = np.where(never, 0, chance)
        due: Ints = np.where(never, -1, self.departures.last_slot[self.group, known])
        return due
