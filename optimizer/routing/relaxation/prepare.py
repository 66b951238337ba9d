"""Compiles the relaxation before anybody waits for it; numba keeps the result on disk."""

from __future__ import annotations

import numpy as np

from optimizer.routing.relaxation import load_paths, set_paths, time_paths
from optimizer.routing.relaxation.layers import Arcs, empty_paths, empty_picks
from optimizer.routing.ruin.compiling import kept_on_disk


def prepare() -> None:
    """Compile, or load what was compiled before, on two stops."""
    arcs = Arcs(
        np.array([[1], [0]], np.int32),
        np.ones((2, 1)),
        np.full(2, np.inf),
        np.ones(2),
        np.ones((2, 1), np.int32),
    )
    weight, gain = np.ones(2, np.int64), np.zeros(2)
    paths, picks = empty_paths(3, 2), empty_picks(2)
    load_paths.fill(arcs, weight, gain, 1, True, paths)
    load_paths.share(weight, gain, 0.0, paths, paths, picks)
    every, visits = np.ones(2, bool), np.zeros(2)
    load_paths.count_visits(weight, paths, paths, picks, every, visits)
    time_paths.fill(arcs, np.ones((3, 2), bool), weight, gain, 1, True, paths)
    time_paths.cheapest(gain, 0.0, paths, paths, picks)
    time_paths.count_visits(
        arcs, arcs, np.ones(2), paths, paths, picks, every, weight, visits, np.ones(2)
    )

    sets, few = np.zeros(2), np.zeros((1, 1), np.int64)
    ways, states = (
        (np.zeros((2, 2)), np.zeros((2, 2), np.int64)),
        (np.zeros((2, 1)), np.zeros((2, 1), np.int64), np.zeros((2, 1))),
    )
    set_paths.cheapest_trips(
        *ways, np.ones(1), few[0], few, few, np.ones((1, 1)), 0.0, (0, 1), states, sets
    )
    set_paths.cover(sets, np.ones(1), sets, sets, np.zeros(2, np.int64))


def is_prepared() -> bool:
    """Say whether it was compiled in this process or before on this machine."""
    last = set_paths.cover
    return bool(last.signatures or kept_on_disk(last))  # type: ignore[attr-defined]
