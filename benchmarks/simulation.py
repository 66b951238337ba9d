"""`python -m benchmarks simulation`: speed, closed forms and the oracle, beside SimPy by hand.

Speed is product-location-days per CPU second of one core, with the building of tables apart.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks import validation
from benchmarks.controls import easy, gain, hard
from benchmarks.exposure import assortment
from benchmarks.machine import describe_machine
from benchmarks.shops import LEADS, YEAR, shop
from benchmarks.simulation_peers import run_supplynetpy, simulate_by_hand
from scenarios import HoldfastError
from simulation.experiment import Case, Setup, run_cases
from simulation.facts import Dock, Life, Store
from simulation.kernels import kernels
from simulation.world import World

SEED = 7
PEER = Path("build/peers-simulation/bin/python")
TESTS = Path(__file__).parents[1] / "tests" / "simulation"


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


def time_run(what: str, world: World, replications: int, name: str) -> Speed:
    """Run once, tables and compiled kernels ready, on one core."""
    _ = world.demand
    warm = shop(3, 5)
    run_cases(warm, [Case("warm")], Setup(2, SEED, kernels=name, processes=1))
    setup = Setup(replications, SEED, kernels=name, processes=1)
    wall, cpu = time.perf_counter(), time.process_time()
    run_cases(world, [Case("calm")], setup)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Speed(what, world.n_skus * world.n_ticks * replications, cpu, wall)


def coupled_shops(n_skus: int, n_days: int) -> list[tuple[str, World]]:
    """Return the shop with one coupling at a time, each of which binds on some days."""
    plain = shop(n_skus, n_days)
    site = plain.sites[0]
    daily = int(site.demand_mean.sum())
    week = np.full(7, round(1.02 * daily), np.int64)
    room = int(1.1 * 0.7 * site.opening.sum())
    facts = {
        "docks": replace(site, dock=Dock(week, week)),
        "storage": replace(site, store=Store(room, np.ones(n_skus, np.int64))),
        "shelf life": replace(site, life=Life(np.full(n_skus, 20, np.int64))),
    }
    return [(what, replace(plain, sites=(made,))) for what, made in facts.items()]


def measure(short: bool) -> list[Speed]:
    """Return all speeds of the simulator."""
    days = 60 if short else YEAR
    fast = kernels().name
    jobs: list[tuple[str, Callable[[], World], int, str]] = [
        ("plain, fixed lead times, 1,000 SKUs x 10",
         lambda: shop(1000, days, random_leads=False), 10, fast),
        ("stochastic lead times, 1,000 SKUs x 10", lambda: shop(1000, days), 10, fast),
        ("stochastic lead times, 10,000 SKUs x 1", lambda: shop(10_000, days), 1, fast),
        ("the same in NumPy, 1,000 SKUs x 10", lambda: shop(1000, days), 10, "numpy"),
        ("1 SKU x 1,000 replications x 1 year", lambda: shop(1, YEAR), 1000, fast),
    ]  # fmt: skip
    jobs += [
        (f"with {what}, 1,000 SKUs x 10", lambda made=world: made, 10, fast)  # type: ignore[misc]
        for what, world in coupled_shops(1000, 60 if short else 120)
    ]
    if not short:
        jobs.append(
            ("depots ration to stores, 10,000 SKUs x 55 sites x 1 year",
             lambda: assortment(10_000, n_days=YEAR), 1, fast)
        )  # fmt: skip
    found = []
    for what, make, count, name in jobs:
        found.append(time_run(f"{what} ({name})", make(), count, name))
    return found


def by_hand(short: bool) -> Speed:
    """Measure the hand-written model on the first SKUs of the shop."""
    n, days = (60, 60) if short else (300, YEAR)
    site = shop(1000, 2).sites[0]
    wall = time.perf_counter()
    seconds = simulate_by_hand(site.demand_mean[0, :n], site.opening[:n], LEADS, days, SEED)
    return Speed(f"SimPy by hand, a process a shelf, {n} SKUs", n * days, seconds,
                 time.perf_counter() - wall)  # fmt: skip


def oracle_mismatches(plain: int, everything: int) -> tuple[int, int]:
    """Return networks that differ from the scalar oracle of the tests, and networks tried.

    Parameters
    ----------
    plain : random networks; everything : with every feature and every kind of disruption
    """
    sys.path.insert(0, str(TESTS))
    oracle = importlib.import_module("test_oracle")
    worlds = importlib.import_module("random_worlds")

    def compare_plain(seed: int) -> None:
        world = worlds.random_world(seed)
        oracle.compare(world, worlds.random_case(world, seed), seed, "")

    def compare_everything(seed: int) -> None:
        oracle.compare_with_everything(seed, "")

    jobs = [(compare_plain, seed) for seed in range(plain)]
    jobs += [(compare_everything, seed) for seed in range(300, 300 + everything)]
    wrong = 0
    for compare, seed in jobs:
        try:
            compare(seed)
        except (AssertionError, HoldfastError) as problem:
            wrong += 1
            print(f"oracle: network {seed} differs: {str(problem)[:200]}", file=sys.stderr)
    return wrong, len(jobs)


def main(arguments: list[str]) -> int:
    """Measure, print, and return 1 where a closed form or the oracle fails."""
    parser = argparse.ArgumentParser(prog="benchmarks simulation", description=__doc__)
    parser.add_argument("--short", action="store_true", help="under a minute")
    parser.add_argument("--peer-python", default=str(PEER), help="an environment with supplynetpy")
    parser.add_argument("--page", type=Path, help="write docs/benchmarks/simulation.md there")
    parser.add_argument("--sample", action="store_true", help="closed forms with wide intervals")
    chosen = parser.parse_args(arguments)
    print(machine())
    speeds = measure(chosen.short)
    hand = by_hand(chosen.short)
    rows = [_row(each, hand) for each in speeds] + [_row(hand, hand)]
    if not chosen.short:
        rows.append(_peer_row(chosen.peer_python, hand))
    table = "\n".join(
        ["| what | SKU-location-days | CPU s | wall s | per CPU second | of SimPy by hand |",
         "|---|---|---|---|---|---|", *rows]
    )  # fmt: skip
    print(table)
    gains = [gain("one supplier out at random", *easy())]
    if not chosen.short:
        gains.append(gain("29 risks at once, 25 suppliers, 14 sites", *hard()))
    saved = "Mean lost sales under random outages: " + " ".join(str(each) for each in gains)
    print(saved)
    sample = chosen.short or chosen.sample
    checks = validation.check(validation.SHORT_SCALE if sample else 1.0)
    cases = sorted({each.form.case for each in checks})
    met = sum(all(c.met for c in checks if c.form.case == case) for case in cases)
    wrong, tried = oracle_mismatches(*((12, 8) if chosen.short else (60, 100)))
    proof = (
        f"closed forms met: {met} of {len(cases)}"
        f" ({'a sample with wide intervals' if sample else 'full precision'});"
        f" oracle mismatches: {wrong} of {tried} networks"
    )
    print(proof)
    if chosen.page is not None:
        chosen.page.write_text(_page(table, saved, proof), encoding="utf-8")
    return 0 if met == len(cases) and not wrong else 1


def machine() -> str:
    """Return machine, load and versions."""
    return describe_machine(["numpy", "numba", "simpy"])


def _row(each: Speed, hand: Speed) -> str:
    return (
        f"| {each.what} | {each.cells:,.0f} | {each.cpu:.2f} | {each.wall:.2f}"
        f" | {each.per_second / 1e6:.3g} M | {each.per_second / hand.per_second:,.4g} x |"
    )


def _peer_row(python: str, hand: Speed) -> str:
    if not Path(python).exists():
        return f"| SupplyNetPy | not measured: no {python} | | | | |"
    try:
        found = run_supplynetpy(python, 20, YEAR)
    except RuntimeError as problem:
        return f"| SupplyNetPy | not measured: {problem} | | | | |"
    speed = Speed("", found["cells"], found["seconds"], found["seconds"])
    return (
        f"| SupplyNetPy {found['version']}, one product a network | {speed.cells:,.0f}"
        f" | {speed.cpu:.2f} | | {speed.per_second / 1e6:.3g} M"
        f" | {speed.per_second / hand.per_second:,.4g} x |"
    )


def _page(table: str, saved: str, proof: str) -> str:
    return f"""# How fast the simulator is

Written by `python -m benchmarks simulation --page docs/benchmarks/simulation.md`; seed {SEED}, on
{machine()}. Other work shared the machine: CPU seconds count, and they, too, grow when caches are
shared.

{table}

A SKU-location-day is one product at one place for one day: receipts, demand, service, review,
order, departure with a lead time of its own, cost. Worlds are built and tables of demand made
before the clock starts; the books are closed and conservation is proven within it. One core each;
`Setup.processes` shares chunks of replications out with the same bits.

The model by hand is what a modeller writes in SimPy: a process a shelf, one a shipment, random
numbers drawn beforehand in NumPy. It follows units only, no money.

{saved}

{proof[0].upper()}{proof[1:]}. The closed forms stand in [validation.md](../validation.md).
"""
