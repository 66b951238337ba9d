"""A problem cut into parts that share neither stop nor van, each solved for itself."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np

from optimizer.routing.lengths import among
from optimizer.routing.problem import OPEN_END, Flags, Ints, RoutingProblem, Stops, Vans
from optimizer.routing.solo import SoloTests


def independent_parts(problem: RoutingProblem, tests: SoloTests) -> list[RoutingProblem]:
    """Cut a problem where no van might serve stops of two parts.

    Returns
    -------
    parts : in order of their first van; last, if there are any, the stops that no van can serve,
        with all vans
    """
    hopeless = np.flatnonzero(tests.hopeless)
    reachable = np.flatnonzero(~tests.hopeless)
    groups = groups_of_vans(tests.possible[reachable]) if len(reachable) else []
    if len(groups) == 1 and not len(hopeless):
        return [problem]
    parts = [
        part_of(problem, reachable[rows], np.array(vans, dtype=np.int64)) for rows, vans in groups
    ]
    if len(hopeless):
        parts.append(part_of(problem, hopeless, np.arange(len(problem.vans))))
    return parts


def groups_of_vans(allowed: Flags) -> list[tuple[list[int], list[int]]]:
    """Split into groups that share neither stop nor van.

    Parameters
    ----------
    allowed : (n, m) bool, at least one van per stop

    Returns
    -------
    groups : (rows, columns) each, in order of their first van; vans without stops are left out
    """
    root = list(range(allowed.shape[1]))

    def find(van: int) -> int:
        while root[van] != van:
            van = root[van]
        return van

    patterns, pattern_of = np.unique(allowed, axis=0, return_inverse=True)
    for pattern in patterns:
        vans = np.flatnonzero(pattern)
        for other in vans[1:]:
            low, high = sorted((find(int(vans[0])), find(int(other))))
            root[high] = low
    first_van = np.array([find(int(np.argmax(pattern))) for pattern in patterns])
    group_of = first_van[pattern_of.ravel()]
    groups = []
    for leader in np.unique(group_of):
        rows = np.flatnonzero(group_of == leader)
        used = allowed[rows].any(axis=0)
        groups.append((rows.tolist(), np.flatnonzero(used).tolist()))
    return groups


def part_of(problem: RoutingProblem, rows: Ints, columns: Ints) -> RoutingProblem:
    """Return the problem of some stops and some vans, with the places that these need."""
    stops, vans = problem.stops, problem.vans
    ends = vans.end_place[columns]
    wanted = [stops.place[rows], vans.start_place[columns], ends[ends != OPEN_END]]
    places = np.unique(np.concatenate(wanted))
    moved = np.full(len(problem.lonlat), OPEN_END, dtype=np.int64)
    moved[places] = np.arange(len(places))
    fewer_stops = Stops(**{f.name: _take(getattr(stops, f.name), rows) for f in fields(Stops)})
    fewer_vans = Vans(**{f.name: _take(getattr(vans, f.name), columns) for f in fields(Vans)})
    profiles = np.unique(fewer_vans.profile)
    return RoutingProblem(
        name=f"{problem.day} {', '.join(dict.fromkeys(fewer_vans.depot_id))}",
        day=problem.day,
        stops=replace(fewer_stops, place=moved[fewer_stops.place]),
        vans=replace(
            fewer_vans,
            start_place=moved[fewer_vans.start_place],
            end_place=np.where(ends == OPEN_END, OPEN_END, moved[ends]),
            profile=np.searchsorted(profiles, fewer_vans.profile).astype(np.int64),
        ),
        allowed=problem.allowed[np.ix_(rows, columns)],
        lonlat=problem.lonlat[places],
        metres=among(problem.metres, places),
        seconds=tuple(among(problem.seconds[profile], places) for profile in profiles),
        balance_cost_per_h=problem.balance_cost_per_h,
    )


def _take(values: Any, rows: Ints) -> Any:
    """Return some elements of an array or a tuple."""
    if isinstance(values, np.ndarray):
        return values[rows]
    return tuple(values[int(row)] for row in rows)
