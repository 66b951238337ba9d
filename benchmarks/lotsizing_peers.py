"""A buyer's problem written out for a solver, and solvers used directly on it.

The form that a modeller writes first: lots and yes-or-no per supplier, item, period and price
range, stock balances, joint orders. Every column is a whole number, so that CP-SAT can take it.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.lotsizing_cases import make_case
from optimizer.engines.linear import solve_linear
from optimizer.engines.linear_problem import LinearProblem, Rows
from optimizer.outcome import Limits, gap_pct
from optimizer.replenishment.buyer.item_plans import own_prices, plan_items
from optimizer.replenishment.buyer.problem import Ints, Problem
from optimizer.replenishment.buyer.solve import solve

PERIODS, SUPPLIERS = 12, 3


def direct_program(problem: Problem, *, strict: bool = False) -> LinearProblem:
    """Return a buyer's problem as one mixed-integer program; orders must bring what they state.

    Parameters
    ----------
    strict : demand is lost only for want of stock. Otherwise some may be refused while there is
        stock, to keep it over safety stock until as much is lost later: a little less is paid
    """
    items, options, groups, slots = (
        problem.items, problem.options, problem.groups, problem.slots,
    )  # fmt: skip
    assert np.all(options.brings == 1.0), "losses on the way cannot be said in whole numbers"
    count, periods = items.demand.shape
    cells = len(groups.order_cost) * periods
    each = options.segment_start[slots.option + 1] - options.segment_start[slots.option]
    slot = np.repeat(np.arange(len(slots.item)), each)
    part = np.concatenate(
        [np.arange(a, b) for a, b in zip(options.segment_start[slots.option],
                                         options.segment_start[slots.option + 1], strict=True)]
    )  # fmt: skip
    option, item = slots.option[slot], slots.item[slot]
    step = options.multiple[option].astype(np.float64)
    size, grid = len(slot), count * periods
    lots, used = np.arange(size), size + np.arange(size)
    held = 2 * size + np.arange(grid)
    lost, under = held + grid, held + 2 * grid
    placed = 2 * size + 3 * grid + np.arange(cells)
    ships = placed + cells
    cell = options.group[option] * periods + slots.period[slot]
    low, high, here = options.low[part], options.high[part], np.zeros(size)
    rows = Rows()
    rows.add(_pair(size), np.r_[lots, used], np.r_[step, -high], here - np.inf, here)
    rows.add(_pair(size), np.r_[lots, used], np.r_[step, -low], here, here + np.inf)
    rows.add(_pair(size), np.r_[used, placed[cell]], np.r_[here + 1, here - 1], here - np.inf, here)
    rows.add(slot, used, here + 1.0, np.zeros(len(slots.item)), np.ones(len(slots.item)))
    at = np.arange(grid)
    before = at[at % periods > 0]
    opening = np.where(at % periods == 0, items.opening[at // periods], 0)
    need = (items.demand - items.receipts).ravel() - opening
    arrives = item * periods + slots.arrival[slot]
    rows.add(
        np.r_[at, at, before, arrives],
        np.r_[held, lost, held[before - 1], lots],
        np.r_[np.full(grid, -1.0), np.ones(grid), np.ones(len(before)), step],
        need, need,
    )  # fmt: skip
    floor = np.repeat(items.floor, periods).astype(np.float64)
    rows.add(_pair(grid), np.r_[held, under], np.ones(2 * grid), floor, np.full(grid, np.inf))
    ceiling = np.repeat(items.most_stock, periods) - items.demand.ravel()
    signs = np.r_[np.ones(grid), -np.ones(grid)]
    rows.add(_pair(grid), np.r_[held, lost], signs, np.full(grid, -np.inf), ceiling)
    money, group = options.price[part] * step, np.arange(cells) // periods
    paid = np.r_[money, options.offset[part], -groups.minimum[group]]
    rows.add(np.r_[cell, cell, np.arange(cells)], np.r_[lots, used, placed], paid,
             np.zeros(cells), np.full(cells, np.inf))  # fmt: skip
    most = np.zeros(cells)
    for weight, size_of in ((options.kg, groups.shipment_kg), (options.m3, groups.shipment_m3)):
        if np.isfinite(size_of).any():
            room = np.nan_to_num(size_of, posinf=0.0)[group]
            load = np.where(np.isfinite(size_of)[options.group[option]], weight[option] * step, 0.0)
            heaviest = np.bincount(cell, load * high / step, minlength=cells)
            most = np.maximum(most, np.ceil(heaviest / np.where(room > 0.0, room, np.inf)))
            rows.add(np.r_[cell, np.arange(cells)], np.r_[lots, ships], np.r_[load, -room],
                     np.full(cells, -np.inf), np.zeros(cells))  # fmt: skip
    by_m3 = np.isfinite(groups.shipment_m3)
    unit = np.where(by_m3[options.group[option]], options.m3[option], options.kg[option])
    fill = np.where(by_m3, groups.shipment_m3, groups.shipment_kg)
    fill = (np.where(np.isfinite(fill), fill, 0.0) * groups.min_fill)[group]
    load = np.where(groups.min_fill[options.group[option]] > 0.0, unit * step, 0.0)
    rows.add(np.r_[cell, np.arange(cells)], np.r_[lots, ships], np.r_[load, -fill],
             np.zeros(cells), np.full(cells, np.inf))  # fmt: skip
    both = np.r_[np.ones(cells), -np.ones(cells)]
    rows.add(_pair(cells), np.r_[ships, placed], both, np.zeros(cells), np.full(cells, np.inf))
    for rule, rooms in enumerate(problem.rules.room):
        a, b = problem.rules.money[rule, option], problem.rules.units[rule, option]
        rows.add(np.r_[slots.period[slot], slots.period[slot]], np.r_[lots, used],
                 np.r_[a * money + b * step, a * options.offset[part]],
                 np.full(periods, -np.inf), rooms)  # fmt: skip
    for store, rooms in enumerate(problem.storage.room):
        rows.add(at % periods, held, problem.storage.m3[store, at // periods],
                 np.full(periods, -np.inf), rooms)  # fmt: skip
    top = np.repeat(items.most_stock, periods).astype(np.float64)
    columns = 2 * size + 3 * grid + 2 * cells
    short = columns + at[: grid * strict]
    _lost_when_short(rows, held[: len(short)], lost[: len(short)], short, problem)
    end = np.where(at % periods == periods - 1, items.end_value[at // periods], 0.0)
    return rows.problem(
        np.r_[
            money + options.unit_cost[option] * step,
            options.offset[part] + options.line_cost[option],
            items.holding[at // periods] - end,
            items.lost[at // periods],
            items.floor_price[at // periods],
            groups.order_cost[group],
            groups.per_shipment[group],
            np.zeros(len(short)),
        ],
        np.zeros(columns + len(short)),
        np.r_[np.maximum(high // options.multiple[option], 0), np.ones(size), top,
              items.demand.ravel(), floor, np.ones(cells), np.maximum(most, 1.0),
              np.ones(len(short))],
        np.ones(columns + len(short), bool),
        float((items.end_value * items.supply).sum()),
    )  # fmt: skip


def _lost_when_short(rows: Rows, held: Ints, lost: Ints, short: Ints, problem: Problem) -> None:
    """Add rows by which demand is lost only where nothing is held, said by columns `short`."""
    count = len(short)
    zero, one = np.zeros(count), np.ones(count)
    wanted = problem.items.demand.ravel()[:count].astype(np.float64)
    top = np.repeat(problem.items.most_stock, problem.n_periods)[:count].astype(np.float64)
    rows.add(_pair(count), np.r_[lost, short], np.r_[one, -wanted], zero - np.inf, zero)
    rows.add(_pair(count), np.r_[held, short], np.r_[one, top], zero - np.inf, top)


def _pair(count: int) -> np.ndarray:
    return np.r_[np.arange(count), np.arange(count)]


def compare(sizes: list[int], seeds: list[int], seconds: float, peers: list[str]) -> None:
    """Solve made-up cases with our method and with solvers directly, and print a line each."""
    warm = make_case(3, 4, 2, 0)
    plan_items(warm, own_prices(warm))  # compiled once, as in a service
    print(f"{'items':>5} {'seed':>4} {'by':<7} {'cost':>13} {'bound':>13} {'gap %':>8}"
          f" {'first s':>8} {'wall s':>7} {'CPU s':>7} {'load':>5}")  # fmt: skip
    for size in sizes:
        for seed in seeds:
            problem = make_case(size, PERIODS, SUPPLIERS, seed)
            _ours(problem, size, seed, seconds)
            program = direct_program(problem) if peers else None
            for name in peers:
                assert program is not None
                _theirs(program, name, size, seed, seconds)


def _ours(problem: Problem, size: int, seed: int, seconds: float) -> None:
    first: list[float] = []

    def note(_stage: str, _share: float, message: str) -> None:
        if message.startswith("first plan"):
            first.append(time.perf_counter() - began)

    began, spent = time.perf_counter(), time.process_time()
    outcome = solve(problem, Limits(seconds=seconds, seed=0, progress=note))
    took, spent = time.perf_counter() - began, time.process_time() - spent
    assert outcome.solution is not None
    assert problem.feasible(outcome.solution.qty)
    _print(size, seed, "ours", (outcome.objective, outcome.bound), (first[0], took, spent))


def _theirs(program: LinearProblem, name: str, size: int, seed: int, seconds: float) -> None:
    began, spent = time.perf_counter(), time.process_time()
    if name == "cbc":
        found = _cbc(program, seconds)
    else:
        outcome = solve_linear(program, Limits(seconds=seconds), engine=name, gap=1e-6)
        found = (outcome.objective, outcome.bound)
    took, spent = time.perf_counter() - began, time.process_time() - spent
    _print(size, seed, name, found, (None, took, None if name == "cbc" else spent))


def _cbc(program: LinearProblem, seconds: float) -> tuple[float | None, float | None]:
    """Run PuLP's CBC in a process of its own, and take its values only if they keep every row."""
    import highspy
    import pulp

    from optimizer.engines.linear_highs import model_of

    with tempfile.TemporaryDirectory() as folder:
        model, answer = Path(folder) / "case.mps", Path(folder) / "answer.txt"
        writer = highspy.Highs()
        writer.setOptionValue("output_flag", False)
        writer.passModel(model_of(highspy, program))
        writer.writeModel(str(model))
        command = [pulp.PULP_CBC_CMD().path, str(model), "-sec", str(seconds), "-timeMode",
                   "elapsed", "-solve", "-solution", str(answer)]  # fmt: skip
        try:
            run = subprocess.run(
                command, capture_output=True, text=True, timeout=seconds + 15.0, check=False
            )
        except subprocess.TimeoutExpired:
            return None, None
        bounds = re.findall(r"Lower bound:\s+([-\d.e+]+)", run.stdout)
        x = np.zeros(len(program.cost))
        lines = answer.read_text().splitlines()[1:] if answer.exists() else []
        for line in lines:
            place, name, value = line.replace("**", "").split()[:3]
            x[int(re.sub(r"\D", "", name) or place)] = float(value)
        good = bool(lines) and program.violation(np.rint(x)) <= 1e-6
        return (
            program.objective(np.rint(x)) if good else None,
            float(bounds[-1]) + program.offset if bounds else None,
        )


def _print(
    size: int,
    seed: int,
    name: str,
    found: tuple[float | None, float | None],
    times: tuple[float | None, float, float | None],
) -> None:
    cost, bound = found
    gap = None if cost is None or bound is None else gap_pct(cost, bound)
    cells = [
        "-" if value is None else f"{value:.{digits}f}"
        for value, digits in ((cost, 1), (bound, 1), (gap, 3), (times[0], 2), (times[1], 1),
                              (times[2], 1), (os.getloadavg()[0], 1))
    ]  # fmt: skip
    widths = (13, 13, 8, 8, 7, 7, 5)
    print(f"{size:>5} {seed:>4} {name:<7} "
          + " ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True)),
          flush=True)  # fmt: skip
