"""The suite that runs when none is given: the scenario's own risks, and four standard blows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from optimizer.plan import Plan
from scenarios import Scenario
from scenarios.findings import Findings
from scenarios.gazetteer import fill_coordinates
from simulation.arrays import Floats
from simulation.assembly import build_world
from simulation.disruptions import Disruption
from simulation.distributions import Distribution
from simulation.experiment import Case
from simulation.rows import DisruptionReader
from simulation.suites import Gate, Suite
from simulation.world import World

OUTAGE_DAYS = 14.0  # for a supplier without recovery_days
SURGE_FACTOR, SURGE_DAYS = 1.5, 14
CLOSURE_DAYS = 7
SLOW_FACTOR, SLOW_DAYS = 1.5, 28
FIRST_BLOW = 7.0  # day on which the standard supply blows strike
ALL_RISKS = "all risks as they may come"


def default_suite(scenario: Scenario, world: World) -> Suite:
    """Return one case per disruption of the scenario, all of them together, and standard ones.

    In a case of its own a disruption is certain: its probability is 1, and where only days between
    onsets are stated it begins on a day of the first half of the horizon, each equally likely.
    """
    cases, notes = _own_risks(scenario)
    cases += _standard(world)
    return Suite("default", tuple(cases), notes=tuple(notes))


def suite_with_floor(scenario: Scenario, plan: Plan, fill_rate: float) -> Suite:
    """Return the default suite, each case of which, and the plan undisturbed, must serve so much.

    Parameters
    ----------
    fill_rate : least share of the demand that is served on its day
    """
    facts, _ = fill_coordinates(scenario)
    suite = default_suite(facts, build_world(facts, plan))
    return replace(suite, gates=(Gate("fill_rate", "all", fill_rate, at_least=True),))


def _own_risks(scenario: Scenario) -> tuple[list[Case], list[str]]:
    findings = Findings()
    reader = DisruptionReader(scenario, findings)
    cases: list[Case] = []
    together: dict[str, Disruption] = {}
    wrong: list[str] = []
    half = Distribution("uniform", (0.0, scenario.settings.horizon_days / 2.0))
    for name in reader.rows.index:
        before = len(findings.errors)
        made = reader.from_scenario(str(name))
        if len(findings.errors) > before or not made:
            wrong += [f"Not simulated: {finding}" for finding in findings.errors[before:]]
            continue
        together |= {disruption.disruption_id: disruption for disruption in made}
        certain = tuple(replace(each, probability=1.0, start=_soon(each, half)) for each in made)
        cases.append(Case(str(name), certain, _title(certain[-1])))
    if len(together) > 1:
        cases.append(Case(ALL_RISKS, tuple(together.values()), f"{len(together)} risks by chance"))
    return cases, list(dict.fromkeys(wrong))


def _soon(disruption: Disruption, half: Distribution) -> float | Distribution | None:
    if isinstance(disruption.start, Distribution) and not disruption.after:
        return half
    return disruption.start


def _title(disruption: Disruption) -> str:
    return f"{disruption.kind.replace('_', ' ')} of {disruption.target}, {disruption.severity:g}"


def _standard(world: World) -> list[Case]:
    horizon = world.n_ticks // world.ticks_per_day
    load = _daily_load(world)
    first = min(FIRST_BLOW, horizon // 4)
    cases = []
    supplier = _biggest_supplier(world)
    if supplier is not None:
        facts = world.suppliers[supplier]
        days = facts.recovery_days if facts.recovery_days > 0 else OUTAGE_DAYS
        title = f"{facts.supplier_id} delivers nothing for {days:g} days from day {first:g}"
        blow = _blow("supplier_outage", f"supplier:{facts.supplier_id}", first, days)
        cases.append(Case("loss of the biggest supplier", (blow,), title))
    peak = _peak(load, SURGE_DAYS)
    title = f"demand x {SURGE_FACTOR:g} for {SURGE_DAYS} days from day {peak}"
    blow = _blow("demand_surge", "all", float(peak), SURGE_DAYS, SURGE_FACTOR)
    cases.append(Case("demand surge at the peak", (blow,), title))
    own = [float(site.demand_mean.sum()) for site in world.sites]
    sizes = [units + _passed_on(world, i) for i, units in enumerate(own)]
    site_id = world.sites[int(np.argmax(sizes))].site_id
    peak = _peak(load, CLOSURE_DAYS)
    title = f"{site_id} closed for {CLOSURE_DAYS} days from day {peak}"
    blow = _blow("warehouse_closure", f"site:{site_id}", float(peak), CLOSURE_DAYS)
    cases.append(Case("closure of the biggest warehouse", (blow,), title))
    if world.lanes:
        days = min(SLOW_DAYS, horizon)
        title = f"all lead times x {SLOW_FACTOR:g} for {days} days from day 0"
        blow = _blow("lead_time_blowup", "all", 0.0, days, SLOW_FACTOR)
        cases.append(Case("slow deliveries everywhere", (blow,), title))
    return cases


def _blow(kind: str, target: str, start: float, days: float, severity: float = 1.0) -> Disruption:
    return Disruption(
        f"{kind} {target}", kind, target, start, Distribution("fixed", (float(days),)), severity
    )


def _daily_load(world: World) -> Floats:
    """(T,) mean units demanded per tick."""
    by_bucket = sum((site.demand_mean.sum(axis=1) for site in world.sites), start=np.zeros(1))
    load: Floats = np.asarray(by_bucket)[world.bucket_of_tick]
    return load


def _peak(load: Floats, days: int) -> int:
    """Return the first tick of the busiest window."""
    days = min(days, len(load))
    sums = np.convolve(load, np.ones(days), mode="valid")
    return int(np.argmax(np.round(sums, 6)))


def _biggest_supplier(world: World) -> int | None:
    """Return the supplier with the most money's worth of normal flow."""
    spend = np.zeros(len(world.suppliers))
    for lane in world.lanes:
        if lane.supplier >= 0 and lane.price is not None:
            spend[lane.supplier] += float((lane.normal_flow * lane.price)[lane.fed].sum())
    return int(np.argmax(spend)) if len(spend) else None


def _passed_on(world: World, site: int) -> float:
    """Return units per tick that a site normally sends to others, times the buckets."""
    flow = sum(float(world.lanes[j].normal_flow.sum()) for j in world.out_lanes[site])
    return flow / 256.0 * len(world.sites[site].demand_mean)
