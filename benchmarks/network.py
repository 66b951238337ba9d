"""Facility location on public instances: solve every file of a folder, write one JSON each."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.facilities import FORMATS, UnreadableInstanceError, read_instance, write_solution
from benchmarks.machine import describe_machine
from benchmarks.network_peers import PEERS, run_peer
from optimizer.allocation.network.solve import solve
from optimizer.outcome import Limits, gap_pct

PACKAGES = ("numpy", "highspy", "ortools", "pulp")


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark.

    Returns
    -------
    code : 0, or 2 where a file cannot be read or there is none
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks network", description=__doc__)
    parser.add_argument("--format", choices=FORMATS, required=True, dest="form")
    parser.add_argument("--instances", type=Path, required=True, help="folder of instances")
    parser.add_argument("--seconds", type=float, help="wall seconds per instance")
    parser.add_argument("--work", type=float, help="deterministic work per instance instead")
    parser.add_argument("--out", type=Path, required=True, help="folder for the .json files")
    parser.add_argument("--single-source", action="store_true", help="customers are not split")
    parser.add_argument("--only", nargs="*", default=[], help="names of instances to solve")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--peers", nargs="*", choices=PEERS, default=None, help="the same by other solvers too"
    )
    options = parser.parse_args(arguments)
    if options.seconds is None and options.work is None:
        parser.error("give --seconds or --work")
    paths = [path for path in options.instances.iterdir() if path.is_file() and path.name != "os"]
    paths = sorted(
        (path for path in paths if not options.only or path.name in options.only),
        key=lambda path: (len(path.name), path.name),
    )
    if not paths:
        print(f"no instance in {options.instances}")
        return 2
    print(describe_machine(PACKAGES))
    width = max(len(path.name) for path in paths)
    print(
        f"{'name':<{width}} {'sites':>5} {'cust.':>5} {'cost':>15} {'bound':>15} {'gap %':>8}"
        f" {'open':>4} {'wall s':>7} {'CPU s':>7}  status, ended by"
    )
    unreadable = 0
    for path in paths:
        try:
            problem = read_instance(path, options.form, single_source=options.single_source)
        except UnreadableInstanceError as error:
            print(f"{path.name:<{width}} not read: {error}")
            unreadable += 1
            continue
        began, used = time.perf_counter(), time.process_time()
        outcome = solve(problem, Limits(options.seconds, options.work, options.seed))
        took, used = time.perf_counter() - began, time.process_time() - used
        write_solution(options.out / f"{path.name}.json", outcome, took)
        sites, customers = problem.shape
        opened = 0 if outcome.solution is None else int(outcome.solution.is_open.sum())
        print(
            f"{path.name:<{width}} {sites:>5} {customers:>5} {_money(outcome.objective)}"
            f" {_money(outcome.bound)} {_gap(outcome.gap_pct)} {opened:>4} {took:>7.2f}"
            f" {used:>7.2f}  {outcome.status}, {outcome.termination}",
            flush=True,
        )
        peers = () if options.peers is None else (options.peers or PEERS)
        for peer in peers if options.seconds is not None else ():
            found = run_peer(peer, problem, options.seconds)
            print(
                f"{'':<{width}} {peer:>11} {_money(found.cost)} {_money(found.bound)}"
                f" {_gap(gap_pct(found.cost, found.bound))} {'':>4} {found.wall_seconds:>7.2f}"
                f" {found.cpu_seconds:>7.2f}  {found.said}",
                flush=True,
            )
    return 2 if unreadable else 0


def _money(value: float | None) -> str:
    return f"{'-' if value is None else format(value, '.3f'):>15}"


def _gap(value: float | None) -> str:
    return f"{'-' if value is None else format(value, '.4f'):>8}"
