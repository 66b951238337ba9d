"""Try a plan: simulate it undisturbed and under every case of a suite, and judge the gates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from optimizer.executor import Executor
from optimizer.outcome import Progress
from optimizer.plan import Plan
from scenarios import InputError, Scenario
from scenarios.findings import Findings, Severity
from scenarios.gazetteer import fill_coordinates
from simulation.arrays import Floats
from simulation.assembly import Extras, build_world
from simulation.default_suite import default_suite
from simulation.experiment import Case, Setup
from simulation.exposure import exposed_money, recovery_days
from simulation.judging import CONFIDENCE, judge, measure_cases, read_groups, usual_service
from simulation.kernels import kernels
from simulation.kernels.rows import SHORT
from simulation.kpis import ORDER_KPIS
from simulation.ledger import Record
from simulation.ranks import name_ranks
from simulation.removal import KINDS
from simulation.result import StressResult
from simulation.stopping import Stopped, run_until
from simulation.stress_tables import curve_table, day_table, drill_table, result_table
from simulation.suites import BASELINE, Gate, Suite, drilled, load_suite, only_cases
from simulation.tails import statistics
from simulation.targets import resolve
from simulation.world import World

MOST_FOR_PRECISION = 2000
USUAL_PRECISION, MOST_TIMES_USUAL = 0.05, 4
LEAST_SHARE = 0.05  # of the demand; where less is short, precision is a share of this much
MOST_REPLICATIONS, FEWEST_REPLICATIONS = 100, 20
USUAL_WORK = 8e7  # product-location-days that a run without `replications` may take


def stress(
    scenario: Scenario,
    plan: Plan,
    suite: Suite | str | Path | None = None,
    *,
    replications: int | None = None,
    seed: int | None = None,
    precision: float | None = None,
    only: Sequence[str] = (),
    drill: Sequence[str] = (),
    extras: Extras | None = None,
    executor: Executor | None = None,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> StressResult:
    """Stress-test a plan.

    Parameters
    ----------
    scenario : the facts, the same that the plan was made from
    plan : its dated orders are executed, then every product-location is reordered by its policy
    suite : cases and gates, or a TOML file of them; None: the scenario's own disruptions and four
        standard cases, without gates
    replications : None: the suite's, else 100 or fewer (at least 20) for a large scenario
    seed : of all random numbers; None: the suite's, else the scenario's. Same seed, same bits
    precision : replications are added until half of the 95 % interval of every case's mean units
        short is at most this share of them (of 5 % of the demand where that is more), up to
        MOST_FOR_PRECISION. None: as many as are stated; where nobody states any, 0.05, up to four
        times the usual number
    only : names of cases; the others are left out
    drill : playbooks; every case is run without and with them
    extras : what the world holds beyond what the plan uses; None: nothing
    executor : who shares the replications where they are many; None: processes of this machine
    progress : called with ("stress", share done, case)
    cancelled : asked every simulated day

    Raises
    ------
    InputError
        The plan belongs to another scenario, or the suite is wrong (all findings at once).
    EngineError
        The simulator broke conservation; nothing of the run is shown.
    """
    if plan.provenance.scenario_hash != scenario.content_hash:
        raise InputError(
            "the plan was made from another scenario (hash"
            f" {plan.provenance.scenario_hash[:12]}, this one is {scenario.content_hash[:12]}):"
            " plan this scenario first, or name the one that the plan belongs to"
        )
    if precision is not None and not 0.0 < precision < 1.0:
        raise InputError(f"precision must be a share between 0 and 1, as 0.05, is {precision:g}")
    if replications is not None and replications < 1:
        raise InputError(f"replications must be 1 or more, is {replications}")
    if isinstance(suite, (str, Path)):
        suite = load_suite(suite, scenario)
    scenario_hash = scenario.content_hash
    scenario, _ = fill_coordinates(scenario)
    extras = extras or Extras()
    if isinstance(suite, Suite):
        extras = needed(suite, extras)
    world = build_world(scenario, plan, extras)
    chosen = suite if suite is not None else default_suite(scenario, world)
    if only:
        chosen = only_cases(chosen, only)
    if drill:
        chosen = drilled(chosen, scenario, drill)
    if needed(chosen, extras) != extras:
        world = build_world(scenario, plan, needed(chosen, extras))
    refuse_unknown_scopes(world, chosen.gates)
    groups = read_groups(scenario)
    named, ranks = name_ranks(
        world,
        chosen.cases,
        lambda: exposed_money(world, recovery_days(scenario), tuple(KINDS), scenario.settings.seed),
    )
    cases = [Case(BASELINE, (), "undisturbed"), *named]
    stated = replications or chosen.replications
    count = stated or usual_replications(world, len(cases))
    used_seed = seed if seed is not None else chosen.seed
    setup = Setup(
        replications=count,
        seed=scenario.settings.seed if used_seed is None else used_seed,
        groups=groups,
    )

    def tell(share: float, message: str) -> None:
        if progress is not None:
            progress("stress", share, message)

    if precision is None and stated is None:
        precision, most = USUAL_PRECISION, MOST_TIMES_USUAL * count
    else:
        most = max(count, MOST_FOR_PRECISION)
    demand = sum(float(site.demand_mean[world.bucket_of_tick].sum()) for site in world.sites)
    found = run_until(
        world, cases, setup, _short_units, precision, most=most,
        least=LEAST_SHARE * demand, confidence=CONFIDENCE, executor=executor,
        progress=tell, cancelled=cancelled,
    )  # fmt: skip
    records, means = found.records, found.means
    values = measure_cases(world, cases, records, chosen.gate_scopes("product"))
    target = chosen.service_target or usual_service(scenario, world)
    tails = {name: statistics(figures, target, CONFIDENCE) for name, figures in values.items()}
    verdicts = judge(chosen.gates, cases, values, means, target)
    notes = (
        *world.notes, *limits_noted(scenario), *chosen.notes, *ranks,
        *_untouched(world, cases, setup), *_channels_noted(world),
        *_precision_noted(found, precision),
        f"service_miss counts replications with a fill rate below {100 * target:.1f} %.",
    )  # fmt: skip
    return StressResult(
        suite=chosen.name,
        scenario_hash=scenario_hash,
        replications=found.replications,
        seed=setup.seed,
        horizon_days=world.n_ticks // world.ticks_per_day,
        product_locations=world.n_skus,
        kernels=kernels().name,
        tables=MappingProxyType(
            {
                "stress_results": result_table(chosen.name, values, means, tails, verdicts),
                "service_curve": curve_table(records),
                "day_ledger": day_table(records),
                "drills": drill_table(chosen.drills, values, means, records),
            }
        ),
        titles=MappingProxyType({case.name: case.title for case in cases}),
        verdicts=verdicts,
        notes=notes,
    )


def needed(suite: Suite, extras: Extras) -> Extras:
    """Return what a world must hold for the playbooks and gates of a suite."""
    steps = [step for case in suite.cases for step in case.steps]
    by_channel = any(gate.scope.startswith("channel:") for gate in suite.gates)
    by_order = any(gate.kpi in ORDER_KPIS for gate in suite.gates)
    return replace(
        extras,
        standby=extras.standby or any(step.needs_standby for step in steps),
        channels=extras.channels or by_channel or any(step.needs_channels for step in steps),
        orders=extras.orders or ("nearest" if by_order else ""),
    )


def _short_units(_case: str, record: Record) -> Floats:
    """(R,) units that were not there on the day."""
    units: Floats = record.site_rows[:, SHORT].sum(axis=0).astype(np.float64)
    return units


def _precision_noted(found: Stopped, precision: float | None) -> tuple[str, ...]:
    known = (
        f"in every case mean units short are known to ± {100 * found.widest:.1f} % of them,"
        f" or of {100 * LEAST_SHARE:g} % of the demand where they are fewer"
    )
    missed = "" if precision is None or found.reached else f", not the {100 * precision:g} % wanted"
    taken = [case for case, own in found.means.items() if own.controlled]
    helped = (
        (f"The chance of outages is taken out of the means of {', '.join(taken)}.",)
        if taken
        else ()
    )
    return f"{found.replications} replications: {known}{missed}.", *helped


def usual_replications(world: World, n_cases: int) -> int:
    """Return how many replications a run takes that does not say."""
    each = world.n_skus * world.n_ticks * n_cases
    return int(np.clip(USUAL_WORK // max(each, 1), FEWEST_REPLICATIONS, MOST_REPLICATIONS))


def limits_noted(scenario: Scenario) -> tuple[str, ...]:
    """Say which facts of the scenario the simulator does not take into account."""
    checks = (
        (scenario.has("price_breaks"), "price breaks"),
        (scenario.has("limits"), "limits on money, storage and shares after the plan's own orders"),
        (scenario.table("inventory")["channel_id"].notna().any(), "stock kept for one channel"),
    )
    named = [what for holds, what in checks if holds]
    return (f"Not simulated: {', '.join(named)}.",) if named else ()


def _channels_noted(world: World) -> tuple[str, ...]:
    """Say that customers' orders do not look at what is kept for channels, where both are there."""
    if world.orders is None or not any(site.channels for site in world.sites):
        return ()
    return ("Stock kept for channels is open to all: orders are served one after another.",)


