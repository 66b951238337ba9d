"""Plans the stages that a decision concerns again, from the plan at hand, and compares.

The decision becomes a typed change of the scenario (`decisions`, `limits`, `sites`), which the
stages and their referees honour like any other fact. What was not planned again is said.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from optimizer.code import code_digest
from optimizer.draft import Draft
from optimizer.moved import with_transfers
from optimizer.outcome import Limits
from optimizer.pipeline import audit_stage, run_stage
from optimizer.plan import Plan
from optimizer.stage import StageResult
from optimizer.stages import STAGES
from optimizer.what_if.answer import Answer, Measure, Move, StageChange
from optimizer.what_if.decision import (
    PURCHASE,
    SHIPMENT,
    SITE,
    STOP,
    TRANSFER,
    Decision,
    read_decision,
)
from optimizer.what_if.moves import (
    GOODS_OF_POSITIONING,
    inbound_g_co2e,
    parcel_g_co2e,
    parcel_moves,
    purchase_moves,
    site_moves,
    sourcing_service,
    transfer_moves,
)
from scenarios import InputError, Scenario
from scenarios.deltas import apply
from scenarios.gazetteer import fill_coordinates

WORK = 3.0  # of all stages that are planned again, where no limit is given
WORK_OF_FEW, FEW_OFFERS = 15.0, 100  # with so few offers a gap can be closed
READS: Mapping[str, tuple[str, ...]] = {
    "replenishment": ("forecast", "forecast_origins"),
    "positioning": ("forecast", "forecast_origins"),
}  # what a stage takes from the stages before it
STARTS: Mapping[str, tuple[str, ...]] = {
    "replenishment": ("purchase_orders",),
    "sourcing": ("shipments", "shipment_lines"),
}  # of its own, to begin from
BRIEF: Mapping[str, Mapping[str, str]] = {"replenishment": {"brief": "yes"}}  # orders are asked
LATER: Mapping[str, tuple[str, ...]] = {
    "network": (),
    "replenishment": ("rolling",),
    "sourcing": ("waves", "routing"),
    "positioning": ("replenishment", "rolling", "sourcing", "waves", "routing"),
}  # what rests on a stage
OTHER_CODE = (
    "The plan was made by other code than this: part of the change may come of that, and its bound"
    " is left aside. Plan again to have both of one kind."
)


@dataclass(frozen=True, slots=True)
class _Again:
    """A stage that was planned again: what it made, and its tables."""

    change: StageChange | None
    result: StageResult
    tables: Mapping[str, pd.DataFrame]


def what_if(
    scenario: Scenario,
    plan: Plan,
    decision: str | Mapping[str, object] | Decision,
    limits: Limits | None = None,
) -> Answer:
    """Say what forcing or forbidding one decision would change.

    Parameters
    ----------
    scenario : of the plan
    plan : with the stage that the decision is about
    decision : in words, as a mapping of fields, or read already
    limits : of all stages that are planned again; None: a fixed amount of work, so that the answer
        is the same every time

    Raises
    ------
    InputError
        It is no decision, or the plan lacks the stage.
    AuditError
        The referee rejects the plan with the decision.
    """
    begun = time.perf_counter()
    if not isinstance(decision, Decision):
        decision = read_decision(decision)
    decision.check(scenario)
    if decision.kind == STOP:
        return _stop(scenario, plan, decision, limits, begun)
    ran = set(plan.table("certificates")["stage"])
    stages = _stages(decision, ran)
    forced = apply(scenario, decision.deltas(network="network" in stages))
    facts, _ = fill_coordinates(forced)
    if decision.kind != TRANSFER:  # else they are what is decided
        moved = plan.table("transfers")
        moved = moved[moved["transfer_id"].str.startswith(GOODS_OF_POSITIONING).fillna(False)]
        facts = with_transfers(facts, moved)
    seed = plan.provenance.seed
    work = WORK_OF_FEW if len(scenario.table("supplier_products")) <= FEW_OFFERS else WORK
    limits = Limits(work=work, seed=seed) if limits is None else replace(limits, seed=seed)
    again: list[_Again] = []
    reasons: list[str] = []
    proven = False
    for number, stage in enumerate(stages):
        part = limits.share(1.0 / (len(stages) - number)) if limits.seconds else limits.share(
            1.0 / len(stages)
        )  # fmt: skip
        one = _again(facts, plan, stage, decision, part)
        again.append(one)
        if one.change is None:
            reasons += _reasons(facts, plan, decision, stage, one.result)
            status = one.result.certificate.status if one.result.certificate else ""
            proven |= status == "infeasible"
            break
    later = [name for stage in stages for name in LATER[stage] if name in ran]
    service, co2, moves = _differences(scenario, facts, plan, again, decision)
    return Answer(
        decision=str(decision),
        possible=not reasons,
        proven=proven,
        reasons=tuple(reasons),
        stages=tuple(one.change for one in again if one.change is not None),
        not_replanned=tuple(dict.fromkeys(later)),
        service=() if reasons else tuple(service),
        co2=() if reasons else tuple(co2),
        moves=() if reasons else tuple(moves),
        notes=(*(() if made_by_this_code(plan) else (OTHER_CODE,)), *_notes(again, later)),
        wall_seconds=time.perf_counter() - begun,
    )


def made_by_this_code(plan: Plan) -> bool:
    """Say whether what runs is the code that made a plan, so that its costs mean the same."""
    return plan.provenance.code_digest == code_digest()


def _stages(decision: Decision, ran: set[str]) -> list[str]:
    """Return the stages that a decision concerns, in order."""
    wanted = {
        PURCHASE: ["replenishment"], SHIPMENT: ["sourcing"], TRANSFER: ["positioning"],
    }.get(decision.kind)  # fmt: skip
    if decision.kind == SITE:
        wanted = ["network"] if "network" in ran else ["replenishment", "sourcing"]
    stages = [name for name in wanted or [] if name in ran]
    if not stages:
        raise InputError(
            f"the plan has no stage {' or '.join(wanted or [])}, which {decision} is about"
        )
    return stages


def _again(facts: Scenario, plan: Plan, stage: str, decision: Decision, limits: Limits) -> _Again:
    """Plan one stage again under the decision; audited."""
    wishes = {
        name: str(value)
        for name, value in plan.provenance.options.items()
        if name in STAGES[stage].options and value is not None and name != "export"
    }
    reads = {name: plan.tables[name] for name in READS.get(stage, ()) if name in plan.tables}
    starts = {name: plan.tables[name] for name in STARTS.get(stage, ()) if name in plan.tables}
    brief = dict(BRIEF.get(stage, {}))
    result = run_stage(stage, facts, reads | starts, limits, wishes | brief)
    draft = Draft(plan.provenance, {}, tables=dict(reads))
    draft.take(stage, result)
    audit_stage(stage, facts, draft.tables, result, wishes)
    certificate = result.certificate
    if certificate is None or certificate.objective is None:
        return _Again(None, result, draft.tables)
    rows = plan.table("kpis")
    rows = rows[rows["variant"] == f"{stage} objective"]
    before = dict(zip(rows["kpi"], rows["value"].astype(float), strict=True))
    after = {kpi.kpi: kpi.value for kpi in result.kpis if kpi.variant == "objective"}
    old = plan.table("certificates").set_index("stage").loc[stage]
    known = made_by_this_code(plan) and not pd.isna(old["bound"])
    bound_before = float(old["bound"]) if known else None  # other code may state other costs
    bound = certificate.bound
    if bound_before is not None and decision.kind != SITE:  # a decision only takes plans away
        bound = bound_before if bound is None else max(bound, bound_before)
    terms = tuple(
        (name, before.get(name, 0.0), after.get(name, 0.0))
        for name in dict.fromkeys([*before, *after])
    )
    change = StageChange(
        stage,
        float(np.sum([value for _, value, _ in terms])),
        float(np.sum([value for _, _, value in terms])),
        bound_before,
        bound,
        terms,
        str(certificate.status),
    )
    return _Again(change, result, draft.tables)


def _reasons(
    facts: Scenario, plan: Plan, decision: Decision, stage: str, result: StageResult
) -> list[str]:
    """Say which rules stand against a decision that no plan was found with."""
    told = [note for note in result.notes if note.startswith("Decision ")]
    if stage == "replenishment" and decision.kind == PURCHASE:
        from optimizer.replenishment.why_not import why_not

        reads = {name: plan.tables[name] for name in READS[stage] if name in plan.tables}
        told = why_not(facts, reads)
    return told or [*result.notes[-1:]] or [f"stage {stage} found no plan"]


def _differences(
    scenario: Scenario, facts: Scenario, plan: Plan, again: list[_Again], decision: Decision
) -> tuple[list[Measure], list[Measure], list[Move]]:
    """Return service, CO2e and moves of the stages that were planned again."""
    service: list[Measure] = []
    co2: list[Measure] = []
    moves: list[Move] = []
    before = plan.tables
    start = pd.Timestamp(scenario.settings.start_date)
    for one in again:
        if one.change is None:
            continue
        if one.change.stage == "replenishment":
            from optimizer.what_if.service import expected_fill_rates

            if decision.kind == SITE:  # other facts hold with it
                fill = expected_fill_rates(scenario, plan.tables, [before])
                fill += expected_fill_rates(facts, plan.tables, [one.tables])
            else:
                fill = expected_fill_rates(facts, plan.tables, [before, one.tables])
            service.append(Measure("expected fill rate until the next order comes", "1", *fill))
            grams = [
                inbound_g_co2e(side, t) for side, t in ((scenario, before), (facts, one.tables))
            ]
            co2.append(Measure("CO2e of tonight's purchases on their way", "kg", *_kg(grams)))
            moves += purchase_moves(before, one.tables, start)
        elif one.change.stage == "positioning":
            after = {kpi.kpi: kpi.value for kpi in one.result.kpis if kpi.variant == "positioning"}
            rows = plan.table("kpis")
            rows = rows[rows["variant"] == "positioning"]
            old = dict(zip(rows["kpi"], rows["value"].astype(float), strict=True))
            for kpi, name in (
                ("expected_fill_rate", "expected fill rate until suppliers can deliver"),
                ("served_from_own_site", "demand served from the region's own site"),
            ):
                service.append(Measure(name, "1", old.get(kpi), after.get(kpi)))
            kg = [side.get("transfer_co2e") for side in (old, after)]
            co2.append(Measure("CO2e of tonight's transfers", "kg", *kg))
            moves += transfer_moves(before, one.tables)
        elif one.change.stage == "sourcing":
            service += sourcing_service(before, one.tables)
            grams = [parcel_g_co2e(side) for side in (before, one.tables)]
            co2.append(Measure("CO2e of parcels", "kg", *_kg(grams)))
            moves += parcel_moves(before, one.tables)
        elif one.change.stage == "network":
            after = {kpi.kpi: kpi.value for kpi in one.result.kpis if kpi.variant == "redesign"}
            rows = plan.table("kpis")
            rows = rows[rows["variant"] == "redesign"]
            old = dict(zip(rows["kpi"], rows["value"].astype(float), strict=True))
            service.append(
                Measure("units unserved", "units", old.get("unserved"), after.get("unserved"))
            )
            grams = [old.get("CO2e"), after.get("CO2e")]
            co2.append(Measure("CO2e of flows", "kg", *_kg(grams)))
            moves += site_moves(before, one.tables)
    return service, co2, moves


def _kg(grams: list[float | None]) -> list[float | None]:
    return [None if value is None else value / 1000.0 for value in grams]


def _notes(again: list[_Again], later: list[str]) -> tuple[str, ...]:
    notes = []
    if later:
        notes.append(
            "Left as planned, though resting on what is planned again:"
            f" {', '.join(dict.fromkeys(later))}. Such costs are not in these figures."
        )
    for one in again:
        change = one.change
        if change is not None and change.after < change.before - 1e-6 * abs(change.before):
            notes.append(
                f"With the decision {change.stage} found a cheaper plan: the plan at hand was not"
                " the best, and the decision may not be why."
            )
    return tuple(notes)


def _stop(
    scenario: Scenario, plan: Plan, decision: Decision, limits: Limits | None, begun: float
) -> Answer:
    """Answer for a stop of the routes."""
    from optimizer.routing.what_if import what_if as ask

    facts, _ = fill_coordinates(scenario)
    found = ask(facts, plan, decision.action, decision.order_id, decision.route_id, limits)
    terms = tuple((name, 0.0, change) for name, change in found.terms.items())
    base = found.cost_before
    bounds = [None if math.isnan(b) else b for b in (found.bound_before, found.bound_after)]
    change = StageChange(
        "routing", base, found.cost_after, bounds[0], bounds[1],
        (("as before", base, base), *terms), "feasible",
    )  # fmt: skip
    service = Measure(
        "stops not served", "orders", float(found.unserved_before), float(found.unserved_after)
    )
    grams: list[float | None] = [found.g_co2e_before, found.g_co2e_after]
    co2 = Measure("CO2e of the day's routes", "kg", *_kg(grams))
    return Answer(
        decision=str(decision),
        possible=found.possible,
        proven=found.proven,
        reasons=() if found.possible else (found.reason,),
        stages=(change,) if found.possible else (),
        not_replanned=(),
        service=(service,) if found.possible else (),
        co2=(co2,) if found.possible else (),
        moves=tuple(Move("routes", m.order_id, m.before, m.after) for m in found.moves),
        notes=("Before and after come of the same search without and with the decision.",),
        wall_seconds=time.perf_counter() - begun,
    )
