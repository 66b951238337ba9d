"""Chunks of replications shared out over processes; the figures are the same bits for any number.

Processes are started afresh (spawn), get the world once, and ask a common flag every simulated day
whether the run was cancelled.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing.synchronize import Event

from simulation.arrays import Places
from simulation.experiment import Cancelled, Case, Setup, run_cases_in
from simulation.ledger import Record
from simulation.world import World

POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Job:
    """What every process needs to know."""

    world: World
    cases: tuple[Case, ...]
    setup: Setup
    longest: tuple[int, ...]
    stop: Event


_job: list[Job] = []  # of this process


def run_in_processes(
    world: World,
    cases: Sequence[Case],
    setup: Setup,
    longest: Sequence[int],
    chunks: Sequence[Places],
    n_processes: int,
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
        `cancelled` said so; the processes have ended.
    """
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    job = Job(world, tuple(cases), setup, tuple(longest), stop)
    with ProcessPoolExecutor(n_processes, context, _begin, (job,)) as pool:
        futures = [pool.submit(_run, numbers) for numbers in chunks]
        left = set(futures)
        tell(0, f"{n_processes} processes")
        try:
            while left:
                done, left = wait(left, POLL_SECONDS, FIRST_COMPLETED)
                for future in done:
                    future.result()
                finished = sum(len(c) for c, f in zip(chunks, futures, strict=True) if f.done())
                if done:
                    tell(len(cases) * finished, f"{finished} replications")
                if cancelled is not None and cancelled():
                    raise Cancelled("cancelled while processes shared the work")
        except BaseException:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
        return [future.result() for future in futures]


def _begin(job: Job) -> None:
    _job[:] = [job]


def _run(numbers: Places) -> dict[str, Record]:
    job = _job[0]
    return run_cases_in(
        job.world, job.cases, numbers, job.setup, job.longest, 0, lambda _done, _name: None,
        job.stop.is_set,
    )  # fmt: skip
