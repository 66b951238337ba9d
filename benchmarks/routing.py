"""Routing on VRPLIB instances: solve every .vrp under a folder, write .sol files, report gaps."""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.machine import describe_machine
from benchmarks.routing_peers import PEERS, run_peer
from benchmarks.vrplib import UnreadableInstanceError, best_known, read_instance, write_solution
from optimizer.outcome import Limits
from optimizer.routing.relaxation.prepare import prepare as prepare_bound
from optimizer.routing.ruin.prepare import prepare
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
    parser.add_argument("--only", nargs="+", default=[], help="parts of names")
    parser.add_argument(
        "--peers", nargs="+", choices=PEERS, default=[], help="for --seconds, after ours"
    )
    options = parser.parse_args(arguments)
    if options.seconds is None and options.work is None:
        parser.error("give --seconds or --work")
    if options.peers and options.seconds is None:
        parser.error("--peers needs --seconds")
    print(describe_machine(["pyvrp", "numba", "ortools"]))
    paths = sorted(options.instances.rglob("*.vrp"))
    if options.only:
        paths = [path for path in paths if any(part in path.stem for part in options.only)]
    if not paths:
        print(f"no .vrp file under {options.instances}")
        return 2
    width = max(len(path.stem) for path in paths)
    print(
        f"{'name':<{width}} {'cost':>12} {'best known':>12} {'gap %':>7} {'bound':>6}"
        f" {'routes':>6} {'seconds':>7}  ended"
        + "".join(f" {peer + ' %':>12}" for peer in options.peers)
    )
    prepare()
    prepare_bound()
    gaps, unreadable = [], 0
    theirs: dict[str, list[float]] = {peer: [] for peer in options.peers}
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
        known = best_known(path, instance.kind)
        gap = None if not known else 100.0 * (cost / known - 1.0)
        gaps += [gap] if gap is not None else []
        share = outcome.bound / outcome.objective
        print(
            f"{path.stem:<{width}} {cost:>12.1f} {known or math.nan:>12.1f}"
            f" {math.nan if gap is None else gap:>7.3f} {share:>6.3f}"
            f" {len(outcome.solution.timed):>6} {took:>7.2f}  {outcome.termination}",
            end="",
            flush=True,
        )
        for peer in options.peers:
            other = run_peer(peer, path, options.seconds)
            theirs[peer] += [100.0 * (other / known - 1.0)] if known else []
            print(f" {theirs[peer][-1] if known else math.nan:>12.3f}", end="", flush=True)
        print(flush=True)
    if gaps:
        mean = sum(gaps) / len(gaps)
        print(f"mean gap {mean:.3f} % over {len(gaps)} instances")
        for peer, others in theirs.items():
            against = sum(others) / len(others)
            print(f"{peer}: mean gap {against:.3f} %, ours / theirs {mean / against:.2f}")
    return 2 if unreadable else 0
