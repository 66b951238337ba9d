"""`python -m benchmarks controls`: how many replications control variates save, easy and hard.

Easy: one shop, one supplier that is out now and then. Hard: 25 suppliers, 2 depots and 12 stores
with 29 things that go wrong at random and at once, each with its own buffers and lead times.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np

from benchmarks.exposure import assortment
from benchmarks.machine import describe_machine
from benchmarks.shops import YEAR, shop
from simulation.controls import Stakes
from simulation.disruptions import Disruption
from simulation.distributions import Distribution
from simulation.experiment import Case, Setup, run_cases
from simulation.intervals import estimate
from simulation.kernels import rows as at
from simulation.world import World

SEED = 7
BATCH = 50


@dataclass(frozen=True, slots=True)
class Gain:
    """Relative half-widths of mean lost sales, and how many times fewer replications do.

    Attributes
    ----------
    batches : root mean square of the half-widths of batches of 50 replications, relative
    """

    what: str
    replications: int
    plain: float
    better: float
    batches: tuple[float, float]

    @property
    def times(self) -> float:
        """Replications without controls over those with, for one precision."""
        return (self.plain / self.better) ** 2

    @property
    def times_small(self) -> float:
        """The same from batches of 50 replications."""
        return (self.batches[0] / self.batches[1]) ** 2

    def __str__(self) -> str:
        """Return it as a sentence."""
        return (
            f"{self.what}, {self.replications} replications: ± {100 * self.plain:.1f} %, with"
            f" control variates ± {100 * self.better:.1f} %: {self.times:.1f} times fewer"
            f" replications for one precision ({self.times_small:.1f} times in runs of {BATCH})."
        )


def easy() -> tuple[World, list[Disruption]]:
    """Return a shop with 20 SKUs whose supplier is out for weeks now and then."""
    down = Disruption("down", "supplier_outage", "all", Distribution("exponential", (120.0,)),
                      Distribution("lognormal", (20.0, 16.0)))  # fmt: skip
    return shop(20, YEAR), [down]


def hard(n_suppliers: int = 25) -> tuple[World, list[Disruption]]:
    """Return depots and stores with many suppliers, each out at random, and four more risks."""
    world = assortment(200, 12, 2, n_suppliers, 180)
    listed = [
        Disruption(f"out {each.supplier_id}", "supplier_outage", f"supplier:{each.supplier_id}",
                   Distribution("exponential", (400.0,)), Distribution("lognormal", (30.0, 20.0)))
        for each in world.suppliers
    ]  # fmt: skip
    listed += [
        Disruption("typhoon", "lane_closure", "site:D0", Distribution("exponential", (120.0,)),
                   Distribution("lognormal", (5.0, 4.0))),
        Disruption("closed", "warehouse_closure", "site:D1", Distribution("exponential", (180.0,)),
                   Distribution("lognormal", (5.0, 4.0))),
        Disruption("slow", "lead_time_blowup", "all", Distribution("exponential", (180.0,)),
                   Distribution("lognormal", (20.0, 10.0)), 2.0),
        Disruption("rush", "demand_surge", "all", Distribution("uniform", (0.0, 300.0)),
                   Distribution("fixed", (10.0,)), 1.6),
    ]  # fmt: skip
    return world, listed


def gain(what: str, world: World, listed: list[Disruption], replications: int = 200) -> Gain:
    """Measure plain and controlled intervals of the same replications."""
    setup = Setup(replications, SEED, processes=1)
    record = run_cases(world, [Case("all", tuple(listed))], setup)["all"]
    short = record.site_rows[:, at.SHORT].sum(axis=0).astype(np.float64)
    stakes = Stakes(world, listed, SEED, {})

    def widths(first: int, values: np.ndarray) -> tuple[float, float]:
        found = stakes.means(first, values).estimate(values)
        return estimate(values).half_width, found.half_width

    plain, better = widths(0, short)
    small = np.array(
        [widths(b, short[b : b + BATCH]) for b in range(0, replications - BATCH + 1, BATCH)]
    )
    typical = np.sqrt((small**2).mean(axis=0)) / short.mean()
    mean = stakes.means(0, short).estimate(short).mean
    return Gain(what, replications, plain / short.mean(), better / mean,
                (float(typical[0]), float(typical[1])))  # fmt: skip


def main(arguments: list[str]) -> int:
    """Measure both, print, and return 1 where fewer than seven times are saved."""
    parser = argparse.ArgumentParser(prog="benchmarks controls", description=__doc__)
    parser.add_argument("--short", action="store_true", help="the easy case alone")
    chosen = parser.parse_args(arguments)
    print(describe_machine(["numpy", "numba", "simpy"]))
    found = [gain("one supplier out at random", *easy())]
    if not chosen.short:
        found.append(gain("29 risks at once, 25 suppliers, 14 sites", *hard()))
    for each in found:
        print(each)
    return 0 if all(each.times >= 7.0 for each in found) else 1
