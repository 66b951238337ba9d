"""Measures tonight's decision: seconds, gap, memory; and solvers that get the model directly.

    python -m benchmarks nightly [--items 100000,1000000] [--sites 20] [--seeds 1] [--multi-source]
    python -m benchmarks nightly --items 300 --peers highs,scip,cbc --seconds 20

A peer gets the whole decision as one mixed-integer program, as a modeller would write it down:
packs as integers, orders as switches, expected cost by tangents. Its orders are priced exactly.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Sequence

import numpy as np
import pandas as pd

from benchmarks.machine import describe_machine
from benchmarks.nightly_model import direct_model, orders_of
from benchmarks.rolling_case import rolling_case
from optimizer.engines.linear import solve_linear
from optimizer.engines.linear_pulp import solve_by_pulp
from optimizer.outcome import Limits, gap_pct
from optimizer.replenishment.assemble import assemble
from optimizer.replenishment.facts import read_facts
from optimizer.replenishment.tonight.problem import Problem
from optimizer.replenishment.tonight.search import search
from scenarios import Scenario

WEEKS = 6  # of forecast: the longest protection interval of the made-up case
CBC = "cbc"
HEADS = ("items", "seed", "engine", "wall s", "CPU s", "objective", "bound", "gap %")
WIDTHS = (9, 4, 20, 8, 8, 16, 16, 8)


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark and print a row per case and engine."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks nightly", description=__doc__)
    parser.add_argument("--items", default="100000", help="product-locations, joined by commas")
    parser.add_argument("--sites", type=int, default=20)
    parser.add_argument("--seeds", default="1", help="joined by commas")
    parser.add_argument("--multi-source", action="store_true", help="up to three suppliers each")
    parser.add_argument("--seconds", type=float, help="wall seconds; without it, default work")
    parser.add_argument("--peers", default="", help="highs, scip, cbc: given the model directly")
    options = parser.parse_args(arguments)
    print(describe_machine(("numpy", "scipy", "ortools", "highspy", "pulp")))
    print(" ".join(f"{head:>{width}}" for head, width in zip(HEADS, WIDTHS, strict=True)))
    peers = [name for name in options.peers.split(",") if name]
    for items in (int(text) for text in options.items.split(",")):
        for seed in (int(text) for text in options.seeds.split(",")):
            scenario = nightly_case(items, options.sites, seed, multi_source=options.multi_source)
            problem = assemble(read_facts(scenario, {})).problem
            _ours(problem, items, seed, options.seconds)
            for peer in peers:
                _peer(problem, items, seed, peer, options.seconds or 60.0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory {peak:.2f} GiB, the tables included")
    return 0


def nightly_case(items: int, sites: int, seed: int, *, multi_source: bool) -> Scenario:
    """Return a night with a budget, storage and least order values that bind.

    With `multi_source` half of the products have one or two further suppliers, at 0.92 to 1.12
    times the price, with multiples of their own; lead times are the first supplier's.
    """
    scenario = rolling_case(items, sites, WEEKS, seed)
    if not multi_source:
        return scenario
    rng = np.random.default_rng([seed, 2])
    offers = scenario.table("supplier_products").assign(priority=1.0)
    names = scenario.table("suppliers")["supplier_id"].to_numpy(object)
    place = {name: number for number, name in enumerate(names)}
    products = offers["product_id"].drop_duplicates()
    copies = rng.choice(3, len(products), p=(0.5, 0.3, 0.2))
    step = rng.integers(1, max(len(names) // 3, 2), len(products))
    dearer = rng.uniform(0.92, 1.12, (len(products), 2))
    pack = rng.choice((1.0, 4.0, 6.0, 12.0), (len(products), 2))
    row = pd.Series(np.arange(len(products)), index=products.to_numpy(object))
    at = row.reindex(offers["product_id"]).to_numpy(np.int64)
    first = np.array([place[name] for name in offers["supplier_id"]], np.int64)
    least = offers.drop_duplicates(["supplier_id", "site_id"]).set_index(
        ["supplier_id", "site_id"]
    )["min_order_value"]  # fmt: skip
    usual = float(least.median())
    parts = [offers]
    for extra in (1, 2):
        chosen = copies[at] >= extra
        supplier = names[(first + extra * step[at]) % len(names)][chosen]
        part = offers[chosen].assign(
            supplier_id=supplier,
            unit_cost=np.round(offers["unit_cost"] * dearer[at, extra - 1], 2)[chosen],
            order_multiple=pack[at, extra - 1][chosen],
            moq=0.0,
            priority=1.0 + extra,
        )
        keys = pd.MultiIndex.from_frame(part[["supplier_id", "site_id"]])
        minimum = least.reindex(keys).fillna(usual).to_numpy(np.float64)
        parts.append(part.assign(min_order_value=minimum))
    every = pd.concat(parts, ignore_index=True)
    every = every.drop_duplicates(["supplier_id", "product_id", "site_id"], ignore_index=True)
    return Scenario(scenario.settings, dict(scenario.tables) | {"supplier_products": every})


def _ours(problem: Problem, items: int, seed: int, seconds: float | None) -> None:
    limits = Limits(seconds=seconds) if seconds else Limits(work=30.0)
    began, spent = time.perf_counter(), time.process_time()
    outcome = search(problem, limits)
    _row(
        items, seed, outcome.engine, time.perf_counter() - began, time.process_time() - spent,
        outcome.objective, outcome.bound,
    )  # fmt: skip


def _peer(problem: Problem, items: int, seed: int, peer: str, seconds: float) -> None:
    """Solve the direct model and price its orders exactly; its bound holds for its tangents."""
    began, spent = time.perf_counter(), time.process_time()
    model = direct_model(problem)
    limits = Limits(seconds=seconds)
    if peer == CBC:
        outcome = solve_by_pulp(model.linear, limits)
    else:
        outcome = solve_linear(model.linear, limits, engine=peer)
    wall, cpu = time.perf_counter() - began, time.process_time() - spent
    objective = None
    if outcome.solution is not None:
        qty = orders_of(model, outcome.solution.x)
        objective = None if problem.broken(qty) else problem.objective(qty)
    _row(items, seed, f"{peer} direct", wall, cpu, objective, outcome.bound)


def _row(
    items: int,
    seed: int,
    engine: str,
    wall: float,
    cpu: float,
    objective: float | None,
    bound: float | None,
) -> None:
    gap = gap_pct(objective, bound)
    cells = (
        f"{items:,}", str(seed), engine, f"{wall:.1f}", f"{cpu:.1f}",
        "none" if objective is None else f"{objective:,.1f}",
        "none" if bound is None else f"{bound:,.1f}",
        "" if gap is None else f"{gap:.3f}",
    )  # fmt: skip
    line = " ".join(f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS, strict=True))
    print(line, flush=True)
