"""Routing on VRPLIB instances: solve every .vrp under a folder, write .sol files, report gaps."""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.vrplib import UnreadableInstanceError, best_known, read_instance, write_solution
from optimizer.outcome import Limits
from optimizer.routing.solve import solve


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark.

    Returns
    -------
    code : 0, or 2 where a file cannot be read or there is none
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks routing", description=__doc__)
    parser.add_argument("--instances", type=Path, required=True, help="folder of .vrp files")
    parser.add_argument("--seconds", type=float, help="wall seconds per instance")
    parser.add_argument("--work", type=float, help="deterministic work per instance instead")
    parser.add_argument("--out", type=Path, required=True, help="folder for .sol files")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if options.seconds is None and options.work is None:
        parser.error("give --seconds or --work")
    paths = sorted(options.instances.rglob("*.vrp"))
    if not paths:
        print(f"no .vrp file under {options.instances}")
        return 2
    width = max(len(path.stem) for path in paths)
    print(
        f"{'name':<{width}} {'cost':>12} {'best known':>12} {'gap %':>7} {'bound':>6}"
        f" {'routes':>6} {'seconds':>7}  ended"
    )
    gaps, unreadable = [], 0
    for path in paths:
        try:
            instance = read_instance(path)
        except (UnreadableInstanceError, KeyError, IndexError, ValueError) as error:
            print(f"{path.stem:<{width}} not read: {error}")
            unreadable += 1
            continue
        began = time.perf_counter()
        limits = Limits(seconds=options.seconds, work=options.work, seed=options.seed)
        outcome = solve(instance.problem, limits)
        took = time.perf_counter() - began
        assert outcome.solution is not None
        assert outcome.objective is not None
        assert outcome.bound is not None
        target = options.out / path.relative_to(options.instances).with_suffix(".sol")
        write_solution(instance, outcome.solution.timed, outcome.objective, target)
        cost = outcome.objective / (10.0 if instance.kind == "VRPTW" else 1.0)
        known = best_known(path)
        gap = None if not known else 100.0 * (cost / known - 1.0)
        gaps += [gap] if gap is not None else []
        share = outcome.bound / outcome.objective
        print(
            f"{path.stem:<{width}} {cost:>12.1f} {known or math.nan:>12.1f}"
            f" {math.nan if gap is None else gap:>7.3f} {share:>6.3f}"
            f" {len(outcome.solution.timed):>6} {took:>7.2f}  {outcome.termination}",
            flush=True,
        )
    if gaps:
        print(f"mean gap {sum(gaps) / len(gaps):.3f} % over {len(gaps)} instances")
    return 2 if unreadable else 0
