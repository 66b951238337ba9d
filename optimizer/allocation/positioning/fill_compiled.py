"""Re-routes one lot at a time where room is left, as loops for numba.

A lot of site i goes from where it is meant for (its own region, a lane, across) to where it saves
most, as long as every row and every trip paid for has the room.
"""

from __future__ import annotations

import numpy as np

from optimizer.allocation.positioning.problem import Flags, Floats, Ints


def fill_room(  # noqa: C901, PLR0912, PLR0915 - one loop nest, written out for the compiler
    which: Ints,
    lot: Ints,
    free: Ints,
    mean: Floats,
    sd: Floats,
    here: Floats,
    holding: Floats,
    total_cost: Floats,
    beyond: Floats,
    wait: Floats,
    kg: Floats,
    m3: Floats,
    origin: Ints,
    destination: Ints,
    transit: Ints,
    barred: Flags,
    lane_unit: Floats,
    lane_kg: Floats,
    lane_m3: Floats,
    entry_start: Ints,
    entry_row: Ints,
    entry_unit: Floats,
    entry_kg: Floats,
    entry_m3: Floats,
    table: Floats,
    steps: float,
    reach: float,
    room: Floats,
    moved: Ints,
    across: Ints,
    local: Floats,
    total: Floats,
) -> int:
    """Improve moves in place; return the lots re-routed.

    Parameters
    ----------
    entry_start : (n_lanes + 1,) where the entries of each lane begin
    entry_row, entry_unit, entry_kg, entry_m3 : (n_entries,) a lane's weight on a row
    room : (n_rows,) what is left; kept in step
    moved, across : units; local, total : levels; kept in step
    barred : as in Problem
    Others as in :func:`optimizer.allocation.positioning.flows_compiled.cheapest_flows`
    """
    sites, lanes = free.shape[1], len(origin)
    stay = np.zeros(sites, np.int64)
    add_here, less_here = np.zeros(sites), np.zeros(sites)
    add, less = np.zeros(sites), np.zeros(sites)
    point = np.zeros(3)
    stale = np.zeros(sites, np.bool_)
    price = np.zeros(lanes)
    done = 0
    for k in which:
        chunk = lot[k]
        width = float(chunk)
        some = False
        scale = 0.0
        for i in range(sites):
            stay[i] = free[k, i]
            stale[i] = True
            some = some or free[k, i] >= chunk
            scale = max(scale, (here[k, i] + total_cost[k, i]) * width)
            for j in range(sites):
                stay[i] -= across[k, i, j]
        if not some:
            continue
        for a in range(lanes):
            stay[origin[a]] -= moved[k, a]
            price[a] = (lane_unit[a] + lane_kg[a] * kg[k] + lane_m3[a] * m3[k]) * width
        tolerance = 1e-9 * scale
        for _ in range(50 * sites):
            for j in range(sites):
                if not stale[j]:
                    continue
                stale[j] = False
                for side in range(2):
                    level = local[k, j] if side == 0 else total[k, j]
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
                        add[j] = holding[k, j] * width + total_cost[k, j] * (point[2] - point[1])
                        less[j] = total_cost[k, j] * (point[0] - point[1]) - holding[k, j] * width
            best = -tolerance
            from_kind, from_at, to_kind, to_at, source = -1, -1, -1, -1, -1
            # kinds: 0 stays, 1 on a lane, 2 held across
            for i in range(sites):
                if free[k, i] < chunk:
                    continue
                for out in range(1 + lanes + sites):
                    if out == 0:
                        kind, at_, region = 0, i, i
                        have = stay[i]
                        gain = less_here[i] + less[i]
                    elif out <= lanes:
                        kind, at_ = 1, out - 1
                        if origin[at_] != i:
                            continue
                        region = destination[at_]
                        have = moved[k, at_]
                        gain = less_here[region] + less[region] - price[at_]
                    else:
                        kind, at_ = 2, out - 1 - lanes
                        region = at_
                        have = across[k, i, region]
                        gain = less[region] - beyond[k, i, region] * width if have > 0 else 0.0
                    if have < chunk:
                        continue
                    for into in range(1 + lanes + sites):
                        if into == out:
                            continue
                        if into == 0:
                            kind_, to, goal = 0, i, i
                            cost = add_here[i] + add[i]
                        elif into <= lanes:
                            kind_, to = 1, into - 1
                            if origin[to] != i or not transit[to] < wait[k, destination[to]]:
                                continue
                            if barred.shape[0] > 0 and barred[k, to]:
                                continue
                            goal = destination[to]
                            cost = add_here[goal] + add[goal] + price[to]
                        else:
                            kind_, to = 2, into - 1 - lanes
                            goal = to
                            if beyond[k, i, goal] == np.inf:
                                continue
                            cost = add[goal] + beyond[k, i, goal] * width
                        if goal == region:  # only where it lies changes
                            if kind == 2:
                                change = add_here[goal] - beyond[k, i, goal] * width
                                change += price[to] if kind_ == 1 else 0.0
                            elif kind_ == 2:
                                change = less_here[goal] + beyond[k, i, goal] * width
                                change -= price[at_] if kind == 1 else 0.0
                            else:
                                change = price[to] - price[at_]
                        else:
                            change = gain + cost
                        if change >= best:
                            continue
                        fits = True
                        if kind_ == 1:
                            for e in range(entry_start[to], entry_start[to + 1]):
                                weight = entry_unit[e] + entry_kg[e] * kg[k] + entry_m3[e] * m3[k]
                                row = entry_row[e]
                                left = room[row]
                                if kind == 1:
                                    for f in range(entry_start[at_], entry_start[at_ + 1]):
                                        if entry_row[f] == row:
                                            left += width * (
                                                entry_unit[f]
                                                + entry_kg[f] * kg[k]
                                                + entry_m3[f] * m3[k]
                                            )
                                if weight > 0.0 and weight * width > left + 1e-9:
                                    fits = False
                                    break
                        if fits and kind == 1:  # what no longer comes may have made room
                            for f in range(entry_start[at_], entry_start[at_ + 1]):
                                weight = entry_unit[f] + entry_kg[f] * kg[k] + entry_m3[f] * m3[k]
                                row = entry_row[f]
                                left = room[row]
                                if kind_ == 1:
                                    for e in range(entry_start[to], entry_start[to + 1]):
                                        if entry_row[e] == row:
                                            left -= width * (
                                                entry_unit[e]
                                                + entry_kg[e] * kg[k]
                                                + entry_m3[e] * m3[k]
                                            )
                                if weight < 0.0 and -weight * width > left + 1e-9:
                                    fits = False
                                    break
                        if fits:
                            best = change
                            source, from_kind, from_at, to_kind, to_at = i, kind, at_, kind_, to
            if source < 0:
                break
            done += 1
            for turn in range(2):
                kind, at_ = (from_kind, from_at) if turn == 0 else (to_kind, to_at)
                sign = -chunk if turn == 0 else chunk
                if kind == 0:
                    stay[source] += sign
                    local[k, source] += sign
                    total[k, source] += sign
                    stale[source] = True
                elif kind == 1:
                    moved[k, at_] += sign
                    local[k, destination[at_]] += sign
                    total[k, destination[at_]] += sign
                    stale[destination[at_]] = True
                    for e in range(entry_start[at_], entry_start[at_ + 1]):
                        weight = entry_unit[e] + entry_kg[e] * kg[k] + entry_m3[e] * m3[k]
                        room[entry_row[e]] -= weight * sign
                else:
                    across[k, source, at_] += sign
                    total[k, at_] += sign
                    stale[at_] = True
    return done
