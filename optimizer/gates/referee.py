"""The referee asked again, whether what a plan says follows from the facts."""

from __future__ import annotations

from optimizer.outcome import Status, Termination
from optimizer.pipeline import audit_stage
from optimizer.plan import Plan
from optimizer.stage import Certificate, StageResult
from optimizer.stages import STAGES
from scenarios import AuditError, InputError, Scenario
from scenarios.gazetteer import fill_coordinates

MOVES_FIRST = "positioning"  # the stages behind it see a scenario that the plan does not hold


def audited_again(scenario: Scenario, plan: Plan) -> tuple[str, ...] | None:
    """Hold every stage of a plan against the facts, as when it was made.

    Parameters
    ----------
    scenario : that the plan was made from

    Returns
    -------
    violations : what is wrong, one sentence each; None where the plan cannot be audited as a
        whole: stock was moved before its other stages ran

    Raises
    ------
    InputError
        The plan belongs to another scenario.
    """
    if plan.provenance.scenario_hash != scenario.content_hash:
        raise InputError(
            f"the plan was made from another scenario (hash {plan.provenance.scenario_hash[:12]},"
            f" this one is {scenario.content_hash[:12]})"
        )
    certificates = plan.table("certificates")
    if MOVES_FIRST in set(certificates["stage"]):
        return None
    placed, _ = fill_coordinates(scenario)
    wishes = plan.provenance.options
    found: list[str] = []
    for row in certificates.itertuples(index=False):
        options = {name: str(wishes[name]) for name in STAGES[row.stage].options if name in wishes}
        certificate = Certificate(
            row.stage, row.engine, Status(row.status), Termination(row.termination),
            _number(row.objective), _number(row.bound), float(row.wall_seconds),
        )  # fmt: skip
        try:
            audit_stage(row.stage, placed, plan.tables, StageResult({}, certificate), options)
        except AuditError as error:
            found += [str(violation) for violation in error.violations]
    return tuple(found)


def _number(value: float) -> float | None:
    return None if value != value else float(value)  # noqa: PLR0124 - a blank is not a number
