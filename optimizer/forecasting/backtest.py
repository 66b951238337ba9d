"""Rolling-origin back-test: which method each segment gets, and how wrong it was.

Every method forecasts the totals of many windows from many origins in the past; what followed is
known. What was learned over all series (seasonal factors, trees) comes from before the first of
these origins. The choice is made by segment: one series says too little to choose by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optimizer.forecasting.came import Came
from optimizer.forecasting.outlook import COMBINED, MIX, Chunk, Knowledge, look_ahead
from optimizer.forecasting.panel import Floats
from optimizer.forecasting.spans import Window, window_totals

Ints = NDArray[np.int64]
Singles = NDArray[np.float32]

CHOOSING_SPANS = (1, 2, 3, 4, 6, 8)  # whose totals decide, all alike
MIXED = 3  # methods of a mix
SHRINKAGE = 30.0  # series of evidence that all segments together weigh in each
HEAVIEST = 20.0  # limit of a series' weight against the median
MOST_RELATIVE = 10.0  # limit of a series' error against the mean of the methods


@dataclass(frozen=True, slots=True)
class Backtest:
    """What each method said from each origin, and what came.

    Attributes
    ----------
    names : methods
    origins, windows : from where, of what
    said : (n_methods, n_origins, n_windows, n_series) float32, units
    came : what came
    variance, level : (n_origins, n_series) float64; smoothed squared one-bucket error, and the
        smoothed level that it belongs to, known at the origin
    """

    names: tuple[str, ...]
    origins: tuple[int, ...]
    windows: tuple[Window, ...]
    said: Singles
    came: Came
    variance: Floats
    level: Floats

    def window_at(self, span: int) -> int:
        """Return the place of the total of the first `span` buckets."""
        return self.windows.index((0, span))


def run_backtest(
    chunks: Sequence[Chunk],
    came: Came,
    knowledge: Knowledge,
    wanted: Sequence[str],
    origins: tuple[int, ...],
    windows: tuple[Window, ...],
) -> Backtest:
    """Forecast the windows from every origin by every method, chunk by chunk."""
    n_series = came.total.shape[2]
    said = np.empty((len(wanted), len(origins), len(windows), n_series), np.float32)
    variance, level = (np.empty((len(origins), n_series)) for _ in range(2))
    reach = max(high for _, high in windows)

    def totals(path: Floats, gains: Floats | None) -> Floats:
        return window_totals(path, gains, windows)

    begin = 0
    for chunk in chunks:
        own = slice(begin, begin + chunk.panel.qty.shape[1])
        begin = own.stop
        found = look_ahead(chunk, knowledge, origins, reach, wanted, totals)
        for place, name in enumerate(wanted):
            said[place, :, :, own] = found[name]
        variance[:, own] = chunk.panel.variance[list(origins)]
        level[:, own] = chunk.panel.level[list(origins)]
    return Backtest(tuple(wanted), origins, windows, said, came, variance, level)


def choose(test: Backtest, segment: NDArray[np.object_], before: int | None) -> dict[str, int]:
    """Return the method of each segment, as its place in `test.names`.

    The score of a series is the mean squared error of the totals of CHOOSING_SPANS, each over
    its span, relative to the mean over the methods. A segment's is the mean over its series,
    weighed by the root of that mean (what an error costs grows with it), and drawn towards the
    mean over all.

    Parameters
    ----------
    before : windows that end after this bucket are not looked at; None: all are
    """
    names = sorted({str(own) for own in segment})
    drawn = _drawn_scores(test, segment, before)
    if drawn is None:
        return dict.fromkeys(names, test.names.index(COMBINED))
    return {name: int(np.argmin(np.round(drawn[name], 6))) for name in names}


def add_mixes(test: Backtest, segment: NDArray[np.object_], before: int) -> Backtest:
    """Return the test with the means of each segment's best MIXED methods as methods of their own.

    Parameters
    ----------
    before : windows that end after this bucket are not looked at
    """
    drawn = _drawn_scores(test, segment, before)
    if drawn is None:
        return test
    best = {
        tuple(sorted(np.argsort(np.round(score, 6), kind="stable")[:MIXED].tolist()))
        for score in drawn.values()
    }
    mixes = sorted(best)
    names = tuple(MIX.join(test.names[place] for place in mix) for mix in mixes)
    said = [test.said[list(mix)].mean(axis=0, keepdims=True) for mix in mixes]
    return replace(test, names=(*test.names, *names), said=np.concatenate([test.said, *said]))


def _drawn_scores(
    test: Backtest, segment: NDArray[np.object_], before: int | None
) -> dict[str, Floats] | None:
    """Return the score of every method by segment; None where nothing is known."""
    score, count = _scores(test, before)
    finite = np.isfinite(score)
    usual = np.where(finite, score, 0.0).sum(axis=0) / np.maximum(finite.sum(axis=0), 1)
    told = (count > 0.0) & (usual > 0.0)
    relative = np.minimum(score / np.where(told, usual, 1.0), MOST_RELATIVE)
    relative = np.where(np.isfinite(relative), relative, MOST_RELATIVE)
    weight = np.where(told, np.sqrt(usual), 0.0)
    median = float(np.median(weight[told])) if told.any() else 1.0
    weight = np.minimum(weight / median, HEAVIEST)
    whole = float(weight.sum())
    if not whole > 0.0:
        return None
    everyone = relative @ weight / whole
    prior = SHRINKAGE * whole / max(int(told.sum()), 1)
    drawn = {}
    for name in sorted({str(own) for own in segment}):
        own = weight * (segment == name)
        drawn[name] = (relative @ own + prior * everyone) / max(float(own.sum()) + prior, 1e-12)
    return drawn


def _scores(test: Backtest, before: int | None) -> tuple[Floats, Floats]:
    """Return mean squared error by method and series, and how many windows it rests on."""
    n_series = test.came.total.shape[2]
    score, count = np.zeros((len(test.names), n_series)), np.zeros(n_series)
    came = test.came.closed()
    for span in CHOOSING_SPANS:
        if (0, span) not in test.windows:
            continue
        place = test.window_at(span)
        for row, origin in enumerate(test.origins):
            if before is not None and origin + span > before:
                continue
            known = ~np.isnan(came[row, place])
            error = np.where(known, test.said[:, row, place] - came[row, place], 0.0)
            score += error**2 / span
            count += known
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0.0, score / count, np.nan), count


def of_choice(test: Backtest, segment: NDArray[np.object_], chosen: dict[str, int]) -> Floats:
    """Return what the chosen method said: (n_origins, n_windows, n_series) float64."""
    found = np.empty(test.said.shape[1:])
    for name, place in chosen.items():
        own = segment == name
        found[:, :, own] = test.said[place][:, :, own]
    return found
