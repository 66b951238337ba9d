"""Random forced decisions: what-if against planning anew, and how long each takes.

    python -m benchmarks what-if [--shops 40] [--each 24] [--demo double-eleven=FOLDER] [--out FILE]

Every decision is asked twice: `what_if` from the plan at hand, and a full re-solve, which sees the
decision in its scenario, nothing of the plan, another seed and several times the work. Both best
plans cost what lies between each one's bound and its cost, so the two ranges must share a point
(else: apart), and where neither gap is above MOST_GAP_PCT the two costs agree within it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.machine import describe_machine
from benchmarks.what_if_decisions import draw_decisions, draw_transfers
from benchmarks.what_if_page import page_of
from benchmarks.what_if_worlds import random_shop, random_stores
from optimizer.moved import with_transfers
from optimizer.outcome import Limits
from optimizer.pipeline import plan, run_stage
from optimizer.plan import Plan
from optimizer.routing.solve import solve
from optimizer.routing.what_if import among, read_case
from optimizer.what_if import Decision, what_if
from optimizer.what_if.ask import BRIEF, READS
from scenarios import Scenario
from scenarios.deltas import apply
from scenarios.gazetteer import fill_coordinates
from scenarios.library import demo_scenario

MOST_GAP_PCT = 0.1
ROUNDING = 1e-6  # relative
OPERATIONS = ("replenishment", "sourcing", "routing")
PLAN_WORK, DESIGN_WORK, DEMO_WORK = 12.0, 4.0, 60.0
WORK_ANEW = {
    "replenishment": 30.0, "sourcing": 10.0, "network": 10.0, "routing": 4.0, "positioning": 6.0,
}  # fmt: skip
SEED_ANEW = 7919


@dataclass(frozen=True, slots=True)
class Answered:
    """One decision, asked both ways.

    Attributes
    ----------
    found : agree, wide (the ranges share a point, a gap is above MOST_GAP_PCT), apart, impossible
        (both say so), missed (only what-if found no plan), found (only planning anew found none)
    gap_pct, anew_gap_pct : the wider gap of the stages; NaN: no bound
    differ_pct : of the costs, what-if less anew
    extra : money that the decision costs, by what-if
    """

    world: str
    kind: str
    decision: str
    found: str
    after: float
    anew: float
    gap_pct: float
    anew_gap_pct: float
    differ_pct: float
    extra: float
    wall_s: float
    cpu_s: float


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark; return 1 where an answer is apart from planning anew."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks what-if", description=__doc__)
    parser.add_argument("--shops", type=int, default=40, help="small random shops")
    parser.add_argument("--stores", type=int, default=0, help="random sites with stock to move")
    parser.add_argument("--first", type=int, default=1000, help="seed of the first of them")
    parser.add_argument("--each", type=int, default=24, help="decisions of each shop")
    parser.add_argument("--demo", action="append", default=[], help="NAME=COUNT decisions of it")
    parser.add_argument("--seed", type=int, default=11, help="of the draw of decisions")
    parser.add_argument("--out", type=Path, default=Path("what-if.jsonl"), help="one line each")
    parser.add_argument("--page", type=Path, help="write the page from what --out holds by then")
    options = parser.parse_args(arguments)
    rows: list[Answered] = []
    with options.out.open("a", encoding="utf-8") as out:
        for row in _every(options):
            rows.append(row)
            out.write(json.dumps(asdict(row)) + "\n")
            out.flush()
    every = pd.read_json(options.out, lines=True)
    if options.page:
        machine = describe_machine(("numpy", "highspy", "numba"))
        options.page.write_text(page_of(every, machine), encoding="utf-8")
    print(every.groupby(["world", "kind", "found"]).size().to_string())
    return int(any(row.found in ("apart", "missed", "found") for row in rows))


def _every(options: argparse.Namespace) -> Iterator[Answered]:
    for number in range(options.first, options.first + options.shops):
        shop = random_shop(number)
        made = plan(shop, OPERATIONS, work=PLAN_WORK), plan(shop, ["network"], work=DESIGN_WORK)
        yield from ask_both("random shops", shop, made, options.each, options.seed + number)
    for number in range(options.first, options.first + options.stores):
        stores = random_stores(number)
        made_of = plan(stores, ["positioning"], work=DESIGN_WORK)
        for kind, decision in draw_transfers(stores, made_of, options.each, options.seed + number):
            yield compare("random stores", kind, stores, made_of, decision)
    for told in options.demo:
        name, _, count = told.partition("=")
        demo = demo_scenario(name)
        made = plan(demo, work=DEMO_WORK), plan(demo, ["network"], work=DEMO_WORK)
        yield from ask_both(name, demo, made, int(count), options.seed)


def ask_both(
    world: str, scenario: Scenario, made: tuple[Plan, Plan], count: int, seed: int
) -> Iterator[Answered]:
    """Yield decisions drawn at random, each asked both ways.

    Parameters
    ----------
    made : the plan of the night, and that of the network
    """
    for kind, decision in draw_decisions(scenario, made[0], count, seed):
        plan_at_hand = made[1] if kind.startswith("network") else made[0]
        yield compare(world, kind, scenario, plan_at_hand, decision)


def compare(world: str, kind: str, scenario: Scenario, made: Plan, decision: Decision) -> Answered:
    """Ask `what_if`, plan anew, and say how the answers stand to each other."""
    wall, cpu = time.perf_counter(), time.process_time()
    answer = what_if(scenario, made, decision)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    if decision.kind == "stop":
        other = [_stop_anew(scenario, made, decision)]
    else:
        stages = [stage.stage for stage in answer.stages] or _stages(kind)
        other = list(_anew(scenario, made, decision, stages))
    possible = all(cost is not None for cost, _ in other)
    nan = float("nan")
    if not answer.possible or not possible:
        found = "impossible"
        if answer.possible != possible:
            found = "missed" if possible else "found"
        return Answered(world, kind, str(decision), found, nan, nan, nan, nan, nan, nan, wall, cpu)
    mine = [(stage.after, nan if stage.bound_after is None else stage.bound_after)
            for stage in answer.stages]  # fmt: skip
    after, anew = sum(cost for cost, _ in mine), sum(cost or 0.0 for cost, _ in other)
    slack = ROUNDING * max(1.0, abs(anew))
    apart = any(
        one[0] < two[1] - slack or (two[0] or 0.0) < one[1] - slack
        for one, two in zip(mine, other, strict=True)
    )
    gaps = _gap_pct(mine), _gap_pct(other)
    close = all(gap <= MOST_GAP_PCT for gap in gaps)
    return Answered(
        world,
        kind,
        str(decision),
        "apart" if apart else "agree" if close else "wide",
        after,
        anew,
        *gaps,
        100.0 * (after - anew) / max(abs(anew), 1e-9),
        answer.extra_cost,
        wall,
        cpu,
    )


def _stages(kind: str) -> list[str]:
    """Return the stages that an impossible decision is about."""
    stage = {"order": "sourcing", "network": "network", "transfer": "positioning"}
    return [stage.get(kind.split(maxsplit=1)[0], "replenishment")]


def _gap_pct(ranges: Iterable[tuple[float | None, float]]) -> float:
    """Return the widest gap, percent of the cost; NaN where a bound is missing."""
    gaps = [
        100.0 * (cost - bound) / max(abs(cost), 1e-9) for cost, bound in ranges if cost is not None
    ]
    return float(np.max(gaps)) if gaps else float("nan")


def _anew(
    scenario: Scenario, made: Plan, decision: Decision, stages: Sequence[str]
) -> Iterator[tuple[float | None, float]]:
    """Yield cost and bound of each stage, planned from nothing with the decision; None: no plan."""
    facts, _ = fill_coordinates(apply(scenario, decision.deltas(network="network" in stages)))
    moved = made.table("transfers")
    if "positioning" not in stages:
        moved = moved[moved["transfer_id"].str.startswith("TP-").fillna(False)]
        facts = with_transfers(facts, moved)
    for stage in stages:
        reads = {name: made.tables[name] for name in READS.get(stage, ()) if name in made.tables}
        limits = Limits(work=WORK_ANEW[stage], seed=SEED_ANEW)
        certificate = run_stage(stage, facts, reads, limits, BRIEF.get(stage)).certificate
        if certificate is None or certificate.objective is None:
            yield None, float("nan")
            continue
        bound = certificate.bound
        yield certificate.objective, float("nan") if bound is None else bound


def _stop_anew(scenario: Scenario, made: Plan, decision: Decision) -> tuple[float | None, float]:
    """Return cost and bound of the day's routes, searched from nothing with the decision."""
    facts, _ = fill_coordinates(scenario)
    case = read_case(facts, made, decision.action, decision.order_id, decision.route_id)
    problem = among(case.forced, case.chosen)
    found = solve(problem, Limits(work=WORK_ANEW["routing"], seed=SEED_ANEW))
    driven = found.solution
    if driven is None or found.objective is None:
        return None, float("nan")
    if decision.action != "leave" and case.stop in driven.unserved:
        return None, float("nan")
    return found.objective, float("nan") if found.bound is None else found.bound
