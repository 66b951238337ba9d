"""Histories of disruptions in very many replications at once: what to expect of them.

The same rules and the same random numbers as :func:`simulation.disruptions.histories`, onset by
onset over arrays; up to the last bits of a logarithm the strikes are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulation.arrays import Places
from simulation.disruptions import MOST_ONSETS, Disruption, in_order
from simulation.distributions import Distribution
from simulation.streams import name_key, uniform_many


@dataclass(frozen=True, slots=True)
class Strikes:
    """When a disruption strikes in R replications.

    Attributes
    ----------
    begin, end : (R, N) ticks of the n-th strike, [begin, end); both -1 where there is none
    """

    begin: Places
    end: Places


def strikes_of(
    disruptions: Sequence[Disruption],
    replications: Places,
    *,
    seed: int,
    n_ticks: int,
    ticks_per_day: int = 1,
) -> dict[str, Strikes]:
    """Return when each disruption strikes, by disruption_id."""
    made: dict[str, Strikes] = {}
    for disruption in in_order(disruptions):
        stream = name_key(seed, "disruption", disruption.group or disruption.disruption_id)
        cause = made[disruption.after] if disruption.after else None
        made[disruption.disruption_id] = _strikes(
            disruption, stream, replications, cause, n_ticks, ticks_per_day
        )
    return made


def _strikes(
    disruption: Disruption,
    stream: int,
    replications: Places,
    cause: Strikes | None,
    n_ticks: int,
    ticks_per_day: int,
) -> Strikes:
    start = disruption.start
    going = uniform_many(stream, 0, replications) < disruption.probability
    if cause is not None:
        going &= (cause.begin >= 0).any(axis=1)
    day = np.zeros(len(replications))
    begins, ends = [], []
    for onset in range(MOST_ONSETS):
        wait = start if isinstance(start, float) else 0.0
        waits = np.full(len(replications), wait)
        if isinstance(start, Distribution):
            waits = start.draw_many(uniform_many(stream, 2 * onset + 1, replications))
        if cause is not None and not isinstance(start, float):
            if onset >= cause.begin.shape[1]:
                break
            going &= cause.begin[:, onset] >= 0
            day = cause.end[:, onset] / ticks_per_day + waits
        else:
            day = day + waits
        begin = np.floor(day * ticks_per_day + 1e-9).astype(np.int64)
        going &= begin < n_ticks
        if not going.any():
            break
        length = disruption.duration.draw_many(uniform_many(stream, 2 * onset + 2, replications))
        end = begin + np.maximum(1, np.rint(length * ticks_per_day).astype(np.int64))
        kept = going & (end > 0)
        if cause is not None and isinstance(start, float):
            kept &= begin >= cause.begin[:, 0]
        begins.append(np.where(kept, np.maximum(begin, 0), -1))
        ends.append(np.where(kept, end, -1))
        if isinstance(start, float):
            break
        day = np.maximum(day + length, (begin + 1) / ticks_per_day)
    if not begins:
        none = np.full((len(replications), 1), -1, np.int64)
        return Strikes(none, none)
    made = Strikes(np.stack(begins, axis=1), np.stack(ends, axis=1))
    return made if cause is None else _merged(made)


def _merged(strikes: Strikes) -> Strikes:
    """Make one of strikes that begin together, as long as the longest; the first places count."""
    begin, end = strikes.begin.copy(), strikes.end.copy()
    for later in range(1, begin.shape[1]):
        for earlier in range(later):
            same = (begin[:, later] >= 0) & (begin[:, later] == begin[:, earlier])
            end[same, earlier] = np.maximum(end[same, earlier], end[same, later])
            begin[same, later] = end[same, later] = -1
    order = np.argsort(begin < 0, axis=1, kind="stable")
    return Strikes(np.take_along_axis(begin, order, 1), np.take_along_axis(end, order, 1))
