"""The closed forms that the simulator must meet: each case runs its own small world.

`scale` cuts the number of replications: 1 for half-widths of at most half a percent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from benchmarks import closed_worlds as cw
from benchmarks.closed_figures import SEED, ClosedForm, Figure, controlled, count_of, parts_of
from benchmarks.closed_queues import dock_queue, erlang_loss, two_echelons
from simulation.arrays import Flags, Floats
from simulation.disruptions import Disruption, histories
from simulation.distributions import Distribution
from simulation.kernels import rows as at
from simulation.policies import MovingAverageLevels, Policy, order_up_to_policy
from simulation.state import State


def _base_stock(level: int, n: int, point: int | None = None) -> Policy:
    points = None if point is None else np.full(n, point, np.int32)
    return order_up_to_policy(np.full(n, level, np.int32), reorder_point=points)


def _daily(state: State, warm_up: int, n: int) -> Floats:
    """(16, R) mean rows of the first site per tick and SKU."""
    means: Floats = state.sites[0].ledger[warm_up:].mean(axis=0, dtype=np.float64) / n
    return means


def newsvendor_normal(scale: float) -> list[Figure]:
    """Case 1, in hundredths of a unit."""
    n = 1000
    world = cw.one_site(_base_stock(5660, n), 1.0, 53, opening=5660,
                        shape=cw.normal_table(5000.0, 800.0))  # fmt: skip
    rows = _daily(cw.run(world, count_of(40, scale), SEED), 3, n) / 100.0
    cost = 0.18 * rows[at.ON_HAND] + 0.70 * rows[at.BACKLOG]
    return [Figure(1, "cost", 1.99761, cost)]


def newsvendor_poisson(scale: float) -> list[Figure]:
    """Case 2."""
    n = 1000
    world = cw.one_site(_base_stock(56, n), 50.0, 53, opening=56)
    rows = _daily(cw.run(world, count_of(40, scale), SEED), 3, n)
    return [Figure(2, "cost", 1.797235, 0.18 * rows[at.ON_HAND] + 0.70 * rows[at.BACKLOG])]


def _s_s(rate: float, s: int, up_to: int, cost: tuple[float, float, float], count: int) -> Floats:
    """Return the daily cost of (s, S); every order arrives the next morning as a cycle."""
    n = 1000
    opening = s + 1 + np.arange(n) % (up_to - s)  # so that cycles do not start in step
    world = cw.one_site(_base_stock(up_to, n, s), rate, 300, opening=opening)
    rows = _daily(cw.run(world, count, SEED), 100, n)
    holding, penalty, order = cost
    value: Floats = (
        holding * rows[at.ON_HAND] + penalty * rows[at.BACKLOG] + order * rows[at.CYCLES]
    )
    return value


def s_s_policy(scale: float) -> list[Figure]:
    """Case 3."""
    return [Figure(3, "cost", 8.034112, _s_s(6.0, 4, 10, (1.0, 4.0, 5.0), count_of(20, scale)))]


ZHENG_FEDERGRUEN = (
    (10, 6, 40, 35.0216), (15, 10, 49, 42.6978), (20, 14, 62, 49.1730), (25, 19, 56, 54.2622),
    (30, 23, 66, 57.8189),
)  # fmt: skip


def zheng_federgruen(scale: float) -> list[Figure]:
    """Case 4."""
    return [
        Figure(4, f"cost, mean {mean}", expected,
               _s_s(float(mean), s, up_to, (1.0, 9.0, 64.0), count_of(20, scale)))
        for mean, s, up_to, expected in ZHENG_FEDERGRUEN
    ]  # fmt: skip


def r_q_policy(scale: float) -> list[Figure]:
    """Case 5, four ticks a time unit: with lots of Q the position is uniform on any grid."""
    n, m = 1000, 4
    plain = order_up_to_policy(np.full(n, 8, np.int32), reorder_point=np.full(n, 3, np.int32))
    policy = replace(plain, fixed_quantity=np.full(n, 5, np.int32))
    opening = 4 + np.arange(n) % 5  # uniform on r + 1 .. r + Q
    world = cw.one_site(policy, 1.5 / m, 80 * m, opening=opening, leads=cw.lead_choices(2 * m))
    rows = _daily(cw.run(world, count_of(24, scale), SEED), 20 * m, n)
    cost = 20.0 * rows[at.ON_HAND] + 150.0 * rows[at.BACKLOG] + 100.0 * m * rows[at.ORDERED] / 5.0
    return [Figure(5, "cost", 107.92358, cost)]


def palm(scale: float) -> list[Figure]:
    """Case 6, four ticks a time unit: the fill is the share of time in stock (PASTA)."""
    n, m, warm_up, ticks = 2000, 4, 40, 1640
    world = cw.one_site(_base_stock(8, n), 2.0 / m, ticks, opening=8, leads=cw.lead_choices(3 * m))
    count = count_of(50, scale)
    in_stock = np.zeros(count)

    def look(state: State, tick: int) -> None:
        if tick >= warm_up:
            in_stock[...] += (state.sites[0].on_hand > 0).mean(axis=1)

    rows = _daily(cw.run(world, count, SEED, each_night=look), warm_up, n)
    return [
        Figure(6, "fill", 0.743980, in_stock / (ticks - warm_up)),
        Figure(6, "backlog", 0.314021, rows[at.BACKLOG]),
        Figure(6, "stock", 2.314021, rows[at.ON_HAND]),
    ]


PERIODIC = (
    (2.0, 9, (1, 2, 3, 6), 3.35709, 0.35709), (20.0, 75, (2, 2, 3, 4), 20.87062, 0.87062),
    (0.3, 3, (3, 5, 9, 14), 1.03932, 0.36432),
)  # fmt: skip


def crossing_lead_times(scale: float) -> list[Figure]:
    """Case 7."""
    n, figures = 2000, []
    for rate, level, leads, stock, debt in PERIODIC:
        world = cw.one_site(_base_stock(level, n), rate, 1100, opening=level,
                            leads=cw.lead_choices(*leads))  # fmt: skip
        rows = _daily(cw.run(world, count_of(40, scale), SEED), 60, n)
        figures += [
            Figure(7, f"stock, rate {rate:g}", stock, rows[at.ON_HAND]),
            Figure(7, f"backlog, rate {rate:g}", debt, rows[at.BACKLOG]),
        ]
    return figures


def clark_scarf(scale: float) -> list[Figure]:
    """Case 9, in hundredths of a unit; stages from the customer up, echelon base stock."""
    n, ticks, warm_up = 400, 90, 30
    levels, local, leads = (649, 1202, 2271), (7.0, 4.0, 2.0), (1, 1, 2)
    opening = (649 - 500, 1202 - 649, 2271 - 1202)
    sites = [
        cw.make_site(f"S{i}", order_up_to_policy(np.full(n, levels[i], np.int32), echelon=i > 0),
                     1.0 if i == 0 else 0.0, opening[i], depth=i)
        for i in range(3)
    ]  # fmt: skip
    lanes = [
        cw.make_lane(f"S{i + 1}" if i < 2 else "V", i + 1 if i < 2 else -1, i, n,
                     cw.lead_choices(leads[i]))
        for i in range(3)
    ]  # fmt: skip
    world = cw.make_world(sites, lanes, ticks, shape=cw.normal_table(500.0, 100.0))
    state = cw.run(world, count_of(20, scale), SEED)
    cost = np.zeros(len(state.replications))
    for i, held in enumerate(state.sites):
        rows = held.ledger[warm_up:].mean(axis=0, dtype=np.float64) / (100.0 * n)
        cost += local[i] * rows[at.ON_HAND] + (37.12 * rows[at.BACKLOG] if i == 0 else 0.0)
        if i < 2:  # goods under way between stages belong to the one above
            sent = state.lanes[i].departures[warm_up:].mean(axis=0, dtype=np.float64) / (100.0 * n)
            cost += local[i + 1] * leads[i] * sent
    return [Figure(9, "cost", 47.65, cost)]


BULLWHIP = ((2, 10, 1.48), (4, 5, 3.88), (2, 5, 2.12))


def bullwhip(scale: float) -> list[Figure]:
    """Case 12; orders may be negative."""
    figures, base = [], 500_000
    count = count_of(600, scale)
    for lead, window, ratio in BULLWHIP:
        plain = order_up_to_policy(np.array([base], np.int32), signed=True)
        policy = replace(plain, levels=MovingAverageLevels(window, lead, base))
        ticks = 40 + (6000 if scale >= 1 else 800)
        world = cw.one_site(policy, 1.0, ticks, opening=base,
                            shape=cw.normal_table(10_000.0, 1000.0))  # fmt: skip
        book = cw.run(world, count, SEED).sites[0].ledger[40:]
        asked, ordered = (book[:, row].var(axis=0, ddof=1) for row in (at.DEMAND, at.ORDERED))
        figures.append(Figure(12, f"variance ratio, L {lead}, p {window}", ratio, ordered / asked))
    return figures


def _alternating(
    up: Callable[[int], Floats], down: Callable[[int], Floats], n_ticks: int, count: int,
    mean_cycle: float, since: int = 0,
) -> tuple[Flags, Floats]:  # fmt: skip
    """(T + 1, R) when a supplier is down, with times in ticks rounded to the nearest.

    Beside it (R, 2) how often it goes down from a tick on, and the squares of how long.
    """
    known = np.zeros((count, 2))
    on = np.zeros((n_ticks + 1, count), np.bool_)
    cycles = int(1.3 * n_ticks / mean_cycle) + 60
    for r in range(count):
        times = np.empty(2 * cycles)
        times[0::2], times[1::2] = up(cycles), down(cycles)
        exact = np.cumsum(times)
        begun = (exact[0::2] >= since) & (exact[0::2] < n_ticks)
        known[r] = begun.sum(), (times[1::2][begun] ** 2).sum()
        marks = np.rint(exact).astype(np.int64)
        if marks[-1] <= n_ticks:
            raise ValueError("the history is too short")
        step = np.zeros(n_ticks + 2, np.int64)
        np.add.at(step, np.minimum(marks[0::2], n_ticks + 1), 1)
        np.add.at(step, np.minimum(marks[1::2], n_ticks + 1), -1)
        on[:, r] = np.cumsum(step)[: n_ticks + 1] > 0
    return on, known


def newsvendor_disrupted(scale: float) -> list[Figure]:
    """Case 13: periods up and down are geometric."""
    g = np.random.default_rng(SEED)
    ticks, warm_up, parts = 3200, 200, []
    for first, count in parts_of(14_000, scale, 1000):
        down, _ = _alternating(
            lambda n: g.geometric(0.04, n).astype(np.float64),
            lambda n: g.geometric(0.25, n).astype(np.float64), ticks, count, 29.0,
        )  # fmt: skip
        world = cw.one_site(_base_stock(8000, 1), 1.0, ticks, opening=8000,
                            shape=cw.fixed_table(2000))  # fmt: skip
        rows = _daily(cw.run(world, count, SEED, down=down, first=first), warm_up, 1)
        parts.append(0.25 * rows[at.ON_HAND] + 3.0 * rows[at.BACKLOG])
    return [Figure(13, "cost", 2737.069, np.concatenate(parts))]


def eoq_disrupted(scale: float) -> list[Figure]:
    """Case 14: 260 ticks a year of 5 units each; Q rounded to whole ticks costs the same.

    Sixteen SKUs whose cycles are not in step share the supplier. Goods that wait for it come on
    average half a tick after it recovers, so that half a tick's sales too many are lost at the end
    of each such wait; they are taken out. How often the supplier goes down, and the squares of
    how long, whose expectations are known, serve as control variates.
    """
    g = np.random.default_rng(SEED)
    m, lot, n, years = 260, 770, 16, 8
    ticks, warm_up, costs, out = years * m, 2 * m, [], []
    for first, count in parts_of(28_800, scale, 2400):
        down, controls = _alternating(
            lambda n: g.exponential(m / 1.5, n), lambda n: g.exponential(m / 14.0, n), ticks,
            count, m * (1 / 1.5 + 1 / 14.0), warm_up,
        )  # fmt: skip
        opening = lot - 5 * (9 * np.arange(n))
        world = cw.one_site(_base_stock(lot, n, 0), 1.0, ticks, opening=opening, lost=True,
                            shape=cw.fixed_table(5))  # fmt: skip
        rows = _daily(cw.run(world, count, SEED, down=down, first=first), warm_up, n)
        # stock falls by 5 within a tick: on average it is 2.5 above its end while there is some
        held = rows[at.ON_HAND] + 2.5 * rows[at.SERVED] / 5.0
        lost = rows[at.SHORT] - 2.5 * rows[at.SHORT_CYCLES]
        costs.append(8.0 * m * rows[at.ORDERED] / lot + 0.225 * held + 5.0 * m * lost)
        out.append(controls)
    rate = (ticks - warm_up) / (m * (1 / 1.5 + 1 / 14.0))
    known = np.concatenate(out) - rate * np.array([1.0, 2.0 * (m / 14.0) ** 2])
    return [controlled(14, "cost", 173.950, np.concatenate(costs), known)]


def on_off_supplier(scale: float) -> list[Figure]:
    """Case 15: when a supplier that is always asked hands something over; 2 ticks a day."""
    m, count, days = 2, count_of(200, scale), 9000 if scale >= 1 else 2000
    outage = Disruption("down", "supplier_outage", "all", Distribution("exponential", (120.0,)),
                        Distribution("exponential", (10.0,)))  # fmt: skip
    made = histories([outage], range(count), seed=SEED, n_ticks=days * m, ticks_per_day=m)["down"]
    down = np.zeros((days * m + 1, count), np.bool_)
    for r, strikes in enumerate(made):
        for strike in strikes:
            down[strike.begin : strike.end, r] = True
    world = cw.one_site(_base_stock(100, 1), 1.0, days * m, opening=100, shape=cw.fixed_table(1))
    state = cw.run(world, count, SEED, down=down)
    handed = (state.lanes[0].departures[200 * m :] > 0).mean(axis=0)
    return [Figure(15, "availability", 0.923077, handed)]


CLOSED_FORMS = (
    ClosedForm(1, "newsvendor, normal", "Snyder, Shen 2019, ex. 4.3", newsvendor_normal),
    ClosedForm(2, "newsvendor, Poisson", "Snyder, Shen 2019, section 4.3.2", newsvendor_poisson),
    ClosedForm(3, "(s, S), Poisson", "Snyder, Shen 2019, ex. 4.7", s_s_policy),
    ClosedForm(4, "(s, S), five rates", "Zheng, Federgruen 1991, table 1", zheng_federgruen),
    ClosedForm(5, "(r, Q), Poisson", "Federgruen, Zheng 1992", r_q_policy),
    ClosedForm(6, "(S - 1, S), backorders", "Palm 1938", palm),
    ClosedForm(7, "base stock, lead times that cross", "convolution of thinned Poissons",
               crossing_lead_times),
    ClosedForm(8, "two echelons, first come", "Graves 1985; Axsater 1990", two_echelons),
    ClosedForm(9, "three stages, echelon base stock", "Clark, Scarf 1960; Snyder, Shen ex. 6.1",
               clark_scarf),
    ClosedForm(10, "(S - 1, S), lost sales", "Erlang 1917", erlang_loss),
    ClosedForm(11, "three doors of a dock, M/M/3", "Erlang 1917", dock_queue),
    ClosedForm(12, "bullwhip of the moving average", "Chen et al. 2000, theorem 2.2", bullwhip),
    ClosedForm(13, "newsvendor with disruptions", "Snyder, Shen 2019, section 9.2",
               newsvendor_disrupted),
    ClosedForm(14, "EOQ with disruptions", "Berk, Arreola-Risa 1994", eoq_disrupted),
    ClosedForm(15, "supplier that fails and recovers", "renewal theory: 120 / (120 + 10)",
               on_off_supplier),
)  # fmt: skip
