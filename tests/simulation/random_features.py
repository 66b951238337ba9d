"""Random facts beyond the plain world: every feature switched on, on top of a random network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from simulation.facts import (
    Channels,
    Dock,
    Doors,
    Life,
    Load,
    OrderBook,
    Quota,
    Return,
    Split,
    Store,
)
from simulation.streams import item_keys
from simulation.variates import lead_row
from simulation.world import FLOW_ONE, Freight, Lane, Mode, World


def with_features(world: World, seed: int) -> World:
    """Return a network in which each feature is stated somewhere with even chances."""
    g = np.random.default_rng([seed, 3])
    for add in (
        _sources,
        _laterals,
        _docks,
        _loads,
        _quotas,
        _lives,
        _returns,
        _modes,
        _terms,
        _channels,
        _orders,
        _lateness,
        _first_come,
    ):
        world = add(g, world)
    return world


def _usual(world: World, i: int) -> float:
    return float(world.sites[i].demand_mean.mean(axis=0).sum()) + 1.0


def _docks(g: np.random.Generator, world: World) -> World:
    sites = []
    for i, site in enumerate(world.sites):
        usual = _usual(world, i)
        units = [np.rint(usual * g.uniform(0.2, 2.0, 7)).astype(np.int64) for _ in range(2)]
        dock = Dock(*(each if g.random() < 0.5 else None for each in units))
        if g.random() < 0.5:
            size = int(g.integers(40_000, 400_000))
            parcels = np.rint((usual * 65536 / size) * g.uniform(0.2, 2.0, 7)).astype(np.int64)
            dock = replace(dock, parcels=parcels, parcel_units=size)
        if g.random() < 0.4:
            load = int(usual * g.uniform(0.1, 1.0)) + 1
            doors = Doors(int(g.integers(1, 5)), load, int(g.integers(9_000, 60_000)))
            dock = replace(dock, doors=doors)
        volume = g.choice([0, 1, 300, 40_000], site.n_skus).astype(np.int64)
        room = int(float(site.opening @ volume) * g.uniform(0.7, 2.0)) + 1000
        store = Store(room, volume, bool(g.random() < 0.5)) if g.random() < 0.5 else None
        first = g.permutation(site.n_skus).astype(np.int64) if g.random() < 0.3 else None
        sites.append(replace(site, dock=dock, store=store, first=first))
    return replace(world, sites=tuple(sites))


def _loads(g: np.random.Generator, world: World) -> World:
    lanes = []
    for lane in world.lanes:
        weight = g.choice([0, 1, 250, 4_000], lane.n_skus).astype(np.int64)
        usual = int(lane.normal_flow @ weight) // FLOW_ONE + 1
        load = Load(max(1, int(usual * g.uniform(0.1, 2.0))), weight)
        lanes.append(replace(lane, load=load if g.random() < 0.4 else None))
    return replace(world, lanes=tuple(lanes))


def _laterals(g: np.random.Generator, world: World) -> World:
    lanes = list(world.lanes)
    for i, origin in enumerate(world.sites):
        for d, site in enumerate(world.sites):
            if i == d or origin.depth != site.depth or g.random() < 0.4:
                continue
            c = site.n_skus
            lanes.append(
                Lane(
                    origin_id=origin.site_id, supplier=-1, origin=i, destination=d,
                    into=np.arange(c), out_of=np.arange(c), fed=np.zeros(c, np.bool_),
                    lead_rows=np.zeros(c, np.int32), lead_table=lead_row(1.5, 0.5)[None, :],
                    sku_keys=site.sku_keys, accepted=np.full(c, 65536, np.int32),
                    flow=g.integers(1, 500, c), price=np.zeros(c), kg=g.uniform(0.1, 3, c),
                    m3=np.zeros(c), mode="lateral", lateral=True,
                )
            )  # fmt: skip
    sites = tuple(  # some have plenty to spare
        replace(site, opening=site.opening * np.int32(g.choice([1, 6]))) for site in world.sites
    )
    return replace(world, lanes=tuple(lanes), sites=sites)


def _lives(g: np.random.Generator, world: World) -> World:
    sites = []
    for site in world.sites:
        n = site.n_skus
        ticks = np.where(g.random(n) < 0.6, g.choice([1, 3, 9, 70], n), 0).astype(np.int64)
        lots = ()
        if g.random() < 0.6:
            skus = np.arange(n)
            lots = tuple(
                (int(g.integers(0, 50)), skus, (site.opening * share).astype(np.int32))
                for share in (0.3, 0.4)
            )
        sites.append(replace(site, life=Life(ticks, lots) if g.random() < 0.5 else None))
    return replace(world, sites=tuple(sites))


def _returns(g: np.random.Generator, world: World) -> World:
    sites = []
    for site in world.sites:
        n = site.n_skus
        returns = tuple(
            Return(
                f"R{number}", str(g.choice(["shelf", "exchange", "scrap"])),
                g.integers(0, 20_000, n), g.integers(1, 9, n), g.uniform(0, 5, n),
            )
            for number in range(int(g.integers(1, 4)))
        )  # fmt: skip
        sites.append(replace(site, returns=returns if g.random() < 0.5 else ()))
    return replace(world, sites=tuple(sites))


def _modes(g: np.random.Generator, world: World) -> World:
    lanes = []
    for lane in world.lanes:
        table = np.stack([lead_row(float(g.uniform(0, 3)), 0.6) for _ in range(2)])
        air = Mode(
            "air", g.integers(0, 2, lane.n_skus).astype(np.int32), table,
            lead_row(float(g.uniform(0, 2)), 0.0), Freight(per_kg=9.0), 600.0,
        )  # fmt: skip
        lanes.append(replace(lane, modes=(air,) if g.random() < 0.5 else ()))
    return replace(world, lanes=tuple(lanes))


def _channels(g: np.random.Generator, world: World) -> World:
    sites = []
    for site in world.sites:
        parts = np.sort(g.integers(0, 65537, (2, site.n_skus)), axis=0)
        demand = np.concatenate([parts, np.full((1, site.n_skus), 65536)])
        channels = Channels(
            ("web", "shop", "rest"), demand, g.choice([0, 9_000, 30_000], 3).astype(np.int64) // 2,
            g.choice([0, 1, 3], 3).astype(np.int64),
        )  # fmt: skip
        sites.append(replace(site, channels=channels if g.random() < 0.4 else None))
    return replace(world, sites=tuple(sites))


def _lateness(g: np.random.Generator, world: World) -> World:
    late = np.sort(g.integers(-4, 12, 1024))
    sites = tuple(
        replace(
            site,
            coming=tuple(
                replace(batch, late=late, source=f"V{n}") if g.random() < 0.5 else batch
                for n, batch in enumerate(site.coming)
            ),
        )
        for site in world.sites
    )
    return replace(world, sites=sites)


def _first_come(g: np.random.Generator, world: World) -> World:
    sites = tuple(replace(site, first_come=bool(g.random() < 0.5)) for site in world.sites)
    return replace(world, sites=sites)


def _orders(g: np.random.Generator, world: World) -> World:
    if g.random() < 0.7:
        return world
    n_orders, n_places, n_sites = 12, 3, len(world.sites)
    lines = [
        g.permutation(len(world.product_ids))[: int(g.integers(1, 4))] for _ in range(n_orders)
    ]
    begin = np.cumsum([0, *map(len, lines)])
    book = OrderBook(
        begin, np.concatenate(lines), g.choice([1, 2, 9, 60, 300], int(begin[-1])),
        g.integers(0, n_places, n_orders), g.random(n_orders) < 0.5,
        np.stack([g.permutation(n_sites) for _ in range(n_places)]),
        g.random((n_places, n_sites)) < 0.7,
    )  # fmt: skip
    return replace(world, orders=book)


def _terms(g: np.random.Generator, world: World) -> World:
    lanes = []
    for lane in world.lanes:
        minimum = float(g.uniform(1, 3000)) if lane.supplier >= 0 and g.random() < 0.4 else 0.0
        lanes.append(replace(lane, minimum=minimum, priority=int(g.integers(0, 3))))
    return replace(world, lanes=tuple(lanes))


def _quotas(g: np.random.Generator, world: World) -> World:
    lanes = list(world.lanes)
    suppliers = []
    for v, supplier in enumerate(world.suppliers):
        if g.random() < 0.5:
            suppliers.append(supplier)
            continue
        # one row for a product whatever the site, and some rows of one site only
        units = [int(n) for n in g.integers(0, 200, len(world.product_ids))]
        for j in world.supplier_lanes[v]:
            lane = lanes[j]
            product = world.sites[lane.destination].product[lane.into]
            rows = product.astype(np.int64).copy()
            for column in range(lane.n_skus):
                how = g.random()
                if how < 0.3:
                    rows[column] = -1
                elif how < 0.5:
                    rows[column] = len(units)
                    units.append(int(g.integers(0, 60)))
            lanes[j] = replace(lane, quota_of=rows)
        suppliers.append(replace(supplier, quota=Quota(np.array(units, np.int64))))
    return replace(world, suppliers=tuple(suppliers), lanes=tuple(lanes))


def _sources(g: np.random.Generator, world: World) -> World:
    """Give some product-locations a second and a third source, with shares or standing by."""
    lanes = list(world.lanes)
    for i, site in enumerate(world.sites):
        feeders = [("supplier", v) for v in range(len(world.suppliers))]
        feeders += [("site", o) for o, other in enumerate(world.sites) if other.depth > site.depth]
        for k in np.flatnonzero(g.random(site.n_skus) < 0.4):
            mine = [j for j in range(len(lanes)) if _feeds(lanes[j], i, int(k))]
            if not mine:
                continue
            used = {_start(lanes[j]) for j in mine}
            free = [each for each in feeders if each not in used]
            picked = g.permutation(len(free))[: int(g.integers(1, 3))]
            starts = [_start(lanes[mine[0]]), *(free[int(p)] for p in picked)]
            weights = g.choice([0.0, 1.0, 2.0, 5.0], len(starts)) + np.eye(len(starts))[0]
            share = np.floor(65536 * weights / weights.sum()).astype(np.int64)
            share[0] += 65536 - share.sum()
            for rank, start in enumerate(g.permutation(len(starts))):
                _add_source(g, world, lanes, i, int(k), starts[start], int(share[start]), rank)
    return replace(world, lanes=tuple(lanes))


def _start(lane: Lane) -> tuple[str, int]:
    return ("supplier", lane.supplier) if lane.supplier >= 0 else ("site", lane.origin)


def _feeds(lane: Lane, site: int, k: int) -> bool:
    return lane.destination == site and bool(np.any((lane.into == k) & lane.fed))


def _add_source(g, world, lanes, i, k, start, share, rank) -> None:
    """State a source of a SKU on a lane of several sources, moving it there or adding the lane."""
    site = world.sites[i]
    for j, lane in enumerate(lanes):  # a plain lane no longer feeds what has several sources
        if _feeds(lane, i, k) and lane.split is None and _start(lane) == start:
            lanes[j] = replace(lane, fed=lane.fed & (lane.into != k))
    j = next(
        (
            n for n, lane in enumerate(lanes)
            if lane.destination == i and lane.split is not None and _start(lane) == start
        ),
        -1,
    )  # fmt: skip
    if j < 0:
        word, origin = start
        lanes.append(
            Lane(
                origin_id=world.sites[origin].site_id if word == "site"
                else world.suppliers[origin].supplier_id,
                supplier=origin if word == "supplier" else -1,
                origin=origin if word == "site" else -1,
                destination=i,
                into=np.zeros(0, np.int64), out_of=np.zeros(0, np.int64),
                fed=np.zeros(0, np.bool_), lead_rows=np.zeros(0, np.int32),
                lead_table=lead_row(float(g.uniform(1, 6)), 1.0)[None, :],
                sku_keys=item_keys([]), accepted=np.zeros(0, np.int32),
                flow=np.zeros(0, np.int64), price=np.zeros(0), kg=np.zeros(0), m3=np.zeros(0),
                mode="second", takes=None,
                split=Split(
                    np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int32),
                    np.ones(0, np.int32),
                ),
            )
        )  # fmt: skip
        j = len(lanes) - 1
    lane = lanes[j]
    product = world.product_ids[int(site.product[k])]
    split = Split(
        np.append(lane.split.share, share), np.append(lane.split.rank, rank),
        np.append(lane.split.least, g.choice([0, 0, 5])).astype(np.int32),
        np.append(lane.split.multiple, g.choice([1, 1, 4])).astype(np.int32),
    )  # fmt: skip
    lanes[j] = replace(
        lane,
        into=np.append(lane.into, k),
        out_of=np.append(lane.out_of, k) if lane.origin >= 0 else lane.out_of,
        fed=np.append(lane.fed, True), lead_rows=np.append(lane.lead_rows, 0).astype(np.int32),
        sku_keys=np.append(lane.sku_keys, item_keys([product])),
        accepted=np.append(lane.accepted, 65536).astype(np.int32),
        flow=np.append(lane.flow, int(g.integers(1, 2000))), price=np.append(lane.price, 3.0),
        kg=np.append(lane.kg, 0.5), m3=np.append(lane.m3, 0.001), split=split,
    )  # fmt: skip


def script(world: World, seed: int):
    """Return responses that come and go at random: (what, node, tick, replication) -> setting."""
    nodes = {
        "switching": len(world.sites), "lift": len(world.sites), "mode": len(world.lanes),
        "reserve": 3 * len(world.sites),
    }  # fmt: skip
    spell = {
        (what, node): np.random.default_rng([seed, 4, place, node]).integers(0, 40, 2)
        for place, (what, count) in enumerate(nodes.items())
        for node in range(count)
    }

    def setting(what: str, node, tick: int, replication: int) -> int:
        if what == "reserve":
            node = 3 * node[0] + node[1]
        begin, length = spell[what, node]
        on = begin <= tick < begin + length and (tick + replication) % 5 > 0
        if what == "mode":
            return int(on and bool(world.lanes[node].modes))
        if what == "reserve":
            return (20_000 + 9_000 * (node % 3)) * int(on)
        return {"switching": int(on), "lift": 384 if on else 256}[what]

    return setting
