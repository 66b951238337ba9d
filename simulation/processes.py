"""Chunks of replications shared out; the figures are the same bits whoever does them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from optimizer.executor import Executor, Work, does_chunks
from simulation.arrays import Places
from simulation.experiment import Case, Setup, run_cases_in
from simulation.ledger import Record
from simulation.world import World


@dataclass(frozen=True, slots=True)
class Job:
    """What everybody who shares the work needs to know."""

    world: World
    cases: tuple[Case, ...]
    setup: Setup
    longest: tuple[int, ...]


def share_out(
    executor: Executor,
    world: World,
    cases: Sequence[Case],
    setup: Setup,
    longest: Sequence[int],
    chunks: Sequence[Places],
    tell: Callable[[int, str], None],
    cancelled: Callable[[], bool] | None,
) -> list[dict[str, Record]]:
    """Return the figures of every chunk, in order.

    Parameters
    ----------
    tell : called with the replications of cases that are done, and what was done last

    Raises
    ------
    Cancelled
        `cancelled` said so.
    EngineError
        A unit appeared or vanished in a chunk.
    """
    plain = replace(setup, processes=0, chunk=0, replications=0, first=0, groups=dict(setup.groups))
    job = Job(world, tuple(cases), plain, tuple(longest))
    tell(0, f"{len(chunks)} chunks")

    def count(finished: int) -> None:
        shared = setup.replications * finished // len(chunks)
        tell(len(cases) * shared, f"{finished} of {len(chunks)} chunks")

    work = Work("simulation.processes:replicate", job)
    found: list[dict[str, Record]] = executor.run(work, chunks, done=count, cancelled=cancelled)
    return found


@does_chunks
def replicate(job: Job, numbers: Places) -> dict[str, Record]:
    """Return the figures of every case in some replications."""
    return run_cases_in(
        job.world, job.cases, numbers, job.setup, job.longest, 0, lambda _done, _name: None, None
    )
