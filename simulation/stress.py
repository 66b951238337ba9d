"""Try a plan: simulate it undisturbed and under every case of a suite, and judge the gates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from optimizer.outcome import Progress
from optimizer.plan import Plan, conform
from scenarios import InputError, Scenario
from scenarios.findings import Findings, Severity
from scenarios.gazetteer import fill_coordinates
from simulation.assembly import Extras, build_world
from simulation.daily import DAILY
from simulation.default_suite import default_suite
from simulation.experiment import Case, Setup, run_cases
from simulation.exposure import exposed_money, recovery_days
from simulation.intervals import Estimate, estimate
from simulation.judging import CONFIDENCE, judge, measure_cases, read_groups, usual_service
from simulation.kernels import kernels
from simulation.kpis import ORDER_KPIS, Values, daily_service
from simulation.ledger import Record, join
from simulation.ranks import name_ranks
from simulation.removal import KINDS
from simulation.result import StressResult
from simulation.suites import BASELINE, Drill, Gate, Suite, drilled, load_suite, only_cases
from simulation.tails import STATISTICS, statistics
from simulation.targets import resolve
from simulation.verdicts import Verdict
from simulation.world import World

MOST_FOR_PRECISION = 2000
MOST_REPLICATIONS, FEWEST_REPLICATIONS = 100, 20
USUAL_WORK = 8e7  # product-location-days that a run without `replications` may take
DRILLED = ("fill_rate", "short_units", "lost_margin", "recovery_days", "cost_operating")


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
    precision : the replications are doubled until half of the 95 % interval of every disturbed
        case's mean lost margin is at most this share of it, up to MOST_FOR_PRECISION; None: as many
        as stated
    only : names of cases; the others are left out
    drill : playbooks; every case is run without and with them
    extras : what the world holds beyond what the plan uses; None: nothing
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
    _refuse_unknown_scopes(world, chosen.gates)
    groups = read_groups(scenario)
    named, ranks = name_ranks(
        world,
        chosen.cases,
        lambda: exposed_money(world, recovery_days(scenario), tuple(KINDS), scenario.settings.seed),
    )
    cases = [Case(BASELINE, (), "undisturbed"), *named]
    count = replications or chosen.replications or usual_replications(world, len(cases))
    used_seed = seed if seed is not None else chosen.seed
    setup = Setup(
        replications=count,
        seed=scenario.settings.seed if used_seed is None else used_seed,
        groups=groups,
    )

    def tell(share: float, message: str) -> None:
        if progress is not None:
            progress("stress", share, message)

    records: dict[str, Record] = {}
    done = 0
    while True:
        part = replace(setup, replications=setup.replications - done, first=done)
        added = run_cases(world, cases, part, progress=tell, cancelled=cancelled)
        records = (
            {name: join([records[name], new]) for name, new in added.items()} if done else added
        )
        done = setup.replications
        values = measure_cases(world, cases, records, chosen.gate_scopes("product"))
        reached = widest(values)
        if precision is None or reached <= precision or setup.replications >= MOST_FOR_PRECISION:
            break
        more = min(2 * setup.replications, MOST_FOR_PRECISION)
        setup = replace(setup, replications=more)
    target = chosen.service_target or usual_service(scenario, world)
    tails = {name: statistics(figures, target, CONFIDENCE) for name, figures in values.items()}
    verdicts = judge(chosen.gates, cases, values, target)
    notes = (
        *world.notes, *limits_noted(scenario), *chosen.notes, *ranks,
        *_untouched(world, cases, setup),
        *_precision_noted(precision, reached, setup.replications),
        f"service_miss counts replications with a fill rate below {100 * target:.1f} %.",
    )  # fmt: skip
    return StressResult(
        suite=chosen.name,
        scenario_hash=scenario_hash,
        replications=setup.replications,
        seed=setup.seed,
        horizon_days=world.n_ticks // world.ticks_per_day,
        product_locations=world.n_skus,
        kernels=kernels().name,
        tables=MappingProxyType(
            {
                "stress_results": _result_table(chosen.name, values, tails, verdicts),
                "service_curve": _curve_table(records),
                "day_ledger": _day_table(records),
                "drills": _drill_table(chosen.drills, values, records),
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


def widest(values: Mapping[str, Values]) -> float:
    """Return the largest half-width of a disturbed case's mean lost margin over that mean."""
    shares = [0.0]
    for figures in (figures for case, figures in values.items() if case != BASELINE):
        own = estimate(figures["lost_margin", "all"], CONFIDENCE)
        if own.mean > 0.0:
            shares.append(np.inf if np.isnan(own.low) else own.half_width / own.mean)
    return float(max(shares))


