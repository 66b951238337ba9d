"""Order sourcing beside plain rules, in one run: cost, split orders, gap and seconds.

``nearest``: line by line as orders arrive, the cheapest site that still has the goods; lines from
one site share a parcel. ``per order``: order by order as they arrive, each at its own least cost.
``highs`` (small cases only): all parcels of all orders as one mixed-integer problem.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.machine import describe_machine
from optimizer.allocation.sourcing.assign import LEFT
from optimizer.allocation.sourcing.blocks import MOST_EXACT, Catalogue, build_catalogue
from optimizer.allocation.sourcing.chains import Ejection
from optimizer.allocation.sourcing.columns import columns_of
from optimizer.allocation.sourcing.intake import build_problem
from optimizer.allocation.sourcing.ledger import Ledger
from optimizer.allocation.sourcing.master import Free, build_master
from optimizer.allocation.sourcing.placement import Placement, objective_of, parcels_of
from optimizer.allocation.sourcing.prices import Prices
from optimizer.allocation.sourcing.problem import SourcingProblem
from optimizer.allocation.sourcing.search import search
from optimizer.engines.linear import solve_linear
from optimizer.outcome import Limits, gap_pct
from scenarios import Scenario

PACKAGES = ("numpy", "numba", "highspy")
MOST_CELLS = 400_000  # parcels up to which HiGHS is given all of them


@dataclass(frozen=True, slots=True)
class Figures:
    """What one way of sourcing comes to.

    Attributes
    ----------
    cost, bound : money; no bound: None
    split_pct : of all orders, in more than one parcel
    unserved : units
    """

    cost: float
    bound: float | None
    parcels: int
    split_pct: float
    unserved: float


def figures_of(problem: SourcingProblem, placement: Placement, bound: float | None) -> Figures:
    """Measure a placement."""
    parcels = parcels_of(problem, placement)
    split = np.bincount(parcels.order, minlength=problem.n_orders) > 1
    left = placement.site == LEFT
    return Figures(
        objective_of(problem, placement),
        bound,
        len(parcels.order),
        100.0 * float(split.mean()),
        float(problem.pieces.units[left].sum()),
    )


def arrivals(scenario: Scenario, problem: SourcingProblem) -> np.ndarray:
    """Return the orders of a problem as they arrive."""
    placed = scenario.table("orders").set_index("order_id")["placed_at"]
    when = placed.reindex(problem.orders.order_id).to_numpy()
    return np.lexsort((problem.orders.order_id.astype(str), when))


def nearest(problem: SourcingProblem, catalogue: Catalogue, sequence: np.ndarray) -> Figures:
    """Send each line from the cheapest site that still has it."""
    ledger = Ledger(problem, Placement.nothing(problem))
    starts = np.array([block.first_order for block in catalogue.blocks])
    for order in sequence.tolist():
        block = catalogue.blocks[int(np.searchsorted(starts, order, side="right")) - 1]
        row = order - block.first_order
        site, label, group = ledger.held(order)
        for rank in range(block.size):
            money = block.money[:, (1 << rank) - 1, :, row]
            for at in np.argsort(money, axis=None, kind="stable").tolist():
                limit, place = divmod(at, money.shape[1])
                if not np.isfinite(money[limit, place]):
                    break
                mates = [other for other in range(rank) if site[other] == place]
                trial = [site.copy(), label.copy(), group.copy()]
                trial[0][rank] = place
                trial[1][rank] = label[mates[0]] if mates else rank
                trial[2][rank] = group[mates[0]] if mates else limit
                if ledger.move(order, *trial):
                    site, label, group = trial
                    break
    return figures_of(problem, ledger.placement, None)


def per_order(problem: SourcingProblem, catalogue: Catalogue, sequence: np.ndarray) -> Figures:
    """Let each order choose at its own least cost out of what is left."""
    ledger = Ledger(problem, Placement.nothing(problem))
    ejection = Ejection(ledger, catalogue)
    ejection.stale[:] = -len(sequence) * 100  # no chain is ever priced: nobody makes room
    ejection.improve(sequence)
    return figures_of(problem, ledger.placement, None)


def by_highs(problem: SourcingProblem, catalogue: Catalogue, seconds: float) -> Figures:
    """Give HiGHS all parcels of all orders."""
    nothing, free = Placement.nothing(problem), problem.resources
    price = np.zeros((problem.n_sites, problem.n_pieces))
    prices = Prices.zero(problem)
    orders = np.arange(problem.n_orders)
    columns = columns_of(nothing, catalogue, orders, price, prices, np.inf)
    master = build_master(problem, columns, Free(free.stock, free.room, free.parcels))
    outcome = solve_linear(master.linear, Limits(seconds=seconds), master.start())
    chosen = outcome.solution.x[: len(columns.now)] > 0.5 if outcome.solution else columns.now
    sizes = np.diff(problem.orders.first_piece)
    placement = nothing.copy()
    by_order: dict[int, list[int]] = {}
    for column in np.flatnonzero(chosen).tolist():
        by_order.setdefault(int(columns.order[column]), []).append(column)
    for order, sent in by_order.items():
        site, label, group = columns.choice(sent, int(sizes[order]))
        span = slice(*problem.orders.first_piece[order : order + 2])
        placement.site[span], placement.label[span], placement.group[span] = site, label, group
    bound = None
    if outcome.bound is not None:
        bound = float(problem.pieces.penalty.sum()) + outcome.bound
    return figures_of(problem, placement, bound)


def ours(problem: SourcingProblem, limits: Limits) -> Figures:
    """Search as the stage does."""
    found = search(problem, limits)
    return figures_of(problem, found.ledger.placement, found.bound)


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks sourcing", description=__doc__)
    parser.add_argument("scenarios", nargs="+", type=Path, help="folders of scenarios")
    parser.add_argument("--seconds", type=float, help="wall seconds of the search")
    parser.add_argument("--cpu-seconds", type=float, help="CPU seconds of the search instead")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--highs", action="store_true", help="HiGHS too, where the case is small")
    options = parser.parse_args(arguments)
    if (options.seconds is None) == (options.cpu_seconds is None):
        parser.error("give --seconds or --cpu-seconds")
    clock = time.perf_counter if options.cpu_seconds is None else time.process_time
    seconds = options.seconds or options.cpu_seconds
    for folder in options.scenarios:
        scenario = Scenario.load(folder)
        problem = build_problem(scenario)
        catalogue = build_catalogue(problem, MOST_EXACT)
        sequence = arrivals(scenario, problem)
        print(f"{folder.name}: {problem.n_orders} orders, {problem.n_sites} sites", flush=True)
        print(describe_machine(PACKAGES))
        per_order(problem, catalogue, sequence[:0])  # compiles the loops
        ways: dict[str, Callable[[], Figures]] = {
            "ours": lambda at=problem: ours(at, Limits(seconds, seed=options.seed, clock=clock)),
            "nearest": lambda at=problem, by=catalogue, seq=sequence: nearest(at, by, seq),
            "per order": lambda at=problem, by=catalogue, seq=sequence: per_order(at, by, seq),
        }
        if options.highs and catalogue.cells <= MOST_CELLS:
            ways["highs"] = lambda at=problem, by=catalogue: by_highs(at, by, seconds)
        _race(ways)
    return 0


def _race(ways: dict[str, Callable[[], Figures]]) -> None:
    """Run one way after the other and print what it comes to; the first is the measure."""
    print(
        f"{'':<10} {'cost':>14} {'/ ours':>7} {'gap %':>7} {'parcels':>8} {'split %':>8}"
        f" {'/ ours':>7} {'unserved':>9} {'CPU s':>7} {'wall s':>7}"
    )
    best: Figures | None = None
    for name, run in ways.items():
        wall, cpu = time.perf_counter(), time.process_time()
        found = run()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        best = best or found
        gap = gap_pct(found.cost, found.bound)
        print(
            f"{name:<10} {found.cost:>14,.2f} {found.cost / best.cost:>7.4f}"
            f" {'-' if gap is None else f'{gap:.3f}':>7} {found.parcels:>8}"
            f" {found.split_pct:>8.2f} {found.split_pct / max(best.split_pct, 1e-9):>7.2f}"
            f" {found.unserved:>9g} {cpu:>7.1f} {wall:>7.1f}",
            flush=True,
        )
