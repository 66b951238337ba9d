"""VRPLIB files: instances to routing problems, routes to .sol files.

Conventions per set, each arc rounded once: CVRP and VRPB to the nearest unit; VRPTW, PCVRPTW and
MTVRPTWR truncated to a tenth; MDVRPTW and HFVRP in thousandths, rounded. One metre, second and
unit of money of the problem is one such tick.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from optimizer.routing.lengths import Computed, dense, kept_dense
from optimizer.routing.problem import BACKHAUL, FOREVER, Floats, Ints, RoutingProblem, Stops, Vans
from optimizer.routing.schedule import Timed

TICKS = {
    "CVRP": 1,
    "VRPB": 1,
    "VRPTW": 10,
    "PCVRPTW": 10,
    "MTVRPTWR": 10,
    "MDVRPTW": 1000,
    "HFVRP": 1000,
}
AUTHORS_UNIT = 100.0  # of costs of mixed fleets, in the unit of their authors
TRUNCATED = {"VRPTW", "PCVRPTW", "MTVRPTWR"}
FORBIDDEN = 10  # times the longest arc: from a depot straight to a backhaul
MUST_SERVE = 1e9  # money lost with a client that has no prize: more than any route
PER_VEHICLE = {"MDVRPTW", "HFVRP"}  # `Route #k` is driven by vehicle k


class UnreadableInstanceError(ValueError):
    """A file that this reader does not know how to read."""


@dataclass(frozen=True, slots=True)
class Instance:
    """An instance and how its solutions are written.

    Attributes
    ----------
    kind : TYPE of the file
    n_depots : depots come first among the locations
    vehicles_of_van : numbers of the file's vehicles, by van type
    """

    name: str
    kind: str
    problem: RoutingProblem
    n_depots: int
    vehicles_of_van: tuple[tuple[int, ...], ...]


def read_instance(path: Path) -> Instance:
    """Read a .vrp file.

    Raises
    ------
    UnreadableInstanceError
        Its TYPE, or a field of it, is not one that is described here.
    """
    fields = _fields(path)
    kind = " ".join(fields["TYPE"][0])
    if kind not in TICKS:
        raise UnreadableInstanceError(f"{path.name}: TYPE {kind}, known are {', '.join(TICKS)}")
    ticks = TICKS[kind]
    n = int(fields["DIMENSION"][0][0])
    xy = np.array([[float(x), float(y)] for _, x, y in fields["NODE_COORD"]])
    n_depots = len([w for row in fields["DEPOT"] for w in row if w != "-1"])
    computed = Computed(xy, factor=float(ticks), truncated=kind in TRUNCATED)
    arcs = kept_dense(computed)

    service = ticks * _column(fields, "SERVICE_TIME", n, 0)
    windows = np.tile(np.array([0, FOREVER - 1], dtype=np.int64), (n, 1))
    if "TIME_WINDOW" in fields:
        windows = ticks * np.array([[int(a), int(b)] for _, a, b in fields["TIME_WINDOW"]])
    prize = ticks * _column(fields, "PRIZE", n, 0).astype(np.float64)
    release = ticks * _column(fields, "RELEASE_TIME", n, 0)
    demand = _column(fields, "DEMAND", n, 0).astype(np.float64)
    fetched = _column(fields, "BACKHAUL", n, 0)
    clients = np.arange(n_depots, n)
    if fetched.any():  # a route that only fetches is not allowed
        arcs = dense(computed)
        arcs[:n_depots, fetched > 0] = FORBIDDEN * int(arcs.max())
    stops = Stops(
        order_id=tuple(str(c) for c in clients),
        shipment_id=("",) * len(clients),
        part=np.zeros(len(clients), dtype=np.int64),
        kind=np.where(fetched[clients] > 0, BACKHAUL, 0),
        place=clients.astype(np.int64),
        load=np.column_stack([(demand + fetched)[clients], np.zeros(len(clients))]),
        units=np.ones(len(clients)),
        service_s=service[clients],
        release_s=release[clients],
        windows=tuple(((int(windows[c, 0]), int(windows[c, 1])),) for c in clients),
        loss=np.where(prize[clients] > 0, prize[clients], MUST_SERVE),
        optional=prize[clients] > 0,
        late_after_s=np.full(len(clients), FOREVER),
        late_cost_per_h=np.zeros(len(clients)),
        loss_at_least=np.where(prize[clients] > 0, prize[clients], MUST_SERVE),
    )
    vans, members = _vans(fields, kind, windows, len(clients))
    problem = RoutingProblem(
        name=path.stem,
        day=np.datetime64("1970-01-01", "D"),
        stops=stops,
        vans=vans,
        allowed=np.ones((len(clients), len(vans)), dtype=bool),
        lonlat=xy,
        metres=arcs,
        seconds=(arcs,),
    )
    return Instance(path.stem, kind, problem, n_depots, members)


def write_solution(
    instance: Instance, routes: tuple[Timed, ...], objective: float, path: Path
) -> None:
    """Write a .sol file; a depot inside a route is a reload."""
    used = [0] * len(instance.problem.vans)
    lines = []
    for number, timed in enumerate(routes, start=1):
        van = timed.route.van
        label = number
        if instance.kind in PER_VEHICLE:
            label = instance.vehicles_of_van[van][used[van]]
            used[van] += 1
        depot = int(instance.problem.vans.start_place[van])
        words: list[str] = []
        for position, trip in enumerate(timed.route.trips):
            words += [str(depot)] * bool(position)
            words += [str(int(instance.problem.stops.place[stop])) for stop in trip]
        lines.append(f"Route #{label}: {' '.join(words)}")
    shown = objective / 10.0 if instance.kind == "VRPTW" else objective
    lines.append(f"Cost {shown:.1f}" if instance.kind == "VRPTW" else f"Cost {round(shown)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def best_known(path: Path, kind: str) -> float | None:
    """Return the cost that the .sol beside an instance states, or None without one.

    Some of the mixed fleets are stated with two decimals, in the unit of their authors: a
    hundredth of the instance's costs, arcs not multiplied. They are returned as the others.
    """
    beside = path.with_suffix(".sol")
    if not beside.exists():
        return None
    for line in beside.read_text(encoding="utf-8").splitlines():
        if line.lower().startswith("cost"):
            stated = line.replace(":", " ").split()[-1]
            authors = kind == "HFVRP" and "." in stated
            return float(stated) * (AUTHORS_UNIT * TICKS[kind] if authors else 1.0)
    return None


# ---- inside ---------------------------------------------------------------------------------


def _fields(path: Path) -> dict[str, list[list[str]]]:
    fields: dict[str, list[list[str]]] = {}
    rows: list[list[str]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        words = line.replace(":", " : ", 1).split() if line[:1].isalpha() else line.split()
        if not words:
            continue
        if words[0][0].isalpha():
            name = words[0].removesuffix("_SECTION")
            values = words[2:] if words[1:2] == [":"] else words[1:]
            rows = fields[name] = [values] if values else []
        else:
            rows.append(words)
    return fields


def _column(fields: dict[str, list[list[str]]], name: str, n: int, default: int) -> Ints:
    """Return one whole number per row; a header value holds for all but the depots."""
    if name not in fields:
        return np.full(n, default, dtype=np.int64)
    rows = fields[name]
    if len(rows) == 1 and len(rows[0]) == 1:
        return np.full(n, int(rows[0][0]), dtype=np.int64)
    return np.array([int(row[1]) for row in rows], dtype=np.int64)


def _vans(
    fields: dict[str, list[list[str]]], kind: str, windows: Ints, n_clients: int
) -> tuple[Vans, tuple[tuple[int, ...], ...]]:
    """Return the vehicles, alike ones as one type, and the file's numbers of each type."""
    ticks = TICKS[kind]
    size = int(fields["VEHICLES"][0][0]) if "VEHICLES" in fields else n_clients
    forever = FOREVER // ticks
    reloads = "VEHICLES_RELOAD_DEPOT" in fields
    table = np.column_stack(
        [
            _column(fields, "VEHICLES_DEPOT", size, 1) - 1,
            _column(fields, "CAPACITY", size, 0),
            ticks * _column(fields, "VEHICLES_MAX_DURATION", size, forever),
            ticks * _column(fields, "VEHICLES_FIXED_COST", size, 0),
            _column(fields, "VEHICLES_UNIT_DISTANCE_COST", size, 1),
        ]
    )
    kinds, kind_of = np.unique(table, axis=0, return_inverse=True)
    members = tuple(
        tuple((np.flatnonzero(kind_of.ravel() == k) + 1).tolist()) for k in range(len(kinds))
    )
    m = len(kinds)
    depot = kinds[:, 0]
    duration = kinds[:, 2]
    duration = np.where(duration >= ticks * forever, FOREVER, duration)
    nothing = np.zeros(m)
    no_limit: Floats = np.full(m, np.inf)
    vans = Vans(
        vehicle_type=tuple(f"V{k}" for k in range(m)),
        depot_id=tuple(f"D{d}" for d in depot),
        count=np.array([len(part) for part in members], dtype=np.int64),
        start_place=depot,
        end_place=depot.copy(),
        capacity=np.column_stack([kinds[:, 1].astype(np.float64), no_limit]),
        shift=windows[depot],
        latest_start_s=windows[depot, 1],
        max_duration_s=duration,
        max_metres=np.full(m, FOREVER),
        max_stops=np.full(m, FOREVER),
        max_trips=np.full(m, n_clients if reloads else 1),
        reload_s=np.zeros(m, dtype=np.int64),
        fixed_cost=kinds[:, 3].astype(np.float64),
        cost_per_km=1000.0 * kinds[:, 4].astype(np.float64),
        cost_per_hour=nothing,
        g_co2e_per_km=nothing,
        co2_cost_per_km=nothing,
        g_co2e_per_tkm=nothing,
        co2_cost_per_tkm=nothing,
        break_after_s=np.full(m, FOREVER),
        break_s=np.zeros(m, dtype=np.int64),
        profile=np.zeros(m, dtype=np.int64),
    )
    return vans, members