def _precision_noted(precision: float | None, reached: float, count: int) -> tuple[str, ...]:
    if precision is None:
        return ()
    missed = "" if reached <= precision else f", not the {100 * precision:g} % asked for"
    known = f"mean lost margin is known to ±{100 * reached:.1f} % in every disturbed case"
    return (f"{count} replications: {known}{missed}.",)


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


def _refuse_unknown_scopes(world: World, gates: tuple[Gate, ...]) -> None:
    """Refuse gates on what the scenario knows and the plan does not use."""
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


def _drill_table(
    drills: tuple[Drill, ...], values: Mapping[str, Values], records: Mapping[str, Record]
) -> pd.DataFrame:
    """Return what each drill saved: paired differences, better is more."""
    rows = []
    for drill in drills:
        acted = float((records[drill.name].acted.sum(axis=0) > 0).mean())
        figures = [(kpi, "all") for kpi in DRILLED]
        figures += [key for key in values[drill.case] if key[1].startswith("channel:")]
        for kpi, scope in figures:
            without, helped = values[drill.case][kpi, scope], values[drill.name][kpi, scope]
            sign = 1.0 if kpi == "fill_rate" else -1.0
            saved = estimate(sign * (helped - without), CONFIDENCE)
            rows.append(
                {
                    "case": drill.case,
                    "playbooks": ", ".join(drill.playbooks),
                    "kpi": kpi,
                    "without": float(without.mean()),
                    "with": float(helped.mean()),
                    "saved": saved.mean,
                    "low": saved.low,
                    "high": saved.high,
                    "acted": acted,
                    "scope": scope,
                }
            )
    return conform("drills", pd.DataFrame(rows))


def _result_table(
    suite: str,
    values: Mapping[str, Values],
    tails: Mapping[str, Mapping[str, Estimate]],
    verdicts: tuple[Verdict, ...],
) -> pd.DataFrame:
    """Return `stress_results`; several gates on one figure share its row."""
    judged: dict[tuple[str, str, str], list[Verdict]] = {}
    for verdict in verdicts:
        key = (verdict.case, verdict.gate.kpi, verdict.gate.scope)
        judged.setdefault(key, []).append(verdict)
    rows = []
    for case, figures in values.items():
        estimates = {key: estimate(numbers, CONFIDENCE) for key, numbers in figures.items()}
        estimates |= {(kpi, "all"): own for kpi, own in tails[case].items()}
        for (kpi, scope), own in estimates.items():
            if kpi in STATISTICS:
                calm = tails[BASELINE][kpi].mean
            else:
                calm = float(np.mean(values[BASELINE][kpi, scope]))
            gates = judged.get((case, kpi, scope), [])
            rows.append(
                {
                    "suite": suite,
                    "case": case,
                    "kpi": kpi,
                    "scope": scope,
                    "baseline": calm,
                    "disrupted": own.mean,
                    "low": own.low,
                    "high": own.high,
                    "gate": " and ".join(str(verdict.gate) for verdict in gates) or None,
                    "passed": all(verdict.passed for verdict in gates) if gates else None,
                }
            )
    return conform("stress_results", pd.DataFrame(rows))


def _day_table(records: Mapping[str, Record]) -> pd.DataFrame:
    parts = []
    for case, record in records.items():
        n_items, n_days, _ = record.days.shape
        low, high = np.quantile(record.days, [0.05, 0.95], axis=2)
        parts.append(
            pd.DataFrame(
                {
                    "case": case,
                    "day": np.tile(np.arange(n_days), n_items),
                    "item": np.repeat(list(DAILY), n_days),
                    "mean": record.days.mean(axis=2).ravel(),
                    "p5": low.ravel(),
                    "p95": high.ravel(),
                }
            )
        )
    return conform("day_ledger", pd.concat(parts, ignore_index=True))


def _curve_table(records: Mapping[str, Record]) -> pd.DataFrame:
    calm = daily_service(records[BASELINE]).mean(axis=1)
    parts = []
    for case, record in records.items():
        share = daily_service(record)
        low, high = np.quantile(share, [0.05, 0.95], axis=1)
        parts.append(
            pd.DataFrame(
                {
                    "case": case,
                    "day": np.arange(len(share), dtype=np.float64),
                    "mean": share.mean(axis=1),
                    "p5": low,
                    "p95": high,
                    "baseline": calm,
                }
            )
        )
    return conform("service_curve", pd.concat(parts, ignore_index=True))
