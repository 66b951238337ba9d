"""From a history to means and quantiles: learn on a sample, choose, then forecast every series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from optimizer.forecasting import boosting
from optimizer.forecasting.backtest import (
    Backtest,
    add_mixes,
    choose,
    of_choice,
    run_backtest,
)
from optimizer.forecasting.came import what_came
from optimizer.forecasting.features import Ints, Kin, Looker, sum_kin
from optimizer.forecasting.outlook import (
    COMBINED,
    MIX,
    Chunk,
    Knowledge,
    base_level,
    look_ahead,
    names,
)
from optimizer.forecasting.panel import Bools, Floats, Panel, lay_out
from optimizer.forecasting.quantiles import Known, Spread, learn_spread, quantiles
from optimizer.forecasting.seasons import enough, season_factors, season_sums
from optimizer.forecasting.spans import held_back, ladder, test_origins, test_windows
from optimizer.outcome import Limits

CHUNK = 4096  # series that are walked through together
MOST_SAMPLED = 20_000  # series that methods are tested on
SHORTEST_REACH = 8  # buckets ahead that are tested even when the horizon is shorter
LEAST_SHARE_LEFT = 0.4  # of the seconds; with less left the boosted model is left out
STAGE = "forecasting"


@dataclass(frozen=True, slots=True)
class Problem:
    """Series to forecast.

    Attributes
    ----------
    sales : (n_series, n_buckets) float64, units; NaN where the series does not sell yet
    censored : same shape, bool; stock ran out
    effects : (n_buckets + horizon, n_series) float64 factors of promotions, events and closed
        days, told by all of the history; None: 1 everywhere
    effects_before : the same, (n_buckets, n_series), told by the buckets before the first origin
        of the back-test
    kin : {"product", "location", "category": (n_series,) int64}
    segment : (n_series,) ABC/XYZ
    season : buckets in a season
    boosted : whether trees are tried, where LightGBM is installed
    """

    sales: Floats
    censored: Bools
    effects: Floats | None
    effects_before: Floats | None
    kin: dict[str, Ints]
    segment: NDArray[np.object_]
    season: int
    horizon: int
    weekly: bool
    boosted: bool = True

    @property
    def n_buckets(self) -> int:
        """Buckets of the history."""
        return int(self.sales.shape[1])


@dataclass(frozen=True, slots=True)
class Study:
    """What is known over all series, and the kin of every one of them."""

    knowledge: Knowledge
    kin: Kin


@dataclass(frozen=True, slots=True)
class Learned:
    """What the sample taught.

    Attributes
    ----------
    sample : (n_sampled,) rows of the series that methods were tested on, ascending
    test : of those
    after : what the whole history tells
    chosen : {segment: place in test.names}
    spread : of the chosen methods
    """

    sample: Ints
    test: Backtest
    after: Study
    chosen: dict[str, int]
    spread: Spread

    def method(self, segment: str) -> str:
        """Return the method of a segment; of one that was not sampled, the combination."""
        place = self.chosen.get(segment)
        return COMBINED if place is None else self.test.names[place]


@dataclass(frozen=True, slots=True)
class Ahead:
    """Forecasts of some series.

    Attributes
    ----------
    rows : slice of the problem's series
    mean : (horizon, n_series) float64, units
    levels : (n_levels, horizon, n_series); totals : {span: (n_levels, n_series)}
    method : (n_series,) names
    """

    rows: slice
    mean: Floats
    levels: Floats
    totals: dict[int, Floats]
    method: NDArray[np.object_]


def learn(problem: Problem, limits: Limits) -> Learned:
    """Back-test on a sample, choose by segment and calibrate."""
    sample = draw_sample(problem.segment, MOST_SAMPLED)
    origins = test_origins(problem.n_buckets, weekly=problem.weekly)
    cut, n_buckets = origins[0], problem.n_buckets
    reach = max(1, min(max(problem.horizon, SHORTEST_REACH), n_buckets - cut))
    windows = test_windows(reach)
    panels = _panels(problem, sample, problem.effects_before)
    before = _study(problem, sample, panels, problem.effects_before, cut, limits)
    limits.progress(STAGE, 0.3, f"{len(sample):,} series sampled")
    chunks = [
        chunk_of(problem, before, panel, sample[own], problem.effects_before, reach)
        for own, panel in zip(chunks_of(len(sample)), panels, strict=True)
    ]
    probable = np.concatenate([panel.filled() for panel in panels], axis=1)
    if problem.effects_before is not None:
        probable *= problem.effects_before[:n_buckets, sample]
    came = what_came(problem.sales[sample], problem.censored[sample], probable.T, origins, windows)
    wanted = names(before.knowledge, cut)
    test = run_backtest(chunks, came, before.knowledge, wanted, origins, windows)
    limits.progress(STAGE, 0.6, f"{len(wanted)} methods from {len(origins)} origins")
    segment = problem.segment[sample]
    test = add_mixes(test, segment, n_buckets - held_back(n_buckets))
    chosen = choose(test, segment, None)
    said = of_choice(test, segment, chosen)
    known = Known(test.variance, test.level)
    spread = learn_spread(said, came, known, windows, segment)
    if problem.effects is not None:
        panels = _panels(problem, sample, problem.effects)
    after = _study(problem, sample, panels, problem.effects, n_buckets, limits)
    limits.progress(STAGE, 0.8, "learned from the whole history")
    return Learned(sample, test, after, chosen, spread)


def forecast(problem: Problem, learned: Learned) -> Iterator[Ahead]:
    """Forecast every series, chunk by chunk."""
    for rows in chunks_of(len(problem.sales)):
        yield forecast_rows(problem, learned, rows)


def draw_sample(segment: NDArray[np.object_], most: int) -> Ints:
    """Return up to `most` series, spread evenly over each segment; ascending."""
    if len(segment) <= most:
        return np.arange(len(segment))
    order = np.argsort(segment.astype(str), kind="stable")
    taken = order[np.floor(np.arange(most) * (len(order) / most)).astype(np.int64)]
    return np.sort(taken)


def chunks_of(count: int) -> list[slice]:
    """Return the slices of series that are walked through together."""
    return [slice(begin, min(begin + CHUNK, count)) for begin in range(0, count, CHUNK)]


def _panels(problem: Problem, rows: Ints, effects: Floats | None) -> list[Panel]:
    return [lay_out_rows(problem, rows[own], effects) for own in chunks_of(len(rows))]


def lay_out_rows(problem: Problem, rows: Ints | slice, effects: Floats | None) -> Panel:
    """Lay out series with effects divided out; where an effect is 0, nothing is known."""
    sales, censored = problem.sales[rows], problem.censored[rows]
    if effects is None:
        return lay_out(sales, censored)
    factor = effects[: problem.n_buckets, rows].T
    demand = np.divide(sales, factor, out=np.full(sales.shape, np.nan), where=factor > 0.0)
    return lay_out(demand, censored)


def _study(
    problem: Problem,
    sample: Ints,
    panels: Sequence[Panel],
    effects: Floats | None,
    n_known: int,
    limits: Limits,
) -> Study:
    """Learn seasonal factors and trees from the first `n_known` buckets of the sample."""
    group, season = problem.kin["category"], problem.season
    n_groups = int(group.max(initial=0)) + 1
    slices = chunks_of(len(sample))
    factors = None
    if enough(n_known, season):
        sums = [
            season_sums(panel, group[sample[own]], n_groups, season, n_known)
            for own, panel in zip(slices, panels, strict=True)
        ]
        factors = season_factors(sum(sums[1:], sums[0]))
    knowledge = Knowledge(season, n_known, factors)
    even = [
        panel.over(knowledge.index(group[sample[own]], problem.n_buckets))
        for own, panel in zip(slices, panels, strict=True)
    ]
    kin = sum_kin(even, {name: codes[sample] for name, codes in problem.kin.items()}, problem.kin)
    blocks = boosting.blocks_within(max(problem.horizon, SHORTEST_REACH), weekly=problem.weekly)
    origins = boosting.training_origins(n_known, blocks)
    rows_expected = len(sample) * len(origins) * len(blocks)
    if (
        not (problem.boosted and boosting.installed())
        or rows_expected < boosting.FEWEST_ROWS
        or _late(limits)
    ):
        return Study(knowledge, kin)
    keep = boosting.thinning(len(sample), len(origins), len(blocks))
    parts = []
    for own, panel in zip(slices, even, strict=True):
        rows = sample[own]
        index = knowledge.index(group[rows], problem.n_buckets + 1)
        looker = Looker(panel, index, _columns(effects, rows), kin.of(rows), season)
        base = base_level(panel, origins, season)
        parts.append(boosting.collect(looker, origins, base, blocks, n_known, keep))
    booster = boosting.train(parts, blocks, lambda: _late(limits))
    return Study(replace(knowledge, booster=booster), kin)


def _late(limits: Limits) -> bool:
    """Say whether the boosted model has to be left out."""
    short = limits.seconds is not None and limits.remaining < LEAST_SHARE_LEFT * limits.seconds
    return short or limits.cancelled()


def _columns(effects: Floats | None, rows: Ints | slice) -> Floats | None:
    return None if effects is None else effects[:, rows]


def chunk_of(
    problem: Problem,
    study: Study,
    panel: Panel,
    rows: Ints | slice,
    effects: Floats | None,
    reach: int,
) -> Chunk:
    """Return laid-out series with their kin and effects, for forecasts `reach` buckets ahead."""
    own = _columns(effects, rows)
    if own is not None:
        missing = problem.n_buckets + reach - len(own)
        own = np.concatenate([own, np.ones((max(missing, 0), own.shape[1]))])
    return Chunk(panel, problem.kin["category"][rows], study.kin.of(rows), own)


def _can(name: str, possible: Sequence[str]) -> bool:
    """Say whether a method, or every part of a mix, can be run."""
    return set(name.split(MIX)) <= set(possible)


def forecast_rows(problem: Problem, learned: Learned, rows: slice) -> Ahead:
    """Forecast some series by the methods of their segments."""
    panel = lay_out_rows(problem, rows, problem.effects)
    n_buckets, horizon = problem.n_buckets, problem.horizon
    chunk = chunk_of(problem, learned.after, panel, rows, problem.effects, horizon)
    segment = problem.segment[rows]
    possible = names(learned.after.knowledge, n_buckets)
    method = np.array(
        [name if _can(name := learned.method(str(own)), possible) else COMBINED for own in segment],
        object,
    )

    def whole(path: Floats, gains: Floats | None) -> Floats:
        shape = (1, horizon, path.shape[2])
        found: Floats = np.broadcast_to(path if gains is None else path * gains, shape)[0]
        return found

    wanted = sorted({COMBINED, *method})
    found = look_ahead(chunk, learned.after.knowledge, [n_buckets], horizon, wanted, whole)
    mean = np.empty((horizon, len(segment)))
    for name in wanted:
        own = method == name
        mean[:, own] = found[name][:, own]
    unknown = np.isnan(mean)
    mean[unknown] = found[COMBINED][unknown]
    np.maximum(mean, 0.0, out=mean)
    known = Known(panel.variance[n_buckets], panel.level[n_buckets])
    spread = learned.spread
    levels = [quantiles(spread, mean[h], known, segment, (h, h + 1)) for h in range(horizon)]
    totals = {
        span: quantiles(spread, mean[:span].sum(axis=0), known, segment, (0, span))
        for span in ladder(horizon)
        if span > 1
    }
    return Ahead(rows, mean, np.stack(levels, axis=1), totals, method)
