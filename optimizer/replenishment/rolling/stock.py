"""Expected stock of each product-location from bucket to bucket, cut off at 0.

Stock at the end of a bucket is max(Z, 0), Z ~ Normal(opening + receipts - demand, its variance
before + the demand's). Its mean is what the next bucket opens with, so that what is lost does
not come back. An order of a later night is sized when it is placed: from its arrival on, the
stock spreads no more than demand has done since that night.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.replenishment.analytics.projection import cut_at_zero

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(slots=True)
class Stock:
    """Stock and what is on its way, own numbers of every pair.

    Attributes
    ----------
    mean, variance : (n_pairs, n_buckets) demand, units per bucket; its variance with that of what
        comes back from customers
    summed : (n_pairs, n_buckets + 1) variance of the buckets before
    arriving, leaving : (n_pairs, n_buckets) units; transfers leave, what comes back arrives
    returned : (n_pairs, n_buckets) units of those arriving that come back from customers
    placed : (n_pairs, n_buckets) latest bucket in which something was ordered that arrives here
    on_way : (n_pairs,) units ordered and not arrived by `bucket`
    expected, spread : (n_pairs,) mean and variance of the stock at the opening of `bucket`
    bucket : the next one
    """

    mean: Floats
    variance: Floats
    summed: Floats
    arriving: Floats
    leaving: Floats
    returned: Floats
    placed: Ints
    on_way: Floats
    expected: Floats
    spread: Floats
    bucket: int = 0

    @property
    def horizon(self) -> int:
        """Number of buckets."""
        return int(self.mean.shape[1])

    def add(self, pair: Ints, units: Floats, arrives: Ints, ordered: int) -> None:
        """Put units on their way, which arrive in a bucket; beyond the horizon they only count.

        Parameters
        ----------
        pair, units, arrives : (n,) rows, units, buckets
        ordered : bucket in which they were ordered
        """
        np.add.at(self.on_way, pair, units)
        inside = arrives < self.horizon
        pair, units, arrives = pair[inside], units[inside], np.maximum(arrives[inside], 0)
        np.add.at(self.arriving, (pair, arrives), units)
        np.maximum.at(self.placed, (pair, arrives), ordered)

    def advance(self) -> Close:
        """Close the next bucket."""
        now = self.bucket
        closing = self._close(now, self.expected, self.spread, self.arriving[:, now])
        self.on_way -= self.arriving[:, now] - self.returned[:, now]
        self.expected, self.spread = closing.expected, closing.spread
        self.bucket += 1
        return closing

    def peaks(self, last: int, extra: Floats | None = None) -> Floats:
        """Return stock before demand in the buckets from the next to `last`, (n_pairs, n) units.

        Parameters
        ----------
        extra : (n_pairs, n) units that arrive besides; None: nothing
        """
        first = self.bucket
        expected, spread = self.expected, self.spread
        found = np.empty((len(expected), last + 1 - first))
        for bucket in range(first, last + 1):
            coming = self.arriving[:, bucket]
            if extra is not None:
                coming = coming + extra[:, bucket - first]
            found[:, bucket - first] = expected + coming
            closing = self._close(bucket, expected, spread, coming)
            expected, spread = closing.expected, closing.spread
        return found

    def _close(self, bucket: int, expected: Floats, spread: Floats, coming: Floats) -> Close:
        latest = self.placed[:, bucket]
        each = np.arange(len(latest))
        since = self.summed[:, bucket] - self.summed[each, latest]
        spread = np.where(latest > 0, np.minimum(spread, np.maximum(since, 0.0)), spread)
        used = self.mean[:, bucket] + self.leaving[:, bucket]
        centre = expected + coming - used
        sd = np.sqrt(spread + self.variance[:, bucket])
        after, left, short = cut_at_zero(centre, sd)
        return Close(expected, coming, used, after, left, centre, sd, short)


@dataclass(frozen=True, slots=True)
class Close:
    """One bucket: (n_pairs,) each.

    Attributes
    ----------
    opening, receipts, demand : units; transfers that leave count as demand
    expected, spread : mean and variance at its end
    centre, sd : of the stock before it is cut off at 0
    short : probability that it would be below 0
    """

    opening: Floats
    receipts: Floats
    demand: Floats
    expected: Floats
    spread: Floats
    centre: Floats
    sd: Floats
    short: Floats
