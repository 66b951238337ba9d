"""What came after each origin: totals of windows, and what is known of them where stock ran out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.forecasting.panel import Bools, Floats
from optimizer.forecasting.spans import Window

FEWEST_KNOWN = 4  # buckets that must be known at an origin before it counts


@dataclass(frozen=True, slots=True)
class Came:
    """What came after each origin.

    Attributes
    ----------
    total : (n_origins, n_windows, n_series) float64, units sold; NaN where not all known
    open_ended : same shape, bool; stock ran out within, so that demand was at least the total
    filled : same shape as total, units; with what demand probably was where stock ran out
    """

    total: Floats
    open_ended: Bools
    filled: Floats

    def closed(self) -> Floats:
        """Return totals with NaN where stock ran out."""
        return np.where(self.open_ended, np.nan, self.total)

    def only(self, use: Bools) -> Came:
        """Return the same, unknown where `use` (broadcast) is False."""
        nowhere = np.full(self.total.shape, np.nan)
        return Came(
            np.where(use, self.total, nowhere), self.open_ended, np.where(use, self.filled, nowhere)
        )

    def of(self, series: Bools) -> Came:
        """Return some of the series."""
        return Came(
            self.total[:, :, series], self.open_ended[:, :, series], self.filled[:, :, series]
        )


def what_came(
    sales: Floats,
    censored: Bools,
    probable: Floats,
    origins: Sequence[int],
    windows: Sequence[Window],
) -> Came:
    """Add up sales by origin and window.

    Parameters
    ----------
    sales : (n_series, n_buckets), NaN where the series does not sell yet
    censored : same shape; there, demand was `probable` (same shape) rather than `sales`
    """
    n_series, n_buckets = sales.shape
    reach = max(high for _, high in windows)
    padded = np.full((n_buckets + reach, n_series), np.nan)
    padded[:n_buckets] = sales.T
    blind = np.zeros((n_buckets + reach, n_series), bool)
    blind[:n_buckets] = censored.T
    nothing = np.zeros((1, n_series))
    sold = np.concatenate([nothing, np.cumsum(np.nan_to_num(padded), axis=0)])
    likely = np.where(censored & ~np.isnan(sales), np.maximum(probable, sales), sales)
    padded[:n_buckets] = likely.T
    wanted = np.concatenate([nothing, np.cumsum(np.nan_to_num(padded), axis=0)])
    unknown = np.concatenate([nothing, np.cumsum(np.isnan(padded), axis=0)])
    short = np.concatenate([nothing, np.cumsum(blind, axis=0)])
    begun = np.cumsum(~np.isnan(padded), axis=0)
    shape = (len(origins), len(windows), n_series)
    total, filled, open_ended = np.empty(shape), np.empty(shape), np.empty(shape, bool)
    for row, origin in enumerate(origins):
        seen = begun[origin - 1] if origin else np.zeros(n_series)
        for place, (low, high) in enumerate(windows):
            a, b = origin + low, origin + high
            lost = (unknown[b] - unknown[a] > 0.0) | (seen < FEWEST_KNOWN)
            total[row, place] = np.where(lost, np.nan, sold[b] - sold[a])
            filled[row, place] = np.where(lost, np.nan, wanted[b] - wanted[a])
            open_ended[row, place] = short[b] - short[a] > 0.0
    return Came(total, open_ended, filled)
