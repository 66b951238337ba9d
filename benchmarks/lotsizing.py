"""Lot sizing: Trigeiro instances, and made-up buyers' problems against solvers used directly."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.trigeiro import UnreadableInstanceError, read_instance
from optimizer.outcome import Limits
from optimizer.replenishment.buyer.setup_solve import solve

WIDTHS = (10, 10, 7, 7, 7, 5)


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark.

    Returns
    -------
    code : 0, or 2 where a file cannot be read or there is none
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks lotsizing", description=__doc__)
    parser.add_argument("--instances", type=Path, help="folder of Trigeiro .DAT files")
    parser.add_argument("--seconds", type=float, default=60.0, help="wall seconds per instance")
    parser.add_argument("--out", type=Path, help="folder for NAME.json files")
    parser.add_argument("--seed", type=int, default=0, help="of the search")
    parser.add_argument("--only", default="", help="names of instances, joined by commas")
    parser.add_argument(
        "--buyer", default="", metavar="ITEMS,...", help="made-up problems of so many items instead"
    )
    parser.add_argument("--seeds", default="0,1,2", help="of the made-up problems")
    parser.add_argument(
        "--peers", default="highs,cpsat,cbc", help="solvers used directly on them; blank: none"
    )
    options = parser.parse_args(arguments)
    if options.buyer:
        from benchmarks.lotsizing_peers import compare

        sizes = [int(size) for size in options.buyer.split(",")]
        seeds = [int(seed) for seed in options.seeds.split(",")]
        peers = [name for name in options.peers.split(",") if name]
        compare(sizes, seeds, options.seconds, peers)
        return 0
    if options.instances is None or options.out is None:
        parser.error("give --instances and --out, or --buyer")
    names = {name for name in options.only.split(",") if name}
    paths = sorted(path for path in options.instances.rglob("*.DAT") if _wanted(path, names))
    if not paths:
        print(f"no .DAT file under {options.instances}")
        return 2
    return _solve_all(paths, options.out, options.seconds, options.seed)


def _wanted(path: Path, names: set[str]) -> bool:
    return not names or path.stem in names


def _solve_all(paths: list[Path], out: Path, seconds: float, seed: int) -> int:
    out.mkdir(parents=True, exist_ok=True)
    heads = ("cost", "bound", "gap %", "wall s", "CPU s", "load")
    print(" ".join([f"{'name':<6}", *(f"{h:>{w}}" for h, w in zip(heads, WIDTHS, strict=True))]))
    gaps, unreadable = [], 0
    for path in paths:
        try:
            problem = read_instance(path)
        except UnreadableInstanceError as error:
            print(f"{path.stem:<6} not read: {error}")
            unreadable += 1
            continue
        began, spent = time.perf_counter(), time.process_time()
        outcome = solve(problem, Limits(seconds=seconds, seed=seed))
        took, spent = time.perf_counter() - began, time.process_time() - spent
        document = {
            "production": None if outcome.solution is None else outcome.solution.tolist(),
            "objective": outcome.objective,
            "bound": outcome.bound,
            "status": str(outcome.status),
            "seconds": took,
        }
        (out / f"{path.stem}.json").write_text(json.dumps(document), encoding="utf-8")
        gap = outcome.gap_pct
        gaps += [gap] if gap is not None else []
        print(
            f"{path.stem:<6} {outcome.objective or np.nan:>10.1f} {outcome.bound or np.nan:>10.1f}"
            f" {np.nan if gap is None else gap:>7.3f} {took:>7.1f} {spent:>7.1f}"
            f" {os.getloadavg()[0]:>5.1f}",
            flush=True,
        )
    if gaps:
        print(f"mean own gap {np.mean(gaps):.3f} % over {len(gaps)} instances")
    return 2 if unreadable else 0
