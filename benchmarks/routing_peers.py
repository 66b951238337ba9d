"""Other solvers on the same VRPLIB files, with their defaults, each in processes of its own.

`pyvrp` takes the best of two seeds, side by side; `ortools` is the routing library with
PARALLEL_CHEAPEST_INSERTION and guided local search, one thread, for CVRP and VRPTW; `vroom` runs
in an environment of its own, two threads at its highest exploration level, for CVRP, VRPTW and
HFVRP. VROOM cannot say backhauls after all deliveries (VRPB), prizes (PCVRPTW), reloads and release
times (MTVRPTWR), or a limit on duration that counts waiting (MDVRPTW).
"""

from __future__ import annotations

import json
import math
import multiprocessing as mp
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.vrplib import TICKS, TRUNCATED, Instance, read_instance
from optimizer.routing.lengths import dense
from optimizer.routing.problem import FOREVER, Route
from optimizer.routing.schedule import Timed, price

PEERS = ("pyvrp", "ortools", "vroom")
VROOM_KINDS = {"CVRP", "VRPTW", "HFVRP"}
VROOM = Path(__file__).with_name("peer_vroom.py")
SPARE = 1.3  # vans told to VROOM, of those that the load fills, where there are more
SEEDS = (1, 2)
GRACE_S = 60.0  # for starting a process and reading the file, and for what comes late


def run_peer(peer: str, path: Path, seconds: float, vroom_python: str = "") -> float:
    """Return the cost that a peer finds, as the .sol files count it; inf without a solution.

    Parameters
    ----------
    vroom_python : a Python that has pyvroom
    """
    if peer == "vroom":
        instance = read_instance(path)
        if instance.kind not in VROOM_KINDS:
            return math.inf
        routes = vroom_routes(instance, seconds, vroom_python)
        cost = sum(timed.cost for timed in routes) if routes else math.inf
        return cost / (10.0 if instance.kind == "VRPTW" else 1.0)
    context = mp.get_context("spawn")
    work = {"pyvrp": _pyvrp, "ortools": _ortools}[peer]
    seeds = SEEDS if peer == "pyvrp" else SEEDS[:1]
    found: Any = context.Queue()
    running = [context.Process(target=work, args=(found, path, seconds, seed)) for seed in seeds]
    for process in running:
        process.start()
    costs = []
    for process in running:
        process.join(1.5 * seconds + GRACE_S)
        if process.is_alive():
            process.kill()
    while not found.empty():
        costs.append(float(found.get()))
    return min(costs, default=math.inf)


def vroom_routes(instance: Instance, seconds: float, python: str) -> tuple[Timed, ...]:
    """Return VROOM's routes, priced by our own schedule; none where a stop is left out.

    Raises
    ------
    RuntimeError
        The peer failed, or a route breaks a rule; what was said.
    """
    problem, vans = instance.problem, instance.problem.vans
    load = problem.stops.load[:, 0]
    filled = SPARE * load.sum() / vans.capacity[:, 0]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "problem.npz"
        np.savez(
            file,
            arcs=np.asarray(dense(problem.metres)),
            place=problem.stops.place,
            load=load,
            service=problem.stops.service_s,
            window=np.minimum([w[0] for w in problem.stops.windows], FOREVER // 100),
            timed=instance.kind in TRUNCATED,
            depot=vans.start_place,
            count=np.minimum(vans.count, np.ceil(filled) + 2).astype(np.int64),
            capacity=vans.capacity[:, 0],
            shift=vans.shift,
            fixed=vans.fixed_cost,
            per_unit=vans.cost_per_km / 1000.0,
        )
        told = subprocess.run(
            [python, str(VROOM), str(file), str(seconds)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    if told.returncode:
        raise RuntimeError(f"VROOM failed: {told.stderr.strip()[-400:]}")
    found = json.loads(told.stdout.strip().splitlines()[-1])
    routes = []
    for van, stops in found["routes"]:
        timed = price(problem, Route(van, (tuple(stops),)))
        if isinstance(timed, str):
            raise RuntimeError(f"a route of VROOM breaks {timed}")
        routes.append(timed)
    visits = sorted(stop for timed in routes for stop in timed.route.stops)
    return tuple(routes) if visits == list(range(len(load))) else ()


# ---- inside, in a process of its own ---------------------------------------------------------


def _pyvrp(found: Any, path: Path, seconds: float, seed: int) -> None:
    import pyvrp
    from pyvrp.stop import MaxRuntime

    kind = read_instance(path).kind
    rule = {1: "round", 10: "dimacs", 1000: "exact"}[TICKS[kind]]
    data = pyvrp.read(path, round_func=rule)
    result = pyvrp.solve(data, MaxRuntime(seconds), seed=seed, display=False)
    if result.is_feasible():
        found.put(result.cost() / (10.0 if kind == "VRPTW" else 1.0))


def _ortools(found: Any, path: Path, seconds: float, seed: int) -> None:
    del seed
    from ortools.constraint_solver import pywrapcp, routing_enums_pb2

    instance = read_instance(path)
    if instance.kind not in {"CVRP", "VRPTW"}:
        return
    problem = instance.problem
    arcs = problem.metres.tolist()
    n = len(arcs)
    load = [0, *problem.stops.load[:, 0].astype(int).tolist()]
    service = [0, *problem.stops.service_s.tolist()]
    vehicles = min(int(problem.vans.count.sum()), n - 1)
    manager = pywrapcp.RoutingIndexManager(n, vehicles, 0)
    model = pywrapcp.RoutingModel(manager)

    def distance(a: int, b: int) -> int:
        return int(arcs[manager.IndexToNode(a)][manager.IndexToNode(b)])

    def duration(a: int, b: int) -> int:
        at = manager.IndexToNode(a)
        return int(arcs[at][manager.IndexToNode(b)]) + service[at]

    model.SetArcCostEvaluatorOfAllVehicles(model.RegisterTransitCallback(distance))
    demand = model.RegisterUnaryTransitCallback(lambda a: load[manager.IndexToNode(a)])
    room = int(problem.vans.capacity[0, 0])
    model.AddDimensionWithVehicleCapacity(demand, 0, [room] * vehicles, True, "load")
    if instance.kind in TRUNCATED:
        horizon = int(problem.vans.shift[0, 1])
        model.AddDimension(model.RegisterTransitCallback(duration), horizon, horizon, False, "time")
        clock = model.GetDimensionOrDie("time")
        for stop in range(n - 1):
            opens, closes = problem.stops.windows[stop][0]
            clock.CumulVar(manager.NodeToIndex(stop + 1)).SetRange(opens, min(closes, horizon))
    search = pywrapcp.DefaultRoutingSearchParameters()
    kinds = routing_enums_pb2
    search.first_solution_strategy = kinds.FirstSolutionStrategy.PARALLEL_CHEAPEST_INSERTION
    search.local_search_metaheuristic = kinds.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
    search.time_limit.FromMilliseconds(int(1000 * seconds))
    answer = model.SolveWithParameters(search)
    if answer is not None:
        found.put(answer.ObjectiveValue() / TICKS[instance.kind])
