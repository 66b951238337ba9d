"""How many product-location-days a CPU second simulates, by what the world states."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace

from benchmarks.exposure import assortment
from benchmarks.shops import SEED, YEAR, shop
from benchmarks.simulation_worlds import coupled_shops, rationing_depots
from simulation.experiment import Case, Setup, run_cases
from simulation.kernels import kernels
from simulation.ledger import Record
from simulation.world import World

WORTH_SHARING = 1e8  # product-location-days; starting a process takes more than a CPU second


@dataclass(frozen=True, slots=True)
class Speed:
    """One measurement.

    Attributes
    ----------
    cells : product-location-days
    cpu, wall : seconds
    """

    what: str
    cells: float
    cpu: float
    wall: float

    @property
    def per_second(self) -> float:
        """Product-location-days per CPU second."""
        return self.cells / self.cpu


@dataclass(frozen=True, slots=True)
class Sharing:
    """One run by one process and by two.

    Attributes
    ----------
    cells : product-location-days
    wall, cpu : seconds by one and by two, of all processes together
    load : of the machine, a minute's average
    same : the figures are the same bits
    """

    cells: float
    wall: tuple[float, float]
    cpu: tuple[float, float]
    load: float
    same: bool

    def __str__(self) -> str:
        """Return the measurement as a sentence."""
        one, two = self.wall
        told = (
            f"Chunks of replications shared out, {self.cells:,.0f} SKU-location-days: one process"
            f" takes {one:.1f} s of wall ({self.cpu[0]:.1f} CPU s), two take {two:.1f} s"
            f" ({self.cpu[1]:.1f} CPU s, their start included), with"
            f" {'the same' if self.same else 'OTHER'} bits"
        )
        if self.cells < WORTH_SHARING:
            return f"{told}: too little work to share."
        alone = 2.0 * self.cpu[0] / self.cpu[1]
        return (
            f"{told}. That is {one / two:.2f} times as fast on this machine at load"
            f" {self.load:.1f}, and {alone:.2f} times by CPU seconds, were each process alone on a"
            " core."
        )


def time_run(what: str, world: World, replications: int, name: str, *, tries: int = 3) -> Speed:
    """Return the best of some runs on one core, tables and compiled kernels ready."""
    _ = world.demand
    warm = replace(world, n_ticks=2, bucket_of_tick=world.bucket_of_tick[:2])
    run_cases(warm, [Case("warm")], Setup(1, SEED, kernels=name, processes=1))
    setup = Setup(replications, SEED, kernels=name, processes=1)
    spent = []
    for _ in range(tries):
        wall, cpu = time.perf_counter(), time.process_time()
        run_cases(world, [Case("calm")], setup)
        spent.append((time.process_time() - cpu, time.perf_counter() - wall))
    return Speed(what, world.n_skus * world.n_ticks * replications, *min(spent))


def measure(short: bool) -> list[Speed]:
    """Return all speeds of the simulator on one core."""
    days, part, few = (60, 60, 100) if short else (YEAR, 120, 1000)
    fast = kernels().name
    fixed = shop(1000, days, random_leads=False)
    jobs: list[tuple[str, World, int, str]] = [
        ("plain, fixed lead times, 1,000 SKUs x 10", fixed, 10, fast),
        ("stochastic lead times, 1,000 SKUs x 10", shop(1000, days), 10, fast),
        ("stochastic lead times, 10,000 SKUs x 1", shop(10_000, days), 1, fast),
        ("the same in NumPy, 1,000 SKUs x 10", shop(1000, days), 10, "numpy"),
        ("1 SKU x 1,000 replications x 1 year", shop(1, YEAR), 1000, fast),
    ]
    for what, world in coupled_shops(1000, part):
        jobs.append((f"with {what}, 1,000 SKUs x 10", world, 10, fast))
    for how, world in rationing_depots(few, part):
        what = f"short depots ration {how}, {few:,} SKUs x 55 sites"
        jobs.append((what, world, 1, fast))
    found = [time_run(f"{what} ({name})", world, count, name) for what, world, count, name in jobs]
    if not short:
        what = f"depots ration to stores, 10,000 SKUs x 55 sites x 1 year ({fast})"
        found.append(time_run(what, assortment(10_000, n_days=YEAR), 1, fast, tries=1))
    return found


def share_out(short: bool) -> Sharing:
    """Measure one run in one process and in two; tables of demand are made before."""
    world, count = shop(1000, YEAR), 20 if short else 600
    _ = world.demand
    chunk = min(50, count // 2)
    walls: list[float] = []
    cpus: list[float] = []
    records: list[Record] = []
    for processes in (1, 2):
        setup = Setup(count, SEED, processes=processes, chunk=chunk)
        wall, cpu = time.perf_counter(), _cpu_of_all()
        records.append(run_cases(world, [Case("calm")], setup)["calm"])
        walls.append(time.perf_counter() - wall)
        cpus.append(_cpu_of_all() - cpu)
    same = all(
        getattr(records[0], name).tobytes() == getattr(records[1], name).tobytes()
        for name in Record.__dataclass_fields__
    )
    cells = float(world.n_skus * world.n_ticks * count)
    return Sharing(cells, (walls[0], walls[1]), (cpus[0], cpus[1]), os.getloadavg()[0], same)


def _cpu_of_all() -> float:
    """Return CPU seconds of this process, and of its children that have ended."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system
