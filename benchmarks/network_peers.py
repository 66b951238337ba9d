"""The same facility location problem by other solvers, each in a process that can be ended."""

from __future__ import annotations

import multiprocessing as mp
import os
import resource
import signal
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

import numpy as np

from optimizer.allocation.network.kernel import strong_formulation
from optimizer.allocation.network.problem import FacilityProblem
from optimizer.engines.linear_problem import LinearProblem
from optimizer.outcome import Limits

PEERS = ("highs", "pulp-cbc", "scip")
GRACE = 1.25  # of the seconds, after which a peer that ignores its limit is ended
STARTING = 10.0  # seconds allowed for starting a process and building the problem


@dataclass(frozen=True, slots=True)
class PeerResult:
    """What a peer found; the cost is recomputed, the bound is its own word.

    Attributes
    ----------
    cost, bound : None without
    wall_seconds, cpu_seconds : building included
    """

    peer: str
    cost: float | None
    bound: float | None
    wall_seconds: float
    cpu_seconds: float
    said: str


def run_peer(peer: str, problem: FacilityProblem, seconds: float) -> PeerResult:
    """Solve the strong formulation, all arcs, by one peer within seconds."""
    context = mp.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(theirs, peer, problem, seconds))
    began = time.perf_counter()
    process.start()
    theirs.close()
    answered = ours.poll(seconds * GRACE + STARTING)
    took = time.perf_counter() - began
    result = None
    if answered:
        try:
            result = ours.recv()
        except EOFError:
            result = None
    if process.is_alive() and result is None and process.pid is not None:
        os.killpg(process.pid, signal.SIGKILL)  # its own group: CBC is a child of it
    process.join()
    if isinstance(result, PeerResult):
        return result
    return PeerResult(peer, None, None, took, float("nan"), "ended: did not stop at its limit")


def _work(pipe: Connection, peer: str, problem: FacilityProblem, seconds: float) -> None:
    """Run in the child: build, solve, answer."""
    os.setsid()
    began = time.perf_counter()
    site, customer = np.nonzero(np.isfinite(problem.serve_cost))
    model = strong_formulation(problem, site, customer, problem.must_open, problem.must_close)
    cost, bound, said = _solve(peer, model, Limits(seconds=seconds))
    used = sum(
        getattr(resource.getrusage(who), field)
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        for field in ("ru_utime", "ru_stime")
    )
    pipe.send(PeerResult(peer, cost, bound, time.perf_counter() - began, used, said))


def _solve(
    peer: str, model: LinearProblem, limits: Limits
) -> tuple[float | None, float | None, str]:
    if peer == "pulp-cbc":
        from optimizer.engines.linear_pulp import solve_by_pulp

        outcome = solve_by_pulp(model, limits, "cbc")
    else:
        from optimizer.engines.linear import solve_linear

        outcome = solve_linear(model, limits, engine=peer, gap=1e-6)
    return outcome.objective, outcome.bound, f"{outcome.status}, {outcome.termination}"
