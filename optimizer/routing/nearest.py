"""The nearest stops of each stop by whole metres both ways, from a matrix or a search tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from optimizer.routing.lengths import Computed, Ints, Lengths

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

Near = NDArray[np.int32]

SPARE = 24  # more than asked for that are looked up, for ties
CHUNK = 2_000_000  # lengths computed at once
NEVER = np.iinfo(np.int64).max


def nearest(metres: Lengths, places: Ints, width: int) -> Near:
    """Return for each stop the others from the nearest on, there and back, ties by number.

    Parameters
    ----------
    places : (n,) of the stops; they may repeat
    width : at most so many

    Returns
    -------
    near : (n, min(width, n - 1)) int32
    """
    n = len(places)
    width = min(width, n - 1)
    if width < 1:
        return np.zeros((n, 0), np.int32)
    if not isinstance(metres, Computed):
        return _of_rows(metres, places, np.arange(n), width)
    from scipy.spatial import cKDTree  # half a second

    tree = cKDTree(metres.points[places])
    partners = _partners(metres, places)
    near = np.empty((n, width), np.int32)
    todo, asked = np.arange(n), width + 1 + SPARE
    while len(todo) and asked < n:
        unsure = []
        rows = max(1, CHUNK // asked)
        for at in range(0, len(todo), rows):
            here = todo[at : at + rows]
            found, sure = _of_tree(metres, places, here, width, tree, asked, partners)
            near[here[sure]] = found[sure]
            unsure.append(here[~sure])
        todo, asked = np.concatenate(unsure), 4 * asked
    rows = max(1, CHUNK // n)
    for at in range(0, len(todo), rows):
        near[todo[at : at + rows]] = _of_rows(metres, places, todo[at : at + rows], width)
    return near


# ---- inside ---------------------------------------------------------------------------------


def _of_rows(metres: Lengths, places: Ints, rows: Ints, width: int) -> Near:
    """Return the nearest of some stops, all others looked at."""
    here = places[rows]
    both = metres[np.ix_(here, places)] + metres[np.ix_(places, here)].T
    both[np.arange(len(rows)), rows] = NEVER
    order: Near = np.argsort(both, axis=1, kind="stable")[:, :width].astype(np.int32)
    return np.ascontiguousarray(order)


def _of_tree(
    metres: Computed,
    places: Ints,
    rows: Ints,
    width: int,
    tree: cKDTree,
    asked: int,
    partners: Ints,
) -> tuple[Near, NDArray[np.bool_]]:
    """Return the nearest of some stops among those the tree finds, and which are certain."""
    reach, found = tree.query(metres.points[places[rows]], k=asked)
    found = np.concatenate([found, partners[rows]], axis=1)
    found = np.sort(np.where(found == rows[:, None], len(places), found), axis=1)
    again = np.zeros(found.shape, bool)
    again[:, 1:] = found[:, 1:] == found[:, :-1]
    nobody = again | (found >= len(places))
    other = places[np.where(nobody, 0, found)]
    here = places[rows][:, None]
    there = metres[here, other]
    both = there + (metres[other, here] if partners.shape[1] else there)
    both[nobody] = NEVER
    order = np.argsort(both, axis=1, kind="stable")[:, :width]
    last = np.take_along_axis(both, order[:, -1:], axis=1)[:, 0]
    beyond = 2.0 * metres.least_of(reach[:, -1])
    return np.take_along_axis(found, order, axis=1).astype(np.int32), last < beyond


def _partners(metres: Computed, places: Ints) -> Ints:
    """Return for each stop those to or from which lengths are known, filled up with n; (n, k)."""
    n, p = len(places), len(metres.points)
    if not len(metres.measured.key):
        return np.empty((n, 0), np.int64)
    start, end = np.divmod(metres.measured.key, p)
    one, two = np.concatenate([start, end]), np.concatenate([end, start])
    by_place = np.argsort(places, kind="stable")
    first = np.searchsorted(places[by_place], np.arange(p + 1))
    several = first[two + 1] - first[two]
    to = by_place[np.repeat(first[two], several) + _count_up(several)]
    of = np.repeat(one, several)
    order = np.argsort(of, kind="stable")
    to, of = to[order], of[order]
    begin = np.searchsorted(of, np.arange(p + 1))
    many = np.diff(begin)
    table = np.full((p, int(many.max(initial=0))), n, np.int64)
    table[of, _count_up(many)] = to
    return table[places]


def _count_up(lengths: Ints) -> Ints:
    """Return 0, 1, ... for each of some lengths, one after the other."""
    ends = np.cumsum(lengths)
    counted: Ints = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(
        ends - lengths, lengths
    )
    return counted
