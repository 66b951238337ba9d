"""What a site, a lane or a supplier may state beyond the plain world; each is absent by default.

A feature that no fact states is not simulated and costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulation.arrays import Flags, Floats, Places, Sums, Units

UNLIMITED = 1 << 32  # units on a day without limit, beside days with one


@dataclass(frozen=True, slots=True)
class Doors:
    """Doors at which goods are taken in, each of which needs a random time for a load.

    Attributes
    ----------
    count : doors
    units : of a load; what waits at the gate fills one door after another
    done : chance in 1/65,536 that a door is done with its load at a tick, so that the time it
        takes is geometric, with a mean of 65,536 / done ticks
    """

    count: int
    units: int
    done: int


@dataclass(frozen=True, slots=True)
class Lift:
    """More hands for some days: what a site takes in and sends out on them is raised.

    Attributes
    ----------
    first, last : ticks
    factor : in 1/256, on units and parcels of a day
    """

    first: int
    last: int
    factor: int


@dataclass(frozen=True, slots=True)
class Dock:
    """What a site can take in and send out in a day.

    Attributes
    ----------
    inbound, outbound : (7,) int64, units by weekday from Monday; None: no limit
    parcels : (7,) int64, parcels to customers by weekday; None: no limit
    parcel_units : units of a parcel where no order says what is in it, in 1/65,536
    doors : through which goods come in; None: they come in at once
    lift : more hands for some days; None: for none
    """

    inbound: Sums | None = None
    outbound: Sums | None = None
    parcels: Sums | None = None
    parcel_units: int = 1 << 16
    doors: Doors | None = None
    lift: Lift | None = None


@dataclass(frozen=True, slots=True)
class Store:
    """The room of a site.

    Attributes
    ----------
    room : cm3
    volume : (K,) int64, cm3 per unit
    refuses : goods that do not fit go back for good; else they wait at the gate
    """

    room: int
    volume: Sums
    refuses: bool = False


@dataclass(frozen=True, slots=True)
class Quota:
    """What a supplier hands over in a week at most, Monday to Sunday.

    Attributes
    ----------
    units : (Q,) int64, units a week of each row of its terms
    """

    units: Sums


@dataclass(frozen=True, slots=True)
class Split:
    """A lane as one of several sources of its SKUs.

    Attributes
    ----------
    share : (C,) int64, of each order, in 1/65,536; the sources of a SKU add up to 65,536
    rank : (C,) int64, 0 for the source that is asked first
    least, multiple : (C,) int32, units of one order line at this source
    """

    share: Sums
    rank: Places
    least: Units
    multiple: Units


@dataclass(frozen=True, slots=True)
class Load:
    """What a lane carries in a day.

    Attributes
    ----------
    grams : a day; a unit that begins within it goes, and what hangs over is taken from later days
    weight : (C,) int64, grams per unit
    """

    grams: int
    weight: Sums


@dataclass(frozen=True, slots=True)
class Life:
    """How long the SKUs of a site keep.

    Attributes
    ----------
    ticks : (K,) int64, from receipt to the morning on which it is destroyed; 0: it keeps
    lots : opening stock with a date of its own: the tick on whose morning it is destroyed, SKUs,
        units; the rest of the opening stock is fresh
    """

    ticks: Places
    lots: tuple[tuple[int, Places, Units], ...] = ()


@dataclass(frozen=True, slots=True)
class Return:
    """What customers of a site send back for one reason.

    Attributes
    ----------
    reason : as the scenario calls it, of the random numbers
    disposition : shelf (sold again), exchange (the customer is owed a new one), or scrap
    share : (K,) int64, of the units issued, in 1/65,536
    delay : (K,) int64, ticks from issue to return, at least 1
    value : (K,) money recovered per unit
    """

    reason: str
    disposition: str
    share: Sums
    delay: Places
    value: Floats


@dataclass(frozen=True, slots=True)
class Channels:
    """Channels that share the stock of a site, each with a part kept for it alone.

    Attributes
    ----------
    names : C of them
    demand : (C, K) int64, share of each SKU's demand that channels up to this one ask for, in
        1/65,536; the last row is 65,536
    reserve : (C,) int64, share of the stock kept for each, in 1/65,536
    release : (C,) int64, ticks before the end of a bucket from which on its reserve is open to all
    """

    names: tuple[str, ...]
    demand: Sums
    reserve: Sums
    release: Sums


@dataclass(frozen=True, slots=True)
class OrderBook:
    """Orders of customers that stand for the simulated demand, and the sourcing rule.

    Attributes
    ----------
    begin : (T + 1,) int64, first line of each order; the last entry is their number
    product : (L,) int64, product of the world of each line, each at most once in an order
    units : (L,) int64
    place : (T,) int64, where an order goes; splits : (T,) it may go in several parcels
    ranks : (Z, S) int64, sites of the world by preference for each place
    punctual : (Z, S) bool, by site: what leaves today arrives within the promise
    """

    begin: Places
    product: Places
    units: Places
    place: Places
    splits: Flags
    ranks: Places
    punctual: Flags

    @property
    def n_orders(self) -> int:
        """Number of orders to choose from."""
        return len(self.place)

    @property
    def mean_units(self) -> int:
        """Units of an order on average, in 1/65,536."""
        return max(1, (int(self.units.sum()) << 16) // max(self.n_orders, 1))
