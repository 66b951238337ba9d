"""From means to quantiles: how far totals strayed from their forecast in the past.

Three steps, each learned from the errors of totals themselves, span by span. A law gives the size
of a series' errors; a shape, pooled over series of like relative size, gives its quantiles; a
conformal shift per segment puts right what is left.

Leaving out windows in which stock ran out would leave those in which demand happened to be low.
For one bucket, what was sold is a lower bound and enters as such (Kaplan and Meier 1958). In a
total, the bound is no longer independent of what it bounds, and that estimate is too high; with the
bucket filled by its expected demand the estimate is too low; the middle of the two is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from optimizer.forecasting.came import Came
from optimizer.forecasting.panel import Bools, Floats
from optimizer.forecasting.spans import Window

LEVELS = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
NORMAL = np.array([-2.326, -1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645, 2.326])
HIGH = 0.9
MOST_RESIDUALS = 40_000  # per window; evenly thinned above
MOST_BINS = 8
FEWEST_PER_BIN = 300
SEGMENT_PRIOR = 200.0  # residuals that weigh as much as a segment's own
GROWTH = (0.5, 3.0)  # limits of a forecast against the smoothed level, for carrying spread over
UNTESTED_POWER = 0.75  # spread of longer spans ~ span^0.75: between independent and common errors
LEAST_MEAN = 0.02  # units a bucket: what never sold may still sell
OUTLIER = 25.0  # squared error, in rough variances, above which a total says no more


@dataclass(frozen=True, slots=True)
class Spread:
    """How far totals stray, window by window.

    Attributes
    ----------
    windows : of the laws and shapes
    law : (n_windows, 3) float64; variance = law . (m, m^2, span x v x (m / (span x level))^2)
    centre : (n_windows, n_bins) float64, ascending; log of sd / m in the middle of each bin
    shape : (n_windows, n_levels, n_bins) float64; quantiles of error / sd
    shift : {segment: (n_windows, n_levels)} float64, added to the shape
    """

    windows: tuple[Window, ...]
    law: Floats
    centre: Floats
    shape: Floats
    shift: dict[str, Floats]

    def place(self, window: Window) -> int | None:
        """Return where a window is, or None if it was not tested."""
        return self.windows.index(window) if window in self.windows else None


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of each series at an origin: any shape that ends in n_series.

    Attributes
    ----------
    variance, level : smoothed squared one-bucket error, and the level it belongs to
    """

    variance: Floats
    level: Floats


