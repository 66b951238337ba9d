"""When a route's things begin: the start that makes its hours cost least, waits, breaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from optimizer.routing.problem import FOREVER, Ints, Route, RoutingProblem, Windows

START, STOP, RELOAD, BREAK, END = "start", "stop", "reload", "break", "end"
MOST_BREAKS = 4

Clock = tuple[list[int], list[int], list[int]]  # per node: arrive, begin, depart


class Node(NamedTuple):
    """A thing that a van does at a place.

    Attributes
    ----------
    what : start, stop, reload, break or end
    stop : index of the stop, -1 for the others
    place : where
    travel_s : driving to it from the node before
    service_s : what it takes
    windows : in one of which it begins; none for any time, except at a stop
    late_after_s, late_cost_per_h : beginning later than that costs money per hour
    """

    what: str
    stop: int
    place: int
    travel_s: int
    service_s: int
    windows: Windows
    late_after_s: int = FOREVER
    late_cost_per_h: float = 0.0


def earliest(nodes: Sequence[Node], start: int | None = None) -> tuple[int, str]:
    """Run through the nodes as early as can be.

    Returns
    -------
    end : seconds from midnight at which the route ends
    broken : "" or window, shift: what cannot be met
    """
    now = nodes[0].windows[0][0] if start is None else start
    if now > nodes[0].windows[0][1]:
        return now, "shift"
    for node in nodes[1:]:
        now += node.travel_s
        if node.windows:
            for opens, closes in node.windows:
                if now <= closes:
                    now = max(now, opens)
                    break
            else:
                return now, "shift" if node.what == END else "window"
        elif node.what == STOP:
            return now, "window"
        now += node.service_s
    return now, ""


def best_clock(nodes: Sequence[Node], longest_s: int, cost_per_hour: float) -> Clock | str:
    """Return the clock of the earliest start that costs least, or the broken rule.

    The end is a rising step function of the start; start to end shrinks only while something
    waits, so the least duration begins at the earliest or the latest start or where the route
    reaches some window as it opens or closes without having waited before. Where being late
    costs money, the money is linear in between once the moments at which lateness begins, and
    those from which on the route is short enough, are among the starts.
    """
    end, broken = earliest(nodes)
    if broken:
        return broken
    first, latest = nodes[0].windows[0]
    if all(len(node.windows) <= 1 and not node.late_cost_per_h for node in nodes):
        clock = _clock(nodes, _shortest_start(nodes, end))
        return clock if clock[2][-1] - clock[1][0] <= longest_s else "shift"
    candidates = {first, latest} if latest < FOREVER - 1 else {first}
    cumulated = 0
    for node in nodes[1:]:
        cumulated += node.travel_s
        for window in node.windows:
            candidates.update(
                edge - cumulated for edge in window if first < edge - cumulated <= latest
            )
        if node.late_cost_per_h > 0.0 and first < node.late_after_s - cumulated <= latest:
            candidates.add(node.late_after_s - cumulated)
        cumulated += node.service_s
    driving = cumulated
    if any(node.late_cost_per_h > 0.0 for node in nodes):
        start = _cheapest_start(nodes, sorted(candidates), longest_s, cost_per_hour)
    elif end - first == driving or len(candidates) == 1:
        start = first
    else:
        starts = np.array(sorted(candidates), dtype=np.int64)
        durations = _ends(nodes, starts) - starts
        start = int(starts[int(np.argmin(durations))])
    clock = _clock(nodes, start)
    return clock if clock[2][-1] - start <= longest_s else "shift"


def _shortest_start(nodes: Sequence[Node], end: int) -> int:
    """Return the first start of those that take least time, where nothing has two windows.

    A later start takes less time until nothing waits any more, or until a window would be missed.

    Parameters
    ----------
    end : of the route that starts as early as can be
    """
    first, latest = nodes[0].windows[0]
    cumulated = 0
    for node in nodes[1:]:
        cumulated += node.travel_s
        if node.windows:
            latest = min(latest, node.windows[0][1] - cumulated)
        cumulated += node.service_s
    return max(first, min(latest, end - cumulated))


def _cheapest_start(
    nodes: Sequence[Node], starts: list[int], longest_s: int, cost_per_hour: float
) -> int:
    """Return the start at which hours and lateness cost least; of equal ones the shortest."""
    ends = _ends(nodes, np.array(starts, dtype=np.int64)).tolist()
    for k in range(1, len(starts)):
        shortened = ends[k] - longest_s
        if starts[k - 1] < shortened < starts[k] and ends[k] < FOREVER:
            starts.append(shortened)  # from here on the route is short enough
    best: tuple[float, int, int] | None = None
    for start in starts:
        clock = _clock(nodes, start)
        duration = clock[2][-1] - start
        if duration > longest_s or _ends(nodes, np.array([start]))[0] >= FOREVER:
            continue
        money = cost_per_hour * duration / 3600.0 + late_money(nodes, clock[1])
        if best is None or (money, duration, start) < best:
            best = (money, duration, start)
    return starts[0] if best is None else best[2]


def late_money(nodes: Sequence[Node], begin: Sequence[int]) -> float:
    """Return what beginning late costs, added up in order."""
    hours = (
        node.late_cost_per_h * max(at - node.late_after_s, 0) / 3600.0
        for node, at in zip(nodes, begin, strict=True)
        if node.late_cost_per_h > 0.0
    )
    return sum(hours, 0.0)


def _ends(nodes: Sequence[Node], starts: Ints) -> Ints:
    """Return when the route ends for each start; 4 x FOREVER where a window is missed."""
    now = starts.copy()
    for node in nodes[1:]:
        now += node.travel_s
        if node.windows:
            begin = np.full(len(now), 2 * FOREVER)
            for opens, closes in reversed(node.windows):
                begin = np.where(now <= closes, np.maximum(now, opens), begin)
            now = begin
        now += node.service_s
    return np.where(now >= FOREVER, 4 * FOREVER, now)


def _clock(nodes: Sequence[Node], start: int) -> Clock:
    arrive, begin, depart = [start], [start], [start]
    now = start
    for node in nodes[1:]:
        now += node.travel_s
        arrive.append(now)
        for opens, closes in node.windows:
            if now <= closes:
                now = max(now, opens)
                break
        begin.append(now)
        now += node.service_s
        depart.append(now)
    return arrive, begin, depart


def with_breaks(
    problem: RoutingProblem, route: Route, nodes: list[Node]
) -> tuple[list[Node], Clock] | None:
    """Put breaks where that costs least; None where no choice of places is feasible.

    One break is tried behind every node; where more are due, each further one is put where the
    stretch before it is longest.
    """
    vans, van = problem.vans, route.van
    per_hour = float(vans.cost_per_hour[van])
    limit, rest_s = int(vans.break_after_s[van]), int(vans.break_s[van])
    longest = int(vans.max_duration_s[van])
    base = nodes
    for _ in range(MOST_BREAKS):
        best: tuple[tuple[float, int], list[Node], Clock] | None = None
        fallback: tuple[int, list[Node]] | None = None
        for behind in range(len(base) - 1):
            pause = Node(BREAK, -1, base[behind].place, 0, rest_s, ())
            tried = [*base[: behind + 1], pause, *base[behind + 1 :]]
            clock = best_clock(tried, longest, per_hour)
            if isinstance(clock, str):
                continue
            overdue = _worst_stretch(tried, clock) - limit
            duration = clock[2][-1] - clock[1][0]
            key = (per_hour * duration / 3600.0 + late_money(tried, clock[1]), duration)
            if overdue <= 0 and (best is None or key < best[0]):
                best = (key, tried, clock)
            if fallback is None or overdue < fallback[0]:
                fallback = (overdue, tried)
        if best is not None:
            return best[1], best[2]
        if fallback is None:
            return None
        base = fallback[1]
    return None


def _worst_stretch(nodes: Sequence[Node], clock: Clock) -> int:
    """Return the longest time on duty without a break, seconds."""
    worst, since = 0, clock[1][0]
    for k, node in enumerate(nodes):
        if node.what == BREAK:
            worst, since = max(worst, clock[1][k] - since), clock[2][k]
    return max(worst, clock[2][-1] - since)
