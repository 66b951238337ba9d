"""Measures the rolling plan: seconds, gap of every night, memory.

``python -m benchmarks rolling --items 100000 --sites 20 --weeks 26 --seed 1``
"""

from __future__ import annotations

import argparse
import resource
import time

from benchmarks.rolling_case import rolling_case
from optimizer.outcome import Limits
from optimizer.pipeline import audit_stage, run_stage
from optimizer.plan import conform


def main(arguments: list[str]) -> int:
    """Plan a generated case and print what it took; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks rolling", description=__doc__)
    parser.add_argument("--items", type=int, default=100_000, help="product-locations")
    parser.add_argument("--sites", type=int, default=20)
    parser.add_argument("--weeks", type=int, default=26)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, help="limit of the rolling stage")
    parser.add_argument("--audit", action="store_true", help="let the referee check the plan")
    options = parser.parse_args(arguments)
    scenario = rolling_case(options.items, options.sites, options.weeks, options.seed)
    tonight = run_stage("replenishment", scenario, {}, Limits(seconds=60.0))
    tables = {name: conform(name, frame) for name, frame in tonight.tables.items() if len(frame)}
    before, used = time.perf_counter(), time.process_time()
    result = run_stage("rolling", scenario, tables, Limits(seconds=options.seconds))
    wall, cpu = time.perf_counter() - before, time.process_time() - used
    weeks = result.tables["rolling_weeks"]
    print(
        weeks[
            [
                "night",
                "objective",
                "bound",
                "gap_pct",
                "spend",
                "budget",
                "price_of_budget",
                "lines",
            ]
        ].to_string(index=False)
    )
    certificate = result.certificate
    solving = certificate.wall_seconds if certificate is not None else 0.0
    print(
        f"items {options.items} sites {options.sites} seed {options.seed}: {len(weeks)} nights,"
        f" solving {solving:.1f} s wall, stage {wall:.1f} s wall, {cpu:.1f} s CPU,"
        f" work {result.work:.1f}; gap mean {weeks['gap_pct'].mean():.3f} %,"
        f" max {weeks['gap_pct'].max():.3f} %;"
        f" peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB"
    )
    for note in result.notes:
        print(note)
    if options.audit:
        replaced = {name: conform(name, frame) for name, frame in result.tables.items()}
        audit_stage("rolling", scenario, tables | replaced, result)
        print("the referee agrees")
    return 0
