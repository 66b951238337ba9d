"""What a closed form is: figures by replication, expected values, and control variates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from simulation.arrays import Floats

FEWEST = 12  # replications
SEED = 2026


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a closed form with what the replications say.

    Attributes
    ----------
    values : (R,) one value per replication
    n_controls : control variates whose slopes were estimated from the values
    """

    case: int
    name: str
    expected: float
    values: Floats
    n_controls: int = 0


@dataclass(frozen=True, slots=True)
class ClosedForm:
    """A case: what it is, where its value stands, and the run that must meet it."""

    case: int
    title: str
    source: str
    run: Callable[[float], list[Figure]]


def count_of(full: int, scale: float) -> int:
    """Return the replications of a share of the full number."""
    return max(FEWEST, round(full * scale))


def parts_of(full: int, scale: float, most: int) -> list[tuple[int, int]]:
    """Return first number and count of parts that fit into memory."""
    count = count_of(full, scale)
    return [(first, min(most, count - first)) for first in range(0, count, most)]


def controlled(case: int, name: str, expected: float, values: Floats, known: Floats) -> Figure:
    """Return a figure less what its control variates explain.

    Parameters
    ----------
    values : (R,)
    known : (R, C) control variates less their expectations
    """
    centred = known - known.mean(axis=0)
    slopes = np.linalg.lstsq(centred, values - values.mean(), rcond=None)[0]
    return Figure(case, name, expected, values - known @ slopes, known.shape[1])
