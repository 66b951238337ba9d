"""Windows of buckets whose total demand is forecast, and the origins from which that is tested."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from optimizer.forecasting.panel import Floats

LADDER = (1, 2, 3, 4, 6, 8, 13, 26)  # buckets of a total, from the first one on
REPLAYED = (1, 2, 3, 4, 6, 8)  # spans in `forecast_origins`
LEADS = (4, 8, 13, 26)  # single buckets so far ahead are tested beside the first
REPLAY_ORIGINS = 26
REPLAY_STEP = {True: 1, False: 7}  # buckets between origins: weeks, days
EXTRA_ORIGINS = 8  # before those that are replayed, so that longer totals are tested too
HELD_BACK = 8  # last buckets on which the back-test is scored

Window = tuple[int, int]
"""Buckets low <= h < high after an origin."""


def ladder(horizon: int) -> tuple[int, ...]:
    """Return the spans that a horizon has room for."""
    return tuple(span for span in LADDER if span <= horizon)


def test_windows(reach: int) -> tuple[Window, ...]:
    """Return the windows to test: totals of the ladder, then single buckets further ahead."""
    totals = [(0, span) for span in ladder(reach)]
    return (*totals, *((lead - 1, lead) for lead in LEADS if lead <= reach))


def test_origins(n_buckets: int, *, weekly: bool) -> tuple[int, ...]:
    """Return the origins of the back-test, ascending: up to a third of the history."""
    step = REPLAY_STEP[weekly]
    count = max(1, min(REPLAY_ORIGINS + EXTRA_ORIGINS, (n_buckets // 3) // step))
    return tuple(n_buckets - step * k for k in range(count, 0, -1))


def replay_origins(origins: Sequence[int]) -> tuple[int, ...]:
    """Return those origins that `forecast_origins` tells of."""
    return tuple(origins[-REPLAY_ORIGINS:])


def held_back(n_buckets: int) -> int:
    """Return how many buckets at the end the back-test is scored on."""
    return max(1, min(HELD_BACK, n_buckets // 6))


def window_totals(path: Floats, gains: Floats | None, windows: Sequence[Window]) -> Floats:
    """Return totals of a path by window: (n_origins, n_windows, n_series).

    Parameters
    ----------
    path : (n_origins, horizon or 1, n_series); 1: the same in every bucket
    gains : (n_origins, horizon, n_series) factors on the path; None: 1
    """
    if gains is None and path.shape[1] == 1:
        return path * np.array([high - low for low, high in windows], np.float64)[:, None]
    flat = path.shape[1] == 1
    steps = gains if flat and gains is not None else path if gains is None else path * gains
    running = np.cumsum(steps, axis=1)
    parts = [running[:, high - 1] - (running[:, low - 1] if low else 0.0) for low, high in windows]
    totals = np.stack(parts, axis=1)
    return totals * path if flat else totals