def _untouched(world: World, cases: list[Case], setup: Setup) -> tuple[str, ...]:
    """Name the disruptions that strike nothing of what the plan uses."""
    idle = [
        f"{disruption.disruption_id} ({disruption.target})"
        for case in cases
        for disruption in case.disruptions
        if resolve(world, disruption.kind, disruption.target, setup.groups).empty
    ]
    idle = list(dict.fromkeys(idle))
    return (f"The plan does not use what these strike: {', '.join(idle)}.",) if idle else ()


def refuse_unknown_scopes(world: World, gates: tuple[Gate, ...]) -> None:
    """Refuse gates on what the scenario knows and the plan does not use.

    Raises
    ------
    InputError
        The error carries every finding.
    """
    stocked = sorted({int(place) for site in world.sites for place in site.product})
    known = {"all"} | {f"site:{site.site_id}" for site in world.sites}
    known |= {f"channel:{name}" for name in world.channel_names}
    for word, labels in (
        ("product", world.product_ids),
        ("category", world.categories),
        ("class", world.classes),
    ):
        known |= {f"{word}:{labels[place]}" for place in stocked if labels}
    findings = Findings()
    for row, gate in enumerate(gates, start=1):
        if gate.scope not in known:
            hint = "the plan neither stocks nor sells it, so the gate cannot be judged"
            findings.add(
                "unused_scope", Severity.ERROR, hint, table="gate", row=row, column="scope",
                value=gate.scope,
            )  # fmt: skip
    if findings.errors:
        raise InputError("the suite asks for what the plan does not use", list(findings))
