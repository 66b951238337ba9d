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

from optimizer.executor import Executor
from simulation.arrays import Floats
from simulation.controls import Means, Stakes
from simulation.experiment import Case, Setup, run_cases
from simulation.intervals import Estimate
from simulation.ledger import Record, join
from simulation.world import World

FEWEST = 20
Measure = Callable[[str, Record], Floats]


@dataclass(frozen=True, slots=True)
class Stopped:
    """What a run to a precision came to.

    Attributes
    ----------
    records, means, estimates : by case; means say whether the chance of outages was taken out
    widest : largest half-width over what it is a share of
    reached : every case is as precise as asked for; else the cap came first
    """

    records: Mapping[str, Record]
    means: Mapping[str, Means]
    estimates: Mapping[str, Estimate]
    widest: float
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
    precision: float | None,
    *,
    most: int,
    least: float = 0.0,
    confidence: float = 0.95,
    executor: Executor | None = None,
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Stopped:
    """Add replications until the half-width of every case's mean is within a share of it.

    Parameters
    ----------
    setup : its replications are the first round; of at least 20 where a precision is asked for
    measure : from a case's name and record to one value per replication
    precision : half-width over the mean, as 0.05; None: the first round is all there is
    most : replications, never passed
    executor : who shares the replications, as in :func:`simulation.experiment.run_cases`
    least : a mean below this counts as this much, so that what hardly ever happens ends, too
    progress : called with the share done and the case; each round after the first takes half of
        what is left
    """
    stakes = {
        case.name: Stakes(world, case.disruptions, setup.seed, setup.groups) for case in cases
    }
    count = setup.replications
    if precision is not None:
        count = min(max(count, FEWEST), most)
    begin, done = 0, 0.0
    records: dict[str, Record] = {}
    while True:
        share = (0.5 if precision is not None and count < most else 1.0) * (1.0 - done)

        def tell(part: float, name: str, done: float = done, share: float = share) -> None:
            if progress is not None:
                progress(done + share * part, name)

        part = replace(setup, replications=count - begin, first=setup.first + begin)
        added = run_cases(world, cases, part, executor=executor, progress=tell, cancelled=cancelled)
        records = {
            name: join([records[name], new]) if records else new for name, new in added.items()
        }
        means, found = {}, {}
        for name, record in records.items():
            values = measure(name, record)
            means[name] = stakes[name].means(setup.first, values)
            found[name] = means[name].estimate(values, confidence)
        widest = max(_width(each, least) for each in found.values())
        asked = math.inf if precision is None else precision / (1.0 + precision)
        if precision is None or widest <= asked or count >= most:
            if progress is not None:
                progress(1.0, "done")
            return Stopped(records, means, found, widest, widest <= asked)
        wanted = most if math.isinf(widest) else math.ceil(1.05 * count * (widest / asked) ** 2)
        begin, count, done = count, min(most, max(wanted, count + FEWEST)), done + share


def _width(found: Estimate, least: float) -> float:
    """Half-width over the mean; 0 where nothing varies."""
    size = max(abs(found.mean), least)
    if found.half_width == 0.0:
        return 0.0
    if size == 0.0 or not math.isfinite(found.half_width):
        return math.inf
    return found.half_width / size
