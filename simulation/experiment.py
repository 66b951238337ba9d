"""Cases over replications, chunk by chunk, every case meeting the same demand."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from optimizer.executor import WORTH_SHARING, Cancelled, Executor
from simulation.arrays import Places
from simulation.calendar import Calendar
from simulation.conditions import Blow, Conditions, make_blow
from simulation.demand import Demand
from simulation.disruptions import Disruption, histories
from simulation.kernels import Kernels, kernels
from simulation.ledger import Record, close_books, join
from simulation.playbooks import Step
from simulation.responses import Responses
from simulation.state import check_conservation, fresh_state, replication_bytes
from simulation.targets import resolve
from simulation.watching import Watching
from simulation.world import World

CHUNK_BYTES = 256 * 2**20
MOST_KEPT_BYTES = 512 * 2**20
Groups = Mapping[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True)
class Case:
    """Something to try: a name and what goes wrong; nothing in the baseline.

    Attributes
    ----------
    title : for people, as in "S08 delivers nothing for 21 days"
    steps : of the playbooks that are at hand
    """

    name: str
    disruptions: tuple[Disruption, ...] = ()
    title: str = ""
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Setup:
    """What an experiment needs beside the world and the cases.

    Attributes
    ----------
    replications : how many
    seed : of all random numbers
    groups : members (kind, id) by group_id, for targets
    kernels : "numpy", "numba", or "" for the fastest there is
    chunk : replications run at once; 0 to fit into memory. Results do not depend on it
    processes : that share the chunks; 0 for the number of cores where the work is large (a script
        must then guard its start by `if __name__ == "__main__"`). Results do not depend on it
    first : number of the first replication, to add more to those that have been run
    """

    replications: int
    seed: int = 0
    groups: Groups = field(default_factory=dict)
    kernels: str = ""
    chunk: int = 0
    processes: int = 0
    first: int = 0


def run_cases(
    world: World,
    cases: Sequence[Case],
    setup: Setup,
    *,
    executor: Executor | None = None,
    progress: Callable[[float, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> dict[str, Record]:
    """Return the figures of every case, by name.

    Conservation is proven for every case and chunk before its figures count.

    Parameters
    ----------
    executor : who shares the chunks where the work is large, or the setup asks for processes;
        None: processes of this machine. Results do not depend on it

    Raises
    ------
    EngineError
        A unit appeared or vanished.
    Cancelled
        `cancelled` said so.
    """
    longest = longest_lanes(world, cases, setup)
    sharing = sharing_of(world, cases, setup, executor)
    chunks = cut(world, setup, longest, 1 if sharing is None else sharing.width)
    steps = len(cases) * setup.replications

    def tell(done: int, name: str) -> None:
        if progress is not None:
            progress(done / steps, name)

    if sharing is not None and len(chunks) > 1:
        from simulation.processes import share_out

        parts = share_out(sharing, world, cases, setup, longest, chunks, tell, cancelled)
    else:
        parts = []
        for numbers in chunks:
            begun = len(cases) * int(numbers[0] - setup.first)
            parts.append(
                run_cases_in(world, cases, numbers, setup, longest, begun, tell, cancelled)
            )
    if progress is not None:
        progress(1.0, "done")
    return {case.name: join([part[case.name] for part in parts]) for case in cases}


def cut(world: World, setup: Setup, longest: Sequence[int], width: int) -> list[Places]:
    """Return the replications in chunks that fit into memory, and are enough to share out.

    Parameters
    ----------
    width : chunks that are worth having
    """
    count = setup.replications
    each = max(replication_bytes(world, list(longest)), 1)
    size = setup.chunk or max(1, min(count, CHUNK_BYTES // each, -(-count // width)))
    numbers = np.arange(setup.first, setup.first + count, dtype=np.int64)
    return [numbers[begin : begin + size] for begin in range(0, count, size)]


def sharing_of(
    world: World, cases: Sequence[Case], setup: Setup, executor: Executor | None
) -> Executor | None:
    """Return who shares the work: as the setup says, else where it is large; None: nobody."""
    from optimizer.processes import LocalProcesses

    if setup.processes:
        count = min(setup.processes, setup.replications)
        return (executor or LocalProcesses(count)) if count > 1 else None
    cells = world.n_skus * world.n_ticks * setup.replications * len(cases)
    if cells < (WORTH_SHARING if executor is None else executor.least):
        return None
    main = multiprocessing.current_process().name == "MainProcess"
    return executor or (LocalProcesses() if main else None)


def run_cases_in(
    world: World,
    cases: Sequence[Case],
    numbers: Places,
    setup: Setup,
    longest: Sequence[int],
    begun: int,
    tell: Callable[[int, str], None],
    cancelled: Callable[[], bool] | None,
) -> dict[str, Record]:
    """Return the figures of every case in one chunk of replications.

    Parameters
    ----------
    begun : replications of cases done before, for `tell`
    """
    chosen = kernels(setup.kernels)
    kept = 4 * world.n_skus * world.n_ticks * len(numbers) <= MOST_KEPT_BYTES
    demand = Demand(world, numbers, chosen, setup.seed, keep=kept and len(cases) > 1)
    found = {}
    for place, case in enumerate(cases):
        tell(begun + place * len(numbers), case.name)
        found[case.name] = run_chunk(
            world, case, numbers, demand, chosen, setup, longest, cancelled
        )  # fmt: skip
    demand.forget()
    return found


def run_chunk(
    world: World,
    case: Case,
    numbers: Places,
    demand: Demand,
    chosen: Kernels,
    setup: Setup,
    longest: Sequence[int],
    cancelled: Callable[[], bool] | None = None,
) -> Record:
    """Simulate one case in one chunk of replications and close its books."""
    blows = make_blows(world, case, numbers, setup)
    state = fresh_state(world, numbers, list(longest))
    conditions = Conditions(world, blows, len(numbers))

    watching = None if world.watch is None else Watching(world.watch, world, state)

    def on_tick(tick: int) -> None:
        if cancelled is not None and cancelled():
            raise Cancelled(f"cancelled in case {case.name}, day {tick}")
        if watching is not None:
            watching.morning(tick)

    responses = None
    if case.steps:
        responses = Responses(world, case.steps, numbers, setup.seed, setup.groups)
    on_night = None if watching is None else watching.night
    calendar = Calendar(
        world, state, conditions, demand, chosen, setup.seed, on_tick, responses, on_night
    )
    calendar.run()
    signed = any(site.policy.signed for site in world.sites)
    check_conservation(world, state, signed=signed)
    record = close_books(world, state, blows, responses, watching)
    state.sites.clear()  # processes refer to each other in circles: free the arrays now
    state.lanes.clear()
    return record


def make_blows(world: World, case: Case, numbers: Places, setup: Setup) -> list[Blow]:
    """Return the disruptions of a case with their histories in some replications."""
    made = histories(
        case.disruptions,
        [int(number) for number in numbers],
        seed=setup.seed,
        n_ticks=world.n_ticks,
        ticks_per_day=world.ticks_per_day,
    )
    blows = []
    for disruption in case.disruptions:
        reach = resolve(world, disruption.kind, disruption.target, setup.groups)
        strikes = made[disruption.disruption_id]
        blows.append(make_blow(world, disruption, reach, strikes, setup.seed))
    return blows


def longest_lanes(world: World, cases: Sequence[Case], setup: Setup) -> list[int]:
    """Return per lane the most ticks that goods are under way in any case, calendars included."""
    most = [0] * len(world.lanes)
    for case in cases:
        bare = [
            Blow(
                disruption,
                resolve(world, disruption.kind, disruption.target, setup.groups),
                (),
                0,
            )
            for disruption in case.disruptions
        ]
        conditions = Conditions(world, bare, 0)
        responses = Responses(world, case.steps, np.zeros(0, np.int64), setup.seed, setup.groups)
        most = [
            max(held, conditions.longest(j, responses.longest_factor(j)))
            for j, held in enumerate(most)
        ]
    return most
