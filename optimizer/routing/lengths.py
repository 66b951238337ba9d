"""Whole lengths between places: a matrix, or computed whenever some are asked for.

Both are read in the same words, `lengths[start, end]` with arrays that broadcast, and give the
same bits. A matrix of p places takes 8 p^2 bytes, the other 24 p.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from scenarios.distance import EARTH_RADIUS_M, arc_m

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

MOST_DENSE = 2_500  # places between which a matrix is kept
ROUNDING = 1.0  # by which a whole length may lie below the true one
FEW = 1_000  # places among which nothing is compiled for shortest paths
COMPACTED = 0.9  # share of the places still open below which closed ones are dropped


class Lengths(Protocol):
    """Metres or seconds between p places, whole and not negative; an int64 matrix is one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Return (p, p)."""

    @property
    def T(self) -> Any:  # noqa: N802 - the word of arrays
        """Return the lengths of the way back."""

    def __getitem__(self, at: Any, /) -> Any:
        """Return int64 lengths: a row of a place, or (start, end) as arrays are indexed."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Lengths between some pairs of places that replace the computed ones.

    Attributes
    ----------
    key : (k,) int64, start x p + end, rising, each once; start and end differ
    value : (k,) int64
    """

    key: Ints
    value: Ints

    @classmethod
    def of(cls, start: Ints, end: Ints, value: Ints, n_places: int) -> Measured:
        """Sort pairs; of several rows of a pair the last counts, and staying is free."""
        moves = start != end
        key = (start * n_places + end)[moves]
        kept, last = np.unique(key[::-1], return_index=True)
        return cls(kept, value[moves][::-1][last].astype(np.int64))


NOTHING_MEASURED = Measured(np.empty(0, np.int64), np.empty(0, np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class Computed:
    """Lengths computed from points: straight on a plane, or along great circles.

    Attributes
    ----------
    points : (p, 2) float64 on a plane, or (p, 3) on the unit sphere
    factor, divisor : length = factor x distance / divisor, in this order
    truncated : rounded down, else to the nearest, halves to even
    measured : lengths that are known better
    """

    points: Floats
    factor: float = 1.0
    divisor: float = 1.0
    truncated: bool = False
    measured: Measured = NOTHING_MEASURED

    @property
    def shape(self) -> tuple[int, ...]:
        """Return (p, p)."""
        return len(self.points), len(self.points)

    @property
    def T(self) -> Computed:  # noqa: N802 - the word of arrays
        """Return the lengths of the way back."""
        start, end = np.divmod(self.measured.key, len(self.points))
        back = Measured.of(end, start, self.measured.value, len(self.points))
        return Computed(self.points, self.factor, self.divisor, self.truncated, back)

    def __getitem__(self, at: Any, /) -> Any:
        """Return lengths, int64: a row of a place, or (start, end) as arrays are indexed."""
        p = len(self.points)
        start, end = at if isinstance(at, tuple) else (at, np.arange(p))
        rounded = np.floor if self.truncated else np.rint
        whole = np.asarray(rounded(self._true(start, end))).astype(np.int64)
        if len(self.measured.key):
            key = np.asarray(start) % p * p + np.asarray(end) % p
            found = np.searchsorted(self.measured.key, key)
            found = np.minimum(found, len(self.measured.key) - 1)
            whole = np.where(self.measured.key[found] == key, self.measured.value[found], whole)
        return whole if whole.ndim else np.int64(whole)

    def _true(self, start: Any, end: Any) -> Floats:
        """Return the lengths before they are rounded."""
        if self.points.shape[1] == 3:
            straight = arc_m(self.points[start], self.points[end])
        else:
            step = self.points[end] - self.points[start]
            straight = np.sqrt(step[..., 0] * step[..., 0] + step[..., 1] * step[..., 1])
        length: Floats = self.factor * straight / self.divisor
        return length

    def among(self, places: Ints) -> Computed:
        """Return the lengths among some places, in their order, each once."""
        p, k = len(self.points), len(places)
        position = np.full(p, -1, np.int64)
        position[places] = np.arange(k)
        start, end = np.divmod(self.measured.key, p)
        kept = (position[start] >= 0) & (position[end] >= 0)
        measured = Measured.of(
            position[start[kept]], position[end[kept]], self.measured.value[kept], k
        )
        return Computed(self.points[places], self.factor, self.divisor, self.truncated, measured)

    def least_of(self, chord: Floats) -> Floats:
        """Return whole metres of points so far apart or further, at least."""
        radius = EARTH_RADIUS_M if self.points.shape[1] == 3 else 1.0
        true = self.factor * radius * chord * (1.0 - 1e-9) / self.divisor
        least: Floats = np.floor(true) if self.truncated else np.rint(true)
        return least

    def chord_of(self, length: Any) -> Any:
        """Return how far apart points are, at most, whose rounded length is not above a length."""
        radius = EARTH_RADIUS_M if self.points.shape[1] == 3 else 1.0
        return (length + ROUNDING) * (self.divisor / (self.factor * radius)) * (1.0 + 1e-9)


def unmeasured(lengths: Lengths) -> Lengths:
    """Return computed lengths as if none were known better; a matrix as it is."""
    if isinstance(lengths, Computed):
        return replace(lengths, measured=NOTHING_MEASURED)
    return lengths


def among(lengths: Lengths, places: Ints) -> Any:
    """Return the lengths among some places: a matrix of a matrix, computed ones of such."""
    if isinstance(lengths, Computed):
        return lengths.among(places)
    return lengths[np.ix_(places, places)]


def dense(lengths: Lengths, places: Ints | None = None) -> Ints:
    """Return a matrix of lengths between some places, which may repeat, or all."""
    if places is None and isinstance(lengths, np.ndarray):
        return lengths
    at = np.arange(lengths.shape[0]) if places is None else places
    matrix: Ints = lengths[np.ix_(at, at)]
    return matrix


def kept_dense(lengths: Computed) -> Lengths:
    """Return a matrix where that is small, else the lengths as they are."""
    return dense(lengths) if len(lengths.points) <= MOST_DENSE else lengths


def is_symmetric(lengths: Lengths) -> bool:
    """Say whether the way back is always as long."""
    if isinstance(lengths, Computed) and not len(lengths.measured.key):
        return True
    if isinstance(lengths, Computed):
        start, end = np.divmod(lengths.measured.key, len(lengths.points))
        return bool((lengths[end, start] == lengths.measured.value).all())
    return np.array_equal(np.asarray(lengths), np.asarray(lengths.T))


def shortest_computed(lengths: Computed, source: int) -> Floats:
    """Return the length of the shortest path from a place to every place, (p,) float64.

    Dijkstra; what a way through another place costs is computed only where it may be shorter.
    """
    if len(lengths.points) > FEW and importlib.util.find_spec("numba") is not None:
        from optimizer.routing.ruin.paths import shortest

        return shortest(lengths, source)
    best: Floats = np.array(lengths[source], dtype=np.float64)
    best[source] = 0.0
    p, known = len(best), lengths.measured.key
    rows = np.searchsorted(known, np.arange(p + 1) * p)
    places = np.delete(np.arange(p), source)
    columns = np.ascontiguousarray(lengths.points[places].T)
    label = best[places]
    n_open = len(places)
    while n_open:
        k = int(np.argmin(label))
        at, now = int(places[k]), float(label[k])
        best[at], label[k] = now, np.inf
        n_open -= 1
        squared = np.zeros(len(places))
        for column in columns:
            step = column - column[k]
            squared += step * step
        reach = np.maximum(lengths.chord_of(label - now), 0.0)
        may = (squared <= reach * reach) & np.isfinite(label)
        if rows[at + 1] > rows[at]:
            may |= np.isfinite(label) & np.isin(places, known[rows[at] : rows[at + 1]] - at * p)
        near = np.flatnonzero(may)
        label[near] = np.minimum(label[near], now + lengths[at, places[near]])
        if n_open < COMPACTED * len(places):
            still = np.isfinite(label)
            places, label, columns = places[still], label[still], columns[:, still]
    return best
