"""Random small networks with everything switched on, for the oracle and the twins."""

from __future__ import annotations

import numpy as np

from simulation.disruptions import KINDS, Disruption
from simulation.distributions import Distribution
from simulation.experiment import Case
from simulation.policies import Policy, TimedLevels
from simulation.streams import item_keys
from simulation.variates import lead_row
from simulation.world import Batch, Lane, Site, Supplier, World

N_TICKS = 40
SOME_LEFT = (
    "supplier_outage", "supplier_capacity_loss", "demand_collapse", "labour_shortage",
    "carrier_capacity_loss", "quality_recall",
)  # fmt: skip
REGIONS = ("east", "west")


def random_world(seed: int) -> World:
    """Return a network of one to five sites in up to three echelons, two to five products."""
    g = np.random.default_rng([seed, 1])
    n_sites = int(g.integers(1, 6))
    n_products = int(g.integers(2, 6))
    products = tuple(f"P{i}" for i in range(n_products))
    suppliers = tuple(Supplier(f"V{i}", str(g.choice(REGIONS))) for i in range(g.integers(1, 4)))
    stocked = [np.arange(n_products) for _ in range(n_sites)]
    # site i may be fed by an earlier site only, so there is no circle
    feeder = {}
    for i in range(n_sites):
        for p in range(n_products):
            from_site = i > 0 and g.random() < 0.6
            feeder[i, p] = ("site", int(g.integers(0, i))) if from_site else (
                "supplier", int(g.integers(0, len(suppliers)))
            )  # fmt: skip
    depth = [0] * n_sites
    for i in reversed(range(n_sites)):
        below = [depth[j] for (j, p), how in feeder.items() if how == ("site", i)]
        depth[i] = max(below) + 1 if below else 0
    n_buckets = 4
    bucket = np.arange(N_TICKS) // (N_TICKS // n_buckets)
    sites = []
    for i in range(n_sites):
        scale = g.choice([0.2, 2.0, 9.0, 60.0, 900.0], size=n_products)
        mean = scale * g.uniform(0.5, 1.5, (n_buckets, n_products))
        mean[g.random(mean.shape) < 0.15] = 0.0
        variance = mean * g.choice([0.5, 1.0, 1.7, 4.0], size=n_products)
        level = np.ceil(scale * g.integers(2, 16, n_products)).astype(np.int32)
        sites.append(
            Site(
                site_id=f"S{i}",
                product=stocked[i],
                sku_keys=item_keys(products),
                opening=np.ceil(level * g.uniform(0, 1.3, n_products)).astype(np.int32),
                demand_mean=mean,
                demand_variance=variance,
                policy=_policy(g, level, feeds=depth[i] > 0),
                value=g.uniform(1, 90, n_products),
                holding=g.uniform(0.001, 0.1, n_products),
                shortage=g.uniform(1, 40, n_products),
                depth=depth[i],
                coming=_batches(g, n_products, scale),
                handling=0.5,
                region=str(g.choice(REGIONS)),
            )
        )
    lanes = _lanes(g, sites, suppliers, feeder, products)
    return World(
        sites=tuple(sites),
        suppliers=suppliers,
        lanes=lanes,
        n_ticks=N_TICKS,
        bucket_of_tick=bucket,
        lost=bool(g.random() < 0.5),
        product_ids=products,
        first_weekday=int(g.integers(1, 8)),
        categories=tuple(str(g.choice(["tea", "toys"])) for _ in products),
        classes=tuple(str(g.choice(["A", "B"])) for _ in products),
    )


def _policy(g: np.random.Generator, level: np.ndarray, *, feeds: bool) -> Policy:
    n = len(level)
    gap = np.where(g.random(n) < 0.5, 1, g.integers(1, 8, n)).astype(np.int32)
    by_tick = g.random() < 0.5
    drift = g.integers(-2, 3, (N_TICKS, n)).cumsum(axis=0) if by_tick else np.zeros((1, n), int)
    up_to = np.maximum(level[None, :] + drift, 0).astype(np.int32)
    lots = np.where(g.random(n) < 0.3, g.integers(1, 12, n), 0).astype(np.int32)
    return Policy(
        levels=TimedLevels((up_to - gap).astype(np.int32), up_to),
        fixed_quantity=lots,
        least=np.where(g.random(n) < 0.3, g.integers(1, 9, n), 0).astype(np.int32),
        multiple=g.choice([1, 1, 3, 6], n).astype(np.int32),
        every=g.choice([1, 1, 2, 7], n).astype(np.int64),
        first=g.integers(0, 4, n),
        echelon=(g.random(n) < 0.5) & feeds,
    )


def _batches(g: np.random.Generator, n: int, scale: np.ndarray) -> tuple[Batch, ...]:
    ticks = sorted(set(g.integers(0, N_TICKS + 5, 2).tolist()))
    made = []
    for tick in ticks:
        columns = np.flatnonzero(g.random(n) < 0.5)
        units = np.ceil(scale[columns] * g.integers(1, 4, len(columns))).astype(np.int32)
        made.append(Batch(int(tick), columns, units))
    return tuple(made)


