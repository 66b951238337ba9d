"""The design of a network as a mixed-integer linear problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.allocation.network.layout import Network
from optimizer.allocation.network.problem import Flags, Floats, Ints
from optimizer.allocation.network.stock import shelf_rows
from optimizer.engines.linear_problem import LinearProblem, Rows

MEASURES = ("expected", "worst", "regret")


@dataclass(frozen=True, slots=True)
class LimitRow:
    """A capacity: its kind, whose it is, in which period (-1: the horizon), and its row."""

    kind: str
    entity: str
    period: int
    row: int


@dataclass(frozen=True, slots=True)
class Model:
    """The problem and where its columns are.

    Attributes
    ----------
    x, u : (n_cases, n_ways) and (n_cases, n_wants) columns of flow and of what is not served
    z : columns of the number of stocking points, 0 .. most; empty without stock
    theta : column of the worst future's cost or regret; -1 without
    limit_rows : rows of capacities, for diagnosis
    """

    network: Network
    problem: LinearProblem
    measure: str
    best_of_case: Floats
    x: Ints
    u: Ints
    z: Ints
    theta: int
    limit_rows: tuple[LimitRow, ...]

    @property
    def y(self) -> Ints:
        """Columns of the sites."""
        return np.arange(len(self.network.sites.site_id))


def first_costs(network: Network) -> tuple[Floats, float]:
    """Return money per open site, and the money of closing all sites of today."""
    sites = network.sites
    return sites.fixed + sites.opening - sites.closing, float(sites.closing.sum())


def case_costs(network: Network) -> Floats:
    """Return money per unit of flow on each way, CO2e at its price included."""
    ways = network.ways
    paid = ways.purchase + ways.transport + ways.handling + ways.stock
    return paid + network.co2_price * ways.grams


def holding_cost(network: Network, points: int) -> float:
    """Return the cost of holding stock at that many points: stock grows with their square root.

    Source: Maister (1976), Centralisation of inventories and the "square root law".
    """
    return network.stock_cost * float(np.sqrt(points / max(network.stocking_points, 1)))


def build(
    network: Network,
    *,
    measure: str = "expected",
    single_source: bool = False,
    today: bool = False,
    best_of_case: Sequence[float] | None = None,
    cases: Sequence[int] | None = None,
) -> Model:
    """Return the design as columns y, z, a, x, u, theta and rows.

    Parameters
    ----------
    measure : expected, worst or regret, over the futures
    single_source : each place is served by one site
    today : sites are as they are today; limits on sites and CO2e are left out
    best_of_case : (n_cases,) what regret is measured against
    cases : numbers of the futures to plan for; None: all
    """
    sites, ways = network.sites, network.ways
    chosen = list(range(len(network.cases))) if cases is None else list(cases)
    weight = network.weight[chosen] / network.weight[chosen].sum()
    s, a, w, k = len(sites.site_id), len(ways.origin), len(network.wants), len(chosen)
    most_points = int((sites.stocks & sites.may_open).sum()) if network.stock_cost > 0.0 else -1
    z = s + np.arange(most_points + 1)
    pairs, pair_of_way = _pairs(network) if single_source else (np.empty((0, 2), np.int64), None)
    pair_at = s + len(z)
    x = pair_at + len(pairs) + np.arange(k * a).reshape(k, a)
    u = pair_at + len(pairs) + k * a + np.arange(k * w).reshape(k, w)
    theta = pair_at + len(pairs) + k * (a + w) if measure != "expected" else -1
    n = pair_at + len(pairs) + k * (a + w) + (theta >= 0)

    site_cost, closing = first_costs(network)
    unit = case_costs(network)
    penalty = network.wants["penalty"].to_numpy(np.float64)
    cost, lower, upper = np.zeros(n), np.zeros(n), np.ones(n)
    integer = np.zeros(n, bool)
    integer[: pair_at + len(pairs)] = True
    if measure != "regret":
        cost[:s] = site_cost
        cost[z] = [holding_cost(network, points) for points in range(most_points + 1)]
    if today:
        lower[:s] = upper[:s] = sites.is_today & sites.may_open
    else:
        upper[:s] = sites.may_open
    rows = Rows()
    limits: list[LimitRow] = []
    demand = network.demand[chosen]
    for case in range(k):
        if theta < 0:
            cost[x[case]], cost[u[case]] = weight[case] * unit, weight[case] * penalty
        upper[x[case]] = network.most_units(demand[case])
        upper[u[case]] = demand[case]
        pair = pair_at + pair_of_way if pair_of_way is not None else None
        _case_rows(network, rows, limits, x[case], u[case], demand[case], upper[x[case]], pair)
        if np.isfinite(network.co2_most) and not today:
            limits.append(LimitRow("co2", "all", -1, rows.count))
            _row(rows, x[case], ways.grams, -np.inf, network.co2_most)
    integer[z] = True
    site_rows(network, rows, z, today=today)
    if len(pairs):
        _pair_rows(rows, pairs, pair_at)
    best = np.zeros(k) if best_of_case is None else np.asarray(best_of_case, np.float64)
    if theta >= 0:
        steps = np.array([holding_cost(network, points) for points in range(len(z))])
        total = closing + float(np.abs(site_cost).sum()) + float(steps.sum())
        heavy = (upper[x] * unit).sum(axis=1) + (upper[u] * penalty).sum(axis=1)
        cost[theta], lower[theta] = 1.0, -total - float(np.abs(best).max(initial=0.0))
        upper[theta] = total + float(heavy.max(initial=0.0))
        for case in range(k):
            columns = [x[case], u[case], np.array([theta])]
            values = [unit, penalty, np.array([-1.0])]
            if measure == "regret":
                columns += [np.arange(s), z]
                values += [site_cost, steps]
            side = best[case] - closing if measure == "regret" else 0.0
            _row(rows, np.concatenate(columns), np.concatenate(values), -np.inf, side)
    offset = closing if measure != "regret" else 0.0
    problem = rows.problem(cost, lower, upper, integer, offset)
    return Model(network, problem, measure, best, x, u, z, theta, tuple(limits))


def site_rows(network: Network, rows: Rows, z: Ints, *, today: bool) -> None:
    """Count stocking points, and sites within limits."""
    sites = network.sites
    if len(z):
        _row(rows, z, np.ones(len(z)), 1.0, 1.0)
        stocked = np.flatnonzero(sites.stocks & sites.may_open)
        _row(
            rows,
            np.concatenate([z, stocked]),
            np.concatenate([np.arange(len(z), dtype=np.float64), -np.ones(len(stocked))]),
            0.0,
            0.0,
        )
    for count in network.counts if not today else ():
        most = count.value if count.sense == "<=" else np.inf
        least = count.value if count.sense == ">=" else -np.inf
        counted = np.flatnonzero(count.sites)
        _row(rows, counted, np.ones(len(counted)), least, most)


def _pair_rows(rows: Rows, pairs: Ints, pair_at: int) -> None:
    """Let each place have one site at most, and an open one."""
    count = len(pairs)
    places = np.unique(pairs[:, 1], return_inverse=True)[1]
    at, many = pair_at + np.arange(count), int(places.max()) + 1
    rows.add(places, at, np.ones(count), np.full(many, -np.inf), np.ones(many))
    each = np.arange(count)
    rows.add(
        np.concatenate([each, each]),
        np.concatenate([at, pairs[:, 0]]),
        np.concatenate([np.ones(count), -np.ones(count)]),
        np.full(count, -np.inf),
        np.zeros(count),
    )


def _case_rows(
    network: Network,
    rows: Rows,
    limits: list[LimitRow],
    x: Ints,
    u: Ints,
    demand: Floats,
    most_units: Floats,
    pair: Ints | None,
) -> None:
    """Add demand, balance, capacity and "only from open sites" of one future."""
    ways = network.ways
    p, w = len(network.period), len(network.wants)
    serving = np.flatnonzero(ways.want >= 0)
    rows.add(
        np.concatenate([ways.want[serving], np.arange(w)]),
        np.concatenate([x[serving], u]),
        np.ones(len(serving) + w),
        demand,
        demand,
    )
    # what comes in goes out, site by site and product by product
    leaves, comes = np.flatnonzero(ways.origin >= 0), np.flatnonzero(ways.destination >= 0)
    place = np.concatenate(
        [
            ways.origin[leaves] * p + ways.product[leaves],
            ways.destination[comes] * p + ways.into[comes],
        ]
    )
    value = np.concatenate([-np.ones(len(leaves)), np.ones(len(comes))])
    column = np.concatenate([x[leaves], x[comes]])
    bound = ~network.free.ravel()[place]
    keys, row = np.unique(place[bound], return_inverse=True)
    rows.add(row, column[bound], value[bound], np.zeros(len(keys)), np.zeros(len(keys)))
    _capacity_rows(network, rows, limits, x)
    # only from open sites: all modes together, to each customer
    key, group = np.unique(ways.origin[serving] * w + ways.want[serving], return_inverse=True)
    opener = key // w if pair is None else np.zeros(len(key), np.int64)
    if pair is not None:
        opener[group] = pair[serving]
    each = np.arange(len(key))
    rows.add(
        np.concatenate([group, each]),
        np.concatenate([x[serving], opener]),
        np.concatenate([np.ones(len(serving)), -demand[key % w]]),
        np.full(len(key), -np.inf),
        np.zeros(len(key)),
    )
    inner = np.flatnonzero((ways.origin >= 0) & (ways.want < 0))
    each = np.arange(len(inner))
    rows.add(
        np.concatenate([each, each]),
        np.concatenate([x[inner], ways.origin[inner]]),
        np.concatenate([np.ones(len(inner)), -most_units[inner]]),
        np.full(len(inner), -np.inf),
        np.zeros(len(inner)),
    )
    row, way, value, count = shelf_rows(ways, network.kept)
    rows.add(row, x[way], value, np.full(count, -np.inf), np.zeros(count))


def _capacity_rows(network: Network, rows: Rows, limits: list[LimitRow], x: Ints) -> None:
    """Hold sites, suppliers and lanes of one future to what they can, period by period."""
    sites, ways = network.sites, network.ways
    period = network.way_period
    moves = np.where(ways.waits, 0.0, 1.0)
    lies = np.where(ways.waits, 1.0, network.stay[ways.product]) * network.m3[ways.product]
    for kind, ends, load, most, whole in (
        ("outbound", ways.origin, moves, sites.outbound, True),
        ("inbound", ways.destination, moves, sites.inbound, True),
        ("storage", ways.origin, lies, sites.storage_m3, False),
    ):
        for site in np.flatnonzero(np.isfinite(most)):
            through = np.flatnonzero((ends == site) & (load > 0.0))
            for part in np.unique(period[through]):
                now = through[period[through] == part]
                room = most[site] * (network.share[part] if whole else 1.0)
                limits.append(LimitRow(kind, sites.site_id[site], int(part), rows.count))
                columns = np.concatenate([x[now], [site]])
                _row(rows, columns, np.concatenate([load[now], [-room]]), -np.inf, 0.0)
    for kind, of, most, load in (
        ("supplier", ways.offer, network.offer_units, moves),
        ("lane", ways.lane, network.lane_kg, network.kg[ways.product]),
    ):
        for which in np.flatnonzero(np.isfinite(most)):
            through = np.flatnonzero(of == which)
            if len(through):
                first = ways.names.iloc[int(through[0])]
                entity = (
                    f"{first['origin_id']}:{first['product_id']}"
                    if kind == "supplier"
                    else f"{first['origin_id']}>{first['destination_id']}:{first['mode']}"
                )
                limits.append(LimitRow(kind, entity, int(period[through[0]]), rows.count))
                _row(rows, x[through], load[through], -np.inf, most[which])


def _pairs(network: Network) -> tuple[Ints, Ints]:
    """Return (site, place) pairs that may serve, and the pair of each way (-1: none)."""
    ways = network.ways
    _, places = np.unique(network.wants["location_id"], return_inverse=True)
    place = np.where(ways.want >= 0, places[np.maximum(ways.want, 0)], -1)
    many = int(places.max()) + 1
    serving = ways.want >= 0
    keys = ways.origin[serving] * many + place[serving]
    unique, which = np.unique(keys, return_inverse=True)
    pair_of_way = np.full(len(ways.origin), -1, np.int64)
    pair_of_way[serving] = which
    return np.column_stack([unique // many, unique % many]), pair_of_way


def _row(rows: Rows, columns: Ints, values: Floats, least: float, most: float) -> None:
    rows.add(np.zeros(len(columns), np.int64), columns, values, np.array([least]), np.array([most]))


def opened(model: Model, x: Floats) -> Flags:
    """Return which sites a solution opens."""
    return x[model.y] > 0.5
