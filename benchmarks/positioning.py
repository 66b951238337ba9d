"""Stock positioning on made-up networks: ours, planners' rules, and HiGHS on the small ones."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np

from benchmarks.machine import describe_machine
from benchmarks.positioning_case import positioning_case
from benchmarks.positioning_rules import RULES, by_highs
from optimizer.allocation.positioning.costs import expected_short, terms
from optimizer.allocation.positioning.from_scenario import read_problem
from optimizer.allocation.positioning.problem import Moves, Problem
from optimizer.allocation.positioning.search import search
from optimizer.outcome import Limits, gap_pct

PACKAGES = ("numpy", "scipy", "numba")


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark; return 0, or 1 where a plan breaks a limit or a bound is above it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks positioning", description=__doc__)
    parser.add_argument(
        "--size", nargs="+", default=["300x6"], help="products x warehouses, as in 20000x20"
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[1])
    parser.add_argument("--seconds", type=float, help="wall seconds for each search")
    parser.add_argument("--work", type=float, help="deterministic work for each search instead")
    parser.add_argument("--highs", type=float, default=0.0, help="wall seconds for HiGHS; 0: none")
    options = parser.parse_args(arguments)
    print(describe_machine(PACKAGES))
    print(
        f"{'case':<14} {'by':<16} {'cost':>14} {'bound':>14} {'gap %':>7} {'fill %':>7}"
        f" {'trips':>6} {'units':>8} {'held':>7} {'CPU s':>7} {'wall s':>7}"
    )
    sound = True
    for size in options.size:
        products, sites = (int(part) for part in size.split("x"))
        for seed in options.seeds:
            sound &= _run(products, sites, seed, options)
    return 0 if sound else 1


def _run(products: int, sites: int, seed: int, options: argparse.Namespace) -> bool:
    began, used = time.perf_counter(), time.process_time()
    scenario = positioning_case(products, sites, seed)
    made = time.process_time() - used
    began, used = time.perf_counter(), time.process_time()
    problem = read_problem(scenario, {}, None).problem
    reading = time.process_time() - used
    name = f"{products}x{sites}/{seed}"
    print(f"{name:<14} made in {made:.1f}, read in {reading:.1f} CPU s", flush=True)
    began, used = time.perf_counter(), time.process_time()
    outcome = search(problem, Limits(options.seconds, options.work, seed))
    took, used = time.perf_counter() - began, time.process_time() - used
    assert outcome.solution is not None
    sound = _line(name, "ours", problem, outcome.solution.moves, outcome.bound, used, took)
    for rule, move in RULES.items():
        began, used = time.perf_counter(), time.process_time()
        moves = move(problem)
        took, used = time.perf_counter() - began, time.process_time() - used
        sound &= _line(name, rule, problem, moves, None, used, took)
    for label, whole in (("HiGHS, whole", True), ("HiGHS, LP", False)):
        if options.highs <= 0.0:
            break
        began, used = time.perf_counter(), time.process_time()
        found, bound = by_highs(problem, options.highs, whole=whole)
        took, used = time.perf_counter() - began, time.process_time() - used
        if found is None:
            told = f"{name:<14} {label:<16} {'-':>14} {bound:>14.1f} {'':>39}"
            print(f"{told} {used:>7.1f} {took:>7.1f}", flush=True)
        else:
            _line(name, label, problem, found, bound, used, took)
    return sound


def _line(
    name: str,
    by: str,
    problem: Problem,
    moves: Moves,
    bound: float | None,
    cpu_seconds: float,
    wall_seconds: float,
) -> bool:
    """Print a plan; say whether it keeps every limit and lies above its bound."""
    cost = sum(terms(problem, moves).values())
    _, total = moves.levels(problem)
    short = float(expected_short(total, problem.mean, problem.sd).sum())
    units, kg, m3 = load = moves.load(problem)
    trips = float(problem.lanes.trips(kg, m3, units).sum())
    over = problem.rows.loads(load) > problem.rows.room + 1e-5 * np.maximum(problem.rows.room, 1.0)
    gap = gap_pct(cost, bound)
    print(
        f"{name:<14} {by:<16} {cost:>14.1f} {'-' if bound is None else format(bound, '.1f'):>14}"
        f" {'-' if gap is None else format(gap, '.3f'):>7}"
        f" {100.0 * (1.0 - short / problem.mean.sum()):>7.2f} {trips:>6.0f} {units.sum():>8.0f}"
        f" {moves.held_qty.sum():>7.0f} {cpu_seconds:>7.1f} {wall_seconds:>7.1f}"
        f"{'  breaks limits' if over.any() else ''}",
        flush=True,
    )
    return not over.any() and (bound is None or bound <= cost + 1e-6 * abs(cost))
