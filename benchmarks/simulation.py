"""`python -m benchmarks simulation`: speed, closed forms and the oracle, beside SimPy by hand.

Speed is product-location-days per CPU second of one core, with the building of tables apart.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from pathlib import Path

from benchmarks import validation
from benchmarks.controls import easy, gain, hard
from benchmarks.machine import describe_machine
from benchmarks.shops import LEADS, SEED, YEAR, shop
from benchmarks.simulation_peers import run_supplynetpy, simulate_by_hand
from benchmarks.simulation_speed import Speed, measure, share_out
from scenarios import HoldfastError

PEER = Path("build/peers-simulation/bin/python")
TESTS = Path(__file__).parents[1] / "tests" / "simulation"


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
    sharing = share_out(chosen.short)
    print(sharing)
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
        chosen.page.write_text(_page(table, str(sharing), saved, proof), encoding="utf-8")
    return 0 if met == len(cases) and not wrong and sharing.same else 1


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


def _page(table: str, sharing: str, saved: str, proof: str) -> str:
    return f"""# How fast the simulator is

Written by `python -m benchmarks simulation --page docs/benchmarks/simulation.md`; seed {SEED}, on
{machine()}. Other work shared the machine: CPU seconds count, and they, too, grow when caches are
shared.

{table}

A SKU-location-day is one product at one place for one day: receipts, demand, service, review,
order, departure with a lead time of its own, cost. Worlds are built and tables of demand made
before the clock starts; the books are closed and conservation is proven within it. One core, the
best of three runs (of one for the largest). With *orders* two shops serve baskets of 1 to 3 lines
one after another, whole or split; *channel rationing* keeps stock by week for two of three
channels; the short depots feed 52 stores.

The model by hand is what a modeller writes in SimPy: a process a shelf, one a shipment, random
numbers drawn beforehand in NumPy. It follows units only, no money.

{sharing}

{saved}

{proof[0].upper()}{proof[1:]}. The closed forms stand in [validation.md](../validation.md).
"""
