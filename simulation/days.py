"""Lead times in working days: how many ticks they take from a given tick on."""

from __future__ import annotations

import numpy as np

from simulation.arrays import Flags, Units


def identity_days(n_ticks: int) -> Units:
    """Return 0, 1, 2 ..: each day of a lead time is a day."""
    return np.arange(n_ticks, dtype=np.int32)


def working_days(working: Flags, tick: int, n_ticks: int) -> Units:
    """Return the ticks until 0, 1, 2 .. working days have passed after a tick.

    Parameters
    ----------
    working : (days,) whether the supplier works; days beyond the last one are working days
    n_ticks : how many entries
    """
    known = np.flatnonzero(working[tick + 1 :])[: n_ticks - 1] + 1
    beyond = max(len(working) - tick - 1, 0) + 1
    rest = beyond + np.arange(n_ticks - 1 - len(known))
    return np.concatenate([[0], known, rest]).astype(np.int32)
