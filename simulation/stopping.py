"""How many replications are enough: run until the mean is known to a relative precision.

Replications are added in rounds, numbered on, so that the result is that of one run of as many.
After each round the next one is sized from the spread seen so far. The figures that come back say
what was reached; a cap that ends the search is said, too.

Source: Law, Simulation Modeling and Analysis, 2015, section 9.4.1 (a relative error g is kept with
g / (1 + g) on the estimate).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from simulation.arrays import Floats
from simulation.experiment import Case, Setup, run_cases
from simulation.intervals import Estimate, estimate
from simulation.ledger import Record, join
from simulation.world import World

FEWEST = 20
Measure = Callable[[str, Record], Floats]


@dataclass(frozen=True, slots=True)
class Stopped:
    """What a run to a precision came to.

    Attributes
    ----------
    records, estimates : by case
    reached : every case is as precise as asked for; else the cap came first
    """

    records: Mapping[str, Record]
    estimates: Mapping[str, Estimate]
    reached: bool

    @property
    def replications(self) -> int:
        """How many were run."""
        return next(iter(self.records.values())).n_replications


def run_until(
    world: World,
    cases: Sequence[Case],
    setup: Setup,
    measure: Measure,
    precision: float,
    *,
    most: int,
    confidence: float = 0.95,
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Stopped:
    """Add replications until the half-width of every case's mean is within a share of it.

    Parameters
    ----------
    setup : its replications are the first round, of at least 20
    measure : from a case's name and record to one value per replication
    precision : half-width over the mean, as 0.05
    most : replications, never passed
    """
    adjusted = precision / (1.0 + precision)
    count = min(max(setup.replications, FEWEST), most)
    begin = 0
    records: dict[str, Record] = {}
    while True:
        part = replace(setup, replications=count - begin, first=setup.first + begin)
        added = run_cases(world, cases, part, progress=progress, cancelled=cancelled)
        records = {
            name: join([records[name], new]) if records else new for name, new in added.items()
        }
        found = {
            name: estimate(measure(name, record), confidence) for name, record in records.items()
        }
        ratio = max(_ratio(each, adjusted) for each in found.values())
        if ratio <= 1.0 or count >= most:
            return Stopped(records, found, ratio <= 1.0)
        wanted = most if math.isinf(ratio) else math.ceil(1.05 * count * ratio**2)
        begin, count = count, min(most, max(wanted, count + FEWEST))


def _ratio(found: Estimate, precision: float) -> float:
    """Half-width over what is asked for; 0 where nothing varies."""
    if found.half_width == 0.0:
        return 0.0
    if found.mean == 0.0 or not math.isfinite(found.half_width):
        return math.inf
    return found.half_width / (precision * abs(found.mean))
