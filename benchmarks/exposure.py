"""`python -m benchmarks exposure`: the resilience scan at the size of a real assortment."""

from __future__ import annotations

import argparse
import resource
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.machine import describe_machine
from simulation.exposure import WORST, Scan, scan
from simulation.policies import order_up_to_policy
from simulation.streams import item_keys
from simulation.variates import lead_row
from simulation.world import FLOW_ONE, Lane, Site, Supplier, World


def assortment(
    n_products: int = 1000, n_stores: int = 52, n_depots: int = 3, n_suppliers: int = 40,
    n_days: int = 180, seed: int = 7,
) -> World:  # fmt: skip
    """Return depots that buy from suppliers and feed stores; every site stocks every product."""
    g = np.random.default_rng(seed)
    products = tuple(f"P{i:05d}" for i in range(n_products))
    keys = item_keys(products)
    base = g.lognormal(-0.5, 1.1, n_products)
    cost = g.lognormal(2.5, 0.8, n_products)
    supplier_of = g.integers(0, n_suppliers, n_products)
    lead = g.uniform(4, 25, n_suppliers)
    fed_by = np.arange(n_stores) % n_depots
    sites, lanes = [], []
    for store in range(n_stores):
        rate = base * g.uniform(0.3, 1.7)
        level = np.ceil(rate * 5 + 2 * np.sqrt(rate * 5)).astype(np.int32)
        sites.append(_site(f"S{store:02d}", keys, rate, level, cost, 0))
    for depot in range(n_depots):
        served = np.flatnonzero(fed_by == depot)
        rate = sum((sites[s].demand_mean[0] for s in served), np.zeros(n_products))
        days = lead[supplier_of] + 7
        level = np.ceil(rate * (days + 5) + 2 * np.sqrt(rate * days)).astype(np.int32)
        sites.append(_site(f"D{depot}", keys, np.zeros(n_products), level, cost, 1))
        place = len(sites) - 1
        for supplier in range(n_suppliers):
            columns = np.flatnonzero(supplier_of == supplier)
            if len(columns):
                table = lead_row(lead[supplier], lead[supplier] / 4)
                lane = _lane(f"V{supplier:02d}", supplier, -1, place, columns, table, keys)
                lanes.append(_priced(lane, rate[columns], cost[columns]))
        for store in served:
            lane = _lane(f"D{depot}", -1, place, store, np.arange(n_products),
                         lead_row(2.0, 0.5), keys)  # fmt: skip
            lanes.append(_priced(lane, sites[store].demand_mean[0], np.zeros(n_products)))
    return World(
        sites=tuple(sites),
        suppliers=tuple(Supplier(f"V{i:02d}") for i in range(n_suppliers)),
        lanes=tuple(lanes),
        n_ticks=n_days,
        bucket_of_tick=np.zeros(n_days, np.int64),
        lost=True,
        product_ids=products,
    )


def _site(name, keys, rate, level, cost, depth) -> Site:  # type: ignore[no-untyped-def]
    return Site(
        site_id=name, product=np.arange(len(keys)), sku_keys=keys, opening=level,
        demand_mean=rate[None, :], demand_variance=1.5 * rate[None, :],
        policy=order_up_to_policy(level, every=7 if depth else 1, echelon=depth > 0),
        value=cost, holding=cost * 0.25 / 365, shortage=cost * 0.6, depth=depth,
    )  # fmt: skip


def _lane(name, supplier, origin, destination, columns, table, keys) -> Lane:  # type: ignore[no-untyped-def]
    n = len(columns)
    return Lane(
        origin_id=name, supplier=supplier, origin=origin, destination=destination, into=columns,
        out_of=columns if origin >= 0 else np.zeros(0, np.int64), fed=np.ones(n, np.bool_),
        lead_rows=np.zeros(n, np.int32), lead_table=table[None, :], sku_keys=keys[columns],
    )  # fmt: skip


def _priced(lane: Lane, flow: np.ndarray, price: np.ndarray) -> Lane:
    return replace(lane, flow=np.rint(flow * FLOW_ONE).astype(np.int64), price=price)


@dataclass(frozen=True, slots=True)
class Took:
    """What a scan took: wall and CPU seconds, those of its processes included."""

    what: str
    wall: float
    cpu: float

    def row(self) -> str:
        """Return it as a row of the page."""
        return f"| {self.what} | {self.wall:.1f} | {self.cpu:.1f} |"


def time_scan(what: str, world: World, worst: int, threads: int) -> tuple[Took, Scan]:
    """Scan and say what it took."""
    began, used = time.perf_counter(), _cpu_seconds()
    found = scan(world, {}, threads=threads, worst=worst, seed=3)
    return Took(what, time.perf_counter() - began, _cpu_seconds() - used), found


def _cpu_seconds() -> float:
    return sum(
        use.ru_utime + use.ru_stime
        for use in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def main(arguments: list[str]) -> int:
    """Scan, print what it took, and return 0."""
    parser = argparse.ArgumentParser(prog="benchmarks exposure", description=__doc__)
    parser.add_argument("--short", action="store_true", help="100 products, 60 days")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--intervals", action="store_true", help="and intervals of the worst 20")
    parser.add_argument("--page", type=Path, help="write docs/benchmarks/exposure.md there")
    chosen = parser.parse_args(arguments)
    world = assortment(100, n_days=60) if chosen.short else assortment()
    machine = describe_machine(["numpy", "numba", "simpy"])
    print(machine)
    time_scan("warm", assortment(5, n_days=30), 2, chosen.threads)
    took, found = time_scan("every node in turn", world, 0, chosen.threads)
    rows = [took]
    if chosen.intervals:
        what = "the same, longest outages, grid and intervals of the worst 20"
        took, found = time_scan(what, world, WORST, chosen.threads)
        rows.append(took)
    size = f"{len(found.table)} nodes x {world.n_skus:,} product-locations x {world.n_ticks} days"
    table = "\n".join(
        ["| what | wall s | CPU s |", "|---|---|---|", *(each.row() for each in rows)]
    )
    print(f"{size}\n{table}")
    print(found.table.head(10).to_string(index=False))
    if chosen.page is not None:
        chosen.page.write_text(PAGE.format(machine=machine, size=size, table=table), "utf-8")
    return 0


PAGE = """# How long a resilience scan takes

Written by `python -m benchmarks exposure --intervals --page docs/benchmarks/exposure.md`, on
{machine}.
Other work shared the machine: CPU seconds count.

{size}: 40 suppliers, 3 depots, 52 stores, 1,000 products, lost sales, random lead times.

{table}

Nodes that touch no common product-location share a row of one run; rows run in two threads, with
the same bits for any number. The second line also searches the longest outage that nobody notices,
the money of longer and shorter losses, and the whole cost of the worst 20 with paired 95 %
intervals, their replications shared out over processes.
"""
