"""Routing on VRPLIB instances: solve every .vrp under a folder, write .sol files, report gaps.

With several seeds each is a row; the .sol file is that of the first, and peers run once.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.machine import describe_machine
from benchmarks.routing_peers import PEERS, run_peer
from benchmarks.vrplib import (
    Instance,
    UnreadableInstanceError,
    best_known,
    read_instance,
    write_solution,
)
from optimizer.outcome import Limits
from optimizer.routing.relaxation.prepare import prepare as prepare_bound
from optimizer.routing.ruin.prepare import prepare
from optimizer.routing.solve import solve


@dataclass(slots=True)
class Gaps:
    """Gaps to the best known of a set, the files of one folder, in per cent.

    Attributes
    ----------
    ours : a row per instance, a gap per seed
    theirs : by peer, a gap per instance
    """

    ours: list[list[float]] = field(default_factory=list)
    theirs: dict[str, list[float]] = field(default_factory=dict)

    def report(self, name: str) -> None:
        """Print means; over the seeds, the spread of the set's mean and of an instance's gaps."""
        table = np.array(self.ours)
        of_seeds = table.mean(axis=0)
        print(f"{name}: mean gap {table.mean():.3f} % over {len(table)} instances", end="")
        if len(of_seeds) > 1:
            spread = table.std(axis=1, ddof=1).mean()
            print(
                f", of {len(of_seeds)} seeds {of_seeds.min():.3f} to {of_seeds.max():.3f},"
                f" standard deviation of an instance {spread:.3f}",
                end="",
            )
        print()
        for peer, gaps in self.theirs.items():
            found = [k for k, gap in enumerate(gaps) if math.isfinite(gap)]
            if not found:
                print(f"  {peer}: no solution")
                continue
            against = sum(gaps[k] for k in found) / len(found)
            mine = table[found].mean()
            said = f"  {peer}: mean gap {against:.3f} % over {len(found)}"
            print(f"{said}, ours there {mine:.3f} %, ours / theirs {mine / against:.2f}")


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark.

    Returns
    -------
    code : 0, or 2 where a file cannot be read or there is none
    """
    options = _options(arguments)
    print(describe_machine(["pyvrp", "numba", "ortools"]))
    paths = sorted(options.instances.rglob("*.vrp"))
    if options.only:
        paths = [path for path in paths if any(part in path.stem for part in options.only)]
    if not paths:
        print(f"no .vrp file under {options.instances}")
        return 2
    width = max(len(path.stem) for path in paths)
    print(
        f"{'name':<{width}} {'seed':>4} {'cost':>12} {'best known':>12} {'gap %':>7} {'bound':>6}"
        f" {'routes':>6} {'seconds':>7}  ended"
        + "".join(f" {peer + ' %':>12}" for peer in options.peers)
    )
    prepare()
    prepare_bound()
    sets: dict[str, Gaps] = {}
    unreadable = 0
    for path in paths:
        try:
            instance = read_instance(path)
        except (UnreadableInstanceError, KeyError, IndexError, ValueError) as error:
            print(f"{path.stem:<{width}} not read: {error}")
            unreadable += 1
            continue
        known = best_known(path, instance.kind)
        mine = []
        for seed in range(options.seed, options.seed + options.seeds):
            target = options.out / path.relative_to(options.instances).with_suffix(".sol")
            head = f"{path.stem:<{width}} {seed:>4}"
            first = seed == options.seed
            mine.append(_solve(instance, known, options, seed, head, target if first else None))
            if not first or not options.peers:
                print(flush=True)
                continue
            others = {}
            for peer in options.peers:
                cost = run_peer(peer, path, options.seconds, options.vroom_python)
                others[peer] = 100.0 * (cost / known - 1.0) if known else math.nan
                print(f" {others[peer]:>12.3f}", end="", flush=True)
            print(flush=True)
            for peer, gap in others.items() if known else ():
                kept = sets.setdefault(path.parent.name, Gaps()).theirs
                kept.setdefault(peer, []).append(gap)
        if known:
            sets.setdefault(path.parent.name, Gaps()).ours.append(mine)
            if len(mine) > 1:
                print(
                    f"{path.stem:<{width}} mean {np.mean(mine):.3f} %, {min(mine):.3f} to"
                    f" {max(mine):.3f}, standard deviation {np.std(mine, ddof=1):.3f}"
                )
    for name, gaps in sets.items():
        gaps.report(name)
    return 2 if unreadable else 0


# ---- inside ---------------------------------------------------------------------------------


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks routing", description=__doc__)
    parser.add_argument("--instances", type=Path, required=True, help="folder of .vrp files")
    parser.add_argument("--seconds", type=float, help="wall seconds per instance")
    parser.add_argument("--work", type=float, help="deterministic work per instance instead")
    parser.add_argument("--out", type=Path, required=True, help="folder for .sol files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=1, help="how many, from --seed on")
    parser.add_argument("--only", nargs="+", default=[], help="parts of names")
    parser.add_argument(
        "--peers", nargs="+", choices=PEERS, default=[], help="for --seconds, after ours"
    )
    parser.add_argument("--vroom-python", default="", help="a Python that has pyvroom")
    options = parser.parse_args(arguments)
    if options.seconds is None and options.work is None:
        parser.error("give --seconds or --work")
    if options.peers and options.seconds is None:
        parser.error("--peers needs --seconds")
    if "vroom" in options.peers and not options.vroom_python:
        parser.error("--peers vroom needs --vroom-python")
    if options.seeds < 1:
        parser.error("--seeds must be at least 1")
    return options


def _solve(
    instance: Instance,
    known: float | None,
    options: argparse.Namespace,
    seed: int,
    head: str,
    target: Path | None,
) -> float:
    """Solve with one seed, print its row without an end, and return its gap in per cent.

    Parameters
    ----------
    known : cost of the best known solution; without it the gap is NaN
    target : the .sol file to write, if any
    """
    began = time.perf_counter()
    outcome = solve(instance.problem, Limits(options.seconds, options.work, seed))
    took = time.perf_counter() - began
    assert outcome.solution is not None
    assert outcome.objective is not None
    assert outcome.bound is not None
    if target is not None:
        write_solution(instance, outcome.solution.timed, outcome.objective, target)
    cost = outcome.objective / (10.0 if instance.kind == "VRPTW" else 1.0)
    gap = 100.0 * (cost / known - 1.0) if known else math.nan
    print(
        f"{head} {cost:>12.1f} {known or math.nan:>12.1f} {gap:>7.3f}"
        f" {outcome.bound / outcome.objective:>6.3f} {len(outcome.solution.timed):>6}"
        f" {took:>7.2f}  {outcome.termination}",
        end="",
        flush=True,
    )
    return gap
