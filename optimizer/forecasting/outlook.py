"""All methods on one panel: plain, with the pooled season divided out, combined and boosted."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.forecasting.boosting import Booster
from optimizer.forecasting.features import Ints, Kin, Looker
from optimizer.forecasting.methods import Method, methods
from optimizer.forecasting.panel import Floats, Panel
from optimizer.forecasting.seasons import lay_over

Reduce = Callable[[Floats, Floats | None], Floats]
"""(path (n_origins, horizon or 1, n_series), gains or None) -> whatever is wanted of it; linear
in the path."""

SEASONAL = "_seasonal"  # ending of methods that run with the pooled season divided out
LEVELS = ("smoothing_0.1", "average_13", "average_26", "tsb")  # their mean is the base of the trees
UNSEASONAL = ("croston_sba", "smoothing_0.35", "seasonal_naive")  # not tried with a season
COMBINED = "combined"
BOOSTED = "boosted"
BOTH = "boosted_combined"
MIX = " + "  # between the names of methods whose mean is taken


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What was learned over all series from the first `n_known` buckets.

    Attributes
    ----------
    season : buckets in a season
    factors : (n_groups, season) seasonal factors, phase 0 at bucket n_known; None: no season
    booster : None: not trained
    """

    season: int
    n_known: int
    factors: Floats | None = None
    booster: Booster | None = None

    def index(self, group: Ints, n_buckets: int) -> Floats | None:
        """Return seasonal factors (n_buckets, n_series), or None without a season."""
        if self.factors is None:
            return None
        return lay_over(self.factors, group, self.n_known, n_buckets)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some of the series, ready to be forecast.

    Attributes
    ----------
    panel : demand with effects divided out
    group : (n_series,) int64 seasonal group
    kin : of these series
    effects : (n_buckets + horizon, n_series) factors of promotions, events and closed days;
        None: 1 everywhere
    """

    panel: Panel
    group: Ints
    kin: Kin
    effects: Floats | None


def names(knowledge: Knowledge, n_buckets: int) -> tuple[str, ...]:
    """Return the names of all methods that can be tried."""
    plain = tuple(methods(knowledge.season, n_buckets))
    seasonal: tuple[str, ...] = ()
    if knowledge.factors is not None:
        seasonal = tuple(name + SEASONAL for name in plain if name not in UNSEASONAL)
    boosted = (BOOSTED, BOTH) if knowledge.booster is not None else ()
    return (*plain, *seasonal, COMBINED, *boosted)


def parts_of_combined(every: Sequence[str]) -> tuple[str, ...]:
    """Return the methods whose mean is the combined forecast."""
    ending = SEASONAL if LEVELS[0] + SEASONAL in every else ""
    wanted = (*LEVELS, "last_year_ratio")
    return tuple(name + ending for name in wanted if name + ending in every)


def base_level(panel: Panel, origins: Sequence[int], season: int) -> Floats:
    """Return what the trees start from: (n_origins, n_series) units a bucket."""
    ways = methods(season, panel.n_buckets)
    levels = [ways[name](panel, origins, 1)[:, 0] for name in LEVELS]
    found: Floats = np.mean(levels, axis=0)
    return found


def look_ahead(
    chunk: Chunk,
    knowledge: Knowledge,
    origins: Sequence[int],
    horizon: int,
    wanted: Sequence[str],
    reduce: Reduce,
) -> dict[str, Floats]:
    """Return what each wanted method says after each origin, reduced.

    Parameters
    ----------
    origins : ascending; those before `knowledge.n_known` are told by what was learned later
    wanted : names out of :func:`names`, or mixes of them
    """
    parts = {part for name in wanted for part in name.split(MIX)}
    found = _look_at_parts(chunk, knowledge, origins, horizon, parts, reduce)
    return {
        name: found[name] if name in found else np.mean([found[p] for p in name.split(MIX)], axis=0)
        for name in wanted
    }


def _look_at_parts(
    chunk: Chunk,
    knowledge: Knowledge,
    origins: Sequence[int],
    horizon: int,
    wanted: Collection[str],
    reduce: Reduce,
) -> dict[str, Floats]:
    n_buckets = chunk.panel.n_buckets
    ways = methods(knowledge.season, n_buckets)
    every = names(knowledge, n_buckets)
    combined = parts_of_combined(every) if {COMBINED, BOTH} & set(wanted) else ()
    index = knowledge.index(chunk.group, n_buckets + horizon)
    even = chunk.panel.over(index)
    plain_gains = _ahead(chunk.effects, origins, horizon)
    season_gains = _ahead(index, origins, horizon)
    if plain_gains is not None and season_gains is not None:
        season_gains = season_gains * plain_gains
    elif season_gains is None:
        season_gains = plain_gains
    found: dict[str, Floats] = {}
    for name in every:
        if name not in wanted and name not in combined:
            continue
        if name in ways:
            found[name] = reduce(ways[name](chunk.panel, origins, horizon), plain_gains)
        elif name.endswith(SEASONAL):
            way: Method = ways[name.removesuffix(SEASONAL)]
            found[name] = reduce(way(even, origins, horizon), season_gains)
    if combined:
        found[COMBINED] = np.mean([found[name] for name in combined], axis=0)
    if knowledge.booster is not None and {BOOSTED, BOTH} & set(wanted):
        looker = Looker(even, index, chunk.effects, chunk.kin, knowledge.season)
        base = base_level(even, origins, knowledge.season)
        path = knowledge.booster.path(looker, origins, base, horizon)
        found[BOOSTED] = reduce(path, season_gains)
        if BOTH in wanted:
            found[BOTH] = 0.5 * (found[BOOSTED] + found[COMBINED])
    return found


def _ahead(factors: Floats | None, origins: Sequence[int], horizon: int) -> Floats | None:
    """Return factors after each origin: (n_origins, horizon, n_series)."""
    if factors is None:
        return None
    return np.stack([factors[origin : origin + horizon] for origin in origins])
