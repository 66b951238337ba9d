"""Runs inside the peer's environment: VROOM, through pyvroom.

    python peer_vroom.py PROBLEM.npz SECONDS

It imports nothing of Holdfast. Prints one line of JSON: version, seconds, routes as [kind of van,
stops], stops left out. The highest of its exploration levels, two threads; it ends by itself,
mostly before the time is over.
"""

import importlib.metadata
import json
import sys
import time
from datetime import timedelta

import numpy as np
import vroom

LEVEL, THREADS = 5, 2
LARGEST_COST = 1e6  # of an arc or a van; larger ones are told in a coarser unit, lest it overflows


def main(file: str, seconds: float) -> None:
    """Solve the problem of a file: one matrix of arcs, each costing what its kind of van asks."""
    told = np.load(file)
    problem = vroom.Input()
    dearest = max((told["per_unit"] * told["arcs"].max()).max(), told["fixed"].max())
    coarse = max(1.0, dearest / LARGEST_COST)
    for kind, per_unit in enumerate(told["per_unit"].tolist()):
        problem.set_durations_matrix(f"kind {kind}", told["arcs"])
        problem.set_costs_matrix(f"kind {kind}", np.rint(per_unit * told["arcs"] / coarse))
    vehicles = []
    for kind, count in enumerate(told["count"].tolist()):
        for _ in range(count):
            vehicles.append(
                vroom.Vehicle(
                    len(vehicles) + 1,
                    start=int(told["depot"][kind]),
                    end=int(told["depot"][kind]),
                    profile=f"kind {kind}",
                    capacity=[int(told["capacity"][kind])],
                    time_window=tuple(told["shift"][kind].tolist()) if told["timed"] else None,
                    costs=vroom.VehicleCosts(fixed=round(told["fixed"][kind] / coarse)),
                    description=str(kind),
                )
            )
    problem.add_vehicle(vehicles)
    jobs = [
        vroom.Job(
            stop,
            location=int(place),
            default_service=int(service),
            delivery=[int(load)],
            time_windows=[vroom.TimeWindow(*window)] if told["timed"] else [],
        )
        for stop, (place, service, load, window) in enumerate(
            zip(told["place"], told["service"], told["load"], told["window"].tolist(), strict=True)
        )
    ]
    problem.add_job(jobs)
    began = time.perf_counter()
    found = problem.solve(LEVEL, nb_threads=THREADS, timeout=timedelta(seconds=seconds))
    took = time.perf_counter() - began
    answer = found.to_dict()
    routes = []
    for route in answer["routes"]:
        kind = int(vehicles[route["vehicle"] - 1].description)
        routes.append([kind, [step["id"] for step in route["steps"] if step["type"] == "job"]])
    said = {
        "version": importlib.metadata.version("pyvroom"),
        "seconds": took,
        "routes": routes,
        "left_out": len(answer["unassigned"]),
    }
    print(json.dumps(said))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
