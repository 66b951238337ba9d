"""Plans side by side: the same demand meets each of them, so that differences are what differs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from optimizer.executor import Executor
from optimizer.plan import Plan
from scenarios import InputError, Scenario
from scenarios.gazetteer import fill_coordinates
from simulation.arrays import Floats
from simulation.assembly import build_world
from simulation.experiment import Case, Setup, run_cases
from simulation.intervals import Estimate, estimate
from simulation.judging import measure_cases, read_groups
from simulation.kpis import KPIS, Values
from simulation.suites import BASELINE

COMPARED = (
    *("fill_rate", "short_units", "stock_value", "cost_operating", "cost_holding"),
    *("cost_shortage", "cost_ordering", "cost_transport", "cost_purchase", "co2_kg"),
)
COST = "cost_operating"


@dataclass(frozen=True, slots=True)
class Figure:
    """A key figure of one side, and its difference from the baseline, each with a 95 % interval."""

    kpi: str
    unit: str
    side: str
    value: Estimate
    difference: Estimate


@dataclass(frozen=True, slots=True)
class Choice:
    """How plans fare over scenarios.

    Attributes
    ----------
    plans, scenarios : names
    cost : (n_plans, n_scenarios) mean operating cost, money; None where a plan cannot be tried
    half_width : of its 95 % interval
    expected, worst, regret : (n_plans,) over the scenarios, None where a cost is missing; regret is
        the largest cost beyond the best plan of a scenario
    best_expected, best_worst, best_regret : name of the plan that is best by each; "" for none
    """

    plans: tuple[str, ...]
    scenarios: tuple[str, ...]
    weights: tuple[float, ...]
    cost: tuple[tuple[float | None, ...], ...]
    half_width: tuple[tuple[float | None, ...], ...]
    expected: tuple[float | None, ...]
    worst: tuple[float | None, ...]
    regret: tuple[float | None, ...]
    best_expected: str
    best_worst: str
    best_regret: str
    notes: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def simulate(
    scenario: Scenario,
    plan: Plan,
    replications: int,
    seed: int,
    executor: Executor | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Values:
    """Return every KPI of a plan carried out in a scenario, (replications,) by name and scope."""
    facts, _ = fill_coordinates(scenario)
    world = build_world(facts, plan)
    setup = Setup(replications=replications, seed=seed, groups=read_groups(facts))
    cases = [Case(BASELINE)]
    records = run_cases(world, cases, setup, executor=executor, cancelled=cancelled)
    return measure_cases(world, cases, records, ())[BASELINE]


def figures(names: Sequence[str], values: Sequence[Values]) -> tuple[Figure, ...]:
    """Return the compared KPIs of every side; the first side is the baseline.

    Differences are paired: replication r of each side meets the same random numbers.
    """
    found = []
    for kpi in COMPARED:
        base = values[0][kpi, "all"]
        for name, side in zip(names, values, strict=True):
            own = side[kpi, "all"]
            found.append(Figure(kpi, KPIS[kpi].unit, name, estimate(own), estimate(own - base)))
    return tuple(found)


def choose(
    plans: Sequence[tuple[str, Plan]],
    scenarios: Sequence[tuple[str, Scenario]],
    replications: int,
    seed: int,
    weights: Sequence[float] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Choice:
    """Try every plan in every scenario and say which is best on average, at worst, by regret.

    Parameters
    ----------
    plans : one for each scenario, in the order of `scenarios`. In a scenario customers ask for what
        its own plan forecasts, whichever plan is tried
    weights : probability of each scenario; None: the same

    Raises
    ------
    InputError
        Not as many plans as scenarios; the weights are not as many, or add up to nothing.
    """
    _shares(weights, len(scenarios))  # refused before anything runs
    if len(plans) != len(scenarios):
        raise InputError("every scenario needs its own plan, which says what is asked for there")
    mean = np.full((len(plans), len(scenarios)), np.nan)
    half = np.full(mean.shape, np.nan)
    notes = []
    for i, (plan_name, plan) in enumerate(plans):
        for j, (scenario_name, scenario) in enumerate(scenarios):
            try:
                facing = _facing(plan, plans[j][1])
                values = simulate(scenario, facing, replications, seed, cancelled=cancelled)
            except InputError as wrong:
                notes.append(f"{plan_name} cannot be tried in {scenario_name}: {wrong}")
                continue
            found = estimate(values[COST, "all"])
            mean[i, j], half[i, j] = found.mean, found.half_width
    return weigh(
        [name for name, _ in plans], [name for name, _ in scenarios], weights, mean, half, notes
    )


def _facing(plan: Plan, own: Plan) -> Plan:
    """Return a plan with the demand that another plan, made for the scenario, expects there."""
    if plan is own:
        return plan
    tables = {name: frame for name, frame in plan.tables.items() if name != "forecast"}
    if "forecast" in own.tables:
        tables["forecast"] = own.tables["forecast"]
    return Plan(plan.provenance, tables, plan.notes)


def weigh(
    names: Sequence[str],
    scenarios: Sequence[str],
    weights: Sequence[float] | Floats | None,
    mean: Floats,
    half: Floats,
    notes: Sequence[str] = (),
) -> Choice:
    """Say which of some candidates is best on average, at worst and by regret.

    Parameters
    ----------
    weights : probability of each scenario; None: the same
    mean, half : (n_candidates, n_scenarios) cost and the half-width of its interval; NaN: not known

    Raises
    ------
    InputError
        The weights are not as many as the scenarios, or add up to nothing.
    """
    share = _shares(weights, len(scenarios))
    best = np.where(np.isfinite(mean).all(axis=0), mean.min(axis=0), np.nan)
    expected, worst = mean @ share, mean.max(axis=1)
    regret = (mean - best).max(axis=1)
    candidates = tuple(names)
    return Choice(
        candidates,
        tuple(scenarios),
        tuple(float(part) for part in share),
        tuple(_known(row) for row in mean),
        tuple(_known(row) for row in half),
        _known(expected),
        _known(worst),
        _known(regret),
        _least(candidates, expected),
        _least(candidates, worst),
        _least(candidates, regret),
        tuple(notes),
    )


def _shares(weights: Sequence[float] | Floats | None, count: int) -> Floats:
    share = np.ones(count) if weights is None else np.array(weights, np.float64)
    if len(share) != count or not share.sum() > 0.0 or (share < 0.0).any():
        raise InputError("weights are one per scenario, none negative, some above 0")
    shares: Floats = share / share.sum()
    return shares


def _known(values: Floats) -> tuple[float | None, ...]:
    return tuple(float(value) if np.isfinite(value) else None for value in values)


def _least(names: tuple[str, ...], values: Floats) -> str:
    """Return the name of the least value; of equal ones the first."""
    if not np.isfinite(values).any():
        return ""
    return names[int(np.nanargmin(values))]