def _lanes(g, sites, suppliers, feeder, products) -> tuple[Lane, ...]:
    ways = sorted({(how, i) for (i, p), how in feeder.items()})
    ways += (
        [(("supplier", 0), len(sites) - 1)] if (("supplier", 0), len(sites) - 1) not in ways else []
    )
    lanes = []
    for (word, origin), i in ways:
        columns = [p for p in range(len(products)) if feeder[i, p] == (word, origin)]
        fed = np.ones(len(columns), np.bool_)
        if not columns or g.random() < 0.3:  # a product that only the plan's own orders bring here
            more = [p for p in range(len(products)) if p not in columns]
            columns += more
            fed = np.concatenate([fed, np.zeros(len(more), np.bool_)])
        c = len(columns)
        table = np.stack(
            [lead_row(*pair) for pair in ((2.0, 0.0), (g.uniform(1, 9), g.uniform(0.5, 4)))]
        )
        working = None
        if word == "supplier" and g.random() < 0.5:
            working = np.arange(N_TICKS + 60) % 7 < 5
        takes = g.random((7, c)) < 0.7
        takes[2] = True
        lanes.append(
            Lane(
                origin_id=f"S{origin}" if word == "site" else suppliers[origin].supplier_id,
                supplier=origin if word == "supplier" else -1,
                origin=origin if word == "site" else -1,
                destination=i,
                into=np.array(columns, np.int64),
                out_of=np.array(columns if word == "site" else [], np.int64),
                fed=fed,
                lead_rows=g.integers(0, 2, c).astype(np.int32),
                lead_table=table,
                sku_keys=item_keys([products[p] for p in columns]),
                transit=lead_row(g.uniform(0, 3), float(g.choice([0.0, 0.8]))),
                working=working,
                takes=takes if word == "supplier" else None,
                accepted=g.choice([65536, 65536, 60000, 30000], c).astype(np.int32),
                flow=g.integers(1, 20 * 256, c),
                price=g.uniform(1, 50, c),
                kg=g.uniform(0.1, 9, c),
                m3=g.uniform(0.001, 0.1, c),
                orders=_batches(g, c, np.full(c, 5.0)) if g.random() < 0.6 else (),
            )
        )
    return tuple(lanes)


def random_case(world: World, seed: int) -> Case:
    """Return two to six disruptions of all kinds on the network's own nodes."""
    g = np.random.default_rng([seed, 2])
    kinds = [str(g.choice(sorted(KINDS))) for _ in range(int(g.integers(2, 7)))]
    return Case("random", tuple(_disruption(g, world, i, kind) for i, kind in enumerate(kinds)))


def case_of_all_kinds(world: World, seed: int) -> Case:
    """Return one disruption of every kind, in random order, on the network's own nodes."""
    g = np.random.default_rng([seed, 5])
    kinds = [str(kind) for kind in g.permutation(sorted(KINDS))]
    return Case("all kinds", tuple(_disruption(g, world, i, kind) for i, kind in enumerate(kinds)))


def _disruption(g: np.random.Generator, world: World, i: int, kind: str) -> Disruption:
    severity = 1.0
    if kind in ("lead_time_blowup", "demand_surge"):
        severity = float(g.uniform(1.1, 3.0))
    elif kind == "lane_delay":
        severity = float(g.integers(1, 6))
    elif kind in SOME_LEFT:
        severity = float(g.choice([0.3, 0.7, 1.0]))
    elif kind in ("warehouse_fire", "price_shock", "freight_price_jump"):
        severity = float(g.uniform(0.2, 1.0))
    start: float | Distribution = float(g.integers(0, N_TICKS))
    if g.random() < 0.5:
        start = Distribution("exponential", (float(g.uniform(4, 30)),))
    duration = Distribution("fixed", (float(g.integers(1, 12)),))
    if g.random() < 0.5:
        duration = Distribution("lognormal", (6.0, 4.0))
    return Disruption(
        f"D{i}", kind, _target(g, world, kind), start, duration, severity,
        float(g.choice([1.0, 0.6])), str(g.choice(["", "", "storm"])),
        f"D{i - 1}" if i and g.random() < 0.2 else "",
    )  # fmt: skip


def _target(g: np.random.Generator, world: World, kind: str) -> str:
    lane = world.lanes[int(g.integers(0, len(world.lanes)))]
    supplier = world.suppliers[int(g.integers(0, len(world.suppliers)))]
    ways = ["all", f"lane:{world.lane_id(lane)}", f"supplier:{supplier.supplier_id}"]
    choices = {
        "supplier": ["all", f"supplier:{supplier.supplier_id}", "region:east"],
        "lane": ways,
        "carrier": ways,
        "site": ["all", f"site:S{int(g.integers(0, len(world.sites)))}", "region:west"],
        "demand": ["all", "category:tea", "class:A", "product:P1", "region:east"],
        "region": ["region:east", "region:west"],
    }
    return str(g.choice(choices[KINDS[kind][0]]))
