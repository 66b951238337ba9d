"""One product's cheapest flows as loops, for numba; plain Python says the same, slowly.

Each movable lot of site i is meant for the region of one site j: it stays (i = j), is moved there
(x), or stays at i and serves j across (u). Regions pay convex costs of what they have locally and
in all. Negative cycles of the residual graph are cancelled until there is none: then the flows
are cheapest, and the labels are prices that prove it.

Nodes: R; T_j = 1 + j (all that region j has); L_j = 1 + J + j (what its own site has);
A_i = 1 + 2 J + i (movable lots of site i).

Source: Ahuja, Magnanti and Orlin (1993), Network Flows, sections 9.6 and 14.4.
"""

from __future__ import annotations

import numpy as np

from optimizer.allocation.positioning.problem import Floats, Ints


def cheapest_flows(  # noqa: C901, PLR0912, PLR0915 - one loop nest, written out for the compiler
    which: Ints,
    lot: Ints,
    lots: Ints,
    fixed: Floats,
    mean: Floats,
    sd: Floats,
    here: Floats,
    holding: Floats,
    total: Floats,
    beyond: Floats,
    wait: Floats,
    kg: Floats,
    m3: Floats,
    origin: Ints,
    destination: Ints,
    transit: Ints,
    lane_unit: Floats,
    lane_kg: Floats,
    lane_m3: Floats,
    opening: Floats,
    table: Floats,
    steps: float,
    reach: float,
    moved: Ints,
    across: Ints,
    value_here: Floats,
    value: Floats,
    load: Floats,
) -> int:
    """Improve the flows of the products of `which` in place; return the searches done.

    Parameters
    ----------
    lot : (n_products,) units in a lot
    lots : (n_products, n_sites) movable lots
    fixed, mean, sd : (n_products, n_sites) units
    here : (n_products, n_sites) money per unit that the own site cannot serve
    holding, total : (n_products, n_sites) money per unit left; per unit that nobody serves, on top
        of `here`, holding included
    beyond, wait, kg, m3 : as in Problem
    lane_unit, lane_kg, lane_m3 : (n_lanes,) money, prices of what is shared included
    opening : (n_products, n_lanes) money per unit on top; (0, 0): nothing
    table : loss of the standard normal law at -reach + k / steps
    moved : (n_products, n_lanes) lots on each lane
    across : (n_products, n_sites, n_sites) lots at [i] held for [j]
    value_here, value : (n_products, n_sites) money per unit that one more would save
    load : (3, n_lanes) units, kg, m3; what is moved is added
    """
    sites, lanes = lots.shape[1], len(origin)
    nodes = 1 + 3 * sites
    cost = np.empty((sites, sites))
    lane_of = np.empty((sites, sites), np.int64)
    flow = np.zeros((sites, sites), np.int64)
    held = np.zeros((sites, sites), np.int64)
    stay = np.zeros(sites, np.int64)
    has = np.zeros(sites, np.int64)
    every = np.zeros(sites, np.int64)
    add_here, less_here = np.zeros(sites), np.zeros(sites)
    add, less = np.zeros(sites), np.zeros(sites)
    point = np.zeros(3)
    label = np.zeros(nodes)
    before = np.zeros(nodes, np.int64)
    seen = np.zeros(nodes, np.int64)
    stale = np.zeros(sites, np.bool_)
    searches = 0
    for k in which:
        unit = float(lot[k])
        largest = 0
        for i in range(sites):
            for j in range(sites):
                cost[i, j] = np.inf
                lane_of[i, j] = -1
                flow[i, j] = 0
                held[i, j] = across[k, i, j]
            largest = max(largest, lots[k, i])
        for a in range(lanes):
            i, j = origin[a], destination[a]
            if transit[a] < wait[k, j]:
                price = (lane_unit[a] + lane_kg[a] * kg[k] + lane_m3[a] * m3[k]) * unit
                if opening.shape[0] > 0:
                    price += opening[k, a] * unit
                if price < cost[i, j]:
                    cost[i, j] = price
                    lane_of[i, j] = a
            flow[i, j] += moved[k, a]
            moved[k, a] = 0
        for i in range(sites):
            for j in range(sites):
                if lane_of[i, j] < 0:
                    flow[i, j] = 0
                if beyond[k, i, j] == np.inf:
                    held[i, j] = 0
        scale = 0.0
        for j in range(sites):
            stay[j] = lots[k, j]
            for i in range(sites):
                stay[j] -= flow[j, i] + held[j, i]
            if stay[j] < 0:  # lots that are gone meanwhile
                for i in range(sites):
                    flow[j, i] = 0
                    held[j, i] = 0
                stay[j] = lots[k, j]
            scale = max(scale, (here[k, j] + total[k, j]) * unit)
        for j in range(sites):
            has[j] = stay[j]
            every[j] = 0
            for i in range(sites):
                has[j] += flow[i, j]
                every[j] += held[i, j]
            every[j] += has[j]
        tolerance = 1e-10 * scale
        step = 1
        while step * 8 < largest:
            step *= 8
        while True:
            for j in range(sites):
                stale[j] = True
            width = step * unit
            for v in range(nodes):
                label[v] = 0.0
            while True:
                for j in range(sites):
                    if not stale[j]:
                        continue
                    stale[j] = False
                    for side in range(2):
                        level = fixed[k, j] + unit * (has[j] if side == 0 else every[j])
                        for p in range(3):
                            at = level + (p - 1) * width
                            if sd[k, j] > 0.0:
                                z = (at - mean[k, j]) / sd[k, j]
                                if z >= reach:
                                    point[p] = 0.0
                                elif z <= -reach:
                                    point[p] = mean[k, j] - at
                                else:
                                    place = (z + reach) * steps
                                    low = int(place)
                                    part = place - low
                                    point[p] = sd[k, j] * (
                                        table[low] + part * (table[low + 1] - table[low])
                                    )
                            else:
                                point[p] = max(mean[k, j] - at, 0.0)
                        if side == 0:
                            add_here[j] = here[k, j] * (point[2] - point[1])
                            less_here[j] = here[k, j] * (point[0] - point[1])
                        else:
                            add[j] = holding[k, j] * width + total[k, j] * (point[2] - point[1])
                            less[j] = total[k, j] * (point[0] - point[1]) - holding[k, j] * width
                searches += 1
                for v in range(nodes):
                    before[v] = -1
                found = -1
                for _ in range(nodes + 1):
                    changed = False
                    for j in range(sites):
                        t, h = 1 + j, 1 + sites + j
                        if label[0] + less[j] < label[t] - tolerance:
                            label[t] = label[0] + less[j]
                            before[t] = 0
                            changed = True
                        if label[t] + less_here[j] < label[h] - tolerance:
                            label[h] = label[t] + less_here[j]
                            before[h] = t
                            changed = True
                    for i in range(sites):
                        if lots[k, i] == 0:
                            continue
                        a = 1 + 2 * sites + i
                        if stay[i] >= step and label[1 + sites + i] < label[a] - tolerance:
                            label[a] = label[1 + sites + i]
                            before[a] = 1 + sites + i
                            changed = True
                        if stay[i] < lots[k, i]:
                            for j in range(sites):
                                if flow[i, j] >= step:
                                    reached = label[1 + sites + j] - cost[i, j] * step
                                    if reached < label[a] - tolerance:
                                        label[a] = reached
                                        before[a] = 1 + sites + j
                                        changed = True
                                if held[i, j] >= step:
                                    reached = label[1 + j] - beyond[k, i, j] * width
                                    if reached < label[a] - tolerance:
                                        label[a] = reached
                                        before[a] = 1 + j
                                        changed = True
                        if label[a] < label[1 + sites + i] - tolerance:
                            label[1 + sites + i] = label[a]
                            before[1 + sites + i] = a
                            changed = True
                        for j in range(sites):
                            reached = label[a] + cost[i, j] * step
                            if reached < label[1 + sites + j] - tolerance:
                                label[1 + sites + j] = reached
                                before[1 + sites + j] = a
                                changed = True
                            reached = label[a] + beyond[k, i, j] * width
                            if reached < label[1 + j] - tolerance:
                                label[1 + j] = reached
                                before[1 + j] = a
                                changed = True
                    for j in range(sites):
                        t, h = 1 + j, 1 + sites + j
                        if label[h] + add_here[j] < label[t] - tolerance:
                            label[t] = label[h] + add_here[j]
                            before[t] = h
                            changed = True
                        if label[t] + add[j] < label[0] - tolerance:
                            label[0] = label[t] + add[j]
                            before[0] = t
                            changed = True
                    if not changed:
                        break
                    for v in range(nodes):
                        seen[v] = -1
                    for v in range(nodes):
                        w = v
                        while w >= 0 and seen[w] < 0:
                            seen[w] = v
                            w = before[w]
                        if w >= 0 and seen[w] == v:
                            found = w
                            break
                    if found >= 0:
                        break
                if found < 0:
                    break
                v = found
                while True:  # push one step along the cycle, from each node's predecessor to it
                    w = before[v]
                    group, j = (v - 1) // sites, (v - 1) % sites
                    from_group, i = (w - 1) // sites, (w - 1) % sites
                    if w == 0 or v == 0:
                        stale[j if v > 0 else i] = True
                        every[j if v > 0 else i] += step if v == 0 else -step
                    elif group == 1 and from_group == 0:
                        has[j] -= step
                        stale[j] = True
                    elif group == 0 and from_group == 1:
                        has[j] += step
                        stale[j] = True
                    elif group == 2 and from_group == 1:
                        if i == j:
                            stay[j] -= step
                        else:
                            flow[j, i] -= step
                    elif group == 2:
                        held[j, i] -= step
                    elif group == 1:
                        if i == j:
                            stay[j] += step
                        else:
                            flow[i, j] += step
                    else:
                        held[i, j] += step
                    v = w
                    if v == found:
                        break
            if step == 1:
                break
            step //= 8
        for j in range(sites):
            value[k, j] = (label[1 + j] - label[0]) / unit
            value_here[k, j] = (label[1 + sites + j] - label[0]) / unit
            for i in range(sites):
                across[k, i, j] = held[i, j]
                if flow[i, j] > 0:
                    a = lane_of[i, j]
                    moved[k, a] = flow[i, j]
                    load[0, a] += flow[i, j] * unit
                    load[1, a] += flow[i, j] * unit * kg[k]
                    load[2, a] += flow[i, j] * unit * m3[k]
    return searches
