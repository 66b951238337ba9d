"""From records to figures and verdicts: what replications measured, held against the gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from scenarios import Scenario
from simulation.controls import Means
from simulation.dips import add_dips
from simulation.experiment import Case, Groups
from simulation.intervals import estimate
from simulation.kpis import Values, add_changes, measure
from simulation.ledger import Record
from simulation.levels import DEFAULT_TARGET
from simulation.suites import BASELINE, Gate
from simulation.tails import STATISTICS, statistics
from simulation.verdicts import GateFigure, Verdict
from simulation.world import World

CONFIDENCE = 0.95


def measure_cases(
    world: World,
    cases: Sequence[Case],
    records: Mapping[str, Record],
    products: tuple[str, ...],
) -> dict[str, Values]:
    """Return every KPI of every case, per replication; the baseline is among the cases."""
    calm = records[BASELINE]
    values = {case.name: measure(world, records[case.name], calm, products) for case in cases}
    for name, figures in values.items():
        add_changes(figures, values[BASELINE])
        add_dips(world, records[name], calm, figures)
    return values


def judge(
    gates: tuple[Gate, ...],
    cases: Sequence[Case],
    values: Mapping[str, Values],
    means: Mapping[str, Means],
    target: float,
) -> tuple[Verdict, ...]:
    """Return a verdict for every gate in every case that it is about.

    Parameters
    ----------
    means : how the means of a case are read, by case
    target : fill rate that `service_miss` is about
    """
    verdicts = []
    for gate in gates:
        for case in cases:
            if gate.case not in ("", case.name):
                continue
            mean, low, high = _judged(gate, values[case.name], means[case.name], target)
            shown = mean if gate.confidence is None else low if gate.at_least else high
            passed = shown >= gate.bound if gate.at_least else shown <= gate.bound
            verdicts.append(Verdict(case.name, gate, mean, shown, bool(passed)))
    return tuple(verdicts)


def _judged(gate: Gate, values: Values, means: Means, target: float) -> tuple[float, float, float]:
    """Return a figure, and what it is above and below with the gate's confidence."""
    if gate.kpi in STATISTICS:
        sure = 2.0 * (gate.confidence or CONFIDENCE) - 1.0
        own = statistics(values, target, sure)[gate.kpi]
        if np.isnan(own.low):
            return own.mean, -np.inf, np.inf
        return own.mean, own.low, own.high
    found = values[gate.kpi, gate.scope]
    low, high = means.one_sided(found, gate.confidence or CONFIDENCE)
    return means.estimate(found).mean, low, high


def gate_figure(
    verdict: Verdict,
    values: Mapping[str, Values],
    before: Mapping[str, Values],
    means: Mapping[str, Means],
    target: float,
) -> GateFigure:
    """Return a verdict's figure with its interval, and its gain over the same replications before.

    Parameters
    ----------
    values, before : KPIs per replication by case, with a change and without it
    means, target : as in :func:`judge`
    """
    gate, case = verdict.gate, verdict.case
    if gate.kpi in STATISTICS:
        return GateFigure(statistics(values[case], target, CONFIDENCE)[gate.kpi], None)
    own = values[case][gate.kpi, gate.scope]
    better = own - before[case][gate.kpi, gate.scope]
    return GateFigure(means[case].estimate(own), estimate(better if gate.at_least else -better))


def usual_service(scenario: Scenario, world: World) -> float:
    """Return the service targets of the classes, weighted by demand."""
    targets = scenario.settings.service_targets
    weighted = demand = 0.0
    for site in world.sites:
        own = site.demand_mean[world.bucket_of_tick].sum(axis=0)
        for k, p in enumerate(site.product):
            label = world.classes[p] if world.classes else ""
            weighted += float(own[k]) * targets.get(label, DEFAULT_TARGET)
        demand += float(own.sum())
    return weighted / demand if demand > 0.0 else DEFAULT_TARGET


def read_groups(scenario: Scenario) -> Groups:
    """Return the members (kind, id) of every group of the scenario."""
    members: dict[str, list[tuple[str, str]]] = {}
    for row in scenario.table("groups").itertuples(index=False):
        members.setdefault(str(row.group_id), []).append((str(row.kind), str(row.member_id)))
    return {group: tuple(listed) for group, listed in members.items()}
