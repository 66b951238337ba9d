"""Rings in a directed graph: bundles in themselves, sites that feed each other, endless chains."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np


def rings(follows: Mapping[str, list[str]]) -> list[list[str]]:
    """Return one ring of each knot in a directed graph, each from its smallest id; no recursion."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    names = sorted(set(follows) | {name for targets in follows.values() for name in targets})
    number = {name: place for place, name in enumerate(names)}
    pairs = [(number[a], number[b]) for a in sorted(follows) for b in follows[a]]
    if not pairs:
        return []
    start, end = np.array(pairs).T
    graph = csr_array((np.ones(len(pairs)), (start, end)), shape=(len(names), len(names)))
    _, knot = connected_components(graph, directed=True, connection="strong")
    size = np.bincount(knot)
    found = []
    seen: set[int] = set()
    for place, name in enumerate(names):
        loops = name in follows.get(name, [])
        if knot[place] in seen or (size[knot[place]] < 2 and not loops):
            continue
        seen.add(int(knot[place]))
        found.append([name] if loops else _ring_from(name, follows, number, knot))
    return found


def _ring_from(
    name: str, follows: Mapping[str, list[str]], number: Mapping[str, int], knot: object
) -> list[str]:
    """Walk inside a knot, breadth first, until the way is back at its start."""
    labels = np.asarray(knot)
    came_from: dict[str, str] = {}
    front = [name]
    while front:
        following = []
        for here in front:
            for there in follows.get(here, []):
                if there == name:
                    way = [here]
                    while way[-1] != name:
                        way.append(came_from[way[-1]])
                    return way[::-1]
                if labels[number[there]] == labels[number[name]] and there not in came_from:
                    came_from[there] = here
                    following.append(there)
        front = following
    return [name]
