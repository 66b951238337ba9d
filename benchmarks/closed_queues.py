"""Closed forms of queues: orders at a depot, customers without stock, goods at a dock."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks import closed_worlds as cw
from benchmarks.closed_figures import SEED, Figure, controlled, parts_of
from simulation.arrays import Floats
from simulation.facts import Dock, Doors
from simulation.kernels import rows as at
from simulation.policies import order_up_to_policy
from simulation.state import State
from simulation.variates import LEAD_STEPS
from simulation.world import World

RATES, LEADS, LEVELS = (0.5, 0.5, 1.0), (1, 2, 1), (2, 3, 3)  # of the bases in case 8
LOSS_TICKS = 2400  # a lead time in case 10
DOOR_TICKS = 8  # a time unit in case 11
WHAT = ("backlog", "fill")
ECHELONS = (0.963739, 0.06336, 0.82622, 0.05883, 0.86532, 0.13164, 0.80337)


def two_echelons(scale: float, *, first_come: bool = True) -> list[Figure]:
    """Case 8, four ticks a time unit; a depot that serves three bases first come, first served.

    After the longest way through the network all is stationary. The demand of each base, whose
    mean is known, serves as control variate.
    """
    n, m, units = 1000, 4, 100
    warm_up, ticks = 6 * m, (6 + units) * m
    sites = [
        cw.make_site(f"B{i}", order_up_to_policy(np.full(n, LEVELS[i], np.int32)), RATES[i] / m,
                     LEVELS[i])
        for i in range(3)
    ]  # fmt: skip
    depot = cw.make_site("D", order_up_to_policy(np.full(n, 6, np.int32)), 0.0, 6, depth=1)
    lanes = [cw.make_lane("D", 3, i, n, cw.lead_choices(LEADS[i] * m)) for i in range(3)]
    lanes.append(cw.make_lane("V", -1, 3, n, cw.lead_choices(3 * m)))
    world = cw.make_world([*sites, replace(depot, first_come=first_come)], lanes, ticks)
    parts = [_echelons(world, first, count, warm_up) for first, count in parts_of(300, scale, 100)]
    found, known = (np.concatenate(each, axis=1) for each in zip(*parts, strict=True))
    controls = known.T - np.array(RATES) / m
    names = ("backlog, depot", *(f"{what}, base {i}" for i in (1, 2, 3) for what in WHAT))
    return [
        controlled(8, name, expected, values, controls)
        for name, expected, values in zip(names, ECHELONS, found, strict=True)
    ]


def _echelons(world: World, first: int, count: int, warm_up: int) -> tuple[Floats, Floats]:
    """(7, R) backlog of the depot, backlog and fill of each base; (3, R) demand a tick."""
    owed, in_stock = np.zeros(count), np.zeros((3, count))
    n, ticks = world.sites[0].n_skus, world.n_ticks - warm_up

    def look(state: State, tick: int) -> None:
        if tick >= warm_up:
            owed[...] += state.sites[3].owed.mean(axis=1)
            for i in range(3):
                in_stock[i] += (state.sites[i].on_hand > 0).mean(axis=1)

    state = cw.run(world, count, SEED, each_night=look, first=first)
    rows = [held.ledger[warm_up:].mean(axis=0, dtype=np.float64) / n for held in state.sites[:3]]
    found = [owed / ticks]
    for i in range(3):
        found += [rows[i][at.BACKLOG], in_stock[i] / ticks]
    return np.stack(found), np.stack([each[at.DEMAND] for each in rows])


def erlang_loss(scale: float) -> list[Figure]:
    """Case 10, 2,400 ticks a lead time on average, from 1 to 4,799 at random.

    The share of customers lost; the number of customers, whose mean is known, is the control.
    """
    lead, n = LOSS_TICKS, 1000 if scale >= 1 else 300
    leads = np.rint(np.linspace(1, 2 * lead - 1, LEAD_STEPS)).astype(np.int32)
    warm_up, ticks = 4 * lead, (50 if scale >= 1 else 7) * lead
    figures = []
    for servers, expected, full in ((8, 0.121876, 40), (10, 0.043142, 100)):
        lost, known = [], []
        for first, count in parts_of(full, scale, 10):
            policy = order_up_to_policy(np.full(n, servers, np.int32))
            world = cw.one_site(policy, 6.0 / lead, ticks, opening=servers, leads=leads, lost=True)
            book = cw.run(world, count, SEED, first=first).sites[0].ledger[warm_up:]
            asked, short = (book[:, row].sum(axis=0) for row in (at.DEMAND, at.SHORT))
            lost.append(short / asked)
            known.append(asked / (n * (ticks - warm_up)) - 6.0 / lead)
        figures.append(
            controlled(10, f"B({servers}, 6)", expected, np.concatenate(lost),
                       np.concatenate(known)[:, None])
        )  # fmt: skip
    return figures


def dock_queue(scale: float) -> list[Figure]:
    """Case 11, eight ticks a time unit: goods at the gate of a dock with three doors.

    Who comes within a tick and has to wait has waited for half a tick at its end, when the queue
    is counted. What comes in and the doors that are at work, whose means are known, are controls.
    """
    m, warm, units = DOOR_TICKS, 60, 240
    warm_up, ticks = warm * m, (warm + units) * m
    world = cw.one_site(order_up_to_policy(np.zeros(1, np.int32)), 2.0 / m, ticks, opening=0)
    dock = Dock(doors=Doors(3, 1, 65536 // m))
    world = replace(world, sites=(replace(world.sites[0], dock=dock),))
    waits: list[Floats] = []
    known: list[Floats] = []
    for first, count in parts_of(54_000, scale, 2000):
        state = cw.run(world, count, SEED, first=first)
        book = state.sites[0].ledger[warm_up:]
        there = book[:, at.RECEIVED] + state.count_of("at_gate", 0)[warm_up:]
        busy = (there >= 3).mean(axis=0)
        queue = np.maximum(there - 3, 0).mean(axis=0)
        waits.append(np.stack([busy, queue / 2.0 + busy / (2.0 * m)]))
        came = state.lanes[0].departures[warm_up - 1 : -1].mean(axis=0)
        known.append(np.stack([came - 2.0 / m, np.minimum(there, 3).mean(axis=0) - 2.0], axis=1))
    (busy, wait), controls = np.concatenate(waits, axis=1), np.concatenate(known)
    return [
        controlled(11, "share that waits", 4.0 / 9.0, busy, controls),
        controlled(11, "mean wait", 4.0 / 9.0, wait, controls),
    ]
