"""Rings in a directed graph: bundles in themselves, sites that feed each other, endless chains."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping


def rings(follows: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """Return rings that share no node, each from its smallest id; none: the graph has no ring.

    Parameters
    ----------
    follows : by node, the nodes it leads to

    Notes
    -----
    Nodes without a way in or out are taken off until none is left; from what remains every walk
    ends in a ring. Each ring is taken off in turn.
    """
    ahead = {name: sorted(set(targets)) for name, targets in follows.items()}
    names = sorted(set(ahead) | {name for targets in ahead.values() for name in targets})
    behind: dict[str, list[str]] = {name: [] for name in names}
    for name in sorted(ahead):
        for target in ahead[name]:
            behind[target].append(name)
    outward = {name: len(ahead.get(name, ())) for name in names}
    inward = {name: len(behind[name]) for name in names}
    gone: set[str] = set()

    def take_off(first: Iterable[str]) -> None:
        queue = deque(first)
        while queue:
            name = queue.popleft()
            if name in gone:
                continue
            gone.add(name)
            for target in ahead.get(name, ()):
                inward[target] -= 1
                if not inward[target]:
                    queue.append(target)
            for source in behind[name]:
                outward[source] -= 1
                if not outward[source]:
                    queue.append(source)

    take_off([name for name in names if not outward[name] or not inward[name]])
    found = []
    for name in names:
        while name not in gone:
            ring = _walk(name, ahead, gone)
            found.append(ring)
            take_off(ring)
    return found


def _walk(start: str, ahead: Mapping[str, list[str]], gone: set[str]) -> list[str]:
    """Follow the first way out of each node until one comes again; return the ring."""
    place: dict[str, int] = {}
    path: list[str] = []
    here = start
    while here not in place:
        place[here] = len(path)
        path.append(here)
        here = next(target for target in ahead[here] if target not in gone)
    ring = path[place[here] :]
    smallest = ring.index(min(ring))
    return ring[smallest:] + ring[:smallest]