def learn_spread(
    said: Floats,
    came: Came,
    known: Known,
    windows: tuple[Window, ...],
    segment: NDArray[np.object_],
) -> Spread:
    """Learn law, shapes and shifts.

    Parameters
    ----------
    said : (n_origins, n_windows, n_series) float64, units
    known : (n_origins, n_series)
    """
    laws, centres, shapes, shifts = [], [], [], []
    names = sorted({str(name) for name in segment})
    n_origins, n_series = known.level.shape
    series = np.tile(np.arange(n_series), n_origins)
    for place, window in enumerate(windows):
        mean, total = said[:, place].ravel(), came.total[:, place].ravel()
        use = np.flatnonzero(~np.isnan(total) & ~np.isnan(mean))
        use = use[:: max(1, -(-len(use) // MOST_RESIDUALS))]
        mean, total, blind = mean[use], total[use], came.open_ended[:, place].ravel()[use]
        filled = came.filled[:, place].ravel()[use]
        told = Known(known.variance.ravel()[use], known.level.ravel()[use])
        law = _fit_law(mean, filled, told, window)
        sd = _sd(law, mean, told, window)
        errors = Errors((total - mean) / sd, blind, (filled - mean) / sd, _bound_share(window))
        relative = _relative(sd, mean)
        centre, shape = _shapes(errors, relative)
        based = _at(centre, shape, relative)
        own = segment[series[use]]
        laws.append(law)
        centres.append(centre)
        shapes.append(shape)
        shifts.append([_shift(errors, based, own == name) for name in names])
    by_name = np.array(shifts).reshape(len(windows), len(names), len(LEVELS))
    return Spread(
        windows,
        np.stack(laws),
        np.stack(centres),
        np.stack(shapes),
        {name: by_name[:, k] for k, name in enumerate(names)},
    )


def _terms(mean: Floats, known: Known, window: Window) -> Floats:
    span = window[1] - window[0]
    grown = np.clip(mean / np.maximum(span * known.level, 1e-6), *GROWTH)
    seen = mean + LEAST_MEAN * span
    return np.stack([seen, seen**2, span * known.variance * grown**2])


def _fit_law(mean: Floats, total: Floats, known: Known, window: Window) -> Floats:
    """Fit the variance by non-negative least squares, relative errors alike."""
    if not len(mean):
        return np.array([1.0, 0.1, 0.5])
    terms = _terms(mean, known, window)
    rough = 0.1 + terms[0] + 0.3 * terms[1] + terms[2]
    squared = np.minimum((total - mean) ** 2 / rough, OUTLIER)
    law, _ = nnls((terms / rough).T, squared)
    found: Floats = law if law.sum() > 0.0 else np.array([1e-6, 0.0, 0.0])
    return found


def _sd(law: Floats, mean: Floats, known: Known, window: Window) -> Floats:
    variance = np.tensordot(law, _terms(mean, known, window), axes=1)
    found: Floats = np.sqrt(np.maximum(variance, 1e-12))
    return found


def _relative(sd: Floats, mean: Floats) -> Floats:
    found: Floats = np.log(sd / (mean + 0.05))
    return found


def _bound_share(window: Window) -> float:
    """Return how much the estimate by lower bounds weighs: all for one bucket, else half."""
    return 1.0 if window[1] - window[0] == 1 else 0.5


@dataclass(frozen=True, slots=True)
class Errors:
    """Errors over their sd, with stockouts told in two ways.

    Attributes
    ----------
    sold : (n,) of what was sold; open_ended : (n,) bool, there a lower bound
    filled : (n,) of what was probably wanted
    bound_share : weight of the first way
    """

    sold: Floats
    open_ended: Bools
    filled: Floats
    bound_share: float

    def quantiles(self, rows: NDArray[np.generic], less: Floats | None = None) -> Floats:
        """Return the quantiles LEVELS of some rows, of what lies above `less` (n,)."""
        off = 0.0 if less is None else less[rows]
        blind = self.open_ended[rows]
        bound = lower_bound_quantiles(self.sold[rows] - off, blind)
        if self.bound_share == 1.0 or not blind.any():
            return bound
        filled = np.quantile(self.filled[rows] - off, LEVELS)
        found: Floats = self.bound_share * bound + (1.0 - self.bound_share) * filled
        return found


def _shapes(errors: Errors, relative: Floats) -> tuple[Floats, Floats]:
    """Return bin centres and quantiles of the errors in each bin, (n_levels, n_bins)."""
    n_bins = int(np.clip(len(relative) // FEWEST_PER_BIN, 1, MOST_BINS))
    centres, shapes = np.zeros(MOST_BINS), np.repeat(NORMAL[:, None], MOST_BINS, axis=1)
    if not len(relative):
        return centres, shapes
    order = np.argsort(relative, kind="stable")
    for place, part in enumerate(np.array_split(order, n_bins)):
        centres[place] = relative[part].mean()
        shapes[:, place] = errors.quantiles(part)
    centres[n_bins:] = centres[n_bins - 1]
    shapes[:, n_bins:] = shapes[:, n_bins - 1 : n_bins]
    return centres, shapes


def lower_bound_quantiles(values: Floats, open_ended: Bools) -> Floats:
    """Return the quantiles LEVELS of values, some of which are lower bounds.

    Source: Kaplan and Meier (1958), J. Am. Stat. Assoc. 53, the product-limit estimate; beyond
    the last value that is not a bound, that value.
    """
    if not open_ended.any():
        return np.quantile(values, LEVELS)
    order = np.lexsort((open_ended, values))
    ordered, bound = values[order], open_ended[order]
    at_risk = np.arange(len(values), 0, -1)
    below = 1.0 - np.cumprod(1.0 - (~bound) / at_risk)
    place = np.searchsorted(below, np.array(LEVELS) - 1e-12)
    last = int(np.max(np.flatnonzero(~bound), initial=0))
    found: Floats = ordered[np.minimum(place, last)]
    return found


def _at(centre: Floats, shape: Floats, relative: Floats) -> Floats:
    """Interpolate the shape between bins: (n_levels, ...)."""
    place = np.clip(np.searchsorted(centre, relative, side="right"), 1, len(centre) - 1)
    low, high = centre[place - 1], centre[place]
    width = high - low
    share = np.divide(relative - low, width, out=np.zeros_like(relative), where=width > 0.0)
    share = np.clip(share, 0.0, 1.0)
    found: Floats = shape[:, place - 1] * (1.0 - share) + shape[:, place] * share
    return found


def _shift(errors: Errors, based: Floats, own: Bools) -> Floats:
    """Return what a segment's quantiles lie above the pooled ones, by level, shrunk."""
    rows = np.flatnonzero(own)
    if not len(rows):
        return np.zeros(len(LEVELS))
    found = np.array([errors.quantiles(rows, based[k])[k] for k in range(len(LEVELS))])
    shrunk: Floats = found * len(rows) / (len(rows) + SEGMENT_PRIOR)
    return shrunk


def quantiles(
    spread: Spread, mean: Floats, known: Known, segment: NDArray[np.object_], window: Window
) -> Floats:
    """Return quantiles of the total of a window.

    Parameters
    ----------
    mean : (..., n_series) float64, units; `known` likewise
    segment : (n_series,)
    window : buckets low <= h < high; those that were not tested borrow from what was

    Returns
    -------
    quantiles : (n_levels, ..., n_series) float64, units, ascending in the first axis, never below
        0; those from 0.9 on are never below the mean
    """
    deviation = _deviation(spread, mean, known, segment, window)
    found = np.maximum(mean[None] + deviation, 0.0)
    high = np.array(LEVELS) >= HIGH
    found[high] = np.maximum(found[high], mean[None])
    ascending: Floats = np.maximum.accumulate(found, axis=0)
    return ascending


def _deviation(
    spread: Spread, mean: Floats, known: Known, segment: NDArray[np.object_], window: Window
) -> Floats:
    place = spread.place(window)
    if place is not None:
        return _tested(spread, mean, known, segment, place)
    low, high = window
    if high - low > 1:
        span = max(b for a, b in spread.windows if a == 0 and b <= high)
        part = mean * span / high
        deviation = _tested(spread, part, known, segment, spread.windows.index((0, span)))
        longer: Floats = deviation * (high / span) ** UNTESTED_POWER
        return longer
    leads = sorted(a for a, b in spread.windows if b - a == 1)
    before = max(a for a in leads if a <= low)
    first = _tested(spread, mean, known, segment, spread.windows.index((before, before + 1)))
    after = [a for a in leads if a > low]
    if not after:
        return first
    share = (low - before) / (after[0] - before)
    place = spread.windows.index((after[0], after[0] + 1))
    return (1.0 - share) * first + share * _tested(spread, mean, known, segment, place)


def _tested(
    spread: Spread, mean: Floats, known: Known, segment: NDArray[np.object_], place: int
) -> Floats:
    sd = _sd(spread.law[place], mean, known, spread.windows[place])
    shape = _at(spread.centre[place], spread.shape[place], _relative(sd, mean))
    names, code = np.unique(segment.astype(str), return_inverse=True)
    shift = np.stack(
        [spread.shift.get(str(n), np.zeros((len(spread.windows), len(LEVELS))))[place]
         for n in names], axis=1
    )[:, code]  # fmt: skip
    shift = shift.reshape(len(LEVELS), *([1] * (mean.ndim - 1)), mean.shape[-1])
    found: Floats = (shape + shift) * sd
    return found


def pinball(found: Floats, came: Floats, levels: Sequence[float] = LEVELS) -> Floats:
    """Return the mean pinball loss over the levels, per bucket.

    Parameters
    ----------
    found : (n_levels, ...) float64, units; came : (...) float64, units
    """
    level = np.array(levels).reshape(-1, *([1] * came.ndim))
    error = came[None] - found
    loss: Floats = np.maximum(level * error, (level - 1.0) * error).mean(axis=0)
    return loss


def coverage(found: Floats, came: Floats, level: float) -> float:
    """Return the share of totals under a quantile, with ties shared out.

    Whole units cannot hit a level exactly: where totals equal the quantile, the level may lie
    anywhere between the share under it and the share at or under it. The nearest is returned.
    """
    under, at = float((came < found).mean()), float((came <= found).mean())
    return float(np.clip(level, under, at))
