"""Scenarios and their plans side by side: inputs, key figures, drivers of cost, robust choice."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from optimizer.plan import Plan
from scenarios import InputError, Scenario
from scenarios.deltas import diff

MOST_CHANGES: Final = 1000  # of the inputs that are listed
REPLICATIONS: Final = 30


@dataclass(frozen=True, slots=True)
class Side:
    """A scenario and its plan."""

    name: str
    scenario: Scenario
    plan: Plan


def plan_like(first: Plan) -> Callable[[Scenario], Plan]:
    """Return what plans a scenario as a plan was made: its stages, limits, options and seed."""
    from optimizer.pipeline import plan
    from optimizer.stages import GROUPS, STAGES

    options = dict(first.provenance.options)
    stages = [str(name) for name in options.pop("stages", None) or []]
    seconds, work = options.pop("seconds", None), options.pop("work", None)
    known = {name for stage in STAGES.values() for name in stage.options}
    wishes = {n: str(v) for n, v in options.items() if n in known and n != "export"}
    assert set(stages) <= {*STAGES, *GROUPS}, "a plan's stages are stages"

    def make(scenario: Scenario) -> Plan:
        return plan(
            scenario,
            stages or None,
            seconds=seconds,
            work=work,
            seed=first.provenance.seed,
            options=wishes or None,
        )

    return make


def compare(
    sides: Sequence[Side],
    *,
    replications: int = REPLICATIONS,
    shapley: bool = False,
    waterfall: bool = True,
    weights: Sequence[float] | None = None,
    seed: int | None = None,
    progress: Callable[[str, float, str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    """Compare candidates with the first side, the baseline; return the document of it.

    Parameters
    ----------
    replications : of the simulation of every plan in every scenario
    shapley : of the waterfall: mean over all orders, for up to six groups of changes
    waterfall : plan after every group of changes; False leaves that out
    weights : probability of every side's scenario in the robust choice; None: the same
    seed : of the simulation; None: that of the baseline's scenario

    Raises
    ------
    InputError
        There is nothing to compare, or names are the same.
    """
    from optimizer.waterfall import costs_of
    from optimizer.waterfall import waterfall as attribute
    from simulation.side_by_side import choose, figures, simulate

    names = [side.name for side in sides]
    if len(sides) < 2 or len(set(names)) < len(names):
        raise InputError("name a baseline and at least one candidate, each by a name of its own")
    tell = progress or (lambda _stage, _share, _message: None)
    base = sides[0]
    used = base.scenario.settings.seed if seed is None else seed
    costs = {side.name: costs_of(side.plan) for side in sides}
    document: dict[str, Any] = {
        "baseline": base.name,
        "candidates": names[1:],
        "plans": [
            {
                "name": side.name,
                "scenario_hash": side.plan.provenance.scenario_hash,
                "cost": costs[side.name].total,
                "stages": dict(costs[side.name].stages),
                "bounds": dict(costs[side.name].bounds),
            }
            for side in sides
        ],
        "inputs": {side.name: _inputs(base.scenario, side.scenario) for side in sides[1:]},
        "notes": [],
    }
    tell("comparison", 0.1, "simulating")
    values = [
        simulate(side.scenario, side.plan, replications, used, cancelled=cancelled)
        for side in sides
    ]
    document["kpis"] = [asdict(figure) for figure in figures(names, values)]
    document["replications"], document["seed"] = replications, used
    falls: dict[str, Any] = {}
    for number, side in enumerate(sides[1:] if waterfall else []):
        tell("comparison", 0.3 + 0.5 * number / len(sides), f"drivers of {side.name}")
        if cancelled is not None and cancelled():
            break
        try:
            falls[side.name] = attribute(
                base.scenario, side.scenario, plan_like(base.plan),
                shapley=shapley, known=_ends(base, side),
            ).document()  # fmt: skip
        except InputError as wrong:
            document["notes"].append(f"No waterfall for {side.name}: {wrong}")
    document["waterfalls"] = falls
    tell("comparison", 0.8, "every plan in every scenario")
    choice = choose(
        [(side.name, side.plan) for side in sides],
        [(side.name, side.scenario) for side in sides],
        replications,
        used,
        weights,
        cancelled,
    )
    document["robust"] = choice.document()
    told: dict[str, Any] = plain(document)
    return told


def _ends(base: Side, side: Side) -> tuple[Plan, Plan] | None:
    """Return both plans where the second was made as the first, so that neither is made anew."""
    first, second = base.plan.provenance, side.plan.provenance
    same = first.options == second.options and first.seed == second.seed
    return (base.plan, side.plan) if same else None


def _inputs(before: Scenario, after: Scenario) -> dict[str, Any]:
    """Return what differs of the inputs: counts by table and column, and the first changes."""
    rows = diff(before, after).frame()
    counts = rows.groupby(["table", "change", "column"], sort=False).size()
    return {
        "changes": len(rows),
        "by_column": [
            {"table": table, "change": change, "column": column, "count": int(count)}
            for (table, change, column), count in counts.items()
        ],
        "first": rows.head(MOST_CHANGES).to_dict("records"),
    }


def plain(value: Any) -> Any:
    """Return a value as JSON has it: what is not finite is not known."""
    if isinstance(value, Mapping):
        return {str(key): plain(cell) for key, cell in value.items()}
    if isinstance(value, list | tuple):
        return [plain(cell) for cell in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
