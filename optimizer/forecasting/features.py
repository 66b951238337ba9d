"""What a boosted forecast looks at: the recent past of a series, its kin and its season.

Everything is relative to the base forecast, so that a fast and a slow seller look alike, and
everything is known at the origin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optimizer.forecasting.panel import Floats, Panel

Ints = NDArray[np.int64]
Singles = NDArray[np.float32]

WINDOWS = (1, 2, 4, 8, 13, 26, 52)  # buckets of the means that are looked at
SLACK = 0.1  # units added to both sides of a ratio
KIN = ("product", "location", "category")
NAMES = (
    *(f"mean_{n}" for n in WINDOWS),
    "log_base", "zeros_13", "zeros_52", "since_sale", "spread", "age", "unknown_4", "unknown_13",
    *(f"{kin}_{n}" for kin in KIN for n in (4, 13)),
    "all_4", "all_13", "last_year", "year_before", "growth", "season_ahead", "phase",
    "effects_ahead", "effects_13", "block",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Kin:
    """Running totals over series that share a product, a location or a category.

    Attributes
    ----------
    group : {kin: (n_series,) int64} group of each series of the panel
    sold, seen : {kin: (n_buckets + 1, n_groups)} cumulated, season divided out
    """

    group: dict[str, Ints]
    sold: dict[str, Floats]
    seen: dict[str, Floats]

    def of(self, own: slice | Ints) -> Kin:
        """Return the same for some of the series."""
        return Kin({k: g[own] for k, g in self.group.items()}, self.sold, self.seen)


def sum_kin(panels: Sequence[Panel], group: dict[str, Ints], everyone: dict[str, Ints]) -> Kin:
    """Add up panels (season divided out) by kin.

    Parameters
    ----------
    group : of the panels' series, in order
    everyone : of all series, which may be more
    """
    sold, seen = {}, {}
    for kin, codes in group.items():
        count = int(everyone[kin].max(initial=0)) + 1
        shape = (panels[0].n_buckets + 1, count)
        by_sold, by_seen = np.zeros(shape), np.zeros(shape)
        begin = 0
        for panel in panels:
            own = codes[begin : begin + panel.qty.shape[1]]
            begin += panel.qty.shape[1]
            for t in range(panel.n_buckets):
                by_sold[t + 1] += np.bincount(own, panel.qty[t], minlength=count)
                by_seen[t + 1] += np.bincount(own, panel.known[t], minlength=count)
        sold[kin], seen[kin] = np.cumsum(by_sold, axis=0), np.cumsum(by_seen, axis=0)
    return Kin(everyone, sold, seen)


class Looker:
    """Looks at one panel from any origin.

    Parameters
    ----------
    panel : season divided out
    index : (n_buckets + horizon, n_series) seasonal factors, or None
    effects : (n_buckets + horizon, n_series) factors of promotions and events, or None
    kin : of the panel's series
    season : buckets in a season
    """

    def __init__(
        self, panel: Panel, index: Floats | None, effects: Floats | None, kin: Kin, season: int
    ) -> None:
        nothing = np.zeros((1, panel.qty.shape[1]))
        self.panel, self.index, self.effects = panel, index, effects
        self.kin, self.season = kin, season
        self.sold = np.concatenate([nothing, np.cumsum(panel.qty, axis=0)])
        self.seen = np.concatenate([nothing, np.cumsum(panel.known, axis=0)])
        positive = panel.qty > 0.0
        self.sales = np.concatenate([nothing, np.cumsum(positive, axis=0)])
        place = np.where(positive, np.arange(1, panel.n_buckets + 1)[:, None], 0)
        self.last_sale = np.concatenate([nothing, np.maximum.accumulate(place, axis=0)])

    def mean(self, low: int, high: int) -> Floats:
        """Return the mean of the known buckets low <= t < high; NaN where none is."""
        low, high = max(low, 0), max(high, 0)
        count = self.seen[high] - self.seen[low]
        units = self.sold[high] - self.sold[low]
        found: Floats = np.divide(units, count, out=np.full(len(count), np.nan), where=count > 0.0)
        return found

    def look(self, origin: int, base: Floats, block: tuple[int, int], place: int) -> Singles:
        """Return the features from one origin for one block: (n_series, len(NAMES)) float32.

        Parameters
        ----------
        base : (n_series,) expected units a bucket, season and effects divided out
        block : buckets low <= h < high after the origin; `place` is its number
        """
        panel, season = self.panel, self.season
        usual = base + SLACK
        columns = [(self.mean(origin - n, origin) + SLACK) / usual for n in WINDOWS]
        columns.append(np.log(usual))
        for n in (13, 52):
            low = max(origin - n, 0)
            count = np.maximum(self.seen[origin] - self.seen[low], 1.0)
            columns.append(1.0 - (self.sales[origin] - self.sales[low]) / count)
        columns.append(np.minimum(origin - self.last_sale[origin], 52.0))
        columns.append(np.sqrt(panel.variance[origin]) / usual)
        columns.append(np.minimum(self.seen[origin], 104.0))
        for n in (4, 13):
            low = max(origin - n, 0)
            columns.append(1.0 - (self.seen[origin] - self.seen[low]) / max(origin - low, 1))
        for kin in KIN:
            columns += self._kin(kin, origin)
        columns += self._everyone(origin)
        columns += self._last_year(origin, block, usual)
        columns.append(np.full(len(base), float(origin % season)))
        columns.append(_window(self.effects, origin + block[0], origin + block[1], len(base)))
        columns.append(_window(self.effects, max(origin - 13, 0), origin, len(base)))
        columns.append(np.full(len(base), float(place)))
        return np.stack(columns, axis=1).astype(np.float32)

    def _kin(self, kin: str, origin: int) -> list[Floats]:
        group = self.kin.group[kin]
        sold, seen = self.kin.sold[kin], self.kin.seen[kin]
        return [ratio[group] for ratio in _growth(sold, seen, origin)]

    def _everyone(self, origin: int) -> list[Floats]:
        sold = self.kin.sold["category"].sum(axis=1, keepdims=True)
        seen = self.kin.seen["category"].sum(axis=1, keepdims=True)
        n_series = self.panel.qty.shape[1]
        return [np.full(n_series, ratio[0]) for ratio in _growth(sold, seen, origin)]

    def _last_year(self, origin: int, block: tuple[int, int], usual: Floats) -> list[Floats]:
        """Return what the same buckets were last year, and what led up to them, over the base."""
        n_series, year = len(usual), self.season if self.season > 7 else 4 * self.season
        low, high = origin + block[0] - year, min(origin + block[1] - year, origin)
        then = self.mean(low - 1, high + 1) if low > 0 else np.full(n_series, np.nan)
        before = self.mean(origin - 13 - year, origin - year)
        growth = (self.mean(origin - 13, origin) + SLACK) / (before + SLACK)
        season = np.ones(n_series)
        if self.index is not None:
            ahead = self.index[origin + block[0] : origin + block[1]].mean(axis=0)
            season = ahead / self.index[max(origin - 13, 0) : origin].mean(axis=0)
        return [(then + SLACK) / usual, (before + SLACK) / usual, growth, season]


def _growth(sold: Floats, seen: Floats, origin: int) -> list[Floats]:
    """Return means of the last 4 and 13 buckets over that of the last 52, by group."""
    low = max(origin - 52, 0)
    usual = (sold[origin] - sold[low]) / np.maximum(seen[origin] - seen[low], 1.0)
    found = []
    for n in (4, 13):
        low = max(origin - n, 0)
        mean = (sold[origin] - sold[low]) / np.maximum(seen[origin] - seen[low], 1.0)
        found.append((mean + SLACK / 10.0) / (usual + SLACK / 10.0))
    return found


def _window(effects: Floats | None, low: int, high: int, n_series: int) -> Floats:
    if effects is None or high <= low:
        return np.ones(n_series)
    found: Floats = effects[low:high].mean(axis=0)
    return found
